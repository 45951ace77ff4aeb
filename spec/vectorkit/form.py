"""form.json: envelopes and their text form (SPEC §3.1, §3.2)."""

from __future__ import annotations

from vectorkit.build import PLANNER, WORKER, Chain, Maker, as_text, chain, prove, step
from vectorkit.encode import Raw, cbor

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def make() -> Maker:
    """All vectors of the file."""
    maker = Maker("form")
    one = chain(step(PLANNER))
    two = chain(step(PLANNER), step(WORKER))
    _accepted(maker, one, two)
    _text(maker, one, two)
    _envelope(maker, one, two)
    _presentation(maker, two)
    return maker


def _accepted(maker: Maker, one: Chain, two: Chain) -> None:
    maker.add("one-block", "3.1", "a chain of one block, as a token", one.token())
    maker.add("two-blocks", "3.1", "a chain of two blocks, as a token", two.token())
    maker.add("presentation", "3.1", "a chain of two blocks with its proof", two)
    maker.add("presentation-binary", "3.1", "the same as bytes", "hex:" + two.present().hex())
    maker.add(
        "white-space-around",
        "3.2",
        "white space around a pasted token is no part of it",
        "\r\n \t" + as_text(one.present()) + " \n",
    )


def _text(maker: Maker, one: Chain, two: Chain) -> None:
    right = as_text(two.present())
    whole = next(n for n in range(200) if len(_padded(one, n)) % 3 == 1)
    loose = as_text(_padded(one, whole))  # the last character holds two bits of the last byte, and four zeros

    def refuse(name: str, comment: str, what: str, reason: str) -> None:
        maker.add(name, "3.2", comment, what, reason, authorize=True)

    refuse("prefix-unknown", "another prefix", "dlgx_" + right[5:], "malformed")
    refuse("prefix-in-capitals", "the prefix in capitals", "DLGP_" + right[5:], "malformed")
    refuse("prefix-missing", "no prefix", right[5:], "malformed")
    refuse("prefix-of-a-token", "the prefix says token, the content presentation", "dlgt_" + right[5:], "malformed")
    refuse(
        "prefix-of-a-bearer-token",
        "the prefix says bearer, the content token",
        "dlgb_" + as_text(one.token())[5:],
        "malformed",
    )
    refuse("empty", "no text at all", "", "nothing_presented")
    refuse("blank", "a blank and a line end", " \n", "nothing_presented")
    refuse("prefix-alone", "the prefix and nothing after it", "dlgp_", "truncated")
    refuse("not-base64url-alone", "one character, which is none of the alphabet", "dlgt_/", "malformed")
    refuse("padding-alone", "one padding character", "dlgt_=", "not_canonical")
    refuse("padding-behind-another", "padding, and a character of another alphabet", "dlgt_A+==", "malformed")
    refuse("padding", "padding at the end", loose + "==", "not_canonical")
    last = BASE64URL[BASE64URL.index(loose[-1]) + 1]
    refuse("trailing-bits", "a bit set after the last byte", loose[:-1] + last, "not_canonical")
    refuse(
        "trailing-bits-all",
        "all four bits set after the last byte",
        loose[:-1] + BASE64URL[BASE64URL.index(loose[-1]) + 15],
        "not_canonical",
    )
    refuse("white-space-inside", "a blank inside", right[:100] + " " + right[100:], "malformed")
    refuse("line-end-inside", "a line end inside, as an editor wraps it", right[:76] + "\n" + right[76:], "malformed")
    refuse("white-space-after-prefix", "a blank after the prefix", "dlgp_ " + right[5:], "malformed")
    at = next(i for i, letter in enumerate(right) if letter in "-_" and i > 5)
    other = {"-": "+", "_": "/"}[right[at]]
    refuse("other-alphabet", "a character of plain base64", right[:at] + other + right[at + 1 :], "malformed")
    refuse("padding-inside", "a padding character inside", right[:101] + "=" + right[102:], "malformed")
    refuse("not-ascii", "a letter that is not ascii", right[:50] + "é" + right[51:], "malformed")
    refuse("look-alike", "a Cyrillic letter that looks like a Latin one", right[:50] + "а" + right[51:], "malformed")
    refuse("nul-inside", "a nul character inside", right[:50] + "\0" + right[51:], "malformed")
    quantum = len(right) - (len(right) - 5) % 4
    refuse(
        "cut-off-inside-a-byte",
        "cut off where the last character is less than a byte",
        right[: quantum - 3],
        "truncated",
    )
    refuse("cut-off-between-bytes", "cut off at a whole number of bytes", right[: quantum - 4], "truncated")
    cut = next(i for i in range(quantum - 40, quantum, 4) if right[i + 1] not in "AQgw")
    refuse("cut-off-with-bits-left", "cut off where bits of the next byte are left", right[: cut + 2], "truncated")
    refuse("cut-off-in-the-middle", "only the first half of a paste", right[: 5 + (len(right) // 8) * 4], "truncated")
    refuse("followed-by-more", "three more bytes after the envelope", _whole(two) + "AAAA", "not_canonical")
    refuse("twice", "the same token pasted twice", _whole(two) + _whole(two)[5:], "not_canonical")


def _padded(one: Chain, count: int) -> bytes:
    """A presentation whose length `count` settles, by the length of a purpose."""
    return chain(step(PLANNER, why="x" * (count + 1))).present() if count else one.present()


def _whole(two: Chain) -> str:
    """A presentation whose text ends with a byte."""
    for count in range(1, 10):
        longer = chain(step(PLANNER), step(WORKER, why="x" * count))
        if len(longer.present()) % 3 == 0:
            return as_text(longer.present())
    raise AssertionError(two)


def _envelope(maker: Maker, one: Chain, two: Chain) -> None:
    blocks = list(two.blocks)
    proof = prove(two)

    def refuse(name: str, comment: str, what: bytes, reason: str) -> None:
        maker.add(name, "3.1", comment, "hex:" + what.hex(), reason, authorize=True)

    refuse("no-bytes", "no bytes at all", b"", "nothing_presented")
    for name, number in (("zero", 0), ("four", 4), ("discharge", 5), ("large", 1000), ("negative", -1)):
        refuse(
            f"envelope-{name}", f"envelope number {number}", cbor([number, blocks, proof, []]), "unsupported_version"
        )
    for name, odd in (("true", True), ("double", 3.0), ("text", "3"), ("null", None)):
        refuse(f"envelope-{name}", f"{odd!r} for the envelope's number", cbor([odd, blocks, proof, []]), "malformed")
    refuse(
        "number-long",
        "the envelope's number in two bytes",
        cbor([Raw(b"\x18\x03"), blocks, proof, []]),
        "not_canonical",
    )
    refuse("map", "a map for the envelope", cbor({0: 3, 1: blocks, 2: proof, 3: []}), "malformed")
    refuse("empty-array", "an array of nothing", b"\x80", "malformed")
    refuse("number-alone", "the number and no blocks", cbor([3]), "malformed")
    refuse("not-cbor", "bytes that are no item at all", b"\xff" * 8, "malformed")
    refuse(
        "json", "a token of another kind, which CBOR takes for the start of a long text", b'{"alg":"none"}', "truncated"
    )
    refuse("tagged", "a tag around the envelope", b"\xd9\xd9\xf7" + two.present(), "malformed")
    refuse(
        "array-indefinite",
        "the envelope's array without a length",
        b"\x9f" + cbor([3, blocks, proof, []])[1:] + b"\xff",
        "not_canonical",
    )
    refuse(
        "array-long",
        "the envelope's array with a longer head than it needs",
        b"\x98\x04" + cbor([3, blocks, proof, []])[1:],
        "not_canonical",
    )
    inner = cbor(blocks)
    refuse(
        "blocks-indefinite",
        "the blocks' array without a length",
        cbor([3, Raw(b"\x9f" + inner[1:] + b"\xff"), proof, []]),
        "not_canonical",
    )
    refuse(
        "blocks-long",
        "the blocks' array with a longer head than it needs",
        cbor([3, Raw(b"\x98\x02" + inner[1:]), proof, []]),
        "not_canonical",
    )
    refuse("blocks-empty", "no blocks", cbor([3, [], proof, []]), "malformed")
    refuse("blocks-missing", "a proof where the blocks belong", cbor([3, proof, []]), "malformed")
    refuse("blocks-map", "a map of blocks", cbor([3, dict(enumerate(blocks)), proof, []]), "malformed")
    refuse(
        "block-long",
        "a block's byte string with a longer head than it needs",
        cbor([3, [Raw(b"\x5a" + len(blocks[0]).to_bytes(4, "big") + blocks[0]), blocks[1]], proof, []]),
        "not_canonical",
    )
    refuse(
        "block-indefinite",
        "a block's byte string in pieces",
        cbor([3, [Raw(b"\x5f" + cbor(blocks[0]) + b"\xff"), blocks[1]], proof, []]),
        "not_canonical",
    )
    refuse("block-text", "a block as text", cbor([3, [blocks[0].hex(), blocks[1]], proof, []]), "malformed")
    refuse("block-null", "null for a block", cbor([3, [blocks[0], None], proof, []]), "malformed")
    refuse(
        "block-array",
        "a block as an array, without its byte string",
        cbor([3, [Raw(blocks[0]), blocks[1]], proof, []]),
        "malformed",
    )
    refuse(
        "fewer-blocks-said",
        "two flipped bits make two blocks one and leave the other to trail",
        b"\x82\x01\x81" + cbor(blocks)[1:],
        "not_canonical",
    )
    refuse(
        "more-blocks-said",
        "the blocks' array says three and holds two",
        b"\x82\x01\x83" + cbor(blocks)[1:],
        "truncated",
    )
    refuse("token-trailing", "a byte after a token", one.token() + b"\x00", "not_canonical")
    refuse("token-third-item", "a third item in a token", cbor([1, list(one.blocks), b""]), "malformed")
    refuse(
        "blocks-deep",
        "arrays nested 10,000 deep for the blocks",
        cbor([3, Raw(b"\x81" * 10_000 + b"\x80"), proof, []]),
        "malformed",
    )
    refuse(
        "block-vast",
        "a byte string that says it is 2^62 bytes long",
        cbor([3, [Raw(b"\x5b\x40" + bytes(7) + blocks[0])], proof, []]),
        "truncated",
    )


def _presentation(maker: Maker, two: Chain) -> None:
    blocks = list(two.blocks)
    proof = prove(two)

    def refuse(name: str, comment: str, what: bytes, reason: str, hop: int | None = None) -> None:
        maker.add(name, "3.1", comment, "hex:" + what.hex(), reason, hop, authorize=True)

    refuse("proof-missing-item", "a presentation without a proof", cbor([3, blocks, []]), "malformed")
    refuse("proof-null", "null for the proof", cbor([3, blocks, None, []]), "malformed")
    refuse(
        "proof-array", "the proof as an array, without its byte string", cbor([3, blocks, Raw(proof), []]), "malformed"
    )
    refuse("discharges-missing", "a presentation without its list of discharges", cbor([3, blocks, proof]), "malformed")
    refuse("discharges-null", "null for the discharges", cbor([3, blocks, proof, None]), "malformed")
    refuse("discharges-bytes", "a discharge that is not in a list", cbor([3, blocks, proof, proof]), "malformed")
    refuse("fifth-item", "a fifth item", cbor([3, blocks, proof, [], 0]), "malformed")
    refuse(
        "junk-before-discharges", "an item between proof and discharges", cbor([3, blocks, proof, b"", []]), "malformed"
    )
    refuse(
        "bytes-before-discharges",
        "a byte between proof and discharges that no item accounts for",
        cbor([3, blocks, Raw(cbor(proof) + b"\x00"), []]),
        "not_canonical",
    )
    refuse("trailing", "a byte after a presentation", two.present() + b"\x80", "not_canonical")
    refuse("two-presentations", "a second presentation after the first", two.present() * 2, "not_canonical")
    refuse(
        "discharge-unasked",
        "a discharge that no block asks for",
        cbor([3, blocks, proof, [proof]]),
        "discharge_unexpected",
    )
    refuse("bearer-without-secret", "a bearer envelope without its secret", cbor([2, blocks]), "malformed")
    refuse("bearer-secret-short", "a secret of 31 bytes", cbor([2, blocks, bytes(31)]), "malformed")
    refuse("bearer-secret-long", "a secret of 33 bytes", cbor([2, blocks, bytes(33)]), "malformed")
    refuse("bearer-secret-text", "a secret as text", cbor([2, blocks, "x" * 32]), "malformed")
    refuse("bearer-trailing", "a byte after a bearer token", cbor([2, blocks, bytes(32)]) + b"\x00", "not_canonical")
