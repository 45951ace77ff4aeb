"""Signing root bundles: whom verifiers are to trust, in the next bundle of one signer (SPEC §15).

The rules of this file:

- A root does not leave before the chains that it signed are over, and a revoker does not leave while its records count,
  unless whoever signs says outright that the key is distrusted.
- A verifier relies on nothing of this: it goes by the newest bundle, whatever the one before said.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from delegate.authoring.draft import Draft
from delegate.core.chain.spans import Instant, Span, instant, seconds
from delegate.core.keys.principal import Principal
from delegate.core.wire import cbor, cose
from delegate.errors import DelegateError
from delegate.limits import INTEGER_MAX, TIME_MAX
from delegate.trust.bundle import (
    AAD,
    CNF,
    EXP,
    IAT,
    ISS,
    NBF,
    NUMBER,
    REVOKER,
    ROOT,
    SUB,
    THIRD_PARTY,
    RootBundle,
    TrustedKey,
)

LIFE: Final = "7d"


def trusted(
    principal: Principal,
    *,
    root: bool = False,
    revoker: bool = False,
    third_party: bool = False,
    speaks_for: Iterable[str] | None = None,
    tenants: Iterable[str] | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
) -> TrustedKey:
    """Say what a key counts for, for a bundle. Without a role, only its name is vouched for.

    Args:
        principal: name and key.
        root: it may start chains.
        revoker: its word on any block or key counts.
        third_party: its discharges count where a need names its key.
        speaks_for: of a root: patterns over names for whom it may sign, as for `Root`.
        tenants: of a root: for which it may sign; whichever a verifier serves, if not said.
        since: from when it counts; from the beginning, if not said.
        until: the last moment at which it counts; for good, if not said. Records of a revoker count beyond.

    Raises:
        TypeError, ValueError: an argument out of its bounds, or empty; `speaks_for` of what is no root.
    """
    roles = tuple(role for role, has in ((ROOT, root), (REVOKER, revoker), (THIRD_PARTY, third_party)) if has)
    patterns, served = _several(speaks_for, "speaks_for"), _several(tenants, "tenants")
    if (patterns or served) and not root:
        message = "speaks_for and tenants are a root's: root=True"
        raise ValueError(message)
    begins = 0 if since is None else instant(since)
    ends = TIME_MAX if until is None else instant(until)
    if begins > ends:
        message = "a key's time ends before it begins"
        raise ValueError(message)
    return TrustedKey(principal, roles, patterns, served, begins, ends)


def draft_bundle(
    signer: Principal,
    keys: Iterable[TrustedKey],
    *,
    previous: RootBundle | None = None,
    after: int = 0,
    longest: Span | None = None,
    distrust: Iterable[Principal] | None = None,
    ttl: Span = LIFE,
    now: Instant | None = None,
) -> Draft[RootBundle]:
    """Draft the next bundle of a signer; see `Identity.sign_roots` for the arguments."""
    key = signer.public_key
    if previous is not None and previous.public_key != key:
        message = "the bundle before is another signer's"
        raise ValueError(message)
    at = int(time.time()) if now is None else instant(now)
    until = min(at + seconds(ttl), TIME_MAX)
    sequence = max(after, 0 if previous is None else previous.sequence) + 1
    if sequence > INTEGER_MAX or until <= at:
        message = "no later bundle can follow"
        raise ValueError(message)
    said = sorted(keys, key=lambda each: each.thumbprint)
    if previous is not None:
        gone = frozenset(each.public_key.thumbprint for each in distrust or ())
        _check_leaving(previous, {each.thumbprint: each for each in said}, gone, longest, at)
    claims: dict[int | str, object] = {
        ISS: signer.name, EXP: until, IAT: at, CNF: {1: cbor.decode(key.cose_key)}, "seq": sequence,
        "keys": [_entry(each) for each in said],
    }  # fmt: skip
    protected = cose.protected_header(key.algorithm, key.thumbprint)
    item = cose.byte_string(cbor.encode_sorted(claims))

    def assemble(signature: bytes) -> RootBundle:
        signed = cose.assemble(protected, item, signature)
        try:
            return RootBundle.parse(cbor.encode_sorted([NUMBER, signed]), pinned=key)
        except DelegateError as error:  # what was given to be signed, found by the one reader that there is
            raise ValueError(error.detail) from None

    return Draft(key, cose.sig_structure(protected, AAD + key.thumbprint, item), assemble)


def retired(keys: Iterable[TrustedKey], principal: Principal, until: Instant) -> tuple[TrustedKey, ...]:
    """Let a key count until a moment, and no longer; the others stay as they are.

    Raises:
        ValueError: it is not among them, or begins to count only later: leave it out of the bundle.
    """
    found = tuple(keys)
    thumbprint, end = principal.public_key.thumbprint, instant(until)
    if all(each.thumbprint != thumbprint for each in found):
        message = f"the key of {principal.name} is not in the bundle"
        raise ValueError(message)
    if any(each.thumbprint == thumbprint and each.since > end for each in found):
        message = f"the key of {principal.name} does not count before it is retired: leave it out of the bundle"
        raise ValueError(message)
    return tuple(each._replace(until=min(each.until, end)) if each.thumbprint == thumbprint else each for each in found)


def _check_leaving(
    previous: RootBundle, keys: dict[bytes, TrustedKey], gone: frozenset[bytes], longest: Span | None, at: int
) -> None:
    """Refuse to forget what still counts; raises ValueError."""
    for before in previous.keys:
        if before.thumbprint in gone:
            continue
        stays = keys.get(before.thumbprint)
        name = before.principal.name
        if REVOKER in before.roles and (stays is None or REVOKER not in stays.roles):
            message = f"what {name} revoked would count again: keep it as a revoker, or name it in distrust"
            raise ValueError(message)
        left = stays.until if stays is not None and ROOT in stays.roles else -1
        if ROOT not in before.roles or left >= before.until or not before.since <= at <= before.until:
            continue  # one that does not count yet has started no chain
        if longest is None:
            message = f"{name} is to leave: say the longest life of its chains, longest='8h', or name it in distrust"
            raise ValueError(message)
        if left < min(before.until, at + seconds(longest)):
            message = f"chains of {name} live on: keep it for {longest} from now at least, or name it in distrust"
            raise ValueError(message)


def _entry(key: TrustedKey) -> dict[int | str, object]:
    entry: dict[int | str, object] = {SUB: key.principal.name}
    if key.until != TIME_MAX:
        entry[EXP] = key.until
    if key.since:
        entry[NBF] = key.since
    entry[CNF] = {1: cbor.decode(key.principal.public_key.cose_key)}
    for name, texts in (("for", key.speaks_for), ("role", key.roles), ("tenants", key.tenants)):
        if texts:
            entry[name] = list(texts)
    return entry


def _several(texts: Iterable[str] | None, what: str) -> tuple[str, ...]:
    if isinstance(texts, str):
        message = f"{what} is several names, not one string"
        raise TypeError(message)
    found = () if texts is None else tuple(texts)
    if texts is not None and not found:
        message = f"{what} is empty: name at least one, or leave {what} out"
        raise ValueError(message)
    return found
