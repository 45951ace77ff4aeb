"""Tools that an agent's own process runs: within the chain that the agent holds, and no further. No framework.

The rules of this file:

- One run is one decision, made of the arguments with which the tool's function will be called, as JSON.
- What is not JSON is no request, and does not run.
- A refusal is text for a model: what forbids it, with the bound, and whom to ask. It is never an empty answer, and
  never looks as if there were no such tool.
- A gate is in the process that runs the tools. Whoever controls that process is not stopped by it: what a tool reaches
  over a network must verify for itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any, Final, NoReturn
from uuid import UUID

from delegate.core.chain.links import Link
from delegate.core.chain.printable import shown
from delegate.core.patterns.matching import glob_match
from delegate.core.patterns.tokens import ACTION_SEPARATOR
from delegate.errors import CaveatError, DelegateError, Reason
from delegate.explain.hops import hops_of
from delegate.holder import ALLOWED, Holder
from delegate.integrations.guard import CallGuard, Costs, Facts, Outcome, tool_request
from delegate.language.capability import decode_capabilities
from delegate.verifier.decision import Decision
from delegate.verifier.verifier import AsyncVerifier, Verifier

_ASKING: Final = frozenset({Reason.DISCHARGE_MISSING, Reason.DISCHARGE_EXPIRED, Reason.DISCHARGE_REFUSED})
# What another grant would mend: the rest is about the token, the moment or the service.
_GRANTING: Final = frozenset({Reason.CAPABILITY_MISSING, Reason.CAVEAT_FAILED, Reason.CAVEAT_ERROR})
# What has one text in JSON, from which the value can be read again.
_AS_TEXT: Final = (
    *(date, time, timedelta, Decimal, UUID, PurePath, bytes),
    *(IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network),
)
# Without whatever a subclass makes of itself.
_SCALARS: Final[tuple[tuple[type, Callable[[Any], object]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
)


class Gate:
    """Decides the tool calls of one agent. It holds a key, so it is not pickled, copied or printed."""

    __slots__ = ("_guard", "_holder")

    def __init__(
        self,
        holder: Holder,
        *,
        verifier: Verifier | AsyncVerifier | None = None,
        env: Facts = None,
        cost: Costs = None,
    ) -> None:
        """Set up a gate; one serves any number of threads and tasks.

        Args:
            holder: the agent, with its chain.
            verifier: where one is given, each run is proven to it and decided by it: signatures, revocations and the
                service's policy count, and budgets are charged. Without, the chain's own claims decide (`Holder.may`),
                and what only a service can judge is refused: conditions on `env` or `holder.name`, and every call of a
                chain with a budget, an audience, a tenant or a `fresh`.
            env: facts that this process vouches for; needs a verifier. As for `CallGuard`.
            cost: what a call costs the budgets of the chain; needs a verifier. As for `CallGuard`.

        Raises:
            TypeError: no holder; or facts or costs without a verifier, where nobody would look at them.
        """
        if not isinstance(holder, Holder):
            message = f"tools are run by a Holder, an identity with its chain, not by a {type(holder).__name__}"
            raise TypeError(message)
        if verifier is None and (env is not None or cost is not None):
            message = "env and cost are for a verifier: give one too"
            raise TypeError(message)
        self._holder = holder
        self._guard = None if verifier is None else CallGuard(verifier, env=env, cost=cost)

    @property
    def holder(self) -> Holder:
        """The agent."""
        return self._holder

    def decide(self, name: object, arguments: object, *, context: object = None) -> Outcome:
        """Decide one run; what is charged for it is charged here.

        Args:
            name: the tool's name.
            arguments: those that its function gets, by name: values that JSON has.
            context: what a function given as `env` or `cost` finds as `call.context`.

        Returns:
            The outcome: raises nothing for what a model sent.

        Raises:
            TypeError: the verifier is an `AsyncVerifier`.
        """
        try:
            request = tool_request(name, arguments)
        except DelegateError as error:
            return Outcome(error=error)
        if self._guard is None:
            return self._alone(self._holder.may(request))
        proof = self._holder.prove(request, self._guard.audience)
        return self._guard.decide(proof, request, context=context)

    async def adecide(self, name: object, arguments: object, *, context: object = None) -> Outcome:
        """Decide one run, and let the event loop go on while a store is waited for; see `decide`."""
        try:
            request = tool_request(name, arguments)
        except DelegateError as error:
            return Outcome(error=error)
        if self._guard is None:
            return self._alone(self._holder.may(request))
        proof = self._holder.prove(request, self._guard.audience)
        return await self._guard.adecide(proof, request, context=context)

    def _alone(self, decision: Decision) -> Outcome:
        """Take what the chain itself says. What depends on facts that nobody here knows is no permission."""
        if not decision.allowed:
            return Outcome(decision)
        depends = decision.holder_detail.removeprefix(ALLOWED).removeprefix("; ")
        said = [depends] if depends else []
        for claim, hop in _unchecked(self._holder.token.link):
            said.append(f"`{claim}` at hop {hop}, which nobody checks here")
        if said:
            return Outcome(decision, CaveatError(f"only a service could judge this: {'; '.join(said)}"))
        return Outcome(decision)

    def release(self, outcome: Outcome) -> bool:
        """Give back what an allowed call was charged, because it did not run; see `CallGuard.release`."""
        granted = outcome.authorization
        return granted is not None and self._guard is not None and self._guard.release(granted)

    async def arelease(self, outcome: Outcome) -> bool:
        """Give back what an allowed call was charged; see `release`."""
        granted = outcome.authorization
        return granted is not None and self._guard is not None and await self._guard.arelease(granted)

    def shows(self, name: str) -> bool:
        """Say whether the chain could permit some call of a tool of this name: for lists of tools, never to decide."""
        return could_be(self._holder.token.link, name)

    def told(self, outcome: Outcome) -> str:
        """Say to a model why its call did not run, and what would."""
        return told(outcome, self._holder)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: a checkpoint would hold the key."""
        message = "a gate holds a key and does not travel; make it again from the Holder where the agent resumes"
        raise TypeError(message)

    def __repr__(self) -> str:
        return f"<Gate of {self._holder.identity.name}>"


def _unchecked(link: Link) -> list[tuple[str, int]]:
    """Name the claims that a verifier checks and a chain's holder alone cannot, with the block that has each."""
    found: list[tuple[str, int]] = []
    for each in link.up():
        block = each.block
        claims = {"budget": block.budget, "aud": block.audience, "fresh": block.fresh, "tenant": block.tenant}
        found += [(name, each.hop) for name, value in claims.items() if value not in ((), "", None)]
    return found


def told(outcome: Outcome, holder: Holder | None = None) -> str:
    """Say to a model why its call did not run, and what would.

    Args:
        outcome: of a call that was refused.
        holder: the agent, where it asked its own chain.

    Returns:
        One or a few lines of plain text. Whom to ask is named only to whoever holds the chain.
    """
    found = outcome.told()
    lines = [f"Refused, and nothing was done: {found.detail}."]
    decision = outcome.decision
    if decision is not None and decision.proven and decision.error is outcome.error and found.hop is not None:
        signer = _signer(decision, holder, found.hop)
        if found.reason in _GRANTING and signer:
            lines.append(f"Call it within that, or ask {shown(signer)} for more.")
        elif found.reason in _ASKING:
            lines.append("Somebody must confirm this call first: pass on what to ask of them.")
    if found.request is not None:
        lines.append(f"The service saw this request: {found.request}")
    lines.extend(f"To ask: {each}" for each in found.asks)
    return "\n".join(lines)


def _signer(decision: Decision, holder: Holder | None, hop: int) -> str:
    chain = decision.chain
    if chain is not None:
        return chain.hops[hop].signer
    return "" if holder is None else hops_of(holder.token.link)[hop].signer


def could_be(link: Link, name: str) -> bool:
    """Say whether every block of a chain has a capability for this action: for lists, never to decide."""
    for each in link.up():
        can = decode_capabilities(each.block.can) if each.block.can else ()
        if can and not any(glob_match(one.action, name, ACTION_SEPARATOR) for one in can):
            return False
    return True


def as_json(values: Mapping[str, object]) -> dict[str, object]:
    """Give arguments that a framework has converted as values that JSON has; needs pydantic, as each framework does.

    It takes what a value *holds*, never what the value says of itself: a field that is excluded from a model's own
    dump, or written there as something else, reaches the tool all the same.

    Raises:
        DelegateError: MALFORMED: a value that JSON does not have, or that would lose something there (a secret that
            shows only stars, two keys that become one), so nobody could decide it.
    """
    try:
        return _object(values.items())
    except Exception as error:  # noqa: BLE001 - an attribute of the tool's own may raise anything
        words = str(error) if type(error) is _LossyError else type(error).__name__
        raise DelegateError(Reason.MALFORMED, f"an argument that is not JSON: {words}") from None


class _LossyError(Exception):
    """A value that JSON does not have."""


def _plain(value: object) -> object:
    """Give one value as JSON's, with all that it holds."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool):
        return value
    for kind, bare in _SCALARS:
        if isinstance(value, kind):
            return bare(value)
    if isinstance(value, Mapping):
        return _object(value.items())
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return [_plain(each) for each in value]
    if isinstance(value, _AS_TEXT):
        from pydantic_core import to_jsonable_python

        return to_jsonable_python(value)
    return _held(value)


def _held(value: object) -> object:
    """Give the fields of a model or a dataclass, those that its own dump leaves out among them."""
    from pydantic import BaseModel, RootModel
    from pydantic_core import MultiHostUrl, Url

    if isinstance(value, RootModel):
        return _plain(value.root)
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        names = {name: each.serialization_alias or each.alias or name for name, each in fields.items()}
        named = [(written, getattr(value, name)) for name, written in names.items()]
        return _object([*named, *(value.model_extra or {}).items()])
    if is_dataclass(value) and not isinstance(value, type):
        return _object((each.name, getattr(value, each.name)) for each in dataclass_fields(value))
    if isinstance(value, (Url, MultiHostUrl)) or isinstance(getattr(value, "_url", None), (Url, MultiHostUrl)):
        return str(value)
    message = f"a {type(value).__name__}, of which JSON would lose something"
    raise _LossyError(message)


def _object(items: Iterable[tuple[object, object]]) -> dict[str, object]:
    """Give an object of JSON; raises _LossyError where two keys become one."""
    found: dict[str, object] = {}
    for key, value in items:
        plain = _plain(key)
        name = plain if isinstance(plain, str) else str(plain)
        if isinstance(plain, (list, dict)) or name in found:
            message = f"two keys `{shown(name)}`" if name in found else "a key that is no text"
            raise _LossyError(message)
        found[name] = _plain(value)
    return found
