"""The terms of a block: told once, and shown wherever they are taken."""

from __future__ import annotations

import pydoc
from collections.abc import Callable

import pytest

from delegate import BearerToken, Holder, Identity
from delegate.authoring.terms import AUTHORITY, NARROWING, Authority, Narrowing
from delegate.core.chain.claims import CLAIMS


@pytest.mark.parametrize(
    ("function", "terms"),
    [
        (Identity.mint, AUTHORITY),
        (Identity.draft_mint, AUTHORITY),
        (Identity.attenuate, NARROWING),
        (Identity.draft, NARROWING),
        (BearerToken.attenuate, NARROWING),
        (Holder.attenuate, NARROWING),
        (Holder.spawn, NARROWING),
    ],
)
def test_help_tells_every_term(function: Callable[..., object], terms: frozenset[str]) -> None:
    """Each has its line in what `help()` prints."""
    lines = {line.strip().partition(":")[0] for line in pydoc.plain(pydoc.render_doc(function)).splitlines()}
    assert terms <= lines


def test_each_term_is_told_once() -> None:
    """In the docstring of the class that has it."""
    for kind in (Narrowing, Authority):
        assert kind.__doc__ is not None
        told = [line.strip().partition(":")[0] for line in kind.__doc__.splitlines() if line.startswith(" " * 8)]
        own = kind.__annotations__.keys() - (set() if kind is Narrowing else NARROWING)
        assert [name for name in told if name in own] == [name for name in kind.__annotations__ if name in own]


def test_every_claim_has_its_term() -> None:
    """What a block can say, an author can say; what the library puts there itself is no term."""
    by_itself = {"issuer", "holder", "issued", "token_id", "key"}
    terms = (AUTHORITY - {"ttl", "now", "on_behalf_of"}) | {"originator"}
    assert {claim.field for claim in CLAIMS} - by_itself == terms
