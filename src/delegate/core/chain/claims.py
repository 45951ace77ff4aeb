"""The claims of one block ⇄ the bytes of its payload (SPEC §4).

The rules of this file:

- The claims are CWT's integers (RFC 8392) and a closed list of words. Any other key denies: it may have been
  a restriction.
- Every key and value is checked for its exact type: Python finds `True == 1 == 1.0`, and `a1f501` must not be
  found as claim 1.
- One block, one encoding: keys in order, nothing empty, nothing said twice.
- `CLAIMS` is the one list of claims: reading, checking and writing (`authoring.claims`) follow it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple, NoReturn

from delegate.core.chain import claim_rows as known
from delegate.core.chain.printable import is_plain, shown
from delegate.core.keys.names import is_name
from delegate.core.keys.public import PublicKey
from delegate.core.wire import cbor
from delegate.errors import Reason, TokenError
from delegate.limits import (
    AUDIENCES,
    BUDGET_UNITS,
    HOPS_MAX,
    INTEGER_MAX,
    NAME_CHARACTERS,
    TIME_MAX,
    UNIT_CHARACTERS,
    WHO_CHARACTERS,
    WHO_ENTRIES,
    WHY_CHARACTERS,
)
from delegate.regular import regular

BEARER: Final = "bearer:"
TOKEN_ID_BYTES: Final = 8
_UNIT: Final = regular(r"[a-z][a-z0-9_.-]*")
_KEY_TYPES: Final = frozenset({int, str})


class Block(NamedTuple):
    """What one block says, as `CLAIMS` has it, in its order. A tuple: it is built once a block on every cold check.

    `can`, `caveats` and `needs` are the exact bytes of the claims `can`, `if` and `need`, empty where absent. Empty
    text and empty tuples stand for an absent claim.
    """

    issuer: str
    holder: str
    audience: tuple[str, ...]
    expires: int | None
    not_before: int | None
    issued: int
    token_id: bytes
    key: PublicKey
    caveats: bytes
    can: bytes
    originator: str
    who: tuple[tuple[str, str], ...]
    why: str
    hops: int | None
    needs: bytes
    fresh: int | None
    budget: tuple[tuple[str, int], ...]
    tenant: str


class Place(Enum):
    """Whether a claim must, may or must not be in a block."""

    MUST = 1
    MAY = 2
    NEVER = 3


class Claim(NamedTuple):
    """One claim.

    Attributes:
        key: on the wire.
        name: for people.
        field: of `Block`.
        kind: exact type of the value on the wire.
        absent: what the field is where there is no such claim.
        first: whether it is in block 0.
        later: whether it is in any other block.
        read: makes the field of a value of that type; raises TokenError or VerificationError for one that is not right.
    """

    key: int | str
    name: str
    field: str
    kind: type
    absent: object
    first: Place
    later: Place
    read: Callable[[Any], object]


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)


def _name(value: str) -> str:
    if not is_name(value):
        _malformed(f"not a name: `{shown(value)}`")
    return value


def _holder(value: str) -> str:
    return value if value == BEARER else _name(value)


def _audience(names: list[object]) -> tuple[str, ...]:
    if len(names) > AUDIENCES:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"aud has {len(names)} names")
    if not names or not all(map(check_audience_name, names)):
        _malformed("aud is not a list of names of services")
    if len(set(names)) != len(names):
        raise TokenError(Reason.NOT_CANONICAL, "aud names a service twice")
    return tuple(names)  # type: ignore[arg-type]


def _number(name: str, least: int, most: int) -> Callable[[int], int]:
    def read(value: int) -> int:
        if not least <= value <= most:
            _malformed(f"{name} is out of range")
        return value

    return read


def _token_id(value: bytes) -> bytes:
    if len(value) != TOKEN_ID_BYTES:
        _malformed("cti is not 8 bytes")
    return value


def _key(cnf: dict[object, object]) -> PublicKey:
    # Encoding it again shows `True` for `1`, which comparing the maps would not; the payload was canonical.
    encoded = cbor.encode_sorted(cnf)
    if encoded[:2] != b"\xa1\x01":
        _malformed("cnf holds something other than a COSE_Key")
    return PublicKey.from_cose(encoded[2:])


def _content(value: bytes) -> bytes:
    if not value:
        _malformed("an empty list")
    return value


def _who(who: dict[Any, Any]) -> tuple[tuple[str, str], ...]:
    reason, wrong = check_who(who)
    if wrong:
        raise TokenError(reason, wrong)
    if list(who) != cbor.sorted_keys(who):
        raise TokenError(Reason.NOT_CANONICAL, "who out of order")
    return tuple(who.items())


def _why(why: str) -> str:
    if not why or not is_plain(why):
        _malformed("why is empty or holds a control or format character")
    if len(why) > WHY_CHARACTERS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"why has {len(why)} characters")
    return why


def _budget(budget: dict[Any, Any]) -> tuple[tuple[str, int], ...]:
    reason, wrong = check_budget(budget)
    if wrong:
        raise TokenError(reason, wrong)
    if list(budget) != cbor.sorted_keys(budget):
        raise TokenError(Reason.NOT_CANONICAL, "budget out of order")
    return tuple(budget.items())


def _tenant(value: str) -> str:
    if not check_audience_name(value):
        _malformed("tenant is not 1 to 200 visible ASCII characters")
    return value


_MUST, _MAY, _NEVER = Place

# In wire order, which is that of `Block`: a test holds the two to each other.
CLAIMS: Final = (
    Claim(1, "iss", "issuer", str, "", _MUST, _NEVER, _name),
    Claim(2, "sub", "holder", str, "", _MUST, _MUST, _holder),
    Claim(3, "aud", "audience", list, (), _MAY, _MAY, _audience),
    Claim(4, "exp", "expires", int, None, _MUST, _MAY, _number("exp", 0, TIME_MAX)),
    Claim(5, "nbf", "not_before", int, None, _MAY, _MAY, _number("nbf", 0, TIME_MAX)),
    Claim(6, "iat", "issued", int, None, _MUST, _MUST, _number("iat", 0, TIME_MAX)),
    Claim(7, "cti", "token_id", bytes, b"", _MUST, _NEVER, _token_id),
    Claim(8, "cnf", "key", dict, None, _MUST, _MUST, _key),
    Claim("if", "if", "caveats", bytes, b"", _MAY, _MAY, _content),
    Claim("can", "can", "can", bytes, b"", _MUST, _MAY, _content),
    Claim("for", "for", "originator", str, "", _MAY, _NEVER, _name),
    Claim("who", "who", "who", dict, (), _MAY, _MAY, _who),
    Claim("why", "why", "why", str, "", _MAY, _MAY, _why),
    Claim("hops", "hops", "hops", int, None, _MAY, _MAY, _number("hops", 0, HOPS_MAX)),
    Claim("need", "need", "needs", bytes, b"", _MAY, _MAY, _content),
    Claim("fresh", "fresh", "fresh", int, None, _MAY, _MAY, _number("fresh", 1, TIME_MAX)),
    Claim("budget", "budget", "budget", dict, (), _MAY, _MAY, _budget),
    Claim("tenant", "tenant", "tenant", str, "", _MAY, _NEVER, _tenant),
)
_PLACES: Final = {claim.key: place for place, claim in enumerate(CLAIMS)}


def decode(payload: bytes, *, first: bool) -> Block:
    """Read a block's claims. Call it only on bytes whose signature held, or to show what is merely claimed.

    Args:
        payload: the content of the COSE payload.
        first: whether this is block 0.

    Raises:
        TokenError: UNKNOWN_CLAIM, MALFORMED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_ALGORITHM.
        VerificationError: WEAK_KEY.

    Source: SPEC §4.
    """
    row = known.read_row(payload)
    if row is not None:
        block = _block_of(row, first=first)
        if block is not None:
            return block
    return _read(payload, first=first)


def _block_of(row: known.Row, *, first: bool) -> Block | None:
    """Make the block of a row whose claims are as they should be; nothing of any other: `_read` says what is wrong."""
    issuer, sub, aud, expires, not_before, issued, token_id, key, caveats, can, purpose, hops = row
    holder = sub.decode("ascii", "replace")  # a replacement character is in no name
    if (holder != BEARER and not is_name(holder)) or caveats == b"" or can == b"":
        return None
    name = why = ""
    audience: tuple[str, ...] = ()
    if first:
        if issuer is None or token_id is None or len(token_id) != TOKEN_ID_BYTES or expires is None or can is None:
            return None
        name = issuer.decode("ascii", "replace")
        if not is_name(name):
            return None
    elif issuer is not None or token_id is not None:
        return None
    if hops is not None and hops > HOPS_MAX:
        return None
    if aud is not None:
        audience = tuple([each.decode("ascii", "replace") for each in aud])
        if not 0 < len(set(audience)) == len(audience) <= AUDIENCES or not all(map(check_audience_name, audience)):
            return None
    if purpose is not None:
        if not purpose.isascii():
            return None
        why = purpose.decode("ascii")
        if not why or not is_plain(why):
            return None
    return Block(
        name, holder, audience, expires, not_before, issued, token_id or b"", PublicKey.from_raw(key), caveats or b"",
        can or b"", "", (), why, hops, b"", None, (), "",
    )  # fmt: skip


def _read(payload: bytes, *, first: bool) -> Block:
    """Read the claims whatever they are, and refuse by name."""
    claims = cbor.decode_unchecked_maps(payload)
    if type(claims) is not dict:
        _malformed("the claims are not a map")
    last = -1
    for key, value in claims.items():
        place = _PLACES.get(key) if type(key) in _KEY_TYPES else None
        if place is None:
            raise TokenError(Reason.UNKNOWN_CLAIM, f"claim `{shown(str(key))}`")
        if place <= last:
            raise TokenError(Reason.NOT_CANONICAL, f"claim `{key}` out of order")
        last = place
        if type(value) is not CLAIMS[place].kind:
            _malformed(f"claim `{key}` is not of its type")
        if not first and CLAIMS[place].later is _NEVER:
            _malformed(f"claim `{key}` belongs in block 0 only")
    missing = [
        each.name for each in CLAIMS if (each.first if first else each.later) is _MUST and each.key not in claims
    ]
    if missing:
        _malformed(f"{'block 0' if first else 'a block'} needs {', '.join(missing)}")
    block = Block._make(each.read(claims[each.key]) if each.key in claims else each.absent for each in CLAIMS)
    if block.originator and block.originator == block.issuer:
        raise TokenError(Reason.NOT_CANONICAL, "for repeats iss")
    return block


def check_audience_name(name: object) -> bool:
    """Say whether this can name a service: 1 to 200 visible ASCII characters."""
    return (
        type(name) is str
        and 0 < len(name) <= NAME_CHARACTERS
        and name.isascii()
        and name.isprintable()
        and " " not in name
    )


def check_who(who: dict[Any, Any]) -> tuple[Reason, str]:
    """Say what is wrong with facts about a holder; no words (`""`) where nothing is."""
    if len(who) > WHO_ENTRIES:
        return Reason.LIMIT_EXCEEDED, f"who has {len(who)} entries"
    for name, fact in who.items():
        if type(name) is not str or type(fact) is not str:
            return Reason.MALFORMED, "who holds something other than text"
        if not name or not is_plain(name) or not is_plain(fact):
            return Reason.MALFORMED, "who holds a name of no characters, or a control or format character"
        if len(name) > WHO_CHARACTERS or len(fact) > WHO_CHARACTERS:
            return Reason.LIMIT_EXCEEDED, f"a name or fact in who of more than {WHO_CHARACTERS} characters"
    return Reason.MALFORMED, "" if who else "who is empty"


def check_budget(budget: dict[Any, Any]) -> tuple[Reason, str]:
    """Say what is wrong with a budget; no words (`""`) where nothing is."""
    if len(budget) > BUDGET_UNITS:
        return Reason.LIMIT_EXCEEDED, f"budget has {len(budget)} units"
    for unit, amount in budget.items():
        if type(unit) is not str or not is_unit(unit):
            return Reason.MALFORMED, f"budget has a unit that is not a word of at most {UNIT_CHARACTERS} characters"
        if type(amount) is not int or not 0 <= amount <= INTEGER_MAX:
            return Reason.MALFORMED, "budget has an amount that is not an integer of 63 bits"
    return Reason.MALFORMED, "" if budget else "budget is empty"


def is_unit(unit: str) -> bool:
    """Say whether this can name what a budget counts: `usd_cents`, `calls`."""
    return len(unit) <= UNIT_CHARACTERS and _UNIT.fullmatch(unit) is not None
