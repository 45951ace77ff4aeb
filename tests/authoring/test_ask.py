"""Asks and discharges as they travel: one form, and nothing but a result or a `DelegateError` from any other."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest

from delegate import (
    Ask,
    AttenuationError,
    DelegateError,
    Discharge,
    Holder,
    Identity,
    Reason,
    Request,
    Token,
    TokenError,
    need,
)
from delegate.authoring import singles
from delegate.authoring.ask import asks
from delegate.limits import ASK_BYTES, DISCHARGE_BYTES
from tests import cddl

NOW = 1_790_000_000
ALICE, BOB, CAROL, WORKER = (
    Identity.from_seed(name, bytes((n,)) * 32)
    for n, name in enumerate(("user:alice@example.com", "user:bob@example.com", "user:carol@example.com", "agent:w"), 1)
)
PAY = Request("pay", "/till/1", {"amount": 500, "to": {"name": "bob"}, "blob": b"\x00", "rate": 2.5})


def minted(**terms: Any) -> Token:  # noqa: ANN401 - terms of `need`
    """A chain with one need."""
    wanted = need([BOB.principal, CAROL.principal], **terms)
    return ALICE.mint(to=WORKER.principal, can="pay **", ttl="1h", why="office chairs", needs=wanted, now=NOW)


def asked(**terms: Any) -> Ask:  # noqa: ANN401 - terms of `need`
    """What bob is shown."""
    (found,) = asks(minted(**terms).link, PAY)
    return found


def asked_for_all(**terms: Any) -> Ask:  # noqa: ANN401 - terms of `need`
    """What bob is shown where the need is standing, and no request was given."""
    (found,) = asks(minted(standing=True, **terms).link)
    return found


ASKS = [asked(), asked(of=2, max_age="15m"), asked_for_all(condition="said.limit >= 1.5")]


@pytest.mark.parametrize("ask", ASKS, ids=["plain", "two", "standing"])
def test_an_ask_reads_back_and_has_the_schemas_shape(ask: Ask) -> None:
    """Text and bytes of an ask are read as the same ask; pasted white space is not part of it."""
    assert Ask.parse(ask.to_text()) == ask == Ask.parse(ask.to_bytes()) == Ask.parse(f" {ask.to_text()}\n")
    assert cddl.check("ask", ask.to_bytes())


def test_an_ask_shows_what_binds_and_what_is_claimed() -> None:
    """The request that was given, always; without one what the chain permits; never the chain."""
    token = minted()
    (each,) = Holder(WORKER, token).asks(PAY)
    assert (each.request, each.last, each.block_id) == (PAY, token.link.id, token.link.id)
    assert (each.originator, each.holder, each.why) == (ALICE.name, WORKER.name, "office chairs")
    assert each.holder_key == WORKER.public_key.thumbprint
    assert token.blocks[0] not in each.to_bytes()
    assert (asked(standing=True).request, asked(standing=True).permits) == (PAY, ())
    everything = asked_for_all()
    assert (everything.request, everything.last, everything.permits) == (None, None, ("pay **",))
    with pytest.raises(ValueError, match="applies to each request; give the request"):
        Holder(WORKER, token).asks()


def test_the_digest_is_of_the_request_that_was_shown() -> None:
    """A holder shows a small payment: the discharge is for that one, whatever the holder has in mind."""
    ask = asked()
    said = BOB.discharge(ask, says={"approved": True}, ttl="5m", now=NOW).claimed
    assert (said.digest, said.last) == (PAY.digest, ask.last)
    assert BOB.discharge(asked(standing=True), says={}, ttl="5m", now=NOW).claimed.digest == PAY.digest
    assert BOB.discharge(asked_for_all(), says={}, ttl="5m", now=NOW).claimed.digest is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((2, "x"), (2, 1), ("by", []), ("by", [b"x"]), ("if", [72, 1]), ("of", 0), ("of", 3), ("of", True)),
        *(("to", [b"x" * 32]), ("to", [b"x" * 31, 0]), ("to", [b"x" * 32, 8]), ("to", [b"x" * 32, True])),
        *(("for", "alice"), ("key", b"x"), ("age", 0), ("why", ""), ("why", "a\nb"), ("why", "x" * 257)),
        *(("last", b"x"), ("last", None), ("req", None), ("req", ["pay"]), ("req", ["", None, {}])),
        *(("req", ["pay", None, {"n": 1.0}]), ("req", ["pay", None, {1: 2}]), ("only", 1), (9, 1), ("can", ["pay **"])),
    ],
)
def test_an_ask_of_another_form_is_refused(key: int | str, value: object) -> None:
    """One entry replaced by a wrong one."""
    said = cbor2.loads(cbor2.loads(asked().to_bytes())[1])
    said[key] = value
    with pytest.raises(TokenError):
        Ask.parse(singles.build(singles.ASK, cbor2.dumps(said, canonical=True)))


@pytest.mark.parametrize("missing", [2, "by", "if", "of", "to", "for", "key", "req", "last"])
def test_an_ask_without_what_it_must_have_is_refused(missing: int | str) -> None:
    """A request without its last block, or the other way round, included."""
    said = cbor2.loads(cbor2.loads(asked().to_bytes())[1])
    del said[missing]
    with pytest.raises(TokenError):
        Ask.parse(singles.build(singles.ASK, cbor2.dumps(said, canonical=True)))


@pytest.mark.parametrize(
    "permits", [None, [], [""], [1], "pay", ["a\nb"], ["pay"] * 65, ["x" * 16_385], ["\u202e"]], ids=repr
)
def test_an_ask_that_shows_nothing_or_too_much_is_refused(permits: object) -> None:
    """Without a request there is what the chain permits: some plain texts, as many as a person reads."""
    said = cbor2.loads(cbor2.loads(asked_for_all().to_bytes())[1])
    said["can"] = permits
    if permits is None:
        del said["can"]
    with pytest.raises(TokenError):
        Ask.parse(singles.build(singles.ASK, cbor2.dumps(said, canonical=True)))


def test_a_chain_that_permits_too_much_to_be_read_is_asked_for_one_request() -> None:
    """Nobody confirms what cannot be shown whole."""
    conditions = [f"args.a{n} != '{'x' * 200}'" for n in range(16)]
    wanted = need([BOB.principal], standing=True)
    token = ALICE.mint(to=WORKER.principal, can=[f"pay{n}" for n in range(8)], caveats=conditions, needs=wanted, ttl=60)
    with pytest.raises(TokenError, match="too much to be shown; ask for one request"):
        asks(token.link)
    assert asks(token.link, PAY)[0].request == PAY


def test_a_discharge_reads_back_and_has_the_schemas_shape() -> None:
    """Text and bytes; a staple too."""
    for made in (
        BOB.discharge(ASKS[1], says={"approved": True, "n": [1.5, None, b"x"]}, ttl="5m", now=NOW),
        BOB.staple(minted(), ttl="1h", now=NOW),
    ):
        assert Discharge.parse(made.to_text()) == made == Discharge.parse(made.to_bytes())
        assert cddl.check("single-discharge", made.to_bytes())
        header, _, payload, _ = cbor2.loads(made.signed)
        assert cddl.pycddl_check("hinted-protected", header)
        assert cddl.pycddl_check("discharge-claims", payload)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (0, 1, Reason.UNKNOWN_CLAIM),
        (3, "shop", Reason.UNKNOWN_CLAIM),
        (1, "bob", Reason.MALFORMED),
        (1, 5, Reason.MALFORMED),
        (4, 1.5, Reason.MALFORMED),
        (6, -1, Reason.MALFORMED),
        ("req", b"short", Reason.MALFORMED),
        ("last", None, Reason.MALFORMED),
        ("to", [bytes(32), "stale"], Reason.MALFORMED),
        ("says", [1], Reason.MALFORMED),
        ("says", {1: 2}, Reason.MALFORMED),
        ("says", {"a": {1: 2}}, Reason.MALFORMED),
        ("says", {"a": 1.0}, Reason.NOT_CANONICAL),
        ("says", {"a": "x" * 8200}, Reason.LIMIT_EXCEEDED),
    ],
    ids=repr,
)
def test_a_discharge_of_another_form_is_refused(key: int | str, value: object, reason: Reason) -> None:
    """One claim replaced by a wrong one: not even shown as claimed."""
    header, _, payload, signature = cbor2.loads(BOB.discharge(ASKS[1], says={"a": 1}, ttl="5m", now=NOW).signed)
    claims = cbor2.loads(payload)
    claims[key] = value
    data = cbor2.dumps([header, {}, cbor2.dumps(claims, canonical=True), signature])
    with pytest.raises(TokenError) as caught:
        Discharge.parse(singles.build(singles.DISCHARGE, data))
    assert caught.value.reason is reason


@pytest.mark.parametrize("payload", [5, "x" * 30, [1, 2, 3] * 9, None, {}], ids=repr)
def test_a_discharge_that_says_no_map_is_refused(payload: object) -> None:
    """Any other item, and a map of nothing."""
    header, _, _, signature = cbor2.loads(BOB.staple(minted(), ttl="1h", now=NOW).signed)
    data = cbor2.dumps([header, {}, cbor2.dumps(payload), signature])
    with pytest.raises(TokenError) as caught:
        Discharge.parse(singles.build(singles.DISCHARGE, data))
    assert caught.value.reason is Reason.MALFORMED


def test_who_is_not_asked_cannot_confirm() -> None:
    """An ask that names others is not signed by mistake."""
    with pytest.raises(AttenuationError) as caught:
        ALICE.discharge(ASKS[0], says={"approved": True}, ttl="5m")
    assert caught.value.reason is Reason.DISCHARGE_UNEXPECTED


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"n": float("nan")}, Reason.MALFORMED),
        ({"n": 2**64}, Reason.MALFORMED),
        ({"n": "x" * 8200}, Reason.LIMIT_EXCEEDED),
    ],
    ids=["nan", "large", "long"],
)
def test_what_has_no_single_meaning_cannot_be_said(says: dict[str, object], reason: Reason) -> None:
    """The same values as arguments; a whole double is said as the integer that it is."""
    with pytest.raises(DelegateError) as caught:
        BOB.discharge(ASKS[0], says=says, ttl="5m", now=NOW)
    assert caught.value.reason is reason
    assert BOB.discharge(ASKS[0], says={"n": 1.0}, ttl="5m", now=NOW).claimed.says == {"n": 1}


KINDS = [(Ask, singles.ASK, ASKS[0].to_text()), (Discharge, singles.DISCHARGE, BOB.staple(minted(), ttl=9).to_text())]


@pytest.mark.parametrize(("kind", "single", "text"), KINDS, ids=["ask", "discharge"])
def test_every_other_text_is_refused_by_name(kind: Any, single: singles.Single, text: str) -> None:  # noqa: ANN401
    """A wrong prefix, padding, a cut, another envelope, more bytes than there may be."""
    content = singles.parse(single, text)
    most = {singles.ASK: ASK_BYTES, singles.DISCHARGE: DISCHARGE_BYTES}[single]
    other = singles.DISCHARGE if single is singles.ASK else singles.ASK
    for source, reason in (
        ("dlgt_" + text[5:], Reason.MALFORMED),
        (text[:5] + "!" + text[6:], Reason.MALFORMED),
        (text[: len(text) // 2], Reason.TRUNCATED),
        (text[:5] + "A" * (most * 2), Reason.LIMIT_EXCEEDED),
        (singles.build(single, content) + b"\x00", Reason.NOT_CANONICAL),
        (singles.build(single, content)[:-1], Reason.TRUNCATED),
        (singles.build(single, bytes(most + 1)), Reason.LIMIT_EXCEEDED),
        (bytes(most * 2), Reason.LIMIT_EXCEEDED),
        (singles.build(other, content), Reason.UNSUPPORTED_VERSION),
        (cbor2.dumps([single.number]), Reason.MALFORMED),
        (cbor2.dumps([True, content]), Reason.MALFORMED),
        (b"", Reason.TRUNCATED),
        (singles.build(single, b"\xa0"), Reason.MALFORMED),
        (singles.build(single, b""), Reason.TRUNCATED),
    ):
        with pytest.raises(DelegateError) as caught:
            kind.parse(source)
        assert caught.value.reason is reason, source[:40]
    with pytest.raises(TypeError):
        kind.parse(5)
    with pytest.raises(DelegateError, match=f"{single.word} begins with {single.prefix}"):
        kind.parse("dlgt_" + text[5:])
    assert {"ask": "an ask", "discharge": "a discharge"}[kind.__name__.lower()] == single.word


def test_a_presentation_is_kept_within_its_size() -> None:
    """Discharges that do not fit into 32 KiB are refused to whoever brings them."""
    token = minted()
    (ask,) = asks(token.link, PAY)
    large = BOB.discharge(ask, says={"n": "x" * 8000}, ttl="5m", now=NOW)
    assert WORKER.prove(token, PAY, "shop", discharges=[large] * 3, now=NOW).discharges == (large.signed,) * 3
    with pytest.raises(AttenuationError) as caught:
        WORKER.prove(token, PAY, "shop", discharges=[large] * 5, now=NOW)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
