"""The verifier around its decision: roots, stores, forms of answer, settings; synchronous and not."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from delegate import (
    AsyncVerifier,
    Authorization,
    Decision,
    DelegateError,
    Denied,
    Identity,
    Limits,
    MemoryReplay,
    Principal,
    Reason,
    Request,
    Root,
    StateError,
    Token,
    TokenError,
    UnverifiedToken,
    VerificationError,
    Verifier,
)
from delegate.state import Claim, Refused, claims, memory_replay

NOW = 1_790_000_000
ALICE, BOB, AGENT = (
    Identity.from_seed(name, bytes((n,)) * 32) for n, name in enumerate(("user:a@x.org", "user:b@x.org", "agent:a"), 1)
)
REQUEST = Request("files.read", "/data/x")
OTHER = Request("files.write", "/data/x")
TOKEN = ALICE.mint(to=AGENT.principal, can="files.read /data/**", ttl="1h", hops=1, now=NOW, why="a purpose")


def presented(request: Request = REQUEST, token: Token = TOKEN) -> str:
    """With a proof of its own each time."""
    return AGENT.prove(token, request, "s", now=NOW).to_text()


def service(**settings: Any) -> Verifier:  # noqa: ANN401 - a verifier's own
    """Trusts alice; its clock stands still."""
    return Verifier(**{"roots": [ALICE.principal], "audience": "s", "clock": lambda: NOW, **settings})


def test_an_authorization_says_on_whose_authority() -> None:
    """Originator, hops, holder, expiry, audience, block ids, and the request as it was normalised."""
    granted = service().authorize(presented(), REQUEST)
    assert isinstance(granted, Authorization)
    assert (granted.originator, granted.holder, granted.expires, granted.audience) == (
        "user:a@x.org",
        "agent:a",
        NOW + 3600,
        "s",
    )
    assert [str(hop) for hop in granted.hops] == ["hop 0 (user:a@x.org → agent:a)"]
    assert granted.request is REQUEST
    assert [len(each) for each in granted.block_ids] == [32]
    assert granted.proof_id is not None
    assert len(granted.proof_id) == 32
    assert repr(granted) == "<Authorization of agent:a by user:a@x.org for files.read>"


def test_an_authorization_answers_for_other_requests_while_it_lasts() -> None:
    """`allows` asks the same chain, by the clock of now."""
    now = [NOW]
    granted = service(clock=lambda: now[0]).authorize(presented(), REQUEST)
    assert granted.allows(Request("files.read", "/data/y"))
    assert not granted.allows(OTHER)
    now[0] = NOW + 3600
    assert not granted.allows(REQUEST)


def test_a_decision_has_no_truth_value() -> None:
    """`if verifier.decide(…)` is a mistake that would allow everything: it raises."""
    for decision in (
        service().decide(presented(), REQUEST),
        service().decide(presented(OTHER), OTHER),
        service().preview(TOKEN, REQUEST),
    ):
        with pytest.raises(TypeError):
            bool(decision)
        with pytest.raises(TypeError):
            assert not decision


def test_a_decision_says_what_authorize_would_have_raised() -> None:
    """The same reason, hop, detail and status; the error carries the decision."""
    decision = service().decide(presented(OTHER), OTHER)
    with pytest.raises(Denied) as caught:
        service().authorize(presented(OTHER), OTHER)
    error = caught.value
    assert isinstance(error.decision, Decision)
    assert (decision.allowed, decision.reason, decision.hop, decision.detail) == (
        False,
        error.reason,
        error.hop,
        error.detail,
    )
    assert decision.public_detail == error.public_detail == "capability_missing at hop 0"
    assert (decision.http_status, decision.hop_label()) == (403, "hop 0 (user:a@x.org → agent:a)")
    assert "files.read /data/**" in decision.detail
    allowed = service().decide(presented(), REQUEST)
    assert (allowed.http_status, allowed.public_detail, allowed.hop_label()) == (200, "allowed", "")
    assert allowed.authorization is not None


@pytest.mark.parametrize(
    ("source", "kind", "status"),
    [("nonsense", TokenError, 401), (TOKEN.to_text(), VerificationError, 401), (presented(OTHER), Denied, 403)],
    ids=["form", "genuine", "denied"],
)
def test_every_kind_of_refusal_has_its_error(source: str, kind: type[DelegateError], status: int) -> None:
    """Not a token, not proven, not allowed: three classes, with their HTTP statuses."""
    with pytest.raises(kind) as caught:
        service().authorize(source, OTHER)
    assert type(caught.value) is kind
    assert caught.value.http_status == status


def test_what_is_no_presentation_is_a_mistake_of_the_program() -> None:
    """Other types for the token or the request."""
    for wrong in (1, bytearray(b"x"), ["dlgp_"]):
        with pytest.raises(TypeError, match="a presentation is"):
            service().decide(wrong, REQUEST)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        service().decide(presented(), "files.read")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        {"audience": ""},
        {"audience": "a b"},
        {"tenant": ""},
        {"tenant": "a\n"},
        {"algorithms": []},
        {"algorithms": [-8]},
        {"max_lifetime": 0},
        {"leeway": -1},
        {"proof_window": "0s"},
        {"roots": [ALICE.principal, Root(ALICE.principal)]},
        {"principals": [ALICE.principal, Principal("user:other@x.org", ALICE.public_key)]},
    ],
)
def test_a_setting_out_of_its_bounds_is_a_value_error(settings: dict[str, Any]) -> None:
    """The service hears of its mistake when it starts."""
    with pytest.raises(ValueError):
        service(**settings)


@pytest.mark.parametrize("limits", [{"blocks": 17}, {"blocks": 0}, {"evaluation_steps": 20_001}, {"blocks": True}])
def test_a_service_may_not_ask_for_more_than_the_format(limits: dict[str, int]) -> None:
    """Less is possible, more is not: a chain is good everywhere or nowhere."""
    with pytest.raises(ValueError):
        Limits(**limits)


@pytest.mark.parametrize("root", [{"speaks_for": "user:*"}, {"tenants": "acme"}])
def test_one_string_for_several_names_is_a_type_error(root: dict[str, Any]) -> None:
    """`speaks_for="user:*"` would be a pattern for each letter."""
    with pytest.raises(TypeError):
        Root(ALICE.principal, **root)


def test_a_root_that_can_do_nothing_or_has_a_bad_pattern_is_refused() -> None:
    """So is something that is no root at all."""
    with pytest.raises(ValueError):
        Root(ALICE.principal, can=[])
    with pytest.raises(ValueError):
        Root(ALICE.principal, speaks_for=["***"])
    with pytest.raises(TypeError):
        service(roots=["user:a@x.org"])


def test_roots_are_replaced_at_once() -> None:
    """A root that was taken away is gone for the next call, whatever was remembered."""
    verifier = service()
    verifier.authorize(presented(), REQUEST)
    verifier.roots = [BOB.principal]
    assert verifier.decide(presented(), REQUEST).reason is Reason.UNKNOWN_ROOT
    assert verifier.preview(TOKEN, REQUEST).reason is Reason.UNKNOWN_ROOT
    verifier.roots = [Root(ALICE.principal, can="files.write **"), BOB.principal]
    assert verifier.decide(presented(), REQUEST).reason is Reason.CAPABILITY_MISSING
    assert [getattr(root, "principal", root) for root in verifier.roots] == [ALICE.principal, BOB.principal]


def test_roots_are_replaced_under_threads() -> None:
    """While roots come and go, every call sees one set of them: allowed or unknown root, and nothing in between."""
    verifier = service(replay=MemoryReplay(since=0))
    texts = [presented() for _ in range(200)]
    done = threading.Event()
    outcomes: list[tuple[bool, Reason | None]] = []

    def exchange() -> None:
        while not done.is_set():
            verifier.roots = [BOB.principal]
            verifier.roots = [ALICE.principal, BOB.principal]

    def call(mine: list[str]) -> None:
        for text in mine:
            decision = verifier.decide(text, REQUEST)
            outcomes.append((decision.allowed, decision.reason))

    exchanger = threading.Thread(target=exchange)
    callers = [threading.Thread(target=call, args=(texts[n::4],)) for n in range(4)]
    exchanger.start()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    done.set()
    exchanger.join()
    assert len(outcomes) == 200
    assert set(outcomes) <= {(True, None), (False, Reason.UNKNOWN_ROOT)}
    verifier.roots = [BOB.principal]
    assert verifier.preview(TOKEN, REQUEST).reason is Reason.UNKNOWN_ROOT


class Broken:
    """A store that raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def claim(self, claims: Sequence[Claim], *, now: int) -> Literal[True]:
        """It cannot say."""
        raise self.error


class Answering:
    """A store that answers something, and keeps what it was asked."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[Claim, int]] = []

    def claim(self, claims: Sequence[Claim], *, now: int) -> Any:  # noqa: ANN401 - also what it should not
        """Its answer."""
        self.asked += [(each, now) for each in claims]
        return self.answer


class Awaited(Answering):
    """The same, awaited."""

    async def claim(self, claims: Sequence[Claim], *, now: int) -> Any:  # noqa: ANN401 - as above
        """Its answer, after a turn of the loop."""
        await asyncio.sleep(0)
        return super().claim(claims, now=now)


@pytest.mark.parametrize(
    "error",
    [
        OSError("disk"),
        TimeoutError(),
        ValueError("x"),
        KeyError("k"),
        StateError(Reason.STATE_UNAVAILABLE, "full"),
        RecursionError(),
    ],
    ids=repr,
)
def test_a_store_that_raises_refuses_the_request(error: Exception) -> None:
    """Whatever it raises, it did not answer: refused, synchronously and not, with nothing of the error's text."""
    with pytest.raises(StateError) as caught:
        service(replay=Broken(error)).authorize(presented(), REQUEST)
    assert (caught.value.reason, caught.value.http_status) == (Reason.STATE_UNAVAILABLE, 503)
    assert "disk" not in str(caught.value)
    later = AsyncVerifier([ALICE.principal], audience="s", clock=lambda: NOW, replay=Broken(error))
    decision = asyncio.run(later.decide(presented(), REQUEST))
    assert (decision.allowed, decision.reason) == (False, Reason.STATE_UNAVAILABLE)


@pytest.mark.parametrize("answer", [False, None, 1, "yes", [True], (0, None)], ids=repr)
def test_only_true_is_a_first_time(answer: object) -> None:
    """A store that answers nothing, or a count of rows say, has not claimed; nor does it say that it was claimed."""
    assert service(replay=Answering(answer)).decide(presented(), REQUEST).reason is Reason.STATE_UNAVAILABLE
    for store in (Answering(answer), Awaited(answer)):
        later = AsyncVerifier([ALICE.principal], audience="s", clock=lambda: NOW, replay=store)
        assert asyncio.run(later.decide(presented(), REQUEST)).reason is Reason.STATE_UNAVAILABLE


def test_a_claim_made_before_is_a_replay() -> None:
    """The store's one other answer."""
    assert service(replay=Answering(Refused(0))).decide(presented(), REQUEST).reason is Reason.REPLAYED


def test_both_verifiers_ask_the_store_the_same() -> None:
    """Proof id, when it was made, until when to remember it, and the clock; synchronous stores serve both."""
    text = presented()
    stores = [Answering(answer=True), Answering(answer=True), Awaited(answer=True)]
    assert service(replay=stores[0]).decide(text, REQUEST).allowed
    for store in stores[1:]:
        later = AsyncVerifier([ALICE.principal], audience="s", clock=lambda: NOW, replay=store)
        granted = asyncio.run(later.authorize(text, REQUEST))
        assert granted.proof_id == store.asked[0][0].id
    assert stores[0].asked == stores[1].asked == stores[2].asked
    (claim, now), *rest = stores[0].asked
    assert (claim.issued, claim.until, now, rest) == (NOW, NOW + 90, NOW, [])


def test_a_header_that_is_not_there_is_refused() -> None:
    """A caller who presents nothing has a reason of its own, never a fault; what is no token is another."""
    for nothing in (None, "", " \r\n\t", b""):
        decision = service().decide(nothing, REQUEST)
        assert (decision.reason, decision.hop, decision.http_status) == (Reason.NOTHING_PRESENTED, None, 401)
    for something in ("\u00a0", "x", b"\0"):
        assert service().decide(something, REQUEST).reason is not Reason.NOTHING_PRESENTED
    with pytest.raises(TokenError, match="nothing was presented"):
        service().verify_chain(None)


def test_an_awaited_store_under_the_synchronous_verifier_refuses() -> None:
    """A coroutine is no answer: refused, not taken as true."""

    def reason() -> Reason | None:
        found = service(replay=Awaited(answer=True)).decide(presented(), REQUEST).reason
        gc.collect()
        return found

    with pytest.warns(RuntimeWarning, match="never awaited"):
        assert reason() is Reason.STATE_UNAVAILABLE


@pytest.mark.parametrize("refused", [presented(OTHER), TOKEN.to_text(), "dlgp_"], ids=["denied", "bare", "cut"])
def test_a_refused_request_asks_no_store(refused: str) -> None:
    """All read-only checks come first: refusing spends nothing."""
    store = Answering(answer=True)
    assert not service(replay=store).decide(refused, OTHER).allowed
    assert service(replay=store, policy="false").decide(presented(), REQUEST).reason is Reason.POLICY_FAILED
    assert store.asked == []


@pytest.mark.parametrize("clock", [{}, {"clock": lambda: int(time.time())}], ids=["the system's clock", "one's own"])
def test_a_fresh_process_takes_no_proof_of_its_predecessor(
    clock: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clock, the default memory refuses what was made before the process began."""
    monkeypatch.setattr(claims, "_OF_THIS_PROCESS", claims.Claims(since=claims._START.at))
    monkeypatch.setattr(memory_replay, "began_by", claims.began_by)
    token = ALICE.mint(to=AGENT.principal, can="**", ttl="1h")
    verifier = Verifier([ALICE.principal], audience="s", proof_window="7d", **clock)
    old = AGENT.prove(token, Request("x"), "s", now=UnverifiedToken.parse(token).hops[0].issued - 86_400)
    assert verifier.decide(old, Request("x")).reason is Reason.PROOF_EXPIRED
    assert verifier.decide(AGENT.prove(token, Request("x"), "s"), Request("x")).allowed


def test_env_is_normalised_as_arguments_are() -> None:
    """What the service vouches for follows the same rules; a mistake in it is the service's own."""
    token = ALICE.mint(to=AGENT.principal, can="**", caveats="env.n == 1 && env.ip == '::1'", ttl="1h", now=NOW)
    assert service().preview(token, Request("x"), env={"n": 1.0, "ip": "::1"}).allowed
    with pytest.raises(TypeError):
        service().preview(token, Request("x"), env={"n": object()})


def test_a_preview_needs_no_proof_and_spends_none() -> None:
    """It says what the chain would allow; it claims nothing."""
    store = Answering(answer=True)
    verifier = service(replay=store)
    text = presented()
    assert verifier.preview(TOKEN, REQUEST).allowed
    assert verifier.preview(text, REQUEST).allowed
    assert verifier.preview(TOKEN, OTHER).reason is Reason.CAPABILITY_MISSING
    assert verifier.preview("dlgp_", REQUEST).reason is Reason.TRUNCATED
    assert store.asked == []


def test_a_caveat_never_reads_what_the_caller_says_of_itself() -> None:
    """`holder.name` and `holder.who` come from the verifier's directory alone."""
    token = ALICE.mint(
        to=AGENT.principal, can="**", caveats="holder.name == 'agent:a'", ttl="1h", who={"run": "7"}, now=NOW
    )
    assert service().preview(token, Request("x")).reason is Reason.CAVEAT_ERROR
    assert service(principals=[AGENT.principal]).preview(token, Request("x")).allowed


def test_a_verified_chain_is_no_authorization() -> None:
    """It has neither a request nor a way to allow one."""
    chain = service().verify_chain(TOKEN)
    assert not hasattr(chain, "request")
    assert (chain.originator, chain.expires, chain.hops_left, chain.is_bearer) == ("user:a@x.org", NOW + 3600, 1, False)
    assert chain.hops[0].why == "a purpose"
