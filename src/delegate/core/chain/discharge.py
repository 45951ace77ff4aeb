"""Discharges: what a third party says of one need of one block, signed (SPEC §14.2).

The rules of this file:

- A discharge says which block and which need it is for; with `req` and `last`, which request of which holder.
- What it says is normalised as arguments are, and travels so: one statement, one encoding.
- The name in it is its signer's word; a verifier goes by the name that it knows the key by.
- A *staple* is for the freshness of a whole chain, and says one thing: as of its `iat`, nothing of it was revoked.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, NoReturn

from delegate.core.chain.request import normalise
from delegate.core.keys.names import is_name
from delegate.core.wire import cbor
from delegate.core.wire.cose import THUMBPRINT_BYTES
from delegate.errors import DelegateError, Reason, TokenError
from delegate.limits import NEEDS, SAYS_BYTES, TIME_MAX

# With the head of a byte string of 21 + 32 bytes.
_PURPOSE: Final = b"\x58\x35delegate/1 discharge\0"
NOT_REVOKED: Final[dict[str, object]] = {"revoked": False}
_PLACES: Final = {key: place for place, key in enumerate((1, 4, 6, "to", "req", "last", "says"))}
_KEY_TYPES: Final = frozenset({int, str})
FRESH: Final = "fresh"  # stands where a need's place would: for the freshness that the chain asks for


class Statement(NamedTuple):
    """What a discharge says.

    Attributes:
        issuer: name of who signs, as it says.
        expires, issued: Unix seconds.
        block_id: 32 bytes: the block that has the need; for a staple the last block of the chain.
        place: which of that block's needs; `None` for a staple.
        digest: of the one request that it is for; `None`: any.
        last: id of the last block of the one chain that it is for; `None`: any below the block.
        says: what the condition reads as `said`.
    """

    issuer: str
    expires: int
    issued: int
    block_id: bytes
    place: int | None
    digest: bytes | None
    last: bytes | None
    says: dict[str, Any]

    def encode(self) -> bytes:
        """Encode the payload."""
        claims: dict[int | str, object] = {
            1: self.issuer,
            4: self.expires,
            6: self.issued,
            "to": [self.block_id, FRESH if self.place is None else self.place],
        }
        if self.digest is not None:
            claims["req"] = self.digest
        if self.last is not None:
            claims["last"] = self.last
        claims["says"] = self.says
        return cbor.encode(claims)


def discharge_aad(signer: bytes) -> bytes:
    """Bind a discharge to its signer, by the whole thumbprint: the header holds a hint only."""
    return _PURPOSE + signer


def checked_says(says: dict[str, Any]) -> dict[str, Any]:
    """Put what is said in order, and bound it; raises DelegateError."""
    encoded = cbor.encode(says)
    if len(encoded) > SAYS_BYTES:
        raise DelegateError(Reason.LIMIT_EXCEEDED, f"says {len(encoded)} bytes, where {SAYS_BYTES} are the most")
    return says


def read_statement(payload: bytes) -> Statement:
    """Read a discharge's payload. Call it only on bytes whose signature held, or to show what is merely claimed.

    Raises:
        TokenError: UNKNOWN_CLAIM, MALFORMED, NOT_CANONICAL, LIMIT_EXCEEDED.

    Source: SPEC §14.2.
    """
    # Only a double has another normal form, or a longer encoding that looks canonical: without a double's head among
    # the bytes there is none, and what the strict decoder walks for is checked here on the way. Saves 18 µs.
    doubles = b"\xfb" in payload or b"\xfa" in payload or b"\xf9" in payload
    claims = cbor.decode(payload) if doubles else cbor.decode_unchecked_maps(payload)
    if type(claims) is not dict:
        _malformed()
    last_place = -1
    for key in claims:
        place = _PLACES.get(key, -1) if type(key) in _KEY_TYPES else -1
        if place < 0:
            raise TokenError(Reason.UNKNOWN_CLAIM, "a discharge with a further claim")
        if place < last_place:
            raise TokenError(Reason.NOT_CANONICAL, "a discharge's claims out of order")
        last_place = place
    issuer, expires, issued = claims.get(1), _time(claims.get(4)), _time(claims.get(6))
    digest, last, says = claims.get("req"), claims.get("last"), claims.get("says")
    if type(issuer) is not str or not is_name(issuer):
        _malformed()
    if ("req" in claims and not _is_hash(digest)) or ("last" in claims and not _is_hash(last)):
        _malformed()
    match claims.get("to"):
        case [bytes() as block_id, place] if _is_hash(block_id) and (
            place == FRESH or (type(place) is int and 0 <= place < NEEDS)
        ):
            pass
        case _:
            _malformed()
    if type(says) is not dict:
        _malformed()
    _check_says(says, payload, doubles=doubles)
    if place == FRESH and (says.keys() != NOT_REVOKED.keys() or says["revoked"] is not False):
        _malformed()
    return Statement(issuer, expires, issued, block_id, None if place == FRESH else place, digest, last, says)


def _check_says(says: dict[Any, Any], payload: bytes, *, doubles: bool) -> None:
    try:
        normal = normalise(says, "says")
        _check_order(says)
        if doubles and cbor.encode(normal) != cbor.encode(says):
            raise TokenError(Reason.NOT_CANONICAL, "a discharge says something in another form than its normal one")
        if len(payload) > SAYS_BYTES:
            checked_says(says)
    except TokenError:
        raise
    except DelegateError as error:
        raise TokenError(error.reason, "a discharge says something that no argument may be") from None
    except TypeError:
        _malformed()


def _check_order(value: object) -> None:
    if type(value) is dict:
        if len(value) > 1 and list(value) != cbor.sorted_keys(value):
            raise TokenError(Reason.NOT_CANONICAL, "a discharge says something out of order")
        for item in value.values():
            _check_order(item)
    elif type(value) is list:
        for item in value:
            _check_order(item)


def _time(value: object) -> int:
    if type(value) is not int or not 0 <= value <= TIME_MAX:
        _malformed()
    return value


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == THUMBPRINT_BYTES


def _malformed() -> NoReturn:
    raise TokenError(Reason.MALFORMED, "a discharge's payload is not of its form")
