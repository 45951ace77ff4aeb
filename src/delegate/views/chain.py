"""A chain, claimed or verified, as people look at it: each hop and what all of them add up to (SPEC §4).

The rules of this file:

- It shows what the blocks say. Whether anybody checked them is told beside it (`checked`), never guessed here.
- One hop is a few lines; a block that says nothing about a thing has no line for it.
- What came from outside is escaped, here and once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delegate.analysis.effective import Effective, effective, open_arguments
from delegate.authoring.token import originator_of
from delegate.core.chain.claims import BEARER
from delegate.core.chain.links import Link
from delegate.core.keys.principal import Principal
from delegate.explain.hops import Hop, hops_of
from delegate.language.capability import Capability, decode_capabilities
from delegate.views.grants import budget_text, freshness_text, grant_lines, grants_json, hops_text, open_note
from delegate.views.layout import WIDTH, escaped, hung, titled, wrapped
from delegate.views.moments import when_from

_ARROW_COLUMN: Final = 40
_TEXT_COLUMN: Final = 16
_TITLE_COLUMN: Final = 12
_SHORT: Final = 48  # the texts that a column is made for


class Setting(StrEnum):
    """Whether arguments that a capability does not name may be given."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HopView:
    """One hop as text.

    Attributes:
        hop: what the block says.
        capabilities: what it permits.
        hops_left: how many changes of key are left below it.
    """

    hop: Hop
    capabilities: tuple[Capability, ...]
    hops_left: int

    def lines(self, now: int) -> list[str]:
        """Write the hop: who holds the chain from here on, and each thing that the block says."""
        hop = self.hop
        head = _head(hop)
        until = "" if hop.expires is None else f"until {when_from(hop.expires, now)}"
        lines = [f"{head:<{_ARROW_COLUMN}} {until}".rstrip()]
        lines += _permitted(self.capabilities)
        for number, text in enumerate(hop.caveats):
            lines += _said("if" if number == 0 else "", escaped(text))
        if hop.audience:
            lines += _said("at", ", ".join(hop.audience))
        if hop.not_before is not None:
            lines += _said("from", when_from(hop.not_before, now))
        if hop.hops is not None:
            lines += _said("hands on", hops_text(hop.hops))
        if hop.budget:
            lines += _said("spends", f"{budget_text(hop.budget)}, by all below together")
        if hop.fresh is not None:
            lines += _said("fresh", freshness_text(hop.fresh))
        for number, text in enumerate(hop.needs):
            lines += _said("needs" if number == 0 else "", escaped(text))
        if hop.who:
            lines += _said("who", ", ".join(f"{escaped(name)}: {escaped(fact)}" for name, fact in hop.who))
        if hop.why:
            lines += _said("why", f'"{escaped(hop.why)}"')
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
                {"text": str(capability), "arguments": str(setting(capability))} for capability in self.capabilities
            ],
            "caveats": list(hop.caveats),
            "hops": hop.hops,
            "hops_left": self.hops_left,
            "budget": dict(hop.budget),
            "fresh": hop.fresh,
            "needs": list(hop.needs),
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
        budget: unit → the least of its pools: what may be spent at most, unless others below the same block spend it.
        fresh: how old a verifier's revocation data may be, seconds; `None`: no hop says.
        needs: what other parties must confirm, of all hops, as text.
        effective: what all hops grant together.
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
    budget: tuple[tuple[str, int], ...]
    fresh: int | None
    needs: tuple[str, ...]
    effective: Effective

    @property
    def head(self) -> str:
        """Name the originator, and who signs for it."""
        return self.originator if self.originator == self.issuer else f"{self.originator}, for whom {self.issuer} signs"

    def hop_lines(self, now: int) -> list[str]:
        """Write every hop, from the originator's."""
        return [self.head, *(line for hop in self.hops for line in hop.lines(now))]

    def sum_lines(self, now: int) -> list[str]:
        """Write what the hops add up to."""
        lines = grant_lines(self.effective, now)
        if self.budget:
            lines += titled("Spends", wrapped(budget_text(self.budget), WIDTH - _TITLE_COLUMN))
        if self.fresh is not None:
            lines += titled("Fresh", [freshness_text(self.fresh)])
        if self.needs:
            columns = WIDTH - _TITLE_COLUMN
            lines += titled("Needs", [line for text in self.needs for line in wrapped(escaped(text), columns)])
        if self.tenant:
            lines += titled("Tenant", [self.tenant])
        if self.bearer:
            lines += titled("Bearer", ["whoever has it can use it; a service accepts it only if it is set up to"])
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
            "budget": dict(self.budget),
            "fresh": self.fresh,
            "needs": list(self.needs),
            "effective": grants_json(self.effective),
            "hops": [hop.to_json() for hop in self.hops],
        }


def view(link: Link, bound: bytes = b"", known: Iterable[Principal] = ()) -> ChainView:
    """Show a chain by its last link: claimed (`token.link`) or verified (`chain.link`).

    Args:
        link: the last block.
        bound: what its root is trusted for at most, encoded as in a block, of a verified chain; empty: anything.
        known: whose keys the reader knows, as for `hops_of`.
    """
    links = link.up()
    first = links[0].block
    hops = tuple(
        HopView(hop=hop, capabilities=decode_capabilities(each.block.can), hops_left=each.hops_left)
        for hop, each in zip(hops_of(link, known=known), links, strict=True)
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
        budget=_least(link),
        fresh=link.fresh,
        needs=tuple(text for each in hops for text in each.hop.needs),
        effective=effective(link, bound),
    )


def _least(link: Link) -> tuple[tuple[str, int], ...]:
    """Give of every unit the smallest of the chain's pools: a charge takes from all of them."""
    least: dict[str, int] = {}
    for pool in link.pools:
        least[pool.unit] = min(pool.limit, least.get(pool.unit, pool.limit))
    return tuple(least.items())


def setting(capability: Capability) -> Setting:
    """Say whether a capability's list of arguments is open or closed."""
    return Setting.OPEN if open_arguments(capability) is None else Setting.CLOSED


def _head(hop: Hop) -> str:
    """Name a hop: its number, and who holds the chain from here on."""
    if hop.holder == BEARER:
        return f"{hop.index:>2} ─▶ whoever has it (a bearer block)"
    return f"{hop.index:>2} ─▶ {hop.holder}{'' if hop.handed_on else ', narrowing its own chain'}"


def _permitted(capabilities: Sequence[Capability]) -> list[str]:
    """Write what a hop permits, and of each whether its arguments are open, in a column where the texts are short."""
    texts = [escaped(str(capability)) for capability in capabilities]
    width = max((len(text) for text in texts if len(text) <= _SHORT), default=0)
    lines = []
    for number, (text, capability) in enumerate(zip(texts, capabilities, strict=True)):
        note = open_note(capability) if setting(capability) is Setting.OPEN else ""
        lines += _said("may" if number == 0 else "", f"{text:<{width}}   {note}".rstrip())
    return lines


def _said(word: str, text: str) -> list[str]:
    return hung(f"      {word}", wrapped(text, WIDTH - _TEXT_COLUMN), _TEXT_COLUMN)
