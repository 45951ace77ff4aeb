"""Sets of texts are what the evaluator says: every text that is tried is on the same side for both."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable

import pytest

from delegate.analysis.proofs.expressions import NotReadError, matching
from delegate.analysis.proofs.languages import ALL, BLANK, EMPTY, Languages, TooMuchError, but, words
from delegate.analysis.proofs.texts import Texts
from delegate.core.evaluator.namespaced import net_within, url_host, url_scheme
from delegate.core.evaluator.regex import prepared
from delegate.core.evaluator.scope import EvaluationError, Scope
from delegate.core.patterns.matching import glob_match
from delegate.core.patterns.plain_form import plain_form
from delegate.errors import TokenError

PATHS = (
    "http://", "https://", "ws", "x://", "//",
    "/", "a", ".", "..", ":80", ":443", ":0", "%20", "%2F", "%C3%A9", "%E2%84%80",
    "\u2025", " ", "C:", "é", "@", "[::1]", "?", "#", ";", "\\", "\x00", "-", "%41", "%7B", "a.b", "a.", ":",
    "%ED%A0%80",
)  # fmt: skip
URLS = (
    "http", "HTTPS", "+", "://", ":", "/", "a", "b", "A.b", "..", ".", "-", "_", "1.2.3.4", "01.2.3.4", "256.1.1.1",
    "0x1", "12", ":80", ":99999", ":65535", ":65536", ":", "[::1]", "?", "#", " ", "\\", "@", "\ufeff", "é", "0X",
)  # fmt: skip
EXPRESSIONS = (
    "a", "b", "k", "s", "S", "K", "^", "$", ".", "*", "+", "?", "|", "(", ")", "(?:", "(?i)", "(?s)", "(?i:", "[ab]",
    "[^a]", "[a-k]", "\\d", "\\w", "\\W", "\\s", "{2}", "{1,2}", "{0,}", "\\.", "\\x41", "\\Qa.b\\E", "\\A", "\\z", "é",
    "[[:alpha:]]", "[\\w.-]", "-", "1", "\n", "[^[:space:]]", "(?P<n>a)", "\\b", "\\pL",
)  # fmt: skip
LETTERS = ("a", "b", "k", "s", "S", "K", "\u212a", "\u017f", "1", "\n", ".", "é", "A", "-", " ")


def chances(seed: int) -> random.Random:
    """A source of chance that is the same each time."""
    return random.Random(seed)  # noqa: S311 - no secret


def said(function: Callable[..., object], *values: object) -> object:
    """What a function of the language gives; `None` for an error."""
    try:
        return function(*values, Scope({}))
    except EvaluationError:
        return None


def test_plain_form() -> None:
    """Every rule of it."""
    chance = chances(1)
    languages = Languages(10**8)
    plain = Texts(languages).plain()
    for _ in range(4_000):
        text = "".join(chance.choice(PATHS) for _ in range(chance.randrange(7)))
        assert languages.accepts(plain, text) == plain_form(text), text


def test_hosts_and_schemes() -> None:
    """Of names and IPv4 addresses; IPv6 is left open, and known to be."""
    chance = chances(2)
    languages = Languages(10**8)
    texts = Texts(languages)
    sets = {"all": ALL, "a": languages.word("a"), "below b": languages.cat(ALL, languages.word(".b"))}
    hosts = {name: texts.host_urls(each) for name, each in sets.items()}
    secure, every = texts.scheme_urls(languages.word("https")), texts.scheme_urls(ALL)
    addresses = texts.address_urls()
    for _ in range(6_000):
        text = "".join(chance.choice(URLS) for _ in range(chance.randrange(8)))
        if chance.random() < 0.6:
            text = chance.choice(("http://", "https://", "HTTP://")) + text
        host, scheme = said(url_host, text), said(url_scheme, text)
        if not languages.accepts(addresses, text):
            for name, each in sets.items():
                wanted = isinstance(host, str) and languages.accepts(each, host)
                assert languages.accepts(hosts[name], text) == wanted, (name, text)
        assert languages.accepts(every, text) == (scheme is not None), text
        assert languages.accepts(secure, text) == (scheme == "https"), text


def test_patterns() -> None:
    """Of actions and of resources."""
    chance = chances(3)
    languages = Languages(10**8)
    texts = Texts(languages)
    for _ in range(1_500):
        pattern = "".join(
            chance.choice(("*", "**", "/", "a", "b", "\\*", "a/", ".")) for _ in range(chance.randrange(1, 6))
        )
        text = "".join(chance.choice("/ab*.") for _ in range(chance.randrange(6)))
        for separator in "/.":
            try:
                wanted = glob_match(pattern, text, separator)
            except TokenError:
                continue
            assert languages.accepts(texts.pattern(pattern, separator), text) == wanted, (pattern, text)


def test_order_and_networks() -> None:
    """Texts by code points; IPv4 addresses by their bits."""
    chance = chances(4)
    languages = Languages(10**8)
    texts = Texts(languages)
    for _ in range(1_000):
        one, other = ("".join(chance.choice("ab\x00é\ue000") for _ in range(chance.randrange(4))) for _ in range(2))
        assert languages.accepts(texts.less(one), other) == (other < one)
    for _ in range(400):
        network = ipaddress.IPv4Network((chance.getrandbits(32), chance.randrange(33)), strict=False)
        address = int(network.network_address) ^ (chance.getrandbits(32) >> chance.randrange(33))
        text = str(ipaddress.IPv4Address(address))
        found = languages.accepts(texts.ipv4_in(int(network.network_address), network.prefixlen), text)
        assert found == (said(net_within, text, str(network)) is True)


def test_texts_that_may_be_ipv6_are_all_that_are() -> None:
    """None that the evaluator reads as one is outside."""
    languages = Languages(10**8)
    candidates = Texts(languages).ipv6()
    chance = chances(5)
    for _ in range(500):
        address = ipaddress.IPv6Address(chance.getrandbits(128) >> chance.randrange(128))
        for text in (str(address), address.exploded, str(address).upper()):
            assert languages.accepts(candidates, text)
    assert languages.accepts(candidates, "::ffff:10.0.0.1")
    assert not languages.accepts(candidates, "192.168.0.1")


def test_regular_expressions_mean_what_re2_means() -> None:
    """What is read matches the same texts; the rest is refused by name."""
    chance = chances(6)
    read = 0
    for _ in range(2_500):
        pattern = "".join(chance.choice(EXPRESSIONS) for _ in range(chance.randrange(1, 7)))
        _, compiled = prepared(pattern)
        languages = Languages(10**6)
        try:
            language = matching(languages, pattern)
        except NotReadError:
            continue
        assert compiled is not None, pattern
        read += 1
        for _ in range(5):
            text = "".join(chance.choice(LETTERS) for _ in range(chance.randrange(5)))
            assert languages.accepts(language, text) == (compiled.search(text) is not None), (pattern, text)
    assert read > 800


@pytest.mark.parametrize(
    "pattern", ["\\bx", "(?m)^x", "\\pL", "\\C", "(?i)é", "x**", "x{1001}", "$^", "^^", "[z-a]", "a{,2}", "["]
)
def test_what_is_not_read_is_refused(pattern: str) -> None:
    """Never guessed at."""
    with pytest.raises(NotReadError):
        matching(Languages(), pattern)


def test_a_text_that_is_found_is_in_the_sets_and_in_none_of_the_others() -> None:
    """And where none is found, there is none."""
    languages = Languages()
    star = languages.star(words(languages, ["ab", "c"]))
    found = languages.find(
        [star, languages.times(languages.any_char(), 3, None)], [languages.containing(languages.word("cc"))]
    )
    assert found is not None
    assert languages.accepts(star, found)
    assert len(found) >= 3
    assert "cc" not in found
    assert languages.find([star], [star]) is None
    assert languages.find([star, languages.word("abd")]) is None
    assert languages.find([EMPTY]) is None
    assert languages.find([BLANK]) == ""
    assert languages.find([], [ALL]) is None


def test_preimages() -> None:
    """A set seen through something written around a text, and through lower case."""
    languages = Languages()
    some = words(languages, ["ab", "abc", "xabc"])
    assert languages.accepts(languages.after(some, "a"), "b")
    assert languages.accepts(languages.before(some, "c"), "xab")
    assert not languages.accepts(languages.before(some, "c"), "ab c")
    assert languages.accepts(languages.folded(some), "aBc")
    assert not languages.accepts(languages.folded(languages.word("A")), "A")


def test_work_ends() -> None:
    """An automaton that doubles with each character is given up."""
    languages = Languages(2_000)
    one = matching(languages, "(a|b)*a(a|b){40}")
    with pytest.raises(TooMuchError):
        languages.find([one], [matching(languages, "(a|b)*b(a|b){41}a")])


def test_code_points_are_never_surrogates() -> None:
    """No text holds one."""
    assert but(((0, 0x10),))[0] == (0x11, 0xD7FF)
    languages = Languages()
    assert languages.find([languages.chars(but(((0, 0xD7FF),)))]) == "\ue000"
