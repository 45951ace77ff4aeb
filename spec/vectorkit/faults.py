"""faults.json: two faults at a time, of which the first in the order of the text is told (SPEC §3.2, §4.1, §5, §14.2)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import (
    ALICE,
    BEARER_1,
    BOB,
    CLOUD_AGENT,
    CLOUD_ROOT,
    HELPER,
    LEFT_OUT,
    MALLORY,
    NOW,
    PLANNER,
    READ,
    WORKER,
    Chain,
    Maker,
    append,
    as_text,
    chain,
    listed,
    prove,
    root,
    step,
)
from vectorkit.conditions import MISSING, OPS, call, is_, path
from vectorkit.discharges import APPROVED, CARA, DAN, held, needing, party, say
from vectorkit.encode import Pairs, Raw, cbor, in_order
from vectorkit.revocation import revoking

NAN = float("nan")


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("fault")
    _text_form(maker)
    _envelope(maker)
    _frame(maker)
    _payload(maker)
    _claims(maker)
    _blocks(maker)
    _clock_and_place(maker)
    _possession(maker)
    _conditions(maker)
    _needs(maker)
    _discharges(maker)
    _spending(maker)
    _lone(maker)
    _fixed_bytes(maker)
    _told_apart(maker)
    return maker


def _text_form(maker: Maker) -> None:
    def add(name: str, comment: str, what: str, expect: str) -> None:
        maker.add(f"text-{name}", "3.2", comment, what, expect, authorize=True)

    token = as_text(chain(step()).token())
    add("prefix-alphabet", "another prefix, and a character that is no base64url", "dlgx_!!", "malformed")
    add("length-alphabet", "too many characters, one of them alien", "dlgt_" + "!" * 22_000, "limit_exceeded")
    add("padding-alien", "padding, and another alien character", token + "!=", "malformed")
    add("padding-within", "a `=` that is not at the end", token[:20] + "=" + token[20:], "malformed")
    add("alien-cut", "an alien character, and an end inside a byte", "dlgt_AAA!A", "malformed")
    add("padding-cut", "padding behind a lone character", "dlgt_AAAAA=", "not_canonical")
    add("bits-cut", "loose bits behind bytes that end inside an item", "dlgt_ggGCB", "truncated")
    add("bits-whole", "loose bits behind a whole item", "dlgt_AR", "not_canonical")
    add("bits-tag", "loose bits behind a tag: the bits are told", "dlgt_wQF", "not_canonical")
    add("bits-more", "loose bits behind an item and more bytes", "dlgt_AAF", "not_canonical")
    add("blank-prefix", "a blank within the prefix", "dl gt_AAAA", "malformed")
    add("prefix-kind", "the prefix of another kind, and a chain that nobody trusts", "dlgb_" + token[5:], "malformed")
    add("length-prefix", "another prefix, and too many characters", "dlgx_" + "A" * 60_000, "malformed")


def _envelope(maker: Maker) -> None:
    def add(name: str, comment: str, what: bytes, expect: str) -> None:
        maker.add(f"envelope-{name}", "5.1", comment, "hex:" + what.hex(), expect, authorize=True)

    def blocks(count: int) -> bytes:
        return chain(*[step(WORKER) for _ in range(count)]).token()

    add("17-cut", "17 blocks that are cut off: the count comes first", blocks(17)[:-5], "limit_exceeded")
    add("17-head", "the head of 17 blocks, and nothing behind it", b"\x82\x01\x91", "limit_exceeded")
    add(
        "24-cut",
        "24 blocks that are cut off: the same, though the count has a byte of its own",
        blocks(24)[:-5],
        "limit_exceeded",
    )
    add("24-head", "the head of 24 blocks, and nothing behind it", b"\x82\x01\x98\x18", "limit_exceeded")
    add("256-head", "the head of 256 blocks", b"\x82\x01\x99\x01\x00", "limit_exceeded")
    add("65536-head", "the head of 65,536 blocks", b"\x82\x01\x9a\x00\x01\x00\x00", "limit_exceeded")
    add("many-head", "the head of 2^32 blocks", b"\x82\x01\x9b\x00\x00\x00\x01\x00\x00\x00\x00", "limit_exceeded")
    add("head-cut", "a head that is cut off itself", b"\x82\x01\x98", "truncated")
    add("head-cut-2", "one of two bytes", b"\x82\x01\x99\x01", "truncated")
    add(
        "17-long-head",
        "17 blocks in a head that is longer than it need be",
        b"\x82\x01\x98\x11" + b"\x40" * 17,
        "not_canonical",
    )
    add("24-long-head", "24 in one that is longer by two", b"\x82\x01\x99\x00\x18" + b"\x40" * 24, "not_canonical")
    add("256-long-head", "256 in one of four bytes", b"\x82\x01\x9a\x00\x00\x01\x00" + b"\x40" * 256, "not_canonical")
    add("indefinite", "17 blocks without a length", b"\x82\x01\x9f" + b"\x40" * 17 + b"\xff", "not_canonical")
    add("17-more", "17 blocks, and a byte behind", blocks(17) + b"\0", "limit_exceeded")
    add("17-texts", "17 items that are no byte strings", cbor([1, ["x"] * 17]), "limit_exceeded")
    add("version-17", "another envelope with 17 blocks", cbor([9, [b"x"] * 17]), "unsupported_version")
    add("size-version", "another envelope of more than 16 KiB", cbor([9, bytes(20_000)]), "limit_exceeded")
    add("size-17", "17 blocks of more than 16 KiB", cbor([1, [bytes(1000)] * 17]), "limit_exceeded")
    one = chain(step())
    add(
        "discharges-17-cut",
        "17 discharges that are cut off",
        cbor([3, list(one.blocks), prove(one), [bytes(30)] * 17])[:-9],
        "limit_exceeded",
    )
    add(
        "discharges-24-cut",
        "24 that are",
        cbor([3, list(one.blocks), prove(one), [bytes(30)] * 24])[:-9],
        "limit_exceeded",
    )
    add(
        "secret-more",
        "a secret of 31 bytes, and a byte behind",
        cbor([2, list(one.blocks), bytes(31)]) + b"\0",
        "not_canonical",
    )
    four = chain(*[step(WORKER) for _ in range(4)])
    maker.add(
        "blocks-own-root",
        "5.2",
        "more blocks than this verifier takes, under a root that nobody trusts",
        four,
        "limit_exceeded",
        roots=[root(BOB)],
        limits={"blocks": 3},
    )


def _frame(maker: Maker) -> None:
    def add(name: str, comment: str, reason: str, **cose: Any) -> None:
        maker.add(f"frame-{name}", "5.2", comment, chain(step(cose=cose)), reason, 0)

    add(
        "header-unprotected",
        "a header that is no item, and something unprotected",
        "truncated",
        protected=b"\xa2\x01",
        unprotected=cbor({4: b"x"}),
    )
    add(
        "unprotected-label",
        "something unprotected, and a further label",
        "malformed",
        protected=cbor({1: -19, 3: 1}),
        unprotected=cbor({4: b"x"}),
    )
    add("label-alg", "a further label, and no `alg`", "malformed", protected=cbor({3: 1}))
    add(
        "unprotected-alg",
        "something unprotected, and an `alg` that there is not",
        "malformed",
        protected=cbor({1: -8}),
        unprotected=cbor({4: b"x"}),
    )
    add(
        "alg-signature",
        "an `alg` that there is not, and a signature of 63 bytes",
        "unsupported_algorithm",
        protected=cbor({1: -8}),
        assemble=lambda p, u, b, s: cbor([p, Raw(u), b, s[:63]]),
    )
    add(
        "alg-kid",
        "an `alg` that there is not, and a short `kid`",
        "unsupported_algorithm",
        protected=cbor({1: -8, 4: b"x"}),
    )
    add("alg-true", "true for `alg`", "unsupported_algorithm", protected=cbor({1: True}))
    add("alg-text", "a text for it", "unsupported_algorithm", protected=cbor({1: "EdDSA", 4: ALICE.thumbprint}))
    add("header-array", "an array for the header", "malformed", protected=cbor([1, -19]))
    add("header-empty", "no bytes for the header", "truncated", protected=b"")
    add("kid-root", "a `kid` of 8 bytes that no root has", "malformed", kid=MALLORY.thumbprint[:8])
    add("payload-short", "a payload of 23 bytes, signed rightly", "malformed", payload=b"x" * 23)
    add(
        "trailing",
        "a byte behind, and a tag before: the tag is refused at its head",
        "malformed",
        assemble=lambda p, u, b, s: b"\xd2" + cbor([p, Raw(u), b, s]) + b"\0",
    )
    add(
        "alg-root",
        "the `alg` of another kind of key, and no such root",
        "unknown_root",
        protected=cbor({1: -9, 4: MALLORY.thumbprint}),
    )
    later = chain(
        step(),
        step(WORKER, cose={"protected": cbor({1: -19, 4: PLANNER.thumbprint}), "sign": lambda _k, _m: bytes(64)}),
    )
    maker.add(
        "frame-later-kid",
        "5.2",
        "a `kid` in a later block, whose signature does not hold either",
        later,
        "malformed",
        1,
    )
    later = chain(step(), step(WORKER, cose={"protected": cbor({1: -9}), "sign": lambda _k, _m: bytes(64)}))
    maker.add(
        "frame-later-alg",
        "5.2",
        "an `alg` that is not the key's, and a signature that does not hold",
        later,
        "unsupported_algorithm",
        1,
    )


def _payload(maker: Maker) -> None:
    """What no item of §3.6 may be comes before what no claim may (§4.1, step 1)."""

    def add(name: str, comment: str, reason: str, **claims: Any) -> None:
        maker.add(f"payload-{name}", "4.1", comment, chain(step(**claims)), reason, 0)

    add("nan-unknown", "NaN under a key that nobody knows", "malformed", more={"zz": NAN})
    add("infinity-unknown", "an infinity under one", "malformed", more={"zz": float("inf")})
    add("huge-unknown", "an integer beyond 64 bits under one", "malformed", more={"zz": 2**64 - 1})
    add("huge-negative-unknown", "a negative one", "malformed", more={"zz": -(2**63) - 1})
    add("undefined-unknown", "undefined under one", "malformed", more={"zz": Raw(b"\xf7")})
    add("simple-unknown", "a simple value under one", "malformed", more={"zz": Raw(b"\xf0")})
    add("tag-unknown", "a tag under one", "malformed", more={"zz": Raw(b"\xc1\x01")})
    add("nan-within-unknown", "NaN further in", "malformed", more={"zz": [{"a": NAN}]})
    add(
        "float-unknown",
        "a float that is longer than it need be",
        "not_canonical",
        more={"zz": Raw(b"\xfa\x3f\xc0\x00\x00")},
    )
    add(
        "order-unknown",
        "a map out of order under one: the order within is not looked at",
        "unknown_claim",
        more={"zz": {"b": 1, "a": 2}},
    )
    add(
        "key-unknown", "a map with bytes for a key under one: nor are its keys", "unknown_claim", more={"zz": {b"a": 1}}
    )
    add("twice-unknown", "a key twice in a map under one", "not_canonical", more={"zz": Pairs((("a", 1), ("a", 1)))})
    add(
        "nan-type",
        "NaN under an unknown key, and a claim of another type before it",
        "malformed",
        exp="soon",
        more={"zz": NAN},
    )
    add("nan-limit", "NaN among 17 names of services", "malformed", aud=[f"s{n}" for n in range(16)] + [NAN])
    add("nan-unknown-first", "NaN behind an unknown claim", "malformed", more={9: 1}, hops=NAN)
    add("cnf-twice", "a key twice within `cnf`", "not_canonical", cnf=Pairs(((1, PLANNER.cose), (1, PLANNER.cose))))
    add(
        "cnf-twice-unknown",
        "the same, and an unknown claim",
        "not_canonical",
        cnf=Pairs(((1, PLANNER.cose), (1, PLANNER.cose))),
        more={"zz": 1},
    )
    add(
        "cnf-label-twice",
        "a label of the key twice",
        "not_canonical",
        cnf={1: Pairs(((1, 1), (-1, 6), (-2, PLANNER.raw), (-2, PLANNER.raw)))},
    )
    add("who-twice", "a fact twice", "not_canonical", who=Pairs((("a", "x"), ("a", "x"))))
    for name, key, reason in (
        ("bytes", b"zz", "unknown_claim"),
        ("null", None, "unknown_claim"),
        ("false", False, "unknown_claim"),
        ("array", [1], "unknown_claim"),
        ("nan", NAN, "malformed"),
        ("huge", 2**64 - 1, "malformed"),
    ):

        def keyed(said: dict[Any, Any], key: Any = key) -> bytes:
            return cbor(Pairs(tuple(sorted((*said.items(), (key, 1)), key=lambda pair: cbor(pair[0])))))

        maker.add(f"payload-key-{name}", "4.1", f"{name} for a key", chain(step(payload=keyed)), reason, 0)


def _claims(maker: Maker) -> None:
    def add(name: str, comment: str, reason: str, hop: int = 0, **claims: Any) -> None:
        held = chain(step(**claims)) if not hop else chain(step(), step(WORKER, **claims))
        maker.add(f"claims-{name}", "4.1", comment, held, reason, hop)

    def paired(name: str, comment: str, reason: str, *pairs: tuple[Any, Any]) -> None:
        held = chain(step(payload=lambda said: cbor(Pairs((*said.items(), *pairs)))))
        maker.add(f"claims-{name}", "4.1", comment, held, reason, 0)

    add("unknown-type", "an unknown claim before one of another type", "unknown_claim", more={9: 1}, hops="1")
    add("type-unknown", "a claim of another type before an unknown one", "malformed", exp="soon", more={9: 1})
    add("unknown-missing", "an unknown claim, and none of the rest", "unknown_claim", more={-1: 1}, exp=LEFT_OUT)
    add("unknown-cnf", "an unknown claim behind a `cnf` without a key", "unknown_claim", cnf={}, more={"zz": 1})
    add("unknown-name", "an unknown claim behind a name that is none", "unknown_claim", sub="planner", more={"zz": 1})
    paired("order-type", "out of order, and of another type", "not_canonical", (4, "soon"))
    paired("twice-type", "twice, the second of another type", "not_canonical", ("hops", "x"))
    add("type-place", "a claim of block 0 in a later block, of another type", "malformed", 1, more={7: "x"})
    add(
        "place-missing",
        "a claim of block 0 in a later one that lacks `iat`",
        "malformed",
        1,
        more={7: bytes(8)},
        iat=LEFT_OUT,
    )
    add("missing-name", "a claim is missing, and a name is none", "malformed", sub="planner", exp=LEFT_OUT)
    add(
        "missing-limit",
        "a claim is missing, and 17 names in `aud`",
        "malformed",
        aud=[f"s{n}" for n in range(17)],
        exp=LEFT_OUT,
    )
    add(
        "name-limit",
        "a name that is none, and 17 in `aud`",
        "malformed",
        sub="planner",
        aud=[f"s{n}" for n in range(17)],
    )
    add(
        "limit-name",
        "17 in `aud`, and `for` is no name",
        "limit_exceeded",
        aud=[f"s{n}" for n in range(17)],
        for_="dana",
    )
    add("aud-17-names", "17 in `aud`, one of them no name", "limit_exceeded", aud=[f"s{n}" for n in range(16)] + [""])
    add("aud-17-twice", "17 in `aud`, all of them the same", "limit_exceeded", aud=["s"] * 17)
    add("aud-name-twice", "a name twice, and another that is none", "malformed", aud=["s", "s", ""])
    add("aud-exp", "a name twice, and a time out of range", "not_canonical", aud=["s", "s"], exp=2**60)
    add("exp-aud", "names that are none, and a time out of range", "malformed", aud=[""], exp=2**60)
    add(
        "cti-cnf",
        "a short `cti`, and a key of low order",
        "malformed",
        cti=bytes(7),
        cnf={1: {1: 1, -1: 6, -2: bytes(32)}},
    )
    add(
        "cnf-who",
        "a key of low order, and 17 facts",
        "weak_key",
        cnf={1: {1: 1, -1: 6, -2: bytes(32)}},
        who={f"k{n:02}": "v" for n in range(17)},
    )
    add(
        "cnf-curve-who",
        "a key on another curve, and 17 facts",
        "unsupported_algorithm",
        cnf={1: {1: 1, -1: 4, -2: bytes(32)}},
        who={f"k{n:02}": "v" for n in range(17)},
    )
    add(
        "cnf-two-labels",
        "another label in `cnf`, and a key on another curve",
        "malformed",
        cnf={1: {1: 1, -1: 4, -2: bytes(32)}, 3: b"x"},
    )
    add("if-can", "an empty `if`, and 17 facts", "malformed", if_=b"", who={f"k{n:02}": "v" for n in range(17)})
    add(
        "who-17-number",
        "17 facts, one of them a number",
        "limit_exceeded",
        who={**{f"k{n:02}": "v" for n in range(16)}, "z16": 1},
    )
    add(
        "who-number-long", "a fact of 257 characters, and a number behind it", "malformed", who={"a": "x" * 257, "b": 1}
    )
    add("who-long-order", "facts out of order, one of them too long", "limit_exceeded", who={"b": "x" * 257, "a": "y"})
    add("who-control-long", "a control character in a fact that is too long", "malformed", who={"a": "\n" * 257})
    add("who-why", "facts out of order, and an empty purpose", "not_canonical", who={"b": "x", "a": "y"}, why="")
    add("why-control-long", "a control character in a purpose that is too long", "malformed", why="\n" * 257)
    add("why-hops", "a purpose that is too long, and hops out of range", "limit_exceeded", why="x" * 257, hops=17)
    add("hops-need", "hops out of range, and an empty need", "malformed", hops=17, need=b"")
    add(
        "fresh-budget",
        "`fresh` out of range, and nine units",
        "malformed",
        fresh=0,
        budget={f"u{n}": 1 for n in range(9)},
    )
    add(
        "budget-9-unit",
        "nine units, one of them none",
        "limit_exceeded",
        budget={**{f"u{n}": 1 for n in range(8)}, "U": 1},
    )
    add("budget-order-amount", "units out of order, one of them negative", "malformed", budget={"bb": -1, "aa": 1})
    add(
        "budget-tenant",
        "units out of order, and a tenant that is none",
        "not_canonical",
        budget={"bb": 1, "aa": 1},
        tenant="",
    )
    add("tenant-for", "a tenant that is none, and `for` that repeats `iss`", "malformed", tenant="", for_=ALICE.name)
    add(
        "for-root",
        "`for` repeats `iss`, which is not the root's name",
        "not_canonical",
        iss="user:eve@example.com",
        for_="user:eve@example.com",
    )
    add("for-can", "`for` repeats `iss`, and `can` is no list", "not_canonical", for_=ALICE.name, can=b"\x00")
    for code in (0x00, 0x17, 0x18, 0x20, 0x25, 0x27, 0x40, 0x80, 0xF6):
        key = Raw(
            b"\xa3\x01\x01\x20"
            + (bytes((code, 0x40)) if code == 0x18 else bytes((code,)))
            + b"\x21\x58\x20"
            + PLANNER.raw
        )
        maker.add(
            f"claims-curve-{code:02x}",
            "3.4",
            "a fifth byte that is not the curve's, whatever it is",
            chain(step(cnf={1: key})),
            "unsupported_algorithm",
            0,
        )
    maker.add(
        "claims-curve-ec2",
        "3.4",
        "the same of the other kind of key",
        chain(step(cnf={1: {1: 2, -1: 6, -2: bytes(32), -3: bytes(32)}})),
        "unsupported_algorithm",
        0,
    )
    maker.add(
        "claims-curve-label",
        "3.4",
        "another label before the curve",
        chain(step(cnf={1: {1: 1, -2: PLANNER.raw}})),
        "malformed",
        0,
    )
    maker.add(
        "claims-akp",
        "3.4",
        "a key of ML-DSA",
        chain(step(cnf={1: {1: 7, 3: -48, -1: b"x"}})),
        "unsupported_algorithm",
        0,
    )
    maker.add(
        "claims-akp-two",
        "3.4",
        "a map of two that begins like one",
        chain(step(cnf={1: {1: 7, 3: -48}})),
        "malformed",
        0,
    )
    maker.add(
        "who-block-0",
        "4.4",
        "facts about the holder in block 0, which counts as no change of key",
        chain(step(who={"run": "17"})),
    )
    maker.add(
        "who-block-0-root", "4.4", "also where its holder is the root itself", chain(step(ALICE, who={"run": "17"}))
    )
    maker.add(
        "who-changed", "4.4", "and in a block that changes the key", chain(step(), step(WORKER, who={"run": "17"}))
    )
    maker.add(
        "floats",
        "4.3",
        "doubles in a condition and in a capability's",
        chain(
            step(
                if_=listed(call("LT", path("x"), 1.5)),
                can=listed(["files.read", "/reports/**", call("GT", path("x"), 0.25)]),
            )
        ),
        request={**READ, "args": {"x": 0.5}},
    )


def _blocks(maker: Maker) -> None:
    bad: dict[str, Any] = {"sign": lambda _key, _message: bytes(64)}

    def add(name: str, comment: str, what: Chain, reason: str, hop: int, **more: Any) -> None:
        maker.add(f"block-{name}", "5.2", comment, what, reason, hop, **more)

    add(
        "root-signature",
        "no such root, and a signature that does not hold",
        chain(step(cose=bad), root=BOB),
        "unknown_root",
        0,
    )
    add(
        "root-tenant",
        "a root that is not for this tenant, and a signature that does not hold",
        chain(step(cose=bad)),
        "unknown_root",
        0,
        tenant="t",
        roots=[root(ALICE, tenants=["u"])],
    )
    add(
        "signature-claims",
        "a signature that does not hold over claims that are none",
        chain(step(cose=bad, payload=lambda _: b"\xff" * 24)),
        "bad_signature",
        0,
    )
    add(
        "claims-name",
        "an unknown claim, and another name for the root",
        chain(step(iss="user:eve@example.com", more={9: 1})),
        "unknown_claim",
        0,
    )
    add(
        "name-originator",
        "another name for the root, and nobody that it speaks for",
        chain(step(iss="user:eve@example.com", for_="user:dana@example.com")),
        "unknown_root",
        0,
    )
    add(
        "originator-shared",
        "nobody that it speaks for, and the root's key under another name",
        chain(step(MALLORY, for_="user:dana@example.com", cnf={1: ALICE.cose})),
        "originator_refused",
        0,
    )
    add(
        "shared-can",
        "the root's key under another name, and capabilities that are none",
        chain(step(MALLORY, cnf={1: ALICE.cose}, can=b"\x00")),
        "identity_shared",
        0,
    )
    add(
        "iat-bearer",
        "issued before the block above, and a bearer block below a named one",
        chain(step(), step(BEARER_1, iat=NOW - 700)),
        "malformed",
        1,
    )
    add(
        "bearer-hops",
        "a bearer block below a named one, and no change left",
        chain(step(hops=0), step(BEARER_1)),
        "bearer_refused",
        1,
    )
    twice = chain(step(hops=1), step(WORKER), step(MALLORY, cnf={1: PLANNER.cose}))
    add("shared-hops", "a key under another name, and no change left", twice, "identity_shared", 2)
    add(
        "hops-can",
        "no change left, and capabilities that are none",
        chain(step(hops=0), step(WORKER, can=b"\x00")),
        "too_many_hops",
        1,
    )
    add(
        "who-can",
        "facts where the key stays, and capabilities that are none",
        chain(step(), step(PLANNER, who={"a": "b"}, can=b"\x00")),
        "malformed",
        1,
    )
    add(
        "can-if",
        "capabilities in another encoding, and caveats that are none",
        chain(step(can=listed(["a", "/a", [OPS["EQ"], path("a"), 1]]), if_=b"\x00")),
        "not_canonical",
        0,
    )
    add(
        "if-need",
        "caveats in another encoding, and needs that are none",
        chain(step(if_=listed([OPS["EQ"], path("a"), 1]), need=b"\x00")),
        "not_canonical",
        0,
    )
    add(
        "can-need",
        "capabilities that are cut off, and a need with a further entry",
        chain(step(can=listed(["a"])[:-1], need=listed({"x": 1}))),
        "truncated",
        0,
    )
    add(
        "can-count",
        "33 capabilities, the first of them none",
        chain(step(can=listed([""], *[["a"]] * 32))),
        "limit_exceeded",
        0,
    )
    add(
        "if-count", "33 caveats, the first of them none", chain(step(if_=listed([], *[True] * 32))), "limit_exceeded", 0
    )
    add(
        "first-second",
        "a claim that nobody knows in block 1, and a signature in block 0",
        chain(step(cose=bad), step(WORKER, more={9: 1})),
        "bad_signature",
        0,
    )
    add(
        "can-second",
        "the second capability in another encoding, the first one none",
        chain(step(can=listed([""], ["a", "/a", [OPS["EQ"], path("a"), 1]]))),
        "malformed",
        0,
    )


def _clock_and_place(maker: Maker) -> None:
    def add(name: str, comment: str, what: Chain, reason: str, hop: int | None, spec: str = "5.3", **more: Any) -> None:
        maker.add(f"order-{name}", spec, comment, what, reason, hop, **more)

    late: dict[str, Any] = {"nbf": NOW + 60}
    over: dict[str, Any] = {"exp": NOW - 1}
    add(
        "root-nbf",
        "a root whose time is over, and a chain that has not begun",
        chain(step(**late)),
        "unknown_root",
        0,
        roots=[root(ALICE, not_after=NOW - 1)],
    )
    add("nbf-exp", "a chain that has not begun, and is over", chain(step(**late, **over)), "not_yet_valid", 0)
    add(
        "nbf-1-exp-0",
        "block 1 has not begun, and block 0 is over",
        chain(step(**over), step(WORKER, **late)),
        "not_yet_valid",
        1,
    )
    add(
        "nbf-two",
        "two blocks that have not begun: the first",
        chain(step(nbf=NOW + 60), step(WORKER, nbf=NOW + 90)),
        "not_yet_valid",
        0,
    )
    add(
        "exp-two",
        "two blocks that are over: the first",
        chain(step(exp=NOW - 5), step(WORKER, exp=NOW - 9)),
        "expired",
        0,
    )
    add("exp-lifetime", "a chain that is over, and too long", chain(step(**over)), "expired", 0, max_lifetime=10)
    add(
        "lifetime-tenant",
        "a chain that is too long, and for another tenant",
        chain(step(tenant="u")),
        "lifetime_too_long",
        0,
        tenant="t",
        max_lifetime=10,
    )
    add(
        "lifetime-block-1",
        "the greatest lifetime is of block 0, whatever block 1 says",
        chain(step(exp=NOW + 10), step(WORKER, exp=NOW + 9999)),
        "allow",
        None,
        max_lifetime=610,
    )
    place = "5.4"
    add(
        "tenant-audience",
        "another tenant, and another service",
        chain(step(tenant="u", aud=["m"])),
        "wrong_tenant",
        0,
        place,
        tenant="t",
    )
    add(
        "audience-two",
        "two blocks for another service: the first",
        chain(step(aud=["m"]), step(WORKER, aud=["m"])),
        "wrong_audience",
        0,
        place,
    )
    add(
        "audience-bearer",
        "another service, and a bearer chain that is not taken",
        chain(step(BEARER_1, aud=["m"])),
        "wrong_audience",
        0,
        place,
    )
    gone = revoking(ALICE, keys=(ALICE,))
    add(
        "bearer-revoked",
        "a bearer chain that is not taken, and a key that was revoked",
        chain(step(BEARER_1, aud=["files.example.com"])),
        "bearer_refused",
        0,
        place,
        revocations=[gone],
    )
    add(
        "bearer-audience-none",
        "a bearer chain without a service, where they are taken",
        chain(step(BEARER_1)),
        "bearer_refused",
        0,
        place,
        bearer=True,
    )
    add(
        "revoked-stale",
        "a key that was revoked, and no fresh list",
        chain(step(fresh=10)),
        "revoked",
        0,
        place,
        revocations=[gone],
    )
    add("stale-none", "no revoker at all", chain(step(fresh=10)), "revocation_stale", 0, place)
    stale = chain(step(fresh=10))
    add("stale-proof", "stale data, and no proof", Chain(stale.blocks, stale.id, MALLORY), "revocation_stale", 0, place)
    add(
        "revoked-two",
        "two keys that were revoked: the first block that falls",
        chain(step(), step(WORKER), step(HELPER)),
        "revoked",
        1,
        place,
        revocations=[revoking(WORKER, keys=(WORKER,)), revoking(PLANNER, keys=(PLANNER,))],
    )


def _possession(maker: Maker) -> None:
    def add(name: str, comment: str, what: Any, reason: str, hop: int | None, **more: Any) -> None:
        maker.add(f"proof-{name}", "5.5", comment, what, reason, hop, **more)

    two = chain(step(can=listed(["nothing"])), step(WORKER))
    bad: dict[str, Any] = {"sign": lambda _key, _message: bytes(64)}
    add("missing-can", "no proof, and nothing is permitted", two.token(), "proof_missing", 1, authorize=True)
    budget = chain(step(BEARER_1, aud=["files.example.com"], budget={"calls": 1}))
    add(
        "bearer-budget-secret",
        "a bearer token with a budget, and another secret",
        budget.bearer(bytes(32)),
        "proof_missing",
        0,
        bearer=True,
        ledger=True,
    )
    ended = chain(step(BEARER_1, aud=["files.example.com"]), step(WORKER))
    add(
        "bearer-named-secret",
        "a bearer token that ends in a named block, and another secret",
        ended.bearer(bytes(32)),
        "bearer_refused",
        1,
        bearer=True,
    )
    needed = chain(step(BEARER_1, aud=["files.example.com"], need=listed(needing(BOB))), step(WORKER))
    add(
        "bearer-need-named",
        "a bearer token with a need, that ends in a named block",
        needed.bearer(bytes(32)),
        "proof_missing",
        1,
        bearer=True,
        third_parties=party(BOB),
    )
    add(
        "kid-alg",
        "a `kid` in a proof, and another `alg`",
        two.present(prove(two, cose={"protected": cbor({1: -9, 4: WORKER.thumbprint})})),
        "malformed",
        1,
    )
    add(
        "alg-signature",
        "another `alg`, and a signature that does not hold",
        two.present(prove(two, cose={"protected": cbor({1: -9}), **bad})),
        "unsupported_algorithm",
        1,
    )
    add(
        "signature-payload",
        "a signature that does not hold over a payload that is none",
        two.present(prove(two, payload=lambda _: b"\xff" * 24, cose=bad)),
        "proof_wrong_key",
        1,
    )
    add(
        "payload-audience",
        "a short nonce, for another service",
        two.present(prove(two, claims={3: "m", "n": b""})),
        "malformed",
        1,
    )
    add(
        "payload-unknown",
        "a short nonce, and a further claim",
        two.present(prove(two, claims={"n": b"", "x": 1})),
        "malformed",
        1,
    )
    add(
        "unknown-audience",
        "a further claim, for another service",
        two.present(prove(two, claims={3: "m", "x": 1})),
        "unknown_claim",
        1,
    )
    add(
        "audience-request",
        "for another service, and another request",
        two.present(prove(two, {**READ, "action": "x"}, claims={3: "m"})),
        "proof_wrong_audience",
        1,
    )
    add(
        "request-expired",
        "for another request, and too old",
        two.present(prove(two, {**READ, "action": "x"}, claims={6: NOW - 999})),
        "proof_wrong_request",
        1,
    )
    add(
        "expired-can",
        "too old, and nothing is permitted",
        two.present(prove(two, claims={6: NOW - 999})),
        "proof_expired",
        1,
    )
    add(
        "expired-discharge",
        "too old, with a discharge that nothing asks for",
        two.present(prove(two, claims={6: NOW - 999}), [b"x"]),
        "proof_expired",
        1,
    )
    add(
        "discharge-can",
        "a discharge that nothing asks for, and nothing is permitted",
        two.present(prove(two), [b"x"]),
        "discharge_unexpected",
        None,
    )
    cloud = chain(step(CLOUD_AGENT))
    add(
        "algorithms",
        "a proof by an algorithm that is not taken, too old",
        cloud.present(prove(cloud, claims={6: NOW - 999})),
        "unsupported_algorithm",
        0,
        algorithms=[-19],
    )
    fresh = chain(step(fresh=100, need=listed(needing(BOB))))
    stale = fresh.present(prove(fresh), [say(BOB, fresh, claims={4: NOW})])
    add(
        "discharge-stale",
        "a discharge that is over, and no fresh list: the list comes after",
        stale,
        "discharge_expired",
        0,
        third_parties=party(BOB),
        revokers=party(DAN),
    )
    good = fresh.present(prove(fresh), [say(BOB, fresh)])
    add(
        "stale-after",
        "a good discharge, and no fresh list",
        good,
        "revocation_stale",
        0,
        third_parties=party(BOB),
        revokers=party(DAN),
    )


def _conditions(maker: Maker) -> None:
    def add(name: str, comment: str, what: Chain, reason: str, hop: int | None, **more: Any) -> None:
        maker.add(f"said-{name}", "5.6", comment, what, reason, hop, **more)

    nothing = listed(["nothing"])
    add(
        "root-can",
        "the root's own `can`, and that of block 1",
        chain(step(), step(WORKER, can=nothing)),
        "capability_missing",
        0,
        roots=[root(ALICE, can=["other"])],
    )
    add(
        "can-if",
        "a block's capabilities, then its caveats",
        chain(step(), step(WORKER, can=nothing, if_=listed(False))),
        "capability_missing",
        1,
    )
    add(
        "if-before-can",
        "a caveat of block 0, then the capabilities of block 1",
        chain(step(if_=listed(False)), step(WORKER, can=nothing)),
        "caveat_failed",
        0,
    )
    add(
        "failed-error",
        "a caveat that is false, then one that errs",
        chain(step(if_=listed(False, is_(MISSING, 1)))),
        "caveat_failed",
        0,
    )
    add(
        "error-failed",
        "a caveat that errs, then one that is false",
        chain(step(if_=listed(is_(MISSING, 1), False))),
        "caveat_error",
        0,
    )
    add("if-policy", "a caveat, then the policy", chain(step(if_=listed(False))), "caveat_failed", 0, policy=["false"])
    add(
        "if-need",
        "a caveat of a later block, then a need of an earlier",
        append(held(needing(BOB)).first, step(WORKER, if_=listed(is_(MISSING, 1)))),
        "caveat_error",
        1,
        third_parties=party(BOB),
    )
    add(
        "need-policy",
        "a need, then the policy",
        held(needing(BOB)).two,
        "discharge_missing",
        0,
        third_parties=party(BOB),
        policy=["false"],
    )
    add(
        "policy-budget",
        "the policy, then a budget without a ledger",
        chain(step(budget={"calls": 1})),
        "policy_failed",
        None,
        policy=["false"],
    )
    add(
        "if-budget",
        "a caveat, then a budget without a cost",
        chain(step(budget={"usd": 1}, if_=listed(False))),
        "caveat_failed",
        0,
        ledger=True,
    )
    steps = chain(step(if_=listed(is_(path("n"), 2))), step(WORKER, if_=listed(is_(path("n"), 1))))
    maker.add(
        "said-false-steps",
        "5.6",
        "a caveat that is false, though the next would run out",
        steps,
        "caveat_failed",
        0,
        request={**READ, "args": {"n": 1}},
        limits={"evaluation_steps": 4},
    )


def _needs(maker: Maker) -> None:
    def refuse(name: str, comment: str, need: Any, reason: str) -> None:
        maker.add(f"need-{name}", "14.1", comment, held(need=listed(need)).two.token(), reason, 0)

    good = needing(BOB, CARA)
    refuse(
        "absent-unknown",
        "`of` is absent, and an entry is unknown",
        in_order({"by": good["by"], "if": True, "x": 1}),
        "malformed",
    )
    refuse(
        "unknown-by", "an unknown entry, and keys that are none", in_order({**good, "by": [], "x": 1}), "unknown_claim"
    )
    many = sorted(bytes((n,)) * 32 for n in range(17))
    refuse("17-order", "17 keys out of order", {**good, "by": many[::-1]}, "limit_exceeded")
    refuse("17-short", "17 keys, one of them short", {**good, "by": [*many[:16], b"x"]}, "malformed")
    refuse(
        "order-of",
        "keys out of order, and more wanted than there are",
        {**good, "by": good["by"][::-1], "of": 3},
        "not_canonical",
    )
    refuse(
        "of-if",
        "none wanted, and a condition in another encoding",
        {**good, "of": 0, "if": [OPS["EQ"], path("said", "a"), 1]},
        "malformed",
    )
    refuse(
        "age-if",
        "an age out of range, and a condition in another encoding",
        in_order({**good, "age": 0, "if": [OPS["EQ"], path("said", "a"), 1]}),
        "malformed",
    )
    refuse(
        "standing-if",
        "`standing` that is false, and a condition in another encoding",
        in_order({**good, "standing": False, "if": [OPS["EQ"], path("said", "a"), 1]}),
        "malformed",
    )
    nine = held(need=listed(*[{"x": 1}] * 9)).two.token()
    maker.add("need-9-unknown", "14.1", "nine needs that are none", nine, "limit_exceeded", 0)
    second = held(need=listed({**good, "of": 0}, in_order({**good, "x": 1}))).two.token()
    maker.add("need-first", "14.1", "two needs with a fault each: the first", second, "malformed", 0)


def _discharges(maker: Maker) -> None:
    """Each is judged up to its own first fault; of several, the order of §14.2 decides, then the hop."""
    one = held(needing(BOB))
    known: dict[str, Any] = {"third_parties": party(BOB, CARA, DAN)}
    two = held(needing(BOB), needing(CARA))
    first = two.first

    def add(name: str, comment: str, what: Chain, made: list[bytes], reason: str, hop: int | None, **more: Any) -> None:
        for suffix, discharges in (("", made), ("-turned", made[::-1])):
            if suffix and len(made) < 2:
                continue
            words = comment if not suffix else f"{comment}; in another order"
            maker.add(
                f"discharge-{name}{suffix}",
                "14.2",
                words,
                what.present(prove(what), discharges),
                reason,
                hop,
                **{**known, **more},
            )

    expired, other = {4: NOW}, held(needing(BOB), cti=b"another!")
    add(
        "twin-failed",
        "two by one party, one of them over: that one is told, and the other is no second",
        one.two,
        [say(BOB, one.first, claims=expired), say(BOB, one.first)],
        "discharge_expired",
        0,
    )
    add(
        "twin-mismatch",
        "two by one party, one of them for another chain",
        one.two,
        [say(BOB, other.first), say(BOB, one.first)],
        "discharge_mismatch",
        None,
    )
    add(
        "twin-both-failed",
        "two that are over both",
        one.two,
        [say(BOB, one.first, claims=expired), say(BOB, one.first, claims={4: NOW - 1})],
        "discharge_expired",
        0,
    )
    add(
        "twin",
        "two that are good both",
        one.two,
        [say(BOB, one.first), say(BOB, one.first, claims={6: NOW - 9})],
        "discharge_unexpected",
        0,
    )
    forged = say(BOB, first, key=MALLORY)
    stranger = say(MALLORY, first)
    late = say(CARA, first, place=1, claims=expired)
    wrong = say(BOB, first, request={**READ, "action": "x"})
    add(
        "invalid-unexpected",
        "one that is forged, and a stranger's",
        two.two,
        [forged, stranger],
        "discharge_invalid",
        None,
    )
    add(
        "unexpected-expired",
        "a stranger's, and one that is over",
        two.two,
        [stranger, late],
        "discharge_unexpected",
        None,
    )
    add(
        "expired-mismatch",
        "one that is over, and one for another request",
        two.two,
        [late, wrong],
        "discharge_expired",
        0,
    )
    gone = [revoking(BOB, keys=(BOB,))]
    add(
        "revoked-expired",
        "one by a revoked key, and one that is over",
        two.two,
        [say(BOB, first), late],
        "revoked",
        0,
        revocations=gone,
    )
    add(
        "unexpected-revoked",
        "a stranger's, and one by a revoked key",
        two.two,
        [stranger, say(BOB, first)],
        "discharge_unexpected",
        None,
        revocations=gone,
    )
    add(
        "own-revoked-expired",
        "by a revoked key, and over",
        two.two,
        [say(BOB, first, claims=expired)],
        "revoked",
        0,
        revocations=gone,
    )
    add(
        "own-expired-mismatch",
        "over, and for another request",
        two.two,
        [say(BOB, first, claims=expired, request={**READ, "action": "x"})],
        "discharge_expired",
        0,
    )
    add(
        "own-ahead-mismatch",
        "ahead, and for another request",
        two.two,
        [say(BOB, first, claims={6: NOW + 31}, request={**READ, "action": "x"})],
        "discharge_expired",
        0,
    )
    add(
        "own-signature-payload",
        "a signature that does not hold over a payload that is none",
        two.two,
        [say(BOB, first, key=MALLORY, payload=b"\xff" * 30)],
        "discharge_invalid",
        None,
    )
    add(
        "own-unknown-form",
        "a stranger's that is of no form",
        two.two,
        [say(MALLORY, first, payload=b"\xff" * 30)],
        "discharge_unexpected",
        None,
    )
    add(
        "own-mismatch-revoked",
        "for a need that does not name it, by a revoked key",
        two.two,
        [say(BOB, first, place=1)],
        "discharge_mismatch",
        0,
        revocations=gone,
    )
    add(
        "own-place-revoked",
        "for no need of this chain, by a revoked key",
        two.two,
        [say(BOB, other.first)],
        "discharge_mismatch",
        None,
        revocations=gone,
    )
    three = append(chain(step(need=listed(needing(BOB)))), step(WORKER, need=listed(needing(CARA))))
    upper = chain(step(need=listed(needing(BOB))))
    made = [say(BOB, upper, claims=expired), say(CARA, three, claims=expired)]
    add("hops", "two that are over: the least hop", three, made, "discharge_expired", 0)
    add(
        "hop-none",
        "one for another chain, and one for another request: none before 0",
        three,
        [say(BOB, other.first), say(CARA, three, request={**READ, "action": "x"})],
        "discharge_mismatch",
        None,
    )
    refused = say(CARA, first, place=1, says={"approved": False})
    add(
        "refused-missing",
        "the first need is not met, and the second is refused",
        two.two,
        [refused],
        "discharge_missing",
        0,
    )
    several = held(
        needing(BOB, CARA, DAN, of=2, condition=[OPS["OR"], APPROVED, [OPS["ALL"], path("said", "l"), "x", True]])
    )
    heavy = {"l": [0] * 40, "approved": False}
    nope = {"l": "x", "approved": False}
    pair = [say(BOB, several.first, says=heavy), say(CARA, several.first, says=nope)]
    add(
        "refused-steps",
        "one is refused, and the steps do not suffice for both: told before the refusal",
        several.two,
        pair,
        "limit_exceeded",
        0,
        limits={"evaluation_steps": 60},
    )
    light = [
        say(BOB, several.first),
        say(CARA, several.first, says={"l": [], "approved": False}),
        say(DAN, several.first, says={"l": [0] * 30, "approved": False}),
    ]
    add(
        "all-evaluated",
        "enough confirm, and the steps do not suffice for the third",
        several.two,
        light,
        "limit_exceeded",
        0,
        limits={"evaluation_steps": 60},
    )
    add(
        "all-evaluated-enough",
        "and where they do",
        several.two,
        light,
        "allow",
        None,
        limits={"evaluation_steps": 5 + 5 + 3 + 5 + 3 + 60},
    )
    add(
        "all-evaluated-short",
        "a step short",
        several.two,
        light,
        "limit_exceeded",
        0,
        limits={"evaluation_steps": 5 + 5 + 3 + 5 + 3 + 59},
    )
    third = [*light[:2], say(DAN, several.first, says={"l": 1, "approved": False})]
    add("refused-enough", "enough confirm, and one does not", several.two, third, "discharge_refused", 0)


def _spending(maker: Maker) -> None:
    def add(name: str, comment: str, what: Any, reason: str, hop: int | None, **more: Any) -> None:
        maker.add(f"spend-{name}", "5.8", comment, what, reason, hop, **more)

    pools = chain(step(budget={"usd": 5, "calls": 5}), step(WORKER, budget={"eur": 1, "usd": 1}))
    add("no-ledger", "no ledger, and no cost", pools, "budget_unavailable", 0)
    add("unpriced-order", "two units without a cost: the first block's", pools, "budget_unpriced", 0, ledger=True)
    add("unpriced-later", "the first block's are known", pools, "budget_unpriced", 1, ledger=True, cost={"usd": 9})
    add(
        "unpriced-exhausted",
        "one without a cost, and one that has not enough",
        pools,
        "budget_unpriced",
        1,
        ledger=True,
        cost={"usd": 9},
    )
    add(
        "exhausted-order",
        "two pools that have not enough: the first",
        pools,
        "budget_exhausted",
        0,
        ledger=True,
        cost={"usd": 9, "eur": 9},
    )
    add(
        "exhausted-later",
        "the second block's has not",
        pools,
        "budget_exhausted",
        1,
        ledger=True,
        cost={"usd": 1, "eur": 2},
    )
    one = chain(step(budget={"calls": 1}))
    again = one.present(prove(one))
    add(
        "replayed-exhausted",
        "a proof that was used, and a pool that has nothing left: the proof",
        again,
        "replayed",
        0,
        ledger=True,
        times=2,
    )
    other = as_text(one.present(prove(one, claims={"n": b"\x01" * 16})))
    add(
        "exhausted-new",
        "a new proof, and a pool that has nothing left",
        again,
        "budget_exhausted",
        0,
        ledger=True,
        before=[other],
    )
    needed = held(needing(BOB, standing=LEFT_OUT))
    spent = say(BOB, needed.first, request=READ, last=needed.two)
    before = needed.two.present(prove(needed.two), [spent])
    maker.add(
        "spend-both-replayed",
        "5.8",
        "a proof and a discharge that were used both: the proof",
        before,
        "replayed",
        1,
        third_parties=party(BOB),
        before=[as_text(before)],
    )


def _lone(maker: Maker) -> None:
    """What neither fault alone would tell apart, and rules that need two settings to be seen."""
    one = chain(step())
    for name, issued, reason in (
        ("zero", 0, "proof_expired"),
        ("most", 253_402_300_799, "proof_expired"),
        ("beyond", 253_402_300_800, "malformed"),
    ):
        maker.add(
            f"proof-iat-{name}",
            "7.3",
            f"a proof's `iat` of {issued}",
            one.present(prove(one, claims={6: issued})),
            reason,
            0,
        )
    for issued, reason in ((65_535, "proof_expired"), (65_536, "proof_expired")):
        maker.add(
            f"proof-iat-{issued}",
            "7.3",
            f"a proof's `iat` of {issued}",
            one.present(prove(one, claims={6: issued})),
            reason,
            0,
        )
        long = Raw(b"\x1a" + issued.to_bytes(4, "big"))
        told = "not_canonical" if issued < 65_536 else reason
        maker.add(
            f"proof-iat-{issued}-long",
            "7.3",
            "the same in five bytes",
            one.present(prove(one, claims={6: long})),
            told,
            0,
        )
    for name in ("exp", "nbf", "iat"):
        said: dict[str, Any] = {name: Raw(b"\x1a\x00\x00\xff\xff")}
        maker.add(
            f"short-{name}-long",
            "3.6",
            f"`{name}` of 65,535 in five bytes",
            chain(step(**said)),
            "not_canonical",
            0,
        )
        maker.add(
            f"short-{name}-1-long",
            "3.6",
            "the same in block 1",
            chain(step(iat=0), step(WORKER, **said)),
            "not_canonical",
            1,
        )
    maker.add(
        "short-hops-long", "3.6", "`hops` of 5 in two bytes", chain(step(hops=Raw(b"\x18\x05"))), "not_canonical", 0
    )
    for name, size in (("why", 5), ("sub", 13)):
        value: Any = Raw(bytes((0x78, size)) + (b"x" * size if name == "why" else PLANNER.name.encode()))
        maker.add(
            f"short-{name}-long",
            "3.6",
            f"`{name}` under a head of two bytes",
            chain(step(**{name: value})),
            "not_canonical",
            0,
        )
    maker.add(
        "short-aud-long",
        "3.6",
        "`aud` under a head of two bytes",
        chain(step(aud=Raw(b"\x98\x01" + cbor("files.example.com")))),
        "not_canonical",
        0,
    )
    maker.add(
        "short-aud-name-long",
        "3.6",
        "a name in it under one",
        chain(step(aud=[Raw(b"\x78\x11files.example.com")])),
        "not_canonical",
        0,
    )
    for name in ("can", "if"):
        content = listed(["**", "**"]) if name == "can" else listed(True)
        value = Raw(b"\x58" + bytes((len(content),)) + content)
        claims: dict[str, Any] = {name if name == "can" else "if_": value}
        maker.add(
            f"short-{name}-long",
            "3.6",
            f"`{name}` under a head of two bytes",
            chain(step(**claims)),
            "not_canonical",
            0,
        )
    cloud = chain(step(CLOUD_AGENT), root=CLOUD_ROOT)
    mixed = chain(step(WORKER), step(HELPER), root=CLOUD_ROOT)
    taken: dict[str, Any] = {"roots": [root(CLOUD_ROOT)], "algorithms": [-9]}
    maker.add("algorithms-esp256", "5.2", "a verifier that takes ESP256 alone", cloud, **taken)
    maker.add(
        "algorithms-block",
        "5.2",
        "the same, and block 1 is signed by Ed25519",
        mixed.token(),
        "unsupported_algorithm",
        1,
        **taken,
    )
    short = chain(step(WORKER), root=CLOUD_ROOT)
    maker.add("algorithms-proof", "5.5", "the same, and the proof is", short, "unsupported_algorithm", 0, **taken)
    swapped = chain(step(CLOUD_AGENT), step(WORKER, cose={"protected": cbor({1: -19})}))
    maker.add(
        "algorithms-swapped", "5.2", "a block under a P-256 key that says Ed25519", swapped, "unsupported_algorithm", 1
    )
    swapped = chain(step(CLOUD_AGENT))
    maker.add(
        "algorithms-swapped-proof",
        "5.5",
        "a proof under one",
        swapped.present(prove(swapped, cose={"protected": cbor({1: -19})})),
        "unsupported_algorithm",
        0,
    )
    maker.add(
        "tenants-none",
        "5.2",
        "a root for some tenants, and a verifier without",
        one,
        roots=[root(ALICE, tenants=["t"])],
    )
    maker.add(
        "tenants-one",
        "5.2",
        "a root for this tenant among others",
        chain(step(tenant="t")),
        tenant="t",
        roots=[root(ALICE, tenants=["s", "t"])],
    )
    named = chain(step(fresh=100, need=listed(needing(DAN))))
    what = named.present(prove(named), [say(DAN, named)])
    maker.add(
        "revoker-needed",
        "14.2",
        "a need names a revoker that is no third party, where freshness is bounded",
        what,
        "discharge_mismatch",
        0,
        revokers=party(DAN),
    )
    asked = chain(step(fresh=100, need=listed(needing(BOB))))
    what = asked.present(prove(asked), [say(CARA, asked)])
    maker.add(
        "party-unneeded",
        "14.2",
        "a third party that no need names, where freshness is bounded",
        what,
        "discharge_unexpected",
        None,
        revokers=party(DAN),
        third_parties=party(BOB, CARA),
    )
    fresh = chain(step(fresh=100))
    staple = say(DAN, fresh, place="fresh", says={"revoked": False}, request=READ)
    before = as_text(fresh.present(prove(fresh, claims={"n": b"\x01" * 16}), [staple]))
    maker.add(
        "staple-request",
        "14.4",
        "a staple for one request is no discharge for a need: it may come again",
        fresh.present(prove(fresh), [staple]),
        revokers=party(DAN),
        before=[before],
    )
    both = held(needing(BOB, age=100, standing=LEFT_OUT))
    spent = say(BOB, both.first, request=READ, last=both.two)
    maker.add(
        "claimed-once",
        "5.8",
        "one that is for one request may come with one proof",
        both.two.present(prove(both.two), [spent]),
        third_parties=party(BOB),
    )
    for name, comment, directory, reason in (
        ("name", "the holder's name, which the directory confirms", [root(PLANNER)], "allow"),
        (
            "other-name",
            "a name that the directory has for another key",
            [{**root(WORKER), "name": PLANNER.name}],
            "caveat_error",
        ),
        (
            "other-key",
            "another name that it has for this key",
            [{**root(PLANNER), "name": "agent:other"}],
            "caveat_error",
        ),
    ):
        held_by = chain(step(if_=listed(is_([OPS["PATH"], "holder", "name"], PLANNER.name))))
        maker.add(
            f"holder-{name}", "6.2", comment, held_by, reason, None if reason == "allow" else 0, principals=directory
        )


def _fixed_bytes(maker: Maker) -> None:
    """Bytes that no signature covers: what they are is part of the form (§3.1, §3.3, §3.6)."""

    def heads(name: str, data: bytes, payload: bytes) -> list[tuple[str, str, bytes, str]]:
        at = data.index(payload)
        head = 3 if data[at - 3] == 0x59 else 2
        unprotected, end = at - head - 1, at + len(payload)
        longer = b"\x5a" + len(payload).to_bytes(4, "big") if head == 3 else b"\x59" + len(payload).to_bytes(2, "big")
        return [
            (f"{name}-array-5", "an array of five", b"\x85" + data[1:], "truncated"),
            (f"{name}-array-3", "an array of three, and more behind it", b"\x83" + data[1:], "not_canonical"),
            (f"{name}-array-long", "the array's head longer than it need be", b"\x98\x04" + data[1:], "not_canonical"),
            (
                f"{name}-unprotected",
                "an array for the unprotected map",
                data[:unprotected] + b"\x80" + data[unprotected + 1 :],
                "malformed",
            ),
            (
                f"{name}-payload-head",
                "the payload's head longer than it need be",
                data[: at - head] + longer + data[at:],
                "not_canonical",
            ),
            (
                f"{name}-signature-65",
                "a signature that says it has 65 bytes",
                data[:end] + b"\x58\x41" + data[end + 2 :],
                "truncated",
            ),
            (
                f"{name}-signature-63",
                "one that says it has 63",
                data[:end] + b"\x58\x3f" + data[end + 2 :],
                "not_canonical",
            ),
            (
                f"{name}-signature-head",
                "its head longer than it need be",
                data[:end] + b"\x59\x00\x40" + data[end + 2 :],
                "not_canonical",
            ),
            (f"{name}-more", "a byte behind it", data + b"\0", "not_canonical"),
        ]

    for kind, above, below in (("ed25519", ALICE, WORKER), ("esp256", CLOUD_ROOT, CLOUD_AGENT)):
        payloads: list[bytes] = []

        def keep(said: dict[Any, Any], payloads: list[bytes] = payloads) -> bytes:
            payloads.append(cbor(said))
            return payloads[-1]

        two = chain(step(below, payload=keep), step(below, if_=listed(True), payload=keep), root=above)
        for hop in (0, 1):
            for name, comment, data, reason in heads(f"{kind}-{hop}", two.blocks[hop], payloads[hop]):
                blocks = [*two.blocks[:hop], data, *two.blocks[hop + 1 :]]
                maker.add(
                    f"bytes-{name}",
                    "3.3",
                    f"block {hop}: {comment}",
                    cbor([1, blocks]),
                    reason,
                    hop,
                    roots=[root(above)],
                )
        proof = prove(two, payload=keep)
        for name, comment, data, reason in heads(f"{kind}-proof", proof, payloads[-1]):
            maker.add(f"bytes-{name}", "3.3", f"a proof: {comment}", two.present(data), reason, 1, roots=[root(above)])
    one = held(needing(BOB))
    payload = cbor({1: BOB.name, 4: NOW + 600, 6: NOW - 60, "to": [one.first.id, 0], "says": {"approved": True}})
    for name, comment, data, _ in heads("discharge", say(BOB, one.first, payload=payload), payload):
        what = one.two.present(prove(one.two), [data])
        maker.add(
            f"bytes-{name}", "3.3", f"a discharge: {comment}", what, "discharge_invalid", None, third_parties=party(BOB)
        )
    for name, header in (
        ("label", b"\xa2\x01\x32\x05\x48"),
        ("first", b"\xa2\x03\x32\x04\x48"),
        ("map", b"\xa3\x01\x32\x04\x48"),
    ):
        what = one.two.present(prove(one.two), [say(BOB, one.first, protected=header + BOB.thumbprint[:8])])
        maker.add(
            f"bytes-discharge-header-{name}",
            "3.3",
            "a discharge with another header, signed rightly",
            what,
            "discharge_invalid",
            None,
            third_parties=party(BOB),
        )
    for name, header, reason in (
        ("label", b"\xa2\x01\x32\x05\x58\x20", "malformed"),
        ("first", b"\xa2\x03\x32\x04\x58\x20", "malformed"),
        ("map", b"\xa3\x01\x32\x04\x58\x20", "truncated"),
        ("kid-text", b"\xa2\x01\x32\x04\x78\x20", "malformed"),
    ):
        thumbprint = b"x" * 32 if name == "kid-text" else ALICE.thumbprint
        maker.add(
            f"bytes-header-{name}",
            "3.3",
            "block 0 with another header, signed rightly",
            chain(step(cose={"protected": header + thumbprint})),
            reason,
            0,
        )
    first = chain(step(), step(WORKER))
    long, short, secret = first.blocks[0], first.blocks[1], chain(step(BEARER_1, aud=["files.example.com"]))

    def envelope(name: str, comment: str, data: bytes, reason: str, **more: Any) -> None:
        maker.add(f"bytes-envelope-{name}", "3.1", comment, "hex:" + data.hex(), reason, authorize=True, **more)

    def item(data: bytes, size: int) -> bytes:
        return {2: b"\x59", 4: b"\x5a"}[size] + len(data).to_bytes(size, "big") + data

    envelope(
        "block-head-3",
        "a block under a head of three bytes, where two would do",
        b"\x82\x01\x82" + cbor(long) + item(short, 2),
        "not_canonical",
    )
    envelope("block-head-5", "one under a head of five", b"\x82\x01\x82" + item(long, 4) + cbor(short), "not_canonical")
    envelope(
        "proof-head",
        "a proof under a head of three bytes",
        b"\x84\x03" + cbor(list(first.blocks)) + item(prove(first), 2) + b"\x80",
        "not_canonical",
    )
    envelope(
        "secret-head",
        "a secret under a head of three bytes",
        b"\x83\x02" + cbor(list(secret.blocks)) + item(BEARER_1.seed, 2),
        "not_canonical",
        bearer=True,
    )
    envelope(
        "short-head", "a block of 23 bytes under a head of two", b"\x82\x01\x81\x58\x17" + bytes(23), "not_canonical"
    )
    envelope(
        "discharge-head",
        "a discharge of 5 bytes under a head of two",
        b"\x84\x03" + cbor(list(first.blocks)) + cbor(prove(first)) + b"\x81\x58\x05" + bytes(5),
        "not_canonical",
    )
    envelope(
        "number-head",
        "the number under a head of two bytes",
        b"\x82\x18\x01" + cbor(list(first.blocks)),
        "not_canonical",
    )
    envelope("array-head", "the envelope under one", b"\x98\x02\x01" + cbor(list(first.blocks)), "not_canonical")
    envelope(
        "blocks-head", "the blocks under one", b"\x82\x01\x98\x02" + b"".join(map(cbor, first.blocks)), "not_canonical"
    )
    envelope("23-blocks", "23 blocks", cbor([1, [b"x"] * 23]), "limit_exceeded")
    envelope(
        "head-128", "128 blocks under a head of three bytes", b"\x82\x01\x99\x00\x80" + b"\x40" * 128, "not_canonical"
    )
    envelope("head-cut-4", "a head of five bytes that is cut off", b"\x82\x01\x9a\xff\xff\xff", "truncated")
    for head in (0x9C, 0x9D, 0x9E):
        envelope(f"head-{head:02x}", "a head that there is not", bytes((0x82, 1, head)) + bytes(9), "malformed")
    envelope(
        "3-of-two",
        "the number of a presentation in an array of two, with 17 blocks",
        cbor([3, [b"x"] * 17]),
        "malformed",
    )
    envelope(
        "1-of-three", "that of a token in an array of three, with 17 blocks", cbor([1, [b"x"] * 17, b""]), "malformed"
    )


def _told_apart(maker: Maker) -> None:
    """Rules that only one vector of its own tells from their neighbours."""
    for name, key, reason in (
        ("23", 23, "unknown_claim"),
        ("24", 24, "malformed"),
        ("minus-24", -24, "unknown_claim"),
        ("minus-25", -25, "malformed"),
    ):
        alone = chain(step())
        proof = prove(alone, payload=lambda said, key=key: cbor(in_order({**said, key: 1})))  # type: ignore[misc]
        maker.add(f"key-proof-{name}", "3.6", f"{key} for a key, in a proof", alone.present(proof), reason, 0)
        need = in_order({**needing(BOB), key: 1})
        maker.add(
            f"key-need-{name}", "3.6", f"{key} for a key, in a need", held(need=listed(need)).two.token(), reason, 0
        )
    known: dict[str, Any] = {"third_parties": party(BOB, CARA)}
    one = held(needing(BOB))
    asked = say(CARA, one.first, protected=cbor({1: -9, 4: CARA.thumbprint[:8]}))
    maker.add(
        "discharge-unasked-alg",
        "14.2",
        "a third party that no need names, by another `alg`",
        one.two.present(prove(one.two), [asked]),
        "discharge_unexpected",
        **known,
    )
    cloud = held(needing(CLOUD_ROOT))
    what = cloud.two.present(prove(cloud.two), [say(CLOUD_ROOT, cloud.first)])
    maker.add(
        "discharge-algorithms",
        "14.2",
        "a discharge by an algorithm that is not taken",
        what,
        "discharge_invalid",
        third_parties=party(CLOUD_ROOT),
        algorithms=[-19],
    )
    both = chain(step(fresh=100, need=listed(needing(CARA))))
    staple = say(CARA, one.first, place="fresh", says={"revoked": False})
    maker.add(
        "staple-unasked-other",
        "14.2",
        "a staple by whom nothing needs one, for another chain",
        both.present(prove(both), [staple]),
        "discharge_unexpected",
        revokers=party(DAN),
        **known,
    )
    lists = [revoking(PLANNER, keys=(PLANNER,), since=NOW - 300)]
    what = one.two.present(prove(one.two), [say(BOB, one.first)])
    maker.add(
        "discharge-other-record",
        "14.2",
        "a record of another key, older than the discharge",
        what,
        revocations=lists,
        **known,
    )
    aged = held(needing(BOB, age=100, standing=LEFT_OUT))
    what = aged.two.present(prove(aged.two), [say(BOB, aged.first, claims={6: NOW - 101})])
    maker.add(
        "discharge-old-unbound",
        "14.2",
        "older than the need takes, and bound to no request",
        what,
        "discharge_expired",
        0,
        **known,
    )
    what = one.two.present(prove(one.two), [say(BOB, one.first)])
    for steps, reason in ((4, "allow"), (3, "limit_exceeded")):
        maker.add(
            f"need-steps-{steps}",
            "5.6",
            "a need's condition of four steps",
            what,
            reason,
            None if steps == 4 else 0,
            limits={"evaluation_steps": steps},
            **known,
        )
    later = chain(step(), step(WORKER, cose={"protected": cbor({1: -9, 4: PLANNER.thumbprint})}))
    maker.add("later-kid-alg", "5.2", "a `kid` in a later block, and another `alg`", later, "malformed", 1)
    maker.add(
        "early-hop",
        "5.3",
        "block 0 is ahead by just the leeway, and block 1 by more",
        chain(step(nbf=NOW + 30), step(WORKER, nbf=NOW + 31)),
        "not_yet_valid",
        1,
    )
    maker.add(
        "late-hop",
        "5.3",
        "block 0 is in its last second, and block 1 over",
        chain(step(exp=NOW + 1), step(WORKER, exp=NOW)),
        "expired",
        1,
    )
    origin = chain(step(if_=listed(is_([OPS["PATH"], "origin"], ALICE.name))))
    maker.add("origin", "6.2", "the originator is the issuer where nobody else is named", origin)
    names = [f"s{number:02}" for number in range(15)]
    sixteen = chain(step(aud=[*names, "files.example.com"], who={"run": "17"}))
    maker.add("aud-16-who", "4.1", "16 names in `aud`, beside facts about the holder", sixteen)
    young = held(needing(BOB, age=1))
    what = young.two.present(prove(young.two), [say(BOB, young.first, claims={6: NOW - 1})])
    maker.add("need-age-1", "14.1", "a need that takes discharges of one second", what, **known)
