"""What an author is told of a token that grants more, or something else, than may have been meant."""

from __future__ import annotations

import warnings

import pytest

from delegate import Identity
from delegate.authoring.advice import advice

NOW = 1_800_000_000
ALICE, AGENT = (Identity.from_seed(name, bytes([n]) * 32) for n, name in enumerate(("user:alice", "agent:a"), 1))


@pytest.mark.parametrize(
    ("can", "ttl", "words"),
    [
        ("**", "1h", "`**` permits every action without a resource"),
        ("** **", "1h", "permits every action on every resource"),
        ("*", "1h", "every action of one word, such as `pay` and not `files.read`, without a resource"),
        ("** /a/** if args.x == 1", "1h", "permits every action on `/a/**`, under its condition"),
        ("files.read **", "1h", "permits `files.read` on every resource"),
        ("files.read reports/**", "1h", "it covers no path such as `/reports/…`"),
        ("pay", "3650d", "it is valid for 3650d"),
    ],
)
def test_what_grants_much_is_told(can: str, ttl: str, words: str) -> None:
    """In a sentence that says what is granted; nothing is raised, warnings being errors or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = advice(ALICE.mint(to=AGENT.principal, can=can, ttl=ttl, now=NOW))
    assert words in found


@pytest.mark.parametrize("can", ["pay", "files.read /reports/**", "files.* https://h/**", "pay shop:1", "a **/.env"])
def test_what_is_usual_is_not_remarked(can: str) -> None:
    """An action, a folder, a site, a name, a file anywhere; and a block that grants nothing of its own."""
    token = ALICE.mint(to=AGENT.principal, can=can, ttl="8h", now=NOW)
    assert advice(token) == ()
    assert advice(AGENT.attenuate(token, caveats="args.a == 1", now=NOW)) == ()
