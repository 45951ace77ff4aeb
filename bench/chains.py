"""One chain at a time, cold, warm, and as the sibling of one seen before: from text to decision.

Cold: nothing of this chain has been seen by this service. Warm: the whole chain has, with another proof.
Sibling: all blocks but the last have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, cycle
from typing import TypeAlias

from bench.fixtures import ask, bare_checks, chain, check_all, hop
from bench.measure import Prepare, Thunk, fixed
from bench.peers.interface import Ask, Held, Peer
from bench.peers.load import OTHERS, Peers
from bench.peers.ours import Ours

SIBLING_BLOCKS = 5
Contenders: TypeAlias = dict[str, Prepare]  # for `interleaved`


def cold(peers: Peers, blocks: int, *, cases: int, each: int = 2) -> Contenders:
    """Prepare the first sight of a chain of `blocks` blocks.

    Ours twice: its caveats seen before by this service in other chains, and not. Floors: the bare checks of
    the blocks and the proof, and of the blocks alone.
    """
    variants = range(cases)
    contenders: Contenders = {}
    for name, peer in peers.found.items():
        chains = [chain(peer, blocks, variant, each=each) for variant in variants]
        if isinstance(peer, Ours):
            contenders[name] = partial(_first_sight, peer, chains)
            contenders[f"{name}, caveats seen"] = partial(_caveats_seen, peer, chains)
            if name == "ours, proof":
                checks = [bare_checks(peer.present(held, ask())) for held in chains]
                contenders["floor"] = fixed([check_all(each) for each in checks])
                contenders["floor, bearer"] = fixed([check_all(each[:-1]) for each in checks])
        else:
            contenders[name] = partial(_fresh_proofs, peer, peer.service(), chains)
    return contenders


def capability_new(peers: Peers, blocks: int, *, cases: int) -> Contenders:
    """Prepare ours when not even the capability's text was seen before, next to when it was."""
    contenders: Contenders = {}
    for new_capability, what in ((False, ""), (True, ", capability new too")):
        for name, peer in peers.found.items():
            if not isinstance(peer, Ours):
                continue
            asks = [ask(variant, new_capability=new_capability) for variant in range(cases)]
            chains = [chain(peer, blocks, variant, new_capability=new_capability) for variant in range(cases)]
            contenders[name + what] = partial(_first_sight, peer, chains, asks)
            if name == "ours, proof" and not new_capability:
                checks = [bare_checks(peer.present(*each)) for each in zip(chains, asks, strict=True)]
                contenders["floor"] = fixed([check_all(each) for each in checks])
                contenders["floor, bearer"] = fixed([check_all(each[:-1]) for each in checks])
    return contenders


def warm(peers: Peers, blocks: int, *, cases: int) -> Contenders:
    """Prepare a chain seen before: ours with a fresh proof each time, all others with the same text."""
    contenders: Contenders = {}
    for name, peer in peers.found.items():
        chains = [chain(peer, blocks, variant) for variant in range(cases)]
        texts = [peer.present(held, ask()) for held in chains]
        decide = peer.service()
        if name == "ours, proof":
            for text in texts:
                decide(text, ask())
            contenders[name] = partial(_fresh_proofs, peer, decide, chains)
            contenders["one check"] = fixed([check_all(bare_checks(text)[-1:]) for text in texts])
        else:
            thunks = _thunks(decide, texts)
            for thunk in thunks:
                thunk()
            contenders[name] = fixed(thunks)
    if "pymacaroons" in peers.found:
        peer = peers.found["pymacaroons"]
        held = [_five_caveats(peer, variant) for variant in range(cases)]
        texts = [peer.present(each, ask()) for each in held]
        contenders["pymacaroons, five caveats"] = fixed(_thunks(peer.service(), texts))
    return contenders


def sibling(peers: Peers, *, cases: int) -> Contenders:
    """Prepare a chain of five blocks of which four were seen before; the last one's caveats too, or not."""
    contenders: Contenders = {}
    for name, peer in peers.found.items():
        parents = [chain(peer, SIBLING_BLOCKS - 1, variant) for variant in range(cases)]
        decide = peer.service()
        for held in parents:
            decide(peer.present(held, ask()), ask())
        hops = [hop(peer, SIBLING_BLOCKS - 1, variant) for variant in range(cases)]
        if name in OTHERS:
            contenders[name] = partial(_siblings, peer, decide, parents, partial(next, cycle(hops)))
            continue
        for case, held in enumerate(parents):
            first = peer.extend(held, peer.recipient("agent:first"), hops[case])
            decide(peer.present(first, ask()), ask())
        contenders[f"{name}, caveats seen"] = partial(_siblings, peer, decide, parents, partial(next, cycle(hops)))
        new = map(partial(hop, peer, SIBLING_BLOCKS - 1), count(cases))
        contenders[name] = partial(_siblings, peer, decide, parents, partial(next, new))
        if isinstance(peer, Ours) and name == "ours, proof":
            checks = [bare_checks(peer.present(held, ask())) for held in parents]
            contenders["two checks"] = fixed([check_all(each[-2:]) for each in checks])
            contenders["one check"] = fixed([check_all(each[-1:]) for each in checks])
    return contenders


def _thunks(decide: Callable[[object, Ask], bool], texts: Sequence[object], asks: Sequence[Ask] = ()) -> list[Thunk]:
    same = ask()
    return [partial(decide, text, asks[case] if asks else same) for case, text in enumerate(texts)]


def _first_sight(peer: Ours, chains: Sequence[Held], asks: Sequence[Ask] = ()) -> list[Thunk]:
    return _fresh_proofs(peer, peer.service(), chains, asks)


def _caveats_seen(peer: Ours, chains: Sequence[Held]) -> list[Thunk]:
    """Let a verifier compile every caveat; new roots then make it forget every block."""
    verifier = peer.verifier()
    for held in chains:
        verifier.preview(peer.present(held, ask()), ask().request)
    verifier.roots = peer.roots()
    return _fresh_proofs(peer, peer.deciding(verifier), chains)


def _fresh_proofs(
    peer: Peer, decide: Callable[[object, Ask], bool], chains: Sequence[Held], asks: Sequence[Ask] = ()
) -> list[Thunk]:
    """Present each chain anew: no proof is too old, however long all rounds take."""
    shown = [peer.present(held, asks[case] if asks else ask()) for case, held in enumerate(chains)]
    return _thunks(decide, shown, asks)


def _siblings(
    peer: Peer,
    decide: Callable[[object, Ask], bool],
    parents: Sequence[Held],
    narrowing: Callable[[], object],
) -> list[Thunk]:
    texts = []
    for held in parents:
        last = peer.extend(held, peer.recipient("agent:sibling"), narrowing())
        texts.append(peer.present(last, ask()))
    return _thunks(decide, texts)


def _five_caveats(peer: Peer, variant: int) -> Held:
    """Three caveats come with the minting; one each of two hops."""
    return chain(peer, 2, variant, each=1)
