"""What is empty is the caller's mistake, everywhere: it never means "anything", and `None` means "not said"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from delegate import AsyncVerifier, CaveatSyntaxError, Holder, Identity, Root, Verifier, can, need, one_of
from delegate.authoring.bearer import BearerToken

NOW = 1_790_000_000
ALICE, PLANNER = (
    Identity.from_seed(name, bytes((n,)) * 32) for n, name in enumerate(("user:alice@x.org", "agent:p"), 1)
)
TOKEN = ALICE.mint(to=PLANNER.principal, can="files.read **", ttl="1h", hops=2, now=NOW)
BEARER: BearerToken = ALICE.mint(bearer=True, can="files.read **", ttl="1h", audience="s", now=NOW)

MAKERS: dict[str, Callable[..., object]] = {
    "mint": lambda **terms: ALICE.mint(
        **{"to": PLANNER.principal, "can": "files.read **", "ttl": "1h", "now": NOW, **terms}
    ),
    "mint bearer": lambda **terms: ALICE.mint(
        **{"bearer": True, "can": "files.read **", "ttl": "1h", "audience": "s", "now": NOW, **terms}
    ),
    "draft_mint": lambda **terms: ALICE.draft_mint(
        **{"to": PLANNER.principal, "can": "files.read **", "ttl": "1h", "now": NOW, **terms}
    ),
    "attenuate": lambda **terms: PLANNER.attenuate(TOKEN, now=NOW, **terms),
    "draft": lambda **terms: PLANNER.draft(TOKEN, now=NOW, **terms),
    "attenuate bearer": lambda **terms: BEARER.attenuate(now=NOW, **terms),
    "Holder.attenuate": lambda **terms: Holder(PLANNER, TOKEN).attenuate(now=NOW, **terms),
    "spawn": lambda **terms: Holder(PLANNER, TOKEN).spawn("agent:w", now=NOW, **terms),
}


def _words(given: dict[str, Any]) -> str:
    ((name, value),) = given.items()
    return f"{name}={value!r}" if not hasattr(value, "__next__") else f"{name}=exhausted"


EMPTY_TERMS: list[dict[str, Any]] = [
    {"can": []},
    {"can": ""},
    {"can": iter(())},
    {"caveats": []},
    {"caveats": ()},
    {"caveats": ""},
    {"caveats": iter([""][1:])},
    {"audience": []},
    {"audience": ""},
    {"audience": iter(())},
    {"needs": []},
    {"needs": iter(())},
    {"budget": {}},
    {"who": {}},
    {"why": ""},
    {"ttl": ""},
]


@pytest.mark.parametrize("terms", EMPTY_TERMS, ids=_words)
@pytest.mark.parametrize("make", MAKERS)
def test_an_empty_term_is_refused(make: str, terms: dict[str, Any]) -> None:
    """Wherever a block is made; an exhausted generator is as empty as a list of none."""
    given = {name: iter(()) if hasattr(value, "__next__") else value for name, value in terms.items()}
    with pytest.raises(ValueError):
        MAKERS[make](**given)


@pytest.mark.parametrize("make", MAKERS)
def test_none_is_not_said(make: str) -> None:
    """Each term but those that must be said may be `None`."""
    terms = ("caveats", "not_before", "needs", "budget", "who", "why", "fresh", "hops")
    MAKERS[make](**dict.fromkeys(terms))


@pytest.mark.parametrize("make", MAKERS)
def test_a_term_that_there_is_not_is_refused(make: str) -> None:
    """`caveat=` for `caveats=` would be a restriction that nobody keeps."""
    with pytest.raises(TypeError, match="`caveat`"):
        MAKERS[make](caveat="args.n < 3")


def test_only_a_first_block_has_a_tenant() -> None:
    """What `attenuate` cannot say, it refuses."""
    with pytest.raises(TypeError):
        PLANNER.attenuate(TOKEN, tenant="acme")  # type: ignore[call-arg]


SETTINGS: list[dict[str, Any]] = [
    {"roots": []},
    {"roots": iter(())},
    {"policy": []},
    {"policy": ""},
    {"policy": ()},
    {"principals": []},
    {"algorithms": []},
    {"revokers": []},
    {"third_parties": iter(())},
    {"tenant": ""},
    {"audience": ""},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=_words)
@pytest.mark.parametrize("kind", [Verifier, AsyncVerifier])
def test_an_empty_setting_is_refused(kind: Callable[..., object], settings: dict[str, Any]) -> None:
    """A verifier whose policy came out of an empty file is not one without a policy."""
    with pytest.raises(ValueError):
        kind(**{"roots": [ALICE.principal], "audience": "s", **settings})


def test_roots_may_be_withdrawn_all_at_once() -> None:
    """No verifier begins without roots; one may come to trust nobody, and then refuses every chain."""
    verifier = Verifier([ALICE.principal], audience="s", clock=lambda: NOW)
    assert verifier.verify_chain(TOKEN).originator == ALICE.name
    verifier.roots = []
    with pytest.raises(Exception, match="unknown_root"):
        verifier.verify_chain(TOKEN)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Root(ALICE.principal, speaks_for=[]),
        lambda: Root(ALICE.principal, tenants=[]),
        lambda: Root(ALICE.principal, can=[]),
        lambda: Root(ALICE.principal, can=""),
        lambda: need([]),
        lambda: need(iter(())),
        one_of,
        lambda: ALICE.revoke(blocks=[]),
        lambda: ALICE.revoke(keys=iter(())),
        lambda: ALICE.revoke(previous=[]),
    ],
)
def test_an_empty_collection_is_refused(make: Callable[[], object]) -> None:
    """Roots, needs, lists of what is taken back."""
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize("make", [lambda: can("pay", when=""), lambda: need(ALICE.principal, condition="")])
def test_an_empty_condition_is_no_condition(make: Callable[[], object]) -> None:
    """Text of the language that says nothing is not in it."""
    with pytest.raises(CaveatSyntaxError):
        make()


def test_no_arguments_at_all_may_be_given() -> None:
    """`args={}` restricts the most: a call without arguments."""
    assert str(can("pay", args={})) == "pay()"
