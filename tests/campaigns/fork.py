"""Forking while threads decide: no child hangs, none allows what is revoked, and no pool is overspent.

`python -m tests.campaigns.fork memory --children 1000`, `… sqlite …`, `… redis …`, `… postgres …`.

A service decides in four threads over one state, plain and awaited, and forks all the while, several children at a
time. Each child goes on with the verifier and the state that it inherited, and says what came of it:

- what was revoked before it was forked is refused, however often it asks;
- a request of a chain that nothing forbids is allowed in the end: a child that is refused for good is a fault;
- of the pool that all share, no more is spent than it holds: by all together, or in memory by each process;
- a proof that its parent used is not taken again;
- every answer comes within the deadline and some patience; a child that has none is a fault, and is ended.
"""

# ruff: noqa: T201 - a command prints
from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import selectors
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from delegate import AsyncVerifier, Identity, Presentation, Reason, Request, RevokedBlock, Token, Verifier
from delegate.state import AsyncState, State, connect, connect_async
from tests import servers

ENGINES: Final = ("memory", "sqlite", "redis", "postgres")
THREADS: Final = 4
AT_ONCE: Final = 6
LIMIT: Final = 200
_DEADLINE_S: Final = 2.0
_CHILD_S: Final = 60.0  # a machine that is busy may take its time; who hangs takes for ever
_PATIENCE_S: Final = 30.0
AUDIENCE: Final = "files"
REQUEST: Final = Request("read", "/data/a.csv")


class Result(NamedTuple):
    """What came of a campaign."""

    counts: Counter[str]
    faults: list[str]
    seconds: float


@dataclass(kw_only=True)
class Service:
    """A service with a state, and those who ask it."""

    engine: str
    state: State
    awaited: AsyncState
    alice: Identity
    agent: Identity
    free: Token
    pooled: Token
    revoked: Token
    used: Presentation
    stop: threading.Event = field(default_factory=threading.Event)
    spent: list[int] = field(default_factory=list)  # one for each request that this process allowed
    faults: list[str] = field(default_factory=list)

    def verifier(self) -> Verifier:
        """Give the plain one, over the state that was opened once."""
        return Verifier([self.alice.principal], audience=AUDIENCE, state=self.state)

    def awaiting(self) -> AsyncVerifier:
        """Give the one to be awaited."""
        return AsyncVerifier([self.alice.principal], audience=AUDIENCE, state=self.awaited)

    def prove(self, token: Token) -> str:
        """Make a proof."""
        return self.agent.prove(token, REQUEST, AUDIENCE).to_text()


def made(engine: str, url: str) -> Service:
    """Open the state, and revoke one of three chains."""
    alice, agent = Identity.generate("user:alice@example.com"), Identity.generate("agent:a")
    free = alice.mint(to=agent.principal, can="read /data/**", ttl="2h")
    pooled = alice.mint(to=agent.principal, can="read /data/**", ttl="2h", budget={"calls": LIMIT})
    revoked = alice.mint(to=agent.principal, can="read /data/**", ttl="2h")
    service = Service(
        engine=engine,
        state=connect(url, deadline=_DEADLINE_S),
        awaited=asyncio.run(connect_async(url, deadline=_DEADLINE_S)),
        alice=alice,
        agent=agent,
        free=free,
        pooled=pooled,
        revoked=revoked,
        used=agent.prove(free, REQUEST, AUDIENCE),
    )
    taken = alice.revoke(blocks=[RevokedBlock.of(revoked)])
    service.verifier().accept_revocations(taken)
    if engine == "memory":  # which the two do not share
        asyncio.run(service.awaiting().accept_revocations(taken))
    end = time.monotonic() + _PATIENCE_S
    used = service.verifier().decide(service.used, REQUEST)
    while not used.allowed and time.monotonic() < end:  # made in the second before the memory began
        service.used = agent.prove(free, REQUEST, AUDIENCE)
        used = service.verifier().decide(service.used, REQUEST)
    return service


# What goes on in the parent.


def serve(service: Service, verifier: Verifier, number: int) -> None:
    """Decide one request after the other: plain in two threads, awaited in the others."""
    try:
        if number % 2:
            asyncio.run(_serve_awaiting(service))
        else:
            while not service.stop.is_set():
                service.spent.extend([1] * verifier.decide(service.prove(service.free), REQUEST).allowed)
                _check_revoked(service, verifier.decide(service.prove(service.revoked), REQUEST).reason)
    except BaseException:  # noqa: BLE001 - of a thread that ends here
        service.faults.append(traceback.format_exc())


async def _serve_awaiting(service: Service) -> None:
    verifier = service.awaiting()
    while not service.stop.is_set():
        await verifier.decide(service.prove(service.free), REQUEST)
        found = await verifier.decide(service.prove(service.revoked), REQUEST)
        _check_revoked(service, found.reason)


def _check_revoked(service: Service, reason: Reason | None) -> None:
    if reason is None:
        service.faults.append("what is revoked was allowed")


# What goes on in a child.


def ask(service: Service, verifier: Verifier, number: int) -> dict[str, int]:
    """Ask what a child asks; gives how often it was allowed what."""
    said: Counter[str] = Counter()
    if number % 4 == 1:
        return dict(asyncio.run(_ask_awaiting(service)))
    spent: list[bool] = []
    threads = [threading.Thread(target=_spend, args=(service, verifier, spent)) for _ in range(number % 3)]
    for thread in threads:
        thread.start()
    _spend(service, verifier, spent)
    for thread in threads:
        thread.join()
    said["pooled"] = sum(spent)
    said["revoked"] += verifier.decide(service.prove(service.revoked), REQUEST).reason is None
    said["used"] += verifier.decide(service.used, REQUEST).reason is None
    end = time.monotonic() + _PATIENCE_S
    while not said["free"] and time.monotonic() < end:
        said["tries"] += 1
        said["free"] += verifier.decide(service.prove(service.free), REQUEST).reason is None
    said["revoked"] += verifier.decide(service.prove(service.revoked), REQUEST).reason is None
    return dict(said)


def _spend(service: Service, verifier: Verifier, spent: list[bool]) -> None:
    spent.append(verifier.decide(service.prove(service.pooled), REQUEST).allowed)


async def _ask_awaiting(service: Service) -> Counter[str]:
    verifier, said = service.awaiting(), Counter[str]()
    for _ in range(2):
        said["revoked"] += (await verifier.decide(service.prove(service.revoked), REQUEST)).reason is None
    said["awaited pooled"] += (await verifier.decide(service.prove(service.pooled), REQUEST)).reason is None
    said["used"] += (await verifier.decide(service.used, REQUEST)).reason is None
    end = time.monotonic() + _PATIENCE_S
    while not said["free"] and time.monotonic() < end:
        said["tries"] += 1
        said["free"] += (await verifier.decide(service.prove(service.free), REQUEST)).reason is None
    return said


@dataclass
class Child:
    """A process that was forked, and what it says."""

    pid: int
    heard: int
    end: float
    said: bytes = b""


def fork(service: Service, verifier: Verifier, number: int) -> Child:
    """Start a child."""
    heard, says = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: what is tested
        pid = os.fork()
    if pid:
        os.close(says)
        return Child(pid, heard, time.monotonic() + _CHILD_S)
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where a memory says that it was inherited
        said = json.dumps(ask(service, verifier, number))
    except BaseException:  # noqa: BLE001 - of a process that ends here
        said = json.dumps({"fault": traceback.format_exc()})
    try:
        os.write(says, said.encode())
    finally:
        os._exit(0)


def _ended(children: list[Child], chooser: selectors.BaseSelector, faults: list[str]) -> list[Child]:
    """Wait for some to end, and end those that hang."""
    for key, _ in chooser.select(timeout=0.5):
        child: Child = key.data
        more = os.read(child.heard, 65_536)
        child.said += more
        if not more:
            chooser.unregister(child.heard)
            os.close(child.heard)
            child.end = -1
    now = time.monotonic()
    for child in children:
        if 0 <= child.end < now:
            faults.append(f"a child hung for {_CHILD_S:.0f} s")
            os.kill(child.pid, signal.SIGKILL)
            child.end = now + _CHILD_S
    over = [child for child in children if child.end < 0]
    for child in over:
        os.waitpid(child.pid, 0)
        children.remove(child)
    return over


def run(engine: str, children: int, seed: int) -> Result:
    """Run one campaign."""
    draw = random.Random(seed)  # noqa: S311 - moments, no secret
    started = time.monotonic()
    counts: Counter[str] = Counter()
    with _url(engine) as url, selectors.DefaultSelector() as chooser:
        service = made(engine, url)
        verifier = service.verifier()
        threads = [threading.Thread(target=serve, args=(service, verifier, number)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        running: list[Child] = []
        try:
            begun = 0
            while begun < children or running:
                if begun < children and len(running) < AT_ONCE:
                    time.sleep(draw.random() * 0.003)
                    child = fork(service, verifier, begun)
                    begun += 1
                    running.append(child)
                    chooser.register(child.heard, selectors.EVENT_READ, child)
                if len(running) == AT_ONCE or begun == children:
                    for each in _ended(running, chooser, service.faults):
                        _count(service, each, counts)
        finally:
            service.stop.set()
            for thread in threads:
                thread.join(_PATIENCE_S)
        counts["allowed in the parent meanwhile"] = len(service.spent)
        if engine != "memory":
            spent = counts["pooled"] + counts["awaited pooled"]
            if spent > LIMIT:
                service.faults.append(f"{spent} spent of {LIMIT}")
            if children > LIMIT and not spent:
                service.faults.append("nothing was spent")
        service.state.close()
        asyncio.run(service.awaited.close())
        return Result(counts, service.faults, time.monotonic() - started)


# Jobs for a pool of processes, which forks its workers when they are needed.


def job(_number: int) -> list[str | None]:
    """Decide in a worker, over what it inherited: what nothing forbids, and what is revoked."""
    service = _INHERITED[0]
    verifier = service.verifier()
    reasons = [verifier.decide(service.prove(token), REQUEST).reason for token in (service.free, service.revoked)]
    return [None if reason is None else str(reason) for reason in reasons]


_INHERITED: Final[list[Service]] = []


def run_jobs(engine: str, jobs: int) -> Result:
    """Have a pool of eight do all jobs, while threads decide."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: what is tested
    started = time.monotonic()
    with _url(engine) as url:
        service = made(engine, url)
        _INHERITED[:] = [service]
        verifier = service.verifier()
        threads = [threading.Thread(target=serve, args=(service, verifier, number)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        answers: list[list[str | None]] = []
        try:
            with ProcessPoolExecutor(8, mp_context=get_context("fork")) as pool:
                answers = list(pool.map(job, range(jobs), timeout=_CHILD_S))
        except TimeoutError:
            service.faults.append(f"a job hung for {_CHILD_S:.0f} s")
        finally:
            service.stop.set()
            for thread in threads:
                thread.join(_PATIENCE_S)
        service.faults += [f"a job decided {answer}" for answer in answers if answer != [None, "revoked"]]
    return Result(Counter({"jobs done": len(answers)}), service.faults, time.monotonic() - started)


def _count(service: Service, child: Child, counts: Counter[str]) -> None:
    counts["children"] += 1
    said = json.loads(child.said or b"{}")
    if "fault" in said:
        service.faults.append(said.pop("fault"))
        return
    if said.get("revoked"):
        service.faults.append("a child allowed what is revoked")
    if said.get("used"):
        service.faults.append("a child took a proof that its parent had used")
    if not said.get("free"):
        service.faults.append(f"a child was refused for good, or said nothing: {said}")
    counts.update(said)


@contextlib.contextmanager
def _url(engine: str) -> Iterator[str]:
    if engine == "memory":
        yield "memory://"
    elif engine == "sqlite":
        with tempfile.TemporaryDirectory(prefix="delegate-fork-") as name:
            yield f"sqlite:///{Path(name)}/state.db"
    else:
        with servers.redis_server() if engine == "redis" else servers.postgres_server() as server:
            yield server.url


def report(result: Result, out: TextIO) -> None:
    """Print what came of it."""
    for word, count in sorted(result.counts.items()):
        print(f"{count:>9}  {word}", file=out)
    for fault in result.faults[:20]:
        print(fault, file=sys.stderr)
    print(f"{len(result.faults)} faults, {result.seconds:.0f} s", file=out)


def main(arguments: list[str]) -> int:
    """Run a campaign and print what came of it; 1 where a child hung, or did what it must not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--children", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=0, help="instead: so many jobs for a pool of processes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    if given.jobs:
        print(f"{given.engine}, {given.jobs} jobs")
        result = run_jobs(given.engine, given.jobs)
    else:
        print(f"{given.engine}, {given.children} children, seed {given.seed}")
        result = run(given.engine, given.children, given.seed)
    report(result, sys.stdout)
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
