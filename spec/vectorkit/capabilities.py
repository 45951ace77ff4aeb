"""capabilities.json: whether every block permits the action and the resource (SPEC §5.6, §6.1)."""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vectorkit.build import ALICE, WORKER, Maker, chain, listed, root, step
from vectorkit.encode import cbor

# 10 is `in` between a path and a list of literals; 7 is `<=`, 20 `exists`, 19 `all`, 0 a path.
CLOSED = [19, [0, "args"], "k", [10, "k", ["amount", "currency"]]]


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("capability")
    add = _resources(maker)
    _patterns(add)
    _plain_form(add)
    _actions(maker)
    _narrowing(maker)
    _conditions(maker)
    _encoding(maker)
    return maker


def _ask(action: str, resource: str | None = None, **args: Any) -> dict[str, Any]:
    return {"action": action, "resource": resource, "args": args}


Adder = Callable[..., None]


def _resources(maker: Maker) -> Adder:
    """Give what adds a capability for a resource, and a request for one."""

    def add(name: str, comment: str, pattern: Any, resource: str | None, *, missing: bool = True) -> None:
        held = chain(step(can=listed(["files.read"] if pattern is None else ["files.read", pattern])))
        expect, hop = ("capability_missing", 0) if missing else ("allow", None)
        maker.add(f"resource-{name}", "6.1", comment, held, expect, hop, request=_ask("files.read", resource))

    return add


def _patterns(add: Adder) -> None:
    add("star", "`*` within a segment", "/data/*.csv", "/data/q3.csv", missing=False)
    add("star-star", "`**` across segments", "/data/**", "/data/a/b/c", missing=False)
    add("folder-itself", "`/data/**` covers `/data`", "/data/**", "/data", missing=False)
    add("folders-none", "`**` between segments is none", "/data/**/x", "/data/x", missing=False)
    add("folders-several", "`**` between segments is several", "/data/**/x", "/data/a/b/x", missing=False)
    add("folders-first", "`**` at the start is none", "**/.env", ".env", missing=False)
    add(
        "folders-first-root", "`**` at the start is the empty segment before a slash", "**/.env", "/.env", missing=False
    )
    add("folders-twice", "two `**` are as good as one", "/data/**/**/x", "/data/x", missing=False)
    add("folders-and-star", "a name at any depth", "/data/**/*.csv", "/data/a/b/q3.csv", missing=False)
    add("folders-part", "`**` is whole segments", "/data/**/x", "/data/ax")
    add("folders-first-part", "`**` is whole segments, at the start too", "**/.env", "/a/x.env")
    add("escaped-brackets", "what other tools read as a set", r"/\[ab\]", "/[ab]", missing=False)
    add("escaped-brackets-other", "escaped brackets are no set", r"/\[ab\]", "/a")
    add("escaped-braces", "what other tools read as alternatives", r"/\{a,b\}", "/{a,b}", missing=False)
    add("ipv6-host", "the brackets of a host", r"https://\[2001:db8::1\]/**", "https://[2001:db8::1]/x", missing=False)
    add("any", "`**` is any resource", "**", "https://example.com/x", missing=False)
    add("escaped-star", "an escaped star is a star", r"/data/\*", "/data/*", missing=False)
    add("literal", "a literal need not be in plain form", ["/data/../x//y"], "/data/../x//y", missing=False)
    add("none", "a capability without resource, a request without", None, None, missing=False)
    add("star-across", "`*` does not cross a segment", "/data/*", "/data/a/b")
    add("prefix", "`/crypto` is no prefix of `/cryptocurrency`", "/crypto", "/cryptocurrency")
    add("prefix-folder", "`/crypto/**` is no prefix of `/cryptocurrency`", "/crypto/**", "/cryptocurrency")
    add("case", "case matters", "/data/**", "/Data/x")
    add("literal-star", "a star in a literal is a star", ["/data/*"], "/data/x")
    add("literal-other", "another literal", ["/data/x"], "/data/y")
    add("escaped-star-other", "an escaped star is no wildcard", r"/data/\*", "/data/x")
    add("normal-form", "another Unicode normal form", "/caf\u00e9/**", "/cafe\u0301/x")
    add("other-host", "a host that begins alike", "https://example.com/**", "https://example.com.evil.org/x")
    add("wanted", "a capability with a resource, a request without", "**", None)
    add("unwanted", "a capability without resource, a request with", None, "/data/x")
    add("empty", "an empty resource is a resource", None, "")


def _plain_form(add: Adder) -> None:
    add("dot-dot", "`..` leaves the folder", "/data/**", "/data/../etc/passwd")
    add("dot-dot-star", "`..` under `*`", "/data/*", "/data/..")
    add("dot", "a `.` segment", "/data/**", "/data/./x")
    add("dot-dot-encoded", "`..` in percent signs", "/data/**", "/data/%2e%2e/etc")
    add("slash-encoded", "a slash in percent signs", "/data/*", "/data/..%2fetc")
    add("percent-encoded", "a percent sign in percent signs", "/data/**", "/data/%252e%252e/etc")
    add("dot-dot-parameter", "`..` before a semicolon in percent signs", "/data/**", "/data/..%3bx/etc")
    add("long-form", "a slash in two bytes, as UTF-8 never has it", "/data/**", "/data/..%c0%af..%c0%afetc")
    add("letter-encoded", "a letter in percent signs, which needs none", "/data/**", "/data/%64raft")
    add("digit-encoded", "a digit in percent signs", "/data/**", "/data/q%33.csv")
    add("tilde-encoded", "a tilde in percent signs", "/data/**", "/data/%7Ealice")
    add("literal-encoded", "a literal may hold that", ["/data/%64raft"], "/data/%64raft", missing=False)
    add("space-encoded", "a space in percent signs", "/data/**", "/data/a%20b", missing=False)
    add("query", "a query that looks like a host's end", "https://*.example.com/**", "https://evil.com?x.example.com/y")
    add("fragment", "a fragment that looks like it", "https://*.example.com/**", "https://evil.com#x.example.com/y")
    add("query-in-path", "a query in the middle of a path", "/data/*/public.txt", "/data/secret.key?/public.txt")
    add("fragment-in-path", "a fragment there", "/data/*/public.txt", "/data/secret.key#/public.txt")
    add("query-encoded", "a question mark in percent signs", "/data/*/public.txt", "/data/secret.key%3F/public.txt")
    add("parameter", "parameters, which some servers cut out", "/data/**", "/data/x;v=1/y")
    add("literal-query", "a literal may hold a query", ["https://h/x?y"], "https://h/x?y", missing=False)
    add("user", "a user before the host", "https://*.example.com/**", "https://a.example.com@evil.com/x.example.com/")
    add("host-capital", "a host in capitals", "https://**", "https://EXAMPLE.com/x")
    add("host-dot", "a host with a dot at its end", "https://**", "https://example.com./x")
    add("host-port", "the port that is there anyway", "https://**", "https://example.com:443/x")
    add("tab-encoded", "a tab in percent signs", "/data/**", "/data/..%09/admin")
    add("line-end-encoded", "a line end in percent signs", "/data/**", "/data/x%0A")
    add("c1-encoded", "a control character of two bytes in percent signs", "/data/**", "/data/x%C2%85")
    add("dots-and-blanks", "a segment that Windows reads as `..`", "/data/**", "/data/.. /x")
    add("three-dots", "a segment of three dots", "/data/**", "/data/.../x")
    add("two-dot-leader", "a character that NFKC makes two dots", "/data/**", "/data/\u2025/x")
    add("wide-slash", "a character that NFKC makes a slash", "/data/*", "/data/a\uff0fb")
    add("wide-slash-encoded", "the same in percent signs", "/data/*", "/data/a%EF%BC%8Fb")
    add("drive", "a drive letter below the start", "/data/**", "/data/C:/Windows/win.ini")
    add("small-hex", "small hex digits", "/data/**", "/data/%c3%a9")
    add("broken-utf8", "a byte of UTF-8 alone", "/data/**", "/data/%C3")
    add("sign-encoded", "a sign that a path can hold, in percent signs", "/data/**", "/data/a%21")
    add("accent-encoded", "a letter beyond ASCII in percent signs", "/data/**", "/data/%C3%A9", missing=False)
    add("nul-encoded", "a NUL in percent signs", "/data/**", "/data/x%00.csv")
    add("percent-malformed", "a percent sign that encodes nothing", "/data/**", "/data/%zz")
    add("backslash", "a backslash for a slash", "/data/**", "/data/..\\etc")
    add("double-slash", "an empty segment", "/data/**", "/data//etc")
    add("control", "a line end in the resource", "/data/**", "/data/x\ny")


def _actions(maker: Maker) -> None:
    def add(name: str, comment: str, pattern: str, action: str, *, missing: bool = True) -> None:
        expect, hop = ("capability_missing", 0) if missing else ("allow", None)
        maker.add(
            f"action-{name}", "6.1", comment, chain(step(can=listed([pattern]))), expect, hop, request=_ask(action)
        )

    add("star", "`files.*` is `files.read`", "files.*", "files.read", missing=False)
    add("star-star", "`files.**` is `files.read.admin`", "files.**", "files.read.admin", missing=False)
    add("star-across", "`files.*` is not `files.read.admin`", "files.*", "files.read.admin")
    add("other", "another action", "files.read", "files.write")
    add("prefix", "an action that begins alike", "files.read", "files.readall")
    add("folders-none", "`**` at the start is none", "**.read", "read", missing=False)
    add("folders-part", "`**` is whole segments", "**.read", "spread")
    add("case", "case matters", "files.read", "Files.read")
    add("slash", "a slash is no separator of actions", "files.read", "files/read")


def _narrowing(maker: Maker) -> None:
    asked = _ask("files.write", "/reports/q3.csv")
    any_files = listed(["files.**", "**"])
    maker.add(
        "child-wider-action",
        "5.6",
        "block 1 permits more actions than block 0",
        chain(step(), step(WORKER, can=any_files)),
        "capability_missing",
        0,
        request=asked,
    )
    maker.add(
        "child-wider-resource",
        "5.6",
        "block 1 permits any resource",
        chain(step(), step(WORKER, can=listed(["files.read", "**"]))),
        "capability_missing",
        0,
        request=_ask("files.read", "/private/x"),
    )
    maker.add(
        "child-wider-unused",
        "5.6",
        "block 1 permits more than block 0, and the request is among what both permit",
        chain(step(), step(WORKER, can=any_files)),
    )
    maker.add("child-narrower", "5.6", "block 1 permits less", chain(step(can=any_files), step(WORKER)), request=asked)
    maker.add(
        "child-narrower-missing",
        "5.6",
        "what block 0 permits and block 1 does not",
        chain(step(can=any_files), step(WORKER, can=listed(["files.read", "**"]))),
        "capability_missing",
        1,
        request=asked,
    )
    maker.add(
        "child-disjoint",
        "5.6",
        "two blocks that permit nothing in common",
        chain(step(), step(WORKER, can=listed(["mail.send"]))),
        "capability_missing",
        1,
    )
    maker.add(
        "child-dots",
        "5.6",
        "a pattern that only looks narrower: `/reports/*/../../etc`",
        chain(step(), step(WORKER, can=listed(["files.read", "/reports/*/../../etc"]))),
        "capability_missing",
        0,
        request=_ask("files.read", "/reports/x/../../etc"),
    )
    maker.add(
        "grandchild-wider",
        "5.6",
        "block 2 permits again what block 1 took away",
        chain(step(can=any_files), step(WORKER, can=listed(["files.read", "**"])), step(WORKER, can=any_files)),
        "capability_missing",
        1,
        request=asked,
    )
    bounded = [root(ALICE, can=["files.read /public/**"])]
    maker.add(
        "root-bound",
        "5.6",
        "more than the verifier lets this root grant",
        chain(step()),
        "capability_missing",
        0,
        roots=bounded,
    )
    maker.add(
        "root-bound-within",
        "5.6",
        "what the verifier lets this root grant",
        chain(step()),
        roots=[root(ALICE, can=["files.read /reports/**"])],
    )


def _conditions(maker: Maker) -> None:
    def add(name: str, comment: str, items: list[Any], args: dict[str, Any], *, missing: bool = True) -> None:
        expect, hop = ("capability_missing", 0) if missing else ("allow", None)
        maker.add(
            f"condition-{name}",
            "6.1",
            comment,
            chain(step(can=listed(*items))),
            expect,
            hop,
            request=_ask("pay", **args),
        )

    small = ["pay", None, [7, "args", "amount", 500]]
    closed = ["pay", None, CLOSED]
    add("true", "a condition that holds", [small], {"amount": 500}, missing=False)
    add("false", "a condition that does not hold", [small], {"amount": 501})
    add("error", "a condition over a missing argument", [small], {})
    add(
        "not-error", "a negated condition over a missing argument", [["pay", None, [3, [7, "args", "amount", 500]]]], {}
    )
    add("type", "a condition over an argument of another type", [small], {"amount": "1"})
    add("not-bool", "a condition that is a number", [["pay", None, 1]], {})
    add("null", "a condition that is null", [["pay", None, None]], {})
    add(
        "second",
        "the second of two capabilities holds",
        [small, ["pay", None, [4, "args", "to", "bob"]]],
        {"amount": 900, "to": "bob"},
        missing=False,
    )
    add(
        "error-first",
        "the first errs, the second holds",
        [["pay", None, [4, "args", "x", 1]], small],
        {"amount": 1},
        missing=False,
    )
    add("closed", "arguments among those that are listed", [closed], {"amount": 1, "currency": "EUR"}, missing=False)
    add("closed-more", "an argument that is not listed", [closed], {"amount": 1, "to": "eve"})


def _encoding(maker: Maker) -> None:
    def refuse(name: str, comment: str, item: Any, reason: str = "malformed") -> None:
        maker.add(f"encoding-{name}", "6.1", comment, chain(step(can=cbor([item]))), reason, 0)

    refuse("empty", "a capability of nothing", [])
    refuse("text", "a capability that is text", "files.read")
    refuse("four", "a capability with a fourth item", ["files.read", "/reports/**", True, True])
    refuse("action-empty", "no action", ["", "/reports/**"])
    refuse("action-null", "null for the action", [None, "/reports/**"])
    refuse("action-list", "a literal action", [["files.read"], "/reports/**"])
    refuse("resource-empty", "an empty pattern", ["files.read", ""])
    refuse("resource-null", "null for the resource without a condition: `[action]` says the same", ["files.read", None])
    refuse("resource-number", "a number for the resource", ["files.read", 1])
    refuse("literal-two", "a literal of two texts", ["files.read", ["/a", "/b"]])
    refuse("literal-empty", "a literal of none", ["files.read", []])
    refuse("literal-number", "a literal number", ["files.read", [1]])
    refuse("three-stars", "three stars in a row", ["files.read", "/reports/***"])
    refuse("question-mark", "a question mark, which is no wildcard", ["files.read", "/reports/?"])
    refuse("brackets", "brackets, which are no set", ["files.read", "/reports/[a-z]"])
    refuse("bracket-alone", "a closing bracket alone", ["files.read", "/reports/]"])
    refuse("braces", "braces, which are no alternatives", ["files.read", "/reports/*.{key,pem}"])
    refuse("braces-action", "the same in an action", ["files.{read,write}"])
    refuse("across-part", "`**` beside another character", ["files.read", "/reports/**.csv"])
    refuse("across-part-behind", "`**` behind another character", ["files.read", "/reports**"])
    refuse("across-part-action", "the same in an action", ["files**"])
    refuse("bad-escape", "a backslash before a letter", ["files.read", "/reports/\\d"])
    refuse("last-backslash", "a backslash at the end", ["files.read", "/reports/\\"])
    refuse("long-pattern", "a pattern of 1025 characters", ["files.read", "/reports/" + "x" * 1016], "limit_exceeded")
    refuse("long-literal", "a literal of 8193 characters", ["files.read", ["x" * 8193]], "limit_exceeded")
    refuse("condition-opcode", "a condition with an unknown opcode", ["files.read", "/reports/**", [200]])
