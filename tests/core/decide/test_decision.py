"""One generator of steps: what it answers, what it yields, and who can make an answer that lets anything happen."""

from __future__ import annotations

import pytest

from delegate import Authorization, Identity, Presentation, Reason, Request, Token, Verifier
from delegate.core.decide.decision import Answer, Granted, Previewed, Refusal, deciding
from delegate.core.decide.effects import Effect, Spend
from delegate.core.decide.evaluate import Query
from delegate.core.decide.possession import SECRET_SHOWN

NOW = 1_800_000_000
AUDIENCE = "files.example.com"
REQUEST = Request("files.read", "/data/a")
ROOT = Identity.from_seed("user:alice", b"r" * 32)
AGENT = Identity.from_seed("agent:planner", b"a" * 32)


def _proof(token: Token) -> Presentation:
    return AGENT.prove(token, REQUEST, AUDIENCE, now=NOW)


def _token() -> Token:
    return ROOT.mint(to=AGENT.principal, can=["files.read /data/**"], ttl="1h", now=NOW)


def _verifier(*roots: Identity) -> Verifier:
    return Verifier([root.principal for root in roots], audience=AUDIENCE, clock=lambda: NOW)


def _run(
    presented: str, verifier: Verifier, *, is_preview: bool = False, now: int = NOW
) -> tuple[list[Effect], Answer]:
    """Answer every effect with `True`, and list them."""
    query = Query(REQUEST, {}, {}, now)
    steps = deciding(presented, query, verifier._generation, verifier._settings, is_preview=is_preview)
    effects: list[Effect] = []
    try:
        effects.append(next(steps))
        while True:
            effects.append(steps.send(True))
    except StopIteration as done:
        answer: Answer = done.value
        return effects, answer


def test_a_decision_spends_and_grants() -> None:
    """One effect, the last step's: the proof is claimed; then, and not before, the request is granted."""
    effects, answer = _run(_proof(_token()).to_text(), _verifier(ROOT))
    assert [type(effect) for effect in effects] == [Spend]
    assert type(answer) is Granted
    assert Authorization(answer, _verifier(ROOT)._settings).originator == "user:alice"


def test_a_preview_of_a_good_proof_spends_and_grants_nothing() -> None:
    """Even where every step would hold: it asks for no proof, so it takes none, and makes no authorization."""
    verifier = _verifier(ROOT)
    for _ in range(3):  # cold, warm, and by its text, for a decision
        effects, answer = _run(_proof(_token()).to_text(), verifier, is_preview=True)
        assert effects == []
        assert type(answer) is Previewed
        with pytest.raises(TypeError):
            Authorization(answer, verifier._settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_preview", [False, True])
def test_a_refusal_tells_how_far_it_got(*, is_preview: bool) -> None:
    """Without the root there is no chain; after its end there is one. Nothing is spent either way."""
    text = _proof(_token()).to_text()
    effects, answer = _run(text, _verifier(AGENT), is_preview=is_preview)
    assert isinstance(answer, Refusal)
    assert (effects, answer.error.reason, answer.chain) == ([], Reason.UNKNOWN_ROOT, None)
    effects, answer = _run(text, _verifier(ROOT), is_preview=is_preview, now=NOW + 3600)
    assert isinstance(answer, Refusal)
    assert (effects, answer.error.reason) == ([], Reason.EXPIRED)
    assert answer.chain is not None


def test_nothing_else_makes_a_granted() -> None:
    """A program that has a verified chain has no decision yet."""
    verifier = _verifier(ROOT)
    chain = verifier.verify_chain(_token())
    with pytest.raises(TypeError):
        Granted(chain, Query(REQUEST, {}, {}, NOW), SECRET_SHOWN, (), object())
