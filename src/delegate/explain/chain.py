"""A chain, claimed or verified, as people look at it: each hop and what all of them add up to (SPEC §4).

The rules of this file:

- It shows what the blocks say. Whether anybody checked them is told beside it (`checked`), never guessed here.
- One hop is a few lines; a block that says nothing about a thing has no line for it.
- What came from outside is escaped, here and once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delegate.caveats import closed_names, conjuncts
from delegate.chain.blocks import BEARER
from delegate.chain.capability import Capability, decode_capabilities
from delegate.chain.hop import Hop, hops_of
from delegate.chain.links import UNLIMITED_HOPS, Link
from delegate.chain.text import shown
from delegate.chain.token import originator_of
from delegate.explain.moments import when_from

WIDTH: Final = 100
_ENOUGH: Final = 1 << 20  # longer than any text in a token: escape, never shorten
_ARROW_COLUMN: Final = 40
_SHORT: Final = 48  # the texts that a column is made for
_OPEN_NOTES: Final = ("any arguments", "any other arguments")


class Setting(StrEnum):
    """Whether arguments that a capability does not name may be given."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HopView:
    """One hop as text.

    Attributes:
        hop: what the block says.
        arguments: of each capability, whether its list of arguments is open or closed.
        hops_left: how many changes of key are left below it.
    """

    hop: Hop
    arguments: tuple[Setting, ...]
    hops_left: int

    def lines(self, now: int) -> list[str]:
        """Write the hop: who holds the chain from here on, and each thing that the block says."""
        hop = self.hop
        head = f"{hop.index:>2} ─▶ {_holder(hop)}"
        until = "" if hop.expires is None else f"until {when_from(hop.expires, now)}"
        lines = [f"{head:<{_ARROW_COLUMN}} {until}".rstrip()]
        lines += _permitted([_escaped(text) for text in hop.capabilities], self.arguments)
        lines += [_said("if" if place == 0 else "", _escaped(text)) for place, text in enumerate(hop.caveats)]
        if hop.audience:
            lines.append(_said("at", ", ".join(hop.audience)))
        if hop.not_before is not None:
            lines.append(_said("from", when_from(hop.not_before, now)))
        if hop.hops is not None:
            lines.append(_said("hands on", _handing(hop.hops)))
        if hop.who:
            lines.append(_said("who", ", ".join(f"{_escaped(name)}: {_escaped(fact)}" for name, fact in hop.who)))
        if hop.why:
            lines.append(_said("why", f'"{_escaped(hop.why)}"'))
        return lines

    def to_json(self) -> dict[str, object]:
        """Give the hop as JSON values; times in Unix seconds, keys as their text."""
        hop = self.hop
        return {
            "index": hop.index,
            "block_id": hop.block_id.hex(),
            "signer": hop.signer,
            "holder": hop.holder,
            "key": hop.key.to_text(),
            "handed_on": hop.handed_on,
            "issued": hop.issued,
            "expires": hop.expires,
            "not_before": hop.not_before,
            "audience": list(hop.audience),
            "capabilities": [
                {"text": text, "arguments": str(setting)}
                for text, setting in zip(hop.capabilities, self.arguments, strict=True)
            ],
            "caveats": list(hop.caveats),
            "hops": hop.hops,
            "hops_left": self.hops_left,
            "who": dict(hop.who),
            "why": hop.why or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """A chain as text: its hops and what they add up to.

    Attributes:
        originator: whose authority it carries; `issuer` signed block 0.
        expires, not_before: the chain's: the least and the greatest of its blocks', Unix seconds.
        audience: where it may be used; `None`: anywhere; empty: nowhere, since its hops disagree.
        hops_left: how many changes of key are left.
        tenant: the one tenant where it is good, or `""`.
        bearer: whether it is a bearer chain.
    """

    hops: tuple[HopView, ...]
    originator: str
    issuer: str
    expires: int
    not_before: int
    audience: tuple[str, ...] | None
    hops_left: int
    tenant: str
    bearer: bool

    @property
    def arguments(self) -> Setting:
        """Say whether some hop closes the arguments of whatever it permits."""
        closes = (hop.arguments and set(hop.arguments) == {Setting.CLOSED} for hop in self.hops)
        return Setting.CLOSED if any(closes) else Setting.OPEN

    @property
    def head(self) -> str:
        """Name the originator, and who signs for it."""
        return self.originator if self.originator == self.issuer else f"{self.originator}, for whom {self.issuer} signs"

    def hop_lines(self, now: int) -> list[str]:
        """Write every hop, from the originator's."""
        return [self.head, *(line for hop in self.hops for line in hop.lines(now))]

    def sum_lines(self, now: int) -> list[str]:
        """Write what the hops add up to."""
        lines = [titled("Good until", when_from(self.expires, now))]
        if self.not_before > now:
            lines.append(titled("Not before", when_from(self.not_before, now)))
        lines.append(titled("Good at", _places(self.audience)))
        if self.tenant:
            lines.append(titled("Tenant", self.tenant))
        lines.append(titled("Arguments", _ARGUMENTS[self.arguments]))
        lines.append(titled("Hands on", _handing(self.hops_left)))
        if self.bearer:
            lines.append(titled("Bearer", "whoever has it can use it; a service takes it only where told to"))
        return lines

    def to_json(self) -> dict[str, object]:
        """Give the chain as JSON values."""
        return {
            "originator": self.originator,
            "issuer": self.issuer,
            "holder": self.hops[-1].hop.holder,
            "expires": self.expires,
            "not_before": self.not_before,
            "audience": None if self.audience is None else list(self.audience),
            "hops_left": self.hops_left,
            "tenant": self.tenant or None,
            "bearer": self.bearer,
            "arguments": str(self.arguments),
            "hops": [hop.to_json() for hop in self.hops],
        }


_ARGUMENTS: Final = {
    Setting.OPEN: "open: a request may have arguments that no hop names",
    Setting.CLOSED: "closed: a request may have only the arguments that a hop lists",
}


def view(link: Link) -> ChainView:
    """Show a chain by its last link: claimed (`token.link`) or verified (`chain.link`)."""
    links = link.up()
    first = links[0].block
    hops = tuple(
        HopView(hop=hop, arguments=tuple(map(setting, decode_capabilities(each.block.can))), hops_left=each.hops_left)
        for hop, each in zip(hops_of(link), links, strict=True)
    )
    return ChainView(
        hops=hops,
        originator=originator_of(link),
        issuer=first.issuer,
        expires=link.expires,
        not_before=link.not_before,
        audience=None if link.audience is None else tuple(sorted(link.audience)),
        hops_left=link.hops_left,
        tenant=first.tenant,
        bearer=link.is_bearer,
    )


def setting(capability: Capability) -> Setting:
    """Say whether a capability's list of arguments is open or closed."""
    if capability.condition is None:
        return Setting.OPEN
    first = next(iter(conjuncts(capability.condition)))
    return Setting.OPEN if closed_names(first) is None else Setting.CLOSED


def titled(title: str, text: str) -> str:
    """Write one line of a summary, its title in a column."""
    return f"{title:<11} {text}"


def titled_items(title: str, items: list[str]) -> list[str]:
    """Write short items behind a title, ` · ` between them, wrapped at `WIDTH`."""
    lines: list[str] = []
    line = ""
    for item in items:
        longer = f"{line} · {item}" if line else item
        if line and len(titled(title, longer)) > WIDTH:
            lines.append(line)
            longer = item
        line = longer
    lines.append(line)
    return [titled(title if place == 0 else "", text) for place, text in enumerate(lines)]


def _holder(hop: Hop) -> str:
    if hop.holder == BEARER:
        return "whoever has it (a bearer block)"
    return hop.holder if hop.handed_on else f"{hop.holder}, narrowing its own"


def _handing(hops: int) -> str:
    if hops == 0:
        return "to nobody"
    if hops >= UNLIMITED_HOPS:
        return "as often as a chain can"
    return "once more" if hops == 1 else f"{hops} more times"


def _places(audience: tuple[str, ...] | None) -> str:
    if audience is None:
        return "any service: no hop names one"
    return ", ".join(audience) if audience else "no service: the hops name different ones"


def _permitted(texts: list[str], arguments: tuple[Setting, ...]) -> list[str]:
    """Write what a hop permits, and of each whether its arguments are open, in a column where the texts are short."""
    width = max((len(text) for text in texts if len(text) <= _SHORT), default=0)
    lines = []
    for place, (text, setting) in enumerate(zip(texts, arguments, strict=True)):
        note = _OPEN_NOTES[" if " in text] if setting is Setting.OPEN else ""
        lines.append(_said("may" if place == 0 else "", f"{text:<{width}}   {note}".rstrip()))
    return lines


def _said(word: str, text: str) -> str:
    return f"      {word:<9} {text}"


def _escaped(text: str) -> str:
    return shown(text, _ENOUGH)
