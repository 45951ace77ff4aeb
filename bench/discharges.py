"""What discharges cost, next to bare signature checks.

    python bench/discharges.py [--most 4] [--cases 40] [--rounds 21]

A chain that its verifier has seen before, with a fresh proof and 0 to `--most` discharges each time, and a bare
signature check (PyNaCl, nothing else), all in turn in one run, in CPU time; of each the quickest round. The figure to
quote is the ratio: what each further discharge costs, in signature checks.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

from delegate import Discharge, Identity, Request, Token, Verifier, need
from delegate.authoring.ask import asks

ALICE = Identity.generate("user:alice@example.com")
WORKER = Identity.generate("agent:worker")
REQUEST = Request("pay", None, {"amount": 500})


def main() -> None:
    """Measure and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=4)
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    parties = [Identity.generate(f"user:party-{n}@example.com") for n in range(options.most)]
    names = [each.principal for each in parties]
    service = Verifier([ALICE.principal], audience="shop", third_parties=names)
    contenders: dict[str, Callable[[], list[str]]] = {"no need": lambda: _texts(_token(), [], options.cases)}
    for count in range(1, options.most + 1):
        token = _token(need(names, of=count, standing=True))
        made = [each.discharge(asks(token.link)[0], says={"approved": True}, ttl="1h") for each in parties[:count]]
        contenders[f"{count} discharges"] = _preparing(token, made, options.cases)
    times: dict[str, list[float]] = {name: [] for name in [*contenders, "one check"]}
    check = _bare_check()
    gc.disable()
    for _ in range(options.rounds):
        for name, prepare in contenders.items():
            texts = prepare()
            service.authorize(texts.pop(), REQUEST)  # seen before
            start = time.thread_time()
            for text in texts:
                service.authorize(text, REQUEST)
            times[name].append((time.thread_time() - start) / len(texts))
        start = time.thread_time()
        for _ in range(options.cases):
            check()
        times["one check"].append((time.thread_time() - start) / options.cases)
    gc.enable()
    one = min(times["one check"])
    least = {name: min(each) for name, each in times.items()}
    for name, value in least.items():
        print(f"{name:<16} {value * 1e6:7.1f} µs   {value / one:5.2f} checks")
    further = (least[f"{options.most} discharges"] - least["1 discharges"]) / (options.most - 1)
    print(f"each further discharge: {further / one:.2f} checks")


def _token(*needs: object) -> Token:
    return ALICE.mint(to=WORKER.principal, can="pay(amount)", ttl="1h", needs=needs or None)  # type: ignore[arg-type]


def _texts(token: Token, discharges: list[Discharge], cases: int) -> list[str]:
    return [WORKER.prove(token, REQUEST, "shop", discharges=discharges).to_text() for _ in range(cases + 1)]


def _preparing(token: Token, discharges: list[Discharge], cases: int) -> Callable[[], list[str]]:
    return lambda: _texts(token, discharges, cases)


def _bare_check() -> Callable[[], object]:
    public, secret = crypto_sign_seed_keypair(bytes(32))
    signed = crypto_sign(bytes(200), secret)
    return lambda: crypto_sign_open(signed, public)


if __name__ == "__main__":
    main()
