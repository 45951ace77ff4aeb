"""Attacks with revocation lists: to take back what is another's, to un-revoke, to exhaust."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from typing import Any

import cbor2
import pytest

from delegate import (
    AsyncVerifier,
    Presentation,
    Reason,
    RevocationList,
    RevokedBlock,
    RevokedKey,
    Token,
    UnverifiedToken,
)
from delegate.authoring.signers import Signer
from delegate.core.chain import revocations
from delegate.core.wire import armor, cbor, cose
from delegate.errors import DelegateError
from delegate.limits import REVOCATIONS, REVOCATIONS_BYTES
from delegate.state import MemoryRevocations
from tests.attacks.world import ALICE, AUDIENCE, MALLORY, NOW, PLANNER, READ, WORKER, minted, refusal, verifier

PURPOSE = b"\x58\x37delegate/1 revocations\0"


def listed(**terms: Any) -> RevocationList:  # noqa: ANN401 - terms of `make`
    """Alice's list of one block and one key."""
    usual = {"blocks": [RevokedBlock.of(minted())], "keys": [RevokedKey(WORKER.public_key.thumbprint)], "now": NOW}
    return ALICE.revoke(**{**usual, **terms})


def reason_of(source: Any) -> Reason:  # noqa: ANN401 - whatever an attacker sends
    """Why it is no list; it is a fault of the test if it is one."""
    try:
        RevocationList.parse(source)
    except DelegateError as error:
        assert error.hop is None  # noqa: PT017 - the reason is what is asked for
        return error.reason
    raise AssertionError("taken for a list")


def forged(signer: Signer, claims: dict[Any, Any], thumbprint: bytes | None = None, purpose: bytes = PURPOSE) -> bytes:
    """A list that says anything, signed by anybody."""
    place = signer.public_key.thumbprint if thumbprint is None else thumbprint
    protected = cose.protected_header(signer.public_key.algorithm, place)
    payload = cose.byte_string(cbor2.dumps(claims))
    structure = cose.sig_structure(protected, purpose + place, payload)
    return cbor2.dumps([6, cose.assemble(protected, payload, signer.sign(structure))])


def claims_of(found: RevocationList) -> dict[Any, Any]:
    """What a list says, to be altered."""
    claims: dict[Any, Any] = cbor2.loads(cbor2.loads(cbor2.loads(found.to_bytes())[1])[2])
    return claims


def test_a_list_in_another_s_name() -> None:
    """Mallory signs Alice's claims: under Alice's thumbprint it does not hold, under hers it is not Alice's."""
    claims = claims_of(listed())
    assert reason_of(forged(MALLORY.signer, claims, ALICE.public_key.thumbprint)) is Reason.BAD_SIGNATURE
    assert reason_of(forged(MALLORY.signer, claims)) is Reason.MALFORMED
    claims[8] = {1: cbor.decode(MALLORY.public_key.cose_key)}
    assert reason_of(forged(MALLORY.signer, claims, ALICE.public_key.thumbprint)) is Reason.MALFORMED
    own = RevocationList.parse(forged(MALLORY.signer, claims))
    assert (own.issuer, own.signer) == (ALICE.name, MALLORY.public_key.thumbprint)
    assert {record.signer for record in own.records} == {MALLORY.public_key.thumbprint}


def test_every_bit_of_a_list_is_signed_or_refused() -> None:
    """One bit changed anywhere, one byte less or more: no list."""
    data = listed().to_bytes()
    for at in range(len(data)):
        for bit in range(8):
            reason_of(data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :])
        assert reason_of(data[:at]) is Reason.TRUNCATED
    reason_of(data + b"\0")


def test_every_cut_of_the_text_says_that_it_was_cut() -> None:
    """A paste that ends early sends its reader to the clipboard, not after a forger."""
    text = listed().to_text()
    for size in range(len("dlgr_") + 1, len(text)):
        assert reason_of(text[:size]) is Reason.TRUNCATED


def test_a_list_signed_again_is_the_same_list() -> None:
    """A second signature by the same key changes nothing that is read: records go by their content."""
    found = listed()
    assert RevocationList.parse(forged(ALICE.signer, claims_of(found))).records == found.records


def test_a_list_is_no_block_and_no_proof_and_neither_is_a_list() -> None:
    """The signed part of each, put in the place of another: the purpose is another."""
    token = minted()
    presentation = PLANNER.prove(token, READ, AUDIENCE, now=NOW)
    signed: bytes = cbor2.loads(listed().to_bytes())[1]
    by_planner: bytes = cbor2.loads(PLANNER.revoke(now=NOW).to_bytes())[1]
    for stranger in (token.blocks[0], presentation.proof):
        assert reason_of(cbor2.dumps([6, stranger])) in {Reason.MALFORMED, Reason.BAD_SIGNATURE}
    service = verifier()
    assert refusal(service, Presentation((signed,), presentation.proof))[0] is Reason.BAD_SIGNATURE
    assert refusal(service, Presentation((*token.blocks, by_planner), presentation.proof))[0] is Reason.MALFORMED
    assert refusal(service, Presentation(token.blocks, by_planner))[0] in {Reason.MALFORMED, Reason.PROOF_WRONG_KEY}
    for purpose in (b"\x58\x31delegate/1 block\0", b"\x58\x31delegate/1 proof\0"):
        assert reason_of(forged(ALICE.signer, claims_of(listed()), purpose=purpose)) is Reason.BAD_SIGNATURE


def test_a_list_is_no_token_and_a_token_is_no_list() -> None:
    """Each envelope under the other's number or prefix."""
    data, token = listed().to_bytes(), minted()
    assert refusal(verifier(), data)[0] is Reason.UNSUPPORTED_VERSION
    assert refusal(verifier(), listed().to_text())[0] is Reason.MALFORMED
    assert refusal(verifier(), "dlgt_" + armor.to_base64url(data))[0] is Reason.UNSUPPORTED_VERSION
    assert reason_of(token.to_bytes()) is Reason.UNSUPPORTED_VERSION
    assert reason_of(token.to_text()) is Reason.MALFORMED
    assert reason_of("dlgr_" + armor.to_base64url(token.to_bytes())) is Reason.UNSUPPORTED_VERSION
    with pytest.raises(DelegateError):
        UnverifiedToken.parse(data)
    with pytest.raises(DelegateError):
        Token.parse(listed().to_text())


def test_an_old_list_does_not_un_revoke() -> None:
    """The signer's next list, made from an old one, brings back nothing that the newest had: merge has both."""
    old = listed(blocks=None)
    new = listed(previous=old)
    replayed = ALICE.revoke(previous=[new, old], now=NOW)
    assert set(replayed.records) == set(new.records)
    assert replayed.sequence > new.sequence


def test_records_out_of_order_or_twice() -> None:
    """Two records about one block in one list: which would count? Neither is read."""
    claims = claims_of(listed())
    (entry,) = claims["blocks"]
    for entries in ([entry, entry], [entry, [entry[0], entry[1] + 1]], [[b"\xff" * 32, 1], [bytes(32), 1]]):
        assert reason_of(forged(ALICE.signer, {**claims, "blocks": entries})) is Reason.NOT_CANONICAL


def test_a_claim_that_nobody_knows_denies() -> None:
    """It may have said that a record counts only sometimes."""
    claims = {**claims_of(listed()), "unless": 1}
    ordered = dict(sorted(claims.items(), key=lambda pair: cbor2.dumps(pair[0])))
    assert reason_of(forged(ALICE.signer, ordered)) is Reason.UNKNOWN_CLAIM


@pytest.mark.parametrize(
    "source",
    [
        b"\x82\x06\x5a" + (10_000_000).to_bytes(4) + bytes(10_000_000),
        "dlgr_" + "A" * 14_000_000,
        bytes(REVOCATIONS_BYTES + 1),
    ],
    ids=["bytes", "text", "zeros"],
)
def test_ten_megabytes(source: str | bytes) -> None:
    """Size first: nothing of it is decoded."""
    assert reason_of(source) is Reason.LIMIT_EXCEEDED


def test_one_record_too_many() -> None:
    """65,537 records that a signer put together by other means."""
    claims = {
        **claims_of(listed(blocks=None, keys=None)),
        "blocks": [[n.to_bytes(32), 0] for n in range(REVOCATIONS + 1)],
    }
    assert reason_of(forged(ALICE.signer, claims)) is Reason.LIMIT_EXCEEDED


def test_deep_nesting_and_vast_lengths() -> None:
    """A payload of brackets, and lengths that promise what is not there."""
    for payload in (b"\x81" * 100_000, b"\xbf" * 5000, b"\x9b" + b"\xff" * 8, b"\xa1\x08" * 5000 + b"\xa0"):
        item = cose.byte_string(payload)
        protected = cose.protected_header(cose.ED25519, ALICE.public_key.thumbprint)
        reason_of(cbor2.dumps([6, cose.assemble(protected, item, bytes(64))]))


LONG = 65_536  # bytes of a payload that is not decoded


def framed(payload: bytes, signer: Signer = ALICE.signer, *, holds: bool = True) -> bytes:
    """A list of any payload, signed or not."""
    place = signer.public_key.thumbprint
    protected, item = cose.protected_header(signer.public_key.algorithm, place), cose.byte_string(payload)
    signature = signer.sign(cose.sig_structure(protected, PURPOSE + place, item)) if holds else bytes(64)
    return b"\x82\x06" + cose.byte_string(cose.assemble(protected, item, signature))


def full(count: int = 2_000, **more: Any) -> dict[Any, Any]:  # noqa: ANN401 - what a list says
    """What a long list of Alice's says."""
    keys = [[number.to_bytes(32), NOW] for number in range(1, count + 1)]
    return {**claims_of(listed()), "keys": keys, **more}


def encoded(claims: dict[Any, Any]) -> bytes:
    """As it travels."""
    return cbor2.dumps(claims, canonical=True)


def test_a_long_list_reads_as_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte or decoded whole: the same records, words and all."""
    blocks = [[number.to_bytes(32), NOW + number, "wörds \N{SNOWMAN}"] for number in range(3)]
    times = [0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, NOW]
    keys = [
        [number.to_bytes(32), at, "x" * size]
        for number, (at, size) in enumerate(zip(times, (1, 23, 24, 255, 256) * 2, strict=True))
    ]
    for claims in (full(), full(blocks=blocks), full(keys=[*keys, *full()["keys"][20:]])):
        payload = encoded(claims)
        assert len(payload) > LONG
        read = RevocationList.parse(framed(payload))
        with monkeypatch.context() as patch:
            patch.setattr(revocations, "_LONG_PAYLOAD", 1 << 30)
            assert RevocationList.parse(framed(payload)) == read
        assert len(read.records) == len(claims["keys"]) + len(claims["blocks"])


def altered(payload: bytes) -> dict[str, tuple[bytes, Reason]]:
    """A long payload with one fault each, and why it is refused."""
    at = payload.index(b"\x64keys")
    head, behind = payload[:at], payload[payload.index(b"\x66blocks") :]
    record = b"\x82\x58\x20" + bytes(32) + b"\x00"
    array = payload[at + 5 : -len(behind)]
    late = (9_999).to_bytes(32)

    def with_last(entry: bytes) -> bytes:
        return head + b"\x64keys\x99\x07\xd1" + array[3:] + entry + behind

    return {
        "no map": (b"\x87" + payload[1:], Reason.MALFORMED),
        "of more claims": (b"\xa8" + payload[1:] + b"\x67another\x00", Reason.MALFORMED),
        "of fewer": (b"\xa6" + payload[1:], Reason.MALFORMED),
        "another behind": (payload + b"\x00", Reason.MALFORMED),
        "cut": (payload[:-1], Reason.MALFORMED),
        "cut within the first claims": (b"\xa7\x01\x7a\x00\xff\xff\xff" + payload[1:], Reason.MALFORMED),
        "a tag first": (b"\xa7\x01\xc1\x00" + payload[3:], Reason.MALFORMED),
        "without an end first": (b"\xa7\x01\x9f\x00\xff" + payload[3:], Reason.MALFORMED),
        "many small ones first": (b"\xa7\x01\x98\x64" + b"\x80" * 100 + payload[3:], Reason.MALFORMED),
        "small ones": (head + b"\x64keys\x9a\x00\x00\xff\xff" + b"\x80" * 70_000, Reason.MALFORMED),
        "no array": (head + b"\x64keys\x5a\x00\x01\x00\x00" + bytes(65_536) + behind, Reason.MALFORMED),
        "too many": (head + b"\x64keys\x9a\x00\x01\x00\x01" + record * 3_000, Reason.LIMIT_EXCEEDED),
        "far too many": (head + b"\x64keys\x9b" + b"\xff" * 8 + record * 3_000, Reason.LIMIT_EXCEEDED),
        "a longer head of an array": (head + b"\x64keys\x9a\x00\x00\x07\xd0" + array[3:] + behind, Reason.MALFORMED),
        "a record of one": (with_last(b"\x81\x58\x20" + late), Reason.MALFORMED),
        "a record of four": (with_last(b"\x84\x58\x20" + late + b"\x00\x61x\x00"), Reason.MALFORMED),
        "a short subject": (with_last(b"\x82\x58\x1f" + late[1:] + b"\x00"), Reason.MALFORMED),
        "no subject": (with_last(b"\x82\x78\x20" + b"a" * 32 + b"\x00"), Reason.MALFORMED),
        "out of order": (with_last(record), Reason.NOT_CANONICAL),
        "a time before": (with_last(b"\x82\x58\x20" + late + b"\x20"), Reason.MALFORMED),
        "a time too late": (with_last(b"\x82\x58\x20" + late + b"\x1b" + b"\xff" * 8), Reason.MALFORMED),
        "a longer head of a time": (with_last(b"\x82\x58\x20" + late + b"\x18\x17"), Reason.MALFORMED),
        "a time without end": (with_last(b"\x82\x58\x20" + late + b"\x1f"), Reason.MALFORMED),
        "why in bytes": (with_last(b"\x83\x58\x20" + late + b"\x00\x41x"), Reason.MALFORMED),
        "why is empty": (with_last(b"\x83\x58\x20" + late + b"\x00\x60"), Reason.MALFORMED),
        "why is no text": (with_last(b"\x83\x58\x20" + late + b"\x00\x61\xff"), Reason.MALFORMED),
        "why is long": (with_last(b"\x83\x58\x20" + late + b"\x00\x79\x01\x01" + b"x" * 257), Reason.LIMIT_EXCEEDED),
        "the arrays the other way round": (head + behind + payload[at : -len(behind)], Reason.MALFORMED),
        "an array twice": (b"\xa7" + head[1:] + (payload[at : -len(behind)]) * 2, Reason.MALFORMED),
        "another key for an array": (payload.replace(b"\x64keys", b"\x64kews"), Reason.MALFORMED),
    }


FAULTS = altered(encoded(full()))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_long_list_with_a_fault(fault: str) -> None:
    """Whoever signs it: it is refused as it is read, and where its signature does not hold, before its records are."""
    payload, reason = FAULTS[fault]
    assert len(payload) > LONG
    assert reason_of(framed(payload)) is reason
    assert reason_of(framed(payload, holds=False)) in {reason, Reason.BAD_SIGNATURE}


SMALL = b"\x80" * (REVOCATIONS_BYTES - 200)
FLOODS = {
    "in the envelope": b"\x82\x06" + SMALL,
    "in the content": b"\x82\x06" + cose.byte_string(b"\x84" + SMALL[:-20]),
    "in the payload": framed(SMALL, holds=False),
    "among the first claims": framed(b"\xa7\x01\x9a\x00\x3f\xff\x00" + SMALL[7:], holds=False),
    "as keys": framed(encoded(claims_of(listed()))[:-60] + SMALL[1_000:], holds=False),
    "as records, signed": framed(FAULTS["small ones"][0][:-70_000] + SMALL[1_000:]),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_four_mebibytes_of_small_items_are_not_decoded(flood: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """To decode them takes seconds and hundreds of MiB: no more is decoded at a time than a short list may hold."""
    decoded: list[int] = []
    real = cbor.decode

    def decode(data: bytes) -> object:
        decoded.append(len(data))
        return real(data)

    monkeypatch.setattr(cbor, "decode", decode)
    assert len(flood) > REVOCATIONS_BYTES - 2_000
    tracemalloc.start()
    try:
        assert reason_of(flood) in {Reason.MALFORMED, Reason.BAD_SIGNATURE}
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()
    assert max(decoded, default=0) < LONG


def test_reading_a_list_does_not_hold_up_the_loop() -> None:
    """Other tasks go on while a list is read, and while it is taken into memory."""
    seen: set[int] = set()
    main = threading.get_ident()

    async def story() -> None:
        taker = AsyncVerifier([ALICE.principal], audience=AUDIENCE, clock=lambda: NOW)
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in ((revocations, "_read_long"), (MemoryRevocations, "add")):
                real = getattr(owner, name)

                def noted(*given: Any, _real: Any = real, **named: Any) -> Any:  # noqa: ANN401 - passed on
                    seen.add(threading.get_ident())
                    return _real(*given, **named)

                patch.setattr(owner, name, noted)
            assert await taker.accept_revocations(framed(encoded(full()))) == 2_001
            with pytest.raises(DelegateError):
                await taker.accept_revocations(FLOODS["as records, signed"])

    asyncio.run(story())
    assert seen
    assert main not in seen
