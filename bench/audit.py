"""What a log costs: writing, a decision with and without it, a required sink, tracing and verifying.

    .venv/bin/python bench/audit.py [FOLDER] [EVENTS]

FOLDER is on the disk that is meant: what is durable costs what its flush costs, and that is printed beside.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import threading
import time
from pathlib import Path

from delegate import Identity, Request, Verifier
from delegate.audit import AuditEvent, Log
from delegate.audit.events import Kind, salted
from delegate.audit.routes import route_of
from delegate.audit.trace import Question, asked_for, page, trace

BATCH = 100
CALLERS = 8


def flush_us(folder: Path) -> float:
    """Time one flush of a page to this disk, the median of 100."""
    path = folder / "flush"
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    times = []
    for _ in range(100):
        os.pwrite(handle, bytes(4096), 0)
        begin = time.perf_counter()
        os.fdatasync(handle)
        times.append(time.perf_counter() - begin)
    os.close(handle)
    path.unlink()
    return statistics.median(times) * 1e6


def main() -> None:  # noqa: PLR0915 - one story
    """Measure all of it, one after the other."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    alice, *agents = (
        Identity.generate(name) for name in ("user:alice@example.com", "agent:planner", "agent:worker", "agent:tool")
    )
    token = alice.mint(to=agents[0].principal, can="files.read /reports/**", ttl="8h", hops=2, why="quarterly")
    token = agents[0].attenuate(token, to=agents[1].principal, caveats=["args.size < 1000"])
    token = agents[1].attenuate(token, to=agents[2].principal, ttl="1h")
    request = Request("files.read", "/reports/q3.csv", {"size": 10})
    plain = Verifier([alice.principal], audience="files")
    route = route_of(plain.verify_chain(token), {})
    path = folder / "audit-bench.db"

    def fresh() -> str:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{path}{ending}").unlink()
        return f"sqlite:///{path}"

    def event(number: int) -> AuditEvent:
        salt = os.urandom(16)
        return AuditEvent(
            Kind.DECISION, 1_790_000_000 + number // 100, "files", "", route, request.action, request.resource, salt,
            salted(salt, request.digest), None, True, None, None, None, salt * 2, {}, (), None, None, 0,
        )  # fmt: skip

    print(f"a flush to this disk: {flush_us(folder):.0f} us")
    events = [event(number) for number in range(50_000)]
    with Log(fresh(), deadline=60) as log:
        begin = time.perf_counter()
        for first in range(0, len(events), BATCH):
            log.append(events[first : first + BATCH])
        taken = time.perf_counter() - begin
        print(f"writing, durable, batches of {BATCH}: {len(events) / taken:,.0f} events a second")
    print(f"  {path.stat().st_size / len(events):.0f} bytes an event")

    proofs = [agents[2].prove(token, request, "files").to_text() for _ in range(4_000)]
    with Log(fresh(), deadline=60) as log:
        audited = Verifier([alice.principal], audience="files", audit=log)
        times: tuple[list[float], list[float]] = ([], [])
        for first in range(0, len(proofs), 50):
            which = first // 50 % 2
            begin = time.perf_counter()
            for proof in proofs[first : first + 50]:
                assert (plain, audited)[which].decide(proof, request).allowed
            times[which].append((time.perf_counter() - begin) / 50 * 1e6)
        log.flush()
        without, beside = (statistics.mean(each) for each in times)
        print(f"a decision: {without:.1f} us without, {beside:.1f} us with: {beside / without:.2f} times")
        assert log.size == len(proofs) // 2

    with Log(fresh(), required=True, deadline=60) as log:
        singles = []
        for each in events[:1_000]:
            begin = time.perf_counter()
            log.take(each)
            singles.append((time.perf_counter() - begin) * 1e6)
        print(f"required: p50 {statistics.median(singles):.0f} us")

        def take(number: int) -> None:
            for each in events[number : number + 500]:
                log.take(each)

        threads = [threading.Thread(target=take, args=(number * 500,)) for number in range(CALLERS)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"required, {CALLERS} callers: {CALLERS * 500 / (time.perf_counter() - begin):,.0f} a second")

    with Log(fresh(), deadline=60) as log:
        for first in range(0, count, 1_000):
            log.append([event(number) for number in range(first, first + 1_000)])
        for question in (asked_for(log, alice.name), Question(since=1_790_000_000 + count // 200)):
            begin = time.perf_counter()
            found = trace(log, question)
            page(log, question)
            print(f"trace over {count:,}: {time.perf_counter() - begin:.2f} s, {found.total.allowed:,} found")
        begin = time.perf_counter()
        assert log.verify().ok
        print(f"verify of {count:,}: {time.perf_counter() - begin:.1f} s")
    fresh()


if __name__ == "__main__":
    main()
