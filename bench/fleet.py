"""A day at a service: many agents, few hot ones, short lives; what a request costs, all told.

5 people grant to 50 agents, which hand on to 500 sub-agents, up to six blocks deep. 20,000 requests over half an
hour of the fleet's own time; a sub-agent's block lives 5 minutes and is then issued anew, its parents' too. Agents
are as popular as Zipf has it. Two requests in a hundred must be refused. A few caveat texts, over and over.

What a library wants to know of a request is made within what is timed. Proofs are made before, a thousand at a
time, so that none is too old. Each request is decided by every library in turn, in shuffled orders.

What a fleet costs is a mean: a median request would show only what is usual, not the chains seen for the first time,
nor the collector, which is left as a program has it. So that nobody else's work on the machine is in the mean, it is of
the thread's processor time. The figure to judge by is the ratio of a batch's means, of all batches the median.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator, Mapping
from itertools import accumulate, count, islice
from statistics import mean, median, quantiles
from time import thread_time_ns
from typing import NamedTuple

from bench.measure import SEED, Spread, Thunk, orders, spread
from bench.peers.interface import Ask, Decide, Held, Peer
from bench.peers.load import Peers

PEOPLE, AGENTS, SUB_AGENTS = 5, 50, 500
REQUESTS = 20_000  # over the whole span; a shorter run is its beginning
DEEPEST = 6
SPAN_S = 1800
BLOCK_LIFE_S = 300
REFUSED = 0.02
ZIPF = 1.1
BATCH = 1000  # requests whose proofs are made at once


class SubAgent(NamedTuple):
    """Who hands to this one (another sub-agent's number, or none: the agent itself), and what it may read."""

    agent: int
    parent: int | None
    depth: int
    size_below: int


class Event(NamedTuple):
    """One request: who sends it, in which five minutes, and whether it must be allowed."""

    sub_agent: int
    epoch: int
    ask: Ask
    allowed: bool


class Outcome(NamedTuple):
    """What one library took: over all requests, and each batch's mean, in microseconds."""

    mean_us: float
    median_us: float
    p99_us: float
    batch_means_us: tuple[float, ...]

    def ratio(self, base: Outcome) -> Spread:
        """Say how many times the time of `base`, batch by batch."""
        pairs = zip(self.batch_means_us, base.batch_means_us, strict=True)
        return spread([mine / theirs for mine, theirs in pairs])


class Fleet:
    """One fleet, its requests in their order, and a service of each library that decides them."""

    def __init__(self, peers: Peers, beside: Mapping[str, Thunk] | None = None) -> None:
        """Set it up; `beside` names what else is called once a request, for comparison."""
        rng = random.Random(SEED)  # noqa: S311 - a load, no secret
        self._sub_agents = _fleet(rng)
        self._ahead = _events(rng, self._sub_agents)
        self._behind: list[Event] = []
        self._issued = {name: _Issued(peer, self._sub_agents) for name, peer in peers.found.items()}
        for each in self._issued.values():
            each.grant()
        self._services = {name: peer.service() for name, peer in peers.found.items()}
        self._beside = dict(beside or {})
        self._turns = orders(len(self._services) + len(self._beside), random.Random(SEED))  # noqa: S311 - an order

    def decide(self, requests: int) -> dict[str, list[float]]:
        """Let each library decide the next requests; give microseconds a request."""
        batch = list(islice(self._ahead, requests))
        self._behind += batch
        presented = [{name: each.present(event) for name, each in self._issued.items()} for event in batch]
        taken: dict[str, list[float]] = {name: [] for name in [*self._services, *self._beside]}
        names = list(taken)
        gc.collect()
        gc.freeze()
        for event, shown in zip(batch, presented, strict=True):
            for number in next(self._turns):
                name = names[number]
                decide = self._services.get(name)
                if decide is None:
                    beside = self._beside[name]
                    started = thread_time_ns()
                    beside()
                    taken[name].append((thread_time_ns() - started) / 1000)
                else:
                    taken[name].append(_decided(name, decide, shown[name], event))
        gc.unfreeze()
        return taken

    def described(self) -> dict[str, object]:
        """Describe the mix so far."""
        depths = [self._sub_agents[event.sub_agent].depth for event in self._behind]
        return {
            "requests": len(self._behind),
            "chains": len({(event.sub_agent, event.epoch) for event in self._behind}),
            "depth_share": {depth: round(depths.count(depth) / len(depths), 3) for depth in sorted(set(depths))},
            "refused": sum(not event.allowed for event in self._behind),
        }


def measure(peers: Peers, requests: int) -> tuple[dict[str, Outcome], dict[str, object]]:
    """Put the same requests to every library; also describe the mix."""
    fleet = Fleet(peers)
    batches = [fleet.decide(min(BATCH, requests - begun)) for begun in range(0, requests, BATCH)]
    return {name: _outcome([batch[name] for batch in batches]) for name in peers.found}, fleet.described()


def _decided(name: str, decide: Decide, shown: object, event: Event) -> float:
    started = thread_time_ns()
    allowed = decide(shown, event.ask)
    taken = (thread_time_ns() - started) / 1000
    if allowed is not event.allowed:
        message = f"{name}: {event.ask.resource} of size {event.ask.size} is allowed: {allowed}"
        raise AssertionError(message)
    return taken


class _Issued:
    """The chains of one library, issued as they are needed and again when they have lapsed."""

    def __init__(self, peer: Peer, fleet: list[SubAgent]) -> None:
        self._peer = peer
        self._fleet = fleet
        self._grants: list[Held] = []
        self._chains: dict[tuple[int, int], Held] = {}

    def grant(self) -> None:
        """Let each agent's person grant to it, for the whole time."""
        for agent in range(AGENTS):
            person = f"user:person-{agent % PEOPLE}@example.com"
            to = self._peer.recipient(f"agent:planner-{agent}")
            narrowing = self._peer.narrowing(_prefix(agent), 1_000_000, ".csv")
            self._grants.append(self._peer.mint(person, to, _prefix(agent), narrowing))

    def present(self, event: Event) -> object:
        """Give what this library's service receives."""
        return self._peer.present(self._chain(event.sub_agent, event.epoch), event.ask)

    def _chain(self, number: int, epoch: int) -> Held:
        held = self._chains.get((number, epoch))
        if held is None:
            me = self._fleet[number]
            above = self._grants[me.agent] if me.parent is None else self._chain(me.parent, epoch)
            narrowing = self._peer.narrowing(_prefix(me.agent), me.size_below, ".csv")
            held = self._peer.extend(above, self._peer.recipient(f"agent:sub-{number}"), narrowing)
            self._chains[number, epoch] = held
        return held


def _fleet(rng: random.Random) -> list[SubAgent]:
    fleet: list[SubAgent] = []
    of_agent: list[list[int]] = [[] for _ in range(AGENTS)]
    for number in range(SUB_AGENTS):
        agent = number % AGENTS
        parents = [each for each in of_agent[agent] if fleet[each].depth < DEEPEST]
        parent = rng.choice(parents) if parents and rng.random() < 0.6 else None
        depth = 2 if parent is None else fleet[parent].depth + 1
        fleet.append(SubAgent(agent, parent, depth, 1_000_000 - 10_000 * depth))
        of_agent[agent].append(number)
    return fleet


def _events(rng: random.Random, fleet: list[SubAgent]) -> Iterator[Event]:
    weights = list(accumulate(1 / (rank + 1) ** ZIPF for rank in range(AGENTS)))
    of_agent = [[n for n, each in enumerate(fleet) if each.agent == agent] for agent in range(AGENTS)]
    for number in count():
        agent = rng.choices(range(AGENTS), cum_weights=weights)[0]
        sub_agent = rng.choice(of_agent[agent])
        epoch = number * SPAN_S // REQUESTS // BLOCK_LIFE_S
        resource, size, allowed = f"{_prefix(agent)}/{rng.randrange(1000)}.csv", rng.randrange(1, 100_000), True
        if rng.random() < REFUSED:
            allowed = False
            if rng.random() < 0.5:
                resource = f"/teams/elsewhere/{number}.csv"
            else:
                size = 2_000_000
        yield Event(sub_agent, epoch, Ask.of(resource, size), allowed)


def _prefix(agent: int) -> str:
    return f"/teams/{agent}"


def _outcome(batches: list[list[float]]) -> Outcome:
    every = [each for batch in batches for each in batch]
    return Outcome(mean(every), median(every), quantiles(every, n=100)[98], tuple(map(mean, batches)))
