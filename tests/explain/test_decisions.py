"""Why a request was refused: every hop's own word, the values it read, and who could grant it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from delegate import Capability, Decision, Identity, Reason, Request, Root, Token, Verifier, at_most, can, exactly, when
from delegate.core.evaluator.scope import Scope
from delegate.errors import DETAIL_CHARACTERS
from delegate.explain import refusals as refusal
from delegate.language.capability import encode_capabilities
from delegate.language.closed import only_arguments
from delegate.language.conditions import Caveat
from delegate.limits import EVALUATION_STEPS

NOW = 1_800_000_000
AUDIENCE = "pay.example.com"
ALICE, PLANNER, BUYER, CLERK = (
    Identity.from_seed(name, bytes([index]) * 32)
    for index, name in enumerate(("user:alice", "agent:planner", "agent:buyer", "agent:clerk"), 1)
)


def _token(*, clerk: list[str], caveats: tuple[str, ...] = ()) -> Token:
    """Alice → planner → buyer → clerk; the buyer's hop says nothing, the clerk's is as given."""
    token = ALICE.mint(
        to=PLANNER.principal,
        can=[can("pay", args={"amount": at_most(500)}), "mail.send"],
        ttl="1h",
        hops=3,
        now=NOW,
    )
    token = PLANNER.attenuate(token, to=BUYER.principal, now=NOW)
    return BUYER.attenuate(token, to=CLERK.principal, can=clerk, caveats=caveats or None, now=NOW)


def _decide(token: Token, request: Request, **settings: object) -> Decision:
    verifier = Verifier([Root(ALICE.principal)], audience=AUDIENCE, clock=lambda: NOW, **settings)  # type: ignore[arg-type]
    return verifier.decide(CLERK.prove(token, request, AUDIENCE, now=NOW), request)


def _first_hop(
    *given: str | Capability,
    args: dict[str, object],
    caveats: tuple[Caveat, ...] = (),
    env: dict[str, object] | None = None,
) -> Decision:
    """What a chain of one hop says to paying."""
    token = ALICE.mint(to=PLANNER.principal, can=given, caveats=caveats or None, ttl="1h", now=NOW)
    verifier = Verifier([ALICE.principal], audience=AUDIENCE, clock=lambda: NOW)
    return verifier.preview(token, Request("pay", None, args), env=env)


def test_every_hop_answers_and_the_grantor_is_whoever_narrowed_too_far() -> None:
    """Hops 0 and 1 permit it, hop 2 does not: the buyer, who signed hop 2, can hand it out again."""
    explained = _decide(_token(clerk=["mail.send"]), Request("pay", None, {"amount": 5})).explain()
    assert [verdict.permits for verdict in explained.verdicts] == [True, True, False]
    assert explained.verdicts[0].words == "pay(amount) if args.amount <= 500"
    assert explained.verdicts[1].words == "whatever the hops above permit"
    assert explained.verdicts[2].words == "only mail.send"
    assert [verdict.covered for verdict in explained.verdicts] == [True, True, False]
    assert (explained.reason, explained.hop) == (Reason.CAPABILITY_MISSING, 2)
    assert explained.grantor == "agent:buyer"
    assert explained.cannot == ("agent:clerk",)


def test_a_hop_below_the_first_refusal_answers_for_itself() -> None:
    """Hop 0 refuses by its condition; hop 2, asked alone, permits: it is not blamed."""
    explained = _decide(_token(clerk=["pay"]), Request("pay", None, {"amount": 750})).explain()
    assert [verdict.permits for verdict in explained.verdicts] == [False, True, True]
    assert "args.amount <= 500, and args.amount is 750" in explained.verdicts[0].words
    assert explained.grantor == "user:alice"
    assert explained.cannot == ("agent:planner", "agent:buyer", "agent:clerk")


def test_a_caveat_that_fails_names_the_values_that_it_read() -> None:
    """Both in the detail and in the hop's verdict."""
    decision = _decide(
        _token(clerk=["pay"], caveats=("args.amount < 100 && has(args.amount)",)), Request("pay", None, {"amount": 200})
    )
    assert decision.detail == "args.amount < 100, and args.amount is 200"
    assert decision.explain().verdicts[2].words == decision.detail


@pytest.mark.parametrize(
    ("given", "args", "words"),
    [
        ("pay if args.amount <= 500", {"amount": 600}, "pay only if args.amount <= 500, and args.amount is 600"),
        (
            "pay(amount, to) if args.to == 'b' && args.amount <= 500",
            {"amount": 600, "to": "b"},
            "pay(amount, to) only if args.amount <= 500, and args.amount is 600",
        ),
        ("pay(amount) if args.amount <= 5", {}, "pay(amount) only if args.amount <= 5, and args.amount is missing"),
        (
            "pay(amount) if args.amount <= 5",
            {"amount": 1, "evil": 2},
            "pay(amount), but argument `evil` is not permitted",
        ),
        ("pay()", {"\u202e": 1, "b": 1}, "pay(), but arguments `b`, `'\\u202e'` are not permitted"),
        ("pay(a)", dict.fromkeys("bcdef", 1), "pay(a), but arguments `b`, `c`, `d` and 2 more are not permitted"),
    ],
)
def test_a_capability_that_covers_it_tells_what_of_its_condition_failed(
    given: str, args: dict[str, object], words: str
) -> None:
    """Not that the action is missing: which condition, and what it read. The hop's verdict says the same."""
    decision = _first_hop(given, "mail.send", args=args)
    assert decision.reason is Reason.CAPABILITY_MISSING
    assert decision.detail == f"`pay` is permitted by {words}"
    assert decision.explain().verdicts[0].words == words
    assert decision.explain().verdicts[0].covered


def test_each_capability_that_covers_it_is_told() -> None:
    """In their order; those of another action are not."""
    decision = _first_hop("pay if args.vip", "mail.send", "p* if args.amount < 5", args={"amount": 9})
    first, second = "pay only if args.vip, and args.vip is missing", "p* only if args.amount < 5, and args.amount is 9"
    assert decision.detail == f"`pay` is permitted by {first}; and by {second}"
    assert decision.explain().verdicts[0].words == f"{first}; {second}"


def test_what_the_service_vouches_for_is_told_too() -> None:
    """The line has condition and value, and so has the explanation. What did hold is in neither."""
    decision = _first_hop("pay if args.amount < 50 && env.day == 'monday'", args={"amount": 9}, env={"day": "friday"})
    assert decision.detail == '`pay` is permitted by pay only if env.day == "monday", and env.day is "friday"'
    assert decision.explain().verdicts[0].words == 'pay only if env.day == "monday", and env.day is "friday"'


def test_telling_what_failed_takes_no_more_steps_than_deciding() -> None:
    """Thirty-two capabilities that each take all steps: they are evaluated again with one decision's steps together."""
    slow = "pay if args.l.all(x, args.l.all(y, int(x) + int(y) >= 0)) && args.amount < 0"
    chain = ALICE.mint(to=PLANNER.principal, can=[slow] * 32, ttl="1h", now=NOW)
    spent: list[int] = []
    verifier = Verifier([ALICE.principal], audience=AUDIENCE, clock=lambda: NOW)
    scope = Scope({"args": {"l": [0] * 45, "amount": 1}, "action": "pay", "resource": None})
    for capability in refusal.covering(encode_capabilities([slow] * 32), Request("pay", None, {}), scope):
        refusal.unmet(capability, scope)
        spent.append(EVALUATION_STEPS - scope.steps_left)
    assert spent[-1] == EVALUATION_STEPS
    assert verifier.preview(chain, Request("pay", None, {"l": [0] * 45, "amount": 1})).reason is Reason.LIMIT_EXCEEDED


def test_a_closed_list_as_a_caveat_names_the_argument_too() -> None:
    """`args.all(k, k in […])` is never quoted at anybody."""
    decision = _first_hop("pay", args={"evil": 1}, caveats=(Caveat(only_arguments(["amount"])),))
    assert (decision.reason, decision.detail) == (Reason.CAVEAT_FAILED, "argument `evil` is not permitted")
    assert decision.explain().verdicts[0].words == decision.detail


def test_a_refusal_before_any_hop_was_asked_has_no_verdicts() -> None:
    """A chain that is not proven is not asked anything: no verdicts, nobody to grant."""
    request = Request("pay", None, {"amount": 5})
    verifier = Verifier([ALICE.principal], audience=AUDIENCE, clock=lambda: NOW)
    explained = verifier.decide(_token(clerk=["pay"]), request).explain()
    assert explained.reason is Reason.PROOF_MISSING
    assert explained.verdicts == ()
    assert explained.grantor is None


def test_a_policy_of_the_service_is_nobody_s_to_grant() -> None:
    """Every hop permits it, the service does not: no hop is at fault."""
    explained = _decide(_token(clerk=["pay"]), Request("pay", None, {"amount": 5}), policy="args.amount > 10").explain()
    assert explained.reason is Reason.POLICY_FAILED
    assert all(verdict.permits for verdict in explained.verdicts)
    assert explained.grantor is None


def test_an_allowed_decision_explains_which_capability_covers_it() -> None:
    """With the same shape, and as JSON."""
    decision = _decide(_token(clerk=["pay"]), Request("pay", None, {"amount": 5}))
    assert decision.allowed
    shape = json.loads(json.dumps(decision.to_json()))
    assert shape["version"] == 1
    assert [verdict["permits"] for verdict in shape["explanation"]["verdicts"]] == [True, True, True]
    assert shape["explanation"]["reason"] is None


_ACTED_ON = "\x1b[2J\x85\x9b\xad\u2028\u202e\u2066\u200b\U000e0041\U000e0101\n"


@pytest.mark.parametrize(
    "decided",
    [
        lambda: _first_hop("pay", args={}, caveats=(when("args.a == text", text=_ACTED_ON),)),
        lambda: _first_hop("pay", args={"a": _ACTED_ON}, caveats=(when("args.a == 'x'"),)),
        lambda: _first_hop("pay", args={_ACTED_ON: 1}, caveats=(when("args[k] == 2", k=_ACTED_ON),)),
        lambda: _first_hop(*(can("pay", exactly(f"{_ACTED_ON}{row:8190}"[:8190])) for row in range(1)), args={}),
        lambda: _first_hop(*(can("pay", f"/{_ACTED_ON}{row}".replace("[", "")) for row in range(32)), args={}),
        lambda: _first_hop("pay", args={}, caveats=tuple(when("args.a == text", text="x" * 250) for _ in range(32))),
        lambda: _first_hop("pay", args={}, caveats=(when("args.a == text", text="\x9b" * 7000),)),
        lambda: _first_hop(*(can("pay", f"/{'x' * 900}{row}") for row in range(12)), args={}),
    ],
)
def test_words_are_one_line_that_no_terminal_acts_on_and_have_an_end(decided: Callable[[], Decision]) -> None:
    """An agent's literals come into an operator's log: escaped, and cut off, whatever they are."""
    decision = decided()
    for words in (decision.detail, *(verdict.words for verdict in decision.explain().verdicts)):
        assert 0 < len(words) <= DETAIL_CHARACTERS
        assert words.isprintable()
        assert not any(character in _ACTED_ON and character != "[" and not character.isalnum() for character in words)
