"""Root bundles: which keys a verifier goes by, for what, and when; signed by a key that it was given (SPEC §15).

The rules of this file:

- A bundle is read for a pinned key: one that somebody else signed becomes an object only to be looked at, which says so
  of itself, and which no verifier takes.
- Its bytes are decoded before the signature held, since they are few; of them the signer's key alone is used before.
- What is not understood refuses the whole bundle: no verifier goes by a half of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, ClassVar, Final, NamedTuple, NoReturn, Self

from delegate.core.chain.claims import check_audience_name
from delegate.core.chain.printable import shown
from delegate.core.keys.names import is_name
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.core.patterns.matching import compile_pattern
from delegate.core.wire import armor, cbor, cose
from delegate.errors import Reason, TokenError, VerificationError
from delegate.frozen import Frozen
from delegate.limits import INTEGER_MAX, TIME_MAX

NUMBER: Final = 8
PREFIX: Final = "dlgk_"
BUNDLE_BYTES: Final = 64 * 1024  # some 500 keys; it is read whole by every process that follows it
KEYS: Final = 256
PATTERNS: Final = 16  # for whom one root speaks, and tenants
# With the head of a byte string of 17 + 32 bytes.
AAD: Final = b"\x58\x31delegate/1 roots\0"

ISS, SUB, EXP, NBF, IAT, CNF = 1, 2, 4, 5, 6, 8
ROOT, REVOKER, THIRD_PARTY = 1, 2, 3
ROLES: Final = {ROOT: "root", REVOKER: "revoker", THIRD_PARTY: "third party"}

_CLAIMS: Final[dict[object, type]] = {ISS: str, EXP: int, IAT: int, CNF: dict, "seq": int, "keys": list}
_ENTRY: Final[dict[object, type]] = {
    SUB: str, EXP: int, NBF: int, CNF: dict, "for": list, "role": list, "tenants": list,
}  # fmt: skip


class TrustedKey(NamedTuple):
    """One key of a bundle, and what it counts for.

    Attributes:
        principal: name and key. The bundle's signer vouches that they belong together.
        roles: of `ROOT`, `REVOKER`, `THIRD_PARTY`, ascending; none: only the name is vouched for.
        speaks_for: of a root: patterns over names for whom it may sign, beside itself.
        tenants: of a root: for which it may sign; none: for whichever the verifier serves.
        since, until: when it counts, Unix seconds, both included. A revoker's records count beyond `until`.
    """

    principal: Principal
    roles: tuple[int, ...] = ()
    speaks_for: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    since: int = 0
    until: int = TIME_MAX

    @property
    def thumbprint(self) -> bytes:
        """What identifies the key, 32 bytes."""
        return self.principal.public_key.thumbprint

    def counts(self, now: int) -> bool:
        """Say whether this is within its time."""
        return self.since <= now <= self.until


class RootBundle(Frozen):
    """Whom verifiers trust, as a pinned key signed it. Made by `parse`, and by nothing else.

    Attributes:
        issuer: the name that the signer gives itself.
        public_key: the signer's.
        sequence: of two bundles the greater is the newer; from 1.
        issued, expires: when it was made, and until when a verifier may go by it, Unix seconds.
        keys: by their thumbprints; none twice.
        data: the bytes that travel.
        pinned: whether the signer's key was among those that a caller pinned; a verifier takes no other.
    """

    __slots__ = ("issuer", "public_key", "sequence", "issued", "expires", "keys", "data", "pinned")  # noqa: RUF023 - as printed
    UNSHOWN: ClassVar = frozenset({"keys", "data"})

    issuer: str
    public_key: PublicKey
    sequence: int
    issued: int
    expires: int
    keys: tuple[TrustedKey, ...]
    data: bytes
    pinned: bool

    def __eq__(self, other: object) -> bool:
        """Compare the bytes, which say all of it; not what the reader knew of the signer."""
        return self.data == other.data if isinstance(other, RootBundle) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.data)

    @classmethod
    def parse(cls, source: str | bytes, *, pinned: Principal | PublicKey | Iterable[Principal | PublicKey]) -> Self:
        """Read a bundle, text or bytes, that one of these keys signed.

        Answers "did a pinned key say so?", never "is it the newest?" or "has it expired?": no clock is read.

        Args:
            source: at most 64 KiB as bytes.
            pinned: whose word it is to be: at least one principal or key.

        Raises:
            TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION, UNKNOWN_CLAIM,
                UNSUPPORTED_ALGORITHM.
            VerificationError: UNKNOWN_ROOT: another key signed it; WEAK_KEY, BAD_SIGNATURE.
            TypeError, ValueError: `source` or `pinned` is nothing of the kind.

        Cost: one signature check, and about 10 µs a key. Source: SPEC §15.2.
        """
        return cls._read(source, pinned_keys(pinned))

    @classmethod
    def parse_unpinned(cls, source: str | bytes) -> Self:
        """Read a bundle that any key at all signed: to look at. No verifier takes it; raises as `parse`."""
        return cls._read(source, None)

    @classmethod
    def _read(cls, source: str | bytes, pinned: frozenset[PublicKey] | None) -> Self:
        data = _bytes(source)
        signed = cose.open_signed(_content(data))
        claims = cbor.decode(signed.payload)
        if not isinstance(claims, dict):
            _malformed("the claims are not a map")
        key = _key(claims.get(CNF))
        if key.thumbprint != signed.kid:
            _malformed("the header names another key than the bundle brings")
        if key.algorithm != signed.algorithm:
            raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "alg is not that of the key")
        if pinned is not None and key not in pinned:
            raise VerificationError(Reason.UNKNOWN_ROOT, "the bundle is signed by a key that is not pinned")
        key.verify(cose.sig_structure(signed.protected, AAD + signed.kid, signed.payload_item), signed.signature)
        _check(claims, _CLAIMS, "a bundle", (ISS, EXP, IAT, CNF, "seq", "keys"))
        if not is_name(claims[ISS]):
            _malformed(f"not a name: `{shown(claims[ISS])}`")
        if not 0 <= claims[IAT] < claims[EXP] <= TIME_MAX:
            _malformed("iat is not before exp, or out of range")
        if not 0 < claims["seq"] <= INTEGER_MAX:
            _malformed("seq is out of range")
        return cls(
            issuer=claims[ISS],
            public_key=key,
            sequence=claims["seq"],
            issued=claims[IAT],
            expires=claims[EXP],
            keys=_entries(claims["keys"]),
            data=data,
            pinned=pinned is not None,
        )

    @property
    def signer(self) -> bytes:
        """Thumbprint of the signer's key."""
        return self.public_key.thumbprint

    def having(self, role: int) -> tuple[TrustedKey, ...]:
        """Give those keys that have this role, whatever their time."""
        return tuple(each for each in self.keys if role in each.roles)

    def changes_after(self, now: int) -> int:
        """Give the first moment after `now` at which this bundle says something else; beyond all time if at none."""
        moments = [self.expires]
        for each in self.keys:
            moments += each.since, each.until + 1
        return min((each for each in moments if each > now), default=TIME_MAX + 1)

    def to_bytes(self) -> bytes:
        """Give the binary form."""
        return self.data

    def to_text(self) -> str:
        """Give the text form: `dlgk_` and base64url."""
        return PREFIX + armor.to_base64url(self.data)


def pinned_keys(pinned: Principal | PublicKey | Iterable[Principal | PublicKey]) -> frozenset[PublicKey]:
    """Take the keys that may sign; raises TypeError and ValueError for what is none."""
    several = (pinned,) if isinstance(pinned, (Principal, PublicKey)) else tuple(pinned)
    found = {each.public_key if isinstance(each, Principal) else each for each in several}
    if not found:
        message = "pinned is empty: name at least one key whose bundles count"
        raise ValueError(message)
    for each in found:
        if not isinstance(each, PublicKey):
            message = f"a pinned key is a Principal or a PublicKey, not {type(each).__name__}"
            raise TypeError(message)
    return frozenset(found)


def _bytes(source: str | bytes) -> bytes:
    """Give the bytes of a bundle as it came; raises TokenError."""
    if not isinstance(source, (str, bytes)):
        message = f"a root bundle is text or bytes, not {type(source).__name__}"
        raise TypeError(message)
    if isinstance(source, bytes) and source.lstrip()[:3] == b"dlg":  # text, as a file gives it
        source = source.decode("latin-1")
    if isinstance(source, bytes):
        return source
    text = source.strip(" \t\r\n")
    if not text.startswith(PREFIX):
        _malformed(f"does not begin with {PREFIX}")
    if len(text) - len(PREFIX) > BUNDLE_BYTES * 4 // 3 + 3:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(text)} characters")
    return armor.from_base64url(text[len(PREFIX) :])


def _content(data: bytes) -> bytes:
    if len(data) > BUNDLE_BYTES:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(data)} bytes")
    match cbor.decode(data):
        case [int() as number, bytes() as signed] if type(number) is int and number == NUMBER:
            return signed
        case [int() as number, *_] if type(number) is int and number != NUMBER:
            raise TokenError(Reason.UNSUPPORTED_VERSION, f"envelope {number}, where a root bundle is wanted")
    _malformed("not a root bundle of this format")


def _key(confirmation: object) -> PublicKey:
    """Read `cnf`. Encoding it again shows `True` for `1`; the payload was canonical."""
    encoded = cbor.encode_sorted(confirmation)
    if encoded[:2] != b"\xa1\x01":
        _malformed("cnf is absent, or holds something other than a COSE_Key")
    return PublicKey.from_cose(encoded[2:])


def _check(claims: dict[Any, Any], types: dict[object, type], what: str, needed: tuple[object, ...]) -> None:
    for name, value in claims.items():
        if name not in types or type(name) is bool:
            raise TokenError(Reason.UNKNOWN_CLAIM, f"claim `{shown(str(name))}` of {what}")
        if type(value) is not types[name]:
            _malformed(f"claim `{name}` of {what} is not of its type")
    if any(name not in claims for name in needed):
        _malformed(f"{what} lacks a claim that it needs")


def _entries(given: list[Any]) -> tuple[TrustedKey, ...]:
    if len(given) > KEYS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(given)} keys")
    if not given:
        _malformed("a bundle without keys")
    found = tuple(map(_entry, given))
    prints = [each.thumbprint for each in found]
    if any(first >= second for first, second in pairwise(prints)):
        raise TokenError(Reason.NOT_CANONICAL, "keys out of order, or one twice")
    if len({each[: cose.KID_BYTES] for each in prints}) < len(prints):
        _malformed("two keys with one kid")
    return found


def _entry(given: object) -> TrustedKey:
    if not isinstance(given, dict):
        _malformed("a key of a bundle is not a map")
    _check(given, _ENTRY, "a key", (SUB, CNF))
    if not is_name(given[SUB]):
        _malformed(f"not a name: `{shown(given[SUB])}`")
    since, until = given.get(NBF, 0), given.get(EXP, TIME_MAX)
    if not 0 <= since <= until <= TIME_MAX:
        _malformed("a key's time ends before it begins, or is out of range")
    roles = given.get("role")
    if roles is not None and (
        not roles
        or any(type(each) is not int or each not in ROLES for each in roles)
        or any(first >= second for first, second in pairwise(roles))
    ):
        _malformed("role is not one or more of 1, 2 and 3, ascending")
    patterns, tenants = _texts(given, "for"), _texts(given, "tenants")
    if (patterns or tenants) and ROOT not in (roles or ()):
        _malformed("for and tenants are a root's")
    for each in patterns:
        compile_pattern(each, "/")
    if not all(map(check_audience_name, tenants)):
        _malformed("a tenant is 1 to 200 visible ascii characters")
    principal = Principal(given[SUB], _key(given[CNF]))
    return TrustedKey(principal, tuple(roles or ()), patterns, tenants, since, until)


def _texts(given: dict[Any, Any], name: str) -> tuple[str, ...]:
    texts = given.get(name)
    if texts is None:
        return ()
    if len(texts) > PATTERNS:
        raise TokenError(Reason.LIMIT_EXCEEDED, f"{len(texts)} items of `{name}`")
    if not texts or any(type(each) is not str for each in texts):
        _malformed(f"`{name}` is empty, or holds something other than text")
    if len(set(texts)) < len(texts):
        raise TokenError(Reason.NOT_CANONICAL, f"an item of `{name}` twice")
    return tuple(texts)


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)
