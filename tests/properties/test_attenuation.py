"""Attenuation never widens: what a longer chain allows, its prefix allows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from delegate import AttenuationError, BearerToken, Request, Verifier
from delegate.errors import DelegateError
from tests.properties.strategies import (
    AUDIENCE,
    NOW,
    ROOT,
    Narrowed,
    bearer_chains,
    capability_texts,
    caveats,
    chains,
    environments,
    requests,
)

Env = dict[str, str]


def service(now: int = NOW, **more: Any) -> Verifier:  # noqa: ANN401 - a verifier's own
    """The service at some moment."""
    return Verifier([ROOT.principal], audience=AUDIENCE, clock=lambda: now, **more)


moments = st.sampled_from([NOW, NOW, NOW + 31, NOW + 4000])


@settings(max_examples=400)
@given(narrowed=chains(), asked=st.lists(requests, min_size=1, max_size=6), env=environments, now=moments)
def test_what_a_longer_chain_allows_its_prefix_allows(
    narrowed: Narrowed, asked: list[Request], env: Env, now: int
) -> None:
    """For random chains and requests, each block can only take away: looked at without proofs."""
    verifier = service(now)
    for request in asked:
        verdicts = [verifier.preview(token, request, env=env).allowed for _, token in narrowed.chain]
        event(f"{len(verdicts)} blocks, allowed by {sum(verdicts)}")
        assert verdicts == sorted(verdicts, reverse=True)


@settings(max_examples=150)
@given(narrowed=chains(), request=requests, env=environments)
def test_what_a_longer_chain_authorizes_its_prefix_authorizes(narrowed: Narrowed, request: Request, env: Env) -> None:
    """The same with proofs, each by the holder of its chain."""
    verifier = service()
    verdicts = [
        verifier.decide(holder.prove(token, request, AUDIENCE, now=NOW), request, env=env).allowed
        for holder, token in narrowed.chain
    ]
    assert verdicts == sorted(verdicts, reverse=True)


@settings(max_examples=100)
@given(tokens=bearer_chains(), request=requests, env=environments)
def test_a_narrowed_bearer_token_allows_no_more(tokens: list[BearerToken], request: Request, env: Env) -> None:
    """The same for bearer tokens, sealed ones included."""
    verifier = service(bearer=True)
    tokens = [*tokens, tokens[-1].seal(now=NOW - 30)]
    verdicts = [verifier.decide(token, request, env=env).allowed for token in tokens]
    assert verdicts == sorted(verdicts, reverse=True)
    assert verdicts[-1] == verdicts[-2]


@given(narrowed=chains(), now=moments)
def test_what_is_left_never_grows(narrowed: Narrowed, now: int) -> None:
    """Expiry, hops and the time from which it is valid: each block leaves as much or less."""
    verifier = service(now)
    seen: list[tuple[int, int]] = []
    for _, token in narrowed.chain:
        try:
            chain = verifier.verify_chain(token)
        except DelegateError:
            break
        seen.append((chain.expires, chain.hops_left))
    for above, below in pairwise(seen):
        assert below[0] <= above[0]
        assert below[1] <= above[1]


@given(narrowed=chains(), request=requests, more=st.lists(caveats(), min_size=1, max_size=3), env=environments)
def test_a_caveat_more_never_allows_more(narrowed: Narrowed, request: Request, more: list[Any], env: Env) -> None:
    """Whatever caveats are added, in whatever form, what is allowed with them was allowed without."""
    holder, token = narrowed.chain[-1]
    try:
        longer = holder.attenuate(token, caveats=more, now=NOW - 30)
    except AttenuationError:
        return  # nothing could satisfy them: the author was told
    verifier = service()
    if verifier.preview(longer, request, env=env).allowed:
        assert verifier.preview(token, request, env=env).allowed


@given(narrowed=chains(), request=requests, env=environments)
def test_a_block_that_says_nothing_changes_nothing(narrowed: Narrowed, request: Request, env: Env) -> None:
    """An appended block without terms keeps the verdict."""
    holder, token = narrowed.chain[-1]
    verifier = service()
    same = holder.attenuate(token, now=NOW - 30)
    assert verifier.preview(same, request, env=env).allowed == verifier.preview(token, request, env=env).allowed


@given(texts=st.lists(capability_texts(), min_size=1, max_size=3), request=requests, env=environments)
def test_a_capability_fewer_never_allows_more(texts: list[str], request: Request, env: Env) -> None:
    """Of a list of capabilities, a part permits at most what the whole permits."""
    holder = ROOT
    verifier = service()
    whole = ROOT.mint(to=holder.principal, can=texts, ttl=3600, now=NOW - 30)
    allowed = verifier.preview(whole, request, env=env).allowed
    parts = [
        verifier.preview(ROOT.mint(to=holder.principal, can=text, ttl=3600, now=NOW - 30), request, env=env).allowed
        for text in texts
    ]
    assert allowed == any(parts)
