"""Paths, URLs, addresses and globs: the attacks that their functions are there for."""

from __future__ import annotations

import pytest

from delegate.errors import CaveatError
from delegate.language.meaning import evaluate


def _ask(text: str, **values: object) -> object:
    try:
        return evaluate(text, values)
    except CaveatError:
        return "error"


@pytest.mark.parametrize(
    ("path", "directory", "expected"),
    [
        ("/data/a.txt", "/data", True),
        ("/data/a.txt", "/data/", True),
        ("/data", "/data", True),
        ("/data/", "/data", True),
        ("/data", "/data/", True),
        ("/cryptocurrency", "/crypto", False),
        ("/Data/a", "/data", False),
        ("/etc/passwd", "/data", False),
        ("/anything", "/", True),
        ("data/a", "data", True),
        ("/data/.hidden", "/data", True),
        ("/data/..a", "/data", True),
        ("/data/../etc/passwd", "/data", "error"),
        ("/data/..", "/data", "error"),
        ("/data/./a", "/data", "error"),
        ("..", "/data", "error"),
        ("/data//a", "/data", "error"),
        ("/data\\..\\etc", "/data", "error"),
        ("/data/%2e%2e/etc", "/data", "error"),
        ("/data/%2E./etc", "/data", "error"),
        ("/data%2fa", "/data", "error"),
        ("/data/%5c", "/data", "error"),
        ("/data/%00", "/data", "error"),
        ("/data/..%09/admin", "/data", "error"),
        ("/data/x?/y", "/data", "error"),
        ("/data/x#/y", "/data", "error"),
        ("/data/C:/Windows/win.ini", "/data", "error"),
        ("/data/%252e%252e/etc", "/data", "error"),
        ("/data/100%", "/data", "error"),
        ("/data/a\x00b", "/data", "error"),
        ("/data/a\nb", "/data", "error"),
        ("", "/data", "error"),
        ("/data/a", "", "error"),
        ("/data/a", "/data/..", "error"),
        ("data/a", "/data", "error"),
        ("/data/a", "data", "error"),
        (5, "/data", "error"),
    ],
)
def test_path_within(path: object, directory: str, expected: object) -> None:
    """By whole segments; what a file system might read otherwise is an error, so that `!` of it denies as well."""
    assert _ask("path.within(p, d)", p=path, d=directory) == expected
    if expected == "error":
        assert _ask("!path.within(p, d)", p=path, d=directory) == "error"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com", "example.com"),
        ("https://EXAMPLE.com/a", "example.com"),
        ("https://example.com:8443/a?b#c", "example.com"),
        ("https://example.com?x=@evil.com", "example.com"),
        ("https://example.com#@evil.com", "example.com"),
        ("https://example.com/@evil.com", "example.com"),
        ("https://a_b.example.com/", "a_b.example.com"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("https://10.0.0.1/", "10.0.0.1"),
        ("https://[2001:DB8::1]/", "2001:db8::1"),
        ("https://[2001:db8:0:0:0:0:0:1]:80/", "2001:db8::1"),
        ("https://[::ffff:10.0.0.1]/", "10.0.0.1"),
        ("https://localhost", "localhost"),
        ("https://good.com@evil.com/", "error"),
        ("https://user:pass@good.com/", "error"),
        ("https://good.com:80@evil.com/", "error"),
        ("https://good.com\\@evil.com/", "error"),
        ("https://good.com\\.evil.com/", "error"),
        ("https:\\\\good.com/", "error"),
        ("https://good.com%2eevil.com/", "error"),
        ("https://good.com%00.evil.com/", "error"),
        ("https://good.com\t.evil.com/", "error"),
        ("https://good.com\n", "error"),
        (" https://good.com", "error"),
        ("https://good.com /", "error"),
        ("https://gооd.com/", "error"),
        ("https://good。com/", "error"),
        ("https:good.com", "error"),
        ("https:/good.com", "error"),
        ("https:///good.com", "error"),
        ("//good.com", "error"),
        ("good.com", "error"),
        ("https://", "error"),
        ("https://:80/", "error"),
        ("https://good.com:/", "error"),
        ("https://good.com:99999/", "error"),
        ("https://good.com:0x50/", "error"),
        ("https://good.com:80:80/", "error"),
        ("https://good.com./", "error"),
        ("https://.good.com/", "error"),
        ("https://good..com/", "error"),
        ("https://-good.com/", "error"),
        ("https://2130706433/", "error"),
        ("https://0x7f000001/", "error"),
        ("https://0x7f.0.0.1/", "error"),
        ("https://0177.0.0.1/", "error"),
        ("https://127.1/", "error"),
        ("https://127.0.0.01/", "error"),
        ("https://127.0.0.256/", "error"),
        ("https://good.0x1/", "error"),
        ("https://1.2.3.4.5/", "error"),
        ("https://[::1%25eth0]/", "error"),
        ("https://[::1/", "error"),
        ("https://[good.com]/", "error"),
        ("https://::1/", "error"),
        (f"https://{'a' * 64}.com/", "error"),
        (f"https://{'a.' * 127}com/", "error"),
        ("javascript:alert(1)", "error"),
        (None, "error"),
    ],
)
def test_url_host(url: object, expected: object) -> None:
    """One host or an error: nothing that two URL readers could take for two hosts."""
    assert _ask("url.host(u)", u=url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://x", "https"),
        ("mailto:a@b", "mailto"),
        ("javascript:alert(1)", "javascript"),
        ("a+b-c.d:", "a+b-c.d"),
        ("java\nscript:alert(1)", "error"),
        (" https://x", "error"),
        ("https://x\x01", "error"),
        ("//x", "error"),
        ("1a:b", "error"),
        ("", "error"),
    ],
)
def test_url_scheme(url: str, expected: str) -> None:
    """In lower case; blanks and control characters, which some readers drop, are errors."""
    assert _ask("url.scheme(u)", u=url) == expected


@pytest.mark.parametrize(
    ("address", "network", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3/32", True),
        ("9.9.9.9", "0.0.0.0/0", True),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:DB8:0::1", "2001:db8::/32", True),
        ("::ffff:10.0.0.1", "10.0.0.0/8", True),
        ("::ffff:0a00:0001", "10.0.0.0/8", True),
        ("10.0.0.1", "::ffff:10.0.0.0/104", True),
        ("10.0.0.1", "::/0", False),
        ("::1", "127.0.0.0/8", False),
        ("::", "0.0.0.0/8", False),
        ("::1", "::/0", True),
        ("64:ff9b::10.0.0.1", "10.0.0.0/8", "error"),
        ("64:ff9b::a00:1", "64:ff9b::/96", "error"),
        ("64:ff9b:1:2::a00:1", "10.0.0.0/8", "error"),
        ("64:ff9b:2::1", "10.0.0.0/8", False),
        ("2002:a00:1::", "10.0.0.0/8", "error"),
        ("2001:0:1::1", "10.0.0.0/8", "error"),
        ("2001:1::1", "10.0.0.0/8", False),
        ("::10.0.0.1", "10.0.0.0/8", "error"),
        ("::2", "10.0.0.0/8", "error"),
        ("::ffff:0:10.0.0.1", "10.0.0.0/8", "error"),
        ("fe80::5efe:10.0.0.1", "10.0.0.0/8", "error"),
        ("2001:db8::200:5efe:10.0.0.1", "10.0.0.0/8", "error"),
        ("2001:db8::1", "2002::/16", False),
        ("010.0.0.1", "10.0.0.0/8", "error"),
        ("0x0a.0.0.1", "10.0.0.0/8", "error"),
        ("167772161", "10.0.0.0/8", "error"),
        ("10.1", "10.0.0.0/8", "error"),
        ("10.0.0.1/32", "10.0.0.0/8", "error"),
        ("fe80::1%eth0", "fe80::/10", "error"),
        ("[::1]", "::/0", "error"),
        (" 10.0.0.1", "10.0.0.0/8", "error"),
        ("10.0.0.1\n", "10.0.0.0/8", "error"),
        ("１０.0.0.1", "10.0.0.0/8", "error"),
        ("", "10.0.0.0/8", "error"),
        ("1" * 1000, "10.0.0.0/8", "error"),
        ("10.0.0.1", "10.0.0.1/8", "error"),
        ("10.0.0.1", "10.0.0.0", "error"),
        ("10.0.0.1", "10.0.0.0/255.0.0.0", "error"),
        ("10.0.0.1", "10.0.0.0/08", "error"),
        ("10.0.0.1", "10.0.0.0/33", "error"),
        (167772161, "10.0.0.0/8", "error"),
    ],
)
def test_net_within(address: object, network: str, expected: object) -> None:
    """Addresses in their usual writing; other writings of the same number are errors, not other addresses."""
    assert _ask("net.within(a, n)", a=address, n=network) == expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("a.csv", "*.csv", True),
        ("a/b.csv", "*.csv", False),
        ("a/b.csv", "**/*.csv", True),
        ("b.csv", "**/*.csv", True),
        (".env", "**/.env", True),
        ("/data/x", "/data/**/x", True),
        ("/secret/a.key", "/secret/*.{key,pem}", "error"),
        ("/secret/a", "/secret/[a-z]", "error"),
        ("/secret/a", "/secret/?", "error"),
        ("/secret/a.key", "/secret/**.key", "error"),
        ("what?", "what\\?", True),
        ("/reports/secret.key?/public.txt", "/reports/*/public.txt", "error"),
        ("https://evil.com?x.example.com/y", "https://*.example.com/**", "error"),
        ("/data/a", "/data/*", True),
        ("/data/a/b", "/data/*", False),
        ("/data/a/b", "/data/**", True),
        ("/data", "/data/**", True),
        ("/database", "/data/**", False),
        ("/data/../etc", "/data/**", "error"),
        ("/data/%2e%2e/etc", "/data/**", "error"),
        ("a*b", "a\\*b", True),
        ("axb", "a\\*b", False),
        ("EUR", "EUR", True),
        ("50%", "*%", True),
        ("a", "a\\b", "error"),
        ("a", "***", "error"),
        ("a" * 3000, "*a" * 15 + "b", False),
        (5, "*", "error"),
        ("a", "a" * 1025, "error"),
    ],
)
def test_glob_match(text: object, pattern: str, expected: object) -> None:
    """Segments are kept apart, stars can be escaped, and a pattern over paths takes plain paths only."""
    assert _ask("glob.match(s, p)", s=text, p=pattern) == expected
