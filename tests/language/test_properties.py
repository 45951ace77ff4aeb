"""Any text, any variables: a value, or one of the two errors."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from delegate.core.evaluator.scope import Scope
from delegate.core.evaluator.values import to_value
from delegate.errors import CaveatError, CaveatSyntaxError
from delegate.explain.conditions import explain_failure, trace
from delegate.language.meaning import evaluate, parse
from tests.language.expressions import VARIABLES, Generator, random_variables, seeded

_PIECES = [
    *("args", "a", "x", "1", "1.5", "'s'", "b'y'", "true", "null", "(", ")", "[", "]", "{", "}", ",", ".", ":", "?"),
    *("&&", "||", "!", "-", "+", "*", "/", "%", "==", "<", " in ", "has(", ".all(x,", ".map(x,", "size(", "matches("),
    *("timestamp('2027-01-01T00:00:00Z')", "duration('1s')", "path.within(", "url.host(", "glob.match(", "`", "\\"),
    *("'''", '"', "//", "\n", "0x", "1e", "\ud800", "é", "dyn(", "net.within("),
]
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.timedeltas(),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=2) | st.booleans() | st.integers(), children)
    ),
    max_leaves=6,
)


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(_PIECES), max_size=25).map("".join),
    st.dictionaries(st.sampled_from(["args", "a", "x"]), _values),
)
def test_any_text(text: str, variables: dict[str, object]) -> None:
    """`evaluate` gives a value, a CaveatSyntaxError or a CaveatError, and nothing else, for any text."""
    with suppress(CaveatSyntaxError, CaveatError):
        evaluate(text, variables)


@given(st.integers(0, 2**32))
def test_any_expression(seed: int) -> None:
    """So it does for expressions in the language, also of wrong types, and so does all explaining."""
    rng = seeded(seed)
    text = Generator(rng, untyped=0.3).expression("bool", rng.randint(1, 5))
    variables = random_variables(rng)
    try:
        value = evaluate(text, variables)
    except (CaveatSyntaxError, CaveatError):
        value = None
    try:
        tree = parse(text, names=frozenset(VARIABLES))
    except CaveatSyntaxError:
        return
    values = {name: to_value(given) for name, given in variables.items()}
    line = explain_failure(tree, values)
    assert (line == "") == (value is True)
    assert line.isprintable()
    assert trace(tree, Scope(dict(values)))


@given(st.integers(0, 2**32))
def test_evaluating_changes_nothing(seed: int) -> None:
    """The variables that a program gave are as before."""
    rng = seeded(seed)
    text = Generator(rng).expression(None, 4)
    variables = random_variables(rng)
    before = repr(variables)
    with suppress(CaveatSyntaxError, CaveatError):
        evaluate(text, variables)
    assert repr(variables) == before
