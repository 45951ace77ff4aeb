"""Plain caveats are read without the parser, and to the same object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.core.wire import cbor
from delegate.errors import CaveatSyntaxError
from delegate.language.codec import to_wire
from delegate.language.meaning import parse
from delegate.language.shortcut import read_plain

PLAIN = [
    "args.size < 1000",
    " args.size<=-7 ",
    'action == "files.read"',
    "args.a.b.c.d != ''",
    "resource.startsWith('/reports/')",
    'resource.endsWith(".csv")',
    'args.s.contains("it\'s")',
    "args.as > 007",
    "aud == 'x'",
    "args.a < 1 && args.b < 2",
    "args.a<1&&args.b == 'x&&y'  &&resource.endsWith('.csv')",
    "args.kind in ['a', \"b\", 3]",
    " action in [ 'read','list' ] && args.a.startsWith('x') && args.a != -1 ",
    "args.a in['x']",
    "args.a == true && args.b != null",
    "args.a in [false, 0, null]",
]
NOT_PLAIN = [
    *(
        "args.size",
        "args.size < 1.5",
        "now == 'x'",
        "now < 5",
        "holder.who == 'x'",
        "resource.name == 'x'",
        "action == 5",
        "action in ['x', 5]",
        "args == 5",
        "args.a < null",
        "args.a.startsWith(5)",
        "args.size < 12345678901234567890",
        "1000 > args.size",
    ),
    *(
        "args.a < 1 || args.b < 2",
        "args.a < 1 &&",
        "&& args.a < 1",
        "args.a < 1 & args.b < 2",
        "args.a < 1 && !args.b",
        "args.a < 1 && (args.b < 2)",
        "args.a in []",
        "args.a in [1,]",
        "args.a in [1.5]",
        "args.a in ['x'",
        "args.a in 'x'",
        "args.a == [1]",
        "args.a.startsWith(['x'])",
        "args.a.in ['x']",
        "args.a in [[1]]",
        "args.a in [other]",
        "args.a == truest",
        "args.a == true1",
        "args.a == -true",
    ),
    *("other < 1", "args.in == 1", "true == 1", "args.a == 'a\\n'", "args.a == '\u00fc'", 'args.a == """x"""'),
    *(
        "args.s.matches('x')",
        "args['a'] == 1",
        "args.a = 1",
        "args.a == 'x\n'",
        "args.a == r'x'",
        "args.a.b.c.d.e == 1",
    ),
    *(
        "args.s.startsWith('x'",
        "args.s.startsWith 'x')",
        "args.a < 1)",
        "args.a == '" + "x" * 300 + "'",
        "args . a == 1",
    ),
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_caveat_is_read_as_the_parser_reads_it(text: str) -> None:
    """One comparison of a path with a number or a text."""
    found = read_plain(text)
    assert found is not None
    wire, encoded = found
    assert repr(wire) == repr(to_wire(parse(text)))
    assert encoded == cbor.encode(wire)


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_anything_else_is_left_to_the_parser(text: str) -> None:
    """It gives up, and never refuses."""
    assert read_plain(text) is None


@given(st.text(st.sampled_from("args.ize<>=!&-0179'\"\\()[], \n\u00fcinrbdtu"), max_size=24) | st.text(max_size=12))
def test_what_it_reads_the_parser_reads_the_same(tail: str) -> None:
    """Whatever follows a path, a sign or a method, or stands alone."""
    around = (
        "{}",
        "args.a {}",
        "args.a < {}",
        "args.a.startsWith({}",
        "args{} == 1",
        "args.a in [{}]",
        "args.a in ['a'{}]",
    )
    for text in (tail, *(each.format(tail) for each in around), f"args.a < 1 && {tail}", f"args.a < 1 {tail} && b < 2"):
        found = read_plain(text)
        if found is None:
            continue
        try:
            expected = to_wire(parse(text))
        except CaveatSyntaxError as error:
            message = f"read, and refused by the parser: {text!r}"
            raise AssertionError(message) from error
        assert repr(found[0]) == repr(expected)
        assert found[1] == cbor.encode(expected)
