"""texts.json: every form of text that a condition reads, and one fault at a time (SPEC §2.1, §6.1, §6.6, §7.2).

An allowed vector holds up to 24 of them, each read rightly; a refused one holds a single fault.
"""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

from typing import Any

from vectorkit.build import ALICE, READ, Maker, chain, listed, prove, root, step
from vectorkit.conditions import Conditions, call, is_

MAX = 2**63 - 1
UNIX = 1_801_396_800  # 2027-01-31T12:00:00Z


def make() -> Maker:
    """All vectors of the file."""
    made = Conditions("text")
    _timestamps(made)
    _durations(made)
    _zones(made)
    _urls(made)
    _addresses(made)
    _networks(made)
    _globs(made)
    _paths(made)
    _regexes(made)
    _names(made)
    _patterns(made)
    _capabilities(made)
    return made.maker


def no(condition: Any) -> Any:
    """`!condition`."""
    return call("NOT", condition)


def _timestamps(made: Conditions) -> None:
    def reads(text: str, seconds: int) -> Any:
        return is_(call("INT", call("TIMESTAMP", text)), seconds)

    made.holds(
        "timestamps", "6.6", "RFC 3339, strictly",
        reads("2027-01-31T12:00:00Z", UNIX), reads("2027-01-31T12:00:00+00:00", UNIX), reads("2027-01-31T12:00:00-00:00", UNIX),
        reads("2027-01-31T13:30:00+01:30", UNIX), reads("2027-01-31T10:30:00-01:30", UNIX), reads("2027-01-31T12:00:00.9Z", UNIX),
        reads("2027-01-31T12:00:00.123456789Z", UNIX), reads("0001-01-01T00:00:00Z", -62_135_596_800),
        reads("9999-12-31T23:59:59.999999999Z", 253_402_300_799), reads("2024-02-29T00:00:00Z", 1_709_164_800),
        reads("2000-02-29T00:00:00Z", 951_782_400), reads("0001-01-01T00:00:00-23:59", -62_135_510_460),
        reads("9999-12-31T23:59:59+23:59", 253_402_214_459), reads("2027-02-01T11:59:00+23:59", UNIX),
        reads("0999-01-01T00:00:00Z", -30_641_760_000), reads("0099-01-01T00:00:00Z", -59_042_995_200),
        is_(call("STRING", call("TIMESTAMP", "2027-01-31T12:00:00.100Z")), "2027-01-31T12:00:00.100Z"),
        is_(call("STRING", call("TIMESTAMP", "2027-01-31T12:00:00.1Z")), "2027-01-31T12:00:00.100Z"),
        is_(call("STRING", call("TIMESTAMP", "2027-01-31T12:00:00.000001Z")), "2027-01-31T12:00:00.000001Z"),
        is_(call("STRING", call("TIMESTAMP", "2027-01-31T12:00:00.000000001Z")), "2027-01-31T12:00:00.000000001Z"),
        is_(call("STRING", call("TIMESTAMP", "0001-01-01T00:00:00.000Z")), "0001-01-01T00:00:00Z"),
        is_(call("STRING", call("TIMESTAMP", "2027-01-31T12:00:00+05:30")), "2027-01-31T06:30:00Z"),
        is_(call("STRING", call("TIMESTAMP", 951_782_400)), "2000-02-29T00:00:00Z"),
        is_(call("STRING", call("TIMESTAMP", -1)), "1969-12-31T23:59:59Z"),
    )  # fmt: skip
    for name, text in (
        ("empty", ""), ("date", "2027-01-31"), ("small-t", "2027-01-31t12:00:00Z"), ("small-z", "2027-01-31T12:00:00z"),
        ("blank", "2027-01-31 12:00:00Z"), ("blank-before", " 2027-01-31T12:00:00Z"), ("blank-behind", "2027-01-31T12:00:00Z "),
        ("line-end", "2027-01-31T12:00:00Z\n"), ("no-zone", "2027-01-31T12:00:00"), ("no-seconds", "2027-01-31T12:00Z"),
        ("second-60", "2016-12-31T23:59:60Z"), ("minute-60", "2027-01-31T12:60:00Z"), ("hour-24", "2027-01-31T24:00:00Z"),
        ("month-0", "2027-00-31T12:00:00Z"), ("month-13", "2027-13-31T12:00:00Z"), ("day-0", "2027-01-00T12:00:00Z"),
        ("day-32", "2027-01-32T12:00:00Z"), ("april-31", "2027-04-31T12:00:00Z"), ("no-leap", "2027-02-29T12:00:00Z"),
        ("1900", "1900-02-29T12:00:00Z"), ("year-0", "0000-12-31T12:00:00Z"), ("year-0-back", "0000-12-31T23:59:59-00:01"),
        ("year-5", "12027-01-31T12:00:00Z"), ("year-3", "999-01-31T12:00:00Z"), ("year-signed", "+2027-01-31T12:00:00Z"),
        ("month-1-digit", "2027-1-31T12:00:00Z"), ("day-1-digit", "2027-01-1T12:00:00Z"), ("hour-1-digit", "2027-01-31T1:00:00Z"),
        ("minute-1-digit", "2027-01-31T12:0:00Z"), ("second-1-digit", "2027-01-31T12:00:0Z"), ("ten-digits", "2027-01-31T12:00:00.1234567890Z"),
        ("no-digits", "2027-01-31T12:00:00.Z"), ("comma", "2027-01-31T12:00:00,5Z"), ("offset-hour-24", "2027-01-31T12:00:00+24:00"),
        ("offset-minute-60", "2027-01-31T12:00:00+01:60"), ("offset-hours", "2027-01-31T12:00:00+01"), ("offset-plain", "2027-01-31T12:00:00+0100"),
        ("offset-seconds", "2027-01-31T12:00:00+01:00:00"), ("offset-none", "2027-01-31T12:00:00+"), ("before-year-1", "0001-01-01T00:00:00+00:01"),
        ("after-9999", "9999-12-31T23:59:59-00:01"), ("arabic", "\u0662027-01-31T12:00:00Z"), ("name", "2027-01-31T12:00:00Z[UTC]"),
        ("slashes", "2027/01/31T12:00:00Z"), ("basic", "20270131T120000Z"), ("week", "2027-W05-7T12:00:00Z"), ("z-offset", "2027-01-31T12:00:00Z+01:00"),
    ):  # fmt: skip
        made.errs(f"timestamp-{name}", "6.6", f"`timestamp({text!r})`", call("TIMESTAMP", text))


def _durations(made: Conditions) -> None:
    def reads(text: str, written: str) -> Any:
        return is_(call("STRING", call("DURATION", text)), written)

    made.holds(
        "durations", "6.6", "durations",
        reads("90s", "90s"), reads("1h30m", "5400s"), reads("-1h", "-3600s"), reads("+1h", "3600s"), reads("1.5s", "1.500s"),
        reads(".5s", "0.500s"), reads("1.s", "1s"), reads("0", "0s"), reads("-0", "0s"), reads("+0", "0s"), reads("1ms", "0.001s"),
        reads("1us", "0.000001s"), reads("1ns", "0.000000001s"), reads("0.5us", "0.000000500s"), reads("1m1m", "120s"), reads("1s1h", "3601s"),
        reads("-1.5s", "-1.500s"), reads("0s", "0s"), reads("9223372036854775807ns", "9223372036.854775807s"),
        reads("-9223372036854775808ns", "-9223372036.854775808s"), reads("2562047h47m16.854775807s", "9223372036.854775807s"),
        reads("0" * 19 + "1s", "1s"), reads("1." + "0" * 20 + "s", "1s"), reads("0.000000001s", "0.000000001s"),
        reads("." + "5" + "0" * 19 + "s", "0.500s"), reads("1h" * 64, f"{64 * 3600}s"), reads("0.25h", "900s"), reads("-0.001s", "-0.001s"),
    )  # fmt: skip
    for name, text in (
        ("empty", ""), ("number", "90"), ("unit", "s"), ("days", "1d"), ("weeks", "1w"), ("capital", "1H"), ("blank", "1h 30m"),
        ("blank-before", " 1h"), ("blank-behind", "1h "), ("line-end", "1h\n"), ("two-signs", "--1h"), ("sign-within", "1h-30m"), ("sign-alone", "-"),
        ("point-alone", ".s"), ("two-points", "1.5.5s"), ("exponent", "1e3s"), ("half-nanosecond", "0.5ns"), ("two-halves", "0.5ns0.5ns"),
        ("finer", "0.0000000001s"), ("micro", "1µs"), ("beyond", "9223372036854775808ns"), ("below", "-9223372036854775809ns"),
        ("hours-beyond", "2562048h"), ("21-digits", "0" * 20 + "1s"), ("21-behind", "1." + "0" * 21 + "s"), ("21-alone", "." + "0" * 21 + "s"),
        ("129-characters", "1h" * 64 + "s"), ("130-characters", "1h" * 65), ("word", "1 hour"), ("arabic", "\u0661s"), ("comma", "1,5s"), ("00", "00"),
        ("zero-point", "0.0"), ("unit-first", "h1"), ("minutes-word", "1min"),
    ):  # fmt: skip
        made.errs(f"duration-{name}", "6.6", f"`duration({text[:30]!r})`", call("DURATION", text))


def _zones(made: Conditions) -> None:
    def hours(zone: str, when: str = "2026-07-01T12:00:00Z") -> Any:
        return call("GET_HOURS", call("TIMESTAMP", when), zone)

    winter = "2026-01-01T12:00:00Z"
    made.holds(
        "zones", "6.6", "offsets, names and links of the list",
        is_(hours("UTC"), 12), is_(hours("+05:30"), 17), is_(hours("-05:30"), 6), is_(hours("02:00"), 14), is_(hours("+23:59"), 11),
        is_(hours("-23:59"), 12), is_(hours("+00:00"), 12), is_(hours("-00:00"), 12), is_(hours("Europe/Berlin"), 14),
        is_(hours("Europe/Berlin", winter), 13), is_(hours("America/New_York"), 8), is_(hours("Asia/Kolkata"), 17),
        is_(hours("Asia/Calcutta"), 17), is_(hours("GB"), 13), is_(hours("Etc/GMT+5"), 7), is_(hours("Zulu"), 12), is_(hours("Japan"), 21),
        is_(hours("America/Argentina/Buenos_Aires"), 9), is_(hours("GMT"), 12), is_(hours("US/Eastern"), 8), is_(hours("Etc/UTC"), 12),
        is_(call("GET_MINUTES", call("TIMESTAMP", "2026-07-01T12:00:00Z"), "Asia/Kathmandu"), 45),
        is_(call("GET_SECONDS", call("TIMESTAMP", "1880-01-01T00:00:00Z"), "Europe/Berlin"), 28),
        is_(call("GET_HOURS", call("TIMESTAMP", "0001-01-01T00:00:00Z"), "Asia/Kolkata"), 5),
        is_(call("GET_HOURS", call("TIMESTAMP", "9999-12-31T23:59:59Z"), "Asia/Kolkata"), 5),
    )  # fmt: skip
    for name, zone in (
        ("empty", ""), ("small", "europe/berlin"), ("capitals", "EUROPE/BERLIN"), ("factory", "Factory"), ("est5edt", "EST5EDT"), ("est", "EST"),
        ("cet", "CET"), ("met", "MET"), ("eet", "EET"), ("wet", "WET"), ("mst", "MST"), ("hst", "HST"), ("mst7mdt", "MST7MDT"), ("cst6cdt", "CST6CDT"),
        ("pst8pdt", "PST8PDT"), ("localtime", "localtime"), ("hour-digit", "5:00"), ("hour-24", "+24:00"), ("minute-60", "+01:60"), ("hours", "+05"),
        ("plain", "+0530"), ("blank", " UTC"), ("blank-behind", "UTC "), ("line-end", "+05:30\n"), ("posix", "posix/UTC"), ("right", "right/UTC"),
        ("climbs", "../UTC"), ("folder", "Europe"), ("slash", "Europe/"), ("z", "Z"), ("utc-offset", "UTC+1"), ("tab", "zone.tab"), ("minus-sign", "\u221205:00"),
        ("seconds", "+05:30:00"), ("nowhere", "Mars/Olympus"),
    ):  # fmt: skip
        made.errs(f"zone-{name}", "6.6", f"the zone {zone!r}", hours(zone))


def _urls(made: Conditions) -> None:
    def host(url: str, expected: str) -> Any:
        return is_(call("URL_HOST", url), expected)

    label = "a" * 63
    longest = ".".join([label] * 3 + ["a" * 61])  # 253
    made.holds(
        "hosts", "6.6", "hosts of URLs",
        host("https://files.example.com/a?b#c", "files.example.com"), host("HTTPS://Files.Example.COM", "files.example.com"),
        host("a://b", "b"), host("a+b-c.d1://x", "x"), host("a://b?c", "b"), host("a://b#c", "b"), host("a://b:8080/", "b"), host("a://b:0", "b"),
        host("a://b:65535", "b"), host("a://b:00080", "b"), host("a://1.2.3.4", "1.2.3.4"), host("a://[::1]", "::1"), host("a://[2001:DB8::1]:80/", "2001:db8::1"),
        host("a://[::ffff:1.2.3.4]", "1.2.3.4"), host("a://[0:0:0:0:0:0:0:1]", "::1"), host("a://[1:0:0:2:0:0:0:3]", "1:0:0:2::3"), host("a://_b_.c-d", "_b_.c-d"), host("a://x9.b", "x9.b"), host("a://9.b", "9.b"), host("a://zaz.b", "zaz.b"),
        host(f"a://{label}", label), host(f"a://{longest}", longest), host("a://1.2.3.com", "1.2.3.com"), host("a://0x.com", "0x.com"), host("a://b/[]{}|", "b"),
        host("a://b/é", "b"), host("a://0xg", "0xg"), host("a://a.0x1g", "a.0x1g"), host("a://[64:ff9b::102:304]", "64:ff9b::102:304"),
    )  # fmt: skip
    for name, url in (
        ("empty", ""), ("relative", "/a"), ("no-scheme", "//b"), ("scheme-digit", "1a://b"), ("scheme-empty", "://b"), ("scheme-sign", "a_b://c"), ("one-slash", "a:/b"), ("opaque", "mailto:x@b"),
        ("host-empty", "a:///b"), ("user", "a://u@b"), ("user-password", "a://u:p@b"), ("percent", "a://b%2ec"), ("backslash", "a://b\\c"),
        ("backslash-path", "a://b/\\c"), ("blank", "a://b /"), ("blank-path", "a://b/ c"), ("tab", "a://b/\tc"), ("line-end", "a://b\n"), ("nul", "a://b/\0"), ("c1", "a://b/\x85"),
        ("delete", "a://b/\x7f"), ("separator", "a://b/\u2028"), ("separator-paragraph", "a://b/\u2029"), ("mark", "a://b/\ufeff"), ("port-empty", "a://b:"), ("port-empty-path", "a://b:/c"), ("port-beyond", "a://b:65536"),
        ("port-6", "a://b:000080"), ("port-word", "a://b:http"), ("port-sign", "a://b:+80"), ("two-ports", "a://b:80:80"), ("letter", "a://bé"), ("kelvin", "a://\u212a"), ("label-empty", "a://b..c"),
        ("dot-end", "a://b."), ("dot-start", "a://.b"), ("dot", "a://."), ("hyphen-start", "a://-b"), ("hyphen-end", "a://b-"), ("hyphen-label", "a://b-.c"), ("label-64", f"a://{'a' * 64}"),
        ("254", f"a://{'.'.join([label] * 3 + ['a' * 62])}"), ("number", "a://2130706433"), ("ipv4-short", "a://127.1"), ("ipv4-zeros", "a://127.0.0.01"), ("ipv4-hex", "a://0x7f.0.0.1"),
        ("hex-end", "a://a.0x7f"), ("hex-alone", "a://0x"), ("hex-end-alone", "a://a.0x"), ("digits-end", "a://a.1"), ("ipv4-256", "a://1.2.3.256"), ("ipv4-5", "a://1.2.3.4.5"), ("bracket-open", "a://[::1"),
        ("bracket-name", "a://[b]"), ("bracket-ipv4", "a://[1.2.3.4]"), ("bracket-empty", "a://[]"), ("bracket-zone", "a://[fe80::1%25eth0]"), ("bracket-zone-plain", "a://[fe80::1%eth0]"), ("ipv6-bare", "a://::1"), ("ipv6-long", "a://[1:2:3:4:5:6:7:8:9]"),
        ("ipv6-short", "a://[1:2:3]"), ("ipv6-two", "a://[1::2::3]"), ("ipv6-5-digits", "a://[12345::]"), ("ipv6-behind", "a://[::1]b"), ("comma", "a://b,c"), ("underscore-sign", "a://b!c"), ("at-behind", "a://b@c/"), ("ipv6-ipv4-zeros", "a://[::1.2.3.04]"),
        ("ipv6-future", "a://[v1.x]"),
    ):  # fmt: skip
        made.errs(f"host-{name}", "6.6", f"`url.host({url[:40]!r})`", call("URL_HOST", url))
    made.holds(
        "schemes", "6.6", "schemes of URLs",
        is_(call("URL_SCHEME", "HTTPS://x"), "https"), is_(call("URL_SCHEME", "mailto:a@b"), "mailto"), is_(call("URL_SCHEME", "a:"), "a"),
        is_(call("URL_SCHEME", "A+B-c.1:x"), "a+b-c.1"), is_(call("URL_SCHEME", "a:é[]"), "a"), is_(call("URL_SCHEME", "a::"), "a"),
    )  # fmt: skip
    for name, url in (
        ("empty", ""), ("none", "x"), ("colon", ":x"), ("digit", "1a:x"), ("blank", "a: x"), ("blank-before", " a:x"), ("line-end", "a:x\n"), ("backslash", "a:\\x"), ("c1", "a:\x80"),
        ("delete", "a:\x7f"), ("separator", "a:\u2029"), ("mark", "a:\ufeff"), ("underscore", "a_b:x"), ("letter", "é:x"), ("nul", "a:\0"), ("slash", "a/b:c"), ("last-c1", "a:\x9f"),
    ):  # fmt: skip
        made.errs(f"scheme-{name}", "6.6", f"`url.scheme({url!r})`", call("URL_SCHEME", url))


def _addresses(made: Conditions) -> None:
    def within(address: str, network: str) -> Any:
        return call("NET_WITHIN", call("DYN", address), network)

    made.holds(
        "addresses", "6.6", "addresses in networks; an IPv4-mapped one is IPv4",
        within("10.1.2.3", "10.0.0.0/8"), no(within("11.0.0.0", "10.0.0.0/8")), within("10.0.0.0", "10.0.0.0/32"), no(within("10.0.0.1", "10.0.0.0/32")),
        within("255.255.255.255", "0.0.0.0/0"), within("::1", "::/0"), no(within("::1", "0.0.0.0/0")), no(within("10.0.0.1", "::/0")),
        within("::ffff:10.1.2.3", "10.0.0.0/8"), within("::FFFF:a01:203", "10.0.0.0/8"), within("2003:DB8::1", "2003:db8::/32"), within("::", "::/128"),
        within("2003:0DB8:0:0:0:0:0:1", "2003:db8::1/128"), no(within("2003:db9::", "2003:db8::/32")), within("1.2.3.4", "1.2.3.4/31"), within("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8/128"),
        within("10.1.2.3", "::ffff:10.0.0.0/104"), no(within("11.1.2.3", "::ffff:10.0.0.0/104")), within("10.1.2.3", "::ffff:0:0/96"), within("::2:0:0:1", "::/0"), within("fe80::1", "fe80::/10"),
        within("2003::1", "2003::/16"), within("1::100:5efe:0:1", "1::/16"), within("2000:ffff::1", "2000::/12"), within("2003::1", "2000::/14"),
    )  # fmt: skip
    for name, address in (
        ("empty", ""), ("short", "10.1"), ("zeros", "10.0.0.01"), ("octal", "010.0.0.1"), ("256", "10.0.0.256"), ("five", "1.2.3.4.5"), ("blank", " 10.0.0.1"), ("blank-behind", "10.0.0.1 "), ("number", "167772161"),
        ("hex", "0xa.0.0.1"), ("zone", "fe80::1%eth0"), ("zone-empty", "fe80::1%"), ("brackets", "[::1]"), ("name", "localhost"), ("port", "10.0.0.1:80"), ("two", "1::2::3"), ("nine", "1:2:3:4:5:6:7:8:9"),
        ("seven", "1:2:3:4:5:6:7"), ("five-digits", "12345::"), ("colon-first", ":1::"), ("colon-last", "::1:"), ("ipv4-first", "1.2.3.4::"), ("ipv4-within", "::1.2.3.4:1"), ("ipv6-zeros", "::ffff:1.2.3.04"), ("network", "10.0.0.0/8"), ("arabic", "\u0661.2.3.4"),
        ("line-end", "10.0.0.1\n"), ("eight-and-two", "1:2:3:4::5:6:7:8"), ("sign", "+1.2.3.4"), ("triple", ":::"), ("ipv4-end-8", "1:2:3:4:5:6:7:1.2.3.4"),
    ):  # fmt: skip
        made.errs(f"address-{name}", "6.6", f"the address {address!r}", within(address, "0.0.0.0/0"))
    for name, address in (
        ("compatible", "::1.2.3.4"), ("compatible-2", "::2"), ("translated", "::ffff:0:1.2.3.4"), ("nat64", "64:ff9b::1.2.3.4"), ("nat64-local", "64:ff9b:1::1"), ("nat64-local-last", "64:ff9b:1:ffff::1"), ("teredo", "2001::1"),
        ("teredo-last", "2001:0:ffff::1"), ("6to4", "2002::1"), ("6to4-last", "2002:ffff::1"), ("isatap", "fe80::5efe:1.2.3.4"), ("isatap-global", "2003::200:5efe:1.2.3.4"), ("isatap-first", "1::5efe:0:0"), ("isatap-least", "0:0:0:1:0:5efe:1.2.3.4"),
        ("compatible-last", "::fffe:fffe"),
    ):  # fmt: skip
        made.errs(f"carrier-{name}", "6.6", f"{address}, which carries an IPv4 address", within(address, "::/0"))
    made.holds(
        "carriers-not", "6.6", "what is next to a prefix that carries IPv4 addresses",
        within("64:ff9b:0:0:0:1::", "::/0"), within("64:ff9b:2::1", "::/0"), within("64:ff9a::1", "::/0"), within("2001:1::1", "::/0"), within("2003::", "::/0"), within("2000:ffff:ffff::", "::/0"), within("2001:db8::1", "::/0"),
        within("0:0:0:0:1::", "::/0"), within("::fffe:0:1.2.3.4", "::/0"), within("::1:ffff:0:1.2.3.4", "::/0"), within("fe80::1:5efe:1.2.3.4", "::/0"), within("fe80::300:5efe:1.2.3.4", "::/0"), within("fe80::5eff:1.2.3.4", "::/0"), within("64:ff9b:0:1::", "::/0"),
        within("::5efe:1.2.3.4", "::/0"), within("::200:5efe:1.2.3.4", "::/0"),
    )  # fmt: skip


def _networks(made: Conditions) -> None:
    for name, network in (
        ("empty", ""), ("address", "10.0.0.0"), ("slash", "10.0.0.0/"), ("33", "10.0.0.0/33"), ("129", "::/129"), ("bits", "10.0.0.1/8"), ("bits-ipv6", "2003::1/64"), ("zeros", "10.0.0.0/08"), ("mask", "10.0.0.0/255.0.0.0"),
        ("sign", "10.0.0.0/+8"), ("blank", "10.0.0.0 /8"), ("blank-behind", "10.0.0.0/8 "), ("two", "10.0.0.0/8/8"), ("short", "10/8"), ("zone", "fe80::%1/64"), ("host-mask", "10.0.0.0/0.255.255.255"), ("words", "private"), ("line-end", "10.0.0.0/8\n"), ("arabic", "10.0.0.0/\u0668"),
        ("00", "0.0.0.0/00"), ("000", "::/000"), ("bits-32", "10.0.0.128/24"), ("mapped-bits", "::ffff:10.0.0.1/104"),
    ):  # fmt: skip
        made.errs(
            f"network-{name}", "6.6", f"the network {network!r}", call("NET_WITHIN", call("DYN", "10.0.0.1"), network)
        )


def _globs(made: Conditions) -> None:
    def fits(text: str, pattern: str) -> Any:
        return call("GLOB_MATCH", call("DYN", text), pattern)

    made.holds(
        "globs", "6.1", "patterns, segment by segment",
        fits("", ""), no(fits("a", "")), fits("", "*"), fits("", "**"), fits("/data", "/data/**"), fits("/data/", "/data/**"), fits("/data/a/b", "/data/**"), no(fits("/database", "/data/**")), fits("/data/x", "/data/**/x"),
        fits("/data/a/b/x", "/data/**/x"), no(fits("/datax", "/data/**/x")), fits(".env", "**/.env"), fits("/.env", "**/.env"), fits("/a/.env", "**/.env"), no(fits("x.env", "**/.env")), fits("/a", "/*"), no(fits("/a/b", "/*")), fits("/", "/*"), fits("/ab", "/a*"),
        fits("/ab", "/*b"), fits("/axxb", "/a*b"), no(fits("/a/b", "/a*b")), fits("/ab", "/a*b"), fits("a*b", "a\\*b"),
        no(fits("axb", "a\\*b")), fits("a?b", "a\\?b"), fits("a[b]{c}\\", "a\\[b\\]\\{c\\}\\\\"), fits("/a/b/c", "/**/**/c"), fits("/c", "/**/c"), fits("/a/b", "**"), fits("/a/xb/c", "/*/x*/c"), no(fits("/a/yb/c", "/*/x*/c")), fits("/a/b/c/d", "/**/b/**"), fits("/b", "/**/b/**"), no(fits("/a", "/**/b/**")),
        fits("/a.csv", "/**/*.csv"), fits("/x/a.csv", "/**/*.csv"), no(fits("/x/a.csv/", "/**/*.csv")), fits("/a/b/", "/a/*/"), no(fits("/a/b", "/a/*/")), fits("/a/", "/a/*"), no(fits("/a", "/a/*")), fits("a.b", "a.b"), no(fits("A", "a")), fits("é", "é"), no(fits("e\u0301", "é")), fits("a.b.c", "a*c"), fits("x/y", "**/y"), fits("y", "**/y"), no(fits("xy", "**/y")), fits("/a/a/b", "/**/a/b"), fits("aXbXc", "a*X*c"), no(fits("aXb", "a*X*c")), fits("/x/a/y/b", "/**/a/**/b"), fits("abab", "*ab"), no(fits("aba", "*ab")), fits("😀", "*"), fits("a" * 200, "a*a*a"),
    )  # fmt: skip
    for name, pattern in (
        ("question", "/a?"), ("set", "/[a]"), ("set-end", "/a]"), ("brace", "/{a"), ("brace-end", "/a}"), ("stars-word", "**.csv"), ("word-stars", "/a**"), ("three", "/***"), ("stars-stars", "/****/a"), ("backslash-end", "/a\\"), ("backslash-letter", "/\\a"), ("backslash-slash", "\\/a"),
        ("stars-dot", "/**.x/y"), ("1025", "a" * 1025),
    ):  # fmt: skip
        made.errs(
            f"glob-{name}", "6.1", f"the pattern {pattern[:20]!r}", call("GLOB_MATCH", call("DYN", "/a"), pattern)
        )
    made.holds("glob-1024", "6.1", "a pattern of 1,024 characters", no(fits("/a", "a" * 1024)))
    for name, text in (
        ("dot-dot", "/a/../b"),
        ("two-slashes", "/a//b"),
        ("percent", "/a%2Fb"),
        ("empty", ""),
        ("query", "/a?b"),
    ):
        made.errs(
            f"glob-text-{name}",
            "6.6",
            "a text that is not in plain form, under a pattern with a slash",
            fits(text, "/**"),
        )
    made.holds(
        "glob-text-words",
        "6.6",
        "under a pattern without a slash any text may be",
        fits("a..b?", "a*"),
        fits("..", "*"),
        fits("a//b", "**"),
    )


def _paths(made: Conditions) -> None:
    def within(inner: str, outer: str) -> Any:
        return call("PATH_WITHIN", call("DYN", inner), outer)

    made.holds(
        "paths", "6.6", "below a folder, by whole segments",
        within("/a/b", "/a"), within("/a", "/a"), within("/a/b", "/a/"), within("/a/", "/a"), no(within("/ab", "/a")), no(within("/b", "/a")), within("a/b", "a"), within("/a", "/"), within("/", "/"), no(within("a", "a/b")), within("a", "a"), no(within("A/b", "a")), within("/a", "/a/"),
        within("https://x.example/a/b", "https://x.example/a"), within("/a/b/", "/a/b"), no(within("/a", "/a/b")),
    )  # fmt: skip
    made.errs("path-absolute-relative", "6.6", "an absolute and a relative one", within("/a", "a"))
    made.errs("path-relative-absolute", "6.6", "the other way round", within("a", "/a"))
    plain = [
        "/a", "a", "/a/", "/a/b.c", "/.a", "/a.", "/...a", "/a b", "/ a", "/%20a", "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D", "/%C3%A9", "/é", "/%C2%A0", "/%DF%BF", "/%E0%A0%80", "/%E1%80%80", "/%ED%9F%BF", "/%EE%80%80", "/%EF%BF%BF", "/%F0%90%80%80", "/%F1%80%80%80", "/%F4%8F%BF%BF", "/%EC%BF%BF",
        "C:/a", "/a/C1:", "/a/é:", "http://x/", "http://x/a/", "a+b.c-1://x/y", "http://x:8080/", "https://x:80/", "http://x:443/", "ws://x:443/", "wss://x:80/", "http://[::1]/", "http://x.y/", "http://x_y!/", "http://x", "ftp://x:21/a", "/~a", "/a@b", "/a=b&c", "/$a", "/\u200ba", "/aC:", "http://x:8/", "http://x:800/", "https://x:4433/", "/", "/\u2027", "/\xa0", "/a/..b", "/a/. b", "http://x/a%20b", "http://c:8000/C1:", "x",
    ]  # fmt: skip
    made.holds("plain", "7.2", "in plain form", *(within(text, text) for text in plain))
    for name, text in (
        ("empty", ""), ("nul", "/a\0"), ("tab", "/a\t"), ("last-control", "/a\x1f"), ("delete", "/a\x7f"), ("c1", "/a\x80"), ("last-c1", "/a\x9f"), ("question", "/a?"), ("hash", "/a#"), ("semicolon", "/a;b"), ("backslash", "/a\\b"),
        ("account", "/a\u2100"), ("addressed", "/a\u2101"), ("care-of", "/a\u2105"), ("cada-una", "/a\u2106"), ("wide-slash", "/a\uff0fb"), ("small-backslash", "/a\ufe68b"), ("wide-backslash", "/a\uff3cb"), ("wide-slash-encoded", "/a%EF%BC%8Fb"), ("account-encoded", "/a%E2%84%80"), ("addressed-encoded", "/%E2%84%81"), ("care-of-encoded", "/%E2%84%85"), ("cada-una-encoded", "/%E2%84%86"), ("small-backslash-encoded", "/%EF%B9%A8"), ("wide-backslash-encoded", "/%EF%BC%BC"),
        ("percent", "/a%"), ("percent-one", "/a%2"), ("percent-small", "/%c3%a9"), ("percent-word", "/%GG"), ("encoded-nul", "/%00"), ("encoded-1f", "/%1F"), ("encoded-delete", "/%7F"), ("encoded-slash", "/%2F"), ("encoded-percent", "/%25"), ("encoded-backslash", "/%5C"), ("encoded-question", "/%3F"), ("encoded-hash", "/%23"), ("encoded-semicolon", "/%3B"), ("encoded-dot", "/%2Ea"),
        ("encoded-letter", "/%41"), ("encoded-digit", "/%30"), ("encoded-tilde", "/%7E"), ("encoded-bang", "/%21"), ("encoded-equals", "/%3D"), ("encoded-at", "/%40"), ("encoded-quote", "/%27"), ("encoded-underscore", "/%5F"), ("encoded-z", "/%5A"), ("encoded-a", "/%61"), ("encoded-colon", "/%3A"),
        ("byte-alone", "/%C3"), ("byte-tail", "/%A9"), ("byte-80", "/%80"), ("byte-ff", "/%FF"), ("long-form", "/%C0%AF"), ("long-form-c1", "/%C1%BF"), ("long-form-3", "/%E0%80%80"), ("long-form-3-last", "/%E0%9F%BF"), ("long-form-4", "/%F0%8F%BF%BF"), ("surrogate", "/%ED%A0%80"), ("beyond", "/%F4%90%80%80"), ("f5", "/%F5%80%80%80"), ("c1-encoded", "/%C2%80"), ("c1-encoded-last", "/%C2%9F"), ("cut-3", "/%E1%80"), ("cut-4", "/%F1%80%80"), ("tail-c0", "/%C3%C0"), ("tail-7f", "/%C3%7F"), ("tail-3", "/%E1%80%C0"), ("tail-4", "/%F1%80%80%C0"), ("mixed", "/%C3\xa9"),
        ("dot", "/."), ("dot-within", "/a/./b"), ("dot-dot", "/.."), ("dot-dot-first", "../a"), ("dots", "/..."), ("blank", "/a/ /b"), ("blank-dot", "/a/ ./b"), ("dot-alone", "."), ("encoded-blank", "/a/%20"), ("encoded-blank-dot", "/a/%20./b"), ("leader-1", "/\u2024"), ("leader-2", "/\u2025"), ("leader-3", "/\u2026"), ("vertical", "/\ufe19"), ("vertical-2", "/\ufe30"), ("small-stop", "/\ufe52"), ("wide-stop", "/\uff0e"), ("leader-encoded", "/%E2%80%A4"), ("leader-2-encoded", "/%E2%80%A5"), ("leader-3-encoded", "/%E2%80%A6"), ("vertical-encoded", "/%EF%B8%99"), ("vertical-2-encoded", "/%EF%B8%B0"), ("small-stop-encoded", "/%EF%B9%92"), ("wide-stop-encoded", "/%EF%BC%8E"),
        ("drive", "/a/C:"), ("drive-first", "/a:b"), ("drive-small", "/c:/x"), ("drive-behind", "a/Z:b"), ("drive-host", "http://x/c:"), ("two-slashes", "/a//b"), ("two-first", "//x"), ("two-last", "/a//"), ("three", "http:///x"), ("file", "file:///x"), ("twice", "http://x//y"), ("scheme-capital", "Http://x"), ("scheme-digit", "1a://x"), ("scheme-empty", "://x"), ("scheme-sign", "a_b://x"), ("user", "http://u@x/"), ("percent-host", "http://%C3%A9/"), ("capital-host", "http://X/"),
        ("letter-host", "http://é/"), ("blank-host", "http://a b/"), ("dot-end", "http://x./"), ("dot-end-bare", "http://x."), ("colon-end", "http://x:/"), ("colon-end-bare", "http://x:"), ("dot-port", "http://x.:8/"), ("port-zero", "http://x:0/"), ("port-zeros", "http://x:080/"), ("port-http", "http://x:80/"), ("port-http-bare", "http://x:80"), ("port-https", "https://x:443/"), ("port-ws", "ws://x:80/a"), ("port-wss", "wss://x:443/a"), ("port-https-bare", "https://x:443"), ("port-zero-bare", "ftp://x:00"),
    ):  # fmt: skip
        made.errs(f"plain-{name}", "7.2", f"{text!r} is not in plain form", within(text, text))
    made.errs("plain-second", "7.2", "the folder is not in plain form", within("/a", "/a//"))


def _regexes(made: Conditions) -> None:
    def found(text: str, pattern: str) -> Any:
        return call("MATCHES", call("DYN", text), pattern)

    made.holds(
        "regexes", "6.6", "RE2, unanchored, with Unicode",
        found("xabcx", "abc"), no(found("xabcx", "^abc$")), found("abc", "^abc$"), no(found("abc\n", "^abc$")), no(found("a\nb", "a.b")), found("a\nb", "(?s)a.b"), no(found("a\nb", "^b")), found("a\nb", "(?m)^b"), found("ABC", "(?i)abc"), found("é", "^.$"), found("é", "\\pL"), no(found("1", "\\pL")), found("σ", "(?i)Σ"), found("k", "(?i)\u212a"),
        found("a1", "[[:alpha:]]\\d"), no(found("\u0661", "\\d")), no(found("é", "\\w")), found("", ""), found("a", ""), found("ab", "a|b"), found("aaa", "^a{3}$"), no(found("aa", "^a{3}$")), found("a.b", "\\Qa.b\\E"), no(found("axb", "\\Qa.b\\E")), found("αβγ", "\\p{Greek}+"), found("a", "(?P<n>a)"), found("a", "(?<n>a)"), found("ab", "(?P<n>a)(?P<n>b)"), found("a b", "\\bb"), no(found("ab", "\\bb")), found("😀", "^\\x{1F600}$"), found("a+", "a\\+"),
        found("ab", "(?U)a+b"), found("a\nb", "a[^x]b"), no(found("a", "a{2,}")), found("x" * 500, "x{250}$"), found("(", "\\("), found("ſ", "(?i)s"), found("ab", "a\\Bb"), found("é", "\\B"), found("A", "(?i:a)"), no(found("Ab", "(?i:a)B")),
    )  # fmt: skip
    for name, pattern in (
        ("group", "("), ("group-end", ")"), ("class", "["), ("backreference", "(a)\\1"), ("look-ahead", "a(?=b)"), ("look-behind", "(?<=a)b"), ("possessive", "a++"), ("atomic", "(?>a)"), ("star", "*"), ("count", "a{2,1}"), ("property", "\\p{Nope}"), ("escape", "\\y"), ("flag", "(?x)a"), ("name-digit", "(?P<1n>"), ("name-empty", "(?P<>a)"), ("name-blank", "(?P<n n>a)"), ("backslash", "\\"), ("stars", "a**"), ("range", "[b-a]"), ("class-name", "[[:nope:]]"), ("conditional", "(?(1)a|b)"), ("comment", "(?#x)a"), ("unicode", "\\u0041"), ("hex", "\\x{110000}"),
    ):  # fmt: skip
        made.errs(f"regex-{name}", "6.6", f"RE2 refuses {pattern!r}", found("a", pattern))


def _names(made: Conditions) -> None:
    maker = made.maker
    for name, who in (
        ("scheme-32", "a" * 32 + ":x"), ("scheme-one", "a:x"), ("scheme-signs", "a1+.-:x"), ("colon", "agent:a:b"), ("signs", "agent:!~@/"), ("200", "agent:" + "x" * 200), ("spiffe", "spiffe://example.org/a"), ("bearers", "bearers:x"),
    ):  # fmt: skip
        maker.add(f"name-{name}", "2.1", f"the name {who[:40]!r}", chain(step(sub=who)))
    for name, who in (
        ("scheme-33", "a" * 33 + ":x"), ("scheme-digit", "1a:x"), ("scheme-sign", "-a:x"), ("scheme-capital", "aB:x"), ("scheme-underscore", "a_b:x"), ("scheme-empty", ":x"), ("rest-empty", "agent:"), ("201", "agent:" + "x" * 201), ("blank", "agent:a b"), ("delete", "agent:a\x7f"), ("letter", "agent:é"), ("bearer", "bearer:x"), ("colon-less", "agent"), ("tab", "agent:\ta"), ("blank-end", "agent:a "),
    ):  # fmt: skip
        maker.add(f"name-{name}", "2.1", f"the name {who[:40]!r}", chain(step(sub=who)), "malformed", 0)
    for name, audience in (("200", "x" * 200), ("signs", "!~:/")):
        held = chain(step(aud=[audience]))
        what = held.present(prove(held, claims={3: audience}))
        maker.add(f"audience-{name}", "2.1", f"a service's name: {audience[:20]}", what, audience=audience)
    maker.add("tenant-200", "2.1", "a tenant of 200 characters", chain(step(tenant="t" * 200)), tenant="t" * 200)
    for name, tenant in (
        ("201", "t" * 201),
        ("letter", "é"),
        ("blank", "a b"),
        ("empty", ""),
        ("control", "a\x01"),
        ("delete", "a\x7f"),
    ):
        maker.add(f"tenant-{name}", "2.1", "no tenant", chain(step(tenant=tenant)), "malformed", 0)
    for name, unit in (("64", "u" * 64), ("signs", "a_.-9"), ("one", "a")):
        maker.add(f"unit-{name}", "4.1", "a unit", chain(step(budget={unit: 9})), cost={unit: 1}, ledger=True)
    for name, unit in (
        ("65", "u" * 65),
        ("digit", "1a"),
        ("capital", "aB"),
        ("sign", "_a"),
        ("blank", "a b"),
        ("plus", "a+"),
        ("letter", "é"),
        ("line-end", "a\n"),
    ):
        maker.add(f"unit-{name}", "4.1", f"no unit: {unit[:20]!r}", chain(step(budget={unit: 9})), "malformed", 0)
    controls = (0x00, 0x1F, 0x7F, 0x9F, 0xAD, 0x600, 0x605, 0x61C, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x180E, 0x200B, 0x200F, 0x2028, 0x202E, 0x2060, 0x206F, 0xFEFF, 0xFFF9, 0xFFFB, 0x110BD, 0x110CD, 0x13430, 0x1343F, 0x1BCA0, 0x1BCA3, 0x1D173, 0x1D17A, 0xE0000, 0xE0FFF)  # fmt: skip
    for code in controls:
        maker.add(
            f"plain-text-{code:04x}", "4.2", f"U+{code:04X} in `why`", chain(step(why=f"a{chr(code)}")), "malformed", 0
        )
    beside = (0x20, 0x7E, 0xA0, 0xAC, 0xAE, 0x5FF, 0x606, 0x61B, 0x61D, 0x6DC, 0x6DE, 0x70E, 0x710, 0x88F, 0x892, 0x8E1, 0x8E3, 0x180D, 0x180F, 0x200A, 0x2010, 0x2027, 0x202F, 0x205F, 0x2070, 0xD7FF, 0xE000, 0xFEFE, 0xFF00, 0xFFF8, 0xFFFC, 0x110BC, 0x110BE, 0x110CC, 0x110CE, 0x1342F, 0x13440, 0x1BC9F, 0x1BCA4, 0x1D172, 0x1D17B, 0xDFFFF, 0xE1000, 0x10FFFF)  # fmt: skip
    maker.add(
        "plain-text-beside",
        "4.2",
        "what is next to each of the ranges",
        chain(step(why="".join(map(chr, beside)), who={"".join(map(chr, beside)): "x"})),
    )


def _patterns(made: Conditions) -> None:
    maker = made.maker
    for name, action, asked, permitted in (
        ("all", "**", "files.read", True), ("star", "*", "files", True), ("star-two", "*", "files.read", False), ("below", "files.**", "files.read.admin", True), ("itself", "files.**", "files", True), ("other", "files.**", "filesystem.read", False),
        ("one", "files.*", "files.read", True), ("one-two", "files.*", "files.read.admin", False), ("one-none", "files.*", "files", False), ("within", "*.read", "files.read", True), ("slash", "a/b", "a/b", True), ("slash-star", "a*", "a/b", True), ("escaped", "a\\*", "a*", True), ("escaped-not", "a\\*", "ab", False), ("case", "Files", "files", False),
        ("middle", "a.**.z", "a.z", True), ("middle-two", "a.**.z", "a.b.c.z", True), ("middle-not", "a.**.z", "a.bz", False), ("part", "files.re*", "files.read", True), ("part-two", "f*s.re*d", "files.read", True), ("end-dot", "files.*", "files.", True), ("dots", "a.*.b", "a..b", True),
    ):  # fmt: skip
        request: dict[str, Any] = {"action": asked, "resource": None, "args": {}}
        held = chain(step(can=listed([action])))
        maker.add(
            f"action-{name}",
            "6.1",
            f"`{action}` and `{asked}`",
            held,
            "allow" if permitted else "capability_missing",
            None if permitted else 0,
            request=request,
        )
    for name, pattern, reason in (
        ("empty", "", "malformed"), ("question", "a?", "malformed"), ("set", "[a]", "malformed"), ("set-end", "a]", "malformed"), ("brace", "{a", "malformed"), ("brace-end", "a}", "malformed"), ("stars-word", "**a", "malformed"), ("word-stars", "a**", "malformed"), ("three", "***", "malformed"), ("backslash", "a\\", "malformed"), ("backslash-letter", "\\a", "malformed"),
        ("1025", "a" * 1025, "limit_exceeded"),
    ):  # fmt: skip
        maker.add(
            f"action-pattern-{name}",
            "6.1",
            f"the action pattern {pattern[:20]!r}",
            chain(step(can=listed([pattern]))),
            reason,
            0,
        )
        maker.add(
            f"resource-pattern-{name}",
            "6.1",
            f"the resource pattern {pattern[:20]!r}",
            chain(step(can=listed(["files.read", pattern]))),
            reason,
            0,
        )
    maker.add(
        "action-pattern-slash",
        "6.1",
        "`**` beside a slash, in an action pattern",
        chain(step(can=listed(["a/**"]))),
        "malformed",
        0,
    )
    maker.add(
        "resource-pattern-dot",
        "6.1",
        "`**` beside a dot, in a resource pattern",
        chain(step(can=listed(["files.read", "a.**"]))),
        "malformed",
        0,
    )
    longest = chain(step(can=listed(["a" * 1024], ["files.read", "a" * 1024], ["files.read", "/reports/**"])))
    maker.add("pattern-1024", "6.1", "patterns of 1,024 characters", longest)
    held = chain(step(can=listed(["files.read", "a\0b*"], ["files.read", "/reports/**"])))
    maker.add("pattern-control", "6.1", "a control character in a pattern is a character", held)


def _capabilities(made: Conditions) -> None:
    """The `can` of a root is text (§6.7): what separates its parts, and what does not."""
    maker = made.maker

    def can(name: str, comment: str, text: str, expect: str = "allow", **request: Any) -> None:
        asked = {**READ, **request}
        held = chain(step(can=listed(["**", [asked["resource"]]])))
        maker.add(
            f"can-{name}",
            "6.7",
            comment,
            held.present(prove(held, asked)),
            expect,
            None if expect == "allow" else 0,
            request=asked,
            roots=[root(ALICE, can=[text])],
        )

    for name, blank in (("tab", "\t"), ("line", "\n"), ("page", "\f"), ("return", "\r"), ("several", " \t ")):
        can(f"blank-{name}", "a blank of the five, between action and target", f"files.read{blank}/reports/**")
    other = "".join(map(chr, (0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)))
    for place, blank in enumerate(other):
        can(
            f"no-blank-{place}",
            "in quotes it is a character like any other",
            f'files.read exactly "a{blank}b"',
            resource=f"a{blank}b",
        )
    beside = "".join(
        map(
            chr,
            (
                0x0E,
                0x1B,
                0x84,
                0x86,
                0x9F,
                0xA1,
                0x167F,
                0x1681,
                0x1FFF,
                0x200B,
                0x2027,
                0x202A,
                0x202E,
                0x2030,
                0x205E,
                0x2060,
                0x2FFF,
                0x3001,
            ),
        )
    )
    can(
        "bare", "what is next to the blanks of Unicode needs no quotes", f"files.read exactly {beside}", resource=beside
    )
    can("quoted", "words in quotes", '"files.read" "/reports/**"')
    can("escape", "an escape in quotes", r'"files.re\u0061d" /reports/**')
    can("exactly", "a literal", "files.read exactly /reports/q3.csv")
    can("exactly-pattern", "a literal is no pattern", "files.read exactly /reports/**", "capability_missing")
    can("exactly-quoted", "the word in quotes is a pattern", 'files.read "exactly"', resource="exactly")
    can("if-quoted", "the word `if` in quotes too", 'files.read "if"', resource="if")
    can("condition", "a condition", "files.read /reports/** if args.n == 1", args={"n": 1})
    can(
        "condition-false",
        "one that does not hold",
        "files.read /reports/** if args.n == 1",
        "capability_missing",
        args={"n": 2},
    )
    can("arguments", "a list of names closes the arguments", "files.read(n, m) /reports/**", args={"n": 1})
    can("arguments-other", "another name", "files.read(n, m) /reports/**", "capability_missing", args={"n": 1, "x": 2})
    can("arguments-empty", "no name at all", "files.read() /reports/**")
    can("arguments-empty-one", "and one is there", "files.read() /reports/**", "capability_missing", args={"n": 1})
    can("around", "blanks around", "  files.read /reports/**  ")
