"""Root bundles: what an author may sign, and what a verifier makes of one."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate import (
    DelegateError,
    Identity,
    Principal,
    Reason,
    Request,
    RevokedBlock,
    RootBundle,
    TokenError,
    VerificationError,
    Verifier,
    need,
    trusted,
)
from delegate.authoring.root_bundle import retired
from delegate.limits import TIME_MAX
from delegate.trust.bundle import BUNDLE_BYTES, TrustedKey

NOW = 1_790_000_000
DAY = 86_400
OPS, ALICE, BOB, CAROL, SECURITY = (
    Identity.from_seed(name, bytes([number]) * 32)
    for number, name in enumerate(
        ("svc:ops", "user:alice@example.com", "user:bob@example.com", "user:carol@example.com", "svc:security"), 1
    )
)
AGENT = Identity.from_seed("agent:a", b"a" * 32)
REQUEST = Request("files.read", "/a")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: int = NOW) -> None:
        """Begin at a moment."""
        self.now = now

    def __call__(self) -> int:
        """Read it."""
        return self.now


def bundle(*keys: TrustedKey, **terms: Any) -> RootBundle:  # noqa: ANN401 - any term of sign_roots
    """A bundle of ops."""
    return OPS.sign_roots(keys, **{"now": NOW, **terms})


def verifier(clock: Clock | None = None, **terms: Any) -> Verifier:  # noqa: ANN401 - any term of Verifier
    """A verifier that trusts nobody whom these tests are about, yet."""
    return Verifier([OPS.principal], audience="s", clock=clock or Clock(), **terms)


def proof(root: Identity, clock: Clock | None = None, **terms: Any) -> str:  # noqa: ANN401 - any term of mint
    """What the agent presents, of a chain by this root."""
    now = (clock or Clock()).now
    token = root.mint(to=AGENT.principal, **{"can": "files.read /**", "ttl": "30d", "now": now, **terms})
    return AGENT.prove(token, REQUEST, "s", now=now).to_text()


def reason(service: Verifier, root: Identity, clock: Clock | None = None) -> str:
    """What comes of a request of a chain by this root: a reason, or `allowed`."""
    return str(service.decide(proof(root, clock), REQUEST).reason or "allowed")


def test_a_bundle_replaces_the_roots() -> None:
    """From the moment on that it is taken over, it alone says who starts chains, and for whom."""
    service = verifier()
    assert reason(service, ALICE) == "unknown_root"
    first = bundle(trusted(ALICE.principal, root=True, speaks_for=["user:*@example.com"], tenants=["acme"]))
    assert service.accept_roots(first)
    assert service.bundle == first
    assert reason(service, OPS) == "unknown_root"
    (anchor,) = service._generation.by_thumbprint.values()
    assert anchor.tenants == frozenset({"acme"})
    assert anchor.may_speak_for("user:bob@example.com")
    second = bundle(trusted(ALICE.principal, root=True), previous=first)
    assert service.accept_roots(second)
    assert reason(service, ALICE) == "allowed"
    spoken = proof(ALICE, on_behalf_of="user:bob@example.com")
    assert service.decide(spoken, REQUEST).reason is Reason.ORIGINATOR_REFUSED
    third = bundle(trusted(ALICE.principal, root=True, speaks_for=["user:*@example.com"]), previous=second)
    service.accept_roots(third)
    assert service.decide(spoken, REQUEST).allowed


def test_never_backwards() -> None:
    """An older bundle would bring a stolen root back; another of the same number says two things at once."""
    service = verifier()
    old = bundle(trusted(ALICE.principal, root=True))
    new = bundle(trusted(BOB.principal, root=True), previous=old, distrust=[ALICE.principal])
    other = bundle(trusted(CAROL.principal, root=True), after=new.sequence - 1)
    service.accept_roots(new)
    for wrong in (old, other):
        with pytest.raises(VerificationError) as caught:
            service.accept_roots(wrong)
        assert caught.value.reason is Reason.REPLAYED
    assert reason(service, BOB) == "allowed"
    assert [reason(service, each) for each in (ALICE, CAROL)] == ["unknown_root"] * 2


def test_the_same_again_changes_nothing() -> None:
    """Neither what is trusted nor what is remembered; a later one with the same roots keeps that too."""
    service = verifier()
    first = bundle(trusted(ALICE.principal, root=True))
    assert service.accept_roots(first)
    assert reason(service, ALICE) == "allowed"
    held = service._configured
    assert len(held.generation.blocks) == 1
    assert not service.accept_roots(RootBundle.parse(first.to_text(), pinned=OPS.principal))
    assert service._configured is held
    assert service.accept_roots(bundle(*first.keys, previous=first, now=NOW + 1, ttl="20d"))
    assert service._generation is held.generation
    with_revoker = bundle(*first.keys, trusted(SECURITY.principal, revoker=True), after=2)
    assert service.accept_roots(with_revoker)
    assert service._generation.blocks is held.generation.blocks
    assert service._generation.sought is not held.generation.sought  # what is looked up depends on the revokers


def test_its_time_is_checked_when_it_is_taken_over() -> None:
    """One that has expired, or is dated ahead, is not gone by."""
    clock = Clock()
    service = verifier(clock)
    made = bundle(trusted(ALICE.principal, root=True), ttl="1d")
    for now, expected in ((NOW + DAY, Reason.EXPIRED), (NOW - 31, Reason.NOT_YET_VALID)):
        clock.now = now
        with pytest.raises(VerificationError) as caught:
            service.accept_roots(made)
        assert caught.value.reason is expected
    clock.now = NOW - 30
    assert service.accept_roots(made)


def test_once_it_has_expired_nobody_is_trusted() -> None:
    """A server that withholds the next bundle keeps no root alive."""
    clock = Clock()
    service = verifier(clock)
    service.accept_roots(bundle(trusted(ALICE.principal, root=True, third_party=True), ttl="1d"))
    clock.now = NOW + DAY - 1
    assert reason(service, ALICE, clock) == "allowed"
    clock.now = NOW + DAY
    assert reason(service, ALICE, clock) == "unknown_root"
    assert service.roots == ()
    assert not service._settings.third_parties


def test_a_key_counts_within_its_time() -> None:
    """A root, a third party and a name from their first to their last second."""
    clock = Clock()
    service = verifier(clock)
    window = {"since": NOW + 10, "until": NOW + 20}
    keys = (
        trusted(ALICE.principal, root=True, **window),  # type: ignore[arg-type]
        trusted(BOB.principal, third_party=True, **window),  # type: ignore[arg-type]
        trusted(AGENT.principal, **window),  # type: ignore[arg-type]
    )
    service.accept_roots(bundle(*keys))
    for now, counts in ((NOW + 9, False), (NOW + 10, True), (NOW + 20, True), (NOW + 21, False)):
        clock.now = now
        assert (reason(service, ALICE, clock) == "allowed") is counts
        thumbprint = BOB.public_key.thumbprint
        assert (thumbprint in service._settings.third_parties) is counts
        assert (AGENT.public_key.thumbprint in service._settings.names) is counts


def test_third_parties_and_names_are_the_bundle_s() -> None:
    """A need is met by the discharge of a party that came with the bundle, and the holder's name is confirmed."""
    service = verifier()
    token = ALICE.mint(
        to=AGENT.principal, can="files.read /**", ttl="1h", needs=need(BOB.principal, condition="said.ok"), now=NOW
    )
    service.accept_roots(bundle(trusted(ALICE.principal, root=True)))
    refused = service.decide(AGENT.prove(token, REQUEST, "s", now=NOW), REQUEST)
    assert refused.reason is Reason.DISCHARGE_MISSING
    service.accept_roots(
        bundle(
            trusted(ALICE.principal, root=True),
            trusted(BOB.principal, third_party=True),
            trusted(AGENT.principal),
            after=1,
        )
    )
    (ask,) = service.decide(AGENT.prove(token, REQUEST, "s", now=NOW), REQUEST).asks
    discharge = BOB.discharge(ask, says={"ok": True}, ttl="5m", now=NOW)
    granted = service.authorize(AGENT.prove(token, REQUEST, "s", discharges=[discharge], now=NOW), REQUEST)
    assert granted.confirmed_by == ("user:bob@example.com",)


def test_a_revoker_is_replaced_and_what_it_took_back_stays_taken_back() -> None:
    """A revoker whose time is over counts on, but its lists need not be fresh any more."""
    clock = Clock()
    service = verifier(clock, max_revocation_age="1h")
    token = ALICE.mint(to=AGENT.principal, can="files.read /**", ttl="30d", now=NOW)
    fresh = ALICE.mint(to=AGENT.principal, can="files.read /**", ttl="30d", now=NOW)
    old, new = SECURITY, CAROL

    def decided(chain: Any) -> str:  # noqa: ANN401 - a token
        return str(service.decide(AGENT.prove(chain, REQUEST, "s", now=clock.now), REQUEST).reason or "allowed")

    service.accept_roots(bundle(trusted(ALICE.principal, root=True), trusted(old.principal, revoker=True)))
    assert decided(fresh) == "revocation_stale"
    service.accept_revocations(old.revoke(blocks=[RevokedBlock.of(token)], ttl="30d", now=NOW))
    assert (decided(token), decided(fresh)) == ("revoked", "allowed")
    service.accept_roots(
        bundle(
            trusted(ALICE.principal, root=True),
            trusted(old.principal, revoker=True, until=NOW + DAY),
            trusted(new.principal, revoker=True),
            after=1,
        )
    )
    assert decided(fresh) == "revocation_stale"  # now both lists must be fresh
    clock.now = NOW + DAY + 1
    service.accept_revocations(new.revoke(now=clock.now))
    assert (decided(token), decided(fresh)) == ("revoked", "allowed")


def test_what_the_verifier_was_given_itself_stays() -> None:
    """Its own revokers, third parties and names; its own roots do not."""
    own = verifier(
        revokers=[SECURITY.principal], third_parties=[BOB.principal], principals=[CAROL.principal], clock=Clock()
    )
    own.accept_roots(bundle(trusted(ALICE.principal, root=True, revoker=True)))
    settings = own._settings
    assert set(settings.revokers.values()) == {SECURITY.name, ALICE.name}
    assert set(settings.third_parties.values()) == {BOB.name}
    assert set(settings.names.values()) == {CAROL.name, ALICE.name}
    assert [str(each) for each in own.roots] == ["<Root user:alice@example.com>"]


def test_one_key_under_two_names_is_refused_whole() -> None:
    """The verifier knows a key by one name, the bundle by another: nothing of the bundle is taken."""
    service = verifier(third_parties=[BOB.principal])
    renamed = Principal("user:bobby@example.com", BOB.public_key)
    for since in (None, NOW + DAY):  # also where its time is to come: then it would be too late
        keys = (trusted(ALICE.principal, root=True), trusted(renamed, third_party=True, since=since))
        with pytest.raises(TokenError) as caught:
            service.accept_roots(bundle(*keys))
        assert caught.value.reason is Reason.MALFORMED
    assert service.bundle is None
    assert reason(service, OPS) == "allowed"


def test_a_service_replaces_its_parties_in_one_step() -> None:
    """What is not said stays; a mistake replaces nothing."""
    service = verifier(revokers=[SECURITY.principal], third_parties=[BOB.principal], principals=[BOB.principal])
    assert reason(service, OPS) == "allowed"
    blocks = service._generation.blocks
    service.replace(revokers=[CAROL.principal])
    assert set(service._settings.revokers.values()) == {CAROL.name}
    assert set(service._settings.third_parties.values()) == set(service._settings.names.values()) == {BOB.name}
    assert service._generation.blocks is blocks
    service.replace(roots=[ALICE.principal], third_parties=[CAROL.principal], principals=[AGENT.principal])
    assert (reason(service, ALICE), reason(service, OPS)) == ("allowed", "unknown_root")
    before = service._configured
    twice = Principal("user:other@example.com", CAROL.public_key)
    mistakes: tuple[dict[str, Any], ...] = (
        {"revokers": []},
        {"roots": []},
        {"third_parties": [twice]},
        {"principals": ()},
    )
    for wrong in mistakes:
        with pytest.raises(ValueError, match=r"empty|two names"):
            service.replace(roots=wrong.pop("roots", [BOB.principal]), **wrong)
        assert service._configured is before


def test_a_call_sees_one_configuration() -> None:
    """While roots and revokers are replaced without end, no request is judged by half of one and half of another."""
    service = verifier()
    one = [ALICE.principal], [SECURITY.principal]
    two = [BOB.principal], [CAROL.principal]
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            for roots, revokers in (one, two):
                service.replace(roots=roots, revokers=revokers)

    thread = threading.Thread(target=turn)
    thread.start()
    pairs = set()
    for _ in range(2_000):
        settings, held, _ = service._current()
        pairs.add((*settings.revokers.values(), *(each.principal.name for each in held.by_thumbprint.values())))
    stop.set()
    thread.join()
    assert pairs <= {("svc:security", ALICE.name), (CAROL.name, BOB.name), (OPS.name,)}


def test_only_a_pinned_key_s_bundle_becomes_an_object() -> None:
    """Another's is refused before its signature is even looked at; and so is one that pins nobody."""
    made = bundle(trusted(ALICE.principal, root=True))
    pins: tuple[Any, ...] = (OPS.principal, OPS.public_key, [ALICE.principal, OPS.public_key])
    for good in pins:
        assert RootBundle.parse(made.to_bytes(), pinned=good) == made
    with pytest.raises(VerificationError) as caught:
        RootBundle.parse(made.to_text(), pinned=ALICE.principal)
    assert caught.value.reason is Reason.UNKNOWN_ROOT
    with pytest.raises(ValueError, match="empty"):
        RootBundle.parse(made.to_text(), pinned=[])
    with pytest.raises(TypeError, match="pinned"):
        RootBundle.parse(made.to_text(), pinned=["ops"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="text or bytes"):
        RootBundle.parse(made, pinned=OPS.principal)  # type: ignore[arg-type]
    assert RootBundle.parse_unpinned(made.to_text()) == made
    with pytest.raises(VerificationError, match="pinned") as unpinned:
        verifier().accept_roots(RootBundle.parse_unpinned(made.to_text()))
    assert unpinned.value.reason is Reason.UNKNOWN_ROOT
    taken = verifier()
    assert taken.accept_roots(made)
    with pytest.raises(VerificationError, match="pinned"):  # not even where the same was taken before
        taken.accept_roots(RootBundle.parse_unpinned(made.to_text()))
    assert made.signer == OPS.public_key.thumbprint
    assert "dlgk_" not in repr(made)


@given(st.data())
def test_whatever_was_altered_gives_a_refusal(data: st.DataObject) -> None:
    """Any byte of a bundle changed, and nothing but a refusal comes of it."""
    raw = bytearray(bundle(trusted(ALICE.principal, root=True), trusted(BOB.principal, third_party=True)).to_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DelegateError):
        RootBundle.parse(bytes(raw), pinned=OPS.principal)


@given(st.binary(max_size=80) | st.text(max_size=40).map(lambda text: f"dlgk_{text}"))
def test_whatever_comes_gives_a_refusal(source: bytes | str) -> None:
    """No input causes another error."""
    with pytest.raises(DelegateError):
        RootBundle.parse(source, pinned=OPS.principal)


def test_a_text_of_any_length_is_bounded_first() -> None:
    """What is too long is not decoded."""
    with pytest.raises(TokenError) as caught:
        RootBundle.parse("dlgk_" + "A" * (BUNDLE_BYTES * 2), pinned=OPS.principal)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_as_many_keys_as_there_may_be() -> None:
    """256 keys fit, with some room for whom they sign; one more is refused where it is signed."""
    keys = [
        trusted(Identity.from_seed(f"user:{number}", number.to_bytes(32)).principal, root=True, speaks_for=["user:*"])
        for number in range(257)
    ]
    made = bundle(*keys[:256])
    assert len(made.keys) == 256
    service = verifier()
    assert service.accept_roots(made)
    with pytest.raises(ValueError, match="257 keys"):
        bundle(*keys)


def test_a_root_does_not_leave_before_its_chains_are_over() -> None:
    """Unless it is distrusted: then its chains are refused at once, which is what is wanted."""
    alice, bob = trusted(ALICE.principal, root=True), trusted(BOB.principal, root=True)
    before = bundle(alice)
    with pytest.raises(ValueError, match="longest"):
        bundle(bob, previous=before)
    with pytest.raises(ValueError, match="live on"):
        bundle(bob, previous=before, longest="8h")
    with pytest.raises(ValueError, match="live on"):
        bundle(bob, *retired([alice], ALICE.principal, NOW + 100), previous=before, longest="8h")
    ended = retired([alice], ALICE.principal, NOW + 28_800)
    after = bundle(bob, *ended, previous=before, longest="8h")
    assert after.sequence == 2
    assert bundle(bob, *ended, previous=after).sequence == 3  # it ends when it was said to
    assert bundle(bob, previous=after, now=NOW + 28_801).sequence == 3  # and is over
    assert bundle(bob, previous=before, distrust=[ALICE.principal]).keys == (bob,)
    with pytest.raises(ValueError, match="not in the bundle"):
        retired([alice], BOB.principal, NOW)


def test_a_key_that_does_not_count_yet_is_not_retired_into_counting() -> None:
    """It would have to count at the moment of its retirement; it is left out instead, which strands no chain."""
    later = trusted(ALICE.principal, root=True, since=NOW + 2000, until=NOW + 3000)
    bob = trusted(BOB.principal, root=True)
    with pytest.raises(ValueError, match="leave it out"):
        retired([later, bob], ALICE.principal, NOW + 1000)
    assert bundle(bob, previous=bundle(later, bob)).keys == (bob,)


def test_a_revoker_does_not_leave_by_mistake() -> None:
    """What it took back would come back."""
    alice = trusted(ALICE.principal, root=True)
    before = bundle(alice, trusted(SECURITY.principal, revoker=True))
    with pytest.raises(ValueError, match="would count again"):
        bundle(alice, previous=before)
    with pytest.raises(ValueError, match="would count again"):
        bundle(alice, trusted(SECURITY.principal), previous=before)
    assert bundle(alice, previous=before, distrust=[SECURITY.principal]).keys == (alice,)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"previous": ALICE.sign_roots([trusted(BOB.principal)], now=NOW)}, "another signer's"),
        ({"after": 2**63 - 1}, "no later bundle"),
        ({"now": TIME_MAX}, "no later bundle"),
    ],
)
def test_what_cannot_be_the_next_bundle(terms: dict[str, Any], words: str) -> None:
    """Said before anything is signed."""
    with pytest.raises(ValueError, match=words):
        bundle(trusted(ALICE.principal), **terms)


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"speaks_for": ["user:*"]}, ValueError),
        ({"tenants": ["acme"], "revoker": True}, ValueError),
        ({"speaks_for": [], "root": True}, ValueError),
        ({"tenants": "acme", "root": True}, TypeError),
        ({"since": 5, "until": 4}, ValueError),
        ({"since": -1}, ValueError),
    ],
)
def test_what_cannot_be_said_of_a_key(terms: dict[str, Any], error: type[Exception]) -> None:
    """An author's mistake is told at once."""
    with pytest.raises(error):
        trusted(ALICE.principal, **terms)


def test_an_author_s_mistake_that_only_the_reader_finds() -> None:
    """A pattern that is none, no key at all, one twice."""
    for keys in ([trusted(ALICE.principal, root=True, speaks_for=["a**"])], [], [trusted(ALICE.principal)] * 2):
        with pytest.raises(ValueError, match=r"."):
            bundle(*keys)


def test_a_bundle_is_drafted_for_a_signer_elsewhere() -> None:
    """The same bytes as when it is signed at once."""
    keys = [trusted(ALICE.principal, root=True)]
    draft = OPS.draft_roots(keys, now=NOW)
    assert draft.finish(OPS.signer.sign(draft.to_sign)) == bundle(*keys)
    with pytest.raises(VerificationError):
        draft.finish(ALICE.signer.sign(draft.to_sign))


def test_a_directory_goes_on_to_be_asked() -> None:
    """A verifier with a directory, and names of a bundle beside it: what the bundle vouches for is known."""
    service = verifier(require_known=True, principals=[OPS.principal])
    assert reason(service, OPS) != "allowed"
    service.accept_roots(bundle(trusted(ALICE.principal, root=True)))
    assert reason(service, ALICE) != "allowed"
    service.accept_roots(bundle(trusted(ALICE.principal, root=True), trusted(AGENT.principal), after=1))
    assert reason(service, ALICE) == "allowed"
