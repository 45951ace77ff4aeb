"""How large a chain is: a header of a request must hold it. Sizes are exact facts; times are the bench's."""

from __future__ import annotations

import pytest

from delegate import Identity, Request, Token

NOW = 1_780_000_000
AUDIENCE = "files.example.com"
PROOF_BYTES = 170

# What `make bench` prints for biscuit-python 0.4.0: the same grant and the same two caveats a block, no names of
# holders (bench/peers/biscuit.py), by number of blocks.
BISCUIT_BYTES = {1: 401, 2: 592, 5: 1165, 10: 2120, 16: 3266}


def chain(blocks: int) -> tuple[Token, Identity]:
    """Make a chain of so many blocks, two caveats each, and its last holder."""
    holder = Identity.from_seed("user:alice@example.com", bytes(32))
    token: Token | None = None
    for index in range(blocks):
        above, holder = holder, Identity.from_seed(f"agent:worker-{index}", bytes([index + 1]) * 32)
        caveats = (f"args.size < {1_000_000 - index}", 'resource.endsWith(".csv")')
        if token is None:
            can = "files.read /reports/**"
            token = above.mint(to=holder.principal, can=can, caveats=caveats, ttl="8h", hops=16, now=NOW)
        else:
            token = above.attenuate(token, to=holder.principal, caveats=caveats, now=NOW)
    assert token is not None
    return token, holder


@pytest.mark.parametrize(("blocks", "most"), [(1, 310), (2, 495), (5, 1050), (10, 1975), (16, 3095)])
def test_a_chain_is_no_larger_than(blocks: int, most: int) -> None:
    """A chain's binary form stays within its bound: about 115 bytes and 185 a block."""
    token, _ = chain(blocks)
    assert len(token.to_bytes()) <= most


@pytest.mark.parametrize("blocks", BISCUIT_BYTES)
def test_a_chain_is_smaller_than_a_biscuit_of_like_content(blocks: int) -> None:
    """The names of all holders and their keys included, a chain takes fewer bytes than Biscuit's without them."""
    token, _ = chain(blocks)
    assert len(token.to_bytes()) < BISCUIT_BYTES[blocks]


def test_a_proof_adds_little() -> None:
    """A presentation is its token, a proof of bounded size, and an empty list of discharges."""
    token, holder = chain(5)
    request = Request("files.read", "/reports/q3.csv", {"size": 10})
    presentation = holder.prove(token, request, AUDIENCE, now=NOW)
    assert len(presentation.to_bytes()) - len(token.to_bytes()) <= PROOF_BYTES
    assert len(presentation.to_bytes()) <= 1250
    assert len(presentation.to_text()) <= 1700


def test_the_longest_ordinary_chain_fits_a_common_header() -> None:
    """16 blocks with a proof, as text, stay below the 8 KiB that common servers take for all headers."""
    token, holder = chain(16)
    presentation = holder.prove(token, Request("files.read", "/reports/q3.csv"), AUDIENCE, now=NOW)
    assert len(presentation.to_text()) <= 6 * 1024
