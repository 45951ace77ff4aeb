"""Minting and narrowing: what is cut, what is refused, and with which word; drafts for signers elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delegate import (
    AttenuationError,
    Draft,
    Identity,
    Reason,
    Request,
    Token,
    UnverifiedToken,
    VerificationError,
    Verifier,
    can,
    exactly,
)
from delegate.authoring.signers import Esp256Signer
from delegate.limits import BLOCKS

NOW = 1_790_000_000
ALICE, PLANNER, WORKER = (
    Identity.from_seed(name, bytes((n,)) * 32) for n, name in enumerate(("user:a@example.com", "agent:p", "agent:w"), 1)
)
REQUEST = Request("files.read", "/data/x")


def minted(**terms: Any) -> Token:  # noqa: ANN401 - terms of `mint`
    """Alice to planner, an hour."""
    token: Token = ALICE.mint(
        **{"to": PLANNER.principal, "can": "files.read /data/**", "ttl": "1h", "hops": 3, "now": NOW, **terms}
    )
    return token


def refused(**terms: Any) -> AttenuationError:  # noqa: ANN401 - terms of `attenuate`
    """Why planner cannot narrow so."""
    with pytest.raises(AttenuationError) as caught:
        PLANNER.attenuate(minted(), **{"now": NOW, **terms})
    return caught.value


def test_a_chain_says_what_was_minted() -> None:
    """Every term comes back in the hop."""
    token = minted(
        caveats=["args.n < 3"],
        not_before=NOW - 5,
        audience=["a", "b"],
        on_behalf_of="user:b@example.com",
        tenant="acme",
        who={"run": "7", "id": "x"},
        why="because",
    )
    seen = UnverifiedToken.parse(token)
    hop = seen.hops[0]
    assert (seen.originator, seen.expires, hop.signer, hop.holder) == (
        "user:b@example.com",
        NOW + 3600,
        ALICE.name,
        PLANNER.name,
    )
    assert (hop.capabilities, hop.caveats, hop.audience) == (("files.read /data/**",), ("args.n < 3",), ("a", "b"))
    assert (hop.issued, hop.not_before, hop.hops, hop.why) == (NOW, NOW - 5, 3, "because")
    assert dict(hop.who) == {"run": "7", "id": "x"}
    assert str(hop) == "hop 0 (user:a@example.com → agent:p)"


def test_two_chains_are_never_the_same() -> None:
    """Block 0 has a random id: the same terms twice are two chains."""
    assert minted() != minted()
    assert minted().link.id != minted().link.id


@pytest.mark.parametrize(
    "terms",
    [
        {"ttl": None},
        {"ttl": "1h", "expires": NOW + 5},
        {"to": None},
        {"bearer": True},
    ],
)
def test_a_lifetime_and_a_holder_must_be_said(terms: dict[str, Any]) -> None:
    """No lifetime or two, no holder or a holder for a bearer token: a mistake of the program."""
    with pytest.raises(TypeError):
        minted(**terms)


@pytest.mark.parametrize(
    "terms",
    [
        {"can": []},
        {"can": ["a"] * 33},
        {"caveats": ["true"] * 33},
        {"ttl": "0s"},
        {"ttl": "1 h"},
        {"ttl": -1},
        {"ttl": timedelta(seconds=1.5)},
        {"ttl": None, "expires": NOW},
        {"ttl": None, "expires": datetime(2030, 1, 1)},  # noqa: DTZ001 - naive on purpose
        {"hops": -1},
        {"hops": 17},
        {"hops": True},
        {"audience": ["a", "a"]},
        {"audience": [""]},
        {"audience": ["a b"]},
        {"tenant": ""},
        {"tenant": "é"},
        {"on_behalf_of": "bob"},
        {"why": ""},
        {"why": "x" * 257},
        {"why": "a\nb"},
        {"why": "a\u202eb"},
        {"who": {}},
        {"who": {"a": "\x1b"}},
        {"who": {"": "a"}},
        {"who": {str(n): "a" for n in range(17)}},
        {"who": {"a": "x" * 257}},
        {"who": {"a": 1}},
    ],
)
def test_a_term_out_of_its_bounds_is_a_value_error(terms: dict[str, Any]) -> None:
    """An author never makes what no verifier takes."""
    with pytest.raises(ValueError):
        minted(**terms)


def test_a_ttl_is_cut_to_what_is_left() -> None:
    """A sub-agent asks for a week and gets the rest of the hour; an explicit end beyond it raises."""
    token = PLANNER.attenuate(minted(), to=WORKER.principal, ttl="7d", now=NOW + 600)
    assert UnverifiedToken.parse(token).hops[1].expires == NOW + 3600
    assert refused(expires=NOW + 3601).reason is Reason.EXPIRED
    assert refused(expires=NOW + 3601).hop == 0
    assert refused(ttl="1h", now=NOW + 3600).reason is Reason.EXPIRED
    later = datetime.fromtimestamp(NOW + 60, UTC)
    assert UnverifiedToken.parse(PLANNER.attenuate(minted(), expires=later, now=NOW)).expires == NOW + 60


def test_hops_are_cut_to_what_is_left() -> None:
    """Asking for more hops gives what is left; where none is left, handing on raises and says which hop forbids it."""
    token = PLANNER.attenuate(minted(hops=2), to=WORKER.principal, hops=9, now=NOW)
    assert token.link.hops_left == 1
    last = WORKER.attenuate(token, to=PLANNER.principal, now=NOW)
    with pytest.raises(AttenuationError) as caught:
        PLANNER.attenuate(last, to=WORKER.principal, now=NOW)
    assert (caught.value.reason, caught.value.hop) == (Reason.TOO_MANY_HOPS, 3)
    assert ALICE.mint(to=PLANNER.principal, can="x", ttl=60, now=NOW).link.hops_left == 0


def test_a_capability_that_cannot_take_effect_raises() -> None:
    """What no block above permits any of: the author hears it, and which hop forbids it."""
    for capability in (
        "files.write /data/**",
        "files.read /etc/**",
        "files.read",
        can("files.read", exactly("/etc/x")),
        "mail.*",
    ):
        error = refused(can=capability)
        assert (error.reason, error.hop) == (Reason.CAPABILITY_MISSING, 0)
        assert "files.read /data/**" in error.detail
    for capability in ("files.* **", "files.read /data/a", "** /data/**", can("files.read", exactly("/data/a"))):
        assert PLANNER.attenuate(minted(), can=capability, now=NOW).link.hop == 1


def test_only_the_holder_can_go_on() -> None:
    """Another's chain is refused, with the word that a verifier has for it."""
    for attempt in (lambda: WORKER.attenuate(minted()), lambda: ALICE.prove(minted(), REQUEST, "s")):
        with pytest.raises(AttenuationError) as caught:
            attempt()
        assert caught.value.reason is Reason.PROOF_WRONG_KEY


def test_sixteen_blocks_and_no_more() -> None:
    """The seventeenth is refused to its author."""
    token = minted()
    for _ in range(BLOCKS - 1):
        token = PLANNER.attenuate(token, now=NOW)
    assert len(token.blocks) == BLOCKS
    with pytest.raises(AttenuationError) as caught:
        PLANNER.attenuate(token, now=NOW)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_a_chain_of_more_bytes_than_a_header_takes_is_refused_to_its_author() -> None:
    """Three large capabilities fit in no token."""
    large = [can("files.read", exactly("/data/" + "x" * 8000))] * 3
    with pytest.raises(AttenuationError) as caught:
        minted(can=large)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_a_clock_that_is_behind_does_not_break_the_chain() -> None:
    """A holder whose clock is behind its parent's issues at the parent's time."""
    token = PLANNER.attenuate(minted(), to=WORKER.principal, now=NOW - 500)
    assert UnverifiedToken.parse(token).hops[1].issued == NOW


def test_a_draft_is_signed_elsewhere() -> None:
    """Minting, narrowing and proving with a signer that only sees bytes; a wrong signature is not taken."""
    verifier = Verifier([ALICE.principal], audience="s", clock=lambda: NOW)
    first: Draft[Token] = ALICE.draft_mint(to=PLANNER.principal, can="files.read **", ttl="1h", hops=1, now=NOW)
    token = first.finish(ALICE.signer.sign(first.to_sign))
    second = PLANNER.draft(token, to=WORKER.principal, now=NOW)
    longer = second.finish(PLANNER.signer.sign(second.to_sign))
    third = WORKER.draft_proof(longer, REQUEST, "s", now=NOW)
    assert third.public_key == WORKER.public_key
    presentation = third.finish(WORKER.signer.sign(third.to_sign))
    assert verifier.authorize(presentation, REQUEST).holder == WORKER.name
    for wrong in (bytes(64), b"", PLANNER.signer.sign(third.to_sign), WORKER.signer.sign(second.to_sign)):
        with pytest.raises(VerificationError) as caught:
            third.finish(wrong)
        assert caught.value.reason is Reason.BAD_SIGNATURE


def test_p256_identities_mint_narrow_and_prove() -> None:
    """ESP256 keys anywhere in a chain, mixed with Ed25519 ones."""
    cloud = Identity("svc:cloud", Esp256Signer.from_scalar(bytes((5,)) * 32))
    agent = Identity("agent:cloud", Esp256Signer.from_scalar(bytes((6,)) * 32))
    token = cloud.mint(to=PLANNER.principal, can="files.read **", ttl="1h", hops=2, now=NOW)
    token = PLANNER.attenuate(token, to=agent.principal, now=NOW)
    verifier = Verifier([cloud.principal], audience="s", clock=lambda: NOW)
    granted = verifier.authorize(agent.prove(token, REQUEST, "s", now=NOW), REQUEST)
    assert [hop.holder for hop in granted.hops] == [PLANNER.name, agent.name]
