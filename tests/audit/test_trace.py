"""What was done in somebody's name: by every way of asking, on every engine, and of one tenant alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from delegate import Identity
from delegate.audit import Log, NotesToLog, Route
from delegate.audit.advise import advise
from delegate.audit.events import Kind
from delegate.audit.learning import Call, Judge, learn
from delegate.audit.report import report
from delegate.audit.take_back import take_back
from delegate.audit.trace import BY, Question, asked_for, page, trace
from delegate.language.capability import can
from tests.audit.conftest import ALICE, NOW, PLANNER, ROUTE, WORKER, Place, event, refused, verifier


def other_route() -> Route:
    """Alice → planner alone, in a run."""
    from delegate.audit.routes import route_of

    token = ALICE.mint(
        to=PLANNER.principal, can=["files.read /reports/**", "files.delete /**"], ttl="1h", now=NOW, who={"run": "r-1"}
    )
    return route_of(verifier().verify_chain(token), {PLANNER.public_key.thumbprint: "agent:planner"})


OTHER = other_route()


def filled(place: Place) -> Log:
    """Two routes, refusals and strangers, in batches of 10."""
    log = place.open()
    events = []
    for number in range(100):
        if number % 10 == 3:
            events.append(refused(number))
        elif number % 10 == 7:
            events.append(refused(number, "unknown_root", 0, route=None))
        elif number % 2:
            events.append(event(number, route=OTHER, approvers=("user:bob@example.com",)))
        else:
            events.append(event(number))
    for first in range(0, 100, 10):
        log.append(events[first : first + 10])
    return log


def naive(log: Log, question: Question) -> list[int]:
    """The same, read one by one."""
    found = []
    for logged in log.events():
        each = logged.event
        hops = each.hops
        by_kind: dict[str | None, Sequence[object]] = {
            None: [question.value],
            "originator": [each.originator],
            "agent": [hop.name for hop in hops],
            "sponsor": [hop.sponsor for hop in hops],
            "owner": [hop.owner for hop in hops],
            "block": [hop.block_id.hex() for hop in hops],
            "run": [hop.who.get("run") for hop in hops],
            "purpose": [hop.why for hop in hops],
            "resource": [each.resource],
            "action": [each.action],
            "approver": each.approvers,
        }
        if (
            question.value in by_kind[question.by]
            and (question.since is None or each.time >= question.since)
            and (question.until is None or each.time <= question.until)
            and not (question.refused and each.allowed)
        ):
            found.append(logged.number)
    return found


QUESTIONS = [
    Question(by, value, since, until, only)
    for by, value in [
        (None, ""),
        ("originator", ALICE.name),
        ("originator", "user:nobody@example.com"),
        ("agent", "agent:worker"),
        ("agent", "agent:planner"),
        ("run", "r-1"),
        ("purpose", "quarterly report"),
        ("block", ROUTE.hops[1].block_id.hex()),
        ("resource", "/reports/42.csv"),
        ("action", "files.read"),
        ("action", "files.write"),
        ("approver", "user:bob@example.com"),
    ]
    for since, until in [(None, None), (NOW + 25, None), (NOW + 25, NOW + 61)]
    for only in (False, True)
]


def test_every_way_of_asking_finds_what_reading_all_would(place: Place) -> None:
    """By what, since when, until when, refused or not: counts and events."""
    assert {question.by for question in QUESTIONS} | {"sponsor", "owner"} == {None, *BY}
    log = filled(place)
    for question in QUESTIONS:
        expected = naive(log, question)
        found = trace(log, question)
        assert found.total.allowed + found.total.refused_count == len(expected), question
        numbers = [each.number for each in page(log, question, limit=1000).events]
        assert numbers == expected[::-1], question
        first = page(log, question, limit=3)
        if first.before is not None:
            rest = page(log, question, limit=1000, before=first.before)
            assert [each.number for each in (*first.events, *rest.events)] == numbers


def test_the_tree_is_by_hop(place: Place) -> None:
    """Who handed to whom, what each did itself, and what was refused before anybody was known."""
    found = trace(filled(place), Question())
    assert sorted(found.roots) == [ALICE.name]
    planner = found.roots[ALICE.name].below["agent:planner"]
    worker = planner.below["agent:worker"]
    assert (planner.actions["files.read"].allowed, worker.actions["files.read"].allowed) == (30, 50)
    assert worker.actions["files.read"].refused == {"caveat_failed": 10}
    assert (worker.purposes, worker.chains, worker.vouched) == ({"quarterly report"}, 1, False)
    assert found.unverified.refused == {"unknown_root": 10}
    assert found.total.allowed == 80
    assert found.roots[ALICE.name].total().allowed == 80


def test_a_name_asks_for_what_it_is(place: Place) -> None:
    """A person, an agent, a block or a run."""
    log = filled(place)
    block = ROUTE.hops[1].block_id.hex()
    for text, by in ((ALICE.name, "originator"), ("agent:worker", "agent"), (block, "block"), ("r-1", "run")):
        assert asked_for(log, text) == Question(by, text)
    assert asked_for(log, "user:nobody@example.com").by == "originator"
    assert asked_for(log, "agent:nobody").by == "agent"


def test_no_tenant_s_trace_or_advice_knows_of_another(place: Place) -> None:
    """Each answer is the same with and without the others' events."""
    log = place.open()
    log.append([event(number, tenant="acme") for number in range(20)])

    def answers() -> list[object]:
        own = place.open(tenant="acme")
        return [
            trace(own, Question()).to_json(),
            trace(own, Question("agent", "agent:planner")).to_json(),
            page(own, Question()),
            advise(own, "agent:worker").to_json(),
            advise(own, "agent:planner").to_json(),
            report(own).to_json(),
            own.last_used([PLANNER.public_key.thumbprint]),
            own.complete_since(),
        ]

    before = answers()
    log.append([event(number, tenant="bolt", route=OTHER) for number in range(5, 50)])
    log.append([event(number, route=OTHER) for number in range(50)])
    assert answers() == before
    assert trace(place.open(tenant="acme"), Question("run", "r-1")).total.allowed == 0


def test_what_takes_an_event_back(place: Place) -> None:
    """The narrowest first; nothing where no chain was verified."""
    log = filled(place)
    ways = take_back(log.event(0))
    assert [way.words.partition(",")[0] for way in ways] == ["hop 1", "hop 0", "the key of agent:worker"]
    assert take_back(log.event(7)) == ()


def test_when_a_key_was_last_used(place: Place) -> None:
    """As part of an allowed request, at whatever hop; and how far back the log goes."""
    log = filled(place)
    keys = [WORKER.public_key.thumbprint, PLANNER.public_key.thumbprint, bytes(32)]
    assert log.last_used(keys) == {keys[0]: NOW + 98, keys[1]: NOW + 99}
    assert log.complete_since() == NOW
    log.drop(30)
    assert log.complete_since() == NOW + 30


# Advice.


def test_advice_is_less_and_enough(place: Place) -> None:
    """What was used is allowed in the replay, what was never used is named, and others' requests are fewer."""
    log = place.open()
    log.append([event(number, route=OTHER, args={"size": number}) for number in range(50)])
    log.append([event(number, resource=f"/private/{number}", route=ROUTE, args={}) for number in range(50, 60)])
    log.append([refused(number, route=OTHER, args={"size": 99_999}) for number in range(60, 70)])
    found = advise(log, "agent:planner")
    assert (found.used, found.covered, found.distinct, found.recorded) == (50, 50, 50, True)
    assert {each.text: each.used for each in found.granted} == {
        "files.delete /**": 0,
        "files.read /reports/**": 50,
    }
    (capability,) = found.suggested
    assert (capability.action, capability.resource) == ("files.read", "/reports/**")
    assert "args.size" in str(capability)
    assert found.others_after < found.others_before
    assert found.command.startswith(
        "delegate mint --key alice.key --to planner.pub --can 'files.read(size) /reports/**"
    )
    assert found.beyond
    row = next(each for each in report(log).rows if each.agent == "agent:planner")
    assert (row.unused, row.used, row.refused) == (("files.delete /**",), 50, 10)


def test_advice_of_nobody_is_none(place: Place) -> None:
    """Nothing was used, nothing is suggested."""
    log = place.open()
    found = advise(log, "agent:planner")
    assert (found.used, found.suggested, found.command) == (0, (), "")
    assert report(log, agents=["agent:idle"]).never == ("agent:idle",)


def test_no_more_is_suggested_than_was_granted(place: Place) -> None:
    """Where a rule made of what was used would reach further, the grant's own is taken."""
    token = ALICE.mint(to=PLANNER.principal, can="files.read /reports/*.csv", ttl="1h", now=NOW)
    from delegate.audit.routes import route_of

    route = route_of(verifier().verify_chain(token), {})
    log = place.open()
    log.append([event(number, route=route) for number in range(5)])
    found = advise(log, "agent:planner")
    assert [str(each) for each in found.suggested] == ["files.read /reports/*.csv"]


CALLS = {
    "mail": [Call("mail", None, {"to": f"{name}@corp.example", "body": "x" * 100}) for name in ("ann", "bo")],
    "public": [Call("mail", None, {"to": f"{name}@gmail.com", "body": "x" * 100}) for name in ("ann", "bo")],
    "pay": [Call("pay", None, {"iban": "DE12345678901234567890", "amount": 50})],
    "login": [Call("login", None, {"user": "ann", "password": "hunter2"})],
    "fetch": [Call("fetch", None, {"url": "https://a.example/x?y=1"})],
    "list": [Call("list", None, {})],
    "one": [Call("show", None, {"channel": "general"})],
    "files": [Call("read", f"/a/b/{name}.txt", {}) for name in "xyz"],
}


@pytest.mark.parametrize(
    ("which", "allowed", "refused_"),
    [
        ("mail", {"to": "cy@corp.example", "body": "y"}, {"to": "cy@evil.example", "body": "y"}),
        ("mail", {"to": "cy@corp.example", "body": "y"}, {"to": "cy@corp.example", "body": "see www.evil.example"}),
        ("public", {"to": "ann@gmail.com", "body": "y"}, {"to": "cy@gmail.com", "body": "y"}),
        ("pay", {"iban": "DE12345678901234567890", "amount": 60}, {"iban": "US12345678901234567890", "amount": 1}),
        ("pay", {"iban": "DE12345678901234567890", "amount": 60}, {"iban": "DE12345678901234567890", "amount": 5000}),
        ("fetch", {"url": "https://a.example/z"}, {"url": "https://a.example.evil.example/z"}),
        ("fetch", {"url": "https://a.example/z"}, {"url": "https://evil.example/a.example"}),
        ("one", {"channel": "general"}, {"channel": "private"}),
        ("list", {}, {"all": True}),
    ],
)
def test_what_is_learned_is_a_rule(which: str, allowed: dict[str, object], refused_: dict[str, object]) -> None:
    """It allows all it was learned from, and more like it; and refuses what differs in who gets something."""
    calls = CALLS[which]
    judge = Judge(learn(calls))
    assert all(map(judge.allows, calls))
    assert judge.allows(Call(calls[0].action, None, allowed))
    assert not judge.allows(Call(calls[0].action, None, refused_))


def test_secrets_and_public_domains_never_show() -> None:
    """Neither a value of what is named or marked a secret, nor a mail domain that is everybody's."""
    text = " ".join(map(str, learn(CALLS["login"])))
    assert "hunter2" not in text
    assert "hunter2" not in str(learn([Call("x", None, {"word": "hunter2", "n": 1})], secrets=["word"])[0])
    assert "+@gmail" not in " ".join(map(str, learn(CALLS["public"])))


def test_at_most_eight_capabilities() -> None:
    """However many actions there are; and still all that was used is allowed."""
    calls = [Call(f"do{number}", None, {"to": f"u{number}", "n": number}) for number in range(30)]
    calls += [Call(f"see{number}", f"/x/{number}", {}) for number in range(5)]
    found = learn(calls)
    assert len(found) <= 8
    assert all(map(Judge(found).allows, calls))
    assert not Judge(found).allows(Call("do99", None, {"to": "u1", "n": 1}))


def test_arguments_that_were_not_recorded_limit_nothing() -> None:
    """What is not known is not guessed."""
    assert learn([Call("read", "/a/b/x"), Call("read", "/a/b/y")]) == (can("read", "/a/b/**"),)


def test_no_capability_is_a_list_of_calls() -> None:
    """Of each, some argument is limited by what it is like; what is finite is never all there is."""
    for which in ("pay", "login", "one", "public"):
        for capability in learn(CALLS[which]):
            text = str(capability)
            assert " in [" not in text or "<=" in text or "matches" in text


def test_what_was_handed_out_is_no_use(place: Place) -> None:
    """Noted chains are in no count, vouch for nobody, and stand in the tree of the journal alone."""
    log = place.open(required=True)
    mallory = Identity.from_seed("user:mallory@example.com", b"m" * 32, journal=NotesToLog(log))
    chain = mallory.mint(
        to=PLANNER.principal, can="files.read /reports/**", ttl="8h", hops=1, tenant="victim",
        on_behalf_of="user:ceo@example.com", now=NOW,
    )  # fmt: skip
    planner = Identity.from_seed(PLANNER.name, b"p" * 32, journal=NotesToLog(log))
    planner.attenuate(chain, to=WORKER.principal, now=NOW)
    assert place.open(tenant="victim").size == 0
    assert [each.kind for each in log] == [Kind.MINT, Kind.ATTENUATE]
    assert all(hop.vouched is None for each in log for hop in each.hops)
    found = advise(log, WORKER.name)
    assert (found.used, found.suggested, found.chains) == (0, (), 0)
    assert log.last_used([PLANNER.public_key.thumbprint, WORKER.public_key.thumbprint]) == {}
    for question in (Question(), Question(since=NOW), Question("resource", "**"), Question("agent", WORKER.name)):
        assert (trace(log, question).total.allowed, trace(log, question).roots) == (0, {})
    assert len(page(log, Question()).events) == 2
    assert WORKER.name in report(log).never
    assert log.verify().ok
    planner = Identity.from_seed(PLANNER.name, b"p" * 32, journal=NotesToLog(log, tenant="acme"))
    planner.attenuate(chain, to=WORKER.principal, now=NOW)
    assert place.open(tenant="acme").size == 1
    with pytest.raises(ValueError, match="tenant"):
        NotesToLog(log, tenant="no tenant")
