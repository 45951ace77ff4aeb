"""What a cold verification costs next to the bare signature checks that are in it.

    python bench/verify.py [--blocks 5] [--cases 60] [--rounds 21]

Ours and the floor in turn, call by call, over distinct chains, in one run; the figure to quote is the ratio of the
medians. The floor is PyNaCl's `crypto_sign_open` on as many signatures as the presentation has, and nothing else.
`run.py` measures the rest.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import chains
from bench.authoring import sizes
from bench.measure import interleaved
from bench.peers.load import load


def main() -> None:
    """Measure and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    peers = load(["ours, proof"])
    size = sizes(peers)["ours, proof"]
    timings = interleaved(chains.cold(peers, options.blocks, cases=options.cases), rounds=options.rounds)
    print(f"{options.blocks} blocks, two caveats each, and a proof; {options.cases} distinct chains; {timings.counted}")
    print(f"  a block more is {size.hop:.0f} bytes, a proof {size.proof}")
    print(f"  {'floor':<28}{timings.microseconds('floor').middle:7.1f} µs   {options.blocks + 1} bare signature checks")
    for name in ("ours, proof", "ours, proof, caveats seen"):
        low, middle, high = timings.ratio(name, "floor")
        best = timings.best_ratio(name, "floor")
        print(
            f"  {name:<28}{timings.microseconds(name).middle:7.1f} µs   "
            f"{middle:.3f} × the floor ({low:.3f} to {high:.3f}, best rounds {best:.3f})"
        )


if __name__ == "__main__":
    main()
