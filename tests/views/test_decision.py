"""Why a request was refused, in words."""

from __future__ import annotations

import pytest

from delegate import Decision, DelegateError, Identity, Reason, Request, Verifier, can
from delegate.errors import VerificationError
from delegate.views.decision import decision_lines, refusal, request_line

NOW = 1_796_126_400
ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\x02" * 32)
WORKER = Identity.from_seed("agent:worker", b"\x03" * 32)
ROOT_TOKEN = ALICE.mint(
    to=PLANNER.principal, can=[can("pay", when="args.amount <= 500"), can("read", "/**")], ttl=60, hops=1, now=NOW
)
TOKEN = PLANNER.attenuate(ROOT_TOKEN, to=WORKER.principal, caveats="args.amount <= 200", now=NOW)


def preview(request: Request, policy: tuple[str, ...] | None = None) -> Decision:
    """What the chain says to a request."""
    verifier = Verifier([ALICE.principal], audience="svc", clock=lambda: NOW, policy=policy)
    return verifier.preview(TOKEN, request)


def explained(decision: Decision) -> list[str]:
    """The lines about hops, and what follows them."""
    lines = decision_lines(decision, NOW, hops=True)
    return lines[next(place for place, line in enumerate(lines) if line.startswith("  hop 0")) :]


@pytest.mark.parametrize(
    ("request_", "line", "lines"),
    [
        (
            Request("pay", None, {"amount": 300}),
            "hop 1 (agent:planner → agent:worker): args.amount <= 200, and args.amount is 300 [caveat_failed]",
            [
                "  hop 0     agent:planner  ✓ pay if args.amount <= 500",
                "  hop 1     agent:worker   ✗ args.amount <= 200, and args.amount is 300",
                "  agent:planner can hand out pay without that condition; agent:worker cannot.",
            ],
        ),
        (
            Request("pay", None, {"amount": 600}),
            (
                "hop 0 (user:alice@example.com → agent:planner): `pay` is permitted by pay only if "
                "args.amount <= 500, and args.amount is 600 [capability_missing]"
            ),
            [
                "  hop 0     agent:planner  ✗ pay only if args.amount <= 500, and args.amount is 600",
                "  hop 1     agent:worker   ✗ args.amount <= 200, and args.amount is 600",
                "  user:alice@example.com can hand out pay without those conditions;",
                "    agent:planner, agent:worker cannot.",
            ],
        ),
        (
            Request("write", None, {"amount": 100}),
            (
                "hop 0 (user:alice@example.com → agent:planner): `write` is not among what it permits: "
                "pay if args.amount <= 500, read /** [capability_missing]"
            ),
            [
                "  hop 0     agent:planner  ✗ only pay if args.amount <= 500, read /**",
                "  hop 1     agent:worker   ✓ whatever the hops above permit · 1 caveat holds",
                "  user:alice@example.com can hand out write again; agent:planner, agent:worker cannot.",
            ],
        ),
    ],
)
def test_a_refusal_names_the_hop_the_condition_and_the_value(request_: Request, line: str, lines: list[str]) -> None:
    """One line; and on demand what every hop says for itself, those below too, and who could grant it."""
    decision = preview(request_)
    assert decision.error is not None
    assert refusal(decision.error, decision.chain) == line
    assert explained(decision) == lines


def test_what_permits_it_is_named() -> None:
    """For an allowed request, each hop's capability that covers it; a hop without any permits what is above it."""
    assert explained(preview(Request("pay", None, {"amount": 100}))) == [
        "  hop 0     agent:planner  ✓ pay if args.amount <= 500",
        "  hop 1     agent:worker   ✓ whatever the hops above permit · 1 caveat holds",
    ]


def test_long_names_and_long_lists_stay_within_the_width() -> None:
    """A name too long for the column has a line of its own, and no line is longer than 100 columns."""
    far = Identity.from_seed("agent:" + "w" * 150, b"\x04" * 32)
    token = PLANNER.attenuate(ROOT_TOKEN, to=far.principal, can=[f"read /{'x' * 90}/{n}" for n in range(3)], now=NOW)
    decision = Verifier([ALICE.principal], audience="svc", clock=lambda: NOW).preview(token, Request("read", "/a"))
    lines = decision_lines(decision, NOW, hops=True)
    assert max(map(len, lines)) <= 100
    assert "x" * 80 in "".join(line.strip() for line in lines)


def test_the_services_own_policy_is_no_hops() -> None:
    """Every hop permits the request, and the policy does not."""
    decision = preview(Request("pay", None, {"amount": 100}), policy=("args.amount < 50",))
    lines = decision_lines(decision, NOW, hops=True)
    assert lines[0] == "REFUSED  policy_failed"
    assert lines[-1] == "  policy    ✗ args.amount < 50"
    assert ["✓" in line for line in lines] == [False, False, False, False, True, True, False]


def test_what_was_refused_before_any_hop_was_asked() -> None:
    """An expired chain: no hop is asked, and the reason is in words."""
    verifier = Verifier([ALICE.principal], audience="svc", clock=lambda: NOW + 90)
    decision = verifier.preview(TOKEN, Request("pay", None, {"amount": 100}))
    assert decision_lines(decision, NOW + 90, hops=True)[:3] == [
        "REFUSED  expired at hop 0 (user:alice@example.com → agent:planner)",
        "  request   pay with amount=100",
        "  because   expired 30s ago",
    ]
    assert not [line for line in decision_lines(decision, NOW + 90, hops=True) if line.startswith("  hop")]


def test_names_of_a_chain_that_did_not_verify_are_not_given() -> None:
    """They are anybody's."""
    error = VerificationError(Reason.BAD_SIGNATURE, "no", hop=1)
    assert refusal(error, None) == "hop 1: no [bad_signature]"
    assert refusal(DelegateError(Reason.EXPIRED), None) == "[expired]"


def test_a_request_is_shown_short_and_escaped() -> None:
    """What a caller asked for cannot flood or steer the terminal."""
    request = Request("a", "/\u202e" + "x" * 500, {"k\u202e": "v" * 500})
    shown = request_line(request)
    assert "\u202e" not in shown
    assert len(shown) < 300
