"""known.json: whose the keys of a chain are, by the verifier's own directory (SPEC §5.5 step 14, §6.2)."""

from __future__ import annotations

from typing import Any

from vectorkit.build import ALICE, BEARER_1, BOB, HELPER, PLANNER, WORKER, Maker, chain, listed, prove, step
from vectorkit.caveats import EQ_FLAT
from vectorkit.encode import AnyKey

WHO = {"kind": "agent", "sponsor": "user:alice@example.com", "model": "one"}


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("known")
    _required(maker)
    _root(maker)
    _order(maker)
    _read(maker)
    return maker


def _entry(key: AnyKey, name: str = "", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - right or wrong
    return {"name": name or key.name, "key": key.line, **more}


def _required(maker: Maker) -> None:
    two = chain(step(), step(WORKER))
    known = [_entry(PLANNER), _entry(WORKER)]
    rows: list[tuple[str, str, list[dict[str, Any]], list[dict[str, Any]] | None, int | None]] = [
        ("directory", "every key is in the directory", known, None, None),
        ("principals", "every key is among the principals", [], known, None),
        ("both", "one is in the directory, the other among the principals", known[:1], known[1:], None),
        ("none-0", "the key of block 0 is unknown", known[1:], None, 0),
        ("none-1", "the key of block 1 is unknown", known[:1], None, 1),
        ("other-1", "the key of block 1 is another's", [known[0], _entry(WORKER, HELPER.name)], None, 1),
        ("other-principal", "the principals have another name for it", known[:1], [_entry(WORKER, HELPER.name)], 1),
        ("contradicted", "the directory's word goes before", [known[0], _entry(WORKER, HELPER.name)], known, 1),
        ("disabled-0", "the principal of block 0 may not act", [_entry(PLANNER, acts=False), known[1]], None, 0),
        ("disabled-1", "that of block 1 may not, whatever else says", [known[0], _entry(WORKER, acts=False)], known, 1),
    ]
    for name, comment, directory, principals, hop in rows:
        several: dict[str, Any] = {} if principals is None else {"principals": principals}
        expect = "allow" if hop is None else "principal_unknown"
        maker.add(name, "5.5", comment, two, expect, hop, require_known=True, directory=directory, **several)
    maker.add("not-required", "5.5", "unknown keys, and nobody requires that they are known", two, directory=[])
    maker.add(
        "token", "5.9", "a bare chain, checked without a request", two.token(), "principal_unknown", 1,
        require_known=True, directory=known[:1],
    )  # fmt: skip
    maker.add(
        "own", "5.5", "a block that keeps the key", chain(step(), step(PLANNER)), require_known=True, directory=known
    )
    bearer = chain(step(BEARER_1, aud=["files.example.com"]))
    maker.add(
        "bearer", "5.5", "a bearer block names nobody", bearer.bearer(), "principal_unknown", 0,
        require_known=True, directory=known, bearer=True,
    )  # fmt: skip


def _root(maker: Maker) -> None:
    one, planner = chain(step()), _entry(PLANNER)
    maker.add(
        "root", "5.5", "the root is in the directory", one, require_known=True, directory=[_entry(ALICE), planner]
    )
    for name, comment, entry in (
        ("root-disabled", "the root may not act", _entry(ALICE, acts=False)),
        ("root-other", "the root's key is another's", _entry(ALICE, BOB.name)),
    ):
        maker.add(name, "5.5", comment, one, "principal_unknown", 0, require_known=True, directory=[entry, planner])


def _order(maker: Maker) -> None:
    one = chain(step(if_=listed(False)))
    nobody: dict[str, Any] = {"require_known": True, "directory": []}
    maker.add("before-caveats", "5.5", "an unknown key and a false caveat", one, "principal_unknown", 0, **nobody)
    proof = prove(one, {"action": "files.read", "resource": "/another.csv", "args": {}})
    maker.add(
        "after-proof", "5.5", "an unknown key and a wrong proof", one.present(proof), "proof_wrong_request", 0, **nobody
    )


def _read(maker: Maker) -> None:
    planner = _entry(PLANNER, who=WHO)
    rows: list[tuple[str, str, list[Any], list[dict[str, Any]], str]] = [
        ("name", "the directory confirms the name", [EQ_FLAT, "holder", "name", PLANNER.name], [planner], "allow"),
        ("who", "what it says of the holder", [EQ_FLAT, "holder", "who", "kind", "agent"], [planner], "allow"),
        ("who-other", "it says otherwise", [EQ_FLAT, "holder", "who", "model", "two"], [planner], "caveat_failed"),
        ("who-unsaid", "it says nothing of that", [EQ_FLAT, "holder", "who", "code", "x"], [planner], "caveat_error"),
        (
            "name-disabled", "the principal may not act", [EQ_FLAT, "holder", "name", PLANNER.name],
            [_entry(PLANNER, who=WHO, acts=False)], "caveat_error",
        ),
        (
            "who-disabled", "what it says of who may not act", [EQ_FLAT, "holder", "who", "kind", "agent"],
            [_entry(PLANNER, who=WHO, acts=False)], "caveat_error",
        ),
        (
            "who-other-name", "what it says of another", [EQ_FLAT, "holder", "who", "kind", "agent"],
            [_entry(PLANNER, HELPER.name, who=WHO)], "caveat_error",
        ),
    ]  # fmt: skip
    for name, comment, caveat, directory, expect in rows:
        hop = None if expect == "allow" else 0
        maker.add(f"reads-{name}", "6.2", comment, chain(step(if_=listed(caveat))), expect, hop, directory=directory)
