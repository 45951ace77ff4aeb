"""Verifiers with other windows at one memory: a proof is taken once, whoever forgets it first and whoever asks then.

How long an id must be remembered is the word of the verifier that claimed it: its `proof_window` and `leeway`. Another
one takes the same proof for longer. So the first has it forgotten, and the second must refuse what might have been.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from delegate import Identity, MemoryReplay, Reason, Request, VerificationError, Verifier
from delegate.state import Charge, Claim, MemoryLedger, Refused, claims, connect, memory_replay
from delegate.state import redis as redis_store
from tests.state.conftest import Engine

ALICE = Identity.generate("user:alice@example.com")
AGENT = Identity.generate("agent:a")
SHORT_S, LONG_S = 31, 91
OF_THE_PROCESS = claims._OF_THIS_PROCESS  # a test has another
LATER_S = 40  # the short window is over, the long one is not


def claim(engine: Engine, number: int, window_s: int, *, made: int = 0) -> Claim:
    """A proof as a verifier with this window claims it."""
    return Claim(number.to_bytes(32), engine.now + made, engine.now + made + window_s)


def passes(engine: Engine, patch: pytest.MonkeyPatch) -> int:
    """Let time pass until what was claimed for the short window is forgotten at the next call; give the new time.

    A server goes by its own clock, and keeps an id for a minute more: there, what it keeps is made older.
    """
    if engine.name == "redis":
        patch.setattr(redis_store, "CLAIMS_KEPT_S", -LATER_S)
    elif engine.name == "postgres":
        with psycopg.connect(engine.url, autocommit=True) as operator:
            operator.execute("UPDATE delegate.claims SET until = until - %s", (LATER_S + 60,))
    return engine.now + LATER_S


def says(attempt: Callable[[], object]) -> object:
    """Give the outcome, or the reason of the refusal."""
    try:
        return attempt()
    except VerificationError as error:
        return error.reason


@pytest.fixture(params=[False, True], ids=["replay", "ledger"])
def is_ledger(request: pytest.FixtureRequest) -> bool:
    """Whether the ids are claimed alone, or with a charge."""
    return bool(request.param)


def take(engine: Engine, what: Claim, now: int, *, is_ledger: bool) -> object:
    """Claim one, as another process would."""
    state = engine.open()
    if is_ledger:
        pool = Charge(b"p" * 32, "calls", 1, 100, engine.now + 900)
        return says(lambda: state.ledger.charge([what], [pool], now=now))
    return says(lambda: state.replay.claim([what], now=now))


def test_what_the_shorter_window_forgot_the_longer_one_does_not_take(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, is_ledger: bool
) -> None:
    """The attack: a proof is used at a short-windowed verifier, and once more, when that has forgotten it."""
    assert take(engine, claim(engine, 1, SHORT_S), engine.now, is_ledger=is_ledger) is True
    now = passes(engine, monkeypatch)
    assert take(engine, claim(engine, 2, LONG_S, made=30), now, is_ledger=is_ledger) is True  # has it forgotten
    assert take(engine, claim(engine, 1, LONG_S), now, is_ledger=is_ledger) == Reason.PROOF_EXPIRED
    assert take(engine, claim(engine, 3, LONG_S, made=-1), now, is_ledger=is_ledger) == Reason.PROOF_EXPIRED
    assert take(engine, claim(engine, 4, LONG_S, made=31), now, is_ledger=is_ledger) is True


def test_what_the_longer_window_took_the_shorter_one_does_not_take(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, is_ledger: bool
) -> None:
    """The other way round: it is known for as long as anybody would take it."""
    assert take(engine, claim(engine, 1, LONG_S), engine.now, is_ledger=is_ledger) is True
    assert take(engine, claim(engine, 1, SHORT_S), engine.now + 1, is_ledger=is_ledger) == Refused(0)
    if engine.name in ("memory", "sqlite"):  # at a server, this would be the server's time
        now = passes(engine, monkeypatch)
        assert take(engine, claim(engine, 1, LONG_S), now, is_ledger=is_ledger) == Refused(0)
        assert take(engine, claim(engine, 1, SHORT_S), now, is_ledger=is_ledger) == Reason.PROOF_EXPIRED


def test_a_discharge_that_is_over_takes_no_proof_with_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short-lived approval says nothing of how long proofs are remembered: those made before it are good."""
    approval = claim(engine, 9, SHORT_S)
    with_it = [claim(engine, 1, LONG_S, made=30), approval]
    assert says(lambda: engine.state.replay.claim(with_it, now=engine.now)) is True
    if engine.name == "postgres":
        with psycopg.connect(engine.url, autocommit=True) as operator:
            operator.execute("UPDATE delegate.claims SET until = until - 100 WHERE proved = -1")
        now = engine.now + LATER_S
    else:
        now = passes(engine, monkeypatch)
    assert says(lambda: engine.state.replay.claim([claim(engine, 2, LONG_S, made=30)], now=now)) is True
    assert says(lambda: engine.state.replay.claim([claim(engine, 3, LONG_S)], now=now)) is True
    again = [claim(engine, 4, LONG_S, made=30), approval]
    assert says(lambda: engine.state.replay.claim(again, now=now)) == Reason.PROOF_EXPIRED


def verifier(now: int, window: str, **how: object) -> Verifier:
    """A verifier whose clock stands at a time."""
    options: dict[str, object] = {"proof_window": window, "clock": lambda: now, **how}
    return Verifier([ALICE.principal], audience="s", **options)  # type: ignore[arg-type]


def shown(now: int) -> str:
    """A request of a chain that permits everything, with its proof."""
    chain = ALICE.mint(to=AGENT.principal, can="**", ttl="1h", now=now - 600)
    return AGENT.prove(chain, Request("x"), "s", now=now).to_text()


@pytest.mark.parametrize("kind", ["memory", "memory apart", "sqlite"])
def test_two_verifiers_of_one_process(kind: str, tmp_path: Path) -> None:
    """Whole decisions, with both orders of the windows, at one memory or one file."""
    now = int(time.time())
    if kind == "memory":
        how: dict[str, object] = {}
    elif kind == "memory apart":
        how = {"replay": MemoryReplay(since=0), "ledger": MemoryLedger(since=0)}
    else:
        how = {"state": connect(f"sqlite:///{tmp_path}/state.db", deadline=20)}
        now += 2
    first, second, third = shown(now), shown(now + 1), shown(now + LATER_S)
    assert verifier(now, "1s", **how).decide(first, Request("x")).allowed
    assert verifier(now + 1, "60s", **how).decide(second, Request("x")).allowed
    assert verifier(now + 1, "1s", **how).decide(second, Request("x")).reason is Reason.REPLAYED
    assert verifier(now + LATER_S, "1s", **how).decide(third, Request("x")).allowed  # the first is forgotten
    again = verifier(now + LATER_S, "60s", **how)
    assert again.decide(first, Request("x")).reason is Reason.PROOF_EXPIRED
    assert again.decide(second, Request("x")).reason is Reason.REPLAYED
    assert again.decide(third, Request("x")).reason is Reason.REPLAYED


IN_A_PROCESS = """
import sys
from delegate import Principal, Request, Verifier
from delegate.state import connect
url, root, now, window, kept = sys.argv[1:6]
if url.startswith(("redis", "unix")):
    import delegate.state.redis
    delegate.state.redis.CLAIMS_KEPT_S = int(kept)
with connect(url, deadline=20) as state:
    verifier = Verifier(
        [Principal.load(root)], audience="s", state=state, proof_window=window, clock=lambda: int(now)
    )
    for text in sys.argv[6:]:
        decision = verifier.decide(text, Request("x"))
        print(decision.reason or "allowed")
"""


@pytest.mark.parametrize("windows", [("1s", "60s"), ("60s", "1s")], ids=["short first", "long first"])
def test_two_processes_with_one_store(shared: Engine, windows: tuple[str, str], tmp_path: Path) -> None:
    """Each with its own window: what one took, the other does not take, when the first has forgotten it."""
    root = tmp_path / "alice.pub"
    ALICE.principal.save(root)
    now = shared.now + 1

    def ask(at: int, window: str, kept: int, *texts: str) -> list[str]:
        command = [sys.executable, "-c", IN_A_PROCESS, shared.url, str(root), str(at), window, str(kept), *texts]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))  # noqa: S603
        return ran.stdout.split()

    first, later = shown(now), shown(now + LATER_S)
    assert ask(now, windows[0], 60, first, first) == ["allowed", "replayed"]
    assert ask(now, windows[1], 60, first) == ["replayed"]
    if shared.name == "postgres" and windows[0] == "1s":
        with psycopg.connect(shared.url, autocommit=True) as operator:
            operator.execute("UPDATE delegate.claims SET until = until - 100")
    kept = -LATER_S if windows[0] == "1s" else 60
    said = ask(now + LATER_S, "60s", kept, later, first)
    assert said == ["allowed", "proof_expired" if windows[0] == "1s" else "replayed"]


@pytest.mark.parametrize("ahead_s", [86_400, -86_400], ids=["a day ahead", "a day behind"])
def test_a_clock_that_is_far_off_shuts_nobody_out(monkeypatch: pytest.MonkeyPatch, ahead_s: int) -> None:
    """Of a process's verifiers, who share one memory, one goes by a wrong clock: the others go on, and so does it."""
    monkeypatch.setattr(claims, "_OF_THIS_PROCESS", claims.Claims(since=0, by_machine=True))
    monkeypatch.setattr(memory_replay, "began_by", lambda _: 0)
    now = int(time.time())
    proofs = [shown(now - age) for age in (20, 10, 0)]
    wrong, right = verifier(now + ahead_s, "60s"), verifier(now, "60s")
    assert right.decide(proofs[1], Request("x")).allowed
    assert wrong.decide(shown(now + ahead_s), Request("x")).allowed
    assert wrong.decide(shown(now + ahead_s), Request("x")).allowed
    assert right.decide(proofs[1], Request("x")).reason is Reason.REPLAYED
    assert right.decide(proofs[0], Request("x")).allowed
    assert right.decide(proofs[2], Request("x")).allowed
    assert wrong.decide(shown(now + ahead_s - 5), Request("x")).allowed
    assert OF_THE_PROCESS._by_machine


def test_a_clock_that_is_behind_keeps_an_id_for_as_long_as_it_would_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It forgets when its own window is over, by the machine's seconds; then nobody takes what it forgot."""
    machine = [2_000_000]
    monkeypatch.setattr(time, "time", lambda: machine[0])
    memory = claims.Claims(since=0, by_machine=True)
    used, other = Claim(b"u" * 32, 1_000, 1_090), Claim(b"o" * 32, 1_999_990, 2_000_080)
    assert memory.refusal([used], 1_000) is None
    memory.keep([used], 1_000)
    machine[0] += 90
    assert memory.refusal([other._replace(until=2_000_180)], 2_000_090) is None
    assert memory.refusal([used], 1_090) == Refused(0)
    machine[0] += 1
    assert memory.refusal([other._replace(until=2_000_181)], 2_000_091) is None
    with pytest.raises(VerificationError):
        memory.refusal([used._replace(until=2_000)], 1_091)
    assert len(memory) == 0
