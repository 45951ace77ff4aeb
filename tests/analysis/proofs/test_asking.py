"""What is asked, and how it ends: `ever`, `removes`, `within`, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from delegate import CaveatSyntaxError, Request, Root, Verifier
from delegate.analysis import proofs
from delegate.analysis.proofs import Answer, Example
from delegate.analysis.proofs import question as questions
from delegate.analysis.proofs.child import MEMORY_BYTES, ask
from delegate.analysis.proofs.question import NEEDS_Z3, OPEN, Asking, Question, Reply
from delegate.language.conditions import when
from tests.analysis.proofs.chains import AGENTS, ALICE, NOW, chain, reply_to

# Whether a machine is busy must not matter to what is answered here.
PATIENT_S = 60
ever = partial(proofs.ever, time_limit_s=PATIENT_S)
removes = partial(proofs.removes, time_limit_s=PATIENT_S)
within = partial(proofs.within, time_limit_s=PATIENT_S)

PAY = chain({"can": ["pay(amount) if args.amount <= 500", "files.read /reports/**"], "audience": "shop.example.com"})


def verifier(now: int = NOW) -> Verifier:
    """A service that trusts Alice."""
    return Verifier([Root(ALICE.principal)], audience="shop.example.com", clock=lambda: now)


def test_never_and_yes() -> None:
    """A proof, and a request that the verifier's own preview allows."""
    assert ever(PAY, 'action == "pay" && args.amount > 500') == Answer(verdict="never", exact=True)
    found = ever(PAY, 'action == "pay" && args.amount > 400')
    assert found.verdict == "yes"
    assert found.example is not None
    example = found.example
    assert example.request.action == "pay"
    assert example.request.args["amount"] > 400
    assert example.audience == "shop.example.com"
    service = verifier(example.now)
    assert service.preview(PAY, example.request, env=dict(example.env)).error is None


def test_of_a_verified_chain_what_its_root_is_trusted_for_counts() -> None:
    """The root's own bound is a block above the first."""
    service = Verifier(
        [Root(ALICE.principal, can="files.read /reports/2026/**")], audience="shop.example.com", clock=lambda: NOW
    )
    verified = service.verify_chain(PAY)
    assert ever(verified, 'action == "pay"').verdict == "never"
    assert ever(verified, 'resource == "/reports/2025/x"').verdict == "never"
    assert ever(verified, 'resource == "/reports/2026/x"').verdict == "yes"
    assert ever(PAY, 'action == "pay"').verdict == "yes"


def test_values_are_bound_as_in_when() -> None:
    """Never pasted into text."""
    assert ever(PAY, "args.amount == most", most=500).verdict == "yes"
    assert ever(PAY, when("action == 'pay' && args.amount == most", most=501)).verdict == "never"


def test_an_example_that_is_not_confirmed_is_no_yes() -> None:
    """Whoever gives `confirm` has the last word."""
    tried: list[Example] = []

    def refuse(example: Example) -> bool:
        tried.append(example)
        return False

    found = ever(PAY, 'action == "pay"', confirm=refuse)
    assert (found.verdict, found.because) == ("cannot tell", ("the verifier refuses the example that was found",))
    assert [each.request.action for each in tried] == ["pay"]
    assert ever(PAY, 'action == "pay"', confirm=lambda _: True).verdict == "yes"


def test_the_time_of_the_chain_bounds_the_clock() -> None:
    """No request after its end, and none long before its beginning."""
    ends, begins = "2026-09-21T15:13:20Z", "2026-09-21T13:50:00Z"
    assert ever(PAY, f'now >= timestamp("{ends}")').verdict == "never"
    assert ever(PAY, f'now < timestamp("{begins}")').verdict == "never"
    assert ever(PAY, f'now > timestamp("{begins}")').verdict == "yes"


def test_what_a_hop_removes() -> None:
    """An example of it, or that it is nothing; of the lifetime and the audience too."""
    grants = {
        "can": ["pay if args.amount <= 500", "files.read /reports/**"],
        "audience": ["a.example.com", "b.example.com"],
    }
    token = chain(
        grants,
        {"can": ["pay", "files.read /reports/**"]},
        {"caveats": "args.amount <= 500 || action == 'files.read'"},
        {"can": "pay"},
        {"ttl": "10m"},
        {"audience": "a.example.com"},
    )
    found = [removes(token, hop) for hop in range(1, 6)]
    assert [each.verdict for each in found] == ["never", "never", "yes", "yes", "yes"]
    assert [each.exact for each in found[:2]] == [True, True]
    examples = [each.example for each in found[2:]]
    assert all(examples)
    assert examples[0] is not None
    assert examples[0].request.action == "files.read"
    assert examples[1] is not None
    assert examples[1].now >= NOW + 600
    assert examples[2] is not None
    assert examples[2].audience == "b.example.com"


@pytest.mark.parametrize(
    ("suggestion", "grant", "verdict"),
    [
        ("files.read /reports/2026/**", "files.read /reports/**", "never"),
        ("files.read /reports/**", "files.read /reports/2026/**", "yes"),
        ("pay if args.amount <= 400", "pay if args.amount <= 500", "never"),
        ("pay if args.amount <= 500", "pay if args.amount < 500", "yes"),
        ("pay(amount) if args.amount <= 400", "pay(amount, note)", "never"),
        ("pay(amount, note)", "pay(amount)", "yes"),
        (["files.read /a/*", "files.read /b/*"], ["files.* /a/**", "files.* /b/**"], "never"),
        ("files.read /a/**", ["files.read /a/*", "files.read /a"], "yes"),
        ("a if origin == 'user:bob@example.com'", "a if origin.startsWith('user:')", "never"),
        ("a if origin.startsWith('user:')", "a if origin == 'user:bob@example.com'", "yes"),
        ("a if holder.name == 'agent:x'", "a if has(holder.name)", "never"),
        ("a if aud.endsWith('.example.com')", "a if aud == 'b.example.com'", "yes"),
        ("http.get if url.host(args.u) == 'a.example'", "http.get if url.host(args.u).endsWith('example')", "never"),
    ],
)
def test_within(suggestion: str | list[str], grant: str | list[str], verdict: str) -> None:
    """Whether a suggestion stays within a grant."""
    found = within(suggestion, grant)
    assert found.verdict == verdict
    assert (found.example is not None) is (verdict == "yes")


@pytest.mark.parametrize(
    "call",
    [
        lambda: ever("a token's text", "true"),
        lambda: ever(None, "true"),
        lambda: removes(7, 1),
    ],
)
def test_what_is_no_chain_is_a_type_error(call: Callable[[], object]) -> None:
    """With what it is instead."""
    with pytest.raises(TypeError, match="a chain is a verified chain, a token or a link"):
        call()


@pytest.mark.parametrize("hop", [0, 1, -1, True, "1"])
def test_a_hop_is_one_below_the_first(hop: Any) -> None:  # noqa: ANN401 - also what is no int
    """Of this chain there is none."""
    with pytest.raises(ValueError, match="one block"):
        removes(PAY, hop)
    with pytest.raises(ValueError, match="from 1 to 1"):
        removes(chain({"can": "a"}, {"can": "a"}), 2 if hop == 1 and hop is not True else hop)


def test_limits_are_within_bounds() -> None:
    """No child without an end."""
    with pytest.raises(ValueError, match="time limit"):
        ever(PAY, "true", time_limit_s=0)
    with pytest.raises(ValueError, match="time limit"):
        ever(PAY, "true", memory_bytes=1 << 20)


def test_a_condition_that_is_none_is_refused() -> None:
    """By where it is wrong."""
    with pytest.raises(CaveatSyntaxError):
        ever(PAY, "args.amount >")


HOSTILE = {
    "a regular expression that doubles": (
        {"can": "a /**", "caveats": ["args.s.matches('(a|b)*a(a|b){60}')", "args.s.matches('(a|b)*b(a|b){59}$')"]},
        "args.s.matches('^(a|b)*a(a|b){40}b(a|b)*$') && !args.s.contains('bab')",
    ),
    "pigeons": (
        {
            "can": "a",
            "caveats": [
                *(f"args.p{place} in [1, 2, 3, 4, 5, 6, 7, 8, 9]" for place in range(10)),
                *(
                    " && ".join(f"int(args.p{place}) != int(args.p{other})" for other in range(place + 1, 10))
                    for place in range(9)
                ),
            ],
        },
        "true",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_chain_ends_the_child_and_not_the_caller(name: str) -> None:
    """What takes too long is "cannot tell", and says so."""
    terms, asked = HOSTILE[name]
    found = ever(chain(terms), asked, time_limit_s=0.8)
    assert found.verdict == "cannot tell"
    assert found.because == ("it takes more than 0.8 s",)


def test_a_chain_as_large_as_one_may_be_is_answered() -> None:
    """6 blocks of 32 capabilities, each with a condition."""
    blocks = [
        {"can": [f"svc{place}.* /data/{place}/** if args.a{place} <= {place * 10 + hop}" for place in range(32)]}
        for hop in range(6)
    ]
    token = chain(*blocks)
    assert reply_to(token, "args.a3 > 40 && action == 'svc3.x'").verdict == "never"
    assert reply_to(token, "args.a3 == 30 && action == 'svc3.x'").verdict == "yes"


def test_nested_comprehensions_and_long_literals_end() -> None:
    """With an answer, or with why there is none."""
    folds = [f"args.l.all(x, args.l.exists(y, x.a{place} == y.b{place}))" for place in range(6)]
    found = reply_to(chain({"can": "a", "caveats": folds}), "args.l.exists(x, args.l.all(y, x.c == y.d))")
    assert (found.verdict, found.because) == (OPEN, ("lists of too many elements",))
    long = "ab" * 400
    token = chain({"can": "a", "caveats": [f"args.s.contains('{long}')"]})
    assert reply_to(token, f"args.s == '{long}'").verdict == "yes"
    assert reply_to(token, f"args.s == '{long[1:]}'").verdict == "never"


def test_a_child_that_runs_out_of_memory_is_no_answer() -> None:
    """The bound is the system's; what cannot even start says the same."""
    question = Question(permit=((PAY.link.block.can, b""),))
    found = ask(question, time_limit_s=20, memory_bytes=24 << 20)
    assert found == Reply(OPEN, because=("it ended without an answer; 24 MiB of memory may be too little",))
    assert ask(question, time_limit_s=20, memory_bytes=MEMORY_BYTES).verdict == "yes"


SUMS = chain({"can": "order if int(args.a) + int(args.b) <= 100"})


def test_without_z3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it could decide; never an error."""
    asked = "args.a > 60 && args.b > 60"
    assert reply_to(SUMS, asked, use_z3=False).because[0] == NEEDS_Z3
    monkeypatch.setattr(questions, "has_z3", lambda: False)
    assert reply_to(SUMS, asked).verdict == OPEN
    monkeypatch.setattr(
        "delegate.analysis.proofs.asking.ask", lambda question, **_: Asking(question).reply(use_z3=False)
    )
    assert "pip install 'delegate-token[proofs]'" in ever(SUMS, asked).because[0]
    assert ever(SUMS, "args.a == 60 && args.b == 40").verdict == "yes"


def test_sums_over_several_arguments_with_z3() -> None:
    """In the child."""
    pytest.importorskip("z3", reason="the extra `proofs` is not installed")
    assert ever(SUMS, "args.a > 60 && args.b > 60").verdict == "never"
    found = ever(SUMS, "args.a == 60.5 && args.b > 30")
    assert found.verdict == "yes"


def test_an_answer_as_text_and_as_json() -> None:
    """For people and for programs."""
    assert str(ever(PAY, "action == 'pay' && args.amount > 500")) == "never"
    found = ever(PAY, 'action == "pay" && args.amount == 7')
    assert str(found) == 'yes: ["pay", null, {"amount": 7}]'
    assert found.to_json()["example"] == {
        "request": {"action": "pay", "resource": None, "args": {"amount": 7}},
        "env": {},
        "now": NOW - 30,
        "audience": "shop.example.com",
        "holder_name": None,
    }
    opened = Answer(verdict="cannot tell", because=("a", "b"))
    assert str(opened) == "cannot tell: a; b"
    assert str(Answer(verdict="never")) == "never, whichever way what was left open comes out"


def test_what_a_service_vouches_for_is_part_of_the_example() -> None:
    """`env`, and the holder's name."""
    token = chain({"can": "pay", "caveats": ["env.mfa == true", "holder.name == 'agent:a1'"]})
    found = ever(token, "true").example
    assert found is not None
    assert found.env == {"mfa": True}
    assert found.holder_name == "agent:a1"
    service = Verifier([Root(ALICE.principal)], audience="x", clock=lambda: NOW, principals=[AGENTS[0].principal])
    assert service.preview(token, found.request, env=dict(found.env)).error is None
    assert service.preview(token, Request("pay")).error is not None


def test_nothing_is_loaded_until_it_is_asked_for() -> None:
    """The package is a face; z3 is for the child alone."""
    code = (
        "import sys, delegate.analysis.proofs as p; assert 'delegate.analysis.proofs.asking' not in sys.modules; "
        "p.ever; assert 'z3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - this interpreter
