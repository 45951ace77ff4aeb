"""Patterns: against a brute-force matcher, against each other, and the attacks that look like a match."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.analysis.patterns import Pattern
from delegate.core.patterns.matching import compile_pattern, glob_match
from delegate.core.patterns.plain_form import plain_form
from delegate.core.patterns.tokens import Wild, parse_tokens
from delegate.errors import Reason, TokenError
from delegate.language.capability import check_pattern
from delegate.limits import PATTERN_CHARACTERS

# A letter of its own for whatever no pattern names.
ALPHABET = "ab/."
SHORT_TEXTS = ["".join(letters) for length in range(6) for letters in product("ab/", repeat=length)]


def brute_force(pattern: str, text: str, separator: str = "/") -> bool:
    """The definition of a match, read off the specification and hopelessly slow at worst."""

    @cache
    def one(glob: str, segment: str) -> bool:
        """Does a segment of a pattern match a segment of a text?"""
        if not glob:
            return not segment
        if glob[0] == "*":
            return any(one(glob[1:], segment[end:]) for end in range(len(segment) + 1))
        letter, rest = (glob[1], glob[2:]) if glob[0] == "\\" else (glob[0], glob[1:])
        return segment[:1] == letter and one(rest, segment[1:])

    @cache
    def several(globs: tuple[str, ...], segments: tuple[str, ...]) -> bool:
        if not globs:
            return not segments
        if globs[0] == "**":
            return any(several(globs[1:], segments[end:]) for end in range(len(segments) + 1))
        return bool(segments) and one(globs[0], segments[0]) and several(globs[1:], segments[1:])

    return several(tuple(pattern.split(separator)), tuple(text.split(separator)))


def written(separator: str, pieces: list[str], most: int) -> st.SearchStrategy[str]:
    """Patterns of a few segments: `**`, or a few of the pieces with no two stars together."""
    part = st.lists(st.sampled_from(pieces), max_size=3).map("".join).filter(lambda text: "**" not in text)
    return st.lists(st.just("**") | part, min_size=1, max_size=most).map(separator.join)


patterns = written("/", ["a", "b", ".", "*", "\\*", "\\\\", "\\?"], 4)
small_patterns = written("/", ["a", "b", "*"], 4)
texts = st.text(alphabet="ab/.*\\?", max_size=9)


@given(patterns, texts, st.sampled_from("/."))
def test_a_pattern_matches_what_its_definition_says(pattern: str, text: str, separator: str) -> None:
    """All three ways to match agree with the brute-force reading of the definition."""
    pattern = pattern.replace(".", "b").replace("/", separator)
    expected = brute_force(pattern, text, separator)
    assert glob_match(pattern, text, separator) is expected
    assert compile_pattern(pattern, separator)(text) is expected
    assert Pattern.parse(pattern, separator).matches(text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        *("/**", "/a/**", "a*b", "**/b", "a/**/b", "a/**", "a*", "*", "**", "a*/**", "", "a", "**/", "/**/", "**/*"),
        *("**/a*/b", "a/**/*b", "**/**", "a/**/**/b", "**/a/**", "**/a/**/b", "*/**", "/**/a", "**/a/b", "a/**/b/a"),
    ],
)
def test_a_pattern_matches_what_its_definition_says_for_all_short_texts(pattern: str) -> None:
    """The shapes with a fast path agree with the definition on every text of up to five characters."""
    match = compile_pattern(pattern)
    for text in SHORT_TEXTS:
        assert match(text) is brute_force(pattern, text), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("/crypto", "/cryptocurrency", False),
        ("/crypto/**", "/cryptocurrency", False),
        ("/data/*", "/data/x", True),
        ("/data/*", "/data/x/y", False),
        ("/data/*", "/data/", True),
        ("/data/*", "/data", False),
        ("/data/**", "/data", True),
        ("/data/**", "/data/", True),
        ("/data/**", "/data/x/y", True),
        ("/data/**", "/database", False),
        ("/data/**", "/dat", False),
        ("/reports/*.csv", "/reports/.csv", True),
        ("/reports/*.csv", "/reports/q3/x.csv", False),
        ("/ab*ba", "/aba", False),
        ("/ab/**/ba", "/ab/ba", True),
        ("/ab/**/ba", "/ab/x/ba", True),
        ("/ab/**/ba", "/ab/xba", False),
        ("/ab/**/ba", "/aba", False),
        ("**/.env", ".env", True),
        ("**/.env", "/.env", True),
        ("**/.env", "/a/b/.env", True),
        ("**/.env", "/a/x.env", False),
        ("/data/**/x", "/data/x", True),
        ("/data/**/x", "/data/a/b/x", True),
        ("/data/**/x", "/data/ax", False),
        ("/data/**/x", "/datax", False),
        ("/data/**/*.csv", "/data/q3.csv", True),
        ("/data/**/*.csv", "/data/a/b/q3.csv", True),
        ("/data/**/*.csv", "/data/a.csv/b", False),
        ("/a\\*b", "/a*b", True),
        ("/a\\*b", "/axb", False),
        ("/a\\\\b", "/a\\b", True),
        ("/A", "/a", False),
        ("/\\[ab\\]\\?", "/[ab]?", True),
        ("/\\[ab\\]\\?", "/a1", False),
        ("/\\{a,b\\}", "/{a,b}", True),
        ("/x", "/x\n", False),
        ("**", "a\nb/c", True),
    ],
)
def test_what_a_reader_expects_of_a_resource_pattern(pattern: str, text: str, matches: bool) -> None:
    """Near misses stay misses, among them the prefix that only looks like a folder."""
    assert glob_match(pattern, text) is matches


@pytest.mark.parametrize(
    ("pattern", "action", "matches"),
    [
        ("files.*", "files.read", True),
        ("files.*", "files.read.admin", False),
        ("files.**", "files.read.admin", True),
        ("files.**", "files", True),
        ("files.**", "filesystem.read", False),
        ("files.re*", "files.read/x", True),
        ("*", "files.read", False),
        ("**", "files.read", True),
        ("**.read", "files.read", True),
        ("**.read", "read", True),
        ("**.read", "spread", False),
        ("files.**.read", "files.read", True),
    ],
)
def test_what_a_reader_expects_of_an_action_pattern(pattern: str, action: str, matches: bool) -> None:
    """In an action the separator is the dot, and a slash is a character like any other."""
    assert glob_match(pattern, action, ".") is matches


@pytest.mark.parametrize(
    "pattern",
    [
        *("***", "a***b", "****", "\\", "a\\", "\\a", "a\\/", "\\****", "**\\"),
        *("/secret/*.{key,pem}", "/[a-z]", "/a]", "/a?", "?", "{", "}", "[", "]", "**/?", "*?", "/[!a]*", "/**/{a}"),
        *("**csv", "/crypto**", "a**b", "/a/**b", "/a**/b", "**b/c", "/**\\*", "\\***", "**/***", "/a/**csv/**"),
    ],
)
@pytest.mark.parametrize("separator", ["/", "."])
def test_a_bad_pattern_is_refused_whichever_way_it_is_read(pattern: str, separator: str) -> None:
    """What other tools read as a wildcard, unknown escapes, and `**` beside anything else are MALFORMED.

    The attack: `!glob.match(resource, "/secret/*.{key,pem}")` with braces that are themselves lets every key through.
    """
    for read in (compile_pattern, Pattern.parse, check_pattern):
        with pytest.raises(TokenError) as caught:
            read(pattern.replace("/", separator), separator)
        assert caught.value.reason is Reason.MALFORMED


@given(st.text(st.sampled_from("**/.a\\?[{"), max_size=9), st.sampled_from("/."))
def test_what_is_checked_at_a_glance_is_what_parses(pattern: str, separator: str) -> None:
    """Checking a pattern leaves most of them unparsed, and refuses the same ones."""

    def outcome(read: Callable[[str, str], object]) -> str:
        try:
            read(pattern, separator)
        except TokenError as error:
            return error.detail
        return ""

    assert outcome(check_pattern) == outcome(parse_tokens)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("/a?", r"write `\?`"),
        ("/[a]", r"no sets of characters; where the character itself is meant, write `\["),
        ("/{a,b}", "write several patterns"),
        ("/a/**.csv", "write `**/*` for any name at any depth"),
    ],
)
def test_a_refused_pattern_is_told_how_to_write_it(pattern: str, hint: str) -> None:
    """The message has the way out."""
    with pytest.raises(TokenError) as caught:
        compile_pattern(pattern)
    assert hint in caught.value.detail


def test_a_pattern_has_a_longest_length() -> None:
    """The bound itself is accepted, one more character is LIMIT_EXCEEDED."""
    assert glob_match("a" * PATTERN_CHARACTERS, "a" * PATTERN_CHARACTERS)
    for read in (compile_pattern, Pattern.parse):
        with pytest.raises(TokenError) as caught:
            read("a" * (PATTERN_CHARACTERS + 1))
        assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_other_separators_are_misuse() -> None:
    """A program that asks for another separator, or compares actions with resources, gets a ValueError."""
    with pytest.raises(ValueError, match="separator"):
        compile_pattern("a", ":")
    with pytest.raises(ValueError, match="compared"):
        Pattern.parse("a", "/").contains(Pattern.parse("a", "."))
    with pytest.raises(ValueError, match="compared"):
        Pattern.parse("a", "/").intersects(Pattern.parse("a", "."))


class CountingText(str):
    """A text that counts how many of its characters a matcher asks for."""

    __slots__ = ("drawn",)

    drawn: int

    def __iter__(self) -> Iterator[str]:
        self.drawn = 0
        for character in str.__iter__(self):
            self.drawn += 1
            yield character


@pytest.mark.parametrize("pattern", ["a*" * 500 + "b", "**/a/" * 200 + "b", "**/a*b/" * 140, "**/a/*/**/b*c"])
def test_matching_is_linear(pattern: str) -> None:
    """An attacker's text cannot make a pattern backtrack: each character is read once, whatever the stars."""
    text = CountingText("a" * 20_000)
    assert not compile_pattern(pattern)(text)
    assert text.drawn <= len(text)


@given(small_patterns, small_patterns)
def test_containment_and_overlap_agree_with_all_short_texts(first: str, second: str) -> None:
    """What is said of two patterns is true of every text over the alphabet, up to five characters."""
    one, other = Pattern.parse(first), Pattern.parse(second)
    mine = {text for text in SHORT_TEXTS if brute_force(first, text)}
    theirs = {text for text in SHORT_TEXTS if brute_force(second, text)}
    if one.contains(other):
        assert mine >= theirs
    if not one.intersects(other):
        assert not mine & theirs
    shared = one.intersection(other)
    if shared is not None:  # else there are too many to list
        assert {text for text in SHORT_TEXTS if any(part.matches(text) for part in shared)} == mine & theirs


tiny_patterns = written("/", ["a", "*"], 3)
# `z` stands for every character that neither pattern names; short patterns differ on short texts.
WITNESSES = ["".join(letters) for length in range(7) for letters in product("a/z", repeat=length)]


@given(tiny_patterns, tiny_patterns)
def test_containment_and_overlap_are_exact(first: str, second: str) -> None:
    """A refusal to contain has a witness among the short texts, and so has an overlap."""
    one, other = Pattern.parse(first), Pattern.parse(second)
    assert one.contains(other) is all(one.matches(text) for text in WITNESSES if other.matches(text))
    assert one.intersects(other) is any(one.matches(text) and other.matches(text) for text in WITNESSES)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("**", "/x"),
        ("/**", "/data/**"),
        ("/data/**", "/data/*"),
        ("/data/**", "/data"),
        ("/data/*", "/data/*.csv"),
        ("/a*/**", "/ab*/x/**"),
        ("**/a/**", "**/a/**/a/**"),
        ("**/x", "x"),
        ("**/x", "/a/x"),
        ("/data/**/x", "/data/x"),
        ("/data/**/x", "/data/*/x"),
        ("/data/**", "/data/**/x"),
        ("/a/**/**/b", "/a/**/b"),
        ("/a/**/b", "/a/**/**/b"),
        ("**/**", "**"),
        ("**", "**/**"),
        ("/**", "/**/**"),
        ("*\\*", "x\\*"),
    ],
)
def test_a_wider_pattern_contains_a_narrower_one(wide: str, narrow: str) -> None:
    """What authors write when they narrow is recognised as narrower."""
    assert Pattern.parse(wide).contains(Pattern.parse(narrow))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("/data/*", "/data/**"),
        ("/data/*", "/data/x/y"),
        ("/crypto/**", "/cryptocurrency/**"),
        ("*", "**"),
        ("/*", "/**"),
        ("/data/*/x", "/data/**/x"),
        ("/data/**/x", "/data/**"),
        ("**/x", "**/*x"),
        ("a", "\\*"),
        ("/a/b", "/a/*"),
    ],
)
def test_a_pattern_does_not_contain_what_only_looks_narrower(wide: str, narrow: str) -> None:
    """The mistakes of comparing patterns as text are not made."""
    assert not Pattern.parse(wide).contains(Pattern.parse(narrow))


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("/reports/**", "/reports/*.csv", ["/reports/*.csv"]),
        ("/reports/**", "**/*.csv", ["/reports/**/*.csv"]),
        ("/reports/**/x", "**/a/*", ["/reports/**/a/x"]),
        ("/reports/**/a/**", "**/b", ["/reports/**/a/**/b"]),
        ("files/**", "**", ["files/**"]),
        ("/reports/q*", "/reports/*.csv", ["/reports/q*.csv"]),
        ("/reports/*", "/reports/**", ["/reports/*"]),
        ("ab*", "*bc", ["abc", "ab*bc"]),
        ("/a", "/b", []),
        ("a\\*b", "a*", ["a\\*b"]),
        ("/x/**", "**", ["/x/**"]),
        ("*/**/**", "/**", ["/**"]),
    ],
)
def test_an_intersection_is_written_as_an_author_would(first: str, second: str, shared: list[str]) -> None:
    """What two hops permit together is shown as patterns, in either order of the two."""
    for one, other in ((first, second), (second, first)):
        found = Pattern.parse(one).intersection(Pattern.parse(other))
        assert found is not None
        assert [str(part) for part in found] == shared


def test_containment_that_takes_too_long_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the steps run out, a pattern is never taken for contained; with the steps we have, it is."""
    wide = Pattern.parse("**/a/*" + "/*" * 40)
    narrow = Pattern.parse("**/a/**/a/*" + "/*" * 40)
    assert wide.contains(narrow)
    monkeypatch.setattr("delegate.analysis.patterns.CONTAINS_STEPS", 100)
    assert not wide.contains(narrow)


def test_comparing_ends_with_the_work_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it ends, a containment is not claimed and an intersection is not listed; with enough, both are exact."""
    wide, narrow = Pattern.parse("/a*b/**/c*"), Pattern.parse("/ab/**/x/cd*")
    found = []
    for steps in range(0, 400, 3):
        monkeypatch.setattr("delegate.analysis.patterns.COMPARING_STEPS", steps)
        found.append((wide.contains(narrow), narrow.intersection(wide)))
    assert {each for each, _ in found} == {False, True}
    assert {each for _, each in found} == {None, (narrow,)}
    assert found == sorted(found, key=lambda each: (each[0], each[1] is not None))


def test_an_intersection_of_too_many_patterns_is_not_listed() -> None:
    """Two patterns that overlap in hundreds of ways give `None` in bounded work."""
    assert (
        Pattern.parse("**/a/**/b/**/c/**/d/**/e/**").intersection(Pattern.parse("**/v/**/w/**/x/**/y/**/z/**")) is None
    )


def test_comparing_the_longest_patterns_is_possible() -> None:
    """At the longest length, overlap and containment still come to an answer."""
    stars = Pattern.parse("*a" * (PATTERN_CHARACTERS // 2))
    assert stars.intersects(Pattern.parse("**/b/" * (PATTERN_CHARACTERS // 5))) is False
    assert Pattern.parse("**").contains(stars)
    assert not stars.contains(Pattern.parse("**"))
    assert stars.intersection(Pattern.parse("*b*a" * (PATTERN_CHARACTERS // 4))) is None


@given(patterns)
def test_a_pattern_prints_as_it_was_written(text: str) -> None:
    """`str` gives the text back, and equality is that of the text and the separator."""
    assert str(Pattern.parse(text)) == text
    assert Pattern.parse(text) == Pattern.parse(text)
    assert Pattern.parse("a", ".") != Pattern.parse("a")
    assert len({Pattern.parse(text), Pattern.parse(text)}) == 1
    assert "matcher" not in repr(Pattern.parse(text))


def test_wildcards_print_as_their_stars() -> None:
    """The tokens of a pattern tell a star that is a wildcard from one that is a character."""
    assert Pattern.parse("\\**/**/a/**").tokens == (*("*", Wild.WITHIN, "/", Wild.SEGMENTS, "a", "/", Wild.ACROSS),)


@pytest.mark.parametrize(
    "resource",
    [
        *("/", "/reports/q3.csv", "/reports/", "reports", "a/b/c/", "/a..b/x...", "/.hidden", "/a b/c d", "/$HOME/~x"),
        *("https://api.example.com/v1/users", "s3://bucket/key", "https://", "https://h", "mailto:a@example.com"),
        *("https://[2001:db8::1]:8443/x", "https://h/user@host/ab:b=c,d!", "https://h:8443", "http://h:443/", "C:/x"),
        *("/naïve/雪", "/x%20y", "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D", "/caf%C3%A9/%E2%82%AC/%F0%9F%8C%8D/%E0%A0%80"),
        *("/%F0%90%80%80%F4%8F%BF%BF%ED%9F%BF%EE%80%80%C2%A0", "/files/[a]{b}*", "/v1/ab:c", "https://a_b.x/...a"),
    ],
)
def test_plain_resources(resource: str) -> None:
    """Everyday resources are plain, so that patterns can match them."""
    assert plain_form(resource)


@pytest.mark.parametrize(
    "resource",
    [
        "",
        # Segments that climb, stay or vanish, as they are, in percent signs, and on Windows.
        *("/data/../etc", "/data/..", "..", ".", "./x", "/data/./x", "/data/.", "../x", "https://../x", "/a/.../b"),
        *("/a%2e%2e/x", "/a%2E", "/data/..%2fetc", "/a/.. /b", "/a/..%20/b", "/a/ /b", "/a/. ./b", "/a/%20"),
        *("/a/\u2025/b", "/a/\u2024\u2024/b", "/a/\uff0e\uff0e", "/a/%E2%80%A5/b", "/a/%EF%BC%8E.", "/\ufe52"),
        # Empty segments.
        *("//data", "/data//x", "data//", "//", "https://h//x", "https://h/x//", "https:///x", "/x/https://h"),
        *("1https://h", "https://h/x?u=http://y", "file:///x"),
        # What ends a path, or is cut out of it.
        *("https://evil.com?x.example.com/y", "/reports/secret.key?/public.txt", "/reports/secret.key#/public.txt"),
        *("https://evil.com#x.example.com/y", "https://h/x?page=2", "/what?", "/a;b", "/a/..;/b", "/reports/x;v=1/y"),
        *(
            "https://h/data/..?x=1",
            "https://h/data/..#x",
            "/a%3fb",
            "/a%3F",
            "/a%23b",
            "/a%3bb",
            "/a%3B",
            "/data/..%3Fx",
        ),
        # Slashes of other kinds.
        *(
            "/data\\..\\etc",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%5C",
            "/a\uff0fb",
            "/a%EF%BC%8Fb",
            "/a\u2105b",
            "/a\uff3cb",
        ),
        *("/a\ufe68b", "/a%E2%84%80b", "/%EF%B9%A8"),
        # Control characters, as they are and in percent signs.
        *(
            "/a\x00b",
            "/a\nb",
            "/a\x7f",
            "/a\x85b",
            "/data/..%09/admin",
            "/data/..%0a",
            "/data/%0D%0A",
            "/a%00",
            "/a%1F",
        ),
        *("/a%7f", "/a%7F", "/a%C2%85", "/a%C2%9F"),
        # Percent signs before nothing, before another, and before what is no UTF-8.
        *("/100%", "/a%2", "/a%zz", "/a%u002e", "/a%25", "/a%252e", "/data/..%c0%af", "/data/%C1%9C", "/a%E0%80%AF"),
        *("/a%F0%80%80%AF", "/a%F5", "/a%FF", "/a%80", "/a%C3", "/a%C3x", "/a%C3%C3", "/a%E2%82", "/a%ED%A0%80"),
        *("/a%F4%90%80%80", "/a%C3%A", "/a%C3%A9%A9"),
        # Two texts for one place: small hex digits, and percent signs where none are needed.
        *("/caf%c3%a9", "/caf%C3%a9", "/a%7b", "/a%3C%3e"),
        *(f"/a%{ord(each):02X}b" for each in "AMZamz059-._~!$&'()*+,=:@"),
        *(f"/a%{ord(each):02x}b" for each in "JOZjoz-_~*+"),
        # Hosts with another writing, and with a user before them.
        *(
            "https://u@evil.com/x",
            "https://a.example.com@evil.com/",
            "https://u:p@h",
            "https://h%2Ecom/",
            "https://h%40x/",
        ),
        *(
            "https://EVIL.com/",
            "HTTPS://h/",
            "https://h./",
            "https://h.:8443/",
            "https://h:/",
            "https://h:",
            "https://h:443/",
        ),
        *("http://h:80", "wss://h:443/", "ws://h:80/", "https://h:0443/x", "https://h:0/", "https://\uff45vil.com/"),
        *("https://exämple.com/", "https://a b/", "https://h\u3002com/"),
        # Drive letters below the start.
        *("/data/C:/Windows/win.ini", "/C:/Windows", "/data/c:x", "a/b/Z:", "/data/C%3A/x"),
    ],
)
def test_resources_that_two_services_could_read_in_two_ways(resource: str) -> None:
    """What climbs, ends early, hides a letter or a separator, or begins anew is not plain: no pattern matches it.

    The attacks: `/data/../etc` has the text of a file below `/data/`, and is `/etc` to the file system; `/%64raft` has
    no `draft` in it, and is `/draft` to most web servers; `https://evil.com?x.example.com/y` has the text of a host
    below `example.com`, and is a query to `evil.com`.
    """
    assert not plain_form(resource)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%"), max_size=8), st.sampled_from("/ab"))
def test_the_escapes_of_plain_form_are_those_of_quote(text: str, start: str) -> None:
    """What percent signs may stand for is told anew by a library: quoted as a path, a plain text is plain.

    With small hex digits it is not: that would be a second text for one place.
    """
    whole = f"{start}{text}"
    quoted = quote(whole, "/!$&'()*+,=:@")
    if "//" not in whole and not {"?", "#", ";", "\\"} & set(whole):
        assert plain_form(quoted) is plain_form(whole)
    lowered = re.sub("%..", lambda escape: escape[0].lower(), quoted)
    assert lowered == quoted or not plain_form(lowered)


@given(st.binary(min_size=1, max_size=4).filter(lambda data: data[0] >= 0x80))
def test_percent_signs_stand_for_utf8_alone(data: bytes) -> None:
    """Plain form takes just those bytes that a strict decoder takes, and that are fit unquoted."""
    quoted = "/" + "".join(f"%{byte:02X}" for byte in data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        assert not plain_form(quoted)
    else:
        if quote(text, "") == quoted[1:]:
            assert plain_form(quoted) is plain_form(f"/{text}")


def test_plain_form_is_linear() -> None:
    """The longest texts of every kind that could make an expression look back come to an answer."""
    for text in ("/" + ". " * 4095, "/" + "%20" * 2730, "/" + "%C3%A9" * 1365 + "%", "https://" + "a." * 4092):
        assert plain_form(text + "x") is (text[:2] != "/%" or not text.endswith("%"))
        assert not plain_form(text + "//")
