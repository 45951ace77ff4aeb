"""The claims of one block ⇄ the bytes of its payload (SPEC §4).

The rules of this file:

- The claims are CWT's integers (RFC 8392) and a closed list of words. Any other key denies: it may have been
  a restriction.
- Every key and value is checked for its exact type: Python finds `True == 1 == 1.0`, and `a1f501` must not be
  found as claim 1.
- One block, one encoding: keys in order, nothing empty, nothing said twice.
"""

from __future__ import annotations

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

ISS, SUB, AUD, EXP, NBF, IAT, CTI, CNF = range(1, 9)

# In wire order: key → (place in that order, type, only in block 0).
_ORDER: Final[tuple[tuple[int | str, type, bool], ...]] = (
    (ISS, str, True),
    (SUB, str, False),
    (AUD, list, False),
    (EXP, int, False),
    (NBF, int, False),
    (IAT, int, False),
    (CTI, bytes, True),
    (CNF, dict, False),
    ("if", bytes, False),
    ("can", bytes, False),
    ("for", str, True),
    ("who", dict, False),
    ("why", str, False),
    ("hops", int, False),
    ("need", bytes, False),
    ("fresh", int, False),
    ("budget", dict, False),
    ("tenant", str, True),
)
_RULES: Final = {key: (place, kind, first_only) for place, (key, kind, first_only) in enumerate(_ORDER)}
_KEY_TYPES: Final = frozenset({int, str})

# What a tuple's own constructor ends in: without it, 0.2 µs less a block.
_new: Final = tuple.__new__


class Block(NamedTuple):
    """What one block says. A tuple: it is built once a block on every cold check.

    `can`, `caveats` and `needs` are the exact bytes of the claims `can`, `if` and `need`, empty where absent. Empty
    text and empty tuples stand for an absent claim.
    """

    holder: str
    key: PublicKey
    issued: int
    expires: int | None = None
    not_before: int | None = None
    audience: tuple[str, ...] = ()
    can: bytes = b""
    caveats: bytes = b""
    hops: int | None = None
    who: tuple[tuple[str, str], ...] = ()
    why: str = ""
    issuer: str = ""
    token_id: bytes = b""
    originator: str = ""
    tenant: str = ""
    fresh: int | None = None
    budget: tuple[tuple[str, int], ...] = ()
    needs: bytes = b""


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
    (
        issuer,
        holder,
        aud,
        expires,
        not_before,
        issued,
        token_id,
        cnf,
        caveats,
        can,
        on_behalf_of,
        who,
        why,
        hops,
        needs,
        fresh,
        budget,
        tenant,
    ) = _read(payload, first=first)
    if holder is None or issued is None or cnf is None:
        _malformed("a block needs sub, iat and cnf")
    if holder != BEARER and not is_name(holder):
        _malformed(f"not a name: `{shown(holder)}`")
    if not 0 <= issued <= TIME_MAX:
        _malformed("iat is out of range")
    if expires is not None and not 0 <= expires <= TIME_MAX:
        _malformed("exp is out of range")
    if not_before is not None and not 0 <= not_before <= TIME_MAX:
        _malformed("nbf is out of range")
    if hops is not None and not 0 <= hops <= HOPS_MAX:
        _malformed("hops is out of range")
    if fresh is not None and not 0 < fresh <= TIME_MAX:
        _malformed("fresh is out of range")
    if first:
        if issuer is None or expires is None or token_id is None or can is None:
            _malformed("block 0 needs iss, exp, cti and can")
        _check_first(issuer, token_id, on_behalf_of, tenant)
    if why is not None:
        _check_why(why)
    if can == b"" or caveats == b"" or needs == b"":
        _malformed("an empty list")
    return Block(
        holder,
        PublicKey.from_cose(cnf),
        issued,
        expires,
        not_before,
        () if aud is None else _checked_audience(aud),
        can or b"",
        caveats or b"",
        hops,
        () if who is None else _checked_who(who),
        why or "",
        issuer or "",
        token_id or b"",
        on_behalf_of or "",
        tenant or "",
        fresh,
        () if budget is None else _checked_budget(budget),
        needs or b"",
    )


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
    return _new(
        Block,
        (
            holder, PublicKey.from_raw(key), issued, expires, not_before, audience, can or b"", caveats or b"",
            hops, (), why, name, token_id or b"", "", "", None, (), b"",
        ),
    )  # fmt: skip


def _read(payload: bytes, *, first: bool) -> list[Any]:
    """Read the claims whatever they are, in their order, and refuse by name; `None` for one that is absent."""
    claims = cbor.decode_unchecked_maps(payload)
    if type(claims) is not dict:
        _malformed("the claims are not a map")
    found: list[Any] = [None] * len(_ORDER)
    last = -1
    for key, value in claims.items():
        rule = _RULES.get(key) if type(key) in _KEY_TYPES else None
        if rule is None:
            raise TokenError(Reason.UNKNOWN_CLAIM, f"claim `{shown(str(key))}`")
        place, kind, first_only = rule
        if place <= last:
            raise TokenError(Reason.NOT_CANONICAL, f"claim `{key}` out of order")
        last = place
        if type(value) is not kind:
            _malformed(f"claim `{key}` is not of its type")
        if first_only and not first:
            _malformed(f"claim `{key}` belongs in block 0 only")
        found[place] = value
        if key == CNF:
            # Encoding it again shows `True` for `1`, which comparing the maps would not; the payload was canonical.
            encoded = cbor.encode_sorted(value)
            if encoded[:2] != b"\xa1\x01":
                _malformed("cnf holds something other than a COSE_Key")
            found[place] = encoded[2:]
    return found


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
            return Reason.MALFORMED, "budget has an amount that is no integer of 63 bits"
    return Reason.MALFORMED, "" if budget else "budget is empty"


def is_unit(unit: str) -> bool:
    """Say whether this can name what a budget counts: `usd_cents`, `calls`."""
    return len(unit) <= UNIT_CHARACTERS and _UNIT.fullmatch(unit) is not None


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)


def _check_first(issuer: str, token_id: bytes, on_behalf_of: str | None, tenant: str | None) -> None:
    if not is_name(issuer):
        _malformed(f"not a name: `{shown(issuer)}`")
    if len(token_id) != TOKEN_ID_BYTES:
        _malformed("cti is not 8 bytes")
    if on_behalf_of is not None:
        if not is_name(on_behalf_of):
            _malformed(f"not a name: `{shown(on_behalf_of)}`")
        if on_behalf_of == issuer:
            raise TokenError(Reason.NOT_CANONICAL, "for repeats iss")
    if tenant is not None and not check_audience_name(tenant):
        _malformed("tenant is not 1 to 200 visible ASCII characters")


def _check_why(why: str) -> None:
    if not why or not is_plain(why):
        _malformed("why is empty or holds a control or format character")
    if len(why) > WHY_CHARACTERS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"why has {len(why)} characters")


def _checked_audience(names: list[object]) -> tuple[str, ...]:
    if len(names) > AUDIENCES:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"aud has {len(names)} names")
    if not names or not all(map(check_audience_name, names)):
        _malformed("aud is not a list of names of services")
    if len(set(names)) != len(names):
        raise TokenError(Reason.NOT_CANONICAL, "aud names a service twice")
    return tuple(names)  # type: ignore[arg-type]


def _checked_who(who: dict[Any, Any]) -> tuple[tuple[str, str], ...]:
    reason, wrong = check_who(who)
    if wrong:
        raise TokenError(reason, wrong)
    if list(who) != cbor.sorted_keys(who):
        raise TokenError(Reason.NOT_CANONICAL, "who out of order")
    return tuple(who.items())


def _checked_budget(budget: dict[Any, Any]) -> tuple[tuple[str, int], ...]:
    reason, wrong = check_budget(budget)
    if wrong:
        raise TokenError(reason, wrong)
    if list(budget) != cbor.sorted_keys(budget):
        raise TokenError(Reason.NOT_CANONICAL, "budget out of order")
    return tuple(budget.items())
