"""`Policy`: who is trusted, and what they get; one TOML file that a person can read.

The rules of this file:

- What the file says and this code does not know is a mistake, never ignored: it may have been meant as a restriction.
- Mistakes are found when it is read, with their place; a condition's with a mark below it.
- A policy does not change. A new one is read whole, or the old one goes on.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from delegate.core.chain.printable import shown
from delegate.core.chain.spans import seconds
from delegate.core.keys.principal import Principal
from delegate.errors import CaveatSyntaxError, DelegateError
from delegate.issue.certificates import CertificateDomain, from_bundle
from delegate.issue.conditions import Compiled, compiled, loose_matches
from delegate.issue.dpop import normal
from delegate.issue.fetch import Fetch, checked_host, fetch
from delegate.issue.grants import Grant, used_by
from delegate.issue.jose import KINDS
from delegate.issue.kept import Kept
from delegate.issue.keysets import Keys, from_discovery, from_place
from delegate.issue.refusals import PolicyError
from delegate.issue.subjects import AGE_S, TYPES, OpenIdProvider, SpiffeDomain, is_trust_domain
from delegate.language.capability import Capability
from delegate.language.conditions import read
from delegate.language.needs import APPROVED, Need, need
from delegate.limits import CAPABILITIES, HOPS_MAX

POLICY_BYTES: Final = 1024 * 1024
GRANTS: Final = 1000
_WORD: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OIDC_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
_SVID_ALGORITHMS: Final = tuple(name for name in KINDS if name[:2] in {"RS", "PS", "ES"})  # JWT-SVID 2.2

T = TypeVar("T")
Party = OpenIdProvider | SpiffeDomain | CertificateDomain
Stamp = tuple[int, int, int]


def stamp_of(status: os.stat_result) -> Stamp:
    """Give what tells a file from a later one of its name."""
    return status.st_mtime_ns, status.st_size, status.st_ino


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """How a person logs in: at which OpenID provider, as which client.

    Attributes:
        provider: the provider's `iss`.
        client: the public client that `delegate login` is there.
        scope: what it asks for.
    """

    provider: str
    client: str
    scope: str = "openid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who is trusted, and what they get.

    Attributes:
        url: the issuer's public address, without a path at its end.
        trusted: whose word counts, by the names that the policy gives them.
        grants: in the order in which they are tried.
        key: file with the issuer's private key; `None` where the program gives the key.
        state: URL of the store that remembers what was used; `None` where the program gives it.
        dpop_nonce: whether a proof must hold a nonce of the issuer's (RFC 9449 §8).
        login: how `delegate login` logs in; `None`: it cannot.
        roots, revocations: files that are served as they are; `None`: none.
        warnings: what is probably not meant.
        path: where it was read from; `None`: from text.
        stamp: what tells the file that was read from a later one of that name.
    """

    url: str
    trusted: Mapping[str, Party] = field(repr=False)
    grants: tuple[Grant, ...] = field(repr=False)
    key: Path | None = None
    state: str | None = None
    dpop_nonce: bool = False
    login: LoginSettings | None = None
    roots: Path | None = None
    revocations: Path | None = None
    warnings: tuple[str, ...] = ()
    path: Path | None = None
    stamp: Stamp | None = None

    @classmethod
    def load(cls, path: str | Path, *, fetch: Fetch = fetch) -> Policy:
        """Read a policy file; paths in it are from its folder.

        Raises:
            PolicyError: MALFORMED: what is wrong, and where. OSError: a file cannot be read.
        """
        place = Path(path)
        with place.open("rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
            data = file.read(POLICY_BYTES + 1)
        if len(data) > POLICY_BYTES:
            raise PolicyError(place.name, f"a policy has at most {POLICY_BYTES} bytes")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise PolicyError(place.name, "this is not UTF-8 text") from None
        return replace(_Reader(text, place.name, place.parent, fetch).policy(), path=place, stamp=stamp)

    @classmethod
    def parse(cls, text: str, *, folder: str | Path = ".", fetch: Fetch = fetch) -> Policy:
        """Read a policy from text; paths in it are from `folder`. Raises as `load`."""
        return _Reader(text, "policy", Path(folder), fetch).policy()

    def after(self, old: Policy) -> Policy:
        """Give this policy with what is known of the parties that are as they were in the old one: their keys.

        Raises:
            PolicyError: it is another issuer: address, key or store changed, which a running one cannot follow.
        """
        for name in ("url", "key", "state"):
            if getattr(self, name) != getattr(old, name):
                where = str(self.path.name if self.path else "policy")
                raise PolicyError(f"{where}, issuer, {name}", "this can only change when the issuer is started again")
        kept = {name: old.trusted[name] for name in self.trusted if old.trusted.get(name) == self.trusted[name]}
        return replace(self, trusted={**self.trusted, **kept})

    def tokens_of(self) -> tuple[OpenIdProvider | SpiffeDomain, ...]:
        """Give whose tokens are taken."""
        return tuple(each for each in self.trusted.values() if not isinstance(each, CertificateDomain))

    def certificates_of(self) -> tuple[CertificateDomain, ...]:
        """Give whose certificates are taken."""
        return tuple(each for each in self.trusted.values() if isinstance(each, CertificateDomain))

    @property
    def asks_directory(self) -> bool:
        """Whether some grant asks a directory."""
        return any(each.known or each.sponsored for each in self.grants)


class _Table:
    """One table of the file: each of its keys is taken once, and what is left over is a mistake."""

    def __init__(self, reader: _Reader, values: Mapping[str, Any], section: str, place: int = 0) -> None:
        self.reader = reader
        self.values = dict(values)
        self.section = section
        self.place = place
        self.label = f"{section} {place + 1}" if section in {"grant", "trust"} else section

    def fail(self, key: str, detail: str) -> PolicyError:
        """Make the error about one key."""
        return PolicyError(self.where(key), detail)

    def where(self, key: str = "") -> str:
        """Name the place of a key."""
        line = self.reader.line(self.section, self.place, key)
        at = f"{self.reader.name}:{line}" if line else self.reader.name
        return ", ".join(filter(None, (at, self.label, key)))

    def take(self, key: str, kind: type[T] | tuple[type[T], ...], what: str, default: Any = ...) -> Any:  # noqa: ANN401
        """Take a key's value; of another type it is a mistake."""
        value = self.values.pop(key, default)
        if value is ...:
            raise self.fail("", f"`{key}` is missing: {what}")
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if value is not default and type(value) not in kinds:
            raise self.fail(key, f"{what} is wanted")
        if value is not default and value in ("", [], {}):
            raise self.fail(key, f"this is empty; write {what}, or leave it out")
        return value

    def texts(self, key: str, what: str, default: Any = ...) -> tuple[str, ...] | None:  # noqa: ANN401
        """Take one text or several."""
        value = self.take(key, (str, list), what, default)
        if value is default:
            return None
        given = [value] if isinstance(value, str) else value
        if not all(isinstance(each, str) and each for each in given) or len(set(given)) != len(given):
            raise self.fail(key, f"{what} is wanted: texts, none empty and none twice")
        return tuple(given)

    def span(self, key: str, default: Any = ...) -> int:  # noqa: ANN401
        """Take a length of time."""
        value = self.take(key, str, "a length of time such as 15m", default)
        if value is default:
            return int(default)
        return int(self.made(key, lambda: seconds(value)))

    def made(self, key: str, make: Callable[[], T]) -> T:
        """Make something of a key's value; what that raises is told with the place."""
        try:
            return make()
        except CaveatSyntaxError as error:
            raise PolicyError(self.where(key), error.detail, syntax=error) from None
        except DelegateError as error:
            raise self.fail(key, error.detail) from None
        except (ValueError, TypeError) as error:
            raise self.fail(key, shown(str(error), 300)) from None

    def expression(self, key: str, wanted: str, what: str, default: Any = ...) -> Compiled | None:  # noqa: ANN401
        """Take an expression."""
        text = self.take(key, str, what, default)
        if text is default:
            return None
        found = self.made(key, lambda: compiled(text, wanted))
        self.reader.look(found, self.where(key))
        return found

    def expressions(self, key: str, wanted: str, what: str) -> dict[str, Compiled]:
        """Take a table of expressions."""
        given = self.take(key, dict, what, None) or {}
        found = {}
        for name, text in given.items():
            if not isinstance(text, str):
                raise self.fail(key, f"`{shown(name)}`: {what} is wanted")
            found[name] = self.made(key, lambda text=text: compiled(text, wanted))  # type: ignore[misc]
            self.reader.look(found[name], self.where(key))
        return found

    def done(self) -> None:
        """Refuse what nobody took."""
        for key in self.values:
            raise self.fail(key, f"there is no `{shown(key)}` in a {self.section}")


class _Reader:
    """Reads one policy."""

    def __init__(self, text: str, name: str, folder: Path, fetch: Fetch) -> None:
        self.text = text
        self.name = name
        self.folder = folder
        self.fetch = fetch
        self.warnings: list[str] = []

    def line(self, section: str, place: int, key: str) -> int:
        """Find the line of a key, or of its section; 0 where it cannot be found."""
        found, seen = 0, -1
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[\[?\s*([\w.-]+)\s*\]", line)
            if header:
                mine = header[1] == section
                seen += mine
                if mine and seen == place:
                    found = number
                elif found and not header[1].startswith(f"{section}."):
                    break
                elif found and key and header[1] == f"{section}.{key}":
                    return number
            elif found and key and re.match(rf"\s*\"?{re.escape(key)}\"?\s*[.=]", line):
                return number
        return found

    def look(self, found: Compiled, where: str) -> None:
        """Warn of what is in the language and probably not meant."""
        for pattern in loose_matches(found.tree):
            self.warnings.append(
                f"{where}: `matches` finds its pattern anywhere: `{shown(pattern)}` is also found in a longer text; "
                "to match the whole text, write ^ before it and $ behind it"
            )

    def path(self, name: str) -> Path:
        """Give a file that the policy names."""
        return self.folder / name

    def policy(self) -> Policy:
        """Read all of it."""
        try:
            values = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise PolicyError(self.name, f"this is not TOML: {shown(str(error), 200)}") from None
        except RecursionError:
            raise PolicyError(self.name, "this is nested too deep") from None
        issuer = _Table(self, self._section(values, "issuer"), "issuer")
        trusts, grants = self._sections(values, "trust"), self._sections(values, "grant")
        login = values.pop("login", None)
        if values:
            raise PolicyError(self.name, f"there is no `{shown(next(iter(values)))}` in a policy")
        url = issuer.take("url", str, "the issuer's public address")
        issuer.made("url", lambda: checked_host(url))
        if normal(url) is None or url.endswith("/") or "?" in url or "#" in url:
            raise issuer.fail("url", "the address has no query and does not end with a slash")
        key, state = (issuer.take(name, str, "a text", None) for name in ("key", "state"))
        roots, revocations = (issuer.take(name, str, "a file", None) for name in ("roots", "revocations"))
        dpop_nonce = issuer.take("dpop_nonce", bool, "true or false", False)
        issuer.done()
        trusted: dict[str, Party] = {}
        for number, given in enumerate(trusts):
            party = self._party(_Table(self, given, "trust", number), url)
            if party.name in trusted:
                raise PolicyError(self.name, f"two parties are called `{party.name}`")
            trusted[party.name] = party
        found: dict[str, Grant] = {}
        if len(grants) > GRANTS:
            raise PolicyError(self.name, f"a policy has at most {GRANTS} grants")
        for number, given in enumerate(grants):
            grant = self._grant(_Table(self, given, "grant", number), trusted)
            if grant.name in found:
                raise PolicyError(self.name, f"two grants are called `{grant.name}`")
            found[grant.name] = grant
        return Policy(
            url=url,
            trusted=trusted,
            grants=tuple(found.values()),
            key=None if key is None else self.path(key),
            state=state,
            dpop_nonce=dpop_nonce,
            login=None if login is None else self._login(login, trusted),
            roots=None if roots is None else self.path(roots),
            revocations=None if revocations is None else self.path(revocations),
            warnings=tuple(self.warnings),
        )

    def _section(self, values: dict[str, Any], name: str) -> dict[str, Any]:
        found = values.pop(name, None)
        if not isinstance(found, dict):
            raise PolicyError(self.name, f"a policy has a section [{name}]")
        return found

    def _sections(self, values: dict[str, Any], name: str) -> list[dict[str, Any]]:
        found = values.pop(name, None)
        if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
            raise PolicyError(self.name, f"a policy has at least one section [[{name}]]")
        return found

    def _login(self, given: object, trusted: Mapping[str, Party]) -> LoginSettings:
        if not isinstance(given, dict):
            raise PolicyError(self.name, "[login] is a section")
        table = _Table(self, given, "login")
        party = trusted.get(table.take("trust", str, "the name of an OpenID provider of this policy"))
        if not isinstance(party, OpenIdProvider):
            raise table.fail("trust", "this is no OpenID provider of this policy")
        client = table.take("client", str, "the client that people log in with")
        scope = table.take("scope", str, "what is asked for, such as `openid email`", "openid")
        table.done()
        if "openid" not in scope.split():
            raise table.fail("scope", "without `openid` there is no ID token")
        return LoginSettings(provider=party.issuer, client=client, scope=scope)

    def _party(self, table: _Table, url: str) -> Party:
        kinds: dict[str, Callable[[_Table, str, str], Party]] = {
            "oidc": self._oidc,
            "spiffe-jwt": self._spiffe,
            "spiffe-x509": self._certificates,
        }
        kind = table.take("type", str, f"one of {', '.join(kinds)}")
        name = self._word(table)
        if kind not in kinds:
            raise table.fail("type", f"one of {', '.join(kinds)} is wanted")
        party = kinds[kind](table, name, url)
        table.done()
        return party

    def _word(self, table: _Table) -> str:
        name = table.take("name", str, "a short name")
        if not _WORD.fullmatch(name):
            raise table.fail("name", "a name is a word of a-z, 0-9, `_`, `.` and `-`, at most 64 characters")
        return str(name)

    def _algorithms(self, table: _Table, usual: tuple[str, ...]) -> frozenset[str]:
        found = table.texts("algorithms", "names of algorithms", None) or usual
        for each in found:
            if each not in KINDS:
                raise table.fail("algorithms", f"`{shown(each)}` is none of {', '.join(KINDS)}")
        return frozenset(found)

    def _place(self, table: _Table, key: str) -> str:
        """Take the address or the file of keys."""
        place = table.take(key, str, "an address or a file")
        if "://" in place:
            table.made(key, lambda: checked_host(place))
            return str(place)
        return str(self.path(place))

    def _oidc(self, table: _Table, name: str, _url: str) -> OpenIdProvider:
        issuer = table.take("issuer", str, "the provider's `iss`, exactly")
        table.made("issuer", lambda: checked_host(issuer))
        source = self._place(table, "keys") if "keys" in table.values else ""
        load = from_place(source, self.fetch) if source else from_discovery(issuer, self.fetch)
        types = table.texts("tokens", "kinds of tokens", None) or ("id_token",)
        for each in types:
            if each not in TYPES:
                raise table.fail("tokens", f"`{shown(each)}` is none of {', '.join(TYPES)}")
        require = table.take("require", dict, "a table of claims", None) or {}
        if not all(type(value) in {str, int, bool} for value in require.values()):
            raise table.fail("require", "what a claim must be is a text, a whole number, true or false")
        return OpenIdProvider(
            name=name,
            issuer=issuer,
            audience=frozenset(table.texts("audience", "what a token's `aud` must hold: names of yours") or ()),
            clients=frozenset(table.texts("clients", "names of clients", None) or ()),
            algorithms=self._algorithms(table, _OIDC_ALGORITHMS),
            types=frozenset(TYPES[each] for each in types),
            keys=Keys(name, load),
            source=source,
            require=require,
            age_s=table.span("max_age", AGE_S),
        )

    def _domain(self, table: _Table) -> str:
        domain = table.take("trust_domain", str, "a trust domain such as example.org")
        if not is_trust_domain(domain):
            raise table.fail("trust_domain", "a trust domain is written as example.org, in small letters")
        return str(domain)

    def _spiffe(self, table: _Table, name: str, url: str) -> SpiffeDomain:
        bundle = self._place(table, "bundle")
        return SpiffeDomain(
            name=name,
            trust_domain=self._domain(table),
            audience=frozenset(table.texts("audience", "names of yours", None) or (url,)),
            algorithms=self._algorithms(table, _SVID_ALGORITHMS),
            keys=Keys(name, from_place(bundle, self.fetch, use="jwt-svid")),
            source=bundle,
            age_s=table.span("max_age", AGE_S),
        )

    def _certificates(self, table: _Table, name: str, _url: str) -> CertificateDomain:
        bundle = self._place(table, "bundle")
        kept = Kept(f"the authorities of {name}", from_bundle(bundle, self.fetch))
        return CertificateDomain(
            name=name,
            trust_domain=self._domain(table),
            authorities=lambda now: kept.current(now).value,
            source=bundle,
        )

    def _grant(self, table: _Table, trusted: Mapping[str, Party]) -> Grant:
        name = self._word(table)
        trust = table.take("trust", str, "whose tokens this is about", None)
        if trust is None:
            if len(trusted) > 1:
                raise table.fail("", f"`trust` is missing: whose tokens this is about, of {', '.join(trusted)}")
            trust = next(iter(trusted))
        if trust not in trusted:
            raise table.fail("trust", f"nobody here is called `{shown(trust)}`; there are {', '.join(trusted)}")
        condition = table.expression("if", "bool", "a condition: who gets this")
        originator = table.expression("for", "string", "CEL that gives a name, such as '\"user:\" + claims.email'")
        assert condition is not None  # noqa: S101 - for the type checker: both are needed
        assert originator is not None  # noqa: S101 - the same
        let = table.expressions("let", "", "CEL that gives a value")
        hops = table.take("hops", int, "a whole number", 0)
        if not 0 <= hops <= HOPS_MAX:
            raise table.fail("hops", f"a whole number from 0 to {HOPS_MAX} is wanted")
        audience = table.texts("audience", "names of services", None)
        flags = {each: table.take(each, bool, "true or false", False) for each in ("unbound", "known", "sponsored")}
        grant = Grant(
            name=name,
            trust=trust,
            condition=condition,
            originator=originator,
            holder=table.expression("agent", "string", "CEL that gives the holder's name", None),
            can=self._can(table),
            caveats=self._caveats(table, let),
            let=let,
            ttl_s=table.span("ttl"),
            hops=hops,
            budget=table.take("budget", dict, "a table of amounts", None),
            audience=audience,
            needs=self._needs(table),
            tenant=table.take("tenant", str, "a tenant", None),
            who=table.expressions("who", "string", "CEL that gives a text"),
            why=table.take("why", str, "the purpose", None),
            **flags,
        )
        table.done()
        self._try_out(table, grant)
        return grant

    def _can(self, table: _Table) -> tuple[Capability, ...]:
        given = table.texts("can", "what is permitted, such as 'files.read /reports/**'") or ()
        if len(given) > CAPABILITIES:
            raise table.fail("can", f"a grant has at most {CAPABILITIES} capabilities")
        return tuple(table.made("can", lambda text=text: Capability.parse(text)) for text in given)  # type: ignore[misc]

    def _caveats(self, table: _Table, let: Mapping[str, Compiled]) -> tuple[str, ...]:
        from delegate.core.evaluator.opcodes import CAVEAT_NAMES

        given = table.texts("caveats", "conditions for every request", None) or ()
        for name in let:
            if not _NAME.fullmatch(name) or name in CAVEAT_NAMES:
                raise table.fail("let", f"`{shown(name)}` cannot be given a value")
        used: set[str] = set()
        for text in given:
            table.made("caveats", lambda text=text: read(text, frozenset({*CAVEAT_NAMES, *let})))  # type: ignore[misc]
            used |= used_by(text, let)
        if let.keys() - used:
            raise table.fail("let", f"no caveat reads `{min(let.keys() - used)}`")
        return given

    def _needs(self, table: _Table) -> tuple[Need, ...]:
        given = table.take("needs", list, "a list of tables", None) or []
        return tuple(self._need(table, each) for each in given)

    def _need(self, table: _Table, given: object) -> Need:
        if not isinstance(given, dict):
            raise table.fail("needs", 'each need is a table: { by = ["boss.pub"] }')
        inner = _Table(self, given, table.section, table.place)
        files = inner.texts("by", "public key files of those who may confirm") or ()
        parties = []
        for name in files:
            try:
                parties.append(inner.made("by", lambda name=name: Principal.load(self.path(name))))  # type: ignore[misc]
            except OSError as error:
                raise inner.fail("by", f"{shown(name)}: {(error.strerror or 'cannot be read').lower()}") from None
        of, standing = inner.take("of", int, "a whole number", 1), inner.take("standing", bool, "true or false", False)
        condition = inner.take("if", str, "a condition", APPROVED)
        age = inner.span("max_age", 0) or None
        for key in inner.values:
            raise table.fail("needs", f"there is no `{shown(key)}` in a need")
        return table.made("needs", lambda: need(parties, of=of, condition=condition, max_age=age, standing=standing))

    def _try_out(self, table: _Table, grant: Grant) -> None:
        """Find what no block can hold, before anybody asks for it."""
        from delegate.authoring.identity import Identity

        maker = Identity.from_seed("svc:nobody", bytes(32))
        terms: dict[str, Any] = {"can": grant.can, "ttl": grant.ttl_s, "now": 0, "hops": grant.hops}
        for term in ("budget", "audience", "needs", "tenant", "why"):
            said = getattr(grant, term)
            if said:
                terms[term] = said
        table.made("", lambda: maker.mint(to=maker.principal, **terms))
