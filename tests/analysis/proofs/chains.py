"""Chains for questions, and questions asked without a child process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from delegate import Identity, Token
from delegate.analysis.proofs.asking import question_of
from delegate.analysis.proofs.question import Asking, Reply
from delegate.language.conditions import when

NOW = 1_790_000_000
ALICE = Identity.from_seed("user:alice@example.com", bytes(32))
AGENTS = [Identity.from_seed(f"agent:a{place}", bytes([place]) * 32) for place in range(1, 9)]


def chain(*blocks: Mapping[str, Any]) -> Token:
    """A chain of blocks, each handed to another agent."""
    first, *others = blocks
    token = ALICE.mint(to=AGENTS[0].principal, **{"ttl": "1h", "hops": 7, "now": NOW, **first})
    for holder, following, terms in zip(AGENTS, AGENTS[1:], others, strict=False):
        token = holder.attenuate(token, to=following.principal, now=NOW, **terms)
    assert isinstance(token, Token)
    return token


def of_texts(blocks: Iterable[tuple[tuple[str, ...], tuple[str, ...]]]) -> Token:
    """A chain of capabilities and caveats as text."""
    return chain(
        *(
            {**({"can": list(can)} if can else {}), **({"caveats": list(caveats)} if caveats else {})}
            for can, caveats in blocks
        )
    )


def reply_to(token: Token, condition: str, *, use_z3: bool = True) -> Reply:
    """What a child would answer, in this process."""
    return Asking(question_of(token, when(condition))).reply(use_z3=use_z3)
