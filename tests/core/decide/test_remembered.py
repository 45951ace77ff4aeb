"""A verdict never depends on what a verifier remembers (SPEC §5.9)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import pytest

from delegate import BearerToken, DelegateError, Identity, MemoryReplay, Reason, Request, Token, Verifier, when
from delegate.core.chain.compiled import Compiler
from delegate.core.decide.remembered import Recent
from delegate.language.capability import encode_capabilities, encode_caveats
from delegate.state import Claim
from tests import vectors
from tests.vectors import Vector, Verdict

NOW = 1_800_000_000
AUDIENCE = "files.example.com"
REQUEST = Request("files.read", "/data/a")


class _NothingSeen:
    """A replay store for judging one presentation many times: every proof is new to it."""

    def claim(self, claims: Sequence[Claim], *, now: int) -> Literal[True]:
        """Say that it is the first time."""
        return True


def _judge(verifier: Verifier, vector: Vector) -> Verdict:
    if vector.judged_as_chain:
        return vectors.outcome(lambda: verifier.verify_chain(vector.source))
    return vectors.outcome(lambda: verifier.authorize(vector.source, vector.request, **vector.facts))


@pytest.mark.parametrize("size", [0, 1, 2, 4096])
def test_every_vector_gets_its_verdict_whatever_is_remembered(size: int) -> None:
    """Cold, warm, with the cache off, with room for one block, and after other vectors have put blocks in."""
    crowd = [vector for vector in vectors.varied() if vector.is_first and not vector.judged_as_chain]
    for vector in vectors.varied():
        if not vector.is_first:
            continue  # about what stores remember, which are stubbed here
        expected = (vector.fields["expect"], vector.fields["hop"])
        verifier = vector.without_memory(cache_size=size)
        assert _judge(verifier, vector) == expected, (vector.name, "cold")
        for other in crowd[:5]:
            verifier.decide(other.source, other.request)
        for _ in range(2):
            assert _judge(verifier, vector) == expected, (vector.name, "warm")


def test_accepted_vectors_in_one_verifier_do_not_lend_each_other_anything() -> None:
    """With every root of every vector and a shared cache, a block counts only where it was verified."""
    accepted = [
        vector for vector in vectors.accepted() if vector.fields["tenant"] is None and not vector.fields["verifier"]
    ]
    for vector in accepted:
        settings = vector.settings()
        alone = Verifier(**{**settings, "replay": _NothingSeen()})
        crowded = Verifier(**{**settings, "replay": _NothingSeen()})
        for other in accepted:
            crowded.decide(other.source, other.request, env=other.env)
        assert _judge(alone, vector) == _judge(crowded, vector) == ("allow", None), vector.name


def _chain(length: int = 4) -> tuple[Identity, Identity, list[str]]:
    """Give a root, the last holder, and the text of every prefix of one chain."""
    root = Identity.from_seed("user:alice", b"r" * 32)
    holders = [Identity.from_seed(f"agent:{index}", bytes([index + 1]) * 32) for index in range(length)]
    token = root.mint(to=holders[0].principal, can=["files.read /data/**"], ttl="1h", hops=length, now=NOW)
    texts = [token.to_text()]
    for above, below in pairwise(holders):
        token = above.attenuate(token, to=below.principal, now=NOW)
        texts.append(token.to_text())
    return root, holders[-1], texts


def test_a_revoked_root_takes_what_was_remembered_under_it() -> None:
    """Replacing the roots drops every verified block: a warm chain is refused at once."""
    root, holder, texts = _chain()
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW)
    verifier.verify_chain(texts[-1])
    verifier.roots = [Identity.generate("user:bob").principal]
    with pytest.raises(DelegateError) as refused:
        verifier.verify_chain(texts[-1])
    assert refused.value.reason is Reason.UNKNOWN_ROOT
    verifier.roots = [root.principal]
    assert verifier.verify_chain(texts[-1]).hops[-1].holder == holder.name


def test_time_is_asked_anew_of_a_remembered_chain() -> None:
    """A chain seen while it was good is refused once it has expired."""
    root, _, texts = _chain()
    moment = [NOW]
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: moment[0])
    verifier.verify_chain(texts[-1])
    moment[0] = NOW + 3600
    with pytest.raises(DelegateError) as refused:
        verifier.verify_chain(texts[-1])
    assert refused.value.reason is Reason.EXPIRED


def test_a_warm_block_with_another_signature_is_checked_again() -> None:
    """The attacker keeps a known block's payload and forges its signature: the memory does not know those bytes."""
    root, _, texts = _chain(2)
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW)
    known = verifier.verify_chain(texts[-1])

    token = Token.parse(texts[-1])
    forged = token.blocks[1][:-1] + bytes([token.blocks[1][-1] ^ 1])
    with pytest.raises(DelegateError) as refused:
        verifier.verify_chain(Token((token.blocks[0], forged)))
    assert refused.value.reason is Reason.BAD_SIGNATURE
    assert known.link.hop == 1


def test_a_remembered_block_does_not_count_in_another_place() -> None:
    """The attacker presents warm blocks in another order, or without the ones between: each is refused."""
    root, _, texts = _chain(4)
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW)
    verifier.verify_chain(texts[-1])

    a, b, c, d = Token.parse(texts[-1]).blocks
    for blocks in ((a, c, d), (a, b, d), (b, c, d), (a, c, b, d), (a, a, b), (a, b, b), (d,)):
        with pytest.raises(DelegateError):
            verifier.verify_chain(Token(blocks))


def test_eight_threads_while_roots_change_and_the_memory_is_tiny() -> None:
    """No thread ever sees a wrong verdict: trusted chains pass or miss their root, others never pass."""
    root, holder, texts = _chain(5)
    stranger = Identity.generate("user:mallory")
    forged_root = Identity.from_seed("user:alice", b"x" * 32)
    forged = forged_root.mint(to=holder.principal, can=["** **"], ttl="1h", now=NOW).to_text()
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, cache_size=3)
    wrong: list[str] = []
    done = threading.Event()

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a thread's error must reach the test
                wrong.append(repr(error))

        return run

    def hammer() -> None:
        for turn in range(120):
            text = texts[turn % len(texts)]
            seen = vectors.outcome(lambda text=text: verifier.verify_chain(text))  # type: ignore[misc]
            if seen not in {("allow", None), ("unknown_root", 0)}:
                wrong.append(f"{seen}")
            if vectors.outcome(lambda: verifier.verify_chain(forged)) != ("unknown_root", 0):
                wrong.append("a forged root passed")

    def change() -> None:
        while not done.is_set():
            verifier.roots = [stranger.principal]
            verifier.roots = [root.principal, stranger.principal]

    workers = [threading.Thread(target=guarded(hammer)) for _ in range(8)]
    changer = threading.Thread(target=guarded(change))
    changer.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    done.set()
    changer.join()
    assert wrong == []


def test_a_call_sees_one_generation_of_roots() -> None:
    """Roots that are replaced during a call, by the replay store of all things, do not change its verdict."""
    root, holder, texts = _chain(2)

    class Changing:
        """Replaces the roots in the middle of a decision."""

        def claim(self, claims: Sequence[Claim], *, now: int) -> Literal[True]:
            """Pull the rug, then allow."""
            verifier.roots = []
            return True

    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, replay=Changing())
    assert verifier.decide(holder.prove(texts[-1], REQUEST, AUDIENCE, now=NOW), REQUEST).allowed
    assert not verifier.decide(holder.prove(texts[-1], REQUEST, AUDIENCE, now=NOW), REQUEST).allowed


def test_the_least_recently_used_goes_first() -> None:
    """Bounded, and in order of use."""
    recent: Recent[int] = Recent(2)
    recent.put(b"a", 1)
    recent.put(b"b", 2)
    assert recent.get(b"a") == 1
    recent.put(b"c", 3)
    assert (recent.get(b"a"), recent.get(b"b"), recent.get(b"c"), len(recent)) == (1, None, 3, 2)


def test_keys_are_bounded_together_and_alone() -> None:
    """Four entries' worth of bytes holds four long keys' bytes and no more; what is longer than 4 KiB is not kept."""
    recent: Recent[int] = Recent(4)
    kept = [recent.put(bytes([number]) * 500, number) for number in range(5)]
    assert (kept, len(recent)) == ([True] * 5, 2)
    assert recent.put(bytes([4]) * 500, 9)  # again: counted once
    assert (len(recent), recent.get(bytes([3]) * 500), recent.get(bytes([4]) * 500)) == (2, 3, 9)
    assert not recent.put(b"x" * 1025, 0)  # more than all of it
    assert not Recent[int](4096).put(b"x" * 4097, 0)
    assert Recent[int](4096).put(b"x" * 4096, 0)


def test_a_block_below_one_that_is_not_kept_is_not_kept() -> None:
    """The attacker's long block would otherwise live on below each of many short ones, compiled."""
    root, holder, texts = _chain(1)
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, replay=_NothingSeen())
    caveats = [when("resource != path", path=f"{number}" * 200) for number in range(32)]
    long = holder.attenuate(Token.parse(texts[0]), caveats=caveats, now=NOW)
    for number in range(3):
        token = holder.attenuate(long, why=f"{number}", now=NOW)
        for _ in range(2):
            assert verifier.decide(holder.prove(token, REQUEST, AUDIENCE, now=NOW), REQUEST).allowed
    assert len(verifier._generation.blocks) == 1
    assert len(verifier._generation.texts) == 0


def test_a_block_goes_with_the_one_above() -> None:
    """Verified again, a parent is another: what stood below the old one is verified again too, and lets go of it."""
    root, holder, texts = _chain(1)
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, replay=_NothingSeen())
    token = holder.attenuate(Token.parse(texts[0]), why="narrower", now=NOW)
    verifier.verify_chain(token)
    blocks = verifier._generation.blocks
    del blocks._entries[token.blocks[0]]
    verifier.verify_chain(token)
    above, below = map(blocks.get, token.blocks)
    assert above is not None
    assert below is not None
    assert below.link.parent is above.link


def test_what_holders_make_a_verifier_keep_is_bounded() -> None:
    """A holder narrows its chain in ever new ways: blocks and lists are evicted, by their bytes."""
    root, holder, texts = _chain(1)
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, cache_size=16)
    for number in range(40):
        caveats = [when("resource != path", path=f"{number}" * 100) for _ in range(8)]
        verifier.verify_chain(holder.attenuate(Token.parse(texts[0]), caveats=caveats, now=NOW))
    assert sum(map(len, verifier._generation.blocks._entries)) <= 16 * 256
    assert len(verifier._generation.blocks) >= 2


def test_long_lists_are_compiled_each_time() -> None:
    """At most 512 bytes of a list are worth keeping what they compile to."""
    compiler = Compiler(8)
    for characters, same in ((400, True), (600, False)):
        can = encode_capabilities([f"read /{'a' * characters}"])
        assert (compiler.capabilities(can) is compiler.capabilities(can)) is same
        (_, caveats) = encode_caveats(f"resource == '{'a' * characters}'")
        assert (compiler.caveats(caveats) is compiler.caveats(caveats)) is same


def test_the_memory_of_proofs_is_not_the_memory_of_chains() -> None:
    """A warm chain needs a fresh proof each time: the same one again is a replay."""
    root, holder, texts = _chain(3)
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, replay=MemoryReplay(since=0))
    proof = holder.prove(texts[-1], REQUEST, AUDIENCE, now=NOW)
    assert verifier.decide(proof, REQUEST).allowed
    assert verifier.decide(proof, REQUEST).reason is Reason.REPLAYED
    assert verifier.decide(holder.prove(texts[-1], REQUEST, AUDIENCE, now=NOW), REQUEST).allowed


def test_a_known_head_lends_nothing_to_a_changed_text() -> None:
    """The attacker knows that the service knows this chain's text, and changes any one character of it."""
    root, holder, texts = _chain(3)
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, replay=_NothingSeen())
    text = ""
    for _ in range(3):  # cold, warm, and known by its text
        text = holder.prove(texts[-1], REQUEST, AUDIENCE, now=NOW).to_text()
        assert verifier.decide(text, REQUEST).allowed
    assert len(verifier._generation.texts) == 1
    cold = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, replay=_NothingSeen(), cache_size=0)
    for place, character in enumerate(text):
        for other in {"A", "_", "=", " ", chr(ord(character) + 1)} - {character}:
            changed = text[:place] + other + text[place + 1 :]
            warm = verifier.decide(changed, REQUEST)
            assert not warm.allowed
            fresh = cold.decide(changed, REQUEST)
            assert (warm.reason, warm.hop) == (fresh.reason, fresh.hop), (place, other)


def test_a_known_head_with_another_tail_is_read_in_full() -> None:
    """The attacker keeps the known head and cuts, lengthens or exchanges what follows: the same answers as cold."""
    root, holder, texts = _chain(3)
    other_root, other_holder, other_texts = _chain(2)
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, replay=_NothingSeen())
    cold = Verifier([root.principal], audience=AUDIENCE, clock=lambda: NOW, replay=_NothingSeen(), cache_size=0)
    text = ""
    for _ in range(3):
        text = holder.prove(texts[-1], REQUEST, AUDIENCE, now=NOW).to_text()
        assert verifier.decide(text, REQUEST).allowed
    stolen = other_holder.prove(other_texts[-1], REQUEST, AUDIENCE, now=NOW).to_text()
    tries = [text[:cut] for cut in range(len(text) - 300, len(text))]
    tries += [text + more for more in ("A", "AAAA", "\n", " x", "gA")]
    tries += [text[:cut] + stolen[cut - len(text) :] for cut in range(len(text) - 300, len(text), 4)]
    for each in tries:
        warm, fresh = verifier.decide(each, REQUEST), cold.decide(each, REQUEST)
        assert (warm.allowed, warm.reason, warm.hop) == (fresh.allowed, fresh.reason, fresh.hop), each[-20:]
        assert warm.allowed == (each.strip() == text)
    assert other_root.name == root.name


def test_a_bearer_token_that_is_known_by_its_text_is_still_asked_everything() -> None:
    """Time and request are judged anew, and a secret exchanged within the same chain is refused."""
    root = Identity.from_seed("user:alice", b"r" * 32)
    moment = [NOW]
    verifier = Verifier([root.principal], audience=AUDIENCE, clock=lambda: moment[0], bearer=True)
    token = root.mint(bearer=True, can=["files.read /data/**"], ttl="1h", audience=AUDIENCE, now=NOW)
    for _ in range(3):
        assert verifier.decide(token.to_text(), REQUEST).allowed
    assert len(verifier._generation.texts) == 1
    assert verifier.decide(token.to_text(), Request("files.write", "/data/a")).reason is Reason.CAPABILITY_MISSING
    forged = BearerToken(token.blocks, b"x" * 32)
    assert verifier.decide(forged.to_text(), REQUEST).reason is Reason.PROOF_WRONG_KEY
    moment[0] = NOW + 3600
    assert verifier.decide(token.to_text(), REQUEST).reason is Reason.EXPIRED
