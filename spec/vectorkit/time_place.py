"""time_place.json: the clock, the service, the tenant, the originator (SPEC §5.2 to §5.4)."""

from __future__ import annotations

from vectorkit.build import ALICE, AUDIENCE, ISSUER, NOW, WORKER, Chain, Maker, chain, prove, root, step
from vectorkit.encode import cbor

LATER = NOW + 28_800
MAIL = "mail.example.com"


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("time")
    _clock(maker)
    _trust(maker)
    place = Maker("place", maker.made)
    _audience(place)
    _tenant(place)
    _originator(place)
    return maker


def _at(held: Chain, now: int) -> bytes:
    """The chain with a proof made at that time."""
    return held.present(prove(held, claims={6: now}))


def _clock(maker: Maker) -> None:
    one = chain(step())
    maker.add("last-second", "5.3", "one second before exp", _at(one, LATER - 1), now=LATER - 1)
    maker.add("expired", "5.3", "at exp, exactly: there is no leeway", _at(one, LATER), "expired", 0, now=LATER)
    maker.add("expired-long", "5.3", "a year after exp", _at(one, LATER + 10**7), "expired", 0, now=LATER + 10**7)
    short = chain(step(), step(WORKER, exp=NOW))
    maker.add("expired-1", "5.3", "at the exp of block 1, while block 0 has hours left", short, "expired", 1)
    wide = chain(step(exp=NOW), step(WORKER, exp=LATER))
    maker.add("longer-child", "5.3", "block 1 says a later exp than block 0, whose own is over", wide, "expired", 0)
    maker.add(
        "longer-child-meanwhile",
        "5.3",
        "block 1 says a later exp than block 0, which is not over",
        chain(step(exp=NOW + 1), step(WORKER, exp=LATER)),
    )
    maker.add("expired-token", "5.3", "a bare chain at exp", one.token(), "expired", 0, now=LATER)
    maker.add("not-before-leeway", "5.3", "nbf ahead by just the leeway", chain(step(nbf=NOW + 30)))
    maker.add(
        "not-before", "5.3", "nbf ahead by a second more than the leeway", chain(step(nbf=NOW + 31)), "not_yet_valid", 0
    )
    maker.add(
        "not-before-1", "5.3", "block 1's nbf ahead", chain(step(), step(WORKER, nbf=NOW + 3600)), "not_yet_valid", 1
    )
    maker.add(
        "not-before-lowered",
        "5.3",
        "block 1 says an earlier nbf than block 0",
        chain(step(nbf=NOW + 3600), step(WORKER, nbf=NOW - 60)),
        "not_yet_valid",
        0,
    )
    maker.add(
        "not-before-no-leeway",
        "5.3",
        "a verifier without leeway",
        chain(step(nbf=NOW + 1)),
        "not_yet_valid",
        0,
        leeway=None,
    )
    maker.add(
        "issued-ahead",
        "5.3",
        "iat ahead by a second more than the leeway",
        chain(step(iat=NOW + 31)),
        "not_yet_valid",
        0,
    )
    maker.add("lifetime", "5.3", "just as long a life as the verifier takes", one, max_lifetime=28_800 + 600)
    maker.add(
        "lifetime-too-long",
        "5.3",
        "a second longer than the verifier takes",
        one,
        "lifetime_too_long",
        0,
        max_lifetime=28_799 + 600,
    )


def _trust(maker: Maker) -> None:
    one = chain(step())
    maker.add(
        "root-until", "5.3", "the last second in which the root is trusted", one, roots=[root(ALICE, not_after=NOW)]
    )
    maker.add(
        "root-over",
        "5.3",
        "a second after the root is trusted",
        one,
        "unknown_root",
        0,
        roots=[root(ALICE, not_after=NOW - 1)],
    )
    maker.add(
        "root-not-yet",
        "5.3",
        "a second before the root is trusted",
        one,
        "unknown_root",
        0,
        roots=[root(ALICE, not_before=NOW + 1)],
    )


def _audience(maker: Maker) -> None:
    maker.add("audience", "5.4", "this service among two", chain(step(aud=[MAIL, AUDIENCE])))
    maker.add("audience-other", "5.4", "for another service", chain(step(aud=[MAIL])), "wrong_audience", 0)
    maker.add(
        "audience-other-token",
        "5.4",
        "a bare chain for another service",
        chain(step(aud=[MAIL])).token(),
        "wrong_audience",
        0,
    )
    maker.add(
        "audience-narrowed",
        "5.4",
        "narrowed to this service",
        chain(step(aud=[MAIL, AUDIENCE]), step(WORKER, aud=[AUDIENCE])),
    )
    maker.add(
        "audience-narrowed-away",
        "5.4",
        "narrowed to another service",
        chain(step(aud=[MAIL, AUDIENCE]), step(WORKER, aud=[MAIL])),
        "wrong_audience",
        1,
    )
    maker.add(
        "audience-widened",
        "5.4",
        "block 1 names this service, which block 0 did not",
        chain(step(aud=[MAIL]), step(WORKER, aud=[AUDIENCE])),
        "wrong_audience",
        0,
    )
    maker.add(
        "audience-prefix",
        "5.4",
        "a name that begins with this service's",
        chain(step(aud=[AUDIENCE + ".evil.com"])),
        "wrong_audience",
        0,
    )
    maker.add(
        "audience-case",
        "5.4",
        "this service's name in capitals",
        chain(step(aud=[AUDIENCE.upper()])),
        "wrong_audience",
        0,
    )


def _tenant(maker: Maker) -> None:
    acme = chain(step(tenant="acme"))
    maker.add("tenant", "5.4", "the verifier's tenant", acme, tenant="acme")
    maker.add("tenant-other", "5.4", "another tenant's chain", acme, "wrong_tenant", 0, tenant="globex")
    maker.add(
        "tenant-missing",
        "5.4",
        "a chain without tenant, for a verifier with one",
        chain(step()),
        "wrong_tenant",
        0,
        tenant="acme",
    )
    maker.add("tenant-unasked", "5.4", "a chain with a tenant, for a verifier without", acme, "wrong_tenant", 0)
    maker.add(
        "tenant-root",
        "5.2",
        "a root that may not sign for this tenant",
        acme,
        "unknown_root",
        0,
        tenant="acme",
        roots=[root(ALICE, tenants=["globex"])],
    )
    maker.add(
        "tenant-case", "5.4", "the tenant in capitals", chain(step(tenant="ACME")), "wrong_tenant", 0, tenant="acme"
    )


def _originator(maker: Maker) -> None:
    def add(
        name: str, comment: str, person: str, expect: str = "allow", hop: int | None = None, **terms: object
    ) -> None:
        speaks_for = terms.get("speaks_for", ["user:*@example.com"])
        maker.add(
            f"originator-{name}",
            "5.2",
            comment,
            chain(step(for_=person), root=ISSUER),
            expect,
            hop,
            roots=[root(ISSUER, speaks_for=speaks_for)],
        )

    add("spoken-for", "an issuing service acts for a person", "user:dana@example.com")
    add("other-domain", "for a person of another domain", "user:dana@example.org", "originator_refused", 0)
    add(
        "longer-domain",
        "for a person whose domain begins alike",
        "user:dana@example.com.evil.org",
        "originator_refused",
        0,
    )
    add(
        "two-signs",
        "for a name in which the pattern's end is a path",
        "user:eve@evil.org/@example.com",
        "originator_refused",
        0,
    )
    add("prefix", "for a name that ends alike", "svc:user:dana@example.com", "originator_refused", 0)
    add("nobody", "a root that speaks for nobody", "user:dana@example.com", "originator_refused", 0, speaks_for=[])
    maker.add(
        "originator-plain-root",
        "5.2",
        "a person's root in another person's name",
        chain(step(for_="user:bob@example.com")),
        "originator_refused",
        0,
    )
    maker.add(
        "originator-caveat",
        "6.2",
        "a caveat reads the originator, not the service that signed",
        chain(step(for_="user:dana@example.com", if_=cbor([[4, "origin", "user:dana@example.com"]])), root=ISSUER),
        roots=[root(ISSUER, speaks_for=["user:*@example.com"])],
    )
