"""Measure everything, and print one table of ratios taken in this run.

    python bench/run.py [--quick] [--json FILE] [--only chains,authoring,fleet,language,process]

What a peer does otherwise than ours stands under the table. A peer that is not here, or fails, is named with its
reason.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import authoring, chains, fleet, language, process
from bench.authoring import SIGNATURE
from bench.measure import interleaved, spread
from bench.peers.load import OTHERS, Peers, load
from bench.report import Against, Goal, Row, Section, machine, print_table, row, write_json

PROOF, BEARER, BISCUIT, TENUO = "ours, proof", "ours, bearer", "biscuit-python", "tenuo"
SEEN = ", caveats seen"
CHECKS = ("one check", "two checks")
READING: dict[str, object] = {
    "figures": "µs: the median of single calls that take turns, each timed alone, the collector off within a round",
    "ratios": "of a round's medians, the median over all rounds (quartiles); best rounds: by each case's quickest call",
    "goals": "how far this library means to be from a peer, or from the bare signature checks; judged by the medians",
}
_HOLDS = {1: "1 block", 2: "2 blocks", 5: "5 blocks", 10: "10 blocks", 16: "16 blocks"}


def chain_sections(peers: Peers, *, quick: bool) -> list[Section]:
    """Cold and warm by length, and the sibling."""
    cases, rounds = (16, 5) if quick else (32, 15)
    sections = []
    for blocks, words in _HOLDS.items():
        if quick and blocks not in {2, 5}:
            continue
        timings = interleaved(chains.cold(peers, blocks, cases=cases), rounds=rounds)
        goals: dict[str, tuple[Goal, ...]] = {name: (Goal("floor"),) for name in timings.samples}
        if blocks == 5:
            goals[PROOF] = (Goal("floor", 1.35), Goal(TENUO, 1.0))
            goals[PROOF + SEEN] = (Goal("floor", 1.27), Goal(TENUO))
            goals[BEARER] = (Goal(BISCUIT, 1.25), Goal("floor, bearer"))
            goals[BEARER + SEEN] = (Goal(BISCUIT, 1.15), Goal("floor, bearer"))
        rows = tuple(row(timings, name, *(() if name == "floor" else goals[name])) for name in timings.samples)
        notes = (
            f"floor: the {blocks + 1} bare checks of blocks and proof; floor, bearer: the {blocks} of the blocks",
            timings.counted,
        )
        sections.append(Section(f"Cold, {words}: two caveats each, text to decision", rows, notes))
    timings = interleaved(chains.capability_new(peers, 5, cases=cases), rounds=rounds)
    floors = {name: "floor, bearer" if name.startswith(BEARER) else "floor" for name in timings.samples}
    rows = tuple(row(timings, name, Goal(base)) for name, base in floors.items() if not name.startswith("floor"))
    sections.append(
        Section("Cold, 5 blocks: the capability's text new as well, which above was seen", rows, (timings.counted,))
    )
    for blocks, words in _HOLDS.items():
        if quick and blocks != 5:
            continue
        timings = interleaved(chains.warm(peers, blocks, cases=cases), rounds=rounds)
        goals = {name: (Goal("one check"),) for name in timings.samples}
        if blocks == 5:
            goals[PROOF] = (Goal("one check", 1.35), Goal(TENUO))
            five = "pymacaroons, five caveats"
            goals[BEARER] = (Goal(BISCUIT, 30, at_least=True), Goal(five, 5, at_least=True))
        rows = tuple(row(timings, name, *(() if name == "one check" else goals[name])) for name in timings.samples)
        sections.append(Section(f"Warm, {words}: the chain seen before, the proof new", rows, (timings.counted,)))
    timings = interleaved(chains.sibling(peers, cases=cases), rounds=rounds)
    goals = {name: (Goal("two checks"),) for name in timings.samples}
    goals[f"{PROOF}{SEEN}"] = (Goal("two checks", 1.42),)
    goals |= {name: (Goal("one check"),) for name in (BEARER, BEARER + SEEN)}
    rows = tuple(row(timings, name, *(() if name in CHECKS else goals[name])) for name in timings.samples)
    sections.append(Section("Sibling: four blocks seen before, a fifth new", rows, (timings.counted,)))
    return sections


def request_section(*, quick: bool) -> Section:
    """Five blocks again, with what the library wants to know of the request made within what is timed."""
    cases, rounds = (16, 5) if quick else (32, 15)
    peers = load(makes_request=True)
    cold = interleaved(chains.cold(peers, 5, cases=cases), rounds=rounds)
    warm = interleaved(chains.warm(peers, 5, cases=cases), rounds=rounds)
    rows = [row(cold, name, Goal(BISCUIT), Goal(TENUO))._replace(what=f"cold: {name}") for name in peers.found]
    rows += [row(warm, name, Goal(BISCUIT), Goal(TENUO))._replace(what=f"warm: {name}") for name in peers.found]
    notes = (
        "above, our Request and Biscuit's facts are made beforehand; here within: ours normalises and digests",
        cold.counted,
    )
    return Section("5 blocks: the request's facts made within", tuple(rows), notes)


def authoring_sections(peers: Peers, *, quick: bool) -> list[Section]:
    """Mint, attenuate, sizes."""
    timings = interleaved(authoring.contenders(peers, cases=16), rounds=7 if quick else 40)
    goals = {
        f"attenuate, one caveat: {PROOF}": 1.5,
        f"attenuate, one caveat new: {PROOF}": 2.3,
    }
    rows = [row(timings, SIGNATURE)]
    rows += [
        row(timings, name, Goal(SIGNATURE, goals.get(name))) for name in sorted(timings.samples) if name != SIGNATURE
    ]
    made = Section("Mint and attenuate: token object to token object", tuple(rows), (timings.counted,))
    own = interleaved(authoring.of_ours(cases=16), rounds=7 if quick else 40)
    rows = [row(own, name, Goal(SIGNATURE, authoring.GOALS.get(name))) for name in own.samples if name != SIGNATURE]
    detailed = Section("Ours, by what is new to the process", tuple(rows), (own.counted,))
    sizes = authoring.sizes(peers)
    size_rows = []
    for name, size in sizes.items():
        lengths = "  ".join(f"{blocks}: {count}" for blocks, count in size.by_blocks.items())
        against: tuple[Against, ...] = ()
        if name in {PROOF, BEARER} and BISCUIT in sizes:
            ratio = size.by_blocks[5] / sizes[BISCUIT].by_blocks[5]
            against = (Against(f"{BISCUIT}'s 5 blocks", spread([ratio]), goal=0.999 if name == PROOF else None),)
        size_rows.append(Row(name, size.hop, "bytes", against, f" a hop;  {lengths}  proof {size.proof}   "))
    notes = ("a chain by its number of blocks, binary, two caveats each, without a proof; the proof's own bytes",)
    return [made, detailed, Section("Bytes", tuple(size_rows), notes)]


def fleet_section(*, quick: bool) -> Section:
    """The fleet."""
    peers = load(makes_request=True)
    outcomes, mix = fleet.measure(peers, 4000 if quick else fleet.REQUESTS)
    goals = {
        PROOF: (Goal(TENUO, 3, at_least=True), Goal(BISCUIT, 2.2, at_least=True)),
        BEARER: (Goal(BISCUIT, 5, at_least=True),),
    }
    rows = []
    for name, outcome in outcomes.items():
        against = tuple(
            Against(goal.base, outcome.ratio(outcomes[goal.base]), None, goal.bound, goal.at_least)
            for goal in goals.get(name, ())
            if goal.base in outcomes
        )
        rows.append(
            Row(name, outcome.mean_us, "µs", against, f"median {outcome.median_us:.0f}, 99th {outcome.p99_us:.0f} µs  ")
        )
    notes = (
        f"{mix}, fixed seed; collector and all included",
        "means of processor time, for a median would hide what is seldom;",
        f"ratios: of a batch's means, the median over batches of {fleet.BATCH} requests (quartiles)",
        "what a library wants to know of the request is made within; proofs are made before",
    )
    return Section("Fleet: 5 people, 50 agents, 500 sub-agents", tuple(rows), notes)


def language_section(*, quick: bool) -> Section:
    """The caveat language."""
    timings, absent = language.measure(cases=16, rounds=10 if quick else 40)
    goals = {f"ours, {when}": Goal(f"{language.CEL}, {when}", 1.0) for when in (language.FIRST, language.AFTER)}
    rows = [row(timings, name, *([goals[name]] if name in goals else [])) for name in timings.samples]
    notes = [f"{language.TEXT}; goals of ours: 12 µs and 0.6 µs", "first time: ours from CBOR, the other from text"]
    notes.append(f"{timings.counted}, each of {language.REPEAT} times the same: one is too short for the clock")
    notes += [f"not here: {name}: {reason}" for name, reason in absent.items()]
    return Section("A caveat: compile and evaluate", tuple(rows), tuple(notes))


def process_section(*, quick: bool) -> Section:
    """Threads, processes, memory, starts."""
    rows = []
    for warm in (False, True):
        both = process.parallel(warm=warm, requests=200 if quick else 1000, rounds=3 if quick else 7)
        state = "warm" if warm else "cold"
        rows.append(Row(f"two threads, {state}, with proof", None, extra=f"{both.two_threads.middle:.2f} × one thread"))
        rows.append(Row(f"two processes, {state}", None, extra=f"{both.two_processes.middle:.2f} × one process"))
    rows += [Row(f"memory: {what}", count / 1000, "KB") for what, count in process.memory_bytes().items()]
    found, absent = process.starts(5 if quick else 15)
    rows += [Row(what, taken.middle, "ms") for what, taken in found.items()]
    notes = tuple(f"not here: {name}: {reason}" for name, reason in absent.items())
    return Section("Process", tuple(rows), ("starts: medians of the wall clock, the interpreter's included", *notes))


def peers_section(peers: Peers) -> Section:
    """Who was measured, where their work differs, and who is not here."""
    rows = [Row(f"{name} {peer.version}", None, extra=peer.differs) for name, peer in peers.found.items()]
    rows += [Row(name, None, extra=f"not measured: {reason}") for name, reason in peers.absent.items()]
    missing = [name for name in OTHERS if name not in peers.found]
    return Section("Who, and where the work differs", tuple(rows), (f"missing: {missing}",) if missing else ())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer rounds, fewer lengths")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all of it there")
    parser.add_argument("--only", default="chains,request,authoring,fleet,language,process", metavar="PARTS")
    options = parser.parse_args()
    started = time.monotonic()
    head = machine()
    parts = set(options.only.split(","))
    peers, quick = load(), options.quick
    sections = [peers_section(peers)]
    if "chains" in parts:
        sections += chain_sections(peers, quick=quick)
    if "request" in parts:
        sections.append(request_section(quick=quick))
    if "authoring" in parts:
        sections += authoring_sections(peers, quick=quick)
    if "fleet" in parts:
        sections.append(fleet_section(quick=quick))
    if "language" in parts:
        sections.append(language_section(quick=quick))
    if "process" in parts:
        sections.append(process_section(quick=quick))
    head["took"] = f"{time.monotonic() - started:.0f} s"
    head.update(READING)
    print_table(head, sections)
    if options.json:
        write_json(options.json, head, sections)


if __name__ == "__main__":
    main()
