"""The grammars of the specification and the parsers take the same texts (SPEC §2.5).

In both directions: what a grammar makes, the parser takes, unless for what the grammar's comment says; and of what is
changed a little, both take the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st

from delegate import Principal, Request
from delegate.authoring import key_sources
from delegate.authoring.key_files import _split
from delegate.authoring.signers import Ed25519Signer
from delegate.core.chain import spans
from delegate.core.chain.claims import check_audience_name, is_unit
from delegate.core.chain.printable import has_space, is_plain
from delegate.core.evaluator import functions, namespaced, timestamps
from delegate.core.evaluator.opcodes import KEYWORDS, RESERVED
from delegate.core.evaluator.scope import EvaluationError, Scope
from delegate.core.keys.names import is_name
from delegate.core.wire import armor
from delegate.errors import CaveatSyntaxError, DelegateError, StateError, TokenError, VerificationError
from delegate.language.capability import Capability, check_pattern
from delegate.language.lexer import lexemes
from delegate.language.parser import parse_expression
from tests import abnf, specification

# A few in the suite, many where the profile asks for them (`make fuzz`). A text that fails is short already; making it
# shorter would take minutes.
COUNT = max(20, settings().max_examples // 5)
FEW = settings(
    max_examples=COUNT,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
MORE = settings(FEW, max_examples=3 * COUNT)


def _scope() -> Scope:
    return Scope({})


def _unfit_path(path: str) -> bool:
    return path.startswith("//") or bool(re.search(r"/\.{1,2}(?:[/;]|$)", path))


def _is_utf8(query: str) -> bool:
    from urllib.parse import unquote_to_bytes

    try:
        return all(unquote_to_bytes(part).decode() or True for part in re.split("[&=]", query))
    except UnicodeDecodeError:
        return False


def _last_label_is_a_number(host: str) -> bool:
    return bool(re.fullmatch("[0-9]+|0[xX][0-9a-fA-F]*", host.rpartition(".")[2])) and not CHARACTERS.matches(
        "ipv4", host
    )


def _has_one_host(url: str) -> bool:
    """Is the host, small letters apart, as `url.host` gives it?"""
    host = re.match(r"[^:]*://(\[[^\]]*\]|[^/?:]*)", url)
    return host is None or namespaced.is_host(host[1].strip("[]").lower())


CHARACTERS = abnf.Grammar(
    exceptions={
        "name": lambda text: text.startswith("bearer:"),
        "ident": lambda text: text in KEYWORDS,
        "target-word": lambda text: text in {"if", "exactly"},
        "host": lambda text: len(text) > 253 or _last_label_is_a_number(text),
        "request-port": lambda text: int(text) > 65535,
        "request-path": _unfit_path,
        "request-query": lambda text: not _is_utf8(text),
    },
    prose={
        "plain (§4.2), no space (§7.1), and none of / ? # % and the backslash": lambda character: (
            is_plain(character) and not has_space(character) and character not in "/?#%\\"
        )
    },
)
LEXEMES = frozenset({"sign", "keyword", "int", "double", "ident", "quoted", "text", "bytes"})
SYNTAX = abnf.Grammar(
    exceptions={
        "ident": lambda text: text in KEYWORDS,
        "variable": lambda text: text in RESERVED,
        "bound": lambda text: text in RESERVED,
    },
    lexemes=LEXEMES,
)


def _refused(
    errors: type[Exception] | tuple[type[Exception], ...], call: Callable[[], object], beyond: str = "(?!)"
) -> bool:
    """Does the call refuse, other than with what is beyond the grammar?"""
    try:
        call()
    except errors as error:
        return not re.search(beyond, str(error))
    return False


def _evaluates(function: Callable[..., object], *rest: str, beyond: str = "(?!)") -> Callable[[str], bool]:
    return lambda text: not _refused(EvaluationError, lambda: function(text, *rest, _scope()), beyond)


def _is_key_line(text: str) -> bool:
    # A key that is weak, or off its curve, has the right form.
    try:
        return not _refused(TokenError, lambda: Principal.parse(text))
    except VerificationError:
        return True


def _is_envelope(text: str) -> bool:
    if text[:5] in {"dlgd_", "dlga_", "dlgk_", "dlge_"}:
        return not _refused(TokenError, lambda: armor.from_base64url(text[5:]))
    decode: Callable[[str], object] = armor.decode_revocations if text.startswith("dlgr_") else armor.decode
    return text == text.strip(" \t\r\n") and not _refused(TokenError, lambda: decode(text))


def _is_pattern(separator: str) -> Callable[[str], bool]:
    return lambda text: not _refused(TokenError, lambda: check_pattern(text, separator), "at most")


def _is_address(text: str) -> bool:
    return not _refused(EvaluationError, lambda: namespaced._address(text))


def _is_method(text: str) -> bool:
    return not _refused(DelegateError, lambda: Request.http(text, "https://a/"))


def _port_fits(url: str) -> bool:
    port = re.search(r"(?:\]|[A-Za-z0-9_.-]):([0-9]+)(?=[/?#]|$)", url.partition("://")[2])
    return port is None or int(port[1]) <= 65535


def _in_network(text: str) -> bool:
    return not _refused(EvaluationError, lambda: namespaced.network_of(text))


def _host_bits(text: str) -> bool:
    """Is it a network but for bits behind its length?"""
    from ipaddress import ip_network

    return not _in_network(text) and not _refused(ValueError, lambda: ip_network(text, strict=False))


def _is_span(text: str) -> bool:
    return not _refused(ValueError, lambda: spans.seconds(text), "is positive")


def _is_timestamp(text: str) -> bool:
    return not _refused(EvaluationError, lambda: timestamps.parse_timestamp(text))


def _is_instant(text: str) -> bool:
    """Is there such a day, and is it within the years 1 to 9999 in UTC?"""
    from datetime import UTC, datetime, timedelta

    match = re.match(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})", text)
    offset = re.search(r"([+-])([0-9]{2}):([0-9]{2})$", text)
    try:
        moment = datetime(*map(int, match.groups()), tzinfo=UTC) if match else None  # type: ignore[arg-type, misc]
        if moment and offset:
            ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
            moment += -ahead if offset[1] == "+" else ahead
    except (ValueError, OverflowError):
        return False
    return moment is not None


def _is_duration(text: str) -> bool:
    return not _refused(EvaluationError, lambda: timestamps.parse_duration(text), "finer|out of range")


def _is_offset(text: str) -> bool:
    return bool(timestamps._OFFSET.fullmatch(text))


def _is_request_url(url: str) -> bool:
    return not _refused(DelegateError, lambda: Request.http("GET", url))


def _is_capability(text: str) -> bool:
    beyond = (
        "named twice|not a pattern|empty pattern|at most|expected a value|unknown|reserved|`.*` (takes|does not take)"
    )
    return not _refused(CaveatSyntaxError, lambda: Capability.parse(text), beyond)


URLS = "ahttps:/@[]%?#\\ .0x:1é"
PARSERS: dict[str, tuple[Callable[[str], bool], str]] = {
    "name": (is_name, "bear:a Z é"),
    "span": (_is_span, "0smhdw "),
    "public-file": (_is_key_line, "ed25519:= \n\rA"),
    "envelope-text": (_is_envelope, "dlgtbp_=A \n"),
    "unit": (lambda text: len(text) <= 64 and is_unit(text), "aZ0_.- "),
    "resource-pattern": (_is_pattern("/"), "*/.\\?[]{}a"),
    "action-pattern": (_is_pattern("."), "*/.\\?[]{}a"),
    "int-text": (_evaluates(functions.to_int, beyond="beyond"), "-+0 _é٣"),
    "double-text": (_evaluates(functions.to_double), "-+0.eExinfa _٣"),
    "bool-text": (_evaluates(functions.to_bool), "truefalsTF10 "),
    "timestamp-text": (_is_timestamp, "0123456789-:.TZtz+ "),
    "duration-text": (_is_duration, "0123.hmsun+- "),
    "zone-offset": (_is_offset, "0123456:+- "),
    "url-text": (_evaluates(namespaced.url_scheme), URLS),
    "host-url": (_evaluates(namespaced.url_host), URLS),
    "ipv4": (lambda text: ":" not in text and _is_address(text), "0123456789.x "),
    "ipv6": (lambda text: ":" in text and _is_address(text), "0:af.1%g "),
    "network": (lambda text: _in_network(text) or _host_bits(text), "0:af.1/% "),
    "request-url": (_is_request_url, URLS),
    "http-method": (_is_method, "aZ !(/é"),
}  # fmt: skip
# What the grammar's comment asks beyond it, of a text that the grammar takes.
BESIDES: dict[str, Callable[[str], bool]] = {
    "host-url": _port_fits,
    "duration-text": lambda text: len(text) <= 128,
    "timestamp-text": _is_instant,
    "request-url": _has_one_host,
    "network": lambda text: text.isascii() and re.search(r"/(0|[1-9][0-9]*)$", text) is not None,
}  # fmt: skip


def _agrees(rule: str, text: str) -> None:
    parser, _ = PARSERS[rule]
    besides = BESIDES.get(rule)
    if besides is None or besides(text):
        assert CHARACTERS.matches(rule, text) == parser(text), text


@pytest.mark.parametrize("rule", PARSERS)
@FEW
@given(data=st.data())
def test_the_parser_takes_what_the_grammar_makes(rule: str, data: st.DataObject) -> None:
    """Every text that a rule makes is taken, if what the comment asks holds."""
    text = data.draw(CHARACTERS.texts(rule))
    assert CHARACTERS.matches(rule, text)
    _agrees(rule, text)


@pytest.mark.parametrize("rule", PARSERS)
@FEW
@given(data=st.data())
def test_grammar_and_parser_agree_on_what_was_changed(rule: str, data: st.DataObject) -> None:
    """A few characters changed, and both still say the same."""
    _agrees(rule, data.draw(abnf.mutated(CHARACTERS.texts(rule), PARSERS[rule][1])))


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("name", ["agent:planner", "a:!"], ["bearer:x", "Agent:x", "a:", "a: ", "a:é", f"{'a' * 33}:x"]),
        ("span", ["90s", "1h30m", "1s1s"], ["90", "1 s", "-1s", "1S", "1234567890s"]),
        ("resource-pattern", ["", "/a/*/**", "\\*"], ["**a", "a**", "***", "?", "\\a", "a\\"]),
        ("double-text", [".5", "1.", "1e400", "+inf", "NaN"], ["+nan", "0x1p3", "1_0", " 1", "e1", "."]),
        ("timestamp-text", ["2027-01-31T12:00:00Z", "2027-01-31T12:00:00.5-00:00"],
         ["2027-01-31t12:00:00Z", "2027-01-31T12:00:60Z", "0000-12-31T23:59:59-00:01", "2027-01-31T12:00:00+24:00"]),
        ("duration-text", [".5s", "1.s", "1h1h", "-0"], ["1", ".s", "1 s", "0.", "+-1s"]),
        ("host-url", ["a://[::1]:0/x", "a://b.c"], ["a://[1.2.3.4]", "a://b:", "a://b.0x", "a://1.2.3", "a://b.", "a://u@b"]),
        ("network", ["10.0.0.0/8", "::/0", "::ffff:1.2.3.4/128"], ["10.0.0.0", "10.0.0.0/08", "10.0.0.0/33", "::/129"]),
        ("ipv6", ["1:2:3:4:5:6:7::", "::8"], ["1:2:3:4:5:6:7:8::", ":::", "1::2::3", "::%1"]),
        ("request-url", ["https://a", "https://a:0/%20?%FF=".replace("%FF", "%C3%A9")],
         ["https://a:01/", "https://a//..", "https://a/%2F", "https://a/%FF", "https://a#", "https://u@a", "//a", "https://a:/"]),
    ],
)  # fmt: skip
def test_what_the_grammars_are_about(rule: str, good: list[str], bad: list[str]) -> None:
    """The texts that other readers forgive, or take for something else."""
    for text in (*good, *bad):
        assert CHARACTERS.matches(rule, text) is (text in good), text
        _agrees(rule, text)


@FEW
@given(data=st.data())
def test_what_a_url_comes_to_has_its_form(data: st.DataObject) -> None:
    """The resource of a request is of the rule `http-resource`, and a URL that comes to itself."""
    url = data.draw(CHARACTERS.texts("request-url").filter(_has_one_host))
    resource = Request.http("GET", url).resource
    assert resource is not None
    assert CHARACTERS.matches("http-resource", resource)
    assert Request.http("GET", resource).resource == resource


# What the comments of the language's grammar leave to words.
BEYOND = (
    "unknown name|64 bits|nested more|levels deep|nodes|nested at most|at most|half of a surrogate|is a reserved word$"
)


IDENT = re.compile("[A-Za-z_]")


def _lex(text: str) -> list[str] | None:
    found = CHARACTERS.lex(["lexeme"], text, "blank-lexeme")
    numbers = re.compile(r"0x[0-9a-fA-F]+|[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?")
    if found is None:
        return None
    place = 0
    for piece, after in zip(found, [*found, ""][1:], strict=True):
        place = text.index(piece, place) + len(piece)
        if numbers.fullmatch(piece) and text.startswith(after, place) and IDENT.match(after) and after not in KEYWORDS:
            return None  # a name directly behind a number
    return found


def _is_condition(text: str) -> bool:
    found = _lex(text)
    return found is not None and SYNTAX.matches("condition", found)


def _parses(text: str) -> bool:
    return not _refused(CaveatSyntaxError, lambda: parse_expression(text), BEYOND)


@MORE
@given(SYNTAX.texts("condition"))
def test_the_parser_takes_conditions_that_the_grammar_makes(text: str) -> None:
    """Up to names that nothing is called, numbers out of range, and the bounds of a tree."""
    assert _is_condition(text)
    assert _parses(text), text


SEEDS = [
    "args.a == 1 && !(args.b in [1, 2,]) || has(args.`c d`.e)",
    "args.l.all(x, x < 3 ? true : false)",
    "- -1 + --args.a % 0x1F",
    "matches(args.s, r'\\d+') && args.s.size() > 1.5e3",
    'path.within(args.p, "/a\\x41\\u00e9") // why',
    "now - timestamp(1) < duration('1h')",
    "{'a': b'\\377', true: [1]}['a'] == '''x''' + \"\"\"y\"\"\"",
    "args.m.map(k, v, k) == null",
    "has(!!args.a)",
]


@MORE
@given(
    abnf.mutated(
        st.one_of(st.sampled_from(SEEDS), SYNTAX.texts("condition")), "()[]{}.,:?!&|=<>+-*/%'\"`\\ \n0xe1a_inbru"
    )
)
@example("1in [1]")
@example("1u")
@example("args.a.in")
@example("args.as")
@example("has((args.a))")
@example("has(!!args.a)")
@example("!--1")
@example("[,]")
@example("size(args.a,)")
@example("r'\\'")
@example("'''a''''")
@example("'\\ud800'")
@example("b'\\u0041'")
@example("'\\400'")
@example("a < b < c")
@example("1 ? 2 ? 3 : 4 : 5")
def test_grammar_and_parser_agree_on_changed_conditions(text: str) -> None:
    """A few characters changed, and both still say the same."""
    parsed, matched = _parses(text), _is_condition(text)
    if parsed and not matched:
        # The parser may have met something that is beyond the grammar before it met a fault of form.
        assert _refused(CaveatSyntaxError, lambda: parse_expression(text)), text
        return
    assert parsed == matched, text


@FEW
@given(st.one_of(st.text("ab\"'\\rRbB\n`x0 41u", max_size=12), st.sampled_from(SEEDS)))
def test_lexemes_are_the_longest(text: str) -> None:
    """The lexer cuts as the grammar of lexemes does, and refuses what that refuses."""
    assume(not re.search("[\ud800-\udfff]", text))
    found = CHARACTERS.lex(["lexeme"], text, "blank-lexeme")
    if _refused(CaveatSyntaxError, lambda: lexemes(text), BEYOND):
        assert found is None, text
    elif not _refused(CaveatSyntaxError, lambda: lexemes(text)):
        cut = lexemes(text)
        assert [text[start:end] for start, end in zip(cut.starts, cut.ends, strict=True)][:-1] == found


@FEW
@given(CHARACTERS.texts("capability-text"))
def test_the_parser_takes_capabilities_that_the_grammar_makes(text: str) -> None:
    """Up to patterns that are none, names given twice, and the condition's own grammar."""
    assert _is_capability(text) or re.search(r"[\t\n\f\r ]if[\t\n\f\r ]", text), text


CAPABILITIES = [
    "files.read /a/**",
    'pay(amount, "b c") exactly "/odd//name" if args.amount <= 1',
    "a",
    "a if true",
    "\t a  exactly  x \n",
]


@MORE
@given(abnf.mutated(st.sampled_from(CAPABILITIES), '()," \t\\if*a\u00a0\u2003'))
@example('a"x"')
@example("a (b)")
@example("a(b)c")
@example("a if")
@example("a exactly if")
@example("if if true")
@example('a "\\ud800"')
def test_grammar_and_parser_agree_on_changed_capabilities(text: str) -> None:
    """A few characters changed, and both still say the same."""
    taken = not _refused(CaveatSyntaxError, lambda: Capability.parse(text))
    if taken:
        assert CHARACTERS.matches("capability-text", text), text
    elif CHARACTERS.matches("capability-text", text):
        beyond = r"named twice|not a pattern|an empty pattern|at most"
        condition = re.search(r"[\t\n\f\r ]if[\t\n\f\r ]", text)
        assert condition or not _refused(CaveatSyntaxError, lambda: Capability.parse(text), beyond), text


@pytest.mark.parametrize("rule", ["service-name", "tenant"])
@FEW
@given(data=st.data())
def test_names_of_services_and_tenants_are_what_the_grammar_says(rule: str, data: st.DataObject) -> None:
    """One rule of 1 to 200 visible ASCII characters for both; a verifier takes the same."""
    text = data.draw(st.one_of(CHARACTERS.texts(rule), abnf.mutated(CHARACTERS.texts(rule), " é\n")))
    assert CHARACTERS.matches(rule, text) == check_audience_name(text)
    assert CHARACTERS.matches(rule, "x" * 200)
    assert not CHARACTERS.matches(rule, "x" * 201)


PEM = Ed25519Signer.generate(bytes).to_pem().decode()


@FEW
@given(st.one_of(CHARACTERS.texts("private-head"), abnf.mutated(CHARACTERS.texts("private-head"), "principal: \r\n")))
def test_the_head_of_a_private_file_is_what_the_grammar_says(head: str) -> None:
    """Before a good key, a file is read if its first line has the form."""
    taken = not _refused(TokenError, lambda: _split(head + PEM))
    assert CHARACTERS.matches("private-head", head) == taken, head


SIGNER_KEY = Ed25519Signer(bytes(32)).public_key.to_text()
URI = "pkcs11:token=t;object=o?module-path=/m"


@FEW
@given(
    st.one_of(
        CHARACTERS.texts("signer-line"),
        abnf.mutated(st.sampled_from([f"signer: ssh-agent:{SIGNER_KEY}\n", f"signer: {URI}\r\n"]), "signer: pkc1\n"),
    )
)
@example(f"signer: ssh-agent:{SIGNER_KEY}")
@example("signer: ssh-agent:alice.pub")
@example("signer: file:///alice.key\n")
def test_the_line_that_says_where_a_key_is_is_what_the_grammar_says(line: str) -> None:
    """Behind a good first line it is taken if it has the form: that is asked before any agent or token is."""
    if len(line) <= 4096 and not (line.startswith("signer: pkcs11:") and CHARACTERS.matches("signer-line", line)):
        text = f"principal: user:a\n{line}"
        taken = key_sources.says_elsewhere(text) and not _refused(
            TokenError, lambda: _without_an_agent(lambda: key_sources.parse_reference(text))
        )
        assert CHARACTERS.matches("signer-line", line) == taken, line


def _without_an_agent(call: Callable[[], object]) -> None:
    """An agent that is not there, and a weak key, have nothing to do with the form."""
    with suppress(StateError, VerificationError):
        call()


def test_every_rule_is_defined_once_and_used() -> None:
    """What a rule names is there, and what is there is used by a rule, by a test or by the list in §2.5."""
    used = set().union(*map(abnf.references, abnf.RULES.values()))
    assert used <= abnf.RULES.keys()
    entrances = {
        *PARSERS,
        "service-name",
        "tenant",
        "private-head",
        "signer-line",
        "http-resource",
        "lexeme",
        "blank-lexeme",
        "capability-text",
    }
    assert abnf.RULES.keys() - used - abnf.CORE.keys() - entrances == set()


def test_every_grammar_of_the_documents_is_read() -> None:
    """A block of rules that is not marked as ABNF would not be tested."""
    for text in specification.BY_NAME.values():
        for marker, block in re.findall(r"^```([a-z]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            assert (
                marker == "abnf"
                or not re.search(r"^[a-z-]+ += [^\[{b]", block, re.MULTILINE)
                or marker in {"cddl", "python"}
            )
