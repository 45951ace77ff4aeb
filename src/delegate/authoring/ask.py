"""Asks: what a third party is shown before it confirms a need (SPEC §14.3).

The rules of this file:

- An ask is unsigned: all of it is the word of whoever brings it. What a discharge binds is the block id, the need's
  place, and for each request the request's digest and the last block; whatever else an ask shows decides nothing.
- It shows the request itself, and the digest is worked out from that: nobody confirms a digest that they cannot read.
- Without a request it shows what the chain permits, as its holder claims: nobody confirms what they cannot see.
- It does not show the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from delegate.authoring import singles
from delegate.authoring.token import originator_of
from delegate.core.chain.claims import BEARER
from delegate.core.chain.links import Link
from delegate.core.chain.needs import NEED_NAMES, check_keys
from delegate.core.chain.printable import is_plain
from delegate.core.chain.request import Request
from delegate.core.keys.names import is_name
from delegate.core.wire import cbor
from delegate.core.wire.cose import THUMBPRINT_BYTES
from delegate.errors import DelegateError, Reason, TokenError
from delegate.language.codec import from_wire
from delegate.language.conditions import Caveat
from delegate.language.needs import Need, decode_needs
from delegate.limits import NEEDS, TIME_MAX, WHY_CHARACTERS

GRANTS = 64  # what is worked out at most (`delegate.analysis.effective`)
_PERMITS_CHARACTERS = 16_384  # a person is to read them
_LEAST = frozenset({2, "by", "if", "of", "to", "for", "key"})
_KEYS = _LEAST | {"age", "can", "req", "why", "last"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a third party is asked to confirm. Nobody has checked any of it.

    Attributes:
        block_id: 32 bytes: the block that has the need.
        place: which of its needs.
        by: thumbprints of the keys that may still confirm it.
        of: how many of them are still wanted.
        condition: what must come to `true` of what is said.
        originator: whose authority the chain is said to carry.
        holder, holder_key: who is said to hold the chain, by name and thumbprint.
        why: the purpose, as it is claimed; may be empty.
        max_age_s: how old a discharge may be; `None`: not bounded.
        request: the one request that it is for, once; `None`: for every request below the block, which a standing need
            alone takes.
        last: id of the chain's last block, where there is a request.
        permits: what the chain is said to permit, as capabilities in text, where there is no request.
    """

    block_id: bytes
    place: int
    by: tuple[bytes, ...]
    of: int
    condition: Caveat
    originator: str
    holder: str
    holder_key: bytes
    why: str = ""
    max_age_s: int | None = None
    request: Request | None = None
    last: bytes | None = None
    permits: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Give the binary form."""
        return singles.build(singles.ASK, self._content())

    def to_text(self) -> str:
        """Give the text form: `dlga_` and base64url."""
        return singles.to_text(singles.ASK, self._content())

    def _content(self) -> bytes:
        said: dict[int | str, object] = {
            2: self.holder,
            "by": list(self.by),
            "if": self.condition.to_wire(),
            "of": self.of,
            "to": [self.block_id, self.place],
            "for": self.originator,
            "key": self.holder_key,
        }
        if self.max_age_s is not None:
            said["age"] = self.max_age_s
        if self.why:
            said["why"] = self.why
        if self.request is not None:
            said["req"] = [self.request.action, self.request.resource, self.request.values]
            said["last"] = self.last
        else:
            said["can"] = list(self.permits)
        return cbor.encode(said)

    @classmethod
    def parse(cls, source: str | bytes) -> Ask:
        """Read the text form, `dlga_…`, or the bytes.

        Raises:
            TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION, UNKNOWN_CLAIM.
        """
        said: Any = cbor.decode(singles.parse(singles.ASK, source))
        if type(said) is not dict or not said.keys() >= _LEAST:
            _malformed()
        if any(type(key) not in {int, str} or key not in _KEYS for key in said):
            raise TokenError(Reason.UNKNOWN_CLAIM, "an ask with a further claim")
        check_keys(said["by"])
        holder, originator, why, of, age = said[2], said["for"], said.get("why", ""), said["of"], said.get("age")
        if not _is_party(holder) or type(originator) is not str or not is_name(originator):
            _malformed()
        if type(of) is not int or not 0 < of <= len(said["by"]) or not _is_hash(said["key"]):
            _malformed()
        if type(why) is not str or ("why" in said and not why) or not is_plain(why) or len(why) > WHY_CHARACTERS:
            _malformed()
        if "age" in said and (type(age) is not int or not 0 < age <= TIME_MAX):
            _malformed()
        block_id, place = _target(said["to"])
        condition = from_wire(said["if"], NEED_NAMES)
        request = _request(said["req"]) if "req" in said else None
        if ("last" in said) != ("req" in said) or ("last" in said and not _is_hash(said["last"])):
            _malformed()
        if ("can" in said) == ("req" in said):
            _malformed()
        return cls(
            block_id=block_id,
            place=place,
            by=tuple(said["by"]),
            of=of,
            condition=Caveat(condition),
            originator=originator,
            holder=holder,
            holder_key=said["key"],
            why=why,
            max_age_s=age,
            request=request,
            last=said.get("last"),
            permits=_permits(said["can"]) if "can" in said else (),
        )


def asks(link: Link, request: Request | None = None) -> tuple[Ask, ...]:
    """Ask for every need of a chain, as it claims them: what a holder does before anybody refuses.

    Args:
        link: the last block.
        request: what is going to be asked; needed unless every need is standing. What is given is asked for, and
            nothing else: a discharge is then for this one request, also where it could be for more.

    Raises:
        ValueError: a need is for each request, and there is none.
        TokenError: LIMIT_EXCEEDED: what the chain permits is too much to be shown.
    """
    return tuple(
        ask_for(link, each, place, need, need.by, need.of, request)
        for each in link.up()
        for place, need in enumerate(decode_needs(each.block.needs))
    )


def ask_for(
    link: Link, at: Link, place: int, need: Need, by: tuple[bytes, ...], of: int, request: Request | None
) -> Ask:
    """Ask some of a need's parties for what is still wanted of it.

    Args:
        link: the chain's last block.
        at: the block that has the need.
        place: which of its needs.
        need: the need.
        by: who may still confirm it.
        of: how many are still wanted.
        request: the request; may be absent where the need is a standing one.

    Raises:
        ValueError: the need is for each request, and there is none.
    """
    if not need.standing and request is None:
        message = "this chain has a need that applies to each request; give the request"
        raise ValueError(message)
    return Ask(
        block_id=at.id,
        place=place,
        by=by,
        of=of,
        condition=need.condition,
        originator=originator_of(link),
        holder=link.block.holder,
        holder_key=link.block.key.thumbprint,
        why=next((each.block.why for each in reversed(link.up()) if each.block.why), ""),
        max_age_s=need.max_age_s,
        request=request,
        last=None if request is None else link.id,
        permits=_permitted(link) if request is None else (),
    )


def _permitted(link: Link) -> tuple[str, ...]:
    """Say what a chain permits, all hops together, as it claims."""
    from delegate.analysis.effective import effective

    texts = tuple(map(str, effective(link).grants)) or ("nothing",)
    if sum(map(len, texts)) > _PERMITS_CHARACTERS:
        raise TokenError(Reason.LIMIT_EXCEEDED, "what this chain permits is too much to be shown; ask for one request")
    return texts


def _permits(said: object) -> tuple[str, ...]:
    if type(said) is not list or not 0 < len(said) <= GRANTS:
        _malformed()
    for text in said:
        if type(text) is not str or not text or not is_plain(text):
            _malformed()
    if sum(map(len, said)) > _PERMITS_CHARACTERS:
        raise TokenError(Reason.LIMIT_EXCEEDED, "an ask that shows too much")
    return tuple(said)


def _target(to: object) -> tuple[bytes, int]:
    match to:
        case [bytes() as block_id, int() as place] if _is_hash(block_id) and type(place) is int and 0 <= place < NEEDS:
            return block_id, place
    _malformed()


def _request(said: object) -> Request:
    """Read the request, in its one form: what is shown is what the digest is made of."""
    match said:
        case [str() as action, (str() | None) as resource, dict() as args]:
            pass
        case _:
            _malformed()
    try:
        request = Request(action, resource, args)
        if cbor.encode(said) != cbor.encode([request.action, request.resource, request.values]):
            raise TokenError(Reason.NOT_CANONICAL, "a request in another form than its normal one")
    except TypeError:
        _malformed()
    except DelegateError as error:
        raise TokenError(error.reason, error.detail) from None
    return request


def _is_party(name: object) -> bool:
    return type(name) is str and (name == BEARER or is_name(name))


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == THUMBPRINT_BYTES


def _malformed() -> NoReturn:
    raise TokenError(Reason.MALFORMED, "an ask that is not of its form")
