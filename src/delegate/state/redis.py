"""Redis for all that verifiers must remember, on as many machines as there are (SPEC §10.4).

The rules of this file:

- What belongs together is one script, which Redis runs alone: see `redis_scripts.py`.
- One server, or one primary that replicas follow. Not a cluster: a script's keys would have to be in one slot.
- An answer that did not come is a refusal; what was asked may have been done. So a proof may be spent, and a budget
  charged, for a request that was refused; never the other way round.
- What Redis itself can lose, by its settings, is in SPEC §10.4; `check` looks at the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.stores import Charge, Claim, Outcome, Refused
from delegate.errors import StateError
from delegate.state import redis_scripts as scripts
from delegate.state.answers import Memo
from delegate.state.common import (
    CLAIMS_KEPT_S,
    KEPT_S,
    batches,
    check_actual,
    check_charges,
    check_current,
    current,
    from_before,
    lapsed,
    pack,
    pool_lapsed,
    too_much,
    twice,
    unpack,
)
from delegate.state.connections import Driver, Links
from delegate.state.findings import Finding
from delegate.state.news import Watch

_CLOCK: Final = b"delegate:clock"
_FEEDS: Final = b"delegate:feeds"
_NEWS: Final = b"delegate:news"
_CLAIM: Final = b"delegate:claim:"
_POOL: Final = b"delegate:pool:"
_CHARGE: Final = b"delegate:charge:"
_REVOKED: Final = b"delegate:revoked:"
_SILENCE_S: Final = 1.0  # after so long without an answer the feed's connection is given up
_SETTINGS: Final = {
    "appendonly": (("yes",), "without it, a restart loses what came after the last snapshot"),
    "appendfsync": (("always", "everysec"), "without it, a crash loses what the kernel had not yet written"),
    "maxmemory-policy": (("noeviction",), "any other makes room by forgetting claims and revocations"),
}


class _Link:
    """A connection with its scripts."""

    __slots__ = ("add", "begin", "client", "settle", "spend")

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.begin = client.register_script(scripts.BEGIN)
        self.spend = client.register_script(scripts.SPEND)
        self.settle = client.register_script(scripts.SETTLE)
        self.add = client.register_script(scripts.ADD)

    def close(self) -> None:
        self.client.connection_pool.disconnect()


class RedisStore:
    """Replay protection, budgets and revocations in Redis 6.2 or later. Safe under threads and across `fork`."""

    __slots__ = ("_links", "_memo", "_watch")

    def __init__(self, url: str, *, deadline: float = 0.25) -> None:
        """Connect, and begin to remember where this server does not yet.

        Args:
            url: `redis://`, `rediss://` or `unix://`, as redis-py takes it.
            deadline: seconds that any call takes at most.

        Raises:
            StateError: the server does not answer, or not as it should.
        """
        secret = unquote(urlsplit(url).password or "")
        opened = _opener(url, deadline)
        driver = Driver(open=opened, is_open=lambda _: True, close=_Link.close, sever=_Link.close, secret=secret)
        self._links = Links(driver, deadline_s=deadline)
        self._watch = Watch(lambda: _Listener(_client(url, _SILENCE_S)))
        self._memo = Memo()
        self._links.ask(lambda link: link.client.ping())

    def close(self) -> None:
        """Close every connection."""
        self._watch.close()
        self._links.close()

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Claim these ids, atomically and once; see `ReplayStore.claim`."""
        return self._spend(claims, (), now)

    def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Claim these ids and charge these pools: all of it, or nothing; see `Ledger.charge`."""
        check_charges(claims, charges)
        return self._spend(claims, charges, now)

    def _spend(self, claims: Sequence[Claim], charges: Sequence[Charge], now: int) -> Outcome:
        if (place := twice(claims)) is not None:
            return Refused(place)
        if not claims:
            return True
        check_current(claims, now)
        keys = [
            _CLOCK,
            _CHARGE + claims[0].id,
            *(_CLAIM + each.id for each in claims),
            *(_POOL + each.block_id for each in charges),
        ]
        arguments: list[bytes | int] = [CLAIMS_KEPT_S, KEPT_S, len(claims)]
        for claim in claims:
            arguments += (claim.issued, claim.until)
        for each in charges:
            arguments += (each.block_id, pack(each.unit), each.amount, each.limit, each.until)
        answer: list[Any] = self._links.ask(lambda link: link.spend(keys, arguments))
        return _outcome(*answer)

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:  # noqa: ARG002 - the server forgets by its own clock
        """Give back to every pool what a charge turned out not to need; see `Ledger.settle`."""
        check_actual(actual)
        arguments: list[bytes | int] = [_POOL]
        for unit, amount in actual.items():
            arguments += (pack(unit), amount)
        answer = self._links.ask(lambda link: link.settle([_CHARGE + claim_id], arguments))
        if answer == -1:
            raise too_much()
        return bool(answer == 1)

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged to the pools of these blocks; see `Ledger.spent`."""
        found = self._all_of([_POOL + block_id for block_id in block_ids])
        return {
            (block_id, unpack(unit)): int(amount)
            for block_id, pools in zip(block_ids, found, strict=True)
            for unit, amount in pools.items()
            if int(amount)
        }

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:  # noqa: ARG002 - room is not bounded here
        """Take over a list whose signature held, for good; see `RevocationStore.add`.

        There is no bound but the server's room: whoever may have lists taken over may fill it.
        """
        added = 0
        try:
            for batch, is_last in batches(current(feed, records, now)):
                keys = [_CLOCK, _FEEDS, _NEWS, *(_REVOKED + each.subject for each in batch)]
                arguments: list[bytes | int] = [KEPT_S, b"", b"", b""]
                if is_last:
                    arguments[1:] = (feed.signer, feed.sequence, b"%d %d %d" % feed[1:])
                for each in batch:
                    kind = b"k" if each.is_key else b"b"
                    arguments += (each.signer + kind, each.since, each.until, pack(each.why))
                added += self._links.ask(_adding(keys, arguments))
        finally:
            self._watch.changed()
        return added

    def look_up(
        self,
        subjects: Sequence[bytes],
        signers: Sequence[bytes] | None = None,
        *,
        now: int | None = None,  # noqa: ARG002 - the server forgets by its own clock
    ) -> Sequence[Record]:
        """Give every record about any of these that one of `signers` signed; see `RevocationStore.look_up`."""
        version = self._watch.version()
        if version is None:
            return self._find(subjects, signers)
        return self._memo.look_up(version, subjects, signers, self._find)

    def _find(self, subjects: Sequence[bytes], signers: Sequence[bytes] | None) -> Sequence[Record]:
        keys = [_REVOKED + subject for subject in subjects]
        if signers is None:
            found = self._all_of(keys)
        else:
            found = self._some_of(keys, [signer + kind for signer in signers for kind in (b"b", b"k")])
        return [
            _record(subject, field, value)
            for subject, fields in zip(subjects, found, strict=True)
            for field, value in fields.items()
        ]

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give the newest feed of each of `signers`; see `RevocationStore.feeds`."""
        version = self._watch.version()
        return self._find_feeds(signers) if version is None else self._memo.feeds(version, signers, self._find_feeds)

    def _find_feeds(self, signers: Sequence[bytes] | None) -> Sequence[Feed]:
        found = (self._all_of([_FEEDS]) if signers is None else self._some_of([_FEEDS], signers))[0]
        return [Feed(signer, *map(int, value.split())) for signer, value in found.items()]

    def _all_of(self, keys: Sequence[bytes]) -> list[dict[bytes, bytes]]:
        def ask(link: _Link) -> list[dict[bytes, bytes]]:
            pipeline = link.client.pipeline(transaction=False)
            for key in keys:
                pipeline.hgetall(key)
            return list(pipeline.execute())

        return self._links.ask(ask)

    def _some_of(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[dict[bytes, bytes]]:
        if not fields:
            return [{} for _ in keys]

        def ask(link: _Link) -> list[list[bytes | None]]:
            pipeline = link.client.pipeline(transaction=False)
            for key in keys:
                pipeline.hmget(key, fields)
            return list(pipeline.execute())

        return [
            {field: value for field, value in zip(fields, values, strict=True) if value is not None}
            for values in self._links.ask(ask)
        ]

    def check(self) -> tuple[Finding, ...]:
        """Look at the server's settings for the operator."""
        try:
            self._links.ask(lambda link: link.client.ping())
            server = self._links.ask(lambda link: link.client.info())
        except StateError as error:
            return (Finding(ok=False, what="answers", detail=error.detail),)
        found = [Finding(ok=True, what="answers", detail=f"Redis {server.get('redis_version', '?')}")]
        try:
            settings = self._links.ask(lambda link: link.client.config_get(*_SETTINGS, "min-replicas-to-write"))
        except StateError as error:
            return (*found, Finding(ok=False, what="settings", detail=f"cannot be read: {error.detail}"))
        for name, (right, otherwise) in _SETTINGS.items():
            value = settings.get(name) or ""
            ok = value in right
            found.append(Finding(ok=ok, what=name, detail=value if ok else f"{value}; {otherwise}"))
        role, replicas = server.get("role"), int(server.get("connected_slaves", 0))
        least = int(settings.get("min-replicas-to-write") or 0)
        found.append(Finding(ok=role == "master", what="role", detail=f"{role}; only a primary can be written"))
        detail = f"{least} of {replicas} replicas; with none, a failover loses what was not yet copied"
        found.append(Finding(ok=replicas == 0 or least > 0, what="min-replicas-to-write", detail=detail))
        return tuple(found)


class _Listener:
    """Reads the stream of news, and what the version is made of: when this memory began, and the latest news."""

    __slots__ = ("_client", "_latest")

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._latest = b"0-0"

    def wait(self, seconds: float) -> None:
        self._client.xread({_NEWS: self._latest}, count=1, block=int(seconds * 1000))

    def version(self) -> Hashable:
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hget(_CLOCK, "since")
        pipeline.xrevrange(_NEWS, count=1)
        since, news = pipeline.execute()
        self._latest = news[0][0] if news else b"0-0"
        return since, self._latest

    def close(self) -> None:
        self._client.connection_pool.disconnect()


def _client(url: str, deadline: float) -> redis.Redis:
    pool: redis.ConnectionPool = redis.ConnectionPool.from_url(
        url,
        max_connections=1,
        socket_timeout=deadline,
        socket_connect_timeout=deadline,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)


def _opener(url: str, deadline: float) -> Callable[[], _Link]:
    def opened() -> _Link:
        link = _Link(_client(url, deadline))
        link.begin([_CLOCK])
        return link

    return opened


def _adding(keys: list[bytes], arguments: list[bytes | int]) -> Callable[[_Link], int]:
    return lambda link: int(link.add(keys, arguments))


def _outcome(word: bytes, place: int, left: bytes = b"") -> Outcome:
    match word:
        case b"done":
            return True
        case b"claimed":
            return Refused(place)
        case b"short":
            return Refused(place, int(left))
        case b"pool":
            raise pool_lapsed()
        case b"before":
            raise from_before(place)
    raise lapsed()


def _record(subject: bytes, field: bytes, value: bytes) -> Record:
    since, until, why = value.split(b" ", 2)
    return Record(subject, field[:-1], field[-1:] == b"k", int(since), int(until), unpack(why))
