"""What an issuance costs: 500 agents over an hour, with SQLite, and with two issuers behind one PostgreSQL.

    python bench/issuance.py [--agents 500] [--json FILE]

The hour is simulated: each agent gets a chain of 15 minutes and renews it when it is due, so that an agent asks five or
six times. Where several are answered at once, the same requests come in one moment: clocks that were apart would refuse
each other's proofs. What is timed is the exchange at the issuer, from the request's parameters to the answer: two
signature checks, the policy, one signature, one claim in the store. The requests are made before, as agents make them.
Store and issuers run on this machine: a network between them comes on top. Beside the time, the processor time of the
issuer's own thread: a busy machine stretches the one, and not the other.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.issue.world import ISSUER, POLICY, SALT, URL, Provider
from tests.servers import postgres_server

from delegate import Identity
from delegate.core.wire.armor import to_base64url
from delegate.issue import Issuer, Policy, dpop, nonce_of
from delegate.issue.words import EXCHANGE, ID_TOKEN
from delegate.state import connect

HOUR_S = 3600
LIFE_S = 900
BEGIN = int(time.time()) + 600  # later than the stores are made: they take nothing that is older than themselves
Request = tuple[int, dict[str, str], str]
Taken = list[tuple[float, float]]


def requests(agents: int, *, at_once: bool = False) -> list[Request]:
    """What all agents ask over the hour, in order of time: when, parameters, proof; `at_once`: all in one moment."""
    provider = Provider()
    found = []
    for number in range(agents):
        agent = Identity.generate(f"agent:a{number}")
        at = BEGIN + number * 30 // agents  # all of them come within half a minute
        while at < BEGIN + HOUR_S:
            moment = BEGIN if at_once else at
            token = provider.token(nonce=nonce_of(SALT, agent.public_key), iat=moment, exp=moment + 3600)
            form = {
                "grant_type": EXCHANGE,
                "subject_token": token,
                "subject_token_type": ID_TOKEN,
                "nonce_salt": to_base64url(SALT),
                "agent": agent.name,
            }
            found.append((moment, form, dpop.make(agent.signer, method="POST", url=f"{URL}/token", now=moment)))
            at += int(LIFE_S * (0.6 + 0.15 * (number * 7 % agents) / agents))
    return sorted(found, key=lambda each: each[0])


def serve(url: str, given: list[Request], threads: int) -> Taken:
    """Answer requests by one issuer, so many at once; gives the seconds that each took, and of the processor's."""
    clock = threading.local()
    taken: Taken = []
    work = iter(given)
    lock = threading.Lock()
    with connect(url, deadline=10.0) as state:
        policy = Policy.parse(POLICY, fetch=Provider().fetch)
        issuer = Issuer(policy, ISSUER, replay=state.replay, clock=lambda: clock.now)

        def run() -> None:
            while True:
                with lock:
                    each = next(work, None)
                if each is None:
                    return
                clock.now, form, proof = each
                begin, begun = time.perf_counter(), time.thread_time()
                issuer.exchange(form, dpop=[proof])
                taken.append((time.perf_counter() - begin, time.thread_time() - begun))

        workers = [threading.Thread(target=run) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return taken


def alone(url: str, given: list[Request], threads: int) -> tuple[Taken, float]:
    """One issuer; gives also the seconds of all."""
    begin = time.perf_counter()
    taken = serve(url, given, threads)
    return taken, time.perf_counter() - begin


def _process(url: str, given: list[Request], threads: int, out: Any) -> None:  # noqa: ANN401 - a queue
    out.put(serve(url, given, threads))


def together(url: str, given: list[Request], threads: int) -> tuple[Taken, float]:
    """Two issuers in two processes: each answers every other request."""
    spawn = multiprocessing.get_context("spawn")
    out = spawn.Queue()
    halves = (given[0::2], given[1::2])
    begin = time.perf_counter()
    processes = [spawn.Process(target=_process, args=(url, half, threads, out)) for half in halves]
    for process in processes:
        process.start()
    taken = [seconds for _ in processes for seconds in out.get()]
    for process in processes:
        process.join()
    return taken, time.perf_counter() - begin


@contextmanager
def sqlite() -> Iterator[str]:
    """A file in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/issuer.db"


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own."""
    with postgres_server() as server:
        yield server.url


Measure = Callable[[str, list[Request], int], tuple[Taken, float]]
CASES: dict[str, tuple[Callable[[], Any], Measure, int]] = {
    "SQLite, one issuer, one at a time": (sqlite, alone, 1),
    "SQLite, one issuer, 8 at once": (sqlite, alone, 8),
    "PostgreSQL, one issuer, one at a time": (postgres, alone, 1),
    "PostgreSQL, two issuers, 4 at once each": (postgres, together, 4),
}


def main() -> int:
    """Print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--json", dest="file")
    given = parser.parse_args()
    asked, rush = requests(given.agents), requests(given.agents, at_once=True)
    print(f"{given.agents} agents, {len(asked)} issuances in an hour")
    found = {}
    for name, (store, measure, threads) in CASES.items():
        with store() as url:
            taken, seconds = measure(url, asked if threads == 1 else rush, threads)
        assert len(taken) == len(asked)
        cuts = quantiles([each for each, _ in taken], n=100)
        spent = median([each for _, each in taken])
        row = {"p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000, "cpu_ms": spent * 1000}
        found[name] = {**row, "a_second": len(taken) / seconds}
        times = "   ".join(f"{label.removesuffix('_ms')} {value:6.2f} ms" for label, value in row.items())
        print(f"{name:42} {times}   {len(taken) / seconds:6.0f}/s")
    if given.file:
        Path(given.file).write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
