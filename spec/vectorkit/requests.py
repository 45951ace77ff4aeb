"""requests.json: what a request is digested and described as, and which HTTP request it is (SPEC §7.1, §7.4)."""

# ruff: noqa: ANN401 - an argument may be anything
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vectorkit.build import described, digest

ORIGIN = "https://files.example.com"


@dataclass(frozen=True)
class Maker:
    """Makes the vectors of this file."""

    made: list[dict[str, Any]] = field(default_factory=list)

    def request(self, name: str, comment: str, action: str, resource: str | None = None, **args: Any) -> None:
        """Add a request as it is given."""
        self._add(
            f"request-{name}", "7.1", comment, {"request": _request(action, resource, args)}, action, resource, args
        )

    def url(self, name: str, comment: str, url: str, resource: str, **query: list[str]) -> None:
        """Add a URL, and what it comes to."""
        args = {"query": query} if query else {}
        self._add(f"url-{name}", "7.4", comment, {"method": "GET", "url": url}, "http.get", resource, args)

    def target(self, name: str, comment: str, target: str, path: str, **query: list[str]) -> None:
        """Add a target of a request line, and what it comes to behind the service's origin."""
        args = {"query": query} if query else {}
        asked = {"method": "GET", "origin": ORIGIN, "target": target}
        self._add(f"target-{name}", "7.4", comment, asked, "http.get", ORIGIN + path, args)

    def refused(self, name: str, comment: str, **asked: str) -> None:
        """Add what is malformed."""
        self.made.append(
            {"name": name, "comment": comment, "spec": "7.4", "method": "GET", **asked, "expect": "malformed"}
        )

    def _add(
        self, name: str, spec: str, comment: str, asked: dict[str, Any], action: str, resource: str | None, args: Any
    ) -> None:
        request = _request(action, resource, args)
        self.made.append(
            {
                "name": name,
                "comment": comment,
                "spec": spec,
                **asked,
                "expect": "accept",
                "digest": digest(request).hex(),
                "description": described(request),
            }
        )


def _request(action: str, resource: str | None, args: Any) -> dict[str, Any]:
    return {"action": action, "resource": resource, "args": args}


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker()
    maker.request("plain", "an action alone", "pay")
    maker.request("resource", "an action and a resource", "files.read", "/reports/q3.csv")
    maker.request("resource-empty", "an empty resource is none of none", "files.read", "")
    maker.request("numbers", "whole doubles are integers, others stay", "x", None, a=1.0, b=1.5, c=-0.0, d=1e22, e=-7)
    maker.request("beyond-exact", "a whole double beyond 2^53", "x", None, a=9007199254740994.0, b=9007199254740994)
    maker.request("order", "keys shorter first, then by bytes", "x", None, bb=1, a=2, c=3)
    maker.request("bytes", "bytes", "x", None, blob={"base16": "00ff"})
    maker.request("constants", "null and bools, lists and maps", "x", None, a=[None, True, False, [], {}])
    maker.request("text", "text that is escaped", "x", None, a='"\\/\b\f\n\r\t\x00\x1f\x7f\x9b\u2028\u202e\ud7ff\uffff')
    maker.request("accents", "letters beyond ASCII, composed and not, and beyond the basic plane", "x", "é/e\u0301/😀")
    maker.url("plain", "the URL of a file", f"{ORIGIN}/reports/q3.csv", f"{ORIGIN}/reports/q3.csv")
    maker.url("root", "no path", ORIGIN, f"{ORIGIN}/")
    maker.url("capitals", "scheme and host in capitals", "HTTPS://Files.Example.COM/A", f"{ORIGIN}/A")
    maker.url("own-port", "the scheme's own port", f"{ORIGIN}:443/a", f"{ORIGIN}/a")
    maker.url("other-port", "another port", f"{ORIGIN}:8443/a", f"{ORIGIN}:8443/a")
    maker.url("ipv6", "an IPv6 address", "https://[2001:DB8::1]/a", "https://[2001:db8::1]/a")
    accent = f"{ORIGIN}/gesch%C3%A4ft/"
    maker.url("accent", "a letter beyond ASCII", f"{ORIGIN}/geschäft/", accent)
    maker.url("accent-encoded", "the same in percent signs", f"{ORIGIN}/gesch%C3%A4ft/", accent)
    maker.url("accent-small", "the same with small hex digits", f"{ORIGIN}/gesch%c3%a4ft/", accent)
    maker.url(
        "odd-characters",
        "what a path cannot hold",
        f'{ORIGIN}/{{|[^"<>`]}}',
        f"{ORIGIN}/%7B%7C%5B%5E%22%3C%3E%60%5D%7D",
    )
    signs = "!$&'()*+,=:@"
    maker.url("signs", "what it can hold", f"{ORIGIN}/{signs}", f"{ORIGIN}/{signs}")
    maker.url(
        "signs-encoded",
        "the same in percent signs",
        ORIGIN + "/" + "".join(f"%{ord(sign):02X}" for sign in signs),
        f"{ORIGIN}/{signs}",
    )
    maker.url("percent", "a percent sign in percent signs", f"{ORIGIN}/100%25", f"{ORIGIN}/100%25")
    maker.url("query", "a query", f"{ORIGIN}/a?b=2&a=1&b=3&c=", f"{ORIGIN}/a", b=["2", "3"], a=["1"], c=[""])
    maker.url("query-encoded", "a query in percent signs", f"{ORIGIN}/a?q=%C3%A9+%2B%26", f"{ORIGIN}/a", q=["é +&"])
    maker.target("plain", "path and query", "/reports/q3.csv?page=2", "/reports/q3.csv", page=["2"])
    maker.target("accent", "percent signs", "/gesch%c3%a4ft/", "/gesch%C3%A4ft/")
    maker.target("at", "a path that looks like a host", "/@evil.example/", "/@evil.example/")
    for name, comment, rest in (
        ("percent-alone", "a percent sign alone", "/100%"),
        ("percent-query", "a percent sign alone, in the query", "/a?q=100%"),
        ("letter-encoded", "a letter in percent signs", "/%64raft"),
        ("slash-encoded", "a slash in percent signs", "/a%2Fb"),
        ("semicolon-encoded", "a semicolon in percent signs", "/a%3Bb"),
        ("line-end-encoded", "a line end in percent signs", "/a%0A"),
        ("broken", "a byte of UTF-8 alone", "/a%C3"),
        ("long-form", "a long form", "/a%C0%AF"),
        ("dot-dot", "a segment `..`", "/a/../b"),
        ("dot", "a segment `.` at the end", "/a/."),
        ("dot-dot-parameter", "a segment `..` with a parameter", "/a/..;x/b"),
        ("two-slashes", "a host behind the path", "//evil.example/a"),
        ("backslash", "a backslash", "/a\\b"),
        ("space", "a space", "/a b"),
        ("fragment", "a fragment", "/a#b"),
    ):
        maker.refused(f"url-{name}", comment, url=ORIGIN + rest)
        maker.refused(f"target-{name}", f"{comment}, in a target", origin=ORIGIN, target=rest)
    for name, comment, host in (
        ("user", "a user", "alice@files.example.com"),
        ("ipv4-short", "an IPv4 address of two numbers", "127.1"),
        ("ipv4-hex", "one in hexadecimal", "0x7f.1"),
        ("ipv4-number", "one as one number", "2130706433"),
        ("ipv4-zeros", "one with leading zeros", "127.000.000.001"),
        ("ipv6-long", "an IPv6 address that has a shorter text", "[2001:db8:0::1]"),
        ("ipv6-mapped", "an IPv4 address as IPv6", "[::ffff:127.0.0.1]"),
        ("host-dot", "a dot at the end of the host", "files.example.com."),
        ("host-accent", "a host beyond ASCII", "exämple.com"),
        ("port-empty", "a colon without port", "files.example.com:"),
    ):
        maker.refused(f"url-{name}", comment, url=f"https://{host}/a")
    for name, comment, target in (
        ("whole-url", "a whole URL", f"{ORIGIN}/a"),
        ("other-url", "a whole URL of another service", "https://evil.example/a"),
        ("star", "the target of OPTIONS", "*"),
        ("authority", "the target of CONNECT", "files.example.com:443"),
        ("empty", "no target", ""),
        ("no-slash", "a path without a slash", "@evil.example/a"),
        ("line-end", "a line end", "/a\r\nHost: evil.example"),
        ("beyond-ascii", "a letter beyond ASCII", "/é"),
    ):
        maker.refused(f"target-{name}", comment, origin=ORIGIN, target=target)
    return maker
