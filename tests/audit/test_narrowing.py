"""A suggestion never reaches further than what was granted, and needs what was used."""

from __future__ import annotations

from pathlib import Path

import pytest

from delegate import Request
from delegate.audit import Log, Recorder, keep_arguments
from delegate.audit.advise import Advice, advise
from delegate.audit.learning import Call, Judge, learn
from delegate.audit.narrowing import granted_by, is_within
from delegate.audit.routes import route_of
from delegate.errors import DelegateError
from delegate.language.capability import Capability
from tests.audit.conftest import ALICE, NOW, PLANNER, SERVICE, WORKER, verifier

TWELVE = [f"a{number}.x /p{number}/**" for number in range(12)]
Given = tuple[str, str | None, dict[str, object]]


def advised(log: Log, can: list[str], caveats: list[str], used: list[Given]) -> Advice:
    """Mint, use, and ask for advice."""
    token = ALICE.mint(to=PLANNER.principal, can=can, caveats=caveats or None, ttl="8h", now=NOW)
    service = verifier(audit=Recorder(log, arguments=keep_arguments()))
    for action, resource, args in used:
        request = Request(action, resource, args)
        service.authorize(PLANNER.prove(token, request, SERVICE, now=NOW + 10), request)
    return advise(log, "agent:planner")


def is_granted(can: list[str], caveats: list[str], given: Given) -> bool:
    """Say whether the chain itself permits it."""
    token = ALICE.mint(to=PLANNER.principal, can=can, caveats=caveats or None, ttl="8h", now=NOW)
    request = Request(*given)
    try:
        verifier().authorize(PLANNER.prove(token, request, SERVICE, now=NOW + 10), request)
    except DelegateError:
        return False
    return True


@pytest.mark.parametrize(
    ("can", "caveats", "used", "beyond"),
    [
        (["files.read /a/**", "files.read /b/**"], [], [("files.read", "/a/x", {}), ("files.read", "/b/y", {})],
         [("files.read", "/etc/shadow", {})]),
        (['mail if args.to == "a@x.com"', 'mail if args.to == "b@y.com"'], [],
         [("mail", None, {"to": "a@x.com"}), ("mail", None, {"to": "b@y.com"})], [("mail", None, {"to": "c@x.com"})]),
        (["pay(amount, to) if args.amount <= 10", 'pay(amount, to) if args.amount <= 100 && args.to == "bob"'], [],
         [("pay", None, {"amount": 5, "to": "x"}), ("pay", None, {"amount": 90, "to": "bob"})],
         [("pay", None, {"amount": 90, "to": "x"}), ("pay", None, {"amount": 180, "to": "bob"})]),
        (["pay(amount)"], ["args.amount <= 100"], [("pay", None, {"amount": 90})], [("pay", None, {"amount": 180})]),
        (["files.read /r/**"], ['resource.startsWith("/r/public/")'],
         [("files.read", "/r/public/a", {}), ("files.read", "/r/public/b/c", {})], [("files.read", "/r/secret", {})]),
        (["files.* /r/*.csv"], [], [("files.read", "/r/a.csv", {}), ("files.read", "/r/b.csv", {})],
         [("files.read", "/r/a.txt", {}), ("files.write", "/x", {})]),
    ],
)  # fmt: skip
def test_nothing_is_suggested_that_was_not_granted(
    tmp_path: Path, can: list[str], caveats: list[str], used: list[Given], beyond: list[Given]
) -> None:
    """What was used is allowed; what the chain refuses is refused."""
    found = advised(Log(f"sqlite:///{tmp_path}/audit.db", required=True), can, caveats, used)
    assert found.covered == found.used == len(used)
    judge = Judge(found.suggested)
    assert all(judge.allows(Call(*each)) for each in used)
    assert not any(is_granted(can, caveats, each) or judge.allows(Call(*each)) for each in beyond)
    token = ALICE.mint(to=PLANNER.principal, can=can, caveats=caveats or None, ttl="8h", now=NOW)
    above = granted_by(route_of(verifier().verify_chain(token), {}))
    assert all(any(is_within(each, grant) for grant in above) for each in found.suggested)


def test_what_does_not_fit_is_not_joined(tmp_path: Path) -> None:
    """More grants were used than a suggestion may have: there is none, and no wider one."""
    used: list[Given] = [(f"a{number}.x", f"/p{number}/f", {}) for number in range(12)]
    found = advised(Log(f"sqlite:///{tmp_path}/audit.db", required=True), TWELVE, [], used)
    assert (found.suggested, found.command, found.used, found.covered) == ((), "", 12, 0)


def test_a_block_s_caveats_count_at_every_hop(tmp_path: Path) -> None:
    """Not the last block alone."""
    token = ALICE.mint(
        to=PLANNER.principal, can="pay(amount)", caveats=["args.amount <= 100"], hops=1, ttl="8h", now=NOW
    )
    token = PLANNER.attenuate(token, to=WORKER.principal, can="pay(amount) if args.amount <= 500", now=NOW)
    log = Log(f"sqlite:///{tmp_path}/audit.db", required=True)
    service = verifier(audit=Recorder(log, arguments=keep_arguments()))
    request = Request("pay", None, {"amount": 90})
    service.authorize(WORKER.prove(token, request, SERVICE, now=NOW + 10), request)
    (found,) = advise(log, "agent:worker").suggested
    assert not Judge((found,)).allows(Call("pay", None, {"amount": 180}))
    assert Judge((found,)).allows(Call("pay", None, {"amount": 100}))


def test_conditions_on_what_the_log_does_not_have_stay(tmp_path: Path) -> None:
    """The time of day is in no event: what was granted until then is suggested until then."""
    caveats = [f"now < timestamp({NOW + 20})", "args.amount <= 100"]
    log = Log(f"sqlite:///{tmp_path}/audit.db", required=True)
    found = advised(log, ["pay(amount)"], caveats, [("pay", None, {"amount": 90})])
    assert "now <" in found.command
    assert "args.amount <= 100" in found.command


@pytest.mark.parametrize(
    ("narrow", "wide", "is_so"),
    [
        ("a.b /x/**", "a.* /**", True),
        ("a.* /x/**", "a.b /x/**", False),
        ("a.b", "a.b /**", False),
        ("a.b exactly /x/y", "a.b /x/*", True),
        ("a.b exactly /x//y", "a.b /x/**", False),
        ("a.b if args.n <= 5", "a.b if args.n <= 6", True),
        ("a.b if args.n <= 6", "a.b if args.n <= 5", False),
        ("a.b", "a.b if args.n <= 5", False),
        ("a.b(n)", "a.b(n, m)", True),
        ("a.b(n, m)", "a.b(n)", False),
        ('a.b if args.n == "x"', 'a.b if args.n.startsWith("x")', True),
    ],
)
def test_within(narrow: str, wide: str, is_so: bool) -> None:
    """Patterns by what they match, conditions by what they imply."""
    assert is_within(Capability.parse(narrow), Capability.parse(wide)) is is_so


SECRET = "hunter2-S3cr3t"
NAMED = (
    "password", "passwords", "PASSWORD", "password1", "userpassword", "pwd", "pass", "api_keys", "apiKey",
    "accesstoken", "tokens", "secrets", "cookies", "credentials", "pins", "otpcode", "bearer", "jwt", "privateKey",
    "oauth", "word",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("value", [SECRET, "4455667788", "AKIA1234567890XY", "correcthorse"])
def test_no_value_is_kept_that_may_be_a_secret(name: str, value: str) -> None:
    """By its name, in whatever number or compound; and of a name that says nothing, no value either."""
    for args in ({name: value}, {name: [value, value]}, {name: {"a": value}}, {"to": "ann", name: value}):
        for calls in ([Call("a.b", None, args)], [Call("a.b", None, args), Call("a.b", None, {"to": "ann"})]):
            found = learn(calls)
            assert value not in " ".join(map(str, found))
            assert all(map(Judge(found).allows, calls))


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@host.example/x",
        f"https://{SECRET}@host.example:8080/x?y",
        f"https://host.example/x?token={SECRET}",
        f"postgres://u:{SECRET}@db.example/d",
        f"https://user:{SECRET}@@host.example/x",
        f"https://user:{SECRET}@[::1]/x",
        f"//user:{SECRET}@host.example",
    ],
)
@pytest.mark.parametrize("name", ["url", "endpoint", "text"])
def test_nobody_s_login_is_kept_of_an_address(name: str, url: str) -> None:
    """Neither of one that reads as an address, nor of one that does not."""
    calls = [Call("a.b", None, {name: url})]
    found = learn(calls)
    assert SECRET not in " ".join(map(str, found))
    assert Judge(found).allows(calls[0])


@pytest.mark.parametrize(
    ("resource", "kept"),
    [
        (f"/x/{SECRET}/f", "/x/**"),
        ("/hooks/T00/0123456789abcdef0123/f", "/hooks/T00/**"),
        ("/tokens/abc/f", "/tokens/**"),
        (f"https://u:{SECRET}@h.example/f", "**"),
        ("/reports/2024-01-15/q3/f", "/reports/2024-01-15/q3/**"),
    ],
)
def test_no_part_of_a_path_is_kept_that_looks_like_a_secret(resource: str, kept: str) -> None:
    """Its folder is, and what is below."""
    (found,) = learn([Call("a.b", resource, {})])
    assert found.resource == kept


def test_words_of_a_closed_set_are_kept() -> None:
    """A few words, each often; one word alone is none."""
    calls = [Call("a.b", None, {"unit": unit, "n": number}) for number in range(3) for unit in ("EUR", "USD")]
    assert not Judge(learn(calls)).allows(Call("a.b", None, {"unit": "XYZ", "n": 1}))
    assert "EUR" not in str(learn(calls[::2])[0])
