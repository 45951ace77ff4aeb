"""From calls that were made to the narrowest grant that a person would still write (AUDIT §16.10).

The rules of this file:

- What is suggested is a rule and no recording: a capability limits at least one argument by what it is like, never all
  of them to the values that were seen. What has no arguments is permitted as it is.
- Where an argument says who gets something (an address, an account, a host), the values count; where it says what is
  looked for or written, what they are like.
- A value of an argument that is marked or named a secret is never in it. Values are kept only where the name says who
  gets something, and of a closed set; of what is elsewhere, what it is like. Nothing before the `@` of a web address is
  kept, and no part of a path that looks like a secret.
- Of a domain where anybody can have an address, the addresses count and never the domain.
- The lists and bounds below were chosen while looking at one public bench (`bench/agentdojo.py`): what it says of
  them is not independent of it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from delegate.core.chain.compiled import compile_capabilities, permits
from delegate.core.chain.request import Request
from delegate.core.evaluator.opcodes import Op
from delegate.core.evaluator.scope import Scope
from delegate.core.patterns.plain_form import plain_form
from delegate.errors import CaveatSyntaxError, DelegateError
from delegate.language.capability import Capability, can, encode_capabilities
from delegate.language.constraints import (
    Constraint,
    any_value,
    at_least,
    at_most,
    between,
    each,
    equals,
    length,
    one_of,
    regex,
    within,
)
from delegate.language.tree import Call as CallOf
from delegate.language.tree import Literal
from delegate.limits import EVALUATION_STEPS

CAPABILITIES_MAX: Final = 8
_VALUES_MAX: Final = 12  # more than so many are no list that a person keeps
_LIKE: Final = 3  # so many different ones show what they are like
_ITEMS_LEAST: Final = 16
_TEXT_LEAST: Final = 1_000
_TEXT_MOST: Final = 8_192

# An argument is named like a secret where its name has one of these in it, a word of it is one of those below, also in
# the plural, or begins or ends with one of the two last: rather one too many.
_SECRET_PARTS: Final = (
    *(
        "pass",
        "pwd",
        "secret",
        "token",
        "apikey",
        "credential",
        "private",
        "cookie",
        "session",
        "signature",
        "mnemonic",
    ),
    *("bearer", "jwt", "kennwort", "geheim", "authoriz", "authoris", "authent", "recovery", "pincode"),
    "securitycode",
)
_SECRET_WORDS: Final = frozenset({"key", "pin", "otp", "cvv", "cvc", "cvn", "ssn", "seed", "auth", "sig", "sid", "pat",
    "creds", "cred", "salt", "tan", "puk", "pem", "mfa", "totp", "hmac", "sas", "dsn", "phrase"})  # fmt: skip
_SECRET_ENDS: Final = ("key", "keys", "auth", "creds")
_SECRET_BEGINS: Final = ("otp", "cvv", "cvc", "totp", "mfa", "oauth")
# A part of a path that looks like one: digits among letters, long without a break, or names before and after an `@`.
_LOOKS_SECRET: Final = re.compile(
    r"(?=.{8}).*[A-Za-z][0-9]+[A-Za-z]|.*[A-Za-z0-9+/=]{20}|.*[0-9A-Fa-f]{12}|.*@|(?i:gh[opsu]_|xox[a-z]-|sk[-_]|akia|eyj)",
    re.DOTALL,
)
PUBLIC_MAIL: Final = frozenset(
    {"gmail.com", "googlemail.com", "yahoo.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "icloud.com",
     "me.com", "mac.com", "aol.com", "proton.me", "protonmail.com", "gmx.de", "gmx.net", "gmx.com", "web.de",
     "mail.com", "mail.ru", "yandex.ru", "yandex.com", "qq.com", "163.com", "126.com", "zoho.com", "fastmail.com",
     "hey.com", "tutanota.com", "t-online.de", "orange.fr", "free.fr", "libero.it", "comcast.net",
     "verizon.net", "att.net"}
)  # fmt: skip
# Where an argument of such a name says who gets something, its values are kept, however many there are.
TARGET_WORDS: Final = frozenset(
    {"to", "cc", "bcc", "recipient", "recipients", "participant", "participants", "payee", "beneficiary", "iban",
     "account", "address", "email", "emails", "user", "username", "member", "members", "url", "uri", "host", "domain",
     "webhook", "endpoint", "destination", "target", "channel", "repo", "repository", "bucket", "owner", "assignee",
     "attendee", "attendees", "invitee", "invitees", "contact", "contacts", "link", "links", "site", "website", "urls",
     "hosts", "domains", "server", "accounts", "addresses", "users", "usernames", "channels"}
)  # fmt: skip
_PATH_WORDS: Final = frozenset({"path", "paths", "file", "files", "filename", "folder", "directory", "dir", "source"})

_EMAIL: Final = re.compile(r"([A-Za-z0-9._%+-]{1,64})@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_URL: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://)(?:[^\s/?#@\\]*@)?([A-Za-z0-9.-]+)(?::[0-9]+)?(?:[/?#]\S*)?")
_BARE_HOST: Final = re.compile(r"(www\.[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)(?:/\S*)?")
_WITH_USER: Final = re.compile(r"[^/?#]*://[^/?#]*@")
_WORD_OF_SET: Final = re.compile(r"[A-Za-z]{1,16}")
_SEEN_LEAST: Final = 3
_WHEN: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_LINK: Final = re.compile(r"://|www\.", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHAPED: Final = re.compile(r"[A-Za-z0-9 ._/:,-]*")  # of other characters none is kept
_RUNS: Final = re.compile(r"[0-9]+|[A-Za-z]+|[^0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was made: an action, a resource, and its arguments, where they were recorded."""

    action: str
    resource: str | None = None
    args: Mapping[str, Any] | None = None

    def request(self) -> Request:
        """Give the request that it was."""
        return Request(self.action, self.resource, self.args or {})

    @property
    def key(self) -> bytes:
        """Tell it from others: the same for the same call."""
        return self.request().digest + bytes([self.args is None])


@dataclass(frozen=True, slots=True)
class Limit:
    """What an argument must be, and whether that is a list of values."""

    constraint: Constraint
    is_finite: bool
    wider: Constraint | None = None  # the same by what the values are like; `None`: it is no list


def learn(
    calls: Iterable[Call], *, secrets: Collection[str] = (), most: int = CAPABILITIES_MAX
) -> tuple[Capability, ...]:
    """Suggest a grant that permits all these calls.

    Args:
        calls: what was used.
        secrets: names of arguments whose values must not show, besides those that are named like one.
        most: how many capabilities at most.

    Returns:
        In the order of their actions. Each call is permitted by one of them.
    """
    grouped: dict[tuple[str, bool], list[Call]] = {}
    for call in {call.key: call for call in calls}.values():
        grouped.setdefault((call.action, call.resource is None), []).append(call)
    found = {key: _capability(group, frozenset(secrets)) for key, group in sorted(grouped.items())}
    if len(found) <= most:
        return tuple(found.values())
    return _joined(grouped, found, frozenset(secrets), most)


def allows(capabilities: Sequence[Capability], call: Call) -> bool:
    """Say whether a grant permits a call."""
    return Judge(capabilities).allows(call)


class Judge:
    """A grant, compiled once, that is asked about many calls."""

    __slots__ = ("_rules",)

    def __init__(self, capabilities: Sequence[Capability]) -> None:
        """Compile it; none permits nothing."""
        self._rules = compile_capabilities(encode_capabilities(tuple(capabilities))) if capabilities else ()

    def allows(self, call: Call) -> bool:
        """Say whether it permits a call; one whose arguments were not recorded is judged without any."""
        try:
            request = call.request()
            names: dict[str, object] = {"action": request.action, "resource": request.resource, "args": request.values}
            return permits(self._rules, request, Scope(names, EVALUATION_STEPS))
        except (DelegateError, TypeError):
            return False


def _capability(calls: Sequence[Call], secrets: frozenset[str]) -> Capability:
    action, resource = calls[0].action, _resource([call.resource for call in calls])
    recorded = [call.args for call in calls if call.args is not None]
    if len(recorded) != len(calls):  # of some nothing is known: nothing can be said of any
        return can(action, resource)
    names = sorted({name for args in recorded for name in args})
    always = [name for name in names if all(name in args for args in recorded)]
    limits = {name: _limit(name, [args[name] for args in recorded], secrets) for name in always}
    targets = {name for name in always if is_target(name)}
    if any(limits[name].is_finite for name in targets):  # who gets something is settled: the rest need not be
        limits |= {
            name: Limit(limit.wider, is_finite=False)
            for name, limit in limits.items()
            if name not in targets and limit.wider is not None
        }
    if limits and all(limit.is_finite for limit in limits.values()) and resource is None:
        widest = _widest(limits, recorded)
        limits[widest] = Limit(limits[widest].wider or any_value(), is_finite=False)
    if not names:
        return can(action, resource, when="size(args) == 0") if resource is None else can(action, resource)
    chosen = {name: limit.constraint for name, limit in limits.items()}
    return _with_optional(action, resource, names, chosen, recorded, secrets)


def _with_optional(
    action: str,
    resource: Any,  # noqa: ANN401 - as `can` takes it
    names: Sequence[str],
    chosen: Mapping[str, Constraint],
    recorded: Sequence[Mapping[str, Any]],
    secrets: frozenset[str],
) -> Capability:
    """Limit arguments that are always there by themselves, and others where they are."""
    parts = [str(can("a", args=dict(chosen)))] if chosen else []
    conditions = [part.partition(" if ")[2] for part in parts if " if " in part]
    conditions += _where_given([name for name in names if name not in chosen], recorded, secrets)
    listed = ", ".join(map(_quoted, names))
    words = f"{_quoted(action)}({listed})"
    if resource is not None:
        words = f"{words} {str(can('a', resource)).removeprefix('a ')}"
    return _parsed(words, [f"({each_})" if " || " in each_ and each_[0] != "(" else each_ for each_ in conditions])


def _parsed(words: str, conditions: Sequence[str], **values: object) -> Capability:
    """Read a capability, with as many of the conditions, from the first on, as one may have."""
    kept = list(conditions)
    while kept:
        try:
            return Capability.parse(f"{words} if {' && '.join(kept)}", **values)
        except (CaveatSyntaxError, ValueError):  # more than a condition may hold
            kept.pop()
    return Capability.parse(words)


def _where_given(names: Sequence[str], recorded: Sequence[Mapping[str, Any]], secrets: frozenset[str]) -> list[str]:
    """Limit arguments where they are given."""
    conditions = []
    for name in names:
        if not is_simple_name(name):
            continue
        limit = _limit(name, [args[name] for args in recorded if name in args], secrets)
        made = limit.wider if limit.is_finite and limit.wider is not None and not is_target(name) else limit.constraint
        limited = str(can("a", args={name: made})).partition(" if ")[2]
        if limited:
            conditions.append(f"(!has(args.{name}) || ({limited}))")
    return conditions


def is_simple_name(name: str) -> bool:
    """Say whether a condition can read an argument as `args.name`."""
    return re.fullmatch(r"[_a-zA-Z][_a-zA-Z0-9]*", name) is not None


def _quoted(word: str) -> str:
    if re.fullmatch(r'[^\s"(),]+', word) and word not in {"if", "exactly"}:
        return word
    import json

    return json.dumps(word)


# Arguments.


def _limit(name: str, values: Sequence[Any], secrets: frozenset[str]) -> Limit:
    if name in secrets or is_secret(name):
        sizes = [len(value) for value in values if isinstance(value, str)]
        if len(sizes) == len(values):
            return Limit(length(at_most(_room(max(sizes)))), is_finite=False)
        return Limit(any_value(), is_finite=False)
    if all(isinstance(value, list) for value in values):
        items = [item for value in values for item in value]
        most = length(at_most(max(_ITEMS_LEAST, 2 * max(map(len, values)))))
        if not items:
            return Limit(most, is_finite=False)
        inner = _limit(name, items, secrets)
        # A list may hold each of its values once or more: without a bound on what is in it, that is no finite set.
        return Limit(each(inner.constraint) & most, inner.is_finite, inner.wider and each(inner.wider) & most)
    if all(isinstance(value, bool) for value in values):
        return Limit(one_of(True, False), is_finite=True, wider=None)
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return _numbers(values)
    if all(isinstance(value, str) for value in values):
        return _texts(name, list(values))
    kinds = {type(value) for value in values}
    if len(kinds) > 1 and kinds & {type(None)}:
        rest = [value for value in values if value is not None]
        inner = _limit(name, rest, secrets)
        wider = None if inner.wider is None else equals(None) | inner.wider
        return Limit(equals(None) | inner.constraint, inner.is_finite, wider)
    return Limit(any_value(), is_finite=False)


def _numbers(values: Sequence[float]) -> Limit:
    least, most = min(values), max(values)
    bound = max(2 * most, 10) if most > 0 else 0
    low = 0 if least >= 0 else 2 * least
    whole = all(isinstance(value, int) for value in values)
    return Limit(
        between(low, math.ceil(bound)) if whole else at_least(low) & at_most(math.ceil(bound)), is_finite=False
    )


def _texts(name: str, values: list[str]) -> Limit:
    distinct = sorted(set(values))
    if is_target(name):
        mails = [_EMAIL.fullmatch(value) for value in distinct]
        if all(mails):
            return _mails([match for match in mails if match])
        hosts = [_URL.fullmatch(value) or _BARE_HOST.fullmatch(value) for value in distinct]
        if all(hosts):
            return _hosts(distinct, sorted({match[1] for match in hosts if match}))
    if all(_WHEN.fullmatch(value) for value in distinct):
        shapes = sorted({re.sub(r"[0-9]", "[0-9]", re.escape(value)) for value in distinct})
        return Limit(regex("|".join(shapes)), is_finite=False)
    if any(value and (len(value) > 64 or value.count(" ") > 3 or "\n" in value) for value in distinct):
        return _prose(distinct)
    is_path = is_target(name) or any(word in _PATH_WORDS for word in words_of(name))
    if is_path and all(value.startswith("/") and plain_form(value) for value in distinct) and len(distinct) > 1:
        folder = _common_folder(distinct)
        if folder:
            return Limit(within(folder), is_finite=False)
    if is_target(name) or _is_closed_set(values):
        return _words(name, distinct)
    return Limit(_like(distinct), is_finite=False)


def _is_closed_set(values: Sequence[str]) -> bool:
    """Say whether these are words of a few, each of which was seen often: what one has of a secret is not."""
    counts = Counter(values)
    return (
        1 < len(counts) <= _VALUES_MAX
        and min(counts.values()) >= _SEEN_LEAST
        and all(map(_WORD_OF_SET.fullmatch, counts))
    )


def _mails(matches: Sequence[re.Match[str]]) -> Limit:
    """Addresses: those of a domain of somebody's own by the domain, others by themselves."""
    domains = sorted({match[2].lower() for match in matches} - PUBLIC_MAIL)
    public = sorted({match[0] for match in matches if match[2].lower() in PUBLIC_MAIL})
    own = [rf"[A-Za-z0-9._%+-]+@{_escaped(domain)}" for domain in domains]
    tagged = [
        rf"{_escaped(address.partition('@')[0])}(\+[A-Za-z0-9._-]*)?@{_escaped(address.partition('@')[2])}"
        for address in public
    ]
    if not domains:
        return Limit(one_of(*public), is_finite=True, wider=regex("|".join(tagged)))
    return Limit(regex("|".join((*own, *map(_escaped, public)))), is_finite=False)


def _hosts(values: Sequence[str], hosts: Sequence[str]) -> Limit:
    """Addresses of the web: by their hosts; who logs in there is not kept."""
    schemes = sorted({value.partition("://")[0] if "://" in value else "" for value in values})
    heads = [f"{_escaped(each_)}://" if each_ else "" for each_ in schemes]
    user = r"([^\s/?#@\\]*@)?" if any(map(_WITH_USER.match, values)) else ""
    names = "|".join(map(_escaped, hosts))
    return Limit(regex(rf"({'|'.join(heads)}){user}({names})(:[0-9]+)?([/?#][^\s]*)?"), is_finite=False)


def _prose(values: Sequence[str]) -> Limit:
    """What somebody wrote: by its length, and without links and addresses where there were none."""
    room = _room(max(map(len, values)))
    if any(_LINK.search(value) or "@" in value for value in values):
        return Limit(length(at_most(room)), is_finite=False)
    return Limit(length(at_most(room)) & _without_links(), is_finite=False)


def _words(name: str, values: list[str]) -> Limit:
    """Names, and words of a closed set: a list where there are few; of names that get something, what begins so."""
    if any(_LINK.search(value) or "@" in value for value in values):  # an address that is not written as one
        return Limit(length(at_most(_room(max(map(len, values))))), is_finite=False)
    like = _begins_with(values) if is_target(name) and all(values) else _like(values)
    if len(values) <= _VALUES_MAX:
        return Limit(one_of(*values), is_finite=True, wider=like)
    return Limit(like, is_finite=False)


def _like(values: Sequence[str]) -> Constraint:
    """Say what short texts are like: of one shape, or of some characters and no longer than so many."""
    room = length(at_most(max(_room(max(map(len, values))), _TEXT_LEAST)))
    if any(_LINK.search(value) or "@" in value for value in values):
        return room
    shapes = {tuple(_kind(run) for run in _RUNS.findall(value)) for value in values}
    if len(shapes) == 1 and all(values) and all(map(_SHAPED.fullmatch, values)):
        (shape,) = shapes
        if any(kind == "0" for kind in shape):
            widths = [[len(run) for run in _RUNS.findall(value)] for value in values]
            parts = [_part(kind, max(width[place] for width in widths)) for place, kind in enumerate(shape)]
            return regex("".join(parts))
    return room & _without_links()


def _kind(run: str) -> str:
    return "0" if run[0].isdigit() and run.isascii() else "a" if run.isalpha() and run.isascii() else run


def _part(kind: str, width: int) -> str:
    if kind in {"0", "a"}:
        characters = "[0-9]" if kind == "0" else "[A-Za-z]"
        return f"{characters}{{1,{max(width, 2 if kind == '0' else 24)}}}"
    return _escaped(kind)


def _without_links() -> Constraint:
    """No address of the web, and no mail address."""
    return _lacks("://") & _lacks("www.") & _lacks("@")


def _lacks(part: str) -> Constraint:
    return Constraint(lambda operand, _: CallOf(Op.NOT, (CallOf(Op.CONTAINS, (operand, Literal(part))),)))


def _begins_with(values: Sequence[str]) -> Constraint:
    """The values, and what is called after one of them: `general`, `general-2`."""
    return regex(rf"({'|'.join(map(_escaped, values))})([-_./ ][^@]*)?")


def _room(length_: int) -> int:
    return min(_TEXT_MOST, max(_TEXT_LEAST, 2 * length_))


def _widest(limits: Mapping[str, Limit], recorded: Sequence[Mapping[str, Any]]) -> str:
    """Choose the argument to limit by what it is like: the one that varies most, and none that says who gets it."""

    def rank(name: str) -> tuple[bool, bool, int, str]:
        variety = len({str(args[name]) for args in recorded})
        return limits[name].wider is None, is_target(name), -variety, name

    return min(limits, key=rank)


def is_secret(name: str) -> bool:
    """Say whether an argument is named like a secret."""
    words = words_of(name)
    whole = "".join(words)
    return (
        any(part in whole for part in _SECRET_PARTS)
        or any(word in _SECRET_WORDS or word.removesuffix("s") in _SECRET_WORDS for word in words)
        or any(word.endswith(_SECRET_ENDS) or word.startswith(_SECRET_BEGINS) for word in words)
    )


def looks_secret(part: str) -> bool:
    """Say whether a part of a path looks like a secret."""
    return _LOOKS_SECRET.match(part) is not None


def is_target(name: str) -> bool:
    """Say whether an argument is named as if it said who gets something."""
    return any(word in TARGET_WORDS for word in words_of(name))


def words_of(name: str) -> list[str]:
    """Take a name apart: `userEmail` and `user_email` are `user` and `email`."""
    return [word.lower() for word in _WORD.findall(name)]


def _escaped(text: str) -> str:
    return re.escape(text).replace("\\-", "-").replace("\\@", "@").replace("\\ ", " ")


# Resources.


def _resource(resources: Sequence[str | None]) -> Any:  # noqa: ANN401 - as `can` takes it
    """Give the pattern of what was asked of: the one resource, or the folder of several."""
    from delegate.language.capability import exactly

    given = sorted({each_ for each_ in resources if each_ is not None})
    if not given:
        return None
    if not all(plain_form(each_) for each_ in given):
        is_plain = len(given) == 1 and not any(map(looks_secret, re.split(r"[/?#&=;]", given[0])))
        return exactly(given[0]) if is_plain else "**"
    folder = _common_folder(given)
    return f"{_as_pattern(folder)}/**" if folder else "**"


def _common_folder(paths: Sequence[str]) -> str:
    """Give the folder that all are in; empty where there is none but the root of all."""
    parts = [path.split("/")[:-1] for path in paths]
    common: list[str] = []
    for column in zip(*parts, strict=False):
        if len(set(column)) != 1 or looks_secret(column[0]) or (common and is_secret(common[-1])):
            break
        common.append(column[0])
    found = "/".join(common)
    return "" if found.endswith(":/") or found in {"", "http:", "https:"} else found


def _as_pattern(text: str) -> str:
    return re.sub(r"([*?\[\]{}\\])", r"\\\1", text)


# Too many.


def _joined(
    grouped: Mapping[tuple[str, bool], Sequence[Call]],
    found: Mapping[tuple[str, bool], Capability],
    secrets: frozenset[str],
    most: int,
) -> tuple[Capability, ...]:
    """Make fewer of them: those that limit least are joined into one, which names their actions.

    Kept by themselves are the `most − 2` or fewer that limit who gets something; the others become one capability with
    a resource, and one without.
    """

    def weight(key: tuple[str, bool]) -> tuple[int, int, str]:
        names = {name for call in grouped[key] for name in (call.args or {})}
        targets = sum(is_target(name) for name in names)
        return -targets, -str(found[key]).count("args."), key[0]

    ordered = sorted(found, key=weight)
    kept = ordered[: most - 2]
    rest = ordered[most - 2 :]
    joined = []
    for is_bare in (True, False):
        keys = [key for key in rest if key[1] is is_bare]
        if not keys:
            continue
        if len(keys) == 1:
            joined.append(found[keys[0]])
            continue
        actions = sorted(key[0] for key in keys)
        names = sorted({name for key in keys for call in grouped[key] for name in (call.args or {})})
        resource = (
            "" if is_bare else " " + str(can("a", _resource([c.resource for key in keys for c in grouped[key]])))[2:]
        )
        closed = (
            f"({', '.join(map(_quoted, names))})"
            if all(c.args is not None for key in keys for c in grouped[key])
            else ""
        )
        conditions = ["action in actions"]
        if closed:
            recorded = [c.args or {} for key in keys for c in grouped[key]]
            conditions += _where_given(names, recorded, secrets)
        joined.append(_parsed(f"**{closed}{resource}", conditions, actions=actions))
    return (*(found[key] for key in sorted(kept)), *joined)
