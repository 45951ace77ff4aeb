"""What `effective` and `diff` show, held against brute force over a finite world of requests."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delegate import (
    AttenuationError,
    Capability,
    CaveatError,
    Denied,
    Identity,
    Reason,
    Request,
    Root,
    Token,
    VerifiedChain,
    Verifier,
    exactly,
)
from delegate.analysis import patterns as comparing
from delegate.analysis.difference import difference
from delegate.analysis.effective import Effective, condition_texts, effective
from delegate.analysis.simplify import simplify
from delegate.core.decide.evaluate import Query, evaluate
from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.scope import Scope
from delegate.core.patterns.matching import Automaton, compile_pattern
from delegate.language.codec import to_wire
from delegate.language.tree import Expression
from delegate.views.difference import changes
from tests.attacks.world import forged

NOW = 1_800_000_000
AUDIENCE = "files.example.com"
PEOPLE = [
    Identity.from_seed(name, bytes([index + 1]) * 32)
    for index, name in enumerate(("user:alice", *map("agent:{}".format, "abcd")))
]

ACTIONS = ("files.read", "files.write", "files", "mail.send")
RESOURCES = (None, "/data", "/data/", "/data/a", "/data/q3/a.csv", "/database", "/data//b")
ARGUMENTS: tuple[dict[str, object], ...] = ({}, {"size": 5}, {"size": 500, "kind": "a"}, {"size": "5"}, {"other": 1})
WORLD = [Request(*each) for each in itertools.product(ACTIONS, RESOURCES, ARGUMENTS)]

CAPABILITIES = (
    "files.read /data/**",
    "files.* /data/**",
    "** **",
    "files.read /data/*",
    "files.write /data/q3/** if args.size <= 100",
    "files.read() /data/a",
    "files.*(size) /data/** if args.size > 1",
    "mail.send",
    "files.** /data/*",
    'files.read exactly "/data//b"',
)
CAVEATS = (
    "args.size <= 100",
    "args.size > 100",
    'resource.startsWith("/data/q")',
    "!has(args.kind)",
    "args.size in [5, 500]",
)


def _chain(hops: list[tuple[list[str], list[str]]], bound: list[str] | None) -> VerifiedChain | None:
    """Build and verify a chain; `None` where its author was told that it could not take effect."""
    root = PEOPLE[0]
    token = None
    try:
        for index, (can, caveats) in enumerate(hops):
            to = PEOPLE[index + 1].principal
            if token is None:
                token = root.mint(to=to, can=can or ["** **"], caveats=caveats or None, ttl="8h", hops=4, now=NOW)
            else:
                token = PEOPLE[index].attenuate(token, to=to, can=can or None, caveats=caveats or None, now=NOW)
    except AttenuationError:
        return None
    assert token is not None
    return _verifier(bound).verify_chain(token)


def _effective(chain: VerifiedChain) -> Effective:
    return effective(chain.link, chain.root.can)


def _verifier(bound: list[str] | None) -> Verifier:
    return Verifier([Root(PEOPLE[0].principal, can=bound)], audience=AUDIENCE, clock=lambda: NOW)


def _covers(grant: Capability, request: Request) -> bool:
    """Decide by what is shown, with the very patterns and conditions that are printed."""
    if not compile_pattern(grant.action, ".")(request.action):
        return False
    if isinstance(grant.resource, str):
        if request.resource is None or not request.resource_is_plain:
            return False
        if not compile_pattern(grant.resource)(request.resource):
            return False
    elif request.resource != (None if grant.resource is None else grant.resource.text):
        return False
    if grant.condition is None:
        return True
    scope = Scope({"args": request.values, "resource": request.resource, "action": request.action}, 20_000)
    try:
        return compile_wire(to_wire(grant.condition))(scope) is True
    except CaveatError:
        return False


_hops = st.lists(
    st.tuples(
        st.lists(st.sampled_from(CAPABILITIES), max_size=3, unique=True),
        st.lists(st.sampled_from(CAVEATS), max_size=2, unique=True),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=180)
@given(_hops, st.none() | st.just(["files.** /data/**"]), st.sampled_from([comparing.COMPARING_STEPS, 0, 20, 90, 400]))
def test_effective_never_shows_less_than_the_chain_allows(
    hops: list[tuple[list[str], list[str]]], bound: list[str] | None, steps: int
) -> None:
    """Over the whole world: what is allowed is shown; and where `exact` is claimed, what is shown is allowed.

    However little work there is for it.
    """
    chain = _chain(hops, bound)
    if chain is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "COMPARING_STEPS", steps)
        shown = _effective(chain)
    verifier = _verifier(bound)
    for request in WORLD:
        try:
            evaluate(chain, Query(request, {}, {}, NOW), verifier._settings)
            allowed = True
        except Denied:
            allowed = False
        covered = any(_covers(grant, request) for grant in shown.grants)
        assert covered or not allowed, f"{request} is allowed, and not shown by {[str(each) for each in shown.grants]}"
        if shown.exact:
            assert allowed or not covered, f"{request} is shown, and not allowed"


def test_bounds_on_one_argument_become_the_tightest() -> None:
    """`args.amount <= 500` and `args.amount <= 200` on two hops are shown as the second alone."""
    chain = _chain([(["pay"], ["args.amount <= 500"]), ([], ["args.amount <= 200"])], None)
    assert chain is not None
    assert [str(grant) for grant in _effective(chain).grants] == ["pay if args.amount <= 200"]


def test_a_contradiction_grants_nothing() -> None:
    """Two conditions that no value satisfies: nothing is granted, and the clash is named."""
    chain = _chain([(["pay"], ["args.amount <= 500", "args.amount > 900"])], None)
    assert chain is not None
    shown = _effective(chain)
    assert shown.grants == ()
    assert shown.clashes == ("args.amount > 900 && args.amount <= 500",)


def test_an_author_is_told_which_hop_a_condition_clashes_with() -> None:
    """What no value can satisfy, and an audience that no hop above names, raise; the hop is the one that forbids it."""
    root, planner, worker, clerk = PEOPLE[:4]
    token = root.mint(to=planner.principal, can=["pay"], ttl="1h", hops=3, now=NOW)
    token = planner.attenuate(token, to=worker.principal, caveats=["args.n <= 5"], audience=["a", "b"], now=NOW)
    token = worker.attenuate(token, to=clerk.principal, now=NOW)
    with pytest.raises(AttenuationError) as clash:
        clerk.attenuate(token, caveats=["args.n > 9"], now=NOW)
    assert (clash.value.hop, clash.value.reason) == (1, Reason.CAVEAT_FAILED)
    with pytest.raises(AttenuationError) as elsewhere:
        clerk.attenuate(token, audience="c", now=NOW)
    assert (elsewhere.value.hop, elsewhere.value.reason) == (1, Reason.WRONG_AUDIENCE)


def test_diff_says_what_one_hop_took_away() -> None:
    """An action gone, a resource narrowed, a condition added, time and hand-overs lost: each in its own field."""
    root, planner, worker = PEOPLE[:3]
    token = root.mint(
        to=planner.principal, can=["files.read /data/**", "files.write /data/**"], ttl="8h", hops=3, now=NOW
    )
    token = planner.attenuate(
        token,
        to=worker.principal,
        can=["files.read /data/q3/**"],
        caveats=["args.size < 10"],
        ttl="1h",
        hops=0,
        now=NOW,
    )
    chain = _verifier(None).verify_chain(token)
    taken = difference(_effective(chain.up_to(0)), _effective(chain))
    assert taken.removed == ("files.write",)
    assert taken.narrowed == ((("files.read",), ("/data/**",), ("/data/q3/**",)),)
    assert taken.added == (("args.size < 10", ("files.read",)),)
    assert taken.expires_by_s == 7 * 3600
    assert taken.hops_by == 3


@pytest.mark.parametrize(
    ("mine", "theirs", "met"),
    [
        ("a /x/**", "a /x/y/*", "a /x/y/*"),
        ("a /x/*", "a /*/y", "a /x/y"),
        ("** **", "mail.send /z", "mail.send /z"),
    ],
)
def test_patterns_of_two_hops_are_shown_as_what_both_match(mine: str, theirs: str, met: str) -> None:
    """The intersection is printed, not the last hop's own wider pattern."""
    chain = _chain([([mine], []), ([theirs], [])], None)
    assert chain is not None
    assert [str(grant) for grant in _effective(chain).grants] == [met]


@pytest.mark.parametrize(
    ("mine", "theirs", "met"),
    [
        ("files.read *", "files.read /**", ()),
        ("* /x", ".** /x", ()),
        ("files.read *", "files.read **", ("files.read *",)),
    ],
)
def test_patterns_that_share_the_empty_text_alone_grant_nothing(mine: str, theirs: str, met: tuple[str, ...]) -> None:
    """No action is empty, and no resource that a pattern matches."""
    root, planner = PEOPLE[:2]
    token = root.mint(to=planner.principal, can=[mine, "other"], ttl="8h", now=NOW)
    token = planner.attenuate(token, can=[theirs, "other"], now=NOW) if met else _unasked(planner, token, theirs)
    shown = _effective(_verifier(None).verify_chain(token))
    assert (tuple(map(str, shown.grants)), shown.exact) == ((*met, "other"), True)


def _unasked(holder: Identity, token: Token, capability: str) -> Token:
    """Append what an author is told to have no effect."""
    with pytest.raises(AttenuationError) as refused:
        holder.attenuate(token, can=[capability, "other"], now=NOW)
    assert refused.value.reason is Reason.CAPABILITY_MISSING
    claims = {
        2: holder.name,
        6: NOW,
        8: {1: cbor2.loads(holder.public_key.cose_key)},
        "can": cbor2.dumps([capability.split(), ["other"]], canonical=True),
    }
    return Token((*token.blocks, forged(holder.signer, claims, token.link.id)))


def test_patterns_whose_common_form_is_too_long_are_shown_as_the_last() -> None:
    """A verifier takes patterns of 1,024 characters; what two of them share may need more, and is not shown exactly."""
    chain = _chain([([f"a {'x' * 900}*"], []), ([f"a *{'y' * 900}"], [])], None)
    assert chain is not None
    shown = _effective(chain)
    assert ([str(grant) for grant in shown.grants], shown.exact) == ([f"a *{'y' * 900}"], False)


def _crafted(can: list[list[list[Any]]], caveats: list[object]) -> Token:
    """A chain of Alice's for an agent who narrows it for itself, each block with capabilities of its own making."""
    (root, agent), blocks = PEOPLE[:2], list[bytes]()
    for items in can:
        claims: dict[object, object] = {2: agent.name, 6: NOW, 8: {1: cbor2.loads(agent.public_key.cose_key)}}
        claims |= {"if": cbor2.dumps(caveats, canonical=True)} if caveats else {}
        claims["can"] = cbor2.dumps(items, canonical=True)
        if blocks:
            blocks.append(forged(agent.signer, claims, Token(tuple(blocks)).link.id))
            continue
        claims |= {1: root.name, 4: NOW + 3600, 7: bytes(8)}
        kid = root.public_key.thumbprint
        blocks.append(forged(root.signer, claims, kid, kid=kid))
    return Token(tuple(blocks))


_WILD = [
    [f"{action}.**.*{number:b}*", "/**/".join(["", *(f"{digit}*" for digit in f"{number:b}"), ""]) + "**"]
    for action in ("a", "**.b")
    for number in range(64, 72)
]


def test_patterns_that_take_hours_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent crafts a chain for whoever looks at it or narrows it: the work is counted, and ends."""
    token = _crafted([_WILD, _WILD[::-1], _WILD[1:]], [])
    steps: list[None] = []
    step = Automaton.step

    def counted(automaton: Automaton, state: int, letter: str | None) -> int:
        steps.append(None)
        return step(automaton, state, letter)

    monkeypatch.setattr(Automaton, "step", counted)
    chain = _verifier(None).verify_chain(token)
    shown = _effective(chain)
    assert (shown.exact, len(shown.grants) > 0) == (False, True)
    assert 1000 < len(steps) <= 2 * comparing.COMPARING_STEPS
    steps.clear()
    PEOPLE[1].attenuate(token, can=["a1001 /**"], now=NOW)
    assert len(steps) <= 2 * comparing.COMPARING_STEPS
    steps.clear()
    assert [each.after.exact for each in changes(token.link)] == [True, False, False]
    assert len(steps) <= 2 * comparing.COMPARING_STEPS


def test_conditions_that_take_minutes_to_join() -> None:
    """Hundreds of tests of one text, each to be held against each: they are shown as they stand, and all of them."""
    tests = [[1, *([13, "args", "a", f"{row}{place}"] for place in range(60))] for row in "abcdefghijkl"]
    chain = _verifier(None).verify_chain(_crafted([[["a", "/x"], ["b", "/y"]]], list(tests)))
    shown = _effective(chain)
    assert shown.exact
    assert [len(condition_texts(grant)) for grant in shown.grants] == [12 * 60] * 2
    assert difference(_effective(chain), _effective(chain)).added == ()


def test_lists_of_names_that_bare_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each closed list leaves an argument out, which bares the next: looking at all of them once more is counted."""
    looked: list[None] = []
    module = sys.modules[simplify.__module__]
    named = module._named

    def counted(parts: Iterable[Expression]) -> object:
        looked.append(None)
        return named(parts)

    monkeypatch.setattr(module, "_named", counted)
    names = [f"{number:x}" for number in range(30)]
    lists = [[19, [0, "args"], "k", [10, "k", names[place:]]] for place in range(1, 30)]
    bared: list[object] = [[2, [18, "args", name], each] for name, each in zip(names, lists[1:], strict=False)]
    grants = [["a", f"/{number}"] for number in range(32)]
    shown = _effective(_verifier(None).verify_chain(_crafted([grants], [lists[0], *bared])))
    assert (len(shown.grants), shown.exact) == (32, True)
    assert 0 < len(looked) < 32 * 29
    assert condition_texts(shown.grants[0]) == ()  # the lists came to one that is empty, where there was work for it
    assert condition_texts(shown.grants[-1]) != ()


def test_a_difference_says_nothing_that_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without work to compare with, no action is said to be gone, and no condition to be new."""
    chain = _chain([(["a.* /x", "b.c /y"], []), (["a.b /x"], ["args.n < 5"])], None)
    assert chain is not None
    before, after = _effective(chain.up_to(0)), _effective(chain)
    told = difference(before, after)
    assert (told.removed, told.added) == (("b.c",), (("args.n < 5", ("a.b",)),))
    monkeypatch.setattr(comparing, "COMPARING_STEPS", 0)
    told = difference(before, after)
    assert (told.removed, told.added) == ((), ())


def test_clashes_are_named_while_there_is_work_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known to grant nothing is left out, with or without the words for it."""
    chain = _chain([(["a if args.n > 5"], []), (["a"], ["args.n < 3"])], None)
    assert chain is None  # its author was told
    token = _crafted([[["a", "/x"]]], [[8, "args", "n", 5], [6, "args", "n", 3]])
    chain = _verifier(None).verify_chain(token)
    assert (_effective(chain).grants, len(_effective(chain).clashes)) == ((), 1)
    monkeypatch.setattr(comparing, "COMPARING_STEPS", 30)
    assert (_effective(chain).grants, _effective(chain).clashes) == ((), ())


def test_a_literal_is_shown_where_its_pattern_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With little work left, it may be matched or not: it is shown, and not as exact."""
    chain = _crafted([[["a", "/x/**"]], [["a", ["/data"]]]], [])
    shown = [_effective(_verifier(None).verify_chain(chain))]
    monkeypatch.setattr(comparing, "COMPARING_STEPS", 3)
    shown.append(_effective(_verifier(None).verify_chain(chain)))
    assert [(len(each.grants), each.exact) for each in shown] == [(0, True), (1, False)]


def test_a_literal_under_a_pattern_is_granted_only_in_plain_form() -> None:
    """`/data//b` matches no pattern, so a later literal of it grants nothing and its author is told."""
    root, planner, worker = PEOPLE[:3]
    token = root.mint(to=planner.principal, can=["a /data/**"], ttl=60, hops=1, now=NOW)
    planner.attenuate(token, to=worker.principal, can=[Capability(action="a", resource=exactly("/data/b"))], now=NOW)
    with pytest.raises(AttenuationError):
        planner.attenuate(
            token, to=worker.principal, can=[Capability(action="a", resource=exactly("/data//b"))], now=NOW
        )
