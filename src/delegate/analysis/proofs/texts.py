r"""What the language asks of texts, as sets of texts: patterns, plain form, order, hosts, IPv4 networks.

The rules of this file:

- Each set here is exactly what the evaluator says `true` to (or takes without an error); tests hold the one to the
  other.
"""

from __future__ import annotations

from typing import Final

from delegate.analysis.proofs.expressions import whole
from delegate.analysis.proofs.languages import ALL, BLANK, EVERY, Languages, Ranges, but, words
from delegate.core.patterns.tokens import RESOURCE_SEPARATOR, Wild, parse_tokens

# Characters that stand for a slash or a dot in some reader's eyes, and what a percent sign may stand for (SPEC §7.2).
_SLASHES: Final = "\u2100\u2101\u2105\u2106\uff0f\ufe68\uff3c"
_DOTS: Final = "\u2024\u2025\u2026\ufe19\ufe30\ufe52\uff0e"
_ESCAPE: Final = (
    "%(?:2[02]|3[CE]|5[BDE]|60|7[BCD]"
    "|(?:C2%[AB]|C[3-9A-F]%[89AB]|D[0-9A-F]%[89AB]"
    "|(?:E0%[AB]|E[1-9A-CEF]%[89AB]|ED%[89])[0-9A-F]%[89AB]"
    "|(?:F0%[9AB]|F[1-3]%[89AB]|F4%8)[0-9A-F]%[89AB][0-9A-F]%[89AB])[0-9A-F])"
)
_LABEL: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_OCTET: Final = "(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
# What readers of URLs drop, or take for a slash.
_UNFIT_IN_URL: Final[Ranges] = ((0, 0x20), (0x5C, 0x5C), (0x7F, 0x9F), (0x2028, 0x2029), (0xFEFF, 0xFEFF))


class Texts:
    """The sets of one question, each made once."""

    def __init__(self, languages: Languages) -> None:
        self.languages = languages
        self._made: dict[tuple[str, str], int] = {}

    def _kept(self, kind: str, text: str, found: int) -> int:
        self._made[kind, text] = found
        return found

    def action(self) -> int:
        """Actions that a request may have."""
        found = self._made.get(("action", ""))
        if found is not None:
            return found
        languages = self.languages
        # A superset, without the bound on length: what no request can have does no harm to a proof.
        wide = but(((0, 0x20), (0x7F, 0xA0)), EVERY)
        return self._kept("action", "", languages.times(languages.chars(wide), 1, None))

    def pattern(self, text: str, separator: str) -> int:
        """Texts that a pattern matches (SPEC §6.1)."""
        found = self._made.get((separator, text))
        if found is not None:
            return found
        languages = self.languages
        tokens = parse_tokens(text, separator)
        cut = ord(separator)
        within = languages.star(languages.chars(but(((cut, cut),))))
        segments = languages.star(languages.cat(within, languages.word(separator)))
        if tokens[-2:] == (separator, Wild.ACROSS):
            tail = languages.alt(BLANK, languages.cat(languages.word(separator), ALL))
            tokens = tokens[:-2]
        else:
            tail = BLANK
        wild = {Wild.WITHIN: within, Wild.SEGMENTS: segments, Wild.ACROSS: ALL}
        parts: list[int] = []
        run = ""
        for token in tokens:
            if isinstance(token, str):
                run += token
                continue
            parts += [languages.word(run), wild[token]]
            run = ""
        return self._kept(separator, text, languages.cat(*parts, languages.word(run), tail))

    def plain(self) -> int:
        """Texts in plain form (SPEC §7.2)."""
        found = self._made.get(("plain", ""))
        if found is not None:
            return found
        languages = self.languages
        slash = languages.word("/")
        not_slash = languages.chars(but(((0x2F, 0x2F),)))
        bad = "".join(map(chr, range(0x20))) + "".join(map(chr, range(0x7F, 0xA0))) + "\\?#;" + _SLASHES
        bad_chars = languages.chars((ord(each), ord(each)) for each in bad)
        dots = languages.chars((ord(each), ord(each)) for each in ". " + _DOTS)
        segment = languages.times(languages.alt(dots, words(languages, ["%20", *map(_escaped, _DOTS)])), 1, None)
        before = languages.alt(BLANK, languages.cat(ALL, slash))
        behind = languages.alt(BLANK, languages.cat(slash, ALL))
        drive = languages.cat(
            languages.alt(BLANK, languages.cat(ALL, not_slash)), slash, whole(languages, "[A-Za-z]:"), ALL
        )
        not_percent = languages.chars(but(((0x25, 0x25),)))
        plain = languages.both(
            languages.other(BLANK),
            languages.other(languages.containing(bad_chars)),
            languages.other(languages.containing(words(languages, [*map(_escaped, _SLASHES)]))),
            languages.other(languages.cat(before, segment, behind)),
            languages.other(drive),
            languages.star(languages.alt(not_percent, whole(languages, _ESCAPE))),
            languages.alt(languages.other(languages.containing(languages.word("//"))), self._with_authority()),
        )
        return self._kept("plain", "", plain)

    def _with_authority(self) -> int:
        """`scheme://host`, in its one writing, and what follows it."""
        languages = self.languages
        rest = languages.alt(BLANK, languages.cat(languages.word("/"), ALL))
        no_two = languages.other(languages.containing(languages.word("//")))
        host = languages.both(
            whole(languages, r"[!-$&-,0-9<-?\[-~.:\-]*"),
            languages.other(languages.containing(languages.word(".:"))),
            languages.other(languages.cat(ALL, words(languages, [".", ":"]))),
        )
        behind = languages.cat(languages.both(host, languages.other(BLANK)), languages.both(rest, no_two))
        ports = [r"(?:http|ws)://[^/]*:80", r"(?:https|wss)://[^/]*:443", r"[^/]*//[^/]*:0[0-9]*"]
        return languages.both(
            languages.cat(whole(languages, r"[a-z][a-z0-9+.\-]*://"), languages.alt(BLANK, behind)),
            *(languages.other(languages.cat(whole(languages, each), rest)) for each in ports),
        )

    def absolute(self) -> int:
        """Texts that begin with a slash."""
        return self.languages.cat(self.languages.word("/"), ALL)

    def below(self, directory: str) -> int:
        """A directory without a slash at its end, and what is below it."""
        languages = self.languages
        stem = directory.removesuffix("/")
        return languages.cat(languages.word(stem), languages.alt(BLANK, languages.cat(languages.word("/"), ALL)))

    def less(self, text: str) -> int:
        """Texts that come before this one, by code points."""
        languages = self.languages
        found = []
        for place, character in enumerate(text):
            head = languages.word(text[:place])
            found.append(head)
            if character > "\0":
                found.append(languages.cat(head, languages.chars(_below(ord(character))), ALL))
        return languages.alt(*found)

    def long(self, least: int, most: int | None) -> int:
        """Texts of so many characters."""
        return self.languages.times(self.languages.any_char(), least, most)

    def hosts(self) -> int:
        """Hosts as `url.host` takes them, of names and of IPv4 addresses; not of IPv6 ones.

        How long a label and the whole may be is left out.
        """
        found = self._made.get(("hosts", ""))
        if found is not None:
            return found
        languages = self.languages
        name = whole(languages, rf"{_LABEL}(?:\.{_LABEL})*")
        numeric = whole(languages, r"(?:[A-Za-z0-9_\-]*\.)*(?:[0-9]+|0[xX][0-9A-Fa-f]*)")
        named = languages.both(name, languages.other(numeric))
        return self._kept("hosts", "", languages.alt(named, self.ipv4()))

    def host_urls(self, hosts: int) -> int:
        """URLs whose host, in lower case, is in this set; of IPv6 none."""
        languages = self.languages
        port = whole(
            languages, "(?::(?:0*(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])))?"
        )
        port = languages.both(port, self.long(0, 6))
        rest = languages.alt(BLANK, languages.cat(whole(languages, "[/?#]"), self._fit()))
        fitting = languages.both(self.hosts(), languages.folded(hosts))
        return languages.cat(whole(languages, r"[A-Za-z][A-Za-z0-9+.\-]*://"), fitting, port, rest)

    def address_urls(self) -> int:
        """Texts that may be URLs of an IPv6 address: which of them are, and what their host is, is left open."""
        languages = self.languages
        return languages.cat(whole(languages, r"[A-Za-z][A-Za-z0-9+.\-]*://\["), ALL)

    def scheme_urls(self, schemes: int) -> int:
        """URLs whose scheme, in lower case, is in this set."""
        languages = self.languages
        scheme = languages.both(whole(languages, r"[A-Za-z][A-Za-z0-9+.\-]*"), languages.folded(schemes))
        return languages.cat(scheme, languages.word(":"), self._fit())

    def _fit(self) -> int:
        return self.languages.star(self.languages.chars(but(_UNFIT_IN_URL)))

    def ipv4(self) -> int:
        """IPv4 addresses."""
        return whole(self.languages, rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}")

    def ipv4_in(self, address: int, length: int) -> int:
        """IPv4 addresses in a network."""
        languages = self.languages
        octets = []
        for place in range(4):
            bits = min(max(length - 8 * place, 0), 8)
            first = address >> (24 - 8 * place) & 0xFF
            last = first | 0xFF >> bits
            every = (first, last) == (0, 255)
            octets.append(whole(languages, _OCTET) if every else words(languages, [*map(str, range(first, last + 1))]))
        dot = languages.word(".")
        return languages.cat(octets[0], dot, octets[1], dot, octets[2], dot, octets[3])

    def addresses(self) -> int:
        """Texts among which are all addresses in their shortest form."""
        return whole(self.languages, "[0-9a-f:.]+")

    def ipv6(self) -> int:
        """Texts that may be IPv6 addresses: which of them are is left open."""
        return whole(self.languages, "[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*[0-9.]*")


def _below(point: int) -> list[tuple[int, int]]:
    found = [(0, min(point - 1, EVERY[0][1])), (EVERY[1][0], point - 1)]
    return [(first, last) for first, last in found if first <= last]


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


SEPARATOR: Final = RESOURCE_SEPARATOR
