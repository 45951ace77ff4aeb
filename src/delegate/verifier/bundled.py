"""What a root bundle makes of a verifier: its roots, revokers, third parties and names, replaced as one (SPEC §15.3).

The rules of this file:

- Only what a pinned key signed: what was read to be looked at says nothing here.
- Never backwards: an older bundle, or another one with the same number, is refused.
- The bundle alone says who is a root. The other parties that the verifier was given stay beside the bundle's.
- A bundle that has expired leaves no root, and all its revokers: their word only takes away.
- What stays the same stays remembered: chains that held, where no root has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from delegate.core.decide.remembered import Generation, Recent, generation
from delegate.core.keys.principal import Principal
from delegate.errors import Reason, TokenError, VerificationError
from delegate.trust.bundle import REVOKER, ROOT, THIRD_PARTY, RootBundle, TrustedKey
from delegate.verifier.configuration import Configured, Parties
from delegate.verifier.roots import Root, anchor_of


def configured(bundle: RootBundle, before: Configured, own: Parties, cache_size: int, now: int) -> Configured:
    """Work out what to go by from now on; what there was before, where nothing is new.

    Raises:
        VerificationError, TokenError: as `Base.accept_roots`.
    """
    if not bundle.pinned:
        raise VerificationError(
            Reason.UNKNOWN_ROOT, "nobody pinned the key that signed this root bundle: parse it with pinned="
        )
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
    _check_together(bundle, own)
    return _made(bundle, before, own, cache_size, now)


def moved_on(before: Configured, own: Parties, cache_size: int, now: int) -> Configured:
    """Work out anew what the same bundle says now that a moment of it has come."""
    if before.bundle is None or now < before.until:  # another thread was here first
        return before
    return _made(before.bundle, before, own, cache_size, now)


def _made(bundle: RootBundle, before: Configured, own: Parties, cache_size: int, now: int) -> Configured:
    live = now < bundle.expires
    # A revoker's records count for good: what it took back does not come back when its own time is over.
    takers = [each for each in bundle.having(REVOKER) if each.since <= now]
    both = own._replace(
        revokers=_joined(own.revokers, takers),
        third_parties=_joined(own.third_parties, _live(bundle.having(THIRD_PARTY), now) if live else ()),
        principals=_joined(own.principals, _live(bundle.keys, now) if live else ()),
    )
    changed = both.indexed()
    ended = {each.thumbprint for each in takers if not each.counts(now)}
    changed["due"] = {key: name for key, name in changed["revokers"].items() if key not in ended}
    held, roots = _generation(bundle.having(ROOT) if live else (), before, cache_size)
    if changed["revokers"] != before.settings.revokers:  # what is looked up for a chain names them
        held = held._replace(sought=Recent(cache_size))
    return Configured(before.settings.__replace__(**changed), held, roots, bundle, bundle.changes_after(now))


def _check_together(bundle: RootBundle, own: Parties) -> None:
    """Refuse what does not go together, whenever its time is: it must not be found when that has come.

    Raises:
        TokenError: MALFORMED.
    """
    every = own._replace(
        revokers=_joined(own.revokers, bundle.having(REVOKER)),
        third_parties=_joined(own.third_parties, bundle.having(THIRD_PARTY)),
        principals=_joined(own.principals, bundle.keys),
    )
    try:
        every.indexed()
    except ValueError as error:
        raise TokenError(Reason.MALFORMED, str(error)) from None


def _live(keys: Iterable[TrustedKey], now: int) -> list[TrustedKey]:
    return [each for each in keys if each.counts(now)]


def _joined(own: Sequence[Principal], keys: Iterable[TrustedKey]) -> tuple[Principal, ...]:
    """Put the verifier's own and the bundle's together, none twice; one key under two names is found later."""
    return tuple(dict.fromkeys((*own, *(each.principal for each in keys))))


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
