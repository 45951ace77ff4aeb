"""The verifier that a command uses, and what it rests on: roots, revocation lists, whose word counts, the stores.

The rules of this file:

- Looking changes nothing: lists from files are heeded in this run, beside what the stores hold, and put into none.
- By a clock of the user's own nothing is claimed or charged: stores forget by it, and every verifier shares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from delegate.cli.options import FILE, combined, duration
from delegate.cli.revocation_files import read_list
from delegate.cli.sources import read_principal
from delegate.cli.stores import opened, state_option
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request
from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.stores import RevocationStore
from delegate.core.keys.principal import Principal
from delegate.errors import CaveatSyntaxError, DelegateError
from delegate.explain.unverified import AnyToken
from delegate.state.engines import State
from delegate.state.memory_replay import MemoryReplay
from delegate.state.memory_revocations import MemoryRevocations
from delegate.trust.bundle import REVOKER, THIRD_PARTY, RootBundle
from delegate.verifier.roots import Root
from delegate.verifier.verifier import Verifier

if TYPE_CHECKING:
    from delegate.audit.log import Log
    from delegate.directory.directory import Directory

# Put to a verifier where there is no request: of the answer only what it found out about the chain is shown.
NO_REQUEST: Final = Request("inspect")
_NO_AUDIENCE: Final = "any"  # a name to go by where the chain names no service and the user none

revocation_options = combined(
    click.option(
        "--revocations",
        "list_files",
        type=FILE,
        multiple=True,
        metavar="FILE",
        help="Revocation list: a file, https://… or - for standard input. May be repeated.",
    ),
    click.option(
        "--revoker",
        "revoker_files",
        type=FILE,
        multiple=True,
        metavar="FILE",
        help="Public key whose revocations count for any chain. May be repeated.",
    ),
    click.option(
        "--max-revocation-age",
        "max_age_s",
        type=duration,
        metavar="DURATION",
        help="How old the newest list of each --revoker may be: 1h.",
    ),
    state_option,
)


third_party_option = click.option(
    "--third-party",
    "third_party_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Public key whose confirmations count where a need names it; needs show its name. May be repeated.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """What a verifier rests on besides its roots.

    Attributes:
        revocations: where to look up what was revoked; `None` where no list and no state was given.
        revokers: whose word on anything counts.
        max_age_s: how old their newest lists may be.
        state: the stores that verifiers share, if any.
    """

    revocations: RevocationStore | None = None
    revokers: tuple[Principal, ...] = ()
    max_age_s: int | None = None
    state: State | None = None


class _Joined:
    """Lists from files beside a store that is only read."""

    __slots__ = ("_files", "_store")

    def __init__(self, store: RevocationStore, files: MemoryRevocations) -> None:
        self._store = store
        self._files = files

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:
        """Take over a list, for this run."""
        return self._files.add(feed, records, now=now, known=known)

    def look_up(
        self, subjects: Sequence[bytes], signers: Sequence[bytes] | None = None, *, now: int | None = None
    ) -> Sequence[Record]:
        """Give what either has."""
        return [*self._store.look_up(subjects, signers, now=now), *self._files.look_up(subjects, signers, now=now)]

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give of every signer the newer of two."""
        newest: dict[bytes, Feed] = {}
        for feed in (*self._store.feeds(signers), *self._files.feeds(signers)):
            earlier = newest.get(feed.signer)
            if earlier is None or earlier.sequence < feed.sequence:
                newest[feed.signer] = feed
        return list(newest.values())


def check_stdin(token: str | None, list_files: Sequence[str]) -> None:
    """Refuse stdin for two things, before either is read."""
    if (token, *list_files).count("-") > 1:
        message = "standard input can hold only one thing: the token or one list"
        raise click.UsageError(message)


@contextmanager
def open_backing(
    list_files: Sequence[str],
    revoker_files: Iterable[str],
    max_age_s: int | None,
    state_url: str | None,
    *,
    now: int,
    bundle: RootBundle | None = None,
) -> Iterator[Backing]:
    """Read what a verifier rests on; the stores stay open until the command is done.

    Raises:
        click.UsageError: options that do not go together. Failure: a file.
        StateError: a store did not answer, or a list is longer than this process keeps.
    """
    revokers = tuple(map(read_principal, revoker_files))
    if bundle is not None:
        revokers += tuple(each.principal for each in bundle.having(REVOKER) if each.since <= now)
    if max_age_s is not None and not revokers:
        message = "--max-revocation-age: say whose lists: --revoker alice.pub"
        raise click.UsageError(message)
    lists = list(map(read_list, list_files))
    with opened(state_url) if state_url else nullcontext() as state:
        found = None if state is None else state.revocations
        if lists:
            found = MemoryRevocations() if found is None else _Joined(found, MemoryRevocations())
            for each in lists:
                found.add(each.feed, each.records, now=now)
        yield Backing(revocations=found, revokers=revokers, max_age_s=max_age_s, state=state)


def make_verifier(
    roots: Sequence[Root],
    backing: Backing,
    *,
    audience: str,
    now: int,
    tenant: str | None,
    bearer: bool,
    principals: Iterable[Principal] = (),
    policies: Iterable[str] = (),
    third_parties: Iterable[Principal] = (),
    bundle: RootBundle | None = None,
    directory: Directory | None = None,
    require_known: bool = False,
    audit: Log | None = None,
) -> Verifier:
    """Make the verifier; what it finds wrong with its settings is a usage error here.

    With a bundle, that says who is a root; raises DelegateError where it has expired.
    """
    # One run remembers nothing of the one before, unless there is a state; and says so.
    replay = MemoryReplay(since=0) if backing.state is None else backing.state.replay
    starting = roots if bundle is None else (Principal(bundle.issuer, bundle.public_key),)
    try:
        verifier = Verifier(
            starting,
            audience=audience,
            tenant=tenant or None,
            bearer=bearer,
            principals=tuple(principals) or None,
            policy=tuple(policies) or None,
            clock=lambda: now,
            replay=replay,
            revocations=backing.revocations,
            revokers=backing.revokers or None,
            max_revocation_age=backing.max_age_s,
            ledger=None if backing.state is None else backing.state.ledger,
            third_parties=tuple(third_parties) or None,
            directory=directory,
            require_known=require_known,
            audit=audit,
        )
    except CaveatSyntaxError:
        raise
    except (ValueError, TypeError) as error:
        raise click.UsageError(shown(str(error), 300)) from None
    if bundle is not None:  # from here on it alone says who is a root
        verifier.accept_roots(bundle)
    return verifier


def vouched_by(bundle: RootBundle | None, now: int) -> tuple[tuple[Principal, ...], tuple[Principal, ...]]:
    """Give the principals whose names a bundle vouches for, and its third parties, as of now."""
    live = () if bundle is None or now >= bundle.expires else bundle.keys
    names = tuple(each.principal for each in live if each.counts(now))
    return names, tuple(each.principal for each in live if each.counts(now) and THIRD_PARTY in each.roles)


def claimed_audience(given: AnyToken) -> str:
    """Ask as a service that the chain claims to be for; a chain that cannot be read is the verifier's to refuse."""
    try:
        named = given.link.audience
    except DelegateError:
        return _NO_AUDIENCE
    return min(named) if named else _NO_AUDIENCE
