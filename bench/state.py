"""What the stores cost, and how soon a revocation reaches another process.

    python bench/state.py [--records 1000000] [--engines memory,sqlite,redis,postgres] [--rounds 7]

One run, each engine on what it really runs on: a file in a temporary folder, a Redis and a PostgreSQL started for
this on a socket, both as durable as they can be. Look-ups are of 11 subjects, what a chain of 5 blocks has, among that
many revoked ids: of the same chain again (warm), and each of another chain (cold). The figures belong to the machine;
the ratios are to a bare signature check, made in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from tests import servers

from delegate import Identity, Request, Verifier
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, MemoryReplay, State, connect

SUBJECTS = 11
SIGNER = b"s" * 32


def best(question: Callable[[int], object], *, count: int, rounds: int) -> float:
    """Give µs a call: the quickest of the rounds."""
    taken = []
    for turn in range(rounds):
        started = time.perf_counter_ns()
        for number in range(turn * count, (turn + 1) * count):
            question(number)
        taken.append((time.perf_counter_ns() - started) / count / 1000)
    return min(taken)


def signature_us(rounds: int) -> float:
    """Give what one bare signature check takes."""
    public, secret = crypto_sign_seed_keypair(bytes(32))
    signed = crypto_sign(b"x" * 200, secret)
    return best(lambda _: crypto_sign_open(signed, public), count=2_000, rounds=rounds)


@contextlib.contextmanager
def url_of(engine: str) -> Iterator[str]:
    """Start what an engine runs on."""
    if engine == "redis":
        with servers.redis_server(durable=True) as server:
            yield server.url
    elif engine == "postgres":
        with servers.postgres_server(durable=True) as other:
            yield other.url
    elif engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/state.db"
    else:
        yield "memory://"


def fill(state: State, count: int, now: int) -> None:
    """Revoke so many keys."""
    for start in range(0, count, 100_000):
        records = [Record(os.urandom(32), SIGNER, True, 0, TIME_MAX) for _ in range(start, min(start + 100_000, count))]
        state.revocations.add(Feed(SIGNER, start + 1, now, now + 900), records, now=now)


def costs(state: State, rounds: int) -> dict[str, float]:
    """Give µs a call for each operation."""
    now = int(time.time())
    slow = not state.url.startswith("memory")
    count = 200 if slow else 20_000
    pools = [Charge(bytes((n,)) * 32, "calls", 1, 2**62, now + 900) for n in range(3)]
    chains = [tuple(os.urandom(32) for _ in range(SUBJECTS)) for _ in range(rounds * 2_000)]
    claims = iter([Claim(os.urandom(32), now + 60, now + 90) for _ in range(2 * rounds * count)])
    look_up = state.revocations.look_up
    end = time.monotonic() + 5  # until a feed is heard, each asks the server
    while time.monotonic() < end:
        look_up(chains[0])
        if not slow or best(lambda _: look_up(chains[0]), count=20, rounds=1) < 30:
            break
        time.sleep(0.05)
    return {
        "claim": best(lambda _: state.replay.claim([next(claims)], now=now), count=count, rounds=rounds),
        "charge of 3 pools": best(
            lambda _: state.ledger.charge([next(claims)], pools, now=now), count=count, rounds=rounds
        ),
        "look-up, warm": best(lambda _: look_up(chains[0]), count=2_000, rounds=rounds),
        "look-up, cold": best(lambda number: look_up(chains[number]), count=2_000 if not slow else 500, rounds=rounds),
        "feeds": best(lambda _: state.revocations.feeds(), count=2_000, rounds=rounds),
    }


def warm_checks(state: State, rounds: int) -> dict[str, float]:
    """Give µs of a warm check of five blocks with its proof: without a revocation store, and with this one; in turn."""
    people = [Identity.generate(f"agent:{number}") for number in range(6)]
    token = people[0].mint(to=people[1].principal, can="files.read /reports/**", ttl="8h", hops=5)
    for above, below in pairwise(people[1:]):
        token = above.attenuate(token, to=below.principal, caveats="args.size < 1000")
    request = Request("files.read", "/reports/q3.csv", {"size": 10})
    roots = [people[0].principal]
    verifiers = {
        "warm check": Verifier(roots, audience="files", replay=MemoryReplay(since=0)),
        "warm check, looked up": Verifier(
            roots, audience="files", replay=MemoryReplay(since=0), revocations=state.revocations
        ),
    }
    found = dict.fromkeys(verifiers, float("inf"))
    for _ in range(rounds + 2):  # the first two make it warm
        for name, verifier in verifiers.items():
            shown = [people[-1].prove(token, request, "files").to_text() for _ in range(200)]
            taken = best(lambda number, v=verifier, s=shown: v.authorize(s[number], request), count=200, rounds=1)  # type: ignore[misc]
            found[name] = min(found[name], taken)
    return found


LISTEN = """
import sys, time
from delegate.state import connect
state = connect(sys.argv[1], deadline=5)
for number in range(int(sys.argv[2])):
    subject = [b"d" + number.to_bytes(31)]
    end = time.monotonic() + 2
    while time.monotonic() < end and not state.revocations.look_up(subject):
        if number == 0:
            print("ready", flush=True)
            number = -1
        time.sleep(0.0001)
    print(time.monotonic_ns(), flush=True)
"""


def delays(url: str, count: int) -> list[float]:
    """Give ms from when a revocation was accepted here to when a look-up at another process finds it."""
    now = int(time.time())
    command = [sys.executable, "-c", LISTEN, url, str(count)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - ours
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    taken = []
    with connect(url, deadline=5) as state:
        for number in range(count):
            time.sleep(0.3)
            record = Record(b"d" + number.to_bytes(31), SIGNER, True, 0, TIME_MAX)
            state.revocations.add(Feed(SIGNER, 10**9 + number, now, now + 900), [record], now=now)
            accepted = time.monotonic_ns()
            taken.append((int(other.stdout.readline()) - accepted) / 1_000_000)
    other.wait()
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--engines", default="memory,sqlite,redis,postgres")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--delays", type=int, default=30)
    options = parser.parse_args()
    floor = signature_us(options.rounds)
    print(f"a bare signature check: {floor:.1f} µs; {options.records} revoked ids")
    for engine in options.engines.split(","):
        with url_of(engine) as url, connect(url, deadline=10) as state:
            fill(state, options.records, int(time.time()))
            for name, taken in {**costs(state, options.rounds), **warm_checks(state, options.rounds)}.items():
                print(f"  {engine:<10}{name:<24}{taken:10.1f} µs   {taken / floor:8.2f} × a signature check")
            if engine in {"redis", "postgres"}:
                taken_ms = delays(url, options.delays)
                low, _, high = quantiles(taken_ms, n=4)
                print(
                    f"  {engine:<10}{'to another process':<24}{median(taken_ms):10.2f} ms   "
                    f"({low:.2f} to {high:.2f}, longest {max(taken_ms):.2f})"
                )


if __name__ == "__main__":
    main()
