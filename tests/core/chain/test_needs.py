"""Needs: what an author may say, what travels, and what a reader is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from delegate import CaveatSyntaxError, Identity, Need, TokenError, UnverifiedToken, need, when
from delegate.core.chain.needs import compile_needs
from delegate.core.wire import cbor
from delegate.language.needs import decode_needs, encode_needs, need_texts
from delegate.limits import NEED_KEYS, NEEDS

NOW = 1_790_000_000
ALICE, BOB, CAROL, PLANNER = (
    Identity.from_seed(name, bytes((n,)) * 32)
    for n, name in enumerate(("user:alice@example.com", "user:bob@example.com", "user:carol@example.com", "agent:p"), 1)
)
BOTH = (BOB.principal, CAROL.principal)


@pytest.mark.parametrize(
    "made",
    [
        need(BOB.principal),
        need(BOTH, of=2, max_age="15m"),
        need(BOTH, standing=True),
        need(BOTH, condition="said.limit >= args.amount && said.zone == 'eu'"),
        need(BOTH, condition="said.code == code && timestamp(said.at) < now - age", code="ab", age=timedelta(hours=1)),
        need([BOB.principal], condition="said.score > 1.5"),
    ],
    ids=str,
)
def test_a_need_is_what_was_written(made: Need) -> None:
    """Encoding and decoding gives the same need, which compiles, and has a text."""
    data = encode_needs([made])
    assert decode_needs(data) == (made,)
    assert need_texts(data, {}) == (str(made),)
    (rule,) = compile_needs(data)
    assert (rule.by, rule.of, rule.age, rule.standing) == (made.by, made.of, made.max_age_s, made.standing)


def test_the_text_says_all_of_it() -> None:
    """How many of how many, which keys, the condition, the age, and that it is for each request."""
    keys = ", ".join(f"{each[:8].hex()}…" for each in sorted(one.public_key.thumbprint for one in BOTH))
    assert str(need(BOTH, of=2, max_age=60)) == (
        f"2 of 2 ({keys}) that said.approved == true, at most 60 s old, for each request"
    )
    bob = BOB.public_key.thumbprint
    assert need(BOB.principal, standing=True).in_words({bob: "Bob"}) == (
        "1 of 1 (Bob) that said.approved == true, standing: for every request"
    )


@pytest.mark.parametrize("standing", [None, 1, "yes"])
def test_standing_is_said_or_not(standing: object) -> None:
    """What widens a need is no accident of a type."""
    with pytest.raises(TypeError, match="standing is True or False"):
        need(BOB.principal, standing=standing)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("by", "terms"),
    [
        ((), {}),
        (BOTH, {"of": 0}),
        (BOTH, {"of": 3}),
        (BOTH, {"of": True}),
        ((*BOTH, BOB.principal), {}),
        (BOTH, {"max_age": 0}),
        (BOTH, {"code": "not in the text"}),
        (BOTH, {"condition": "said.a == said", "said": 1}),
    ],
)
def test_an_author_is_told_at_once(by: Any, terms: dict[str, Any]) -> None:  # noqa: ANN401 - right or wrong
    """A need that no verifier would take is never made."""
    with pytest.raises(ValueError):
        need(by, **terms)


def test_a_condition_that_is_none_is_told_at_its_place() -> None:
    """`said` may be read in a need, and an unknown name may not."""
    with pytest.raises(CaveatSyntaxError):
        need(BOTH, condition="saying.approved")
    with pytest.raises(CaveatSyntaxError):
        when("said.approved == true")


def test_a_block_has_eight_needs_of_sixteen_keys_at_most() -> None:
    """The bounds, for an author."""
    assert len(decode_needs(encode_needs([need(BOB.principal)] * NEEDS))) == NEEDS
    with pytest.raises(ValueError, match="at most 8 needs"):
        encode_needs([need(BOB.principal)] * (NEEDS + 1))
    many = [Identity.from_seed("agent:x", bytes((n,)) * 32).principal for n in range(NEED_KEYS + 1)]
    assert len(need(many[:-1]).by) == NEED_KEYS
    with pytest.raises(ValueError, match="1 to 16 keys"):
        need(many)
    with pytest.raises(TypeError, match="made by need"):
        encode_needs(["bob"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("by", "reason"), [((b"x" * 31,), "thumbprints"), ((b"b" * 32, b"a" * 32), "in order"), ((), "1 to 16")]
)
def test_keys_of_another_form_make_no_need(by: tuple[bytes, ...], reason: str) -> None:
    """Whoever builds a `Need` without `need` is held to the same."""
    with pytest.raises(ValueError, match=reason):
        Need(by=by, condition=when("true"))


def test_a_chain_shows_its_needs_and_hands_them_down() -> None:
    """Needs of several blocks are each shown at their hop; a chain without them is as it was."""
    plain = ALICE.mint(to=PLANNER.principal, can="pay", ttl="1h", now=NOW)
    token = ALICE.mint(to=PLANNER.principal, can="pay", ttl="1h", needs=[need(BOB.principal)], now=NOW)
    longer = PLANNER.attenuate(token, needs=need(BOTH, of=2), now=NOW)
    hops = UnverifiedToken.parse(longer.to_text()).hops
    assert [hop.needs for hop in hops] == [(str(need(BOB.principal)),), (str(need(BOTH, of=2)),)]
    assert [at.hop for at in UnverifiedToken.parse(longer.to_text()).token.link.needs] == [0, 1]
    assert UnverifiedToken.parse(plain).hops[0].needs == ()


@pytest.mark.parametrize("wrong", [None, {}, [], [1], [{"by": [b"x" * 32], "if": True}], "need"])
def test_what_is_no_list_of_needs_does_not_compile(wrong: object) -> None:
    """Other shapes are refused; the vectors say by which word."""
    with pytest.raises(TokenError):
        compile_needs(cbor.encode(wrong))
