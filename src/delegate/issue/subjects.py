"""Who somebody is, by the word of a party that is trusted for that: tokens of OpenID providers and of SPIFFE.

The rules of this file:

- The signature comes first. Before it, a token's `iss` or `sub` only chooses whose keys to try.
- An algorithm is one that the policy lists; the kind of the key must fit it.
- A token is for this issuer (`aud`) and was given to a client that the policy names (`azp`), or it is nobody's here.
- A token of another kind is refused by its type: a proof or a logout token was not made to say who somebody is.
- A token that does not say when it was made (a JWT-SVID may be silent) is as old as it can be, never as young: what
  began to remember after it may have forgotten its use.
- An e-mail address that its provider has not verified cannot be read: whoever can write any address into their profile
  would be anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from delegate.core.chain.printable import shown
from delegate.errors import Reason
from delegate.issue.compact import JWS_BYTES, Jws, parse
from delegate.issue.facts import Unreadable, read_object
from delegate.issue.jose import check_algorithm
from delegate.issue.keysets import Keys
from delegate.issue.refusals import NotIssued
from delegate.issue.words import ACCESS_TOKEN, ID_TOKEN, JWT
from delegate.limits import TIME_MAX
from delegate.regular import regular

TYPES: Final = {"id_token": ID_TOKEN, "access_token": ACCESS_TOKEN, "jwt": JWT}
# What a token of each kind may call itself (RFC 9068 §2.1, RFC 7519 §5.1); an ID token has no word of its own.
_HEADER_TYPES: Final = {
    ID_TOKEN: frozenset({"", "jwt"}),
    ACCESS_TOKEN: frozenset({"at+jwt", "application/at+jwt"}),
    JWT: frozenset({"", "jwt"}),
}
LEEWAY_S: Final = 5  # how far apart two clocks may be
AGE_S: Final = 24 * 3600
_TRUST_DOMAIN: Final = regular(r"[a-z0-9._-]{1,255}")
_SPIFFE_ID: Final = regular(r"spiffe://([a-z0-9._-]{1,255})((?:/[A-Za-z0-9._-]+)+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who somebody is, as a trusted party says.

    Attributes:
        trust: the name of that party in the policy.
        claims: what it says, as conditions read it: `aud` is always a list.
        issued: when it said so, Unix seconds; 0 where it does not say: it is as old as it can be.
        expires: until when it stands by that.
        id: what names the token, 32 bytes.
        jkt: the key that the token was made for, by JOSE's thumbprint; empty where it names none.
        x5t: the certificate that it was made for, the same.
        nonce: an ID token's; empty where it has none.
        by_certificate: it is the very certificate of the connection: nobody else can have brought it.
    """

    trust: str
    claims: dict[str, Any]
    issued: int
    expires: int
    id: bytes
    jkt: str = ""
    x5t: str = ""
    nonce: str = ""
    by_certificate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdProvider:
    """An OpenID provider whose tokens are taken.

    Attributes:
        name: what the policy calls it.
        issuer: its `iss`, exactly.
        audience: names of this issuer's; a token must be for one of them.
        clients: to whom a token may have been given; empty: to any.
        algorithms: which are taken; never empty.
        types: which kinds of tokens, as OAuth names them.
        require: claims that must be these, exactly: a tenant.
        age_s: how old a token may be, however long it is good.
        source: where its keys come from, as the policy says.
    """

    name: str
    issuer: str
    audience: frozenset[str]
    clients: frozenset[str]
    algorithms: frozenset[str]
    types: frozenset[str]
    keys: Keys = field(repr=False, compare=False)
    source: str = ""
    require: Mapping[str, object] = field(default_factory=dict)
    age_s: int = AGE_S

    def takes(self, kind: str, claims: Mapping[str, Any]) -> bool:
        """Say whether a token claims to be of this party's."""
        return kind in self.types and claims.get("iss") == self.issuer

    def check(self, jws: Jws, claims: dict[str, Any], kind: str, *, now: int) -> Subject:
        """Check a token that claims to be of this party's.

        Raises:
            NotIssued: UNSUPPORTED_ALGORITHM, BAD_SIGNATURE, MALFORMED, WRONG_AUDIENCE, WRONG_TENANT, EXPIRED,
                NOT_YET_VALID.
            IssuerUnavailable: the party's keys cannot be had.

        Source: OpenID Connect Core 3.1.3.7, RFC 9068 §4, RFC 8725 §3.
        """
        check_signature(jws, self.algorithms, self.keys, kind, now=now)
        issued = check_times(claims, now=now, age_s=self.age_s, issued_needed=True)
        given = check_audience(claims, self.audience)
        party = claims.get("azp", claims.get("client_id") if kind == ACCESS_TOKEN else None)
        if party is not None and not isinstance(party, str):
            raise NotIssued(Reason.MALFORMED, "`azp` is a text")
        if party is None and len(given) > 1:
            raise _no(Reason.WRONG_AUDIENCE, "it is for several parties, and does not say to whom it was given (azp)")
        if party is not None and self.clients and party not in self.clients:
            raise _no(Reason.WRONG_AUDIENCE, "it was given to another client")
        if party is not None and not self.clients and kind == ID_TOKEN and party not in self.audience:
            raise _no(Reason.WRONG_AUDIENCE, "it was given to another client")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise NotIssued(Reason.MALFORMED, "the token has no `sub`")
        for name, wanted in self.require.items():
            if type(claims.get(name)) is not type(wanted) or claims[name] != wanted:
                raise _no(Reason.WRONG_TENANT, f"its `{shown(name)}` is not the one that is taken here")
        nonce = claims.get("nonce", "")
        if not isinstance(nonce, str):
            raise NotIssued(Reason.MALFORMED, "`nonce` of the token is a text")
        return Subject(
            trust=self.name,
            claims=readable(claims, given),
            issued=issued,
            expires=claims["exp"],
            id=jws.id,
            nonce=nonce,
            **_confirmation(claims),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiffeDomain:
    """A SPIFFE trust domain whose JWT-SVIDs are taken.

    Attributes:
        name: what the policy calls it.
        trust_domain: `example.org`.
        audience: names of this issuer's.
        algorithms: which are taken; never empty.
    """

    name: str
    trust_domain: str
    audience: frozenset[str]
    algorithms: frozenset[str]
    keys: Keys = field(repr=False, compare=False)
    source: str = ""
    age_s: int = AGE_S

    def takes(self, kind: str, claims: Mapping[str, Any]) -> bool:
        """Say whether a token claims to be of this domain."""
        return kind == JWT and spiffe_domain(claims.get("sub")) == self.trust_domain

    def check(self, jws: Jws, claims: dict[str, Any], kind: str, *, now: int) -> Subject:
        """Check a JWT-SVID; as `OpenIdProvider.check`. Source: JWT-SVID 3 and 4."""
        check_signature(jws, self.algorithms, self.keys, kind, now=now)
        issued = check_times(claims, now=now, age_s=self.age_s, issued_needed=False)
        given = check_audience(claims, self.audience)
        return Subject(
            trust=self.name,
            claims=readable(claims, given),
            issued=issued,
            expires=claims["exp"],
            id=jws.id,
            **_confirmation(claims),
        )


def check_token(text: str, kind: str, trusted: Sequence[OpenIdProvider | SpiffeDomain], *, now: int) -> Subject:
    """Check a token that says who somebody is.

    Args:
        text: a compact JWS, at most 16 KiB.
        kind: what whoever brought it says that it is, as OAuth names it.
        trusted: whose word counts.
        now: Unix seconds.

    Raises:
        NotIssued: it says nothing to us. IssuerUnavailable: the keys to check it with cannot be had.

    Cost: one signature check.
    """
    jws = parse(text, "the subject token")
    claims = read_object(jws.payload, "the subject token", most_bytes=JWS_BYTES)
    for party in trusted:
        if party.takes(kind, claims):
            return party.check(jws, claims, kind, now=now)
    raise NotIssued(
        Reason.UNKNOWN_ROOT, f"nobody who is trusted here gives tokens like this: {shown(str(claims.get('iss')))}",
        told="this token is of nobody whose word counts here",
    )  # fmt: skip


def check_signature(jws: Jws, algorithms: frozenset[str], keys: Keys, kind: str, *, now: int) -> None:
    """Check type, algorithm and signature of a token; raises NotIssued."""
    check_algorithm(jws, algorithms, "the subject token")
    said = str(jws.header.get("typ", "")).lower()
    if said not in _HEADER_TYPES[kind] and not (kind == JWT and said == "jose"):
        raise NotIssued(Reason.MALFORMED, f"a token of another kind: its type is `{shown(said)}`")
    if not keys.signed(jws, now=now):
        raise NotIssued(Reason.BAD_SIGNATURE, "no key of its issuer's signed the subject token")


def check_times(claims: Mapping[str, Any], *, now: int, age_s: int, issued_needed: bool) -> int:
    """Check that a token is good now; gives when it was issued, 0 where it does not say. Raises NotIssued."""
    undated = "iat" not in claims and not issued_needed
    expires, issued = claims.get("exp"), 0 if undated else claims.get("iat")
    begins = claims.get("nbf", issued)
    if not all(map(_is_time, (expires, issued, begins))):
        raise NotIssued(Reason.MALFORMED, "`exp`, `iat` or `nbf` of the token is missing or is not a time")
    expires, issued, begins = int(expires), int(issued), int(begins)  # type: ignore[arg-type] # they are times
    if now >= expires:
        raise _no(Reason.EXPIRED, "it has expired")
    if max(begins, issued) > now + LEEWAY_S:
        raise _no(Reason.NOT_YET_VALID, "it is not valid yet")
    if not undated and now - issued > age_s:
        raise _no(Reason.EXPIRED, "it is too old, although it has not expired")
    return issued


def _is_time(value: object) -> bool:
    """Whether this is a NumericDate (RFC 7519 §2) of these times; some providers give a fraction."""
    return type(value) in {int, float} and 0 <= value <= TIME_MAX  # type: ignore[operator]


def check_audience(claims: Mapping[str, Any], ours: frozenset[str]) -> list[str]:
    """Check that a token is for us; gives all that it is for. Raises NotIssued."""
    said = claims.get("aud")
    given = [said] if isinstance(said, str) else said
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise NotIssued(Reason.MALFORMED, "`aud` of the token is a text or a list of texts")
    if not ours & set(given):
        raise _no(Reason.WRONG_AUDIENCE, "it is meant for somebody else")
    return given


def spiffe_domain(name: object) -> str:
    """Give the trust domain of a workload's SPIFFE id; empty text where it is none. Source: SPIFFE-ID 2."""
    found = _SPIFFE_ID.fullmatch(name) if isinstance(name, str) and len(name) <= 2048 else None
    if found is None or any(part in {".", ".."} for part in found[2].split("/")):
        return ""
    return str(found[1])


def is_trust_domain(name: str) -> bool:
    """Say whether this is the name of a trust domain."""
    return _TRUST_DOMAIN.fullmatch(name) is not None


def _confirmation(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Read `cnf`: which key or certificate a token was made for (RFC 7800, RFC 8705, RFC 9449 §6).

    Raises:
        NotIssued: MALFORMED: what it says is not understood, and was said to restrict the token.
    """
    cnf = claims.get("cnf")
    if cnf is None and "cnf" not in claims:
        return {}
    known = {"jkt": "jkt", "x5t#S256": "x5t"}
    if not isinstance(cnf, dict) or not cnf or not cnf.keys() <= known.keys():
        raise _no(Reason.PROOF_WRONG_KEY, "it is bound to something that is not understood here (cnf)")
    if not all(isinstance(each, str) and each for each in cnf.values()):
        raise NotIssued(Reason.MALFORMED, "`cnf` of the token holds texts")
    return {known[name]: value for name, value in cnf.items()}


def readable(claims: dict[str, Any], audience: list[str]) -> dict[str, Any]:
    """Give claims as conditions read them."""
    found = {**claims, "aud": audience}
    if "email" in found and found.get("email_verified") is not True:
        found["email"] = Unreadable("its provider does not say that this address was verified")
    return found


def _no(reason: Reason, words: str) -> NotIssued:
    return NotIssued(reason, f"the subject token is refused: {words}", told=f"subject token: {words}")
