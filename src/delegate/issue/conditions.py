"""The conditions and values of a policy: CEL over `claims`, `agent` and `key`, parsed and compiled once.

The rules of this file:

- A name that there is not, and what could only ever be an error, is found when the policy is read.
- Only `true` grants. An error is an error, and is told as one to whoever looks after the policy.
- Each is evaluated with as many steps as a decision has: nobody's claims make it longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Condition, Scope
from delegate.errors import DelegateError
from delegate.explain.conditions import explain_failure
from delegate.language.codec import to_wire
from delegate.language.conditions import read
from delegate.language.printer import format_expression
from delegate.language.tree import Call, Expression, Literal, children

NAMES: Final = frozenset({"claims", "agent", "key"})


class NoValue(Exception):  # noqa: N818 - an outcome that is not an error of ours
    """An expression came to nothing that can be used; its message says why."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression of a policy.

    Attributes:
        text: as it was written.
        tree: what it was read as.
    """

    text: str
    tree: Expression = field(repr=False)
    _run: Condition = field(repr=False)

    def holds(self, names: Mapping[str, Any]) -> bool:
        """Say whether it is `true`."""
        try:
            return self._run(Scope(dict(names))) is True
        except DelegateError:
            return False

    def value(self, names: Mapping[str, Any]) -> object:
        """Give what it comes to; raises NoValue."""
        try:
            return self._run(Scope(dict(names)))
        except DelegateError as error:
            raise NoValue(f"{self}: {error.detail}") from None

    def why_not(self, names: Mapping[str, Any]) -> str:
        """Say in words what does not hold: for people."""
        return explain_failure(self.tree, names) or f"{self} is not true"

    def __str__(self) -> str:
        return format_expression(self.tree)


def compiled(text: str, wanted: str = "bool") -> Compiled:
    """Read an expression of a policy.

    Args:
        text: CEL that reads `claims`, `agent` and `key`.
        wanted: `bool` for a condition; `string`, or empty text for a value.

    Raises:
        CaveatSyntaxError: with the place.
    """
    tree, _ = read(text, NAMES, wanted=wanted)
    return Compiled(text, tree, compile_wire(to_wire(tree), NAMES))


def loose_matches(tree: Expression) -> tuple[str, ...]:
    """Give the patterns of `matches` that are not tied to both ends of the text: each finds more than it says."""
    found = [part for each in children(tree) for part in loose_matches(each)]
    if isinstance(tree, Call) and tree.op is Op.MATCHES and isinstance(tree.operands[1], Literal):
        pattern = str(tree.operands[1].value)
        if not (pattern.startswith(("^", r"\A")) and pattern.endswith(("$", r"\z"))):
            found.append(pattern)
    return tuple(found)
