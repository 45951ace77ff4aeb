"""A root rotated and a stolen key revoked, by URL, while a service decides without a pause.

    python -m tests.campaigns.rotation [--records 20000] [--seconds 20] [--interval 1s]

A server in another process gives files; a service in this one follows it and decides requests in its event loop as fast
as it can. First a new root is published beside the old one, then a list that takes back a stolen key. Two things must
hold, and are counted:

- no valid request is refused: of the old root's chains never, of the new root's once its bundle was taken over;
- no request of the stolen key is allowed once its list was taken over.

It prints how long each took from being published to being heeded, and the longest stall of the event loop, beside that
of the same load without anything to follow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from delegate import AsyncVerifier, Identity, Request, RevocationList, RevokedBlock, RevokedKey, RootBundle, trusted
from delegate.authoring.root_bundle import retired
from delegate.authoring.token import Token

REQUEST = Request("files.read", "/reports/q3.csv", {"size": 10})
CHAINS = 20
TTL_S = 8 * 3600
SERVER = """
import http.server, sys
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


class Found(NamedTuple):
    """What came of a run."""

    decided: int
    seconds: float
    wrong: list[str]
    root_s: float
    revoked_s: float
    stall_s: float
    stall_alone_s: float

    def __str__(self) -> str:
        return (
            f"{self.decided} requests in {self.seconds:.1f} s, {len(self.wrong)} decided wrongly\n"
            f"new root heeded after {self.root_s:.2f} s, revocation after {self.revoked_s:.2f} s\n"
            f"longest stall of the event loop: {self.stall_s * 1000:.1f} ms; "
            f"without anything to follow: {self.stall_alone_s * 1000:.1f} ms"
        )


class Party:
    """Who signs, and whose chains are presented."""

    def __init__(self, records: int) -> None:
        """Make keys, chains, and so many records that are about none of them."""
        self.ops = Identity.generate("svc:ops")
        self.old, self.new = (Identity.generate("user:alice@example.com") for _ in range(2))
        self.agents = [Identity.generate(f"agent:worker-{number}") for number in range(CHAINS)]
        self.thief = Identity.generate("agent:stolen")
        until = int(time.time()) + TTL_S
        self.others = [RevokedBlock(os.urandom(32), until) for _ in range(records)]
        self.by_old = [self.chain(self.old, each) for each in self.agents]
        self.by_new = [self.chain(self.new, each) for each in self.agents]
        self.stolen = self.chain(self.old, self.thief)

    @staticmethod
    def chain(root: Identity, holder: Identity) -> Token:
        """A chain of two blocks."""
        first = root.mint(to=holder.principal, can="files.read /reports/**", ttl="8h")
        return holder.attenuate(first, caveats="args.size < 1000", ttl="7h")

    def bundles(self) -> tuple[RootBundle, RootBundle]:
        """The old root alone; then both, the old one until its last chain is over."""
        keys = (trusted(self.old.principal, root=True), trusted(self.ops.principal, revoker=True))
        first = self.ops.sign_roots(keys)
        staying = retired(keys, self.old.principal, int(time.time()) + TTL_S)
        both = (*staying, trusted(self.new.principal, root=True))
        return first, self.ops.sign_roots(both, previous=first, longest=f"{TTL_S}s")

    def lists(self) -> tuple[RevocationList, RevocationList]:
        """Many records; then the stolen key too."""
        first = self.ops.revoke(blocks=self.others) if self.others else self.ops.revoke()
        return first, self.ops.revoke(keys=[RevokedKey(self.thief.public_key.thumbprint)], previous=first)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server of files, in a process of its own; gives its URL."""
    process = subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-c", SERVER], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def publish(path: Path, document: RootBundle | RevocationList) -> float:
    """Put a document in place in one step; gives the moment."""
    beside = path.with_suffix(".new")
    beside.write_text(document.to_text())
    beside.rename(path)
    # Two of them within one second have one date, by which the server would call the second unchanged.
    os.utime(path, (publish.moment, publish.moment))  # type: ignore[attr-defined]
    publish.moment += 1  # type: ignore[attr-defined]
    return time.monotonic()


publish.moment = 1_700_000_000  # type: ignore[attr-defined]


async def ticking(stop: asyncio.Event) -> float:
    """Say how late the loop came at worst: it is to come back at once."""
    worst = 0.0
    while not stop.is_set():
        asked = time.perf_counter()
        await asyncio.sleep(0)
        worst = max(worst, time.perf_counter() - asked)
    return worst


async def load(
    service: AsyncVerifier, party: Party, ended: Callable[[], bool], check: Callable[[str, bool], None]
) -> int:
    """Present and decide until it is to end; gives how many."""
    count = 0
    while not ended():
        number = count % CHAINS
        for name, holder, token in (
            ("old", party.agents[number], party.by_old[number]),
            ("new", party.agents[number], party.by_new[number]),
            ("stolen", party.thief, party.stolen),
        ):
            proof = holder.prove(token, REQUEST, "files")
            begun = state_of(check)
            allowed = (await service.decide(proof, REQUEST)).allowed
            check(name, allowed) if begun == state_of(check) else None
            count += 1
            await asyncio.sleep(0)
    return count


def state_of(check: Callable[[str, bool], None]) -> object:
    """What was taken over: a request that is decided while that changes may go either way."""
    return getattr(check, "state", lambda: None)()


async def run(records: int, seconds: float, interval: str) -> Found:
    """Rotate and revoke under load."""
    party = Party(records)
    bundles, lists = party.bundles(), party.lists()
    wrong: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url:
        roots, revoked = Path(folder) / "roots", Path(folder) / "revoked"
        publish(roots, bundles[0])
        publish(revoked, lists[0])
        service = AsyncVerifier([party.ops.principal], audience="files")
        alone_s = await stall_alone(party, min(seconds / 4, 3))
        async with service.follow(
            roots=f"{url}/roots", revocations=f"{url}/revoked", pinned=party.ops.principal, interval=interval
        ) as following:
            assert await following.ready(60), following.status
            phase = {"root": 0.0, "list": 0.0, "end": time.monotonic() + seconds}
            heeded: dict[str, float] = {}
            stop = asyncio.Event()

            def taken() -> tuple[int, int]:
                by_roots, by_lists = following.status
                return by_roots.taken, by_lists.taken

            def check(name: str, allowed: bool) -> None:
                by_roots, by_lists = taken()
                # What is taken over is heeded before it is counted: only the other way round is a fault.
                fault = {
                    "old": not allowed,
                    "new": not allowed and by_roots > 1,
                    "stolen": (allowed and by_lists > 1) or (not allowed and not phase["list"]),
                }
                if fault[name]:
                    wrong[f"{name} was {'allowed' if allowed else 'refused'}"] += 1
                now = time.monotonic()
                if name == "new" and allowed:
                    heeded.setdefault("root", now)
                if name == "stolen" and not allowed:
                    heeded.setdefault("list", now)

            check.state = taken  # type: ignore[attr-defined]

            def ended() -> bool:
                now = time.monotonic()
                begun = phase["end"] - seconds
                if not phase["root"] and now > begun + seconds / 4:
                    phase["root"] = publish(roots, bundles[1])
                if not phase["list"] and now > begun + seconds / 2:
                    phase["list"] = publish(revoked, lists[1])
                return now > phase["end"] and len(heeded) == 2

            begun = time.monotonic()
            ticker = asyncio.create_task(ticking(stop))
            count = await load(service, party, ended, check)
            stop.set()
            took = time.monotonic() - begun
            return Found(
                count,
                took,
                [f"{each}: {number}" for each, number in wrong.items()],
                heeded["root"] - phase["root"],
                heeded["list"] - phase["list"],
                await ticker,
                alone_s,
            )


async def stall_alone(party: Party, seconds: float) -> float:
    """The same load, with nothing to follow."""
    service = AsyncVerifier([party.old.principal, party.new.principal], audience="files")
    stop = asyncio.Event()
    end = time.monotonic() + seconds
    ticker = asyncio.create_task(ticking(stop))
    await load(service, party, lambda: time.monotonic() > end, lambda *_: None)
    stop.set()
    return await ticker


def main() -> int:
    """Run it, and print what came of it; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--interval", default="1s")
    given = parser.parse_args()
    found = asyncio.run(run(given.records, given.seconds, given.interval))
    print(found, *found.wrong, sep="\n")  # noqa: T201 - a campaign prints
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
