"""Flat operators: the quick ways and the general way say the same, whatever they meet."""

from __future__ import annotations

import pytest

from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Scope
from delegate.errors import CaveatError
from delegate.language.codec import to_wire
from delegate.language.meaning import parse
from delegate.language.tree import Call

_VALUES: list[object] = [
    *(None, True, False, 0, 1, 5, -1, 1.0, 5.5, float("nan"), "", "a", "ab", "b", b"", b"a", [], ["a"], [1], {}),
    *({"a": 1}, "x" * 200, 2**63 - 1),
]
_LITERALS = ["null", "true", "1", "5", "1.0", "0.5", '"a"', '""', 'b"a"', f'"{"x" * 200}"']
_FLAT = ["{} == {}", "{} != {}", "{} < {}", "{} <= {}", "{} > {}", "{} >= {}", "{} in [{}]", "{} in [1, 'b', {}]"]
_METHODS = ["{}.startsWith({})", "{}.endsWith({})", "{}.contains({})", "{}.matches({})"]


def _outcome(encoded: object, variables: dict[str, object], steps: int = 1000) -> tuple[str, int]:
    """The value and the steps that are left; of an error the reason alone, for a flat `in` pays for its list before."""
    scope = Scope(variables, steps)
    try:
        return repr(compile_wire(encoded)(scope)), scope.steps_left
    except CaveatError as error:
        return str(error.reason), 0


@pytest.mark.parametrize("form", _FLAT + _METHODS)
@pytest.mark.parametrize("path", ["action", "args.a", "args.a.b"])
def test_flat_is_general(form: str, path: str) -> None:
    """For every kind of value, literal and length of path: what the same operator says of `dyn(path)`, a step less."""
    for literal in _LITERALS:
        flat, general = parse(form.format(path, literal)), parse(form.format(f"dyn({path})", literal))
        assert isinstance(flat, Call)
        assert to_wire(flat)[0] == flat.op - 20  # type: ignore[index]
        for value in [*_VALUES, ...]:
            if value is ...:
                variables: dict[str, object] = {"args": {"a": {}} if path == "args.a.b" else {}}
            else:
                variables = {"action": value, "args": {"a": {"b": value} if path == "args.a.b" else value}}
            assert _outcome(to_wire(flat), variables) == _outcome(to_wire(general), variables, 1001), (literal, value)


@pytest.mark.parametrize("args", [None, 5, "text", ["a"], b"a"])
def test_paths_through_what_has_no_fields(args: object) -> None:
    """A path through anything but a map is an error for every flat operator, never a Python error."""
    for form in _FLAT + _METHODS:
        encoded = to_wire(parse(form.format("args.a", '"a"')))
        assert _outcome(encoded, {"args": args}) == ("caveat_error", 0)
        assert _outcome(encoded, {}) == ("caveat_error", 0)


def test_the_opcodes_are_flat() -> None:
    """`path.within` and its like are flat as well."""
    for text, op in (
        ('path.within(action, "/a")', Op.PATH_WITHIN_FLAT),
        ('net.within(args.a, "10.0.0.0/8")', Op.NET_WITHIN_FLAT),
        ('glob.match(args.a.b, "*")', Op.GLOB_MATCH_FLAT),
    ):
        assert to_wire(parse(text))[0] == op  # type: ignore[index]
