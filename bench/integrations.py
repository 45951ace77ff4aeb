"""What a guard adds to a request: FastAPI on uvicorn, the same endpoint bare and guarded, in one run.

    .venv/bin/python bench/integrations.py [--rounds 7] [--requests 400]

The server is a process of its own, whose CPU time is read before and after each round; rounds of the bare and of the
guarded endpoints take turns. Beside them stands an endpoint that makes one bare Ed25519 check, which nothing can avoid,
timed in the same way. Proofs are made before the clock starts. The figures are medians of rounds, with the best rounds
beside them.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import socket
import statistics
import time
from multiprocessing.connection import Connection
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from nacl.bindings import crypto_sign_open
from nacl.signing import SigningKey
from pydantic import BaseModel

from delegate import Authorization, Holder, Identity, Request, Verifier
from delegate.integrations.asgi import DelegateMiddleware
from delegate.integrations.fastapi import Guard

MOST_CHECKS = 2.5
AUDIENCE = "shop.example.com"
ORIGIN = "https://shop.example.com"
ALICE = Identity.from_seed("user:alice@example.com", b"A" * 32)
PLANNER = Identity.from_seed("agent:planner", b"P" * 32)
WORKER = Identity.from_seed("agent:worker", b"W" * 32)
BODY = b'{"amount": 5, "to": "ann"}'

guard = Guard(Verifier([ALICE.principal], audience=AUDIENCE), origin=ORIGIN)


class Payment(BaseModel):
    """What is paid."""

    amount: int
    to: str


def application() -> DelegateMiddleware | FastAPI:
    """Each endpoint twice, and what the server's process has used so far."""
    app = FastAPI()

    @app.get("/bare")
    async def bare() -> dict[str, str]:
        return {"who": "anybody"}

    @app.get("/guarded")
    async def guarded(granted: Annotated[Authorization, Depends(guard)]) -> dict[str, str]:
        return {"who": granted.holder}

    @app.post("/bare")
    async def bare_body(payment: Payment) -> dict[str, int]:
        return {"paid": payment.amount}

    @app.post("/guarded")
    async def guarded_body(payment: Annotated[Payment, Depends(guard.body(Payment))]) -> dict[str, int]:
        return {"paid": payment.amount}

    @app.get("/cpu")
    async def cpu() -> float:
        return time.process_time()

    key = SigningKey.generate()
    signed, public = bytes(key.sign(b"x" * 200)), bytes(key.verify_key)

    @app.get("/checked")
    async def checked() -> dict[str, str]:
        crypto_sign_open(signed, public)
        return {"who": "anybody"}

    return app


def serve(port: Connection) -> None:
    """Serve in a process of its own."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # asyncio sets TCP_NODELAY for this alone
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        port.send(listening.getsockname()[1])
        uvicorn.Server(uvicorn.Config(application(), log_level="critical", access_log=False)).run([listening])


class Client:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        """Connect; the server may not be ready yet."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        end = time.monotonic() + 60
        while True:
            try:
                self._connection.connect()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def send(self, method: str, path: str, body: bytes | None = None, authorization: str | None = None) -> object:
        """Send one request; give what it answers."""
        headers = {"Content-Type": "application/json"} if body else {}
        if authorization:
            headers["Authorization"] = authorization
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        return json.loads(said)

    def seconds(self, path: str) -> float:
        """Ask the server for a time."""
        said = self.send("GET", path)
        assert isinstance(said, float)
        return said


def proofs(method: str, count: int, holder: Holder) -> list[str]:
    """As many proofs for the guarded endpoint."""
    args = {"body": json.loads(BODY)} if method == "POST" else {}
    asked = Request.http(method, f"{ORIGIN}/guarded", args)
    return [f"Delegate {holder.prove(asked, AUDIENCE).to_text()}" for _ in range(count)]


def round_of(client: Client, method: str, path: str, made: list[str | None]) -> tuple[float, float]:
    """Send a round; give the server's CPU time and the wall time of a request, in seconds."""
    body = BODY if method == "POST" else None
    before, began = client.seconds("/cpu"), time.perf_counter()
    for each in made:
        client.send(method, path, body, each)
    return (client.seconds("/cpu") - before) / len(made), (time.perf_counter() - began) / len(made)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=400)
    given = parser.parse_args()
    chain = ALICE.mint(to=PLANNER.principal, can=["http.* https://shop.example.com/**"], ttl="1h", hops=1)
    condition = "!has(args.body) || args.body.amount <= 500"
    holder = Holder(WORKER, PLANNER.attenuate(chain, to=WORKER.principal, caveats=[condition], ttl="30m"))
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        client = Client(here.recv())
        measured: dict[tuple[str, str], list[tuple[float, float]]] = {}
        bare: list[str | None] = [None] * given.requests
        for turn in range(given.rounds + 1):
            for method in ("GET", "POST"):
                made: list[str | None] = [*proofs(method, given.requests, holder)]
                for path, each in (("/bare", bare), ("/guarded", made)):
                    found = round_of(client, method, path, each)
                    if turn:  # the first warms up
                        measured.setdefault((method, path), []).append(found)
            found = round_of(client, "GET", "/checked", bare)
            if turn:
                measured.setdefault(("GET", "/checked"), []).append(found)
    finally:
        server.kill()
        server.join()
    report(measured)


def report(measured: dict[tuple[str, str], list[tuple[float, float]]]) -> None:
    """Print what a guard adds, in signature checks, and fail where it is more than is claimed."""
    failed = False
    for name, pick in (("median", statistics.median), ("best", min)):
        cpu, wall = ({arm: pick(column(rows, at)) for arm, rows in measured.items()} for at in (0, 1))
        check = cpu["GET", "/checked"] - cpu["GET", "/bare"]
        print(f"{name}: an endpoint that makes one bare signature check takes {check * 1e6:.0f} µs more")
        for method in ("GET", "POST"):
            bare, guarded = cpu[method, "/bare"], cpu[method, "/guarded"]
            print(
                f"  {method}: bare {bare * 1e6:.0f} µs, guarded {guarded * 1e6:.0f} µs: "
                f"{(guarded - bare) * 1e6:.0f} µs more, {(guarded - bare) / check:.2f} checks; "
                f"throughput {wall[method, '/bare'] / wall[method, '/guarded']:.2f} of bare"
            )
            failed |= name == "median" and method == "GET" and guarded - bare > MOST_CHECKS * check
    print(f"at most {MOST_CHECKS} checks for a GET: {'NO' if failed else 'yes'}")
    raise SystemExit(failed)


def column(rows: list[tuple[float, float]], at: int) -> list[float]:
    """One column of what was measured."""
    return [row[at] for row in rows]


if __name__ == "__main__":
    main()
