"""What a process costs: two threads and two processes against one, memory a chain, imports, the command line."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

from bench.fixtures import ask, chain
from bench.measure import Prepare, Spread, fixed, interleaved, spread
from bench.peers.interface import Decide
from bench.peers.load import load
from bench.peers.ours import Ours
from bench.starts import Command, Tree

BLOCKS = 5
_PEERS = ("biscuit_auth", "tenuo", "pymacaroons")


class Parallel(NamedTuple):
    """How many times the requests a second of one thread."""

    two_threads: Spread
    two_processes: Spread


def parallel(*, warm: bool, requests: int, rounds: int) -> Parallel:
    """Measure one verifier under one thread and under two, and two processes with a verifier each.

    Each verifier is new; where warm, it has seen the chains, and the proofs are new to it all the same.
    """
    threads, processes = [], []
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(_one_process, [warm] * 2, [8] * 2))  # start both, imports included
        for _ in range(rounds):
            peer, texts = _texts(requests)
            seen = texts if warm else ()
            one = _elapsed_s(_service(peer, seen), [texts])
            two = _elapsed_s(_service(peer, seen), [texts[::2], texts[1::2]])
            threads.append(one / two)
            apart = list(pool.map(_one_process, [warm] * 2, [requests] * 2))
            processes.append(2 * one / max(apart))
    return Parallel(spread(threads), spread(processes))


def memory_bytes(chains: int = 400) -> dict[str, float]:
    """Count what a verifier keeps of each chain of five blocks: a new chain, and a sibling of one that it knows."""
    peer = Ours(bearer=True)
    whole = [peer.present(chain(peer, BLOCKS, 0), ask()) for _ in range(chains)]
    parent = chain(peer, BLOCKS - 1, 0)
    last = partial(peer.extend, parent, peer.recipient("agent:b"))
    siblings = [peer.present(last(peer.narrowing("", 100, ".csv")), ask()) for _ in range(chains)]
    return {"chain of 5 blocks": _kept_bytes(peer, whole), "sibling, 1 block": _kept_bytes(peer, siblings)}


def starts(rounds: int) -> tuple[dict[str, Spread], dict[str, str]]:
    """Measure in milliseconds: the interpreter alone, each import on top of it, the command line's help."""
    code = (sys.executable, "-c")
    commands: dict[str, Command] = {
        "interpreter": (*code, "pass"),
        "import delegate": (*code, "import delegate"),
        "delegate --help": (sys.executable, "-m", "delegate", "--help"),
    }
    commands |= {f"import {module}": (*code, f"import {module}") for module in _PEERS}
    absent = {}
    with TemporaryDirectory() as folder:
        tree = Tree(Path(__file__).resolve().parents[1], Path(folder), sys.executable)
        for what, command in list(commands.items()):
            try:
                tree.output(command)
            except AssertionError as error:
                absent[what] = str(error).strip().rsplit("\n", 1)[-1]
                del commands[what]
        prepared: dict[str, Prepare] = {what: fixed([partial(tree.start, each)]) for what, each in commands.items()}
        timings = interleaved(prepared, rounds=rounds)
    return {what: Spread(*(each / 1000 for each in timings.microseconds(what))) for what in commands}, absent


def _texts(requests: int) -> tuple[Ours, list[str]]:
    peer = load(["ours, proof"]).found["ours, proof"]
    assert isinstance(peer, Ours)
    chains = [chain(peer, BLOCKS, 0) for _ in range(requests)]
    return peer, [peer.present(held, ask()) for held in chains]


def _service(peer: Ours, seen: Sequence[str]) -> Decide:
    verifier = peer.verifier()
    for text in seen:
        verifier.preview(text, ask().request)
    return peer.deciding(verifier)


def _elapsed_s(decide: Decide, shares: list[list[str]]) -> float:
    same = ask()

    def run(texts: list[str]) -> None:
        for text in texts:
            decide(text, same)

    workers = [threading.Thread(target=run, args=(texts,)) for texts in shares]
    gc.collect()
    started = perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return perf_counter() - started


def _one_process(warm: bool, requests: int) -> float:  # noqa: FBT001 - mapped over
    peer, texts = _texts(requests)
    decide = _service(peer, texts if warm else ())
    return _elapsed_s(decide, [texts])


def _kept_bytes(peer: Ours, texts: list[str]) -> float:
    decide = peer.service()
    decide(texts[0], ask())
    gc.collect()
    tracemalloc.start()
    for text in texts[1:]:
        decide(text, ask())
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / (len(texts) - 1)
