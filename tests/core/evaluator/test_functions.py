"""Operators, conversions, times and regular expressions: what they give, and where they err."""

from __future__ import annotations

import os
import warnings

import pytest

from delegate.core.evaluator import regex
from delegate.core.evaluator.functions import format_double
from delegate.core.evaluator.regex import weight
from delegate.errors import CaveatError, Reason
from delegate.language.conditions import is_pattern
from delegate.language.meaning import evaluate
from delegate.limits import REGEX_CHARACTERS, REGEX_WEIGHT


@pytest.mark.parametrize(
    "text",
    [
        "7 / 2 == 3 && -7 / 2 == -3 && 7 / -2 == -3 && 7 % -2 == 1 && -7 % 2 == -1",
        "1.0 / 0.0 > 1e308 && -1.0 / 0.0 < -1e308 && 1.0 / -0.0 < 0.0 && 0.0 / 0.0 != 0.0 / 0.0",
        "'a' + 'b' == 'ab' && b'a' + b'b' == b'ab' && [1] + [2] == [1, 2]",
        "int('-7') == -7 && int(1.9) == 1 && int(-1.9) == -1 && int(true) == 1",
        "int(timestamp('1969-12-31T23:59:59.1Z')) == -1",
        "double('1e1234567890123') == double('inf') && double('1e-1234567890123') == 0.0",
        "double('1e3') == 1000.0 && double(1) == 1.0 && double('.5') == 0.5 && double('-inf') < 0.0",
        "string(1) == '1' && string(true) == 'true' && string(b'\\303\\251') == 'é' && string('a') == 'a'",
        "bytes('é') == b'\\xc3\\xa9' && bool('T') && !bool('False')",
        "dyn(1) == 1 && size('aé😀') == 3 && size(b'\\xff\\xff') == 2 && size({1: 2}) == 1",
        "'abc'.contains('b') && 'abc'.startsWith('ab') && 'abc'.endsWith('bc') && !'abc'.contains('x')",
        "timestamp(0) + duration('1h') == timestamp('1970-01-01T01:00:00Z')",
        "duration('1h') + timestamp(0) - duration('1h') == timestamp(0)",
        "timestamp('1970-01-02T00:00:00Z') - timestamp(0) == duration('24h')",
        "timestamp(timestamp(0)) == timestamp(0) && duration(duration('0')) == duration('0s')",
        "string(duration('-1.5s')) == '-1.500s' && string(duration('1h0.000001s')) == '3600.000001s'",
        "string(timestamp('2009-02-13T23:31:30.1+05:30')) == '2009-02-13T18:01:30.100Z'",
        "duration('1h2m3s4ms5us6ns') == duration('3723.004005006s') && duration('.5s') == duration('500ms')",
        "duration('-90m').getHours() == -1 && duration('90m').getMinutes() == 90",
        "duration('-1.5s').getSeconds() == -1 && duration('-1.5s').getMilliseconds() == -500",
        "timestamp('2024-12-31T00:00:00Z').getDayOfYear() == 365 && timestamp(0).getDayOfWeek() == 4",
        "timestamp('2000-02-29T00:00:00Z').getDayOfYear() == 59",
        "timestamp('1900-03-01T00:00:00Z').getDayOfYear() == 59",
        "timestamp('2000-02-29T00:00:00Z').getMonth() == 1 && timestamp('2000-02-29T00:00:00Z').getDayOfMonth() == 28",
        "timestamp('0001-01-01T00:00:00Z').getFullYear('-01:00') == 0",
        "timestamp('9999-12-31T23:00:00Z').getFullYear('+01:00') == 10000",
        "timestamp('9999-12-31T23:00:00Z').getFullYear('Europe/Berlin') == 10000",
        "timestamp('0001-01-01T00:00:00Z').getFullYear('America/New_York') == 0",
        "timestamp('2027-07-01T00:00:00Z').getHours('Europe/Berlin') == 2",
        "timestamp('2027-01-01T00:00:00Z').getMinutes('Asia/Kolkata') == 30",
        "timestamp('1969-12-31T23:59:59.999Z').getMilliseconds() == 999",
        "timestamp('1969-12-31T23:59:59.999Z').getMilliseconds('+05:30') == 999",
        "'abc'.matches('b') && !'abc'.matches('^b') && 'é'.matches('^.$') && 'a\\nb'.matches('(?s)a.b')",
        "{'a': 1}['a'] == 1 && {true: 1}[true] == 1 && [1, 2][1.0] == 2 && {2: 1}[2.0] == 1",
    ],
)
def test_holds(text: str) -> None:
    """What CEL says, of operators, conversions and times."""
    assert evaluate(text, {}) is True


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775807 + 1",
        "-9223372036854775808 - 1",
        "9223372036854775807 * 2",
        "-(-9223372036854775808)",
        "-9223372036854775808 / -1",
        "-9223372036854775808 % -1",
        "1 / 0",
        "1 % 0",
        "1.0 % 2.0",
        "1 + 1.0",
        "1 * 'a'",
        "1 - true",
        "true + true",
        "'a' + 1",
        "{} + {}",
        "-'a'",
        "!1",
        "1 ? 2 : 3",
        "1 / 'a'",
        "int('')",
        "int(' 1')",
        "int('+1')",
        "int('1.0')",
        "int('9223372036854775808')",
        "int('1' + '0000000000000000000000000000000000000000000000000000000000000000000000')",
        "int(1e99)",
        "int(0.0 / 0.0)",
        "int(9223372036854775807.0)",
        "int(-9223372036854775808.0)",
        "int(duration('1s'))",
        "double('1_0')",
        "double(' 1')",
        "double('0x10')",
        "double(true)",
        "string(null)",
        "string([1])",
        "string(b'\\xff')",
        "bytes(1)",
        "bool('yes')",
        "bool(1)",
        "size(1)",
        "timestamp(1.5)",
        "timestamp('2009-02-13')",
        "timestamp('2009-02-13t23:31:30z')",
        "timestamp('2009-02-13T23:31:60Z')",
        "timestamp('2009-02-30T23:31:00Z')",
        "timestamp('2009-02-13T23:31:30.1234567891Z')",
        "timestamp('2009-02-13T23:31:30+24:00')",
        "timestamp('2009-02-13T23:31:30+0530')",
        "timestamp(' 2009-02-13T23:31:30Z')",
        "timestamp('٢٠٠٩-02-13T23:31:30Z')",
        "timestamp('0000-01-01T00:00:00Z')",
        "timestamp('0001-01-01T00:00:00+01:00')",
        "timestamp('9999-12-31T23:59:59Z') + duration('1s')",
        "timestamp(253402300800)",
        "timestamp(9223372036854775807)",
        "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')",
        "timestamp(0) + timestamp(0)",
        "duration('1s') - timestamp(0)",
        "duration('1s') * 2",
        "-duration('1s')",
        "duration('')",
        "duration('1')",
        "duration('1d')",
        "duration('s')",
        "duration('.s')",
        "duration('1 s')",
        "duration('1.5ns')",
        "duration('9223372037s')",
        "duration('9223372036s') + duration('9223372036s')",
        "duration(1)",
        "duration('1s').getFullYear()",
        "duration('1s').getHours('UTC')",
        "timestamp(0).getHours('')",
        "timestamp(0).getHours('+1:00')",
        "timestamp(0).getHours('+24:00')",
        "timestamp(0).getHours('../../etc/passwd')",
        "timestamp(0).getHours('europe/berlin')",
        "timestamp(0).getHours('localtime')",
        "timestamp(0).getHours(1)",
        "(1).getHours()",
        "'a'.matches('[')",
        "'a'.matches('(?<=a)b')",
        "'a'.matches('a{2000}')",
        "'a'.matches(1)",
        "b'a'.matches('a')",
        "'a'.contains(1)",
        "b'a'.startsWith(b'a')",
        "1 in 'abc'",
        "b'' in {}",
        "null in {}",
        "[1][1]",
        "[1][-1]",
        "[1][0.5]",
        "[1][true]",
        "[1]['a']",
        "{1: 2}[true]",
        "{1: 2}[b'']",
        "{1: 2}[1.5]",
        "'abc'[0]",
        "{1.0: 2}",
        "{null: 2}",
        "{1: 2, 1: 3}",
        "{'a': 1}.b",
        "[1].a",
        "has([1].a)",
        "has(1.a)",
        "'abc'.all(x, true)",
        "[1].filter(x, x)",
        "[1].map(x, x, x)",
        "[1].exists_one(x, x)",
        "[1, 0].exists_one(x, 1 / x == 1)",
        "[1].all(x, x)",
        "nothing",
        "nothing.here",
        "frob(1)",
        "'a'.frob()",
        "size(1, 2)",
        "dyn",
    ],
)
def test_errs(text: str) -> None:
    """What CEL, or the strictness of this language, calls an error; `||` may absorb it."""
    with pytest.raises(CaveatError) as caught:
        evaluate(text, {})
    assert caught.value.reason is Reason.CAVEAT_ERROR
    assert caught.value.detail
    assert evaluate(f"({text}) == 1 || true", {}) is True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 / 0 == 1 && false", False),
        ("false && 1 / 0 == 1", False),
        ("1 / 0 == 1 || true", True),
        ("'x' && false", False),
        ("1 || true", True),
        ("[0, 1].all(x, 1 / x == 2)", False),
        ("[0, 1].exists(x, 1 / x == 1)", True),
        ("[].all(x, false)", True),
        ("[].exists(x, true)", False),
        ("[].exists_one(x, true)", False),
        ("true ? 1 : 1 / 0", 1),
        ("{'a': 1}.exists(k, k == 'a')", True),
        ("[[1, 2], [3]].map(x, size(x)) == [2, 1]", True),
    ],
)
def test_errors_are_absorbed(text: str, value: object) -> None:
    """A false operand decides `&&` whatever the others are, and a true one `||`; so in `all` and `exists`."""
    assert evaluate(text, {}) is value or evaluate(text, {}) == value


@pytest.mark.parametrize("text", ["1 / 0 == 1 && true", "true && 1 / 0 == 1", "1 / 0 == 1 || false", "true && 1"])
def test_errors_that_stand(text: str) -> None:
    """Where nothing decides, the error stands."""
    with pytest.raises(CaveatError):
        evaluate(text, {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (123456.75, "123456.75"),
        (1e6, "1e+06"),
        (12345678.9, "1.23456789e+07"),
        (0.0001, "0.0001"),
        (1e-7, "1e-07"),
        (1e100, "1e+100"),
        (-2.5e-300, "-2.5e-300"),
        (100000.0, "100000"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
    ],
)
def test_text_of_doubles(value: float, text: str) -> None:
    """Shortest digits that read back, an exponent outside of 1e-4 to 1e6: as the official runtime writes them."""
    assert format_double(value) == text


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", 1),
        ("abc", 3),
        ("a|b", 3),
        (".", 4),
        (r"\d\D", 5),
        ("[0-9a-f]{8}", 16),
        ("[^a]", 4),
        ("(?:ab){3}", 6),
        ("(?i)ab", 9),
        ("a(?i:b)c", 9),
        ("(?s-i)ab", 3),
        ("(?-i:ab)", 2),
        (r"(?i)[a\pL]\pL", 1 + 256 + 4 * 2 + 256),
        ("é漢", 8),
        (r"(?i)\x{e9}\é.", 1 + 16 + 4 + 16),
        ("[aé]", 8 + 2),
        (r"[^\xe9]", 8 + 1),
        (r"\Qaé\E", 5),
        ("(?P<n>ab){3}", 6),
        ("(a(b){3}){10}", 40),
        ("x{2,5}", 5),
        ("x{2,}", 2),
        ("x{0}", 1),
        (r"\pL", 256),
        (r"[\pL ]", 258),
        (r"\Qa.b\E", 3),
        (r"\x{10FFFF}", 4),
        ("[[:alpha:]]", 3),
        ("a{1000}", 1000),
        ("a{1001}", REGEX_WEIGHT + 1),
        ("((a{99}){99}){99}", REGEX_WEIGHT + 1),
        ("a{99999999999999999999}", REGEX_WEIGHT + 1),
        ("[", 1),
        ("(((", 1),
        (")))", 3),
        ("(?i)a*?", 1 + 4 + 2),
        (r"\Q\E", 1),
        (r"\Q", 1),
        ("(?:)", 1),
    ],
)
def test_weights(pattern: str, expected: int) -> None:
    """What a pattern weighs, which the specification says and every implementation charges."""
    assert weight(pattern) == expected


@pytest.mark.parametrize("between", ["+(?s)", "*(?)", "?(?-i)", r"+\Q\E", r"*\Q\E(?s)", "+(?s){2}(?s)"])
def test_weight_of_a_repetition_behind_something_that_is_none(between: str) -> None:
    """RE2 repeats what is before flags and empty quotations: so does the weight, however small these are."""
    assert weight(f"(?:abcde){between}{{30}}") >= 150
    assert weight(f"(?:(?:abcde){between}{{30}}){{7}}") > REGEX_WEIGHT


@pytest.mark.parametrize("nothing", ["(?:)", "()", r"\Q\E", "(?s)", "(?P<n>)", "(?:())"])
def test_weight_of_nothing_repeated(nothing: str) -> None:
    """The engine's program grows with an empty group too."""
    assert weight(f"(?:{nothing}){{500}}") == 500
    assert weight(f"(?:(?:{nothing}){{500}}){{3}}") > REGEX_WEIGHT


def test_patterns_that_are_too_large() -> None:
    """Length and weight are bounded before RE2 sees a pattern."""
    assert is_pattern("a" * REGEX_WEIGHT)
    assert not is_pattern("a" * (REGEX_WEIGHT + 1))
    assert not is_pattern("[" + "a" * REGEX_CHARACTERS + "]")
    with pytest.raises(CaveatError, match="too large"):
        evaluate("'a'.matches(p)", {"p": "[" + "a" * REGEX_CHARACTERS + "]"})


def test_a_child_of_a_fork_compiles_its_patterns_anew() -> None:
    """A thread of its parent may have been matching with one, and hold its lock for ever."""
    assert is_pattern("a+b")
    parents = regex.prepared("a+b")[1]
    hear, say = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        pid = os.fork()
    if not pid:
        kept = regex.prepared.cache_info().currsize
        mine = regex.prepared("a+b")[1]
        os.write(say, bytes((kept == 0 and mine is not parents and mine.search("xaab") is not None,)))
        os._exit(0)
    os.close(say)
    assert os.read(hear, 1) == b"\x01"
    os.close(hear)
    os.waitpid(pid, 0)
    assert regex.prepared("a+b")[1] is parents
