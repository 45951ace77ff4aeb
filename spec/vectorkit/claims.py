"""claims.json: what a block may say, and in which bytes (SPEC §4)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vectorkit.build import (
    ALICE,
    AUDIENCE,
    ISSUER,
    LEFT_OUT,
    NOW,
    PLANNER,
    WORKER,
    Maker,
    Step,
    chain,
    listed,
    root,
    step,
)
from vectorkit.encode import Pairs, Raw, cbor, in_order

NAN = float("nan")
LATER = NOW + 28_800


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("claim")
    _accepted(maker)
    _bytes(maker)
    _keys_of_the_map(maker)
    _times(maker)
    _names(maker)
    _holder_key(maker)
    _words(maker)
    return maker


def _accepted(maker: Maker) -> None:
    everything = step(
        PLANNER,
        aud=[AUDIENCE, "mail.example.com"],
        nbf=NOW - 60,
        if_=listed(True),
        for_="user:dana@example.com",
        who={"run": "17", "model": "m-2"},
        why="quarterly report",
        hops=2,
        tenant="acme",
    )
    maker.add(
        "all",
        "4.1",
        "every claim that block 0 may have",
        chain(everything, step(WORKER), root=ISSUER),
        roots=[root(ISSUER, speaks_for=["user:*@example.com"], tenants=["acme"])],
        tenant="acme",
    )
    maker.add("least", "4.1", "no claim that block 0 may leave out", chain(step(hops=LEFT_OUT)))
    maker.add("why-unicode", "4.2", "a purpose in any script", chain(step(why="Übersicht Q3 — 四半期")))


def _saying(claim: str, value: Any, holder: Any = PLANNER) -> Step:
    """A block in which one claim says something else."""
    claims: dict[str, Any] = {claim: value}
    return step(holder, **claims)


def _bytes(maker: Maker) -> None:
    def refuse(name: str, comment: str, payload: Callable[[dict[Any, Any]], bytes], reason: str) -> None:
        maker.add(name, "3.6", comment, chain(step(payload=payload)), reason, 0)

    def put(key: Any, value: Any) -> Callable[[dict[Any, Any]], bytes]:
        return lambda said: cbor({**said, key: value})

    refuse(
        "map-indefinite",
        "the claims' map without a length",
        lambda said: b"\xbf" + cbor(said)[1:] + b"\xff",
        "not_canonical",
    )
    refuse(
        "map-long",
        "the claims' map with a longer head than it needs",
        lambda said: b"\xb8" + bytes((len(said),)) + cbor(said)[1:],
        "not_canonical",
    )
    refuse("array", "an array for the claims", lambda said: cbor([list(pair) for pair in said.items()]), "malformed")
    refuse("trailing", "a byte after the claims", lambda said: cbor(said) + b"\0", "not_canonical")
    refuse("truncated", "claims that end inside an item", lambda said: cbor(said)[:-1], "truncated")
    refuse(
        "twice",
        "exp twice, the later one later",
        lambda said: cbor(
            Pairs(tuple(pair for key in said for pair in ([(key, said[key])] + [(4, LATER + 9)] * (key == 4))))
        ),
        "not_canonical",
    )
    refuse(
        "caveats-twice",
        "`if` twice: a decoder that takes the last drops a restriction",
        lambda said: cbor(
            Pairs((*list(said.items())[:-2], ("if", listed(False)), ("if", listed(True)), *list(said.items())[-2:]))
        ),
        "not_canonical",
    )
    refuse(
        "out-of-order",
        "iat after cnf",
        lambda said: cbor(
            {
                **{k: said[k] for k in said if k != 6 and k in range(9)},
                6: said[6],
                **{k: said[k] for k in said if k not in range(9)},
            }
        ),
        "not_canonical",
    )
    refuse("text-before-numbers", "`hops` before the numbers", lambda said: cbor({"hops": 3, **said}), "not_canonical")
    refuse("long-number", "iat in eight bytes", put(6, Raw(b"\x1b" + (NOW - 600).to_bytes(8, "big"))), "not_canonical")
    refuse("long-hops", "hops in four bytes", put("hops", Raw(b"\x1a\x00\x00\x00\x02")), "not_canonical")
    refuse(
        "long-length", "cti with its length in a byte of its own", put(7, Raw(b"\x58\x08" + bytes(8))), "not_canonical"
    )
    refuse(
        "long-key",
        "claim 6 with its key in two bytes",
        lambda said: cbor({(Raw(b"\x18\x06") if key == 6 else key): value for key, value in said.items()}),
        "not_canonical",
    )
    refuse("text-indefinite", "sub in pieces", put(2, Raw(b"\x7f" + cbor(PLANNER.name) + b"\xff")), "not_canonical")
    refuse(
        "text-long-head",
        "sub with a longer head than it needs",
        put(2, Raw(b"\x78\x0d" + PLANNER.name.encode())),
        "not_canonical",
    )
    refuse("text-not-utf8", "sub that is not UTF-8", put(2, Raw(b"\x6dagent:plann\xff\xfe")), "malformed")
    refuse(
        "text-surrogate",
        "sub with a surrogate, as CESU-8 writes them",
        put(2, Raw(b"\x6dagent:plan\xed\xa0\x80")),
        "malformed",
    )
    refuse("tag-bignum", "exp as a bignum", put(4, Raw(b"\xc2" + cbor(LATER.to_bytes(8, "big")))), "malformed")
    refuse("tag-epoch", "exp with the tag of a time", put(4, Raw(b"\xc1" + cbor(LATER))), "malformed")
    refuse("tag-date", "iss with the tag of a date", put(1, Raw(b"\xc0" + cbor("2026-01-01T00:00:00Z"))), "malformed")
    refuse(
        "tag-regex", "iss with the tag of a regular expression", put(1, Raw(b"\xd8\x23" + cbor("(a+)+$"))), "malformed"
    )
    refuse("tag-shared", "cti with the tag of a shared value", put(7, Raw(b"\xd8\x1c" + cbor(bytes(8)))), "malformed")
    refuse("tag-claims", "the claims with the tag of a CWT", lambda said: b"\xd8\x3d" + cbor(said), "malformed")
    refuse("undefined", "undefined for hops", put("hops", Raw(b"\xf7")), "malformed")
    refuse("simple-value", "a simple value for hops", put("hops", Raw(b"\xf0")), "malformed")
    refuse("deep", "arrays nested 10,000 deep for cti", put(7, Raw(b"\x81" * 10_000 + b"\x80")), "malformed")
    refuse(
        "vast-array",
        "an array that says it has 2^60 items, for aud",
        lambda said: cbor(in_order({**said, 3: Raw(b"\x9b\x10" + bytes(7))})),
        "truncated",
    )


def _keys_of_the_map(maker: Maker) -> None:
    def refuse(name: str, comment: str, more: dict[Any, Any], reason: str = "unknown_claim") -> None:
        maker.add(f"unknown-{name}", "4.1", comment, chain(step(), step(WORKER, more=more)), reason, 1)

    refuse("number", "claim 9, which nobody knows: it may be a restriction", {9: 1})
    refuse("scope", "claim `scope`", {"scope": "files.read"})
    refuse("negative", "claim -1", {-1: 1})
    refuse("large", "claim 38, of two bytes", {38: 1})
    refuse("number-as-text", "`4` as text", {"4": LATER})
    refuse("capitals", "`Can` for `can`", {"Can": listed(["files.read"])})
    maker.add(
        "unknown-true",
        "4.1",
        "true for a key: to Python it is 1",
        chain(step(payload=lambda said: cbor(Pairs((*((k, v) for k, v in said.items() if k != 1), (True, said[1])))))),
        "unknown_claim",
        0,
    )
    maker.add(
        "unknown-double",
        "4.1",
        "1.0 for a key: to Python it is 1",
        chain(step(), step(WORKER, if_=listed(True), more={1.0: ALICE.name})),
        "unknown_claim",
        1,
    )
    maker.add(
        "unknown-true-alone",
        "4.1",
        "the payload is eight times `a1f501`, so that more follows its one item",
        chain(step(payload=lambda _: b"\xa1\xf5\x01" * 8)),
        "not_canonical",
        0,
    )
    for name, key, value in (
        ("iss", "iss", "user:alice@example.com"),
        ("cti", "cti", bytes(8)),
        ("for", "for_", "user:bob@example.com"),
        ("tenant", "tenant", "acme"),
    ):
        maker.add(
            f"misplaced-{name}",
            "4.1",
            f"{name} in a later block",
            chain(step(), _saying(key, value, WORKER)),
            "malformed",
            1,
        )
    for name in ("iss", "sub", "exp", "iat", "cti", "cnf", "can"):
        maker.add(f"missing-{name}", "4.1", f"block 0 without {name}", chain(_saying(name, LEFT_OUT)), "malformed", 0)
    for name in ("sub", "iat", "cnf"):
        maker.add(
            f"missing-{name}-1",
            "4.1",
            f"block 1 without {name}",
            chain(step(), _saying(name, LEFT_OUT, WORKER)),
            "malformed",
            1,
        )


def _times(maker: Maker) -> None:
    for claim in ("exp", "nbf", "iat"):
        for name, value in (
            ("double", float(NOW)),
            ("nan", NAN),
            ("infinite", float("inf")),
            ("negative", -1),
            ("text", str(NOW)),
            ("null", None),
            ("true", True),
            ("after-9999", 253_402_300_800),
        ):
            if claim != "exp" and name in {"infinite", "null", "after-9999"}:
                continue
            maker.add(f"{claim}-{name}", "4.1", f"{claim} is {value!r}", chain(_saying(claim, value)), "malformed", 0)
    maker.add("exp-64-bits", "4.1", "exp is 2^64 - 1", chain(step(exp=2**64 - 1)), "malformed", 0)
    maker.add(
        "exp-double-1",
        "4.1",
        "block 1's exp is a double",
        chain(step(), step(WORKER, exp=float(LATER))),
        "malformed",
        1,
    )
    maker.add(
        "exp-nan-1",
        "4.1",
        "block 1's exp is not a number: to some, nothing is after it",
        chain(step(), step(WORKER, exp=NAN)),
        "malformed",
        1,
    )
    maker.add(
        "iat-before-parent",
        "5.2",
        "issued a second before the block above it",
        chain(step(), step(WORKER, iat=NOW - 601)),
        "malformed",
        1,
    )


def _names(maker: Maker) -> None:
    def refuse(name: str, comment: str, reason: str = "malformed", **claims: Any) -> None:
        maker.add(name, "4.1", comment, chain(step(**claims)), reason, 0)

    for name, value in (
        ("without-scheme", "planner"),
        ("empty", ""),
        ("scheme-alone", "agent:"),
        ("blank", "agent:the planner"),
        ("line-end", "agent:planner\n"),
        ("capitals", "Agent:planner"),
        ("long", "agent:" + "x" * 201),
        ("look-alike", "agent:pl\u0430nner"),
        ("nul", "agent:planner\0"),
        ("number", 7),
        ("bytes", b"agent:planner"),
    ):
        refuse(f"sub-{name}", f"sub is {str(value)[:20]!r}", sub=value)
    maker.add("sub-longest", "2.1", "200 characters after the scheme", chain(step(sub="agent:" + "x" * 200)))
    refuse("iss-without-scheme", "iss is no name", iss="alice")
    refuse("for-without-scheme", "`for` is no name", for_="dana")
    refuse("for-repeats-iss", "`for` says what iss says", "not_canonical", for_="user:alice@example.com")
    audiences: list[tuple[str, Any, str]] = [
        ("text", AUDIENCE, "malformed"),
        ("empty", [], "malformed"),
        ("17", [f"s{n}" for n in range(16)] + [AUDIENCE], "limit_exceeded"),
        ("twice", [AUDIENCE, AUDIENCE], "not_canonical"),
        ("number", [AUDIENCE, 1], "malformed"),
        ("blank", [AUDIENCE, "a b"], "malformed"),
        ("empty-name", [AUDIENCE, ""], "malformed"),
        ("long-name", [AUDIENCE, "x" * 201], "malformed"),
        ("not-ascii", [AUDIENCE, "é"], "malformed"),
        ("map", {0: AUDIENCE}, "malformed"),
        ("null", None, "malformed"),
    ]
    for name, audience, reason in audiences:
        refuse(f"aud-{name}", f"aud is {str(audience)[:30]}", reason, aud=audience)
    maker.add("aud-16", "4.1", "16 names in aud", chain(step(aud=[f"s{n}" for n in range(15)] + [AUDIENCE])))
    for name, token_id in (("7-bytes", bytes(7)), ("9-bytes", bytes(9)), ("text", "12345678"), ("number", 1)):
        refuse(f"cti-{name}", f"cti is {token_id!r}", cti=token_id)
    for name, tenant in (("blank", "a b"), ("empty", ""), ("bytes", b"acme")):
        refuse(f"tenant-{name}", f"tenant is {tenant!r}", tenant=tenant)


def _holder_key(maker: Maker) -> None:
    key = PLANNER.cose

    def refuse(name: str, comment: str, cnf: Any, reason: str = "malformed") -> None:
        maker.add(f"cnf-{name}", "3.4", comment, chain(step(cnf=cnf)), reason, 0)

    refuse("bytes", "the bare key", PLANNER.raw)
    refuse("empty", "no key", {})
    refuse("kid", "a key by its name alone", {3: PLANNER.thumbprint[:8]})
    refuse("encrypted", "an encrypted key", {2: b""})
    refuse("two", "a key and a name for it", {1: key, 3: b"planner"})
    refuse("true", "true for the 1 of a COSE_Key", Pairs(((True, key),)))
    refuse("null", "null for the key", {1: None})
    refuse("short", "a key of 31 bytes", {1: {**key, -2: PLANNER.raw[:31]}})
    refuse("long", "a key of 33 bytes", {1: {**key, -2: PLANNER.raw + b"\0"}})
    refuse("alg", "a key that names an algorithm too", {1: {1: 1, 3: -19, -1: 6, -2: PLANNER.raw}})
    refuse("kid-inside", "a key that carries a name", {1: {1: 1, 2: b"x", -1: 6, -2: PLANNER.raw}})
    refuse("private", "a key with its private part", {1: {**key, -4: PLANNER.seed}})
    refuse("out-of-order", "a key with its labels out of order", {1: {1: 1, -2: PLANNER.raw, -1: 6}})
    refuse("type-true", "true for the key type", {1: {**key, 1: True}})
    refuse("symmetric", "a symmetric key", {1: {1: 4, -1: bytes(32)}})
    refuse("x25519", "a key for key agreement", {1: {**key, -1: 4}}, "unsupported_algorithm")
    refuse("ed448", "a key on Ed448", {1: {1: 1, -1: 7, -2: bytes(57)}}, "unsupported_algorithm")
    refuse("p384", "a key on P-384", {1: {1: 2, -1: 2, -2: bytes(48), -3: bytes(48)}}, "unsupported_algorithm")


def _words(maker: Maker) -> None:
    def refuse(name: str, comment: str, reason: str = "malformed", **claims: Any) -> None:
        maker.add(name, "4.2", comment, chain(step(**claims)), reason, 0)

    for name, value in (("negative", -1), ("17", 17), ("double", 1.0), ("true", True), ("text", "1"), ("null", None)):
        refuse(f"hops-{name}", f"hops is {value!r}", hops=value)
    refuse("why-empty", "an empty purpose", why="")
    refuse("why-257", "a purpose of 257 characters", "limit_exceeded", why="x" * 257)
    refuse("why-bytes", "a purpose as bytes", why=b"report")
    for name, character in (
        ("line-end", "\n"),
        ("escape", "\x1b[2J"),
        ("bidi", "\u202e"),
        ("zero-width", "\u200b"),
        ("nul", "\0"),
        ("tag", "\U000e0041"),
        ("c1", "\x9b"),
        ("line-separator", "\u2028"),
    ):
        refuse(f"why-{name}", "a purpose with a control or format character", why=f"re{character}port")
    facts: list[tuple[str, Any, str]] = [
        ("empty", {}, "malformed"),
        ("number", {"run": 7}, "malformed"),
        ("number-key", {1: "x"}, "malformed"),
        ("control", {"run": "a\x1bb"}, "malformed"),
        ("control-key", {"r\nn": "a"}, "malformed"),
        ("empty-key", {"": "a"}, "malformed"),
        ("257", {"run": "x" * 257}, "limit_exceeded"),
        ("17", {f"k{n:02}": "v" for n in range(17)}, "limit_exceeded"),
        ("out-of-order", {"run": "1", "id": "2"}, "not_canonical"),
        ("text", "run 7", "malformed"),
        ("nested", {"run": {"id": "7"}}, "malformed"),
    ]
    for name, who, reason in facts:
        refuse(f"who-{name}", f"who is {str(who)[:30]!r}", reason, who=who)
    budgets: list[tuple[str, Any, str]] = [
        ("empty", {}, "malformed"),
        ("text", {"calls": "5"}, "malformed"),
        ("negative", {"calls": -1}, "malformed"),
        ("double", {"calls": 5.0}, "malformed"),
        ("true", {"calls": True}, "malformed"),
        ("null", {"calls": None}, "malformed"),
        ("65-bits", {"calls": 2**63}, "malformed"),
        ("number-key", {1: 5}, "malformed"),
        ("capitals", {"Calls": 5}, "malformed"),
        ("blank", {"us cents": 5}, "malformed"),
        ("empty-unit", {"": 5}, "malformed"),
        ("65", {"u" * 65: 5}, "malformed"),
        ("9", {f"u{n}": n for n in range(9)}, "limit_exceeded"),
        ("out-of-order", {"usd_cents": 1, "calls": 2}, "not_canonical"),
        ("list", [["calls", 5]], "malformed"),
        ("integer", 5, "malformed"),
    ]
    for name, budget, reason in budgets:
        refuse(f"budget-{name}", f"budget is {str(budget)[:30]}", reason, budget=budget)
    for name, age in (("zero", 0), ("negative", -1), ("double", 60.0), ("true", True), ("text", "60s"), ("null", None)):
        refuse(f"fresh-{name}", f"fresh is {age!r}", fresh=age)
    refuse("fresh-after-9999", "fresh is beyond the greatest time", fresh=253_402_300_800)
    maker.add(
        "who-same-key",
        "4.1",
        "facts about the holder in a block that keeps it",
        chain(step(), step(PLANNER, who={"run": "17"})),
        "malformed",
        1,
    )
    right: dict[str, Any] = {"can": ["files.read", "/reports/**"], "if_": True}
    cut: dict[str, Any] = {"can": ["files.read", "/reports/**"], "if_": ["x"]}
    for key, item in right.items():
        lists: list[tuple[str, Any, str]] = [
            ("empty-bytes", b"", "malformed"),
            ("empty-list", cbor([]), "malformed"),
            ("array", [["files.read"]], "malformed"),
            ("text", "files.read", "malformed"),
            ("map", cbor({}), "malformed"),
            ("null", cbor(None), "malformed"),
            ("trailing", listed(item) + b"\0", "not_canonical"),
            ("truncated", listed(cut[key])[:-1], "truncated"),
            ("indefinite", b"\x9f" + cbor(item) + b"\xff", "not_canonical"),
        ]
        claim = key.rstrip("_")
        for name, content, reason in lists:
            said: dict[str, Any] = {key: content}
            refuse(f"{claim}-{name}", f"`{claim}`: {name.replace('-', ' ')}", reason, **said)
