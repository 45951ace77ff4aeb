"""What a grant of a policy says, and whether somebody gets it.

The rules of this file:

- A grant is about the tokens of one trusted party: what another calls `sub` or `groups` is another thing.
- Claims are values: bound into caveats and facts, and into the one name whose authority the chain carries. None is ever
  part of a pattern.
- What a grant does not say, a chain does not say; what it gives is at most as long as the token that it was given for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from delegate.core.chain.printable import shown
from delegate.core.keys.names import is_name
from delegate.core.keys.public import PublicKey
from delegate.errors import CaveatSyntaxError
from delegate.issue.compact import jkt
from delegate.issue.conditions import Compiled, NoValue
from delegate.issue.facts import Unreadable
from delegate.issue.subjects import Subject
from delegate.language.capability import Capability
from delegate.language.conditions import when
from delegate.language.needs import Need

if TYPE_CHECKING:
    from delegate.authoring.minted import Ending

AGENT_SCHEME: Final = "agent:"


class KnownAgent(Protocol):
    """Whom a directory knows a key as."""

    @property
    def name(self) -> str:
        """The one principal whose key it is, or ever was."""

    @property
    def who(self) -> Mapping[str, str]:
        """What the directory says of it: `sponsor`, the person who answers for it."""

    @property
    def fault(self) -> str:
        """Why it may not act now; empty where it may."""


class Finder(Protocol):
    """A directory, as far as an issuer asks it."""

    def find(self, thumbprints: Sequence[bytes], *, now: int) -> Mapping[bytes, KnownAgent]:
        """Say whose these keys are; those that it does not know are left out.

        Raises:
            StateError: it cannot say; then nothing is issued. Anything else that it raises comes to the same.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks for what.

    Attributes:
        subject: who somebody is, by a token that was checked.
        key: the agent's, which whoever asks has proven.
        agent: the name that the agent asks to be called by; empty where it says none.
        known: whom a directory knows that key as; `None`: nobody, or there is no directory.
    """

    subject: Subject
    key: PublicKey
    agent: str = ""
    known: KnownAgent | None = None

    def names(self) -> dict[str, Any]:
        """Give what the conditions of a policy read."""
        key = {"thumbprint": self.key.thumbprint.hex(), "algorithm": self.key.algorithm.label, "jkt": jkt(self.key)}
        return {"claims": self.subject.claims, "agent": self.agent, "key": key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One `[[grant]]` of a policy.

    Attributes:
        name: what it is called; what `scope` asks for.
        trust: whose tokens it is about.
        condition: `if`: who gets it.
        originator: `for`: whose authority the chain carries.
        holder: `agent`: how the holder is named; `None`: as the agent asks, a name of the scheme `agent:`.
        can: what is permitted.
        caveats: conditions for every request, as text, with the names that `let` gives values to.
        let: names for values.
        ttl_s: life at most.
        hops: how often the chain may be handed on.
        budget: what everything below may spend.
        audience: services where the chain is good; `None`: any.
        needs: what others must confirm.
        tenant: the one tenant where it is good; `None`: any.
        who: facts about the holder.
        why: the purpose.
        unbound: whether a token that names no key is taken, once.
        known: whether the directory must know the agent.
        sponsored: whether the originator must be the agent's sponsor.
    """

    name: str
    trust: str
    condition: Compiled
    originator: Compiled
    holder: Compiled | None
    can: tuple[Capability, ...]
    caveats: tuple[str, ...] = ()
    let: Mapping[str, Compiled] = field(default_factory=dict)
    ttl_s: int
    hops: int = 0
    budget: Mapping[str, int] | None = None
    audience: tuple[str, ...] | None = None
    needs: tuple[Need, ...] = ()
    tenant: str | None = None
    who: Mapping[str, Compiled] = field(default_factory=dict)
    why: str | None = None
    unbound: bool = False
    known: bool = False
    sponsored: bool = False

    def refusal(self, asked: Asked) -> str:
        """Say why somebody does not get this grant; empty text where they do. For whoever looks after the policy."""
        if asked.subject.trust != self.trust:
            return f"it is about tokens of {self.trust}"
        names = asked.names()
        if not self.condition.holds(names):
            return self.condition.why_not(names)
        try:
            originator = self.named(asked)
        except NoValue as error:
            return str(error)
        return self._unknown(asked, originator) if self.known or self.sponsored else ""

    def _unknown(self, asked: Asked, originator: str) -> str:
        """Say what the directory has against somebody; empty text for nothing."""
        found = asked.known
        try:
            if found is None or found.name != self.held_by(asked):
                return "the directory does not know this agent by this key"
        except NoValue as error:
            return str(error)
        if found.fault:
            return found.fault
        if self.sponsored and found.who.get("sponsor") != originator:
            return f"{originator} is not this agent's sponsor"
        return ""

    def named(self, asked: Asked) -> str:
        """Give whose authority the chain carries; raises NoValue."""
        return _name(self.originator, asked.names(), "for")

    def held_by(self, asked: Asked) -> str:
        """Give the holder's name; raises NoValue."""
        if self.holder is not None:
            return _name(self.holder, asked.names(), "agent")
        if not asked.agent.startswith(AGENT_SCHEME) or not is_name(asked.agent):
            message = "the request names no agent: agent=agent:planner"
            raise NoValue(message)
        return asked.agent

    def terms(self, asked: Asked, *, now: int, audience: Sequence[str] = (), ttl_s: int | None = None) -> Ending:
        """Give what the chain's first block says.

        Args:
            asked: who asks for what.
            now: Unix seconds.
            audience: the services that were asked for, of those of the grant; empty: all of them.
            ttl_s: the life that was asked for; cut to what is granted.

        Raises:
            NoValue: a value that was to be bound is none that a block can hold.
        """
        names = asked.names()
        life = self.ttl_s if ttl_s is None else min(ttl_s, self.ttl_s)
        terms: Ending = {
            "can": self.can,
            "expires": min(now + life, asked.subject.expires),
            "hops": self.hops,
            "on_behalf_of": _name(self.originator, names, "for"),
            "now": now,
        }
        if self.caveats:
            values = {name: _plain(each.value(names), name) for name, each in self.let.items()}
            try:
                terms["caveats"] = tuple(
                    when(text, **{name: value for name, value in values.items() if name in used_by(text, values)})
                    for text in self.caveats
                )
            except (CaveatSyntaxError, ValueError, TypeError) as error:
                message = f"a value does not fit a caveat: {shown(str(error), 200)}"
                raise NoValue(message) from None
        if self.who:
            terms["who"] = {name: _text(each.value(names), name) for name, each in self.who.items()}
        if audience or self.audience is not None:
            terms["audience"] = tuple(audience) or self.audience
        for term, said in (("budget", self.budget), ("tenant", self.tenant), ("why", self.why)):
            if said is not None:
                terms[term] = said  # type: ignore[literal-required] # each is a term of its name
        if self.needs:
            terms["needs"] = self.needs
        return terms


def used_by(text: str, names: Mapping[str, object]) -> frozenset[str]:
    """Say which of these names a caveat's text reads."""
    from delegate.core.evaluator.opcodes import CAVEAT_NAMES
    from delegate.language.parser import parse_expression
    from delegate.language.tree import Literal

    return parse_expression(text, names=CAVEAT_NAMES, constants=dict.fromkeys(names, Literal(None)))[1]


def _name(expression: Compiled, names: Mapping[str, Any], term: str) -> str:
    value = expression.value(names)
    if not isinstance(value, str) or not is_name(value):
        message = f"`{term}` comes to no name: {shown(value) if isinstance(value, str) else 'it is no text'}"
        raise NoValue(message)
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        message = f"`{name}` comes to no text"
        raise NoValue(message)
    return value


def _plain(value: object, name: str) -> object:
    """Take a value that a caveat can hold; raises NoValue."""
    if isinstance(value, Unreadable):
        message = f"`{name}` cannot be read: {value.why}"
        raise NoValue(message)
    if isinstance(value, (list, tuple)):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, name) for key, item in value.items()}
    return value
