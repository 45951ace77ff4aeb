"""Other parties' keys and signatures, by the JOSE library: the one module that calls it.

The rules of this file:

- What is asked of the library is one signature under one key, by one algorithm. Which key and which algorithm is
  decided here: algorithms by a list that somebody configured and that is never empty; keys by kind and `kid`.
- A key set is as good as its good keys: one that is odd, private, symmetric, too short or for another use is left out,
  and breaks nothing.
- Two keys may have one `kid`: each that fits is tried, and no more than `TRIED`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from delegate.core.wire.armor import from_base64url
from delegate.errors import DelegateError, Reason
from delegate.issue.compact import Jws
from delegate.issue.facts import read_object
from delegate.issue.refusals import NotIssued

try:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
    from joserfc.jws import JWSRegistry
except ImportError as error:
    message = "the issuer needs an extra: pip install 'delegate-token[issuer]'"
    raise ImportError(message) from error

KEY_SET_BYTES: Final = 256 * 1024
KEYS: Final = 100
TRIED: Final = 4
RSA_BITS: Final = (2048, 8192)

# What each algorithm wants of a key: its kind and its curve. No `none`, and nothing with a shared secret.
KINDS: Final[dict[str, tuple[str, str]]] = {
    **{f"{family}{bits}": ("RSA", "") for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
_TYPES: Final[dict[str, type[RSAKey | ECKey | OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """One key of another party's, that can be used.

    Attributes:
        kid: its name in the set; empty where it has none.
        alg: the one algorithm that it is for; empty where it does not say.
        kind: its type and curve, as `KINDS` has them.
    """

    kid: str
    alg: str
    kind: tuple[str, str]
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of another party's that can be used."""

    keys: tuple[KnownKey, ...]

    def fitting(self, jws: Jws) -> tuple[KnownKey, ...]:
        """Give the keys that may have signed this: of its kind, and by its name where it has one."""
        kind, kid = KINDS[jws.alg], jws.header.get("kid")
        return tuple(
            each
            for each in self.keys
            if each.kind == kind and each.alg in {"", jws.alg} and (kid is None or each.kid == kid)
        )


def read_key_set(data: bytes, *, use: str = "sig") -> KeySet:
    """Read a JWK Set (RFC 7517 §5).

    Args:
        data: at most 256 KiB.
        use: what the keys must be for, where they say so.

    Raises:
        NotIssued: MALFORMED, LIMIT_EXCEEDED: it is no key set at all.
    """
    found = read_object(data, "the key set", most_bytes=KEY_SET_BYTES).get("keys")
    if not isinstance(found, list):
        raise NotIssued(Reason.MALFORMED, "the key set has no list of keys")
    if len(found) > KEYS:
        raise NotIssued(Reason.LIMIT_EXCEEDED, f"the key set has {len(found)} keys, and at most {KEYS} are read")
    return KeySet(tuple(_known(found, use)))


def _known(found: Iterable[Any], use: str) -> Iterable[KnownKey]:
    for jwk in found:
        if not isinstance(jwk, dict) or _PRIVATE & jwk.keys() or jwk.get("use", use) != use:
            continue
        made, kid, alg = _TYPES.get(str(jwk.get("kty"))), jwk.get("kid", ""), jwk.get("alg", "")
        operations = jwk.get("key_ops", ["verify"])
        if made is None or not isinstance(kid, str) or not isinstance(alg, str):
            continue
        if not isinstance(operations, list) or "verify" not in operations:
            continue
        kind = (str(jwk["kty"]), "" if made is RSAKey else str(jwk.get("crv")))
        if kind not in KINDS.values():
            continue
        try:
            if made is RSAKey and not RSA_BITS[0] <= _bits(jwk["n"]) <= RSA_BITS[1]:
                continue
            # Nothing but what makes the key: other members are no business of the library's.
            key = made.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk})
            _ = key.public_key  # it may be made only now
        except (JoseError, DelegateError, ValueError, TypeError, KeyError, OverflowError, AttributeError):
            continue
        yield KnownKey(kid=kid, alg=alg, kind=kind, key=key)


def _bits(number: str) -> int:
    """Say how long an RSA modulus is, before anything is computed with it: the library only warns of a short one."""
    return int.from_bytes(from_base64url(number), "big").bit_length()


def check_algorithm(jws: Jws, algorithms: Collection[str], what: str) -> None:
    """Refuse an algorithm that nobody configured.

    Raises:
        NotIssued: UNSUPPORTED_ALGORITHM.
    """
    if jws.alg not in algorithms or jws.alg not in KINDS:
        raise NotIssued(Reason.UNSUPPORTED_ALGORITHM, f"{what} is signed with an algorithm that is not taken here")


def holds(jws: Jws, keys: Iterable[KnownKey]) -> bool:
    """Say whether one of these keys signed this.

    `check_algorithm` has passed, and the keys are `fitting`. Cost: one signature check a key, of at most `TRIED`.
    """
    algorithm = JWSRegistry.algorithms[jws.alg]
    for each in tuple(keys)[:TRIED]:
        try:
            algorithm.check_key(each.key)
            if algorithm.verify(jws.signed, jws.signature, each.key):
                return True
        except (JoseError, ValueError, TypeError):
            continue
    return False
