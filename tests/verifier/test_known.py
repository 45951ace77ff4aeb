"""A verifier that is given a directory: names confirmed, and the unknown refused where it is told to (SPEC §5.5)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from delegate import AsyncVerifier, Decision, DelegateError, Identity, Reason, Request, StateError, Token, Verifier
from delegate.core.decide.stores import Claim, Outcome
from delegate.directory import Directory, Known, connect
from delegate.state import MemoryReplay

NOW = 1_780_000_000
AUDIENCE = "files.example.com"
ALICE, BOB, PLANNER, WORKER, NEWER = (
    Identity.from_seed(name, bytes([number]) * 32)
    for number, name in enumerate(
        ("user:alice@example.com", "user:bob@example.com", "agent:planner", "agent:worker", "agent:worker"), 1
    )
)
REQUEST = Request("files.read", "/reports/q3.csv")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """Where Alice, the planner and the worker are known."""
    with connect(f"sqlite:///{tmp_path}/directory.db", deadline=20.0, clock=lambda: NOW) as found:
        for each in (ALICE, PLANNER, WORKER):
            found.add(each.principal, sponsor=None if each is ALICE else ALICE.name)
        yield found


def chain(*caveats: str, to: Identity = WORKER, tenant: str | None = None) -> Token:
    """Alice's to the planner, and to the worker, whose block has these caveats."""
    one = ALICE.mint(to=PLANNER.principal, can="files.read /**", ttl="1h", hops=2, now=NOW, tenant=tenant)
    return PLANNER.attenuate(one, to=to.principal, caveats=list(caveats) or None, now=NOW)


def verifier(**more: Any) -> Verifier:  # noqa: ANN401 - its arguments
    """A verifier with a clock of its own."""
    return Verifier([ALICE.principal], audience=AUDIENCE, clock=lambda: NOW, **more)


def decided(service: Verifier, token: Token, holder: Identity = WORKER, **more: Any) -> Decision:  # noqa: ANN401
    """What it decides of a fresh proof."""
    return service.decide(holder.prove(token, REQUEST, AUDIENCE, now=NOW, **more), REQUEST)


def refused(found: Decision, hop: int | None, words: str) -> None:
    """It is refused as unknown; only the operator is told why."""
    assert (found.reason, found.hop) == (Reason.PRINCIPAL_UNKNOWN, hop)
    assert words in found.detail
    assert found.public_detail == found.holder_detail == f"principal_unknown at hop {hop}"
    assert found.http_status == 401


def test_names_are_confirmed_wherever_hops_are_seen(directory: Directory) -> None:
    """Of an authorization, a decision and a checked chain; without a directory or principals, of none."""
    token = chain()
    for service, expected in (
        (verifier(directory=directory), [True, True]),
        (verifier(principals=[PLANNER.principal]), [True, False]),
        (verifier(directory=directory, principals=[PLANNER.principal]), [True, True]),
        (verifier(), [False, False]),
    ):
        found = decided(service, token)
        assert found.authorization is not None
        assert found.chain is not None
        for hops in (
            found.authorization.hops,
            found.authorization.chain.hops,
            found.chain.hops,
            service.verify_chain(token).hops,
        ):
            assert [hop.confirmed for hop in hops] == expected
        assert [hop.confirmed for hop in service.verify_chain(token).up_to(0).hops] == expected[:1]
    directory.disable(PLANNER.name)
    assert [hop.confirmed for hop in verifier(directory=directory).verify_chain(token).hops] == [False, True]


def test_conditions_and_policies_read_what_the_directory_says(directory: Directory) -> None:
    """`holder.name` and `holder.who`, in blocks and in the service's own policy; what is not said is an error."""
    service = verifier(directory=directory, policy=["holder.who.sponsor == 'user:alice@example.com'"])
    token = chain("holder.name == 'agent:worker'", "holder.who.kind == 'agent'")
    assert decided(service, token).allowed
    assert decided(verifier(), token).reason is Reason.CAVEAT_ERROR
    assert decided(verifier(directory=directory), chain("holder.who.model == 'one'")).reason is Reason.CAVEAT_ERROR
    directory.assign(WORKER.name, model="one", sponsor=BOB.name)
    assert decided(verifier(directory=directory), chain("holder.who.model == 'one'")).allowed
    assert decided(service, token).reason is Reason.POLICY_FAILED
    directory.disable(WORKER.name)
    assert decided(verifier(directory=directory), token).reason is Reason.CAVEAT_ERROR


def test_what_the_chain_says_of_its_holder_is_not_what_the_directory_says(directory: Directory) -> None:
    """A signer who writes facts about the holder into a block makes none of them true."""
    one = ALICE.mint(to=PLANNER.principal, can="files.read /**", ttl="1h", hops=2, now=NOW)
    more: dict[str, Any] = {"who": {"sponsor": "user:root@example.com", "model": "one"}, "now": NOW}
    sponsor = "holder.who.sponsor == 'user:root@example.com'"
    token = PLANNER.attenuate(one, to=WORKER.principal, caveats=[sponsor], **more)
    assert decided(verifier(directory=directory), token).reason is Reason.CAVEAT_FAILED
    assert decided(verifier(), token).reason is Reason.CAVEAT_ERROR
    token = PLANNER.attenuate(one, to=WORKER.principal, caveats=["holder.who.model == 'one'"], **more)
    assert decided(verifier(directory=directory), token).reason is Reason.CAVEAT_ERROR


def test_a_hop_that_is_unknown_disabled_or_another_s_is_refused(directory: Directory) -> None:
    """Each at its hop, the root too; and allowed again when the directory says so."""
    service = verifier(directory=directory, require_known=True)
    token = chain()
    assert decided(service, token).allowed
    refused(decided(service, chain(to=NEWER), NEWER), 1, "the directory does not know the key of `agent:worker`")
    stranger = Identity.from_seed("agent:other", bytes([4]) * 32)  # the worker's key, under another name
    refused(decided(service, chain(to=stranger), stranger), 1, "the key of `agent:other` is agent:worker's")
    for name, hop in ((WORKER.name, 1), (PLANNER.name, 0), (ALICE.name, 0)):
        directory.disable(name)
        refused(decided(service, token), hop, f"{name} is disabled")
        directory.enable(name)
    assert decided(service, token).allowed
    directory.rotate(NEWER.principal)
    refused(decided(service, token), 1, "agent:worker has another key now")
    assert decided(service, chain(to=NEWER), NEWER).allowed


def test_the_root_need_not_be_in_the_directory(tmp_path: Path) -> None:
    """It is known by being a root; under another name there, it is refused."""
    with connect(f"sqlite:///{tmp_path}/d.db") as directory:
        directory.add(PLANNER.principal)
        directory.add(WORKER.principal)
        service = verifier(directory=directory, require_known=True)
        assert decided(service, chain()).allowed
        directory.add(type(ALICE.principal)("user:eve@example.com", ALICE.public_key))
        refused(decided(service, chain()), 0, "is user:eve@example.com's in the directory")


def test_principals_count_beside_the_directory_and_alone(directory: Directory) -> None:
    """Where the directory knows a key, its word goes before; nothing that could be known is a mistake."""
    known = [PLANNER.principal, NEWER.principal]
    assert decided(verifier(directory=directory, principals=known, require_known=True), chain(to=NEWER), NEWER).allowed
    alone = verifier(principals=known, require_known=True)
    assert decided(alone, chain(to=NEWER), NEWER).allowed
    refused(decided(alone, chain()), 1, "does not know the key")
    directory.disable(PLANNER.name)
    refused(decided(verifier(directory=directory, principals=known, require_known=True), chain()), 0, "is disabled")
    with pytest.raises(ValueError, match="would refuse every chain"):
        verifier(require_known=True)


def test_a_bearer_block_is_nobody(directory: Directory) -> None:
    """So a bearer chain is refused where everybody must be known, and allowed where not."""
    token = ALICE.mint(bearer=True, can="files.read /**", ttl="1h", audience=AUDIENCE, now=NOW)
    assert verifier(directory=directory, bearer=True).decide(token, REQUEST).allowed
    found = verifier(directory=directory, bearer=True, require_known=True).decide(token, REQUEST)
    refused(found, 0, "a bearer block names nobody")


def test_every_way_to_ask_heeds_it(directory: Directory) -> None:
    """`authorize`, `decide`, `preview`, `verify_chain`, and the same awaited."""
    service = verifier(directory=directory, require_known=True)
    awaited = AsyncVerifier(
        [ALICE.principal], audience=AUDIENCE, clock=lambda: NOW, directory=directory, require_known=True
    )
    token = chain()

    async def all_of_them() -> list[Reason | None]:
        proofs = [WORKER.prove(token, REQUEST, AUDIENCE, now=NOW) for _ in range(4)]
        found = [service.decide(proofs[0], REQUEST).reason, (await awaited.decide(proofs[1], REQUEST)).reason]
        found += [service.preview(token, REQUEST).reason, (await awaited.preview(token, REQUEST)).reason]
        for call in (
            lambda: service.authorize(proofs[2], REQUEST),
            lambda: awaited.authorize(proofs[3], REQUEST),
            lambda: service.verify_chain(token),
            lambda: awaited.verify_chain(token),
        ):
            try:
                given = call()
                if isinstance(given, Awaitable):
                    given = await given
                found.append(None)
            except DelegateError as error:
                found.append(error.reason)
        return found

    assert asyncio.run(all_of_them()) == [None] * 8
    directory.disable(PLANNER.name)
    assert asyncio.run(all_of_them()) == [Reason.PRINCIPAL_UNKNOWN] * 8


def test_whoever_cannot_prove_learns_nothing_and_is_not_looked_up(directory: Directory) -> None:
    """A chain that was copied, with no proof or a wrong one: refused for that, whoever is in the directory."""
    answers = Answers({})
    service = verifier(directory=answers, require_known=True)
    token = chain()
    assert service.decide(token, REQUEST).reason is Reason.PROOF_MISSING
    wrong = WORKER.prove(token, Request("files.read", "/other"), AUDIENCE, now=NOW)
    assert service.decide(wrong, REQUEST).reason is Reason.PROOF_WRONG_REQUEST
    assert answers.asked == []
    assert decided(service, token).reason is Reason.PRINCIPAL_UNKNOWN
    assert len(answers.asked) == 1


class Answers:
    """A directory that says what it is told to say, or raises it."""

    def __init__(self, said: object) -> None:
        """Take what to say."""
        self.said = said
        self.asked: list[tuple[bytes, ...]] = []

    def find(self, thumbprints: Sequence[bytes], *, now: int) -> Mapping[bytes, Known]:
        """Note the question, and say it."""
        assert now == NOW
        self.asked.append(tuple(thumbprints))
        if isinstance(self.said, Exception):
            raise self.said
        said: Any = self.said  # right or wrong
        given: Mapping[bytes, Known] = said
        return given


class Counted(MemoryReplay):
    """A replay store that counts its claims."""

    claimed = 0

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Count, and claim."""
        self.claimed += 1
        return super().claim(claims, now=now)


KEY = WORKER.public_key.thumbprint
NO_ANSWERS: dict[str, object] = {
    "nothing": None,
    "a list": [],
    "a key that nobody asked about": {bytes(32): Known("agent:x", {})},
    "a tuple that looks like one": {KEY: ("agent:worker", {}, "")},
    "a name that is none": {KEY: Known(5, {})},  # type: ignore[arg-type]
    "facts that are no map": {KEY: Known("agent:worker", [])},  # type: ignore[arg-type]
    "facts that are no texts": {KEY: Known("agent:worker", {"model": 5})},  # type: ignore[dict-item]
    "a fault that is none": {KEY: Known("agent:worker", {}, None)},  # type: ignore[arg-type]
    "an error": RuntimeError("no route to host"),
    "an error of its own": StateError(Reason.STATE_UNAVAILABLE, "busy"),
}


@pytest.mark.parametrize("said", NO_ANSWERS)
@pytest.mark.parametrize("require_known", [False, True])
def test_a_directory_that_does_not_answer_refuses_and_nothing_is_spent(said: str, *, require_known: bool) -> None:
    """Also where nobody must be known: a condition could read the name; and the proof is still good afterwards."""
    answers, replay = Answers(NO_ANSWERS[said]), Counted(since=0)
    service = verifier(directory=answers, require_known=require_known, replay=replay)
    presentation = WORKER.prove(chain(), REQUEST, AUDIENCE, now=NOW)
    found = service.decide(presentation, REQUEST)
    assert (found.reason, found.hop, found.http_status) == (Reason.STATE_UNAVAILABLE, None, 503)
    assert replay.claimed == 0
    answers.said = {each.public_key.thumbprint: Known(each.name, {"kind": "agent"}) for each in (PLANNER, WORKER)}
    assert service.decide(presentation, REQUEST).allowed
    assert answers.asked[0] == tuple(each.public_key.thumbprint for each in (ALICE, PLANNER, WORKER))


def test_a_refusal_spends_nothing(directory: Directory) -> None:
    """The proof of a hop that is unknown today is good when it is known."""
    replay = Counted(since=0)
    service = verifier(directory=directory, require_known=True, replay=replay)
    presentation = NEWER.prove(chain(to=NEWER), REQUEST, AUDIENCE, now=NOW)
    refused(service.decide(presentation, REQUEST), 1, "does not know")
    assert replay.claimed == 0
    directory.rotate(NEWER.principal)
    assert service.decide(presentation, REQUEST).allowed
    assert service.decide(presentation, REQUEST).reason is Reason.REPLAYED


def test_a_verifier_asks_for_its_own_tenant(tmp_path: Path) -> None:
    """One place, two tenants, two verifiers; a directory that was opened for another tenant is a mistake."""
    with connect(f"sqlite:///{tmp_path}/d.db", clock=lambda: NOW) as place:
        for each in (PLANNER, WORKER):
            place.of("acme").add(each.principal)
            place.of("other").add(each.principal)
        place.of("other").disable(WORKER.name)
        for tenant, allowed in (("acme", True), ("other", False), (None, False)):
            service = verifier(directory=place, require_known=True, tenant=tenant)
            assert decided(service, chain(tenant=tenant)).allowed is allowed, tenant
        assert decided(
            verifier(directory=place.of("acme"), tenant="acme", require_known=True), chain(tenant="acme")
        ).allowed
        for tenant in ("other", None):
            with pytest.raises(ValueError, match="this directory is of tenant `acme`"):
                verifier(directory=place.of("acme"), tenant=tenant)


@pytest.mark.parametrize("given", ["sqlite:///d.db", 5, {"a": 1}])
def test_what_is_no_directory_is_a_mistake(given: object) -> None:
    """Said when the verifier is made."""
    with pytest.raises(TypeError, match="directory is what"):
        verifier(directory=given)
    with pytest.raises(TypeError, match="require_known is True or False"):
        verifier(principals=[WORKER.principal], require_known="yes")


def test_the_loop_never_waits_for_a_directory(directory: Directory) -> None:
    """It is asked in another thread, and other tasks go on while it does not answer."""
    began, go_on = threading.Event(), threading.Event()
    here: list[int] = []
    inner = Directory.find

    class Slow(Directory):
        """Waits until it is told to go on."""

        __slots__ = ()

        def of(self, tenant: str | None) -> Directory:
            """Stay what it is."""
            return self

        def find(self, thumbprints: Sequence[bytes], *, now: int) -> Mapping[bytes, Known]:
            """Wait, and answer."""
            here.append(threading.get_ident())
            began.set()
            assert go_on.wait(20)
            return inner(self, thumbprints, now=now)

    slow = Slow(directory._engine, clock=lambda: NOW)
    service = AsyncVerifier([ALICE.principal], audience=AUDIENCE, clock=lambda: NOW, directory=slow, require_known=True)

    async def work() -> Decision:
        task = asyncio.create_task(service.decide(WORKER.prove(chain(), REQUEST, AUDIENCE, now=NOW), REQUEST))
        assert await asyncio.to_thread(began.wait, 20)  # the loop turns while the directory does not answer
        assert not task.done()
        go_on.set()
        return await task

    assert asyncio.run(work()).allowed
    assert here != [threading.get_ident()]
    slow.close()


def test_an_awaited_directory_of_one_s_own_is_awaited() -> None:
    """Anything with a `find`; what a verifier that does not await gets for it is no answer."""

    class Awaited:
        """Answers a little later."""

        async def find(self, thumbprints: Sequence[bytes], *, now: int) -> Mapping[bytes, Known]:
            """Know the planner and the worker."""
            await asyncio.sleep(0)
            known = {each.public_key.thumbprint: Known(each.name, {}) for each in (PLANNER, WORKER)}
            return {each: known[each] for each in thumbprints if each in known}

    service = AsyncVerifier(
        [ALICE.principal], audience=AUDIENCE, clock=lambda: NOW, directory=Awaited(), require_known=True
    )
    presentation = WORKER.prove(chain(), REQUEST, AUDIENCE, now=NOW)
    assert asyncio.run(service.decide(presentation, REQUEST)).allowed


def test_another_request_of_the_same_chain_is_judged_by_the_same_names(directory: Directory) -> None:
    """`allows` asks no store again: what a condition reads of the holder is as it was."""
    token = chain("holder.name == 'agent:worker'")
    granted = decided(verifier(directory=directory), token).authorization
    assert granted is not None
    assert granted.allows(Request("files.read", "/other"))
    assert not granted.allows(Request("files.write", "/other"))


def test_words_are_made_with_what_was_read(directory: Directory) -> None:
    """The detail of a condition that did not hold shows the value; the holder is told none of it."""
    found = decided(verifier(directory=directory), chain("holder.who.sponsor == 'user:bob@example.com'"))
    assert found.reason is Reason.CAVEAT_FAILED
    assert ALICE.name in found.detail
    assert ALICE.name not in found.holder_detail
    assert found.explain().to_json()
