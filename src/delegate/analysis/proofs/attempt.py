"""A request out of a solution, and whether it is what was looked for, by the evaluator that decides.

The rules of this file:

- Nothing of the translation is trusted: blocks are compiled from their bytes as a verifier does, and run over the
  variables that a verifier would make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from delegate.analysis.proofs.formulas import MISSING, Term
from delegate.analysis.proofs.symbols import SECOND_NS, Surroundings
from delegate.analysis.proofs.theory import Solution
from delegate.analysis.proofs.translate import Translation
from delegate.core.chain.compiled import Rule, compile_capabilities, compile_caveats, permits
from delegate.core.chain.request import Request, normalise
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.paths import Built
from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import Timestamp
from delegate.errors import CaveatError, DelegateError

# Which kind a value takes where several are left: what is the least to look at.
_PREFERRED: Final = (
    MISSING,
    "string",
    "int",
    "null",
    "bool",
    "double",
    "list",
    "map",
    "bytes",
    "timestamp",
    "duration",
)


@dataclass(frozen=True, slots=True)
class Example:
    """One request, and what the service would say beside it.

    Attributes:
        request: as it was normalised.
        env: facts that the service would vouch for.
        now: Unix seconds.
        audience: the service's name; empty where it does not matter.
        holder_name: the holder's name that the service would vouch for; empty: it would not.
        origin, holder_key: of the chain, where none is given (`within`).
    """

    request: Request
    env: Mapping[str, Any]
    now: int
    audience: str
    holder_name: str
    origin: str = ""
    holder_key: str = ""

    def variables(self, around: Surroundings) -> dict[str, Any]:
        """Give the names that a condition may read (SPEC §6.2)."""
        holder = {"key": around.key if around.key is not None else self.holder_key}
        if self.holder_name:
            holder["name"] = self.holder_name
        return {
            "action": self.request.action,
            "resource": self.request.resource,
            "args": self.request.values,
            "env": self.env,
            "now": Timestamp(self.now * SECOND_NS),
            "aud": self.audience or "service",
            "origin": around.origin if around.origin is not None else self.origin,
            "holder": holder,
        }


@dataclass(frozen=True, slots=True)
class Compiled:
    """One block as a verifier runs it: its capabilities (`None`: any request) and its caveats."""

    rules: tuple[Rule, ...] | None
    caveats: tuple[Built, ...]

    @classmethod
    def of(cls, can: bytes, caveats: bytes) -> Compiled:
        """Compile what a block demands; raises TokenError."""
        return cls(compile_capabilities(can) if can else None, compile_caveats(caveats) if caveats else ())

    def allows(self, example: Example, scope: Scope) -> bool:
        """Say whether the block permits a request; as SPEC §5.6 has it. What runs out of steps does not."""
        try:
            if self.rules is not None and not permits(self.rules, example.request, scope):
                return False
            for run, cost in self.caveats:
                scope.charge(cost)
                if run(scope.variables, scope) is not True:
                    return False
        except CaveatError:
            return False
        return True


def is_true(wire: object, variables: dict[str, Any]) -> bool:
    """Say whether a condition is true."""
    try:
        return compile_wire(wire)(Scope(variables)) is True
    except CaveatError:
        return False


def example_of(translation: Translation, solution: Solution) -> Example | None:
    """Build the request that a solution describes; `None` where there is no such request."""
    return _Builder(translation, solution).example()


class _Builder:
    def __init__(self, translation: Translation, solution: Solution) -> None:
        self.translation = translation
        self.solution = solution

    def example(self) -> Example | None:
        action = self._text(("action",), "a")
        resource = None
        if self._kind(("resource",), default="null") == "string":
            resource = self._text(("resource",), "")
        now = self.solution.numbers.get((("now",), "int"))
        around = self.translation.around
        audience = self._text(("aud",), "") or (around.audience[0] if around.audience else "")
        name = ""
        if self._kind(("holder", "name"), default=MISSING) == "string":
            name = self._text(("holder", "name"), around.holder or "agent:somebody")
        try:
            request = Request(action or "a", resource, self._map(("args",)))
            env = normalise(self._map(("env",)), "env")
        except (DelegateError, TypeError):
            return None
        return Example(
            request=request,
            env=env,
            now=int(now) if now is not None else around.begins,
            audience=audience,
            holder_name=name,
            origin=around.origin if around.origin is not None else self._text(("origin",), "user:somebody"),
            holder_key=around.key if around.key is not None else self._text(("holder", "key"), "0" * 64),
        )

    def _kind(self, term: Term, default: str = "null") -> str:
        known = self.translation.kinds.get(term)
        if known is None:
            return default
        left = self.solution.kinds.get(term, known)
        if term == ("resource",) and term not in self.solution.kinds:
            return default
        return next((each for each in _PREFERRED if each in left), "null")

    def _text(self, term: Term, default: str) -> str:
        return self.solution.texts.get(term, default)

    def _value(self, term: Term) -> object:
        numbers = self.solution.numbers
        match self._kind(term):
            case "string":
                return self._text(term, "")
            case "int":
                return int(numbers.get((term, "int"), 0))
            case "double":
                return float(numbers.get((term, "double"), 0.5))
            case "bool":
                return self.solution.truths.get(term, False)
            case "list":
                return self._list(term)
            case "map":
                return self._map(term)
            case "bytes":
                return b""
        return None

    def _is_there(self, term: Term) -> bool:
        return self._kind(term, default=MISSING) != MISSING

    def _list(self, term: Term) -> list[object]:
        elements = self.translation.elements.get((term, "list"), [])
        placed = sorted((each for each in elements if isinstance(each[-1], int)), key=lambda each: int(str(each[-1])))
        others = [each for each in elements if not isinstance(each[-1], int)]
        items = [self._value(each) for each in (*placed, *others) if self._is_there(each)]
        size = self.solution.numbers.get((term, "size"))
        if size is not None:
            wanted = min(int(size), 4096)
            if len(items) > wanted:
                items = _distinct(items)[:wanted]
            while len(items) < wanted:
                items.append(items[-1] if items else None)
        return items

    def _map(self, term: Term) -> dict[str, object]:
        found: dict[str, object] = {}
        for each in self.translation.fields(term):
            if self._is_there(each):
                found[str(each[-1])] = self._value(each)
        for key in self.translation.elements.get((term, "map"), []):
            if self._is_there(key):
                found.setdefault(self._text(key, ""), None)
        return found


def _distinct(items: Iterable[object]) -> list[object]:
    found: list[object] = []
    for each in items:
        if not any(type(each) is type(other) and each == other for other in found):
            found.append(each)
    return found


def all_allow(blocks: Sequence[Compiled], example: Example, variables: dict[str, Any]) -> bool:
    """Say whether every block permits a request, all of them within the steps of one decision."""
    scope = Scope(variables)
    return all(block.allows(example, scope) for block in blocks)
