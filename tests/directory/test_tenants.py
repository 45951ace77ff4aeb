"""Non-interference: all that one tenant is answered is the same with and without the others' data (SPEC §10.5)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

import pytest

from delegate import DelegateError
from delegate.directory import Directory, read
from tests.directory.conftest import ALICE, NEWER, NOW, PLANNER, Place, key_of, person

NAMES = ("agent:a", "agent:b", "agent:c", "user:ann@example.com", "user:ben@example.com", "svc:x")
SPONSORS = (None, "user:ann@example.com", "user:ben@example.com", "user:nobody@example.com")


def answered(call: Callable[[], object]) -> str:
    """All that a caller can see of a call: what it gives, or what it raises, in words."""
    try:
        return repr(call())
    except (DelegateError, ValueError) as error:
        return f"{type(error).__name__} {error!s} {getattr(error, 'faults', None)!r}"


def step(directory: Directory, rng: random.Random) -> str:
    """One call of the many that there are, right or wrong."""
    name = rng.choice(NAMES)
    key = person(rng.choice(NAMES), rng.randrange(4)).public_key  # often somebody else's
    principal = type(PLANNER.principal)(name, key)
    lines = "\n".join(json.dumps({"name": each, "key": key_of(each, 9).public_key.to_text()}) for each in NAMES[:3])
    calls: list[Callable[[], object]] = [
        lambda: directory.add(principal, sponsor=rng.choice(SPONSORS), note=str(rng.randrange(3))),
        lambda: directory.add(name),
        lambda: directory.rotate(principal, overlap=rng.choice((None, "1h"))),
        lambda: directory.assign(name, sponsor="user:ann@example.com", model=str(rng.randrange(9))),
        lambda: directory.disable(name, why=str(rng.randrange(9))),
        lambda: directory.enable(name),
        lambda: directory.take(read(lines.encode())),
        lambda: directory.get(name),
        lambda: directory.history(name),
        lambda: directory.of_key(key),
        lambda: directory.find([key.thumbprint, bytes(32)], now=NOW),
        lambda: list(directory),
        lambda: [(entry.to_json(events), entry.is_orphaned) for entry, events in directory.with_history()],
    ]
    return answered(rng.choice(calls))


def told(place: Place, tenant: str | None, seed: int, others: Iterator[str] | None) -> list[str]:
    """What a tenant is answered in a run of calls; the others do theirs in between."""
    directory, rng = place.open(tenant), random.Random(seed)  # noqa: S311 - a test's choices, the same each time
    found = []
    for number in range(60):
        if others is not None:
            for _ in range(2):
                next(others)
        place.now = NOW + number
        found.append(step(directory, rng))
    found.append(repr([(entry.to_json(events), entry.sponsor_is) for entry, events in directory.with_history()]))
    return found


def noise(place: Place, tenants: tuple[str | None, ...], seed: int) -> Iterator[str]:
    """Other tenants at work, with the same names and keys and with others."""
    directories = [place.open(each) for each in tenants]
    rng = random.Random(seed)  # noqa: S311 - as above
    while True:
        place.now = NOW + rng.randrange(10_000)
        yield step(rng.choice(directories), rng)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("tenant", "others"),
    [("acme", ("acm", "acmf", None)), (None, ("a", "acme")), ("b", ("a", "c", "B"))],
    ids=["acme", "none", "b"],
)
def test_every_answer_is_the_same_with_and_without_the_others(
    place: Place, tenant: str | None, others: tuple[str | None, ...], seed: int
) -> None:
    """Entries, orders, numbers, histories, refusals and their words: 60 calls, among 120 of others'."""
    alone = told(place, f"alone-{tenant}", seed, None)
    among = told(place, tenant, seed, noise(place, others, seed))
    assert alone == among
    assert any("IDENTITY_SHARED" in each or "identity_shared" in each for each in alone)  # refusals were among them


def test_one_key_and_one_name_may_stand_in_two_tenants(place: Place) -> None:
    """Under one name and under two, disabled in one and not in the other."""
    one, other = place.open("one"), place.open("other")
    for each in (one, other):
        each.add(PLANNER.principal, sponsor=ALICE.name)
    one.add(ALICE.principal)
    one.disable(PLANNER.name)
    one.disable(ALICE.name)
    other.add(type(PLANNER.principal)("user:someone", ALICE.public_key))
    assert [each.name for each in other] == [PLANNER.name, "user:someone"]
    (known,) = other.find([PLANNER.public_key.thumbprint], now=NOW).values()
    assert (known.name, known.fault) == (PLANNER.name, "")
    assert [each.sponsor_is for each in other if each.kind == "agent"] == ["unregistered"]
    assert [each.is_orphaned for each in other] == [False, False]
    one.enable(PLANNER.name)
    one.rotate(NEWER.principal)
    assert other.of_key(NEWER.public_key) is None
    assert len(other.history(PLANNER.name)) == 1


def test_every_question_names_its_tenant() -> None:
    """No statement reads or changes principals, keys or events without the tenant as its condition or first value."""
    from delegate.directory import schema

    statements = {name: value for name, value in vars(schema).items() if name.isupper() and isinstance(value, str)}
    statements |= {name: getattr(schema, name)(2) for name in ("find", "names_among", "keys_among")}
    about = [
        each for each in statements.values() if any(f"@{table}" in each for table in ("principals", "keys", "events"))
    ]
    assert len(about) >= 14
    for each in about:
        if each.startswith("INSERT"):
            assert "(tenant," in each
        elif not each.startswith("\nCREATE") and "{each}" not in each:
            assert "tenant = ?" in each
            joined = each.count(" JOIN ")
            assert (
                sum(each.count(f"{name}.tenant = each.tenant") for name in ("sponsor", "key"))
                + (1 if "each.tenant = key.tenant" in each else 0)
                == joined
            )


def test_every_key_and_reference_begins_with_the_tenant() -> None:
    """In the tables as they are made: nothing else is unique, and nothing counts by itself."""
    from delegate.directory import schema

    made = " ".join(schema.tables("", binary="BLOB", integer="INTEGER"))
    assert made.count("PRIMARY KEY (tenant, ") == made.count("CREATE TABLE") - 1
    assert made.count("FOREIGN KEY (tenant, name) REFERENCES principals (tenant, name)") == 2
    assert not {"UNIQUE", "AUTOINCREMENT", "SERIAL", "SEQUENCE", "IDENTITY"} & set(made.upper().split())
    indexes = [each for each in schema.tables("", binary="BLOB", integer="INTEGER") if "INDEX" in each]
    assert all("(tenant, " in each for each in indexes)


@pytest.mark.parametrize("tenant", ["", "a b", "é", "x" * 201, "a\n"])
def test_what_is_no_tenant_is_refused(place: Place, tenant: str) -> None:
    """When it is opened, and when another is asked for."""
    with pytest.raises(ValueError, match="a tenant is"):
        place.open(tenant)
    with pytest.raises(ValueError, match="a tenant is"):
        place.open().of(tenant)
