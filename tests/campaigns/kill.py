"""Killing what writes, and what it writes to: nothing that was accepted is lost, and no budget is spent twice.

`python -m tests.campaigns.kill sqlite --kills 200` ends writers with SIGKILL at random moments, four at a time, in the
middle of whatever they do. `… redis --kills 20` and `… postgres --kills 20` end the server instead, and start it
again, while four writers go on.

Writers charge two pools at once, settle some charges and add revocations. Each notes in a file of its own what it is
about to ask and what the answer was. Afterwards the stores are opened anew and asked for all of it:

- what was charged is still claimed; what was revoked is still found;
- of a request whose answer never came, the claim says whether it was done: either is right;
- every pool holds exactly what the charges that were done come to, less what was settled: never above its limit.
"""

# ruff: noqa: T201 - a command prints
from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from delegate import StateError
from delegate.core.chain.revocations import Feed, Record
from delegate.limits import TIME_MAX
from delegate.state import Charge, Claim, Refused, State, connect
from tests import servers

WRITERS: Final = 4
LIMITS: Final = {"all": 10**12, "few": 500}
BLOCK: Final = b"pool".ljust(32, b"\0")
SIGNER: Final = b"signer".ljust(32, b"\0")
_PATIENCE_S: Final = 120.0


class Result(NamedTuple):
    """What came of a campaign."""

    counts: Counter[str]
    faults: list[str]
    seconds: float


class Asked(NamedTuple):
    """One request of a writer's and its answer; `None` where none came."""

    kind: str
    number: int
    amount: int
    answer: str | None


# What writers do. Each is a process of its own.


def write(url: str, folder: Path, writer: int, began: int) -> None:
    """Ask for one thing after the other until killed, or until the file `stop` is there."""
    draw = random.Random(writer)  # noqa: S311 - a load, no secret
    notes = os.open(folder / f"notes-{writer}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    state = _patiently(url, deadline=1.0)
    for step in range(1_000_000):
        if step % 16 == 0 and (folder / "stop").exists():
            break
        number = writer * 1_000_000 + step
        amount = draw.randrange(1, 6)
        kind = "revoke" if draw.random() < 0.2 else "charge"
        if _asked(notes, state, began, Asked(kind, number, amount, None)) and kind == "charge" and draw.random() < 0.3:
            _asked(notes, state, began, Asked("settle", number, draw.randrange(amount + 1), None))


def _asked(notes: int, state: State, began: int, what: Asked) -> bool:
    os.write(notes, (json.dumps(what) + "\n").encode())
    try:
        answer = "done" if ask(state, began, what) is True else "refused"
    except StateError:
        time.sleep(0.005)  # no answer: as if killed, but that the writer goes on, and does not only fail
        return False
    os.write(notes, (json.dumps(what._replace(answer=answer)) + "\n").encode())
    return answer == "done"


def ask(state: State, began: int, what: Asked) -> object:
    """Ask for one thing; True where it was done."""
    match what.kind:
        case "charge":
            charges = [Charge(BLOCK, unit, what.amount, limit, began + 3_600) for unit, limit in LIMITS.items()]
            if what.number % 3:
                del charges[1]
            return state.ledger.charge([claim(what.number, began)], charges, now=began)
        case "settle":
            units = ("all",) if what.number % 3 else ("all", "few")
            return state.ledger.settle(claim(what.number, began).id, dict.fromkeys(units, what.amount), now=began)
    records = [Record(subject(what.number, n), SIGNER, True, 0, TIME_MAX) for n in range(what.amount)]
    state.revocations.add(Feed(SIGNER, what.number + 1, began, began + 3_600), records, now=began)
    return True


def claim(number: int, began: int) -> Claim:
    """Give the proof of a request; dated after whatever beginning a restart makes."""
    return Claim(number.to_bytes(32), began + 86_400, began + 3_600)


def subject(number: int, place: int) -> bytes:
    """Give a key that a request revokes."""
    return (number * 10 + place).to_bytes(32)


def _patiently(url: str, deadline: float = _PATIENCE_S) -> State:
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return connect(url, deadline=deadline)
        except StateError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _start(url: str, folder: Path, writer: int, began: int) -> int:
    """Start a writer; give its process."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        write(url, folder, writer, began)
        status = 0
    except BaseException:  # noqa: BLE001 - of a process that ends here
        (folder / f"fault-{writer}").write_text(traceback.format_exc())
    finally:
        os._exit(status)


# What kills, and what is looked at afterwards.


def kill_writers(kills: int, seed: int) -> Result:
    """End writers of one SQLite file, four at a time."""
    draw = random.Random(seed)  # noqa: S311 - moments, no secret
    with _folder() as folder:
        url = f"sqlite:///{folder}/state.db"
        _patiently(url).close()
        began = int(time.time())  # after the memory of the file began
        counts: Counter[str] = Counter()
        started = time.monotonic()
        for first in range(0, kills, WRITERS):
            writers = range(first, min(first + WRITERS, kills))
            pids = [_start(url, folder, writer, began) for writer in writers]
            end = time.monotonic() + _PATIENCE_S
            while not all(_has_begun(folder, writer) for writer in writers) and time.monotonic() < end:
                time.sleep(0.001)
            for pid in pids:
                time.sleep(draw.random() * 0.05)
                os.kill(pid, signal.SIGKILL)
            for pid in pids:
                counts["kills"] += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        return _looked(url, folder, began, counts, started)


def _has_begun(folder: Path, writer: int) -> bool:
    notes = folder / f"notes-{writer}"
    return notes.exists() and '"done"' in notes.read_text("utf-8")


def kill_server(engine: str, kills: int, seed: int, *, flush: bool) -> Result:
    """End a server under load, and start it again."""
    draw = random.Random(seed)  # noqa: S311 - moments, no secret
    started_server = servers.redis_server(durable=True) if engine == "redis" else servers.postgres_server(durable=flush)
    with _folder() as folder, started_server as server:
        _patiently(server.url).close()
        began = int(time.time()) + 1  # after the memory of the server began
        counts: Counter[str] = Counter()
        started = time.monotonic()
        pids = [_start(server.url, folder, writer, began) for writer in range(WRITERS)]
        for _ in range(kills):
            time.sleep(0.2 + draw.random() * 0.3)
            server.kill()  # a server that is killed has written what it answered, whether or not it was flushed
            server.start()
            counts["kills"] += 1
        time.sleep(0.3)
        (folder / "stop").touch()
        for pid in pids:
            os.waitpid(pid, 0)
        return _looked(server.url, folder, began, counts, started)


def _looked(url: str, folder: Path, began: int, counts: Counter[str], started: float) -> Result:
    faults = [path.read_text("utf-8").strip().splitlines()[-1] for path in folder.glob("fault-*")]
    counts["writers"] = len(list(folder.glob("notes-*")))
    with _patiently(url) as state:
        faults += _differences(state, began, _notes(folder), counts)
        faults += [
            f"{finding.what}: {finding.detail}"
            for finding in state.check()
            if not finding.ok and finding.what in {"answers", "quick_check"}
        ]
    return Result(counts, faults, time.monotonic() - started)


def _notes(folder: Path) -> Iterator[Asked]:
    """Give every request once, with its answer if there was one."""
    for path in sorted(folder.glob("notes-*")):
        found: dict[tuple[str, int], Asked] = {}
        for line in path.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):  # the last line of a killed writer may be cut
                asked = Asked(*json.loads(line))
                found[asked.kind, asked.number] = asked
        yield from found.values()


def _differences(state: State, began: int, notes: Iterator[Asked], counts: Counter[str]) -> list[str]:
    faults: list[str] = []
    charged: dict[int, int] = {}
    for each in notes:
        counts[f"{each.kind} {each.answer or 'unanswered'}"] += 1
        if each.kind == "charge":
            was_done = state.replay.claim([claim(each.number, began)], now=began) == Refused(0)
            if each.answer is not None and was_done != (each.answer == "done"):
                faults.append(f"charge {each.number} was {each.answer}, and its claim says otherwise")
            if was_done:
                counts["unanswered, and done"] += each.answer is None
                charged[each.number] = each.amount
        elif each.kind == "settle":
            again = ask(state, began, each)  # whether or not it was done: afterwards it is
            if again and each.answer == "done":
                faults.append(f"settlement {each.number} was done, and could be done again")
            if each.answer != "refused" and each.number in charged:
                charged[each.number] = each.amount
        elif each.answer == "done":
            wanted = [subject(each.number, place) for place in range(each.amount)]
            if len({record.subject for record in state.revocations.look_up(wanted)}) != each.amount:
                faults.append(f"revocation {each.number} was accepted, and is not found")
    spent = state.ledger.spent([BLOCK])
    for unit, limit in LIMITS.items():
        total = sum(amount for number, amount in charged.items() if unit == "all" or number % 3 == 0)
        counts[f"spent of {unit}"] = spent.get((BLOCK, unit), 0)
        if counts[f"spent of {unit}"] != total:
            faults.append(f"{unit}: {counts[f'spent of {unit}']} spent, and charges come to {total}")
        if total > limit:
            faults.append(f"{unit}: {total} spent of {limit}")
    return faults


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="delegate-kill-") as name:
        yield Path(name)


def run(engine: str, kills: int, seed: int, *, flush: bool = True) -> Result:
    """Run one campaign."""
    return kill_writers(kills, seed) if engine == "sqlite" else kill_server(engine, kills, seed, flush=flush)


def report(result: Result, out: TextIO) -> None:
    """Print what came of it."""
    for word, count in sorted(result.counts.items()):
        print(f"{count:>9}  {word}", file=out)
    for fault in result.faults[:20]:
        print(fault, file=sys.stderr)
    print(f"{len(result.faults)} faults, {result.seconds:.0f} s", file=out)


def main(arguments: list[str]) -> int:
    """Run a campaign and print what came of it; 1 where something was lost or spent twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=("sqlite", "redis", "postgres"))
    parser.add_argument("--kills", type=int, default=None, help="200 of writers, or 20 of a server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--no-flush", action="store_true", help="PostgreSQL without fsync, which no killed process needs"
    )
    given = parser.parse_args(arguments)
    kills = given.kills or (200 if given.engine == "sqlite" else 20)
    print(f"{given.engine}, {kills} kills, seed {given.seed}")
    result = run(given.engine, kills, given.seed, flush=not given.no_flush)
    report(result, sys.stdout)
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
