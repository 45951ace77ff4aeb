"""Text for people: which character is refused, by its name and its place."""

from __future__ import annotations

import pytest

from delegate import Identity, RevokedBlock, RevokedKey

ALICE = Identity.from_seed("user:alice@example.com", b"\1" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\2" * 32)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\u202eb", r"U\+202E \(RIGHT-TO-LEFT OVERRIDE\) as its character 2"),
        ("line\nline", r"U\+000A \(a control character\) as its character 5"),
        ("\x9b2J", r"U\+009B \(a control character\) as its character 1"),
        ("soft\xadhyphen", r"U\+00AD \(SOFT HYPHEN\) as its character 5"),
        (
            "\U0001f469\u200d\U0001f4bb",
            r"U\+200D \(ZERO WIDTH JOINER\) as its character 2.*leave it out",
        ),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0646\u0645",
            r"U\+200C \(ZERO WIDTH NON-JOINER\) as its character 3.*leave it out",
        ),
        ("\ud800", r"U\+D800"),
        ("a\ufeff\u200b", r"U\+FEFF \(ZERO WIDTH NO-BREAK SPACE\) as its character 2"),
    ],
)
def test_the_character_is_named(text: str, words: str) -> None:
    """In a purpose, in a fact, in the name of one, and in the reason of a revocation; the text is not repeated."""
    token = ALICE.mint(to=PLANNER.principal, can="a", ttl="1h")
    for make in (
        lambda: ALICE.mint(to=PLANNER.principal, can="a", ttl="1h", why=text),
        lambda: PLANNER.attenuate(token, why=text),
        lambda: ALICE.mint(to=PLANNER.principal, can="a", ttl="1h", who={"role": text}),
        lambda: ALICE.mint(to=PLANNER.principal, can="a", ttl="1h", who={text: "x"}),
        lambda: ALICE.revoke(blocks=[RevokedBlock.of(token, why=text)]),
        lambda: ALICE.revoke(keys=[RevokedKey(PLANNER.public_key.thumbprint, why=text)]),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            make()
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["Bericht für Q3", "گزارش", "レポート", "\U0001f469 ok", "e\u0301", "☎\ufe0f"])
def test_text_in_any_script_is_taken(text: str) -> None:
    """Letters, marks, emoji and variation selectors."""
    assert ALICE.mint(to=PLANNER.principal, can="a", ttl="1h", why=text).link.block.why == text


def test_how_long_it_is_is_said() -> None:
    """None, or one too many."""
    for text, words in (("", "1 to 256 characters, and this one has 0"), ("x" * 257, "this one has 257")):
        with pytest.raises(ValueError, match=words):
            ALICE.mint(to=PLANNER.principal, can="a", ttl="1h", why=text)
    with pytest.raises(ValueError, match="at most 256 characters, and this one has 257"):
        ALICE.revoke(keys=[RevokedKey(PLANNER.public_key.thumbprint, why="x" * 257)])
