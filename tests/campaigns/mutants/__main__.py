"""Run the mutants against the vectors, and tell by kind which survive."""

# ruff: noqa: T201 - a campaign prints
from __future__ import annotations

import argparse
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from tests.campaigns.mutants.mutations import KINDS, Mutant
from tests.campaigns.mutants.running import all_mutants, judged, reached, vectors_of

LISTED: Final = Path(__file__).with_name("equivalent.toml")


class Same(NamedTuple):
    """Mutants that no vector can notice: all of a function, or one change of it, and why."""

    module: str
    function: str
    what: str
    why: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether it is about this mutant."""
        return (
            mutant.module == f"delegate.{self.module}"
            and self.function in {"*", mutant.function}
            and self.what in {"*", mutant.what}
        )


def listed() -> list[Same]:
    """Read the list of equivalent mutants."""
    found = tomllib.loads(LISTED.read_text(encoding="utf-8"))
    return [
        Same(module, function, what, why)
        for module, functions in found.items()
        for function, entries in functions.items()
        for what, why in entries.items()
    ]


def report(survivors: list[Mutant], chosen: list[Mutant], same: list[Same]) -> int:
    """Print the table; gives the number of survivors that are not listed."""
    gaps = [each for each in survivors if not any(entry.covers(each) for entry in same)]
    counted, left, open_ = (Counter(each.kind for each in group) for group in (chosen, survivors, gaps))
    print(f"{'kind':10}{'mutants':>8}{'killed':>8}{'listed':>8}{'open':>8}")
    for kind in KINDS:
        row = (counted[kind], counted[kind] - left[kind], left[kind] - open_[kind], open_[kind])
        print(f"{kind:10}" + "".join(f"{number:8}" for number in row))
    print(f"{'all':10}{len(chosen):8}{len(chosen) - len(survivors):8}{len(survivors) - len(gaps):8}{len(gaps):8}")
    return len(gaps)


def _without_line(line: str) -> str:
    """A line of a report without the number of the line that it is about, which any edit moves."""
    place, _, what = " ".join(line.split()).replace(" unreached ", " ").partition(" ")
    where, _, change = what.partition(" ")
    return f"{place} {where.rpartition(':')[0]} {change}"


def main(arguments: list[str]) -> int:
    """Run; the exit status is 0 if every survivor is listed."""
    parser = argparse.ArgumentParser(prog="tests.campaigns.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="children at a time")
    parser.add_argument("--only", default="", help="modules with this in their name")
    parser.add_argument("--kind", choices=KINDS, help="one kind alone")
    parser.add_argument("--share", default="1/1", help="2/8: the second of eight shares")
    parser.add_argument("--again", type=Path, help="those alone that an earlier report, in this file, says survived")
    parser.add_argument("--files", nargs="*", default=[], help="the vectors of these files alone")
    parser.add_argument("--unlisted", action="store_true", help="leave out what the list says no vector can notice")
    options = parser.parse_args(arguments)
    part, parts = map(int, options.share.split("/"))
    begun = time.monotonic()
    found = reached(options.files)
    if found.wrong:
        print("without any change, these vectors do not get what they expect:", *found.wrong, sep="\n  ")
        return 2
    chosen = [each for each in all_mutants() if options.only in each.module and options.kind in {None, each.kind}][
        part - 1 :: parts
    ]
    same: list[Same] = listed()
    survivors: list[Mutant] = []
    if options.again:
        told = {_without_line(line) for line in options.again.read_text(encoding="utf-8").splitlines()}
        chosen = [each for each in chosen if _without_line(f"{each.kind} {each.name}") in told]
    if options.unlisted:
        chosen = [each for each in chosen if not any(entry.covers(each) for entry in same)]
    for mutant, killed in judged(chosen, found, options.jobs):
        if not killed:
            survivors.append(mutant)
            if not any(entry.covers(mutant) for entry in same):
                print(f"{mutant.kind:8}{'' if vectors_of(mutant, found) else 'unreached '}{mutant.name}", flush=True)
    gaps = report(survivors, chosen, same)
    print(f"{len(found.cases)} vectors, {time.monotonic() - begun:.0f} s")
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
