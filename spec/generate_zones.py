"""Write the time zones that JavaScript's conditions know: `src/delegate/js/zone_tables.js`.

A zone is a name of `zones.txt` (SPEC §6.6), whichever database a browser brings. So the offsets are taken from the
`tzdata` package that is installed: of each zone its transitions from one offset to another, and the rule for
what comes after the last of them. With `--check` nothing is written, and the exit status says whether the file is the
package's.
"""

import re
import struct
import sys
from importlib import resources
from importlib.metadata import version
from pathlib import Path

NAMES = Path(__file__).parent / "zones.txt"
OUTPUT = Path(__file__).parent.parent / "src" / "delegate" / "js" / "zone_tables.js"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
HEADER = struct.Struct(">4s c 15x 6l")
RULE = re.compile(r"(<[^>]+>|[A-Za-z]+)[-+0-9:]+((<[^>]+>|[A-Za-z]+)[-+0-9:]*(,M[0-9.]+(/-?[0-9:]+)?){2})?")


def base36(value: int) -> str:
    """A number with a minus where it is below zero."""
    digits = ""
    rest = abs(value)
    while rest or not digits:
        rest, digit = divmod(rest, 36)
        digits = DIGITS[digit] + digits
    return ("-" if value < 0 else "") + digits


def packed(name: str) -> str:
    """One zone: its first offset, then each transition (seconds since the one before, offset), then the rule."""
    data = resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).read_bytes()
    counts = HEADER.unpack_from(data)[2:]
    utc, standard, leaps, times, types, characters = counts
    start = HEADER.size + times * 5 + types * 6 + characters + leaps * 8 + standard + utc
    magic, _, utc, standard, leaps, times, types, characters = HEADER.unpack_from(data, start)
    assert magic == b"TZif"
    assert leaps == 0
    at = start + HEADER.size
    moments = struct.unpack_from(f">{times}q", data, at)
    kinds = data[at + 8 * times : at + 9 * times]
    at += 9 * times
    rows = [struct.unpack_from(">lbB", data, at + 6 * i) for i in range(types)]
    offsets = [row[0] for row in rows]
    rule = data[at + 6 * types + characters + standard + utc :].strip(b"\n").decode("ascii")
    assert not rule or RULE.fullmatch(rule), rule
    # What is before the first transition is the first kind that is standard time.
    offset = next((row[0] for row in rows if not row[1]), offsets[0])
    parts = [base36(offset)]
    before = 0
    for moment, kind in zip(moments, kinds, strict=True):
        if offsets[kind] != offset:
            offset = offsets[kind]
            parts.append(f"{base36(moment - before)}:{base36(offset)}")
            before = moment
    # The moment from which the rule holds: where the last transition kept the offset, it is not among those above.
    last = base36(moments[-1]) if moments else ""
    return " ".join(parts) + f"|{last}|{rule}"


def tables() -> str:
    """The module's text."""
    names = NAMES.read_text(encoding="utf-8").split()
    zones: dict[str, list[str]] = {}
    for name in names:
        zones.setdefault(packed(name), []).append(name)
    lines = [
        "// Time zones as the tzdata package has them. Made by spec/generate_zones.py of the release named here.",
        "// Of each zone its names, its first offset, its transitions (seconds since the one before, and the",
        "// offset) and its last, in base 36, and the rule for what comes after that (POSIX).",
        "",
        f'export const RELEASE = "tzdata {version("tzdata")}";',
        "",
        "export const ZONES = [",
        *(f'  ["{" ".join(names)}", "{zone}"],' for zone, names in zones.items()),
        "];",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the file, or compare it."""
    text = tables()
    if "--check" in sys.argv[1:]:
        return int(OUTPUT.read_text(encoding="utf-8") != text)
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
