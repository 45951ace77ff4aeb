"""Attacks on the verifier's time and memory: each is bounded by a count that is checked before the work."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest

from delegate import Caveat, DelegateError, Reason, Request, Token, UnverifiedToken
from delegate.core.evaluator.scope import Scope
from delegate.core.wire import cbor
from delegate.language import parse
from delegate.limits import EVALUATION_STEPS, PRESENTATION_BYTES, REQUEST_BYTES, TOKEN_BYTES
from tests.attacks.world import ALICE, AUDIENCE, NOW, PLANNER, claims_of, forged, minted, refusal, verifier


def with_caveat(wire: Any) -> Token:  # noqa: ANN401 - an expression's, right or wrong
    """Alice's grant, with a caveat that no author of ours would write."""
    return with_claims(**{"if": cbor2.dumps([wire], canonical=True)})


def with_claims(**claims: bytes) -> Token:
    """Alice's grant, with claims of her own."""
    kid = ALICE.public_key.thumbprint
    return Token((forged(ALICE.signer, {**claims_of(minted().blocks[0]), **claims}, kid, kid=kid),))


def test_a_regular_expression_that_takes_others_seconds() -> None:
    """`(a+)+$` over thousands of letters: linear here."""
    request = Request("files.read", "/reports/x", {"s": "a" * 8000 + "!"})
    token = minted(caveats=r"args.s.matches('^(a+)+$')")
    assert refusal(verifier(), PLANNER.prove(token, request, AUDIENCE, now=NOW), request) == (Reason.CAVEAT_FAILED, 0)


def test_a_regular_expression_that_takes_much_memory() -> None:
    """Nested repetitions multiply: refused by weight, before the engine sees them."""
    request = Request("files.read", "/reports/x", {"s": "a"})
    for pattern in ("(((a{100}){100}){100})", "a{1000}{1000}", "(?:\\\\pL{50}){50}"):
        token = minted(caveats=Caveat(parse(f"args.s.matches('{pattern}')")))  # by an author who checks nothing
        assert refusal(verifier(), PLANNER.prove(token, request, AUDIENCE, now=NOW), request) == (
            Reason.CAVEAT_ERROR,
            0,
        )


@pytest.mark.parametrize(
    "caveat",
    [
        "args.xs.all(a, args.xs.all(b, a == b))",
        "args.xs.exists(a, args.xs.exists(b, int(a) + int(b) == -1))",
        "size(args.xs.map(a, args.xs.filter(b, b == a))) > 0",
    ],
)
def test_a_comprehension_inside_another_runs_out_of_steps(caveat: str) -> None:
    """Two lists of hundreds, each item with each: the steps run out, and nothing absorbs that."""
    request = Request("files.read", "/reports/x", {"xs": [0] * 200})
    for text in (caveat, f"{caveat} || true", f"!({caveat})", f"true || {caveat}"):
        token = minted(caveats=text)
        expected = verifier().preview(token, request)
        if text.startswith("true"):
            assert expected.allowed
        else:
            assert (expected.reason, expected.hop) == (Reason.LIMIT_EXCEEDED, 0)


def test_patterns_that_never_match_and_never_give_up() -> None:
    """Hundreds of capabilities over thousands of characters: they are charged, and the steps run out."""
    never = [["**", f"**/*a*{number:x}b"] for number in range(31)]
    token = with_claims(can=cbor2.dumps([*never, ["**", "**"]]))
    request = Request("files.read", "/" + "a" * 8191)
    decision = verifier().decide(PLANNER.prove(token, request, AUDIENCE, now=NOW), request)
    assert (decision.reason, decision.hop) == (Reason.LIMIT_EXCEEDED, 0)
    (verdict,) = decision.explain().verdicts
    assert (verdict.permits, "steps" in verdict.words) == (False, True)


def test_explaining_is_bounded_as_well() -> None:
    """Conditions that decide at once and have much behind what decided: their words share one count of steps."""
    behind = [19, [0, "args", "xs"], "x", [19, [0, "args", "xs"], "y", [24, [0, "x"], [0, "y"]]]]
    condition = [1, [4, "action", "none"], behind]
    token = with_claims(can=cbor2.dumps([["files.read", None, condition]] * 32))
    request = Request("files.read", None, {"xs": [0] * 60})
    decision = verifier().decide(PLANNER.prove(token, request, AUDIENCE, now=NOW), request)
    assert (decision.reason, decision.hop) == (Reason.CAPABILITY_MISSING, 0)
    spent: list[int] = []
    charge = Scope.charge

    def counted(scope: Scope, steps: int) -> None:
        spent.append(min(steps, scope.steps_left))
        charge(scope, steps)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scope, "charge", counted)
        assert "action is " in decision.detail
        assert sum(spent) <= EVALUATION_STEPS
        spent.clear()
        (verdict,) = decision.explain().verdicts
    assert (verdict.permits, "action is " in verdict.words) == (False, True)
    assert EVALUATION_STEPS < sum(spent) <= 2 * EVALUATION_STEPS


def test_sixty_facts_joined_four_ways() -> None:
    """A join of four lists of sixty: comprehensions nest twice at most, so it cannot even be said."""
    inner: Any = True
    for name in "dcba":
        inner = [19, [0, "args", "xs"], name, inner]
    with pytest.raises(DelegateError) as caught:
        verifier().verify_chain(with_caveat(inner))
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    request = Request("files.read", "/reports/x", {"xs": list(range(60))})
    two = minted(caveats="args.xs.all(a, args.xs.all(b, a < 60 && b < 60))")
    assert verifier().preview(two, request).reason in {None, Reason.LIMIT_EXCEEDED}


@pytest.mark.parametrize("depth", [17, 39, 60, 10_000])
def test_nesting_ten_thousand_deep(depth: int) -> None:
    """`!!!…true`, as CBOR can nest it, in a caveat: a limit, and no recursion error."""
    wire = b"\x82\x03" * depth + b"\xf5"
    token = minted()
    kid = ALICE.public_key.thumbprint
    claims = {**claims_of(token.blocks[0]), "if": b"\x81" + wire}
    chain = Token((forged(ALICE.signer, claims, kid, kid=kid),))
    with pytest.raises(DelegateError) as caught:
        UnverifiedToken.parse(chain)
    assert caught.value.reason in {Reason.LIMIT_EXCEEDED, Reason.MALFORMED}


@pytest.mark.parametrize("opening", [b"\x81", b"\x9f", b"\xa1\x01", b"\xd8\x18", b"\x5f", b"\xbf\x01", b"\xc2"])
def test_brackets_and_nothing_else(opening: bytes) -> None:
    """Arrays, maps, tags and pieces opened ten thousand times."""
    with pytest.raises(DelegateError):
        cbor.decode(opening * 10_000)
    for data in (opening * 10_000, b"\x82\x01" + opening * 8_000, b"\x84\x03\x81" + opening * 8_000):
        with pytest.raises(DelegateError):
            verifier().verify_chain(data[:TOKEN_BYTES])


def test_lengths_that_are_not_there() -> None:
    """A head says that exabytes follow: nothing is reserved for them."""
    for head in (b"\x9b", b"\x5b", b"\x7b", b"\xbb"):
        for size in (2**32, 2**62, 2**64 - 1):
            with pytest.raises(DelegateError):
                cbor.decode(head + size.to_bytes(8, "big"))


def test_a_megabyte() -> None:
    """A request, an argument, a token of a megabyte: refused by size, before the work."""
    for oversized in ({"s": "x" * 10**6}, {"b": bytes(10**6)}, {"xs": [0] * 10**6}, {"x" * 10**6: 1}):
        with pytest.raises(DelegateError) as caught:
            Request("files.read", None, oversized)
        assert caught.value.reason is Reason.LIMIT_EXCEEDED
    for envelope in (
        bytes(10**6),
        "dlgp_" + "A" * 10**6,
        "dlgt_" + "A" * TOKEN_BYTES * 2,
        b"\x84\x03" + bytes(PRESENTATION_BYTES),
    ):
        assert verifier().decide(envelope, Request("x")).reason is Reason.LIMIT_EXCEEDED
    assert len(Request("x", None, {"s": "x" * (REQUEST_BYTES - 100)}).digest) == 32


def test_an_argument_nested_too_deep_or_within_itself() -> None:
    """A program passes on what a model made: a list in a list in a list, or one that contains itself."""
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    within: list[Any] = []
    within.append(within)
    for given in (deep, within):
        with pytest.raises(DelegateError) as caught:
            Request("x", None, {"a": given})
        assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_a_limit_is_a_count_and_not_a_clock() -> None:
    """The same chain and request get the same verdict at every speed: the clock is read once a decision."""
    reads: list[int] = []

    def clock() -> float:
        reads.append(NOW)
        return NOW

    service = verifier(clock=clock)
    service.preview(
        minted(caveats="args.size < 5 || now < timestamp('2030-01-01T00:00:00Z')"), Request("files.read", "/reports/x")
    )
    assert len(reads) == 1
