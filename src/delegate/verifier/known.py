"""Whose the keys of a chain are, as the verifier's directory and configuration have it (SPEC §5.5.14).

The rules of this file:

- A name counts where it is the directory's for that very key, and the principal may act now. Where the directory knows
  a key, its word goes before the configuration's.
- The directory is asked once a decision, after the proof held: whoever cannot prove learns nothing of it.
- What refuses is told to the operator alone: to everybody else it is one reason, whatever the directory says.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from delegate.core.chain.claims import BEARER
from delegate.core.chain.links import Link
from delegate.core.chain.printable import shown
from delegate.core.decide.settings import Settings
from delegate.core.decide.verified import VerifiedChain
from delegate.directory.known import Known
from delegate.errors import Reason, VerificationError

# Gives the fields of a `Query` that a directory answers: `names` and `known`.
FindingKnown: TypeAlias = Callable[[VerifiedChain, int], Generator[Any, Any, dict[str, Any]]]
_NOBODY: Final[dict[bytes, Known]] = {}


class FindKnown(NamedTuple):
    """Find whose these keys are: one call of the directory."""

    find: Callable[..., object]
    thumbprints: tuple[bytes, ...]
    now: int

    def call(self, settings: Settings) -> object:
        """Ask the directory."""
        del settings
        return self.find(self.thumbprints, now=self.now)

    def answer(self, given: object) -> Mapping[bytes, Known]:
        """Take whom it knows of those that it was asked about, and nothing that only looks like it."""
        if not isinstance(given, Mapping) or not all(
            key in self.thumbprints and _is_known(known) for key, known in given.items()
        ):
            message = f"a directory answered with {type(given).__name__}"
            raise TypeError(message)
        return given


def _is_known(given: object) -> bool:
    if type(given) is not Known or type(given.name) is not str or type(given.fault) is not str:
        return False
    who = given.who
    return isinstance(who, Mapping) and all(type(each) is str for pair in who.items() for each in pair)


def finding(
    directory: object, names: Mapping[bytes, str], tenant: str | None, *, require_known: bool, awaits: bool
) -> FindingKnown:
    """Make the step of a decision that asks the directory.

    Args:
        directory: a `Directory`, or whatever has its `find`; `None`: `names` are all that is known.
        names: thumbprint → name, as the verifier's own configuration has it.
        tenant: the tenant that it serves.
        require_known: whether to refuse a hop that is not known.
        awaits: whether the verifier awaits.

    Raises:
        ValueError: nothing could be known, or the directory is another tenant's. TypeError: it is no directory.
    """
    if type(require_known) is not bool:
        message = f"require_known is True or False, not {type(require_known).__name__}"
        raise TypeError(message)
    if directory is None and not names:
        message = "require_known without directory or principals would refuse every chain"
        raise ValueError(message)
    find = None if directory is None else _question(directory, tenant, awaits=awaits)

    def found(chain: VerifiedChain, now: int) -> Generator[Any, Any, dict[str, Any]]:
        links = chain.link.up()
        known: Mapping[bytes, Known] = _NOBODY
        if find is not None:
            keys = (chain.root.principal.public_key, *(each.block.key for each in links))
            known = yield FindKnown(find, tuple(dict.fromkeys(key.thumbprint for key in keys)), now)
        if require_known:
            _check_known(chain, links, known, names)
        confirmed = {
            key: link.block.holder
            for link in links
            for key in (link.block.key.thumbprint,)
            if not _fault(key, link.block.holder, known, names)
        }
        return {"names": confirmed, "known": known}

    return found


def _question(directory: object, tenant: str | None, *, awaits: bool) -> Callable[..., object]:
    """Take the question of a directory, for one tenant, in the way that the verifier asks."""
    from delegate.directory.directory import Directory

    if isinstance(directory, Directory):
        if directory.tenant not in {None, tenant}:
            message = f"this directory is of tenant `{directory.tenant}`, and the verifier serves {tenant or 'none'}"
            raise ValueError(message)
        own = directory.of(tenant)
        return own.awaited().find if awaits else own.find
    find = getattr(directory, "find", None)
    if not callable(find) or isinstance(directory, (str, bytes, bytearray)):  # text has a `find` of its own
        message = f"directory is what delegate.directory.connect(url) gives, not {type(directory).__name__}"
        raise TypeError(message)
    question: Callable[..., object] = find
    return question


def _check_known(
    chain: VerifiedChain, links: Sequence[Link], known: Mapping[bytes, Known], names: Mapping[bytes, str]
) -> None:
    """Refuse the first hop whose key is unknown, another's, or may not act; raises VerificationError.

    The root is known by being one; what the directory says of it counts all the same.
    """
    root = chain.root.principal
    if root.public_key.thumbprint in known:
        _refuse(_fault(root.public_key.thumbprint, root.name, known, names), 0)
    for link in links:
        _refuse(_fault(link.block.key.thumbprint, link.block.holder, known, names), link.hop)


def _refuse(fault: str, hop: int) -> None:
    if fault:
        raise VerificationError(Reason.PRINCIPAL_UNKNOWN, fault, hop=hop)


def _fault(key: bytes, name: str, known: Mapping[bytes, Known], names: Mapping[bytes, str]) -> str:
    """Say why a key does not stand for this name, for the operator; empty where it does."""
    found = known.get(key)
    if found is not None:
        if found.name != name:
            return f"the key of `{shown(name)}` is {found.name}'s in the directory"
        return found.fault
    if names.get(key) == name:
        return ""
    if name == BEARER:
        return "a bearer block names nobody"
    return f"the directory does not know the key of `{shown(name)}`, {key[:8].hex()}…"
