"""No secret is printed, stored or copied by accident: bearer tokens, identities, holders."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from types import MappingProxyType
from typing import Any

import pytest

from delegate import (
    AttenuationError,
    BearerToken,
    Holder,
    Identity,
    Reason,
    Request,
    Token,
    TokenError,
    UnverifiedToken,
    Verifier,
)
from delegate.authoring.signers import Esp256Signer
from delegate.core.wire.armor import to_base64url

NOW = 1_790_000_000
SEED = bytes(range(32))
ALICE = Identity.from_seed("user:a@example.com", SEED)
AGENT = Identity.from_seed("agent:a", bytes(reversed(range(32))))
BEARER = ALICE.mint(bearer=True, can="x", ttl="1h", audience="s", now=NOW)
TOKEN = ALICE.mint(to=AGENT.principal, can=["x", "x **"], ttl="1h", hops=2, now=NOW)
HOLDER = Holder(AGENT, TOKEN)


def forms(secret: bytes) -> list[str]:
    """How a secret could show in text."""
    return [
        secret.hex(),
        to_base64url(secret),
        repr(secret),
        repr(secret)[2:-1],
        secret.decode("latin-1"),
        str(list(secret)),
    ]


@pytest.mark.parametrize(
    ("thing", "secret"),
    [
        (BEARER, BEARER.envelope().secret),
        (UnverifiedToken.parse(BEARER), BEARER.envelope().secret),
        (ALICE, SEED),
        (ALICE.principal, SEED),
        (ALICE.signer, SEED),
        (HOLDER, bytes(reversed(range(32)))),
    ],
    ids=["bearer", "unverified", "identity", "principal", "signer", "holder"],
)
def test_nothing_that_prints_shows_a_secret(thing: object, secret: bytes) -> None:
    """`str`, `repr`, formatting and `vars` name the thing and not its key."""
    shown = f"{thing} {thing!r} {[thing]} {thing!s:>5} {getattr(thing, '__dict__', '')}"
    for form in forms(secret):
        assert form not in shown


def test_an_envelope_counts_its_blocks() -> None:
    """One block, two blocks."""
    assert repr(BEARER) == "<BearerToken of 1 block, secret not shown>"
    assert repr(BEARER.attenuate(now=NOW)) == "<BearerToken of 2 blocks, secret not shown>"
    assert repr(Token(BEARER.blocks)) == "<Token of 1 block>"


def test_a_bearer_token_is_written_only_when_asked_by_name() -> None:
    """`to_text` and `to_bytes` hold the secret; nothing else does."""
    secret = BEARER.envelope().secret
    assert secret in BEARER.to_bytes()
    assert BearerToken.parse(BEARER.to_text()) == BEARER
    assert not hasattr(BEARER, "__dict__")


@pytest.mark.parametrize("thing", [ALICE, ALICE.signer, HOLDER], ids=["identity", "signer", "holder"])
def test_what_holds_a_key_is_not_pickled(thing: object) -> None:
    """A cache or a queue that pickles its arguments does not write keys to disk."""
    with pytest.raises(TypeError):
        pickle.dumps(thing)


def test_a_copy_multiplies_no_secret() -> None:
    """Copies of an identity share its one signer."""
    assert copy.deepcopy(ALICE.signer) is ALICE.signer
    assert copy.copy(ALICE.signer) is ALICE.signer


def test_no_error_carries_a_key_or_a_token() -> None:
    """What a refusal says goes into logs."""
    verifier = Verifier([ALICE.principal], audience="other", bearer=True, clock=lambda: NOW)
    secret = BEARER.envelope().secret
    decision = verifier.decide(BEARER.to_text(), Request("x"))
    wrong = BearerToken(BEARER.blocks, SEED)
    with pytest.raises(Exception, match="proof_wrong_key") as caught:
        wrong.signer()
    shown = f"{decision!r} {decision.error!r} {decision.to_json()} {caught.value!r}"
    for form in (*forms(secret), *forms(SEED), BEARER.to_text()[20:60]):
        assert form not in shown


def test_a_holder_travels_in_the_environment() -> None:
    """`to_env` gives two variables, and `from_env` the same holder; the token's variable holds no secret."""
    environ = HOLDER.to_env()
    assert set(environ) == {"DELEGATE_TOKEN", "DELEGATE_KEY"}
    given = {**environ, "PATH": "/bin"}
    again = Holder.from_env(given)
    assert (again.identity.principal, again.token) == (AGENT.principal, TOKEN)
    assert given == {"PATH": "/bin"}
    for form in forms(bytes(reversed(range(32)))):
        assert form not in environ["DELEGATE_TOKEN"]


def test_what_is_started_later_does_not_inherit_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken out of this process's environment, and only read where nothing can be taken out."""
    for name, value in HOLDER.to_env().items():
        monkeypatch.setenv(name, value)
    frozen = MappingProxyType(HOLDER.to_env())
    assert Holder.from_env(frozen).token == Holder.from_env(frozen).token == TOKEN
    assert Holder.from_env().token == TOKEN
    command = [sys.executable, "-c", "import os; print(sorted(set(os.environ) & {'DELEGATE_TOKEN', 'DELEGATE_KEY'}))"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"  # noqa: S603 - ours
    with pytest.raises(TokenError, match="must both be set"):
        Holder.from_env()


def test_a_key_that_cannot_leave_stays() -> None:
    """Only a local Ed25519 key travels so."""
    cloud = Identity("agent:c", Esp256Signer.from_scalar(bytes((1,)) * 32))
    holder = Holder(cloud, ALICE.mint(to=cloud.principal, can="x", ttl="1h", now=NOW))
    with pytest.raises(TypeError):
        holder.to_env()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"DELEGATE_TOKEN": TOKEN.to_text()},
        {"DELEGATE_KEY": HOLDER.to_env()["DELEGATE_KEY"]},
        {**HOLDER.to_env(), "DELEGATE_KEY": "agent:a"},
        {**HOLDER.to_env(), "DELEGATE_KEY": "agent:a !!!"},
        {**HOLDER.to_env(), "DELEGATE_KEY": "agent:a AAAA"},
        {**HOLDER.to_env(), "DELEGATE_KEY": HOLDER.to_env()["DELEGATE_KEY"].replace("agent:a", "planner")},
        {**HOLDER.to_env(), "DELEGATE_TOKEN": "dlgt_"},
        {**HOLDER.to_env(), "DELEGATE_TOKEN": BEARER.to_text()},
    ],
)
def test_a_broken_environment_is_a_token_error(environ: dict[str, str]) -> None:
    """A variable is missing, cut off or not what it should be; the error repeats none of it."""
    with pytest.raises(TokenError) as caught:
        Holder.from_env(environ := dict(environ))
    for form in forms(bytes(reversed(range(32)))):
        assert form not in str(caught.value)
    assert environ == {}  # nor does it stay


def test_a_holder_holds_its_own_chain() -> None:
    """Another's chain is refused on construction, and from the environment."""
    with pytest.raises(AttenuationError) as caught:
        Holder(ALICE, TOKEN)
    assert caught.value.reason is Reason.PROOF_WRONG_KEY
    stranger = {**HOLDER.to_env(), "DELEGATE_KEY": f"agent:a {to_base64url(SEED)}"}
    with pytest.raises(AttenuationError):
        Holder.from_env(stranger)


def test_a_spawned_agent_has_a_key_of_its_own_and_does_not_hand_on() -> None:
    """`spawn` makes a key, hands the chain to it narrowed, and leaves it no hops."""
    child = HOLDER.spawn("agent:child", can="x", ttl="5m", now=NOW)
    assert child.identity.public_key != AGENT.public_key
    assert child.token.link.hops_left == 0
    verifier = Verifier([ALICE.principal], audience="s", clock=lambda: NOW)
    granted = verifier.authorize(child.prove(Request("x"), "s", now=NOW), Request("x"))
    assert (granted.holder, granted.expires) == ("agent:child", NOW + 300)
    with pytest.raises(AttenuationError):
        child.spawn("agent:grandchild", now=NOW)
    assert HOLDER.spawn("agent:child", hops=1, now=NOW).token.link.hops_left == 1


def test_a_bearer_token_narrows_seals_and_proves_by_itself() -> None:
    """Each step has a fresh key; a sealed token proves and cannot go on; a named holder can take over."""
    verifier = Verifier([ALICE.principal], audience="s", bearer=True, clock=lambda: NOW)
    narrow = BEARER.attenuate(caveats="args.n == 1", now=NOW)
    sealed = narrow.seal(now=NOW)
    assert len({BEARER.link.block.key, narrow.link.block.key, sealed.link.block.key}) == 3
    assert sealed.seal() is sealed
    request = Request("x", None, {"n": 1})
    assert verifier.authorize(sealed, request).proof_id is None
    assert verifier.authorize(sealed.prove(request, "s", now=NOW), request).proof_id is not None
    bound = narrow.attenuate(to=AGENT.principal, now=NOW)
    assert type(bound) is Token
    assert verifier.authorize(AGENT.prove(bound, request, "s", now=NOW), request).holder == "agent:a"
    with pytest.raises(AttenuationError):
        sealed.attenuate(to=AGENT.principal, now=NOW)


def test_a_bearer_token_needs_an_audience() -> None:
    """No service takes one without, so none is made."""
    terms: dict[str, Any] = {"can": "x", "ttl": "1h"}
    with pytest.raises(ValueError):
        ALICE.mint(bearer=True, **terms)
