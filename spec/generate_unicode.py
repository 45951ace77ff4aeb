r"""Write the Unicode that JavaScript's regular expressions need: `src/delegate/js/unicode_tables.js`.

A pattern of `matches` means what the RE2 library says (SPEC §6.6), whichever Unicode a browser brings. So the tables
are asked of the library that is installed, for every code point: which are in each `\p{…}`, and which are the same
under `(?i)`. With `--check` nothing is written, and the exit status says whether the file is the library's.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import re2

OUTPUT = Path(__file__).parent.parent / "src" / "delegate" / "js" / "unicode_tables.js"

CATEGORIES = re.findall(
    r"\w+",
    """
C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs
""",
)
SCRIPTS = re.findall(
    r"\w+",
    """
Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo
Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common
Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs
Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Gurung_Khema
Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi
Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki
Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic
Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi
Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham
Ol_Chiki Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian
Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang
Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar
Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan
Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square
Beria_Erfe Sidetic Tai_Yo Tolong_Siki
""",
)

LAST = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)  # no text has them: no pattern can be asked about them
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def code_points() -> Iterator[int]:
    """Every code point that a text can hold."""
    yield from range(SURROGATES.start)
    yield from range(SURROGATES.stop, LAST + 1)


def group(name: str, everything: str) -> list[tuple[int, int]] | None:
    r"""The ranges of `\p{name}`, or None where the library has no such group."""
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(f"\\p{{{name}}}+", options=options)
    except re2.error:
        return None
    ranges: list[tuple[int, int]] = []
    for match in pattern.finditer(everything):
        first, last = ord(match.group()[0]), ord(match.group()[-1])
        if first < SURROGATES.start and last >= SURROGATES.stop:
            ranges += [(first, SURROGATES.start - 1), (SURROGATES.stop, last)]
        else:
            ranges.append((first, last))
    return ranges


def orbits() -> list[list[int]]:
    """The sets of code points that are the same under `(?i)`, those of one alone left out."""

    def alone(point: int) -> bool:
        # The class of all but this one takes it along under `(?i)`, if another is the same.
        before = f"\\x{{0}}-\\x{{{point - 1:x}}}" if point else ""
        behind = f"\\x{{{point + 1:x}}}-\\x{{10ffff}}" if point < LAST else ""
        return re2.search(f"(?i)[^{before}{behind}]", chr(point)) is not None

    folding = [point for point in code_points() if not alone(point)]
    text = "".join(map(chr, folding))
    found = {tuple(map(ord, re2.findall(f"(?i)\\x{{{point:x}}}", text))) for point in folding}
    assert sorted(point for orbit in found for point in orbit) == folding, "an orbit is a set of one kind"
    return sorted(map(list, found))


def number(value: int) -> str:
    """In base 36: a digit, or a capital that says how many digits more than one, and the digits."""
    digits = ""
    while value or not digits:
        value, digit = divmod(value, 36)
        digits = DIGITS[digit] + digits
    return digits if len(digits) == 1 else "ABCD"[len(digits) - 2] + digits


def packed(values: Iterable[int]) -> str:
    """Ascending numbers as the distances between them."""
    out = []
    before = 0
    for value in values:
        out.append(number(value - before))
        before = value
    return "".join(out)


def tables() -> str:
    """The module's text."""
    everything = "".join(map(chr, code_points()))
    groups = {}
    for name in (*CATEGORIES, *SCRIPTS):
        ranges = group(name, everything)
        if ranges is not None:
            groups[name] = ranges
    check_complete(groups)
    lines = [
        "// Unicode as the RE2 library has it. Made by spec/generate_unicode.py of the release named here.",
        "// Ascending numbers in base 36, as distances; more than one digit has a capital before it. A group: of each",
        "// range its first code point and that after its last.",
        "",
        f'export const RELEASE = "google-re2 {version("google-re2")}";',
        "",
        "export const GROUPS = {",
        *(
            f'  {name}: "{packed(edge for first, last in ranges for edge in (first, last + 1))}",'
            for name, ranges in groups.items()
        ),
        "};",
        "",
        "// What is the same under `(?i)`: each set on its own.",
        "export const ORBITS =",
        f'  "{" ".join(packed(orbit) for orbit in orbits())}";',
    ]
    return "\n".join(lines) + "\n"


def check_complete(groups: dict[str, list[tuple[int, int]]]) -> None:
    """Every code point of a category has a script: so no script of the library's is missing above."""

    def points(names: Iterable[str]) -> set[int]:
        return {point for name in names for first, last in groups.get(name, ()) for point in range(first, last + 1)}

    private = points(["Co", "Cs"])
    assigned = points(name for name in CATEGORIES if name not in {"C", "Co", "Cs"}) - private
    missing = assigned - points(SCRIPTS)
    assert not missing, f"a script is missing: U+{min(missing):04X}"


def main() -> int:
    """Write the file, or compare it."""
    text = tables()
    if "--check" in sys.argv[1:]:
        return int(OUTPUT.read_text(encoding="utf-8") != text)
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
