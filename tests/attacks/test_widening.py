"""A holder hands on more than it has: whatever a later block says, what the earlier ones say still binds."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest

from delegate import Reason, Request, Root, Token
from delegate.language.codec import to_wire
from delegate.language.meaning import parse
from tests.attacks.world import (
    ALICE,
    AUDIENCE,
    MALLORY,
    NOW,
    PLANNER,
    READ,
    WORKER,
    WRITE,
    forged,
    minted,
    refusal,
    verifier,
)


def widened(more: dict[Any, Any], **terms: Any) -> Token:  # noqa: ANN401 - terms of `mint`
    """Planner signs, with its own right key, a block that says anything."""
    token = minted(**terms)
    claims = {2: WORKER.name, 6: NOW - 500, 8: {1: {1: 1, -1: 6, -2: WORKER.public_key.raw}}, **more}
    return Token((*token.blocks, forged(PLANNER.signer, claims, token.link.id)))


def encoded(*items: Any) -> bytes:  # noqa: ANN401 - capabilities or conditions
    """The content of a `can` or `if` claim."""
    return cbor2.dumps(list(items), canonical=True)


@pytest.mark.parametrize(
    ("more", "request_", "expected"),
    [
        ({"can": encoded(["**", "**"])}, WRITE, (Reason.CAPABILITY_MISSING, 0)),
        ({"can": encoded(["files.write", "/reports/**"])}, WRITE, (Reason.CAPABILITY_MISSING, 0)),
        ({"can": encoded(["files.read", "**"])}, Request("files.read", "/etc/passwd"), (Reason.CAPABILITY_MISSING, 0)),
        (
            {"can": encoded(["files.read", ["/etc/passwd"]])},
            Request("files.read", "/etc/passwd"),
            (Reason.CAPABILITY_MISSING, 0),
        ),
        (
            {"can": encoded(["files.read", "/reports/../**"])},
            Request("files.read", "/reports/../x"),
            (Reason.CAPABILITY_MISSING, 0),
        ),
        ({"if": encoded(True)}, Request("files.read", "/reports/x", {"size": 6}), (Reason.CAVEAT_FAILED, 0)),
        (
            {"if": encoded([2, True, [3, [6, "args", "size", 5]]])},
            Request("files.read", "/reports/x", {"size": 6}),
            (Reason.CAVEAT_FAILED, 0),
        ),
    ],
    ids=["any-action", "another-action", "any-resource", "a-literal", "dots", "a-true-caveat", "an-or"],
)
def test_a_later_block_permits_more(more: dict[Any, Any], request_: Request, expected: tuple[Reason, int]) -> None:
    """More actions, a wildcard, a literal, a laxer caveat: a block can only narrow, whatever it says."""
    token = widened(more, caveats="args.size < 5" if "if" in more else None)
    assert refusal(verifier(), WORKER.prove(token, request_, AUDIENCE, now=NOW), request_) == expected


def test_a_later_block_lives_longer() -> None:
    """Block 1 says a year; the chain ends with block 0."""
    token = widened({4: NOW + 10**7}, ttl="15m")
    assert verifier().verify_chain(token).expires == NOW + 300
    late = verifier(clock=lambda: NOW + 300)
    assert refusal(late, WORKER.prove(token, READ, AUDIENCE, now=NOW + 300)) == (Reason.EXPIRED, 0)


def test_a_later_block_gives_more_hops() -> None:
    """Block 1 says sixteen hops, where block 0 left one."""
    token = widened({"hops": 16}, hops=1)
    assert verifier().verify_chain(token).hops_left == 0
    claims = {2: MALLORY.name, 6: NOW - 400, 8: {1: {1: 1, -1: 6, -2: MALLORY.public_key.raw}}}
    longer = Token((*token.blocks, forged(WORKER.signer, claims, token.link.id)))
    with pytest.raises(Exception, match="too_many_hops at hop 2"):
        verifier().verify_chain(longer)


def test_a_later_block_names_another_service() -> None:
    """A chain for mail is widened to files."""
    token = widened({3: [AUDIENCE]}, audience="mail.example.com")
    assert refusal(verifier(), WORKER.prove(token, READ, AUDIENCE, now=NOW)) == (Reason.WRONG_AUDIENCE, 0)


@pytest.mark.parametrize("claim", ["tenant", "for", 1, 7])
def test_a_later_block_says_whose_authority_it_is(claim: str | int) -> None:
    """Tenant, originator, issuer and token id belong to block 0."""
    value = {"tenant": "globex", "for": "user:bob@example.com", 1: "user:bob@example.com", 7: bytes(8)}[claim]
    token = widened({claim: value}, tenant="acme")
    service = verifier(tenant="globex" if claim == "tenant" else "acme")
    assert refusal(service, WORKER.prove(minted(to=WORKER.principal), READ, AUDIENCE, now=NOW)) == (
        Reason.WRONG_TENANT,
        0,
    )
    with pytest.raises(Exception, match="malformed at hop 1"):
        service.verify_chain(token)


def test_a_pattern_only_looks_narrower() -> None:
    """`/data/*` and `/data/../etc`, `/crypto` and `/cryptocurrency`, `files.*` and `files.read.admin`."""
    for capability, action, resource in (
        ("files.read /data/*", "files.read", "/data/../etc"),
        ("files.read /data/**", "files.read", "/data/../etc"),
        ("files.read /data/**", "files.read", "/data/%2e%2e/etc"),
        ("files.read /data/**", "files.read", "/data//etc"),
        ("files.read /crypto", "files.read", "/cryptocurrency"),
        ("files.read /crypto/**", "files.read", "/cryptocurrency/x"),
        ("files.* /data/**", "files.read.admin", "/data/x"),
    ):
        token = minted(to=WORKER.principal, can=[capability])
        request = Request(action, resource)
        assert refusal(verifier(), WORKER.prove(token, request, AUDIENCE, now=NOW), request) == (
            Reason.CAPABILITY_MISSING,
            0,
        )


def test_a_root_grants_more_than_it_is_trusted_for() -> None:
    """A key that is a root for public files alone signs for reports."""
    bounded = Root(ALICE.principal, can=["files.read /public/**"])
    presentation = PLANNER.prove(minted(), READ, AUDIENCE, now=NOW)
    assert refusal(verifier(bounded), presentation) == (Reason.CAPABILITY_MISSING, 0)


@pytest.mark.parametrize(
    ("caveat", "expected"),
    [
        ("args.missing == 1", Reason.CAVEAT_ERROR),
        ("args.missing != 1", Reason.CAVEAT_ERROR),
        ("!(args.missing == 1)", Reason.CAVEAT_ERROR),
        ("!(args.missing in ['eve'])", Reason.CAVEAT_ERROR),
        ("args.missing > 0 || args.other < 0", Reason.CAVEAT_ERROR),
        ("args.xs.exists(x, x > 0)", Reason.CAVEAT_FAILED),
        ("int(args.n) + 1 > 0", Reason.CAVEAT_ERROR),
        ("args.one == true", Reason.CAVEAT_FAILED),
        ("args.text", Reason.CAVEAT_ERROR),
    ],
)
def test_a_caveat_that_errs_denies(caveat: str, expected: Reason) -> None:
    """A caller leaves an argument out, or gives one of another type, so that a condition cannot be worked out."""
    request = Request("files.read", "/reports/x", {"xs": [], "n": 2**63 - 1, "one": 1, "text": "true"})
    token = minted(to=WORKER.principal, caveats=caveat)
    assert refusal(verifier(), WORKER.prove(token, request, AUDIENCE, now=NOW), request) == (expected, 0)


def test_a_disjunction_of_nothing_is_no_condition() -> None:
    """An author's tool writes an empty `or`: it is refused, not taken as true."""
    for empty in ([2], [1], [2, True]):
        token = minted()
        claims = {2: WORKER.name, 6: NOW - 500, 8: {1: {1: 1, -1: 6, -2: WORKER.public_key.raw}}, "if": encoded(empty)}
        chain = Token((*token.blocks, forged(PLANNER.signer, claims, token.link.id)))
        with pytest.raises(Exception, match="malformed at hop 1"):
            verifier().verify_chain(chain)


def test_true_is_not_one_inside_a_list() -> None:
    """The caveat allows account 1; the caller names account `true`."""
    request = Request("files.read", "/reports/x", {"account": True})
    token = minted(to=WORKER.principal, caveats="args.account in [1, 2]")
    assert to_wire(parse("args.account in [1, 2]")) == [10, "args", "account", [1, 2]]
    assert refusal(verifier(), WORKER.prove(token, request, AUDIENCE, now=NOW), request) == (Reason.CAVEAT_FAILED, 0)
