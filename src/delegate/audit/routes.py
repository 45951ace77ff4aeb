"""Who acts through whom: the part of an event that is the same for every request of one chain (AUDIT §16.2).

The rules of this file:

- A route is what a verified chain says, and what this service knows of the names in it. It is written once a chain;
  events name it by its SHA-256, and so does whatever proves them.
- What blocks permit is kept as their own bytes: whoever advises less has to know what there was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, NamedTuple

from delegate.core.chain.links import Link
from delegate.core.decide.verified import VerifiedChain
from delegate.core.wire import cbor
from delegate.errors import Reason, TokenError

VERSION: Final = 1
ID_BYTES: Final = 32
BY_ROOT: Final = "root"
BY_VERIFIER: Final = "verifier"
_TEXT: Final = (str,)
_TEXT_OR_NONE: Final = (str, type(None))
_BYTES: Final = (bytes,)
_BYTES_OR_NONE: Final = (bytes, type(None))
_NUMBER_OR_NONE: Final = (int, type(None))
_VOUCHED: Final = 4  # and behind it sponsor and owner, which a directory knows of whom it vouches for
# signer, holder, thumbprint, block id, vouched, sponsor, owner, who, why, can, if, issued, expires
_HOP: Final = (
    *(_TEXT, _TEXT, _BYTES, _BYTES, _TEXT_OR_NONE, _TEXT_OR_NONE, _TEXT_OR_NONE, (dict,), _TEXT_OR_NONE),
    *(_BYTES_OR_NONE, _BYTES_OR_NONE, (int,), _NUMBER_OR_NONE),
)


class Known(NamedTuple):
    """What a directory knows of a key.

    Attributes:
        name: whose key it is.
        sponsor: the person who answers for its purpose; `None`: not known.
        owner: who runs it; `None`: not known.
        is_confirmed: whether it may act now under this name.
    """

    name: str
    sponsor: str | None = None
    owner: str | None = None
    is_confirmed: bool = True


class RouteHop(NamedTuple):
    """One hop, as an event has it.

    Attributes:
        signer: name of who handed on.
        name: name of the holder; `bearer:` for a bearer block.
        thumbprint: of the holder's key, 32 bytes.
        block_id: 32 bytes.
        vouched: what bears the name out: `root`, `verifier` (its own principals) or `directory`; `None`: nothing but
            the signer's word.
        sponsor: the person who answers for the holder; `None`: not known.
        owner: who runs it; `None`: not known.
        who: facts about the holder, as the signer says: `code`, `model`, `run`, …
        why: the purpose, as the signer says; `None`: it says nothing.
        can: content of the claim `can`; `None`: it says nothing.
        conditions: content of the claim `if`; `None`: it says nothing.
        issued: Unix seconds.
        expires: Unix seconds, as this block says; `None`: it says nothing.
    """

    signer: str
    name: str
    thumbprint: bytes
    block_id: bytes
    vouched: str | None
    sponsor: str | None
    owner: str | None
    who: Mapping[str, str]
    why: str | None
    can: bytes | None
    conditions: bytes | None
    issued: int
    expires: int | None

    def to_json(self) -> dict[str, object]:
        """Give the hop as JSON values; what it permits as text."""
        from delegate.language.capability import capability_texts, caveat_texts

        return {
            "signer": self.signer,
            "name": self.name,
            "thumbprint": self.thumbprint.hex(),
            "block_id": self.block_id.hex(),
            "vouched_by": self.vouched,
            "sponsor": self.sponsor,
            "owner": self.owner,
            "who": dict(self.who),
            "why": self.why,
            "can": list(texts_of(capability_texts, self.can)),
            "if": list(texts_of(caveat_texts, self.conditions)),
            "issued": self.issued,
            "expires": self.expires,
        }


class Route:
    """Who acts through whom.

    Attributes:
        encoded: its bytes.
        id: SHA-256 of these: what events name it by.
    """

    def __init__(self, encoded: bytes) -> None:
        """Take the bytes; they are read when somebody asks."""
        self.encoded = encoded
        self.id = sha256(encoded).digest()

    @cached_property
    def _read(self) -> tuple[str, str, bytes, tuple[RouteHop, ...]]:
        """Read the bytes; raises TokenError: MALFORMED."""
        match cbor.decode(self.encoded):
            case [int() as version, str() as originator, str() as root, bytes() as key, list() as rows] if (
                type(version) is int and version == VERSION and rows and len(key) == ID_BYTES
            ):
                return originator, root, key, tuple(map(_hop, rows))
        raise _malformed()

    @property
    def originator(self) -> str:
        """Whose authority it is."""
        return self._read[0]

    @property
    def root(self) -> str:
        """Name of the root, which signed block 0."""
        return self._read[1]

    @property
    def root_thumbprint(self) -> bytes:
        """Thumbprint of the root's key."""
        return self._read[2]

    @property
    def hops(self) -> tuple[RouteHop, ...]:
        """Every hop, from block 0 down."""
        return self._read[3]

    @property
    def holder(self) -> str:
        """Name of who acts."""
        return self.hops[-1].name

    @property
    def purpose(self) -> str | None:
        """The last purpose that a block says; `None`: none does."""
        return next((each.why for each in reversed(self.hops) if each.why), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Originator, and every holder that is another than the one above it."""
        found = [self.originator]
        for hop in self.hops:
            if hop.name != found[-1]:
                found.append(hop.name)
        return tuple(found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Route) and self.encoded == other.encoded

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Route {' → '.join(self.names)}>"


def route_of(
    chain: VerifiedChain, names: Mapping[bytes, str], look_up: Callable[[bytes], Known | None] | None = None
) -> Route:
    """Write down the route of a verified chain; `names` are those that the verifier vouches for, by thumbprint."""
    root = chain.root.principal
    key = root.public_key.thumbprint
    return route_of_link(chain.link, root.name, key, chain.originator, names=names, look_up=look_up, is_verified=True)


def route_of_link(
    link: Link,
    root_name: str,
    root_key: bytes,
    originator: str,
    *,
    names: Mapping[bytes, str] | None = None,
    look_up: Callable[[bytes], Known | None] | None = None,
    is_verified: bool = False,
) -> Route:
    """Write down the route that a chain claims; of one that was verified, `route_of` does.

    What nobody verified vouches for nobody: its names are its signers' words alone.
    """
    rows = [_row(each, root_key, root_name, names or {}, look_up) for each in link.up()]
    if not is_verified:
        rows = [[*row[:_VOUCHED], None, None, None, *row[_VOUCHED + 3 :]] for row in rows]
    return Route(cbor.encode_sorted([VERSION, originator, root_name, root_key, rows]))


def _row(
    link: Link,
    root_key: bytes,
    root_name: str,
    names: Mapping[bytes, str],
    look_up: Callable[[bytes], Known | None] | None,
) -> list[object]:
    block = link.block
    thumbprint = block.key.thumbprint
    known = None if look_up is None else look_up(thumbprint)
    if known is not None and known.name != block.holder:  # another's: what is known of them is not of this hop
        known = None
    vouched = None
    if thumbprint == root_key and block.holder == root_name:
        vouched = BY_ROOT
    elif known is not None and known.is_confirmed:
        vouched = "directory"
    elif known is None and names.get(thumbprint) == block.holder:
        vouched = BY_VERIFIER
    return [
        link.signer, block.holder, thumbprint, link.id, vouched,
        None if known is None else known.sponsor, None if known is None else known.owner,
        dict(block.who), block.why or None, block.can or None, block.caveats or None, block.issued, block.expires,
    ]  # fmt: skip


def _hop(row: Any) -> RouteHop:  # noqa: ANN401 - whatever was decoded
    if type(row) is not list or len(row) != len(_HOP):
        raise _malformed()
    if not all(type(value) in kinds for value, kinds in zip(row, _HOP, strict=True)):
        raise _malformed()
    issued, expires = row[-2:]
    if len(row[2]) != ID_BYTES or len(row[3]) != ID_BYTES or issued < 0 or (expires is not None and expires < 0):
        raise _malformed()
    if not all(type(key) is str and type(value) is str for key, value in row[7].items()):
        raise _malformed()
    return RouteHop(*row)


def texts_of(read: Callable[[bytes], Iterable[str]], data: bytes | None) -> tuple[str, ...]:
    """Give the content of a claim as text; raises TokenError where it is none that a verifier has taken."""
    try:
        return tuple(read(data or b""))
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        raise _malformed() from None


def _malformed() -> TokenError:
    return TokenError(Reason.MALFORMED, "not a route of an audit log")
