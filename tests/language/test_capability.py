"""Capabilities as text: read, printed, and the place underlined where they are not in the language."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate import Capability, CaveatSyntaxError, Request, can, exactly, matching, when
from delegate.core.chain.compiled import compile_capabilities, permits
from delegate.core.evaluator.scope import Scope
from delegate.core.wire import cbor
from delegate.errors import UNPRINTABLE, TokenError
from delegate.language.capability import encode_capabilities, encode_caveats


@pytest.mark.parametrize(
    "text",
    [
        "files.read",
        "files.* /data/**",
        'files.read "/My Documents/**"',
        'files.read exactly "/odd//name"',
        "pay if args.amount <= 500",
        "pay(amount, currency) if args.amount <= 500",
        "pay()",
        "pay(amount) **",
        'files.read "if"',
        'files.read "exactly"',
        'files.read exactly "exactly"',
        'files.read "a,b"',
        'files.read "a\\"b"',
        "files.read /caf\u00e9/**",
        r"files.read /a\*b",
    ],
)
def test_a_capability_prints_as_it_was_written(text: str) -> None:
    """Text in its plainest form is printed as it was, and read to the same."""
    read = Capability.parse(text)
    assert Capability.parse(str(read)) == read
    assert str(read) == text


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("", (0, 1)),
        ("   ", (3, 4)),
        ("pay(", (4, 5)),
        ("pay(a", (5, 6)),
        ("pay(a b)", (6, 7)),
        ("pay(a, a)", (7, 8)),
        ("files.read /x extra", (14, 19)),
        ("files.*** /x", (0, 12)),
        ("files.read /x if args.", (22, 23)),
        ("files.read /x if args.n ===", (26, 27)),
    ],
)
def test_an_error_underlines_its_place(text: str, span: tuple[int, int]) -> None:
    """The span is in the text as given, also for errors in the condition."""
    with pytest.raises(CaveatSyntaxError) as caught:
        Capability.parse(text)
    assert caught.value.source == text
    start, end = caught.value.span
    assert (start, end - start > 0) == (span[0], True)
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    "capability",
    [
        can("files.read"),
        can("files.read", "/x/**", when="args.n < 3"),
        can("files.read", exactly("/x//../y")),
        can("pay", args={"amount": 5, "to": "bob"}),
        can("pay", args={"amount": 5}, more=True, when="args.to != 'eve'"),
        can("pay", args={}),
    ],
    ids=str,
)
def test_wire_and_text_say_the_same(capability: Capability) -> None:
    """Through text and through the wire, it is the same capability."""
    assert Capability.parse(str(capability)) == capability
    assert Capability.from_wire(capability.to_wire()) == capability


def test_closed_arguments_are_closed() -> None:
    """What is not permitted may not be given, in text and in Python; with `more` it may."""
    for capability, allowed in (
        (can("pay", args={"amount": 5}), False),
        (can("pay", args={"amount": 5}, more=True), True),
        (Capability.parse("pay(amount)"), False),
        (Capability.parse("pay"), True),
    ):
        rules = compile_capabilities(encode_capabilities(capability))
        request = Request("pay", None, {"amount": 5, "to": "eve"})
        assert permits(rules, request, Scope({"args": request.values})) is allowed
        exact = Request("pay", None, {"amount": 5})
        assert permits(rules, exact, Scope({"args": exact.values}))


@pytest.mark.parametrize(
    "wrong",
    [("",), ("a", ""), ("a***",), ("a", "/x***"), ("a", "\\d"), ("a" * 1025,), ("a", "/" * 1025)],
    ids=lambda wrong: str(wrong)[:20],
)
def test_a_pattern_that_no_verifier_takes_is_a_value_error(wrong: tuple[str, ...]) -> None:
    """The author hears it."""
    with pytest.raises(ValueError):
        can(*wrong)


def test_authors_mistakes() -> None:
    """Bounds, and options that say nothing."""
    with pytest.raises(ValueError):
        can("a", more=True)
    with pytest.raises(ValueError):
        exactly("x" * 8193)
    with pytest.raises(ValueError):
        exactly("\ud800")
    with pytest.raises(ValueError):
        encode_capabilities(["a"] * 33)
    with pytest.raises(ValueError):
        encode_caveats(["true"] * 33)
    with pytest.raises(CaveatSyntaxError):
        encode_caveats("args.")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xa0",
        b"\x80",
        b"\x81\x80",
        b"\x81\x81\x01",
        b"\x81\x82\x61a\x80",
        b"\x81\x84\x61a\x61b\xf5\xf5",
        b"\x81\x81\x60",
    ],
)
def test_what_is_no_capability_is_a_token_error(data: bytes) -> None:
    """Whatever bytes come in."""
    with pytest.raises(TokenError):
        compile_capabilities(data)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_a_capability_prints_what_no_terminal_acts_on_and_reads_back(text: str) -> None:
    """Whatever stands in a resource or a literal is escaped in its own notation, and parses to the same tree."""
    for resource in (exactly(text), re.sub(r"([*\\?\[\]{}])", r"\\\1", text)):
        capability = can("pay", resource, when=when("args.a == text", text=text))
        assert UNPRINTABLE.search(str(capability)) is None
        assert Capability.parse(str(capability)) == capability


@pytest.mark.parametrize("character", "\x00\x1b\x7f\x85\x9b\xad\u2028\u202e\ufeff\U000e0101")
def test_what_a_terminal_acts_on_is_escaped_in_every_place(character: str) -> None:
    """Literal resources, patterns, actions, names of arguments and literals of conditions."""
    for capability in (
        can("pay", exactly(f"/{character}")),
        can("pay", f"/{character}"),
        can(f"pay{character}"),
        can("pay", args={f"a{character}": 1}),
        can("pay", when=when("args.a == text || args.b == data", text=character, data=character.encode())),
    ):
        assert character not in str(capability)
        assert Capability.parse(str(capability)) == capability


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('files.read "/secret/*.{key,pem}"', "write several patterns"),
        ("files.read /a?", r"write `\?`"),
        ("files.read /reports/**.csv", "write `**/*` for any name at any depth"),
        ("files**", "write `**.*`"),
    ],
)
def test_a_pattern_that_looks_like_another_tool_s_is_refused_with_the_way_to_write_it(text: str, hint: str) -> None:
    """In actions and in resources; and in conditions, where the pattern is given."""
    with pytest.raises(CaveatSyntaxError) as caught:
        Capability.parse(text)
    assert hint in caught.value.detail
    with pytest.raises(CaveatSyntaxError, match="no sets of characters"):
        when("glob.match(args.p, '/[a-z]')")
    with pytest.raises(ValueError, match="no sets of characters"):
        matching("/[a-z]")


_PIECES = (
    *("pay", "a.b", "*", "/x", "/x/**", "é", "args", "if", "if ", " if ", "exactly", "exactly ", '"q r"', '"', ","),
    *("(a)", "(a, b)", "( a,b )", "(a,a)", "()", "(", ")", " ", "  ", "\t", "\n", "\\", "***", "1", "false"),
    *("|| true", "args.n < 5", 'args.a < 1 && args.b in ["x"]', 'string(args.a) == "x"', "\ud800", "\u2003", "(if)"),
)


@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=8).map("".join))
def test_a_capability_is_read_the_same_with_a_tree_and_without(text: str) -> None:
    """The same array, or the same error at the same place."""

    def outcome(encoded: Callable[[], bytes]) -> object:
        try:
            return encoded()
        except (ValueError, CaveatSyntaxError) as error:
            return type(error), str(error), getattr(error, "span", None)

    by_tree = outcome(lambda: cbor.encode([Capability.parse(text).to_wire()]))
    assert outcome(lambda: encode_capabilities([text])) == by_tree
