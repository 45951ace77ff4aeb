"""Killing what writes a log, and changing what is in it: nothing acknowledged is lost, and every change is found.

`python -m tests.campaigns.log kill --turns 100` ends four writers at a time with SIGKILL, in the middle of whatever
they do, and then looks: every event that was acknowledged is there, once, and the tree is whole.

`python -m tests.campaigns.log tamper --events 1000000 --samples 200` writes a large log, changes, drops, swaps and
inserts records at random places, one at a time, and looks whether reading the log finds each.
"""

# ruff: noqa: T201, S311 - a command prints, and its places are drawn
from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from delegate.audit import Log
from delegate.audit.engine import Batch
from delegate.audit.tree.checkpoints import Checkpoint
from delegate.audit.tree.notes import NoteSigner, Use
from delegate.audit.verifying import verify
from tests.audit.conftest import event

WRITERS = 4
WRITER = """
import os, sys
from delegate.audit import Log
from tests.audit.conftest import event
log = Log(sys.argv[1], required=True, deadline=60.0)
for number in range(10**9):
    mark = os.getpid() << 40 | number
    log.take(event(0)._replace(salt=mark.to_bytes(16)))
    sys.stdout.write(f"{mark}\\n")
    sys.stdout.flush()
"""


def kill(turns: int) -> None:
    """Kill writers, and look at what they left."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/audit.db"
        acknowledged: set[int] = set()
        for turn in range(turns):
            processes = [
                subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)  # noqa: S603
                for _ in range(WRITERS)
            ]
            for process in processes:
                assert process.stdout is not None
                acknowledged.add(int(process.stdout.readline()))
            time.sleep(random.random())
            for process in processes:
                process.send_signal(signal.SIGKILL)
            for process in processes:
                out, _ = process.communicate()
                acknowledged |= {int(line) for line in out.splitlines(keepends=True) if line.endswith("\n")}
            with Log(url, deadline=60.0) as log:
                there = [int.from_bytes(each.salt) for each in log]
                assert len(there) == len(set(there)), "an event is there twice"
                assert acknowledged <= set(there), "an acknowledged event is lost"
                assert log.verify().ok, "the tree is not whole"
            print(f"turn {turn + 1}: {len(acknowledged)} acknowledged, {len(there)} there", flush=True)


class Changed:
    """An engine with one batch that somebody changed."""

    def __init__(self, engine: Any, batch: Batch) -> None:  # noqa: ANN401 - any engine
        self._engine = engine
        self._batch = batch

    def batches(self, tenant: str, start: int, stop: int) -> Iterator[Batch]:
        """Give them, with the changed one in its place."""
        for each in self._engine.batches(tenant, start, stop):
            yield self._batch if each.first == self._batch.first else each

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


def tamper(events: int, samples: int) -> None:
    """Change one record at a time, and read the whole log each time."""
    with tempfile.TemporaryDirectory() as folder, Log(f"sqlite:///{folder}/audit.db", deadline=60.0) as log:
        for first in range(0, events, 1_000):
            log.append([event(number) for number in range(first, min(events, first + 1_000))])
        signer = NoteSigner.generate("example.com/log", Use.LOG)
        point = Checkpoint.parse(log.checkpoint(signer).text)
        engine = log.engine
        for turn in range(samples):
            number = random.randrange(events - 1)
            batch = next(iter(engine.batches("", number, number + 1)))
            entries, place = batch.entries(), number - batch.first
            how = ("change", "drop", "swap", "insert")[turn % 4]
            if how == "change":
                data = bytearray(entries[place])
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
                entries[place] = bytes(data)
            elif how == "drop":
                del entries[place]
            elif how == "insert":
                entries.insert(place, event(events + number).encode())
            else:
                other = place - 1 if place else min(1, len(entries) - 1)
                entries[place], entries[other] = entries[other], entries[place]
            bodies = b"".join(len(each).to_bytes(2) + each for each in entries)
            log._engine = Changed(engine, batch._replace(bodies=bodies))  # type: ignore[assignment]
            report = verify(log, [point])
            assert not report.ok, f"{how} at {number} was not found"
            print(f"{how} at {number}: event {report.faults[0].event}: {report.faults[0].detail}", flush=True)
        log._engine = engine


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kill", "tamper"])
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=20)
    given = parser.parse_args()
    if given.what == "kill":
        kill(given.turns)
    else:
        tamper(given.events, given.samples)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
