"""discharges.json: what other parties must confirm, and what they said (SPEC §14)."""

# ruff: noqa: ANN401 - a key may be of any kind, and what is encoded anything, right or wrong
from __future__ import annotations

from typing import Any, NamedTuple

from vectorkit.build import (
    ALICE,
    BEARER_1,
    BLOCK,
    BOB,
    CLOUD_ROOT,
    HELPER,
    LEFT_OUT,
    MALLORY,
    NOW,
    PROOF,
    READ,
    WORKER,
    Chain,
    Cose,
    Maker,
    append,
    as_text,
    chain,
    digest,
    listed,
    prove,
    step,
)
from vectorkit.encode import Key, Pairs, Raw, cbor, in_order, s_plus_order, sign_with_another_nonce
from vectorkit.revocation import revoking

DISCHARGE = b"delegate/1 discharge\0"
CARA = Key.of("user:cara@example.com")
DAN = Key.of("user:dan@example.com")
TEAM = (BOB, CARA, DAN)
APPROVED = [4, "said", "approved", True]
YES = {"approved": True}
PAY: dict[str, Any] = {"action": "pay", "resource": None, "args": {"amount": 500}}
DEAR: dict[str, Any] = {"action": "pay", "resource": None, "args": {"amount": 50_000}}
ANYTHING = listed(["pay"], ["files.read", "/reports/**"])


class Held(NamedTuple):
    """A chain of two blocks, the first of which has needs; and that first block alone."""

    first: Chain
    two: Chain


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("discharge")
    _accepted(maker)
    _needs(maker)
    _counted(maker)
    _genuine(maker)
    _payload(maker)
    _placed(maker)
    _timely(maker)
    _each(maker)
    _conditions(maker)
    _revoked(maker)
    _staples(maker)
    return maker


def party(*keys: Any) -> list[dict[str, Any]]:
    """Third parties, or revokers, as the vectors write them."""
    return [{"name": key.name, "key": key.line} for key in keys]


def needing(*by: Any, of: Any = 1, condition: Any = APPROVED, standing: Any = True, **more: Any) -> dict[str, Any]:
    """A standing need of these parties; `LEFT_OUT` leaves an entry out."""
    said = {"by": sorted(key.thumbprint for key in by), "if": condition, "of": of, "standing": standing, **more}
    return in_order({name: value for name, value in said.items() if value is not LEFT_OUT})


def held(*needs: Any, need: bytes | None = None, **claims: Any) -> Held:
    """A chain with needs in its first block."""
    first = chain(step(can=ANYTHING, need=listed(*needs) if need is None else need, **claims))
    return Held(first, append(first, step(WORKER)))


def say(
    signer: Any,
    about: Chain,
    *,
    place: Any = 0,
    says: Any = YES,
    request: dict[str, Any] | None = None,
    last: Chain | None = None,
    claims: dict[Any, Any] | None = None,
    payload: bytes | None = None,
    **cose: Any,
) -> bytes:
    """A discharge to the last block of `about`; `claims`, `payload` and `cose` replace what they name."""
    said: dict[Any, Any] = {1: signer.name, 4: NOW + 600, 6: NOW - 60, "to": [about.id, place], "says": says}
    if request is not None:
        said["req"] = digest(request)
    if last is not None:
        said["last"] = last.id
    said |= claims or {}
    said = in_order({name: value for name, value in said.items() if value is not LEFT_OUT})
    standard: dict[str, Any] = {
        "key": signer,
        "payload": cbor(said) if payload is None else payload,
        "purpose": DISCHARGE,
        "above": signer.thumbprint,
        "kid": signer.thumbprint[:8],
    }
    return Cose(**{**standard, **cose}).build()


def add(
    maker: Maker,
    name: str,
    spec: str,
    comment: str,
    what: Chain,
    discharges: list[bytes],
    expect: str = "allow",
    hop: int | None = None,
    *,
    third_parties: tuple[Any, ...] = TEAM,
    request: dict[str, Any] = READ,
    **more: Any,
) -> None:
    """A presentation with discharges."""
    known: dict[str, Any] = {"third_parties": party(*third_parties)} if third_parties else {}
    presented = what.present(prove(what, request), discharges)
    maker.add(name, spec, comment, presented, expect, hop, request=request, **known, **more)


ONE = held(needing(BOB))
TWO_OF_THREE = held(needing(*TEAM, of=2))
EACH = held(needing(BOB, standing=LEFT_OUT))


def _accepted(maker: Maker) -> None:
    add(maker, "one", "14.2", "the one party that is asked confirms", ONE.two, [say(BOB, ONE.first)])
    deeper = append(ONE.two, step(HELPER))
    add(maker, "deeper", "14.2", "a discharge serves all blocks below its own", deeper, [say(BOB, ONE.first)])
    add(
        maker, "again", "14.2", "a standing need: a discharge serves more requests than one", deeper,
        [say(BOB, ONE.first)], before=[as_text(ONE.two.present(prove(ONE.two), [say(BOB, ONE.first)]))],
    )  # fmt: skip
    later = append(chain(step(can=ANYTHING)), step(WORKER, need=listed(needing(BOB))))
    add(maker, "later-block", "14.1", "a need in a later block", later, [say(BOB, later)])
    two = held(needing(BOB), needing(CARA))
    both = [say(CARA, two.first, place=1), say(BOB, two.first)]
    add(maker, "two-needs", "14.1", "two needs of one block, their discharges in any order", two.two, both)
    add(maker, "one-of-two-needs", "14.1", "one of two needs is met", two.two, both[:1], "discharge_missing", 0)
    cloud = held(needing(CLOUD_ROOT))
    add(
        maker, "esp256", "14.2", "a third party with a P-256 key", cloud.two, [say(CLOUD_ROOT, cloud.first)],
        third_parties=(CLOUD_ROOT,),
    )  # fmt: skip
    add(
        maker, "says-8192", "8", "as much as a discharge may say",
        ONE.two, [say(BOB, ONE.first, says={**YES, "x" * 8: "y" * 8169})],
    )  # fmt: skip
    eight = held(*(needing(BOB) for _ in range(8)))
    add(
        maker, "eight-needs", "14.1", "as many needs as a block may have", eight.two,
        [say(BOB, eight.first, place=place) for place in range(8)],
    )  # fmt: skip
    add(
        maker, "says-all-kinds", "14.2", "values of every kind",
        ONE.two, [say(BOB, ONE.first, says=in_order({**YES, "n": [1, 2.5, None, "x", b"\0", {"a": -1}]}))],
    )  # fmt: skip
    bearer = chain(step(BEARER_1, can=ANYTHING, aud=["files.example.com"], need=listed(needing(BOB))))
    add(maker, "bearer-chain", "14.2", "a bearer chain, with a proof", bearer, [say(BOB, bearer)], bearer=True)
    maker.add(
        "bearer-token", "5.5", "a bearer token cannot bring discharges", bearer.bearer(), "proof_missing", 0,
        bearer=True, third_parties=party(BOB),
    )  # fmt: skip


def _needs(maker: Maker) -> None:
    def refuse(name: str, comment: str, need: bytes, reason: str = "malformed") -> None:
        made = held(need=need)
        maker.add(f"need-{name}", "14.1", comment, made.two.token(), reason, 0)

    good = needing(BOB, CARA)
    keys = good["by"]
    refuse("empty", "a need of no bytes", b"")
    refuse("none", "an empty list", cbor([]))
    refuse("map", "a need that is in no list", cbor(good))
    refuse("null", "null for a need", cbor([None]))
    refuse("nine", "nine needs", listed(*[needing(BOB)] * 9), "limit_exceeded")
    for key, name in (("by", "by"), ("if", "if"), ("of", "of")):
        refuse(f"without-{name}", f"no `{name}`", listed({k: v for k, v in good.items() if k != key}))
    refuse("unknown", "an entry that nobody knows", listed(in_order({**good, "only": 1})), "unknown_claim")
    refuse("by-none", "no keys", listed({**good, "by": []}))
    refuse("by-short", "a thumbprint of 31 bytes", listed({**good, "by": [keys[0], keys[1][:31]]}))
    refuse("by-text", "a key as text", listed({**good, "by": ["x" * 32]}))
    refuse("by-order", "keys out of order", listed({**good, "by": keys[::-1]}), "not_canonical")
    refuse("by-twice", "one key twice: it would count as two", listed({**good, "by": [keys[0]] * 2}), "not_canonical")
    many = sorted(bytes((n,)) * 32 for n in range(17))
    refuse("by-17", "17 keys", listed({**good, "by": many}), "limit_exceeded")
    refuse("of-0", "none of them need confirm", listed({**good, "of": 0}))
    refuse("of-3", "more than there are", listed({**good, "of": 3}))
    refuse("of-true", "true for 1", listed({**good, "of": True}))
    refuse("age-0", "an age of 0 seconds", listed(in_order({**good, "age": 0})))
    refuse("age-double", "an age that is no integer", listed(in_order({**good, "age": 1.5})))
    refuse("standing-false", "`standing` said to be false", listed(in_order({**good, "standing": False})))
    refuse("standing-one", "1 for true", listed(in_order({**good, "standing": 1})))
    refuse("each", "`each`, which there is not", listed(in_order({**good, "each": True})), "unknown_claim")
    refuse("if-text", "a condition as text", listed({**good, "if": [0, "saying"]}))
    refuse("if-general", "a condition in another encoding", listed({**good, "if": [24, [0, "said", "a"], 1]}),
           "not_canonical")  # fmt: skip
    refuse("order", "entries out of order", listed(dict(reversed(good.items()))), "not_canonical")
    refuse("long", "a head longer than it need be", cbor(Raw(b"\x98\x01" + cbor(good))), "not_canonical")
    refuse("twice", "an entry twice", listed(Pairs((*good.items(), ("of", 1)))), "not_canonical")
    maker.add(
        "said-in-a-caveat", "14.1", "a caveat reads `said`, which it has not",
        chain(step(if_=listed(APPROVED))).token(),
        "malformed", 0,
    )  # fmt: skip
    maker.add(
        "said-in-a-capability", "14.1", "a capability's condition reads `said`",
        chain(step(can=listed(["files.read", None, APPROVED]))).token(), "malformed", 0,
    )  # fmt: skip
    maker.add(
        "need-as-array", "14.1", "needs that are in no byte string", chain(step(need=[good])).token(), "malformed", 0
    )


def _counted(maker: Maker) -> None:
    one, two, first = TWO_OF_THREE.two, TWO_OF_THREE.two, TWO_OF_THREE.first
    bob, cara, dan = (say(each, first) for each in TEAM)
    add(maker, "two-of-three", "5.6", "two of three confirm", two, [bob, dan])
    add(maker, "three-of-three", "5.6", "one more than is needed is counted too", two, [cara, bob, dan])
    add(maker, "one-of-three", "5.6", "one of two that are needed", one, [bob], "discharge_missing", 0)
    add(maker, "none-of-three", "5.6", "nobody confirms", one, [], "discharge_missing", 0)
    again = say(BOB, first, claims={6: NOW - 50})
    add(maker, "one-twice", "14.2", "one party twice is not two", two, [bob, again], "discharge_unexpected", 0)
    same = say(BOB, first, sign=sign_with_another_nonce)
    add(maker, "one-signed-twice", "14.2", "the same with another signature", two, [bob, same],
        "discharge_unexpected", 0)  # fmt: skip
    add(maker, "stranger-beside", "14.2", "two that are asked, and one that nobody asks", two,
        [bob, cara, say(MALLORY, first)], "discharge_unexpected")  # fmt: skip
    maker.add("preview-alone", "5.5", "a chain with a need, without a proof", two.token(), "proof_missing", 1,
              authorize=True, third_parties=party(*TEAM))  # fmt: skip
    maker.add("chain-alone", "5.9", "who signed is told without discharges", two.token())
    plain = chain(step(), step(WORKER))
    add(maker, "unasked", "14.2", "a discharge where nothing is needed", plain, [bob], "discharge_unexpected")
    add(maker, "policy-after", "5.6", "the policy is asked after the needs", one, [], "discharge_missing", 0,
        policy=["false"])  # fmt: skip
    denied = append(first, step(WORKER, if_=listed(False)))
    add(maker, "caveat-before", "5.6", "a caveat of any block is asked before a need", denied, [], "caveat_failed", 1)


def _genuine(maker: Maker) -> None:
    def refuse(name: str, comment: str, made: bytes, reason: str = "discharge_invalid", **more: Any) -> None:
        add(maker, name, "14.2", comment, ONE.two, [made], reason, **more)

    first = ONE.first
    refuse("by-holder", "signed by the holder, with its own hint", say(WORKER, first), "discharge_unexpected")
    refuse("by-holder-known", "by a third party that the need does not name", say(CARA, first), "discharge_unexpected")
    refuse("forged", "signed by the holder, in another's name", say(BOB, first, key=WORKER))
    refuse("unknown-party", "the verifier does not know whom the need names", say(BOB, first), "discharge_unexpected",
           third_parties=(CARA,))  # fmt: skip
    refuse("no-parties", "the verifier knows no third parties", say(BOB, first), "discharge_unexpected",
           third_parties=())  # fmt: skip
    named = held(needing(DAN))
    add(
        maker, "by-revoker", "14.2", "a need names a revoker that is no third party here", named.two,
        [say(DAN, named.first)], "discharge_unexpected", third_parties=(BOB,), revokers=party(DAN),
    )  # fmt: skip
    refuse("as-block", "signed as a block is", say(BOB, first, purpose=BLOCK))
    refuse("as-proof", "signed as a proof is", say(BOB, first, purpose=PROOF))
    refuse("place", "signed over another's thumbprint", say(BOB, first, above=CARA.thumbprint))
    refuse("kid-missing", "no hint at the signer", say(BOB, first, kid=b""))
    refuse("kid-whole", "the whole thumbprint for a hint", say(BOB, first, kid=BOB.thumbprint))
    refuse("kid-other", "another's hint, of whom the need knows nothing", say(BOB, first, kid=DAN.thumbprint[:8]),
           "discharge_unexpected")  # fmt: skip
    refuse("zero", "a signature of zeros", say(BOB, first, sign=lambda _k, _m: bytes(64)))
    refuse("s-plus-order", "a second signature made out of the first",
           say(BOB, first, sign=lambda key, message: s_plus_order(key.sign(message))))  # fmt: skip
    refuse("altered", "another payload after signing", say(BOB, first, alter_payload=lambda data: data[:-1] + b"\xf4"))
    refuse("unprotected", "something in the unprotected map", say(BOB, first, unprotected=cbor({4: b"x"})))
    refuse("algorithm", "an alg that is not the key's", say(BOB, first, protected=cbor({1: -9, 4: BOB.thumbprint[:8]})))
    refuse("junk", "bytes that are nothing", b"\x00" * 80)
    refuse("nothing", "no bytes", b"")
    refuse("large", "more than 12288 bytes", say(BOB, first, payload=bytes(12_300)))


def _payload(maker: Maker) -> None:
    def refuse(name: str, comment: str, made: bytes) -> None:
        add(maker, f"payload-{name}", "14.2", comment, ONE.two, [made], "discharge_invalid")

    first = ONE.first
    refuse("unknown", "a claim that nobody knows", say(BOB, first, claims={"only": 1}))
    refuse("aud", "a claim of a proof", say(BOB, first, claims={3: "files.example.com"}))
    for claim, name in ((1, "iss"), (4, "exp"), (6, "iat"), ("to", "to"), ("says", "says")):
        refuse(f"without-{name}", f"no `{name}`", say(BOB, first, claims={claim: LEFT_OUT}))
    refuse("name", "the key of one under the name of another", say(BOB, first, claims={1: CARA.name}))
    refuse("no-name", "a name that is none", say(BOB, first, claims={1: "bob"}))
    refuse("exp-double", "exp as a float", say(BOB, first, claims={4: NOW + 0.5}))
    refuse("iat-negative", "iat before 1970", say(BOB, first, claims={6: -1}))
    refuse("to-index", "a need's place as text", say(BOB, first, place="0"))
    refuse("to-true", "true for the place 1", say(BOB, first, place=True))
    refuse("to-8", "a place that no block has", say(BOB, first, place=8))
    refuse("to-short", "a block id of 31 bytes", say(BOB, first, claims={"to": [first.id[:31], 0]}))
    refuse("to-one", "no place", say(BOB, first, claims={"to": [first.id]}))
    refuse("req-short", "a digest of 31 bytes", say(BOB, first, claims={"req": bytes(31)}))
    refuse("last-text", "a block id as text", say(BOB, first, claims={"last": "x" * 32}))
    refuse("says-array", "an array for what is said", say(BOB, first, says=[True]))
    refuse("says-whole-double", "1.0, which is 1 in normal form", say(BOB, first, says={"approved": 1.0}))
    refuse("says-number-key", "a number for a key", say(BOB, first, says={1: True}))
    refuse("says-number-key-within", "a number for a key further in", say(BOB, first, says={"a": {1: True}}))
    refuse("says-large-number", "an integer beyond 64 bits", say(BOB, first, says={"a": 2**63}))
    refuse("says-order", "keys out of order", say(BOB, first, says={"b": 1, "a": 2, "approved": True}))
    refuse("says-order-within", "keys out of order further in", say(BOB, first, says={"a": [{"b": 1, "a": 2}]}))
    refuse("says-undefined", "undefined", say(BOB, first, says={"a": Raw(b"\xf7")}))
    refuse(
        "says-long-double", "a double longer than it need be", say(BOB, first, says={"a": Raw(b"\xfa\x3f\xc0\x00\x00")})
    )
    refuse("says-deep", "17 maps nested", say(BOB, first, says=_nested(17)))
    refuse("says-large", "8193 bytes", say(BOB, first, says={"approved": True, "x" * 8: "y" * 8170}))
    refuse("order", "claims out of order",
           say(BOB, first, payload=cbor({"says": YES, 1: BOB.name, 4: NOW, 6: NOW, "to": [first.id, 0]})))  # fmt: skip
    refuse(
        "trailing",
        "a byte after the claims",
        say(BOB, first, payload=cbor({1: BOB.name, 4: NOW + 9, 6: NOW, "to": [first.id, 0], "says": YES}) + b"\0"),
    )
    refuse("text", "no map", say(BOB, first, payload=cbor("x" * 30)))


def _nested(depth: int) -> Any:
    return {"a": _nested(depth - 1)} if depth > 1 else {}


def _placed(maker: Maker) -> None:
    add(maker, "other-chain", "14.2", "a discharge for another chain's block", ONE.two,
        [say(BOB, held(needing(BOB), cti=b"another!").first)], "discharge_mismatch")  # fmt: skip
    add(maker, "other-block", "14.2", "a discharge for a block that needs nothing", ONE.two, [say(BOB, ONE.two)],
        "discharge_mismatch")  # fmt: skip
    add(maker, "other-place", "14.2", "a discharge for a need that there is not", ONE.two,
        [say(BOB, ONE.first, place=1)], "discharge_mismatch")  # fmt: skip
    two = held(needing(BOB), needing(CARA))
    add(maker, "other-need", "14.2", "a discharge for a need that does not name its signer", two.two,
        [say(BOB, two.first), say(BOB, two.first, place=1)], "discharge_mismatch", 0)  # fmt: skip
    add(maker, "req-bound", "14.2", "a request that is bound where none need be", ONE.two,
        [say(BOB, ONE.first, request=READ)])  # fmt: skip
    bound = [say(BOB, ONE.first, request=READ)]
    before = [as_text(ONE.two.present(prove(ONE.two, claims={"n": bytes(16)}), bound))]
    add(maker, "req-bound-again", "5.8", "what is bound to a request serves once, also where the need is standing",
        ONE.two, bound, "replayed", 0, before=before)  # fmt: skip
    add(maker, "req-binds", "14.2", "a request that is bound, though none need be, binds", ONE.two,
        [say(BOB, ONE.first, request=PAY)], "discharge_mismatch", 0)  # fmt: skip
    add(maker, "last-binds", "14.2", "a last block that is bound binds", append(ONE.two, step(HELPER)),
        [say(BOB, ONE.first, last=ONE.two)], "discharge_mismatch", 0)  # fmt: skip


def _timely(maker: Maker) -> None:
    aged = held(needing(BOB, age=100))

    def timed(name: str, comment: str, exp: int, iat: int, expect: str = "allow", **more: Any) -> None:
        hop = None if expect == "allow" else 0
        discharge = say(BOB, aged.first, claims={4: NOW + exp, 6: NOW + iat})
        add(maker, name, "14.2", comment, aged.two, [discharge], expect, hop, **more)

    timed("last-second", "in its last second", 1, -60)
    timed("expired", "over since this second: no leeway", 0, -60, "discharge_expired")
    timed("just-young", "just as old as the need allows", 600, -100)
    timed("too-old", "a second older", 600, -101, "discharge_expired")
    timed("just-ahead", "ahead by just the leeway", 600, 30)
    timed("ahead", "a second more", 600, 31, "discharge_expired")
    timed("ahead-without-leeway", "ahead, and there is no leeway", 600, 1, "discharge_expired", leeway=None)


def _each(maker: Maker) -> None:
    first, two = EACH.first, EACH.two
    good = say(BOB, first, request=PAY, last=two)
    add(maker, "each", "14.2", "for this request of this holder", two, [good], request=PAY)
    add(maker, "each-other-amount", "14.2", "approved for 500, used for 50,000", two, [good], "discharge_mismatch", 0,
        request=DEAR)  # fmt: skip
    other = append(first, step(HELPER))
    add(maker, "each-other-holder", "14.2", "approved for one agent, used by another", other, [good],
        "discharge_mismatch", 0, request=PAY)  # fmt: skip
    narrowed = append(two, step(WORKER, if_=listed(True)))
    add(maker, "each-narrowed", "14.2", "approved for one chain, used with a longer one", narrowed, [good],
        "discharge_mismatch", 0, request=PAY)  # fmt: skip
    for name, made in (
        ("request", say(BOB, first, last=two)),
        ("last", say(BOB, first, request=PAY)),
        ("binding", say(BOB, first)),
    ):
        add(maker, f"each-without-{name}", "14.2", f"for each request, and no {name}", two, [made],
            "discharge_mismatch", 0, request=PAY)  # fmt: skip
    earlier = two.present(prove(two, PAY, claims={"n": bytes(16)}), [good])
    add(maker, "each-again", "5.8", "the same approval with a new proof", two, [good], "replayed", 0, request=PAY,
        before=[as_text(earlier)])  # fmt: skip
    resigned = say(BOB, first, request=PAY, last=two, sign=sign_with_another_nonce)
    add(maker, "each-again-resigned", "5.8", "the same approval with another signature", two, [resigned], "replayed",
        0, request=PAY, before=[as_text(earlier)])  # fmt: skip
    refused = two.present(prove(two, PAY, claims={3: "mail.example.com"}), [good])
    add(maker, "each-after-refusal", "5.8", "an approval that was refused is not spent", two, [good], request=PAY,
        before=[as_text(refused)])  # fmt: skip
    team = held(needing(*TEAM, of=2, standing=LEFT_OUT))
    both = [say(each, team.first, request=PAY, last=team.two) for each in (BOB, CARA)]
    add(maker, "each-two", "14.2", "two approve one payment", team.two, both, request=PAY)
    add(maker, "each-two-other-amount", "14.2", "the same two approvals with another amount", team.two, both,
        "discharge_mismatch", 0, request=DEAR)  # fmt: skip


def _conditions(maker: Maker) -> None:
    def saying(name: str, comment: str, condition: Any, says: Any, expect: str = "allow", **more: Any) -> None:
        made = held(needing(BOB, condition=condition))
        hop = None if expect == "allow" else 0
        add(maker, f"says-{name}", "5.6", comment, made.two, [say(BOB, made.first, says=says)], expect, hop, **more)

    saying("no", "what is said is false", APPROVED, {"approved": False}, "discharge_refused")
    saying("nothing", "what the condition reads is not said", APPROVED, {}, "discharge_refused")
    saying("one", "1 is not true", APPROVED, {"approved": 1}, "discharge_refused")
    saying("no-bool", "a condition that comes to no bool", [0, "said", "n"], {"n": 1}, "discharge_refused")
    saying("limit", "what is said bounds an argument", [29, [0, "said", "limit"], [0, "args", "amount"]],
           {"limit": 500}, request=PAY)  # fmt: skip
    saying("over-limit", "an argument beyond what is said", [29, [0, "said", "limit"], [0, "args", "amount"]],
           {"limit": 499}, "discharge_refused", request=PAY)  # fmt: skip
    saying("key", "what is said is about the holder's key", [24, [0, "said", "key"], [0, "holder", "key"]],
           {"key": WORKER.thumbprint.hex()})  # fmt: skip
    saying("other-key", "what is said is about another's key", [24, [0, "said", "key"], [0, "holder", "key"]],
           {"key": HELPER.thumbprint.hex()}, "discharge_refused")  # fmt: skip
    loop = [19, [0, "said", "l"], "a", [19, [0, "said", "l"], "b", True]]
    saying("many-steps", "a condition whose steps run out", loop, {"l": [0] * 150}, "limit_exceeded")
    two = held(needing(BOB, CARA))
    made = [say(BOB, two.first), say(CARA, two.first, says={"approved": False})]
    add(maker, "says-no-beside-yes", "5.6", "one confirms, and one does not", two.two, made, "discharge_refused", 0)


def _revoked(maker: Maker) -> None:
    good = [say(BOB, ONE.first)]

    def revoked(name: str, comment: str, lists: list[str], expect: str = "revoked", **more: Any) -> None:
        hop = None if expect == "allow" else 0
        add(maker, f"revoked-{name}", "14.2", comment, ONE.two, good, expect, hop, revocations=lists, **more)

    revoked("by-itself", "the third party gave its key up", [revoking(BOB, keys=(BOB,))])
    revoked("by-revoker", "a revoker took its key back", [revoking(DAN, keys=(BOB,))], revokers=party(DAN))
    revoked("by-stranger", "somebody without a say", [revoking(MALLORY, keys=(BOB,))], "allow")
    revoked("by-root", "the root has no say about a third party", [revoking(ALICE, keys=(BOB,))], "allow")
    revoked("later", "given up after it had confirmed", [revoking(BOB, keys=(BOB,), since=NOW - 59)], "allow")
    revoked("since", "given up when it confirmed", [revoking(BOB, keys=(BOB,), since=NOW - 60)])
    add(
        maker, "revoked-none-of-junk", "14.2", "bytes that are nothing, beside a list", ONE.two, [*good, b"\x00" * 80],
        "discharge_invalid", revocations=[revoking(CARA, keys=(CARA,))],
    )  # fmt: skip
    add(
        maker, "revoked-none-of-strangers", "14.2", "a stranger's discharge, beside a list", ONE.two,
        [say(MALLORY, ONE.first)], "discharge_unexpected", revocations=[revoking(MALLORY, keys=(MALLORY,))],
    )  # fmt: skip
    revoked("other", "the key of one who does not confirm here", [revoking(CARA, keys=(CARA,))], "allow")


def _staples(maker: Maker) -> None:
    fresh = Held(*(chain(*steps) for steps in ((step(fresh=100),), (step(fresh=100), step(WORKER)))))
    clean = {"revoked": False}

    def stapled(
        name: str, comment: str, made: list[bytes], expect: str = "allow", hop: int | None = None, **more: Any
    ) -> None:
        settings = {"revokers": party(DAN), "third_parties": (), **more}
        add(maker, f"staple-{name}", "14.4", comment, fresh.two, made, expect, hop, **settings)

    def staple(about: Chain = fresh.two, says: Any = clean, signer: Any = DAN, **claims: Any) -> list[bytes]:
        given = {int(name[1:]): value for name, value in claims.items()}
        return [say(signer, about, place="fresh", says=says, claims=given)]

    stapled("fresh", "a revoker's word for this chain, a minute old", staple())
    stapled("missing", "no list, and no such word", [], "revocation_stale", 0)
    stapled("just-fresh", "just as old as the chain allows", staple(_6=NOW - 100))
    stapled("too-old", "a second older", staple(_6=NOW - 101), "revocation_stale", 0)
    stapled("expired", "over since this second", staple(_4=NOW), "discharge_expired")
    stapled("ahead", "ahead by more than the leeway", staple(_6=NOW + 31), "discharge_expired")
    stapled("parent", "for the chain above: a block below it may be revoked", staple(fresh.first), "discharge_mismatch")
    stapled("by-third-party", "by a third party that is no revoker", staple(signer=BOB), "discharge_unexpected",
            third_parties=(BOB,))  # fmt: skip
    both = chain(step(fresh=100, need=listed(needing(BOB))))
    add(
        maker, "staple-by-asked-party", "14.4", "by a third party that a need asks for, and that is no revoker", both,
        [say(BOB, both), *staple(both, signer=BOB)], "discharge_unexpected", revokers=party(DAN),
    )  # fmt: skip
    stapled("by-holder", "by the holder", staple(signer=WORKER), "discharge_unexpected")
    stapled("revoked", "it says that something was revoked", staple(says={"revoked": True}), "discharge_invalid")
    stapled("says-more", "it says something else beside", staple(says={"note": 1, "revoked": False}),
            "discharge_invalid")  # fmt: skip
    stapled("two-revokers", "one of two revokers", staple(), "revocation_stale", 0, revokers=party(CARA, DAN))
    stapled("both-revokers", "both revokers", staple() + staple(signer=CARA), revokers=party(CARA, DAN))
    stapled("and-list", "one revoker's word, and the other's list", staple(), revokers=party(CARA, DAN),
            revocations=[revoking(CARA)])  # fmt: skip
    stapled("record-counts", "a record counts, whatever a staple says", staple(), "revoked", 1,
            revocations=[revoking(DAN, blocks=(fresh.two,), exp=NOW + 1, iat=NOW - 700)])  # fmt: skip
    stapled("own-bound", "a verifier's own bound", staple(), max_revocation_age=60)
    stapled("own-bound-old", "older than a verifier's own bound", staple(), "revocation_stale", max_revocation_age=59)
    stapled("twice", "two words of one revoker", staple() + staple(_6=NOW - 50), "discharge_unexpected")
    add(
        maker, "staple-unasked", "14.4", "where nothing asks how fresh it is", ONE.two,
        [say(BOB, ONE.first), *staple(ONE.two)], "discharge_unexpected", revokers=party(DAN), third_parties=(BOB,),
    )  # fmt: skip
