"""What a cold verification costs next to the bare signature checks that are in it.

    python bench/verify.py [--blocks 5] [--cases 60] [--rounds 21]

Ours and the floor are measured in turn, over the same distinct chains, in one run; the figure to quote is the
ratio. The floor is PyNaCl's `crypto_sign_open` on each signature of the presentation, and nothing else.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from nacl.bindings import crypto_sign_open

sys.path.insert(0, str(Path(__file__).parent))
from fixtures import AUDIENCE, REQUEST, Case, case

from delegate import Verifier


def main() -> None:
    """Measure and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    cases = [case(options.blocks, variant) for variant in range(options.cases)]
    texts = [each.presentation.to_text() for each in cases]
    roots = [each.root for each in cases]
    seen = [_caveat_only(each) for each in cases]

    def cold() -> None:
        verifier = Verifier(roots, audience=AUDIENCE)
        for text in texts:
            verifier.authorize(text, REQUEST)

    verifiers: list[Verifier] = []

    def caveats_seen() -> None:
        verifier = verifiers.pop()
        for text in texts:
            verifier.authorize(text, REQUEST)

    def prepare() -> None:
        verifier = Verifier(roots, audience=AUDIENCE)
        for text in seen:
            verifier.preview(text, REQUEST)
        verifiers.append(verifier)

    def floor() -> None:
        for each in cases:
            for signed, key in each.checks:
                crypto_sign_open(signed, key)

    cold_us, seen_us, floor_us = [], [], []
    for _ in range(options.rounds):
        prepare()
        cold_us.append(_per_case_us(cold, options.cases))
        floor_us.append(_per_case_us(floor, options.cases))
        seen_us.append(_per_case_us(caveats_seen, options.cases))
    binary = len(cases[0].presentation.to_bytes())
    print(f"{options.blocks} blocks, two caveats each, and a proof; {options.cases} distinct chains, gc {_gc()}")
    print(f"  size                     {binary} bytes, {len(texts[0])} characters as text")
    print(f"  floor                    {median(floor_us):7.1f} µs   {options.blocks + 1} bare signature checks")
    _line("cold, caveats not seen", cold_us, floor_us)
    _line("cold, caveats seen", seen_us, floor_us)


def _caveat_only(each: Case) -> str:
    """Give the chain without its proof: a preview of it compiles its caveats."""
    return each.token.to_text()


def _per_case_us(run: Callable[[], None], cases: int) -> float:
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) / cases * 1e6


def _gc() -> str:
    return "on" if gc.isenabled() else "off"


def _line(what: str, ours_us: list[float], floor_us: list[float]) -> None:
    ratios = [ours / floor for ours, floor in zip(ours_us, floor_us, strict=True)]
    low, middle, high = quantiles(ratios, n=4)
    print(f"  {what:<24} {median(ours_us):7.1f} µs   {middle:.3f} × the floor (quartiles {low:.3f}, {high:.3f})")


if __name__ == "__main__":
    main()
