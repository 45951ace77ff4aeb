"""limits.json: every bound, and one beyond it (SPEC §8)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import ALICE, READ, WORKER, Chain, Maker, chain, listed, prove, root, step
from vectorkit.caveats import ALL, AND, EQ_FLAT, IN_FLAT, NOT, PATH
from vectorkit.encode import cbor

REPORTS = ["files.read", "/reports/**"]


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("limit")
    _counts(maker)
    _sizes(maker)
    _expressions(maker)
    _steps(maker)
    _pattern_steps(maker)
    return maker


def _long(count: int) -> Chain:
    return chain(step(WORKER), *(step(WORKER) for _ in range(count - 1)))


def _counts(maker: Maker) -> None:
    maker.add("blocks-16", "8", "16 blocks", _long(16))
    maker.add("blocks-17", "8", "17 blocks", _long(17), "limit_exceeded")
    maker.add("blocks-24", "8", "24 blocks, which take two bytes to say", _long(24), "limit_exceeded")
    maker.add("blocks-own", "8", "one more than this verifier takes", _long(4), "limit_exceeded", limits={"blocks": 3})
    other = ["files.write", "/x"]
    maker.add("capabilities-32", "8", "32 capabilities", chain(step(can=listed(*[other] * 31, REPORTS))))
    maker.add(
        "capabilities-33", "8", "33 capabilities", chain(step(can=listed(*[other] * 32, REPORTS))), "limit_exceeded", 0
    )
    maker.add("caveats-32", "8", "32 caveats", chain(step(if_=listed(*[True] * 32))))
    maker.add("caveats-33", "8", "33 caveats", chain(step(if_=listed(*[True] * 33))), "limit_exceeded", 0)
    one = chain(step())
    proof = prove(one)
    maker.add("discharges-17", "8", "17 discharges", cbor([3, list(one.blocks), proof, [b""] * 17]), "limit_exceeded")


def _sizes(maker: Maker) -> None:
    words = ["files.read", ["x" * 8150]]
    large = chain(step(can=listed(REPORTS, words, words)))
    maker.add("token-bytes", "8", "a token of more than 16 KiB", large.token(), "limit_exceeded", authorize=True)
    maker.add("chain-bytes", "8", "a presentation whose chain has more than 16 KiB", large, "limit_exceeded")
    one = chain(step())
    maker.add(
        "presentation-bytes",
        "8",
        "a presentation of more than 32 KiB",
        cbor([3, list(one.blocks), prove(one), [bytes(8100)] * 4]),
        "limit_exceeded",
    )
    maker.add(
        "text-characters", "8", "a text longer than any token", "dlgt_" + "A" * 22_000, "limit_exceeded", authorize=True
    )


def _nested(depth: int) -> Any:
    """`!!…!true`, `depth` levels deep."""
    return True if depth == 1 else [NOT, _nested(depth - 1)]


def _expressions(maker: Maker) -> None:
    def add(name: str, comment: str, condition: Any, expect: str = "limit_exceeded", **args: Any) -> None:
        hop = None if expect == "allow" else 0
        maker.add(name, "8", comment, chain(step(if_=listed(condition))), expect, hop, request={**READ, "args": args})

    add("nodes-256", "256 nodes", [IN_FLAT, "args", "n", list(range(252))], "allow", n=1)
    add("nodes-257", "257 nodes", [IN_FLAT, "args", "n", list(range(253))], n=1)
    add("depth-16", "16 levels", [AND, _nested(15), True], "allow")
    add("depth-17", "17 levels", [AND, _nested(16), True])
    add("depth-1000", "1,000 levels", _nested(300), "malformed")

    def fold(depth: int) -> Any:
        return True if depth == 0 else [ALL, [PATH, "args", "xs"], f"x{depth}", fold(depth - 1)]

    add("comprehensions-2", "two comprehensions, one in the other", fold(2), "allow", xs=[1])
    add("comprehensions-3", "three comprehensions, one in the other", fold(3), xs=[1])


def _steps(maker: Maker) -> None:
    args = {"xs": [0] * 98, "ys": [0] * 97}
    # 3 steps and for each of 98 items 1 + 3 + 98 * 2: 19,603
    nested = [ALL, [PATH, "args", "xs"], "x", [ALL, [PATH, "args", "xs"], "y", True]]
    single = [ALL, [PATH, "args", "xs"], "x", True]  # 3 + 98 * 2: 199
    shorter = [ALL, [PATH, "args", "ys"], "x", True]  # 3 + 97 * 2: 197
    asked = {**READ, "args": args}
    exact = [nested, single, shorter, True]

    def add(name: str, comment: str, held: Chain, expect: str = "allow", hop: int | None = None, **more: Any) -> None:
        maker.add(name, "8", comment, held, expect, hop, request=asked, **more)

    add("steps-20000", "20,000 steps", chain(step(if_=listed(*exact))))
    add("steps-20001", "20,001 steps", chain(step(if_=listed(*exact, True))), "limit_exceeded", 0)
    add(
        "steps-two-blocks",
        "20,000 steps in two blocks",
        chain(step(if_=listed(nested)), step(WORKER, if_=listed(*exact[1:]))),
    )
    add(
        "steps-two-blocks-more",
        "20,001 steps in two blocks: all blocks draw on one count",
        chain(step(if_=listed(nested)), step(WORKER, if_=listed(*exact[1:], True))),
        "limit_exceeded",
        1,
    )
    add(
        "steps-absorbed",
        "`true || …` does not absorb running out of steps in an earlier operand",
        chain(step(if_=listed(*exact[:3], [2, [1, [EQ_FLAT, "args", "zs", 1], True], True]))),
        "limit_exceeded",
        0,
    )
    add(
        "steps-capability",
        "a capability's condition that runs out of steps is not passed over",
        chain(step(can=listed(["files.read", "/reports/**", [AND, nested, nested]], REPORTS))),
        "limit_exceeded",
        0,
    )
    add(
        "steps-own",
        "fewer steps than the format's, as this verifier has it",
        chain(step(if_=listed(single))),
        "limit_exceeded",
        0,
        limits={"evaluation_steps": 198},
    )
    add("steps-policy", "the service's policy has as many of its own", chain(step(if_=listed(*exact))), policy=["true"])


def _pattern_steps(maker: Maker) -> None:
    """A match by a pattern of two wildcards or more is charged like `glob.match`, a simpler one not at all."""

    def add(
        name: str,
        comment: str,
        can: list[Any],
        resource: str,
        expect: str = "allow",
        *,
        action: str = "files.read",
        steps: int = 20_000,
        **more: Any,
    ) -> None:
        own: dict[str, Any] = {} if steps == 20_000 else {"limits": {"evaluation_steps": steps}}
        maker.add(
            f"pattern-steps-{name}",
            "6.5",
            comment,
            chain(step(can=listed(*can))),
            expect,
            None if expect == "allow" else 0,
            request={"action": action, "resource": resource, "args": {}},
            **own,
            **more,
        )

    # (n + 1) * 16 + 2 * 1024, by 4
    long = f"/**/{'a' * 1019}*"
    add("20000", "a pattern of 1,024 characters over 4,871: 20,000 steps", [["files.read", long]], f"/x/{'a' * 4868}")
    add("20004", "over 4,872 characters", [["files.read", long]], f"/x/{'a' * 4869}", "limit_exceeded")
    two = [["files.read", "/*/*"]]  # (4 + 1 + 2 * 4) / 4: 3 steps
    add("3", "`/*/*` over four characters", two, "/a/b", steps=3)
    add("2", "`/*/*` over four characters, a step short", two, "/a/b", "limit_exceeded", steps=2)
    other = [["files.read", "/*/c"], ["files.read", "/**/*"]]  # none, then (4 + 1 + 2 * 5) / 4
    add("one-wildcard", "a pattern of one wildcard is free, also where it does not match", other, "/a/b", steps=3)
    missed = [["files.read", "/*/*/*"], *two]  # (4 + 1 + 2 * 6) / 4: 4 steps
    add("missed", "one that does not match is paid for too", missed, "/a/b", steps=7)
    add("missed-short", "the same, a step short", missed, "/a/b", "limit_exceeded", steps=6)
    acts = [["*.*", "/*/*"]]  # (10 + 1 + 2 * 3) / 4: 4 steps, and 3
    add("action", "the action's pattern is paid for as well", acts, "/a/b", steps=7)
    add("action-short", "the same, a step short", acts, "/a/b", "limit_exceeded", steps=6)
    elsewhere = [["*.*", "/*/*"], ["files", "/*/*"], ["files", "/**"]]  # (5 + 1 + 2 * 3) / 4: 3 steps, and 3
    add(
        "action-first",
        "where the action does not match, the resource is not paid for",
        elsewhere,
        "/a/b",
        action="files",
        steps=6,
    )
    odd = [["files.read", "/*/*"], ["files.read", ["/a//b"]]]
    add("not-plain", "a resource that is not in plain form is matched with no pattern", odd, "/a//b", steps=1)
    escaped = [["files.read", r"/\*/\*/**"]]
    add("escaped", "escaped stars are no wildcards", escaped, "/*/*/b", steps=1)
    add(
        "root",
        "the root's own `can` is paid for from the same count",
        [["files.read", "/**"]],
        "/a/b",
        "limit_exceeded",
        steps=2,
        roots=[root(ALICE, can=["files.read /*/*"])],
    )
