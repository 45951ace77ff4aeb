"""What a root bundle makes of a verifier: its roots, revokers, third parties and names, replaced as one (SPEC §15.3).

The rules of this file:

- Never backwards: an older bundle, or another one with the same number, is refused.
- The bundle alone says who is a root and who a third party. Revokers that the verifier was made with stay: their word
  only takes away. A bundle that has expired leaves neither root nor third party, and all its revokers.
- What stays the same stays remembered: chains that held, where no root has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from delegate.core.decide.remembered import Generation, Recent, generation
from delegate.core.keys.principal import Principal
from delegate.errors import Reason, TokenError, VerificationError
from delegate.trust.bundle import REVOKER, ROOT, THIRD_PARTY, RootBundle, TrustedKey
from delegate.verifier.roots import Root, anchor_of

if TYPE_CHECKING:
    from delegate.verifier.configuration import Configured


def configured(
    bundle: RootBundle, before: Configured, own_revokers: Sequence[Principal], cache_size: int, now: int
) -> Configured:
    """Work out what to go by from now on; what there was before, where nothing is new.

    Raises:
        VerificationError, TokenError: as `Base.accept_roots`.
    """
    known = before.bundle
    if known is not None and bundle.data == known.data:
        return before
    if known is not None and bundle.sequence <= known.sequence:
        what = "another one" if bundle.sequence == known.sequence else f"number {known.sequence}"
        detail = f"root bundle {bundle.sequence}, where {what} was taken over before"
        raise VerificationError(Reason.REPLAYED, detail)
    if now >= bundle.expires:
        raise VerificationError(Reason.EXPIRED, f"the root bundle expired {now - bundle.expires} s ago")
    if bundle.issued > now + before.settings.leeway_s:
        raise VerificationError(Reason.NOT_YET_VALID, f"the root bundle is dated {bundle.issued - now} s ahead")
    return _made(bundle, before, own_revokers, cache_size, now)


def moved_on(before: Configured, own_revokers: Sequence[Principal], cache_size: int, now: int) -> Configured:
    """Work out anew what the same bundle says now that a moment of it has come."""
    if before.bundle is None or now < before.until:  # another thread was here first
        return before
    return _made(before.bundle, before, own_revokers, cache_size, now)


def _made(
    bundle: RootBundle, before: Configured, own_revokers: Sequence[Principal], cache_size: int, now: int
) -> Configured:
    from delegate.verifier.configuration import parties

    live = now < bundle.expires
    listed = {each.thumbprint for each in bundle.keys}
    # A revoker's records count for good: what it took back does not come back when its own time is over.
    takers = [each for each in bundle.having(REVOKER) if each.since <= now]
    own = [each for each in own_revokers if each.public_key.thumbprint not in {key.thumbprint for key in takers}]
    for each in own:
        if each.public_key.thumbprint in listed:
            _check_named_alike(each, bundle)
    confirming = [each.principal for each in bundle.having(THIRD_PARTY) if live and each.counts(now)]
    try:
        changed = parties(
            [*own, *(each.principal for each in takers)],
            confirming,
            [each.principal for each in bundle.keys if live and each.counts(now)],
        )
    except ValueError as error:
        raise TokenError(Reason.MALFORMED, str(error)) from None
    ended = {each.thumbprint for each in takers if not each.counts(now)}
    changed["due"] = {key: name for key, name in changed["revokers"].items() if key not in ended}
    starting = bundle.having(ROOT) if live else ()
    held, roots = _generation(starting, before, cache_size)
    if dict(changed["revokers"]) != dict(before.settings.revokers):  # what is looked up for a chain names them
        held = held._replace(sought=Recent(cache_size))
    return before._replace(
        settings=before.settings.__replace__(**changed),
        generation=held,
        roots=roots,
        bundle=bundle,
        until=bundle.changes_after(now),
    )


def _generation(
    starting: Sequence[TrustedKey], before: Configured, cache_size: int
) -> tuple[Generation, tuple[Any, ...]]:
    """Give the generation of these roots: the one before, where they are the same."""
    roots = tuple(map(_root, starting))
    if list(map(_facts, roots)) == list(map(_facts, before.roots)):
        return before.generation, before.roots
    return generation(map(anchor_of, roots), cache_size), roots


def _root(key: TrustedKey) -> Root:
    return Root(
        key.principal,
        speaks_for=key.speaks_for or None,
        tenants=key.tenants or None,
        not_before=key.since or None,
        not_after=key.until,
    )


def _facts(root: object) -> object:
    """Give all that tells one root from another."""
    if not isinstance(root, Root):
        return root
    return root.principal, root.speaks_for, root.tenants, root.can, root.not_before, root.not_after


def _check_named_alike(own: Principal, bundle: RootBundle) -> None:
    """Refuse a bundle that knows a revoker of the verifier's own by another name; raises TokenError."""
    thumbprint = own.public_key.thumbprint
    for each in bundle.keys:
        if each.thumbprint == thumbprint and each.principal.name != own.name:
            raise TokenError(Reason.MALFORMED, f"one key under two names: {own.name} and {each.principal.name}")
