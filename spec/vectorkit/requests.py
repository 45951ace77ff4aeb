"""requests.json: what a request is digested and described as, and which HTTP request it is (SPEC §7.1, §7.4)."""

# ruff: noqa: ANN401 - an argument may be anything
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from vectorkit.build import described, digest
from vectorkit.encode import cbor

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

    def body(self, name: str, comment: str, body: bytes, content_type: str | None, *expect: Any, **more: str) -> None:
        """Add a request with a body, and the arguments that bind it, or the reason that refuses it."""
        asked: dict[str, Any] = {"method": "POST", "origin": ORIGIN, "target": "/pay"}
        asked |= {"body": body.hex()} if body else {}
        asked |= {} if content_type is None else {"content_type": content_type}
        (said,) = expect
        if isinstance(said, str):
            self.made.append(
                {"name": f"body-{name}", "comment": comment, "spec": "7.4", **asked, **more, "expect": said}
            )
        else:
            self._add(f"body-{name}", "7.4", comment, asked | more, "http.post", f"{ORIGIN}/pay", said)

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
    _bounds(maker)
    _urls(maker)
    _bodies(maker)
    return maker


def _bodies(maker: Maker) -> None:
    """Add what binds a body."""
    json, pay = "application/json", b'{"amount": 5}'
    bound = {"body": {"amount": 5}}
    by_hash = {"content_sha256": {"base16": hashlib.sha256(pay).hexdigest()}}
    maker.body("json", "JSON is the argument `body`", pay, json, bound)
    maker.body("json-spaces", "written in another way", b' {\n"amount":5.0} ', json, bound)
    maker.body("json-parameters", "with parameters, in capitals", pay, 'Application/JSON ; charset="UTF-8"', bound)
    maker.body("json-suffix", "a type that ends in `+json`", pay, "application/vnd.api+json", bound)
    maker.body("json-text", "a text alone", b'"\xc3\xa9\\u00e9"', json, {"body": "éé"})
    maker.body("json-null", "null is a body", b"null", json, {"body": None})
    maker.body("json-base16", "text that looks like bytes", b'["base16","00ff"]', json, {"body": ["base16", "00ff"]})
    maker.body("empty", "no body", b"", None, {})
    maker.body("empty-json", "no body, of a media type", b"", json, {})
    maker.body("other", "another media type", pay, "text/plain", by_hash)
    maker.body("form", "a form", pay, "application/x-www-form-urlencoded", by_hash)
    maker.body("text-json", "`text/json` is not JSON's", pay, "text/json", by_hash)
    maker.body("json-lines", "nor is a type that begins like it", pay, "application/jsonl", by_hash)
    for name, media in (("json", "application/+json"), ("dot", "application/x.json"), ("bare", "application/xJSON")):
        maker.body(f"ends-in-{name}", "a type that ends in `json` in any way", pay, media, bound)
    maker.body("coded", "JSON in a content coding", pay, json, "malformed", content_encoding="gzip")
    maker.body("coded-wrongly", "which it says it is in", pay, "application/+json", "malformed", content_encoding="br")
    maker.body("coded-empty", "also where there is no body", b"", json, "malformed", content_encoding="gzip")
    maker.body("coded-other", "anything else, as it travels", pay, "text/plain", by_hash, content_encoding="gzip")
    maker.body("coding-identity", "in none, said so", pay, json, bound, content_encoding="identity")
    maker.body(
        "websocket",
        "a connection that changes to another protocol",
        b"",
        None,
        {"upgrade": "websocket"},
        upgrade="websocket",
    )
    maker.body("no-type", "a body without a media type", pay, None, "malformed")
    maker.body("two-types", "two media types", pay, "application/json, text/plain", "malformed")
    maker.body("odd-type", "no media type", pay, "json", "malformed")
    maker.body("charset", "JSON in another charset", pay, "application/json; charset=utf-16", "malformed")
    maker.body("utf-16", "JSON in UTF-16", pay.decode().encode("utf-16-le"), json, "malformed")
    maker.body("mark", "a byte order mark", b"\xef\xbb\xbf" + pay, json, "malformed")
    maker.body("not-utf-8", "JSON that is not UTF-8", b'"\xc3"', json, "malformed")
    maker.body("key-twice", "a key twice", b'{"amount":5,"amount":666}', json, "malformed")
    maker.body("key-twice-inside", "a key twice, further in", b'[{"a":{"b":1,"b":1}}]', json, "malformed")
    maker.body("key-twice-escaped", "a key twice, once escaped", b'{"a":1,"\\u0061":2}', json, "malformed")
    maker.body("not-a-number", "what is no number in JSON", b'{"amount":NaN}', json, "malformed")
    maker.body("infinite", "a number beyond doubles", b"1e999", json, "malformed")
    maker.body("large", "an integer beyond 64 bits", b"9223372036854775808", json, "malformed")
    maker.body("surrogate", "a lone surrogate", b'"\\ud800"', json, "malformed")
    maker.body("behind", "something behind the JSON", pay + b"{}", json, "malformed")
    maker.body("comma", "a comma at the end", b'{"amount":5,}', json, "malformed")
    maker.body("blank", "blanks alone", b" ", json, "malformed")
    maker.body("deep", "as deep as arguments may be", b"[" * 15 + b"]" * 15, json, {"body": _nested(15)})
    maker.body("too-deep", "one deeper", b"[" * 16 + b"]" * 16, json, "limit_exceeded")


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def _bounds(maker: Maker) -> None:
    """Each bound of a request, and one beyond it; it is refused before anything that was presented is looked at."""

    def refused(name: str, comment: str, reason: str, action: str, resource: str | None = None, **args: Any) -> None:
        asked = {"request": _request(action, resource, args)}
        maker.made.append({"name": f"request-{name}", "comment": comment, "spec": "7.1", **asked, "expect": reason})

    def lists(depth: int) -> Any:
        return [lists(depth - 1)] if depth else 1

    def maps(depth: int) -> Any:
        return {"a": maps(depth - 1)} if depth else 1

    maker.request("action-256", "an action of 256 characters", "é" * 256)
    refused("action-257", "an action of 257 characters", "limit_exceeded", "a" * 257)
    refused("action-empty", "no action", "malformed", "")
    for code in (
        0x20,
        0xA0,
        0x1680,
        0x2000,
        0x200A,
        0x202F,
        0x205F,
        0x3000,
        0x0A,
        0x7F,
        0x85,
        0xAD,
        0x200B,
        0x2028,
        0xFEFF,
    ):
        refused(f"action-{code:04x}", f"U+{code:04X} in an action", "malformed", f"a{chr(code)}b")
    for code in (0x21, 0xA1, 0x167F, 0x1681, 0x1FFF, 0x2010, 0x2030, 0x205E, 0x2FFF, 0x3001, 0x1F600):
        maker.request(f"action-{code:04x}", f"U+{code:04X} in an action", f"a{chr(code)}b")
    maker.request("resource-8192", "a resource of 8,192 characters", "x", "é" * 8192)
    refused("resource-8193", "a resource of 8,193 characters", "limit_exceeded", "x", "a" * 8193)
    maker.request("resource-odd", "a resource may hold what it likes", "x", "\0\n\u202e ")
    maker.request("depth-16", "lists nested 16 deep, the arguments counting 1", "x", None, a=lists(15))
    refused("depth-17", "17 deep", "limit_exceeded", "x", None, a=lists(16))
    maker.request("depth-16-maps", "maps nested 16 deep", "x", None, a=maps(15))
    refused("depth-17-maps", "17 deep", "limit_exceeded", "x", None, a=maps(16))
    maker.request("integers", "the least and the greatest integer", "x", None, a=-(2**63), b=2**63 - 1)
    refused("integer-more", "one more", "malformed", "x", None, a=2**63)
    refused("integer-less", "one less", "malformed", "x", None, a=-(2**63) - 1)
    maker.request(
        "exact",
        "2^53 and its negative are integers, beyond them doubles stay",
        "x",
        None,
        a=2.0**53,
        b=-(2.0**53),
        c=2.0**53 + 2,
        d=-(2.0**53) - 2,
    )
    maker.request(
        "doubles",
        "doubles that stay",
        "x",
        None,
        a=0.1,
        b=5e-324,
        c=1.7976931348623157e308,
        d=-1.5,
        e=1e16,
        f=123456.789,
    )
    maker.request(
        "keys",
        "keys by the length of their bytes, then by these",
        "x",
        None,
        **{"é": 1, "zz": 2, "a": 3, "": 4, "aa": 5, "\uffff": 6, "😀": 7},
    )
    whole = len(cbor(["x", None, {"a": ""}]))
    maker.request("bytes-65536", "65,536 bytes", "x", None, a="y" * (65_536 - whole - 4 + 2))
    refused("bytes-65537", "65,537 bytes", "limit_exceeded", "x", None, a="y" * (65_537 - whole - 4 + 2))


def _urls(maker: Maker) -> None:
    """Which schemes, hosts and queries there are (§7.4)."""
    for name, comment, url, resource, query in (
        ("query-none", "a bare question mark", "/?", "/", {}),
        ("query-and", "nothing but `&`: no argument", "/?&", "/", {}),
        ("query-and-more", "`&` between, before and behind", "/?&&a=1&&b=2&", "/", {"a": ["1"], "b": ["2"]}),
        ("query-equals", "no name and no value", "/?=", "/", {"": [""]}),
        ("query-no-name", "no name", "/?=1", "/", {"": ["1"]}),
        ("query-no-value", "no value", "/?a", "/", {"a": [""]}),
        ("query-two-equals", "two signs", "/?a=b=c", "/", {"a": ["b=c"]}),
        ("query-semicolon", "a semicolon is a character", "/?a=1;b=2", "/", {"a": ["1;b=2"]}),
        ("query-question", "a second question mark", "/??/", "/", {"?/": [""]}),
        ("query-plus", "`+` is a space in a query, and not in a path", "/a+b?c+d=e+f", "/a+b", {"c d": ["e f"]}),
        ("query-path-none", "a query, and no path", "?a=1", "/", {"a": ["1"]}),
        ("query-letters", "letters beyond ASCII", "/?é=ü", "/", {"é": ["ü"]}),
        ("segments", "an empty segment within, dots that are none", "/a//b/.../.a", "/a//b/.../.a", {}),
        ("blank", "a blank in percent signs", "/a%20b", "/a%20b", {}),
    ):
        maker.url(name, comment, ORIGIN + url, ORIGIN + resource, **query)
    for name, comment, url, resource in (
        ("scheme", "any scheme", "a+b-c.1://x/y", "a+b-c.1://x/y"),
        ("scheme-port", "80 and 443 are own ports of http and https alone", "ws://x:80/", "ws://x:80/"),
        ("scheme-port-ftp", "so are those of others none", "ftp://x:21/a", "ftp://x:21/a"),
        ("port-http", "the own port of http", "http://x:80/", "http://x/"),
        ("port-other", "443 behind http", "http://x:443/", "http://x:443/"),
        ("port-zero", "port 0", "https://x:0/", "https://x:0/"),
        ("port-most", "the greatest port", "https://x:65535/", "https://x:65535/"),
        ("ipv4", "four decimal numbers", "https://1.2.3.4/", "https://1.2.3.4/"),
        ("underscore", "an underscore in a host", "https://a_b/", "https://a_b/"),
    ):
        maker.url(name, comment, url, resource)
    for name, url in (
        ("scheme-none", "//x/a"), ("scheme-digit", "1a://x/"), ("scheme-opaque", "mailto:a@b"), ("scheme-one-slash", "https:/x"), ("relative", "/a"), ("host-none", "file:///x"),
        ("port-empty", "https://x:/"), ("port-more", "https://x:65536/"), ("port-zeros", "https://x:080/"), ("port-sign", "https://x:+80/"), ("host-dot", "https://x./"), ("host-hyphen", "https://-x/"),
        ("host-kelvin", "https://\u212a/"), ("host-percent", "https://%41/"), ("ipv4-three", "https://1.2.3/"), ("ipv6-zeros", "https://[0:0::1]/"), ("ipv6-mapped", "https://[::ffff:1.2.3.4]/"), ("ipv6-zone", "https://[fe80::1%25a]/"), ("ipv4-brackets", "https://[1.2.3.4]/"),
        ("query-not-utf8", "https://x/?a=%ff"), ("query-percent", "https://x/?a=%"), ("query-hash", "https://x/?a#"), ("path-byte", "https://x/%E9"), ("path-80", "https://x/%80"), ("path-nul", "https://x/%00"), ("path-1f", "https://x/%1f"), ("path-delete", "https://x/%7F"), ("path-tilde", "https://x/%7e"), ("path-dot", "https://x/%2e"), ("path-hyphen", "https://x/%2D"), ("path-digit", "https://x/%39"), ("path-underscore", "https://x/%5f"), ("path-z", "https://x/%7A"), ("path-capital", "https://x/%5A"),
        ("path-dots-first", "https://x/.."), ("path-dot-semicolon", "https://x/a/.;b"), ("separator", "https://x/\u2028"), ("soft-hyphen", "https://x/\xad"), ("ideographic", "https://x/\u3000"), ("empty", ""),
    ):  # fmt: skip
        maker.refused(f"url-no-{name}", f"no URL: {url!a}", url=url)
    for name, method in (
        ("empty", ""),
        ("blank", "GE T"),
        ("letter", "GÉT"),
        ("colon", "GET:"),
        ("brackets", "(GET)"),
        ("slash", "a/b"),
        ("line-end", "GET\n"),
    ):
        maker.refused(f"method-{name}", f"no method: {method!r}", method=method, url=ORIGIN)
    maker.made.append(
        {
            "name": "method-signs", "comment": "a method of signs, in small letters", "spec": "7.4", "method": "!#$%&'*+-.^_`|~09Az", "url": ORIGIN, "expect": "accept",
            "digest": digest(_request("http.!#$%&'*+-.^_`|~09az", ORIGIN + "/", {})).hex(),
            "description": described(_request("http.!#$%&'*+-.^_`|~09az", ORIGIN + "/", {})),
        }
    )  # fmt: skip
    for name, target in (
        ("star", "*"),
        ("absolute", "https://files.example.com/a"),
        ("authority", "files.example.com:443"),
        ("letter", "/é"),
        ("empty", ""),
        ("relative", "a"),
    ):
        maker.refused(f"target-no-{name}", f"no path: {target!r}", origin=ORIGIN, target=target)
