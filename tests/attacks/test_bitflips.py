"""Whatever one does to the bytes of an accepted vector, without its keys: nothing of it is accepted.

Every single bit flipped, every truncation, every block dropped, swapped, doubled or spliced from another vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from delegate.core.chain.binding import frame
from delegate.core.wire import armor, envelope
from delegate.core.wire.envelope import Envelope, Kind
from delegate.errors import DelegateError, Reason
from tests import vectors
from tests.vectors import Vector

ACCEPTED = vectors.accepted()
_EVERY_BIT_BYTES = 600
each_accepted = pytest.mark.parametrize("vector", ACCEPTED, ids=lambda vector: vector.name)
Accepts = Callable[[str | bytes], bool]


def judge(vector: Vector) -> Accepts:
    """One verifier for many attempts; says whether it accepts. What it remembers of the vector must not help."""
    verifier = vector.without_memory()
    request, facts = vector.request, vector.facts
    if not vector.judged_as_chain:
        return lambda source: verifier.decide(source, request, **facts).allowed

    def genuine(source: str | bytes) -> bool:
        try:
            verifier.verify_chain(source)
        except DelegateError:
            return False
        return True

    return genuine


def digest_of(vector: Vector) -> bytes:
    """What tells the vector's request from others."""
    return vector.request.digest


def data_of(vector: Vector) -> bytes:
    """The vector's bytes, whatever form it is written in."""
    return envelope.build(frame(vector.source))


@each_accepted
def test_no_flipped_bit_is_accepted(vector: Vector) -> None:
    """An attacker flips one bit, any bit: of a header, a claim, a signature, a length, a bearer token's secret.

    In the middle of what is long, one bit of each byte.
    """
    data = data_of(vector)
    accepts = judge(vector)
    assert accepts(data)  # as it is: nothing below is refused for another reason
    accepted = []
    flipped = bytearray(data)
    for at in range(len(data)):
        for bit in range(8) if min(at, len(data) - at) < _EVERY_BIT_BYTES else (at % 8,):
            flipped[at] ^= 1 << bit
            if accepts(bytes(flipped)):
                accepted.append((at, bit))
            flipped[at] ^= 1 << bit
    assert accepted == []
    assert accepts(data)


# One of each file and each envelope: a changed character is a few changed bits, and those of all vectors are above.
SOME = [vector for at, vector in enumerate(ACCEPTED) if at % 8 == 0]


@pytest.mark.parametrize("vector", SOME, ids=lambda vector: vector.name)
def test_no_flipped_bit_of_the_text_is_accepted(vector: Vector) -> None:
    """The same in the text form, as a bad line or a typing error does it: a character becomes another."""
    data = data_of(vector)
    text = armor.encode(frame(data).kind, data)
    accepts = judge(vector)
    assert accepts(text)
    accepted = [
        (at, bit)
        for at in range(len(text))
        for bit in range(8)
        if accepts(text[:at] + chr(ord(text[at]) ^ 1 << bit) + text[at + 1 :])
    ]
    assert accepted == []


@each_accepted
def test_a_cut_off_token_is_truncated_and_not_forged(vector: Vector) -> None:
    """A paste is cut off, at any byte or character: refused, and whoever reads the reason looks at the clipboard."""
    data = data_of(vector)
    text = armor.encode(frame(data).kind, data)
    verifier = vector.verifier()
    pieces: list[str | bytes] = [data[:size] for size in range(1, len(data))]
    pieces += [text[:size] for size in range(armor.PREFIX_CHARACTERS, len(text))]
    reasons = {verifier.decide(piece, vector.request, **vector.facts).reason for piece in pieces}
    assert reasons == {Reason.TRUNCATED}
    assert not any(map(judge(vector), (text[:size] for size in range(armor.PREFIX_CHARACTERS))))


@each_accepted
def test_nothing_can_be_put_in_front_or_behind(vector: Vector) -> None:
    """A decoder that ignores what trails would take a shorter chain inside a longer text: any byte, at either end."""
    data = data_of(vector)
    accepts = judge(vector)
    assert accepts(data)
    more = [bytes((byte,)) for byte in range(256)] + [data]
    assert not any(accepts(data + each) or accepts(each + data) for each in more)


# All that the holders of these keys ever signed, and every chain that a holder was ever handed.
ISSUED = {data_of(vector): digest_of(vector) for vector in ACCEPTED}
CHAINS = {blocks[:size] for blocks in (frame(data).blocks for data in ISSUED) for size in range(1, len(blocks) + 1)}
BLOCKS = sorted({block for blocks in CHAINS for block in blocks})
PROOFS = sorted({frame(data).proof for data in ISSUED} - {b""})
SECRETS = sorted({frame(data).secret for data in ISSUED} - {b""})


def surgery(blocks: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    """Every block dropped, doubled, swapped with another, replaced by or joined by one of another chain."""
    count = len(blocks)
    for at in range(count):
        head, tail = blocks[:at], blocks[at + 1 :]
        yield head + tail
        yield blocks[: at + 1] + blocks[at:]
        for other in range(at + 1, count):
            yield (*head, blocks[other], *blocks[at + 1 : other], blocks[at], *blocks[other + 1 :])
        for foreign in BLOCKS:
            yield (*head, foreign, *tail)
            yield (*head, foreign, *blocks[at:])
            yield (*blocks, foreign)


@each_accepted
def test_no_dropped_swapped_doubled_or_spliced_block_is_accepted(vector: Vector) -> None:
    """Whoever holds many chains cuts and joins their blocks; the proof or secret stays what it was.

    A bare chain proves nothing, and `verify_chain` takes every chain that was ever handed to somebody: those apart.
    """
    found = frame(vector.source)
    accepts = judge(vector)
    assert accepts(envelope.build(found))
    for blocks in set(surgery(found.blocks)) - {found.blocks}:
        if len(blocks) >= 24 or (vector.judged_as_chain and blocks in CHAINS):
            continue
        data = envelope.build(found._replace(blocks=blocks))
        # ECDSA has two signatures for the same block: with either it is the same block, under the same id.
        same = [block[:-64] for block in blocks] == [block[:-64] for block in found.blocks]
        if data not in ISSUED and not same:
            assert not accepts(data)


@each_accepted
def test_no_other_proof_or_secret_serves(vector: Vector) -> None:
    """Whoever saw many proofs and secrets tries each with each chain; only what was made for this request counts."""
    found = frame(vector.source)
    accepts = judge(vector)
    assert accepts(envelope.build(found))
    attempts = [Envelope(Kind.PRESENTATION, found.blocks, b"", proof) for proof in PROOFS]
    attempts += [Envelope(Kind.PRESENTATION, found.blocks, b"", block) for block in BLOCKS]
    attempts += [Envelope(Kind.BEARER, found.blocks, secret) for secret in SECRETS]
    for attempt in attempts:
        data = envelope.build(attempt)
        if not vector.judged_as_chain and ISSUED.get(data) != vector.request.digest:
            assert not accepts(data)


@each_accepted
def test_a_chain_alone_authorizes_nothing(vector: Vector) -> None:
    """A thief who copied the chain, and neither key nor secret, presents it bare."""
    found = frame(vector.source)
    bare = envelope.build(Envelope(Kind.TOKEN, found.blocks))
    decision = vector.verifier().decide(bare, vector.request, **vector.facts)
    # Where a staple vouched for freshness, it is gone with the rest, and that is asked first.
    stapled = vector.name.startswith("discharge-staple-")
    assert decision.reason is (Reason.REVOCATION_STALE if stapled else Reason.PROOF_MISSING)
