"""Redis for all that verifiers must remember, on as many machines as there are (SPEC §10.4).

The rules of this file:

- What belongs together is one script, which Redis runs alone: see `redis_scripts.py`.
- One server, or one primary that replicas follow. Not a cluster: a script's keys would have to be in one slot.
- What a connection depends on is set here, whatever the URL says: bytes stay bytes, and nothing is asked twice.
- An answer that did not come, or is not understood, is a refusal; what was asked may have been done. So a proof may
  be spent, and a budget charged, for a request that was refused; never the other way round. To make that rare, a
  store that is opened must first give back what it is given.
- What Redis itself can lose, by its settings, is in SPEC §10.4; `check` looks at the settings.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from delegate.core.chain.revocations import Feed, Record
from delegate.core.decide.stores import Charge, Claim, Outcome, Refused
from delegate.errors import StateError
from delegate.state import redis_scripts as scripts
from delegate.state.answers import Memo, frozen
from delegate.state.common import (
    BATCH_COUNT,
    CLAIMS_KEPT_S,
    KEPT_S,
    PROOF_IDS,
    PROOF_TEXTS,
    batches,
    check_actual,
    check_charges,
    check_current,
    distinct,
    from_before,
    gave_back_another,
    lapsed,
    pack,
    pool_lapsed,
    too_much,
    twice,
    unavailable,
    unpack,
)
from delegate.state.connections import Driver, Links, NotUnderstoodError
from delegate.state.findings import Finding, beginning_finding, clock_finding
from delegate.state.news import Watch
from delegate.state.urls import Place, place, unreadable

_RECORDS: Final = b"delegate:records"
_FEEDS: Final = b"delegate:feeds"
_NEWS: Final = b"delegate:news"
_POOLS_UNTIL: Final = b"delegate:pools:until"
_CHARGE: Final = b"delegate:charge:"
_MEMORY: Final = (b"delegate:clock", b"delegate:claims", b"delegate:pools", _RECORDS)  # KEYS of every script
_SILENCE_S: Final = 1.0  # after so long without an answer the feed's connection is given up
_SETTINGS: Final = {
    "appendonly": (("yes",), "without it, a restart loses what came after the last snapshot"),
    "appendfsync": (("always", "everysec"), "without it, a crash loses what the kernel had not yet written"),
    "maxmemory-policy": (("noeviction",), "any other makes room by forgetting claims and revocations"),
}


class _Link:
    """A connection with its scripts."""

    __slots__ = ("_scripts", "client")

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._scripts = {
            name: client.register_script(getattr(scripts, name))
            for name in ("BEGIN", "SPEND", "SETTLE", "SPENT", "ADD", "FIND", "PROVE", "MAY")
        }

    def run(self, name: str, keys: Sequence[bytes] = (), arguments: Iterable[bytes | int] = ()) -> Any:  # noqa: ANN401 - as Redis answers
        """Run a script on the memory and on these keys."""
        return self._scripts[name]((*_MEMORY, *keys), (os.urandom(16), *arguments))

    def close(self) -> None:
        self.client.connection_pool.disconnect()


class RedisStore:
    """Replay protection, budgets and revocations in Redis 6.2 or later. Safe under threads and across `fork`."""

    __slots__ = ("_links", "_memo", "_watch", "url")

    def __init__(self, url: str, *, deadline: float = 0.25) -> None:
        """Connect, and begin to remember where this server does not yet.

        Args:
            url: `redis://`, `rediss://` or `unix://`, as redis-py takes it.
            deadline: seconds that any call takes at most.

        Raises:
            StateError: the server does not answer, or not as it should; it is a cluster, or only follows another one;
                or this user may not do what is needed.
            ValueError: a URL that cannot be read.
        """
        where = where_of(url)
        self.url = where.shown
        driver = Driver(
            open=lambda: _opened(url, deadline),
            is_open=lambda _: True,
            close=_Link.close,
            sever=_Link.close,
            secrets=where.secrets,
        )
        self._links = Links(driver, deadline_s=deadline)
        self._memo = Memo()
        self._watch = Watch(lambda: _Listener(_opened(url, _SILENCE_S)), self._memo.forget)
        try:
            self._links.ask(_prove)
        except BaseException:
            self._links.close()
            raise

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
        keys = (_POOLS_UNTIL, _CHARGE + claims[0].id)
        arguments: list[bytes | int] = [CLAIMS_KEPT_S, KEPT_S, len(claims)]
        for claim in claims:
            arguments += (claim.id, claim.issued, claim.until)
        for each in charges:
            arguments += (each.block_id, pack(each.unit), each.amount, each.limit, each.until)
        return self._links.ask(lambda link: _outcome(link.run("SPEND", keys, arguments)))

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:  # noqa: ARG002 - the server forgets by its own clock
        """Give back to every pool what a charge turned out not to need; see `Ledger.settle`."""
        check_actual(actual)
        arguments: list[bytes | int] = []
        for unit, amount in actual.items():
            arguments += (pack(unit), amount)
        answer = self._links.ask(lambda link: _number(link.run("SETTLE", (_CHARGE + claim_id,), arguments), most=1))
        if answer == -1:
            raise too_much()
        return answer == 1

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Say what has been charged to the pools of these blocks; see `Ledger.spent`."""

        def ask(link: _Link) -> dict[tuple[bytes, str], int]:
            found = link.run("SPENT", (), block_ids)
            return {(block_id, unpack(unit)): int(amount) for block_id, unit, amount in found if int(amount)}

        return self._links.ask(ask)

    def add(self, feed: Feed, records: Sequence[Record], *, now: int, known: bool = True) -> int:  # noqa: ARG002 - room is not bounded here
        """Take over a list whose signature held, for good; see `RevocationStore.add`.

        There is no bound but the server's room: whoever may have lists taken over may fill it.
        """
        added = 0
        try:
            for batch, is_last in batches(distinct(records)):
                arguments: list[bytes | int] = [b"", b"", b""]
                if is_last:
                    arguments[:] = (feed.signer, feed.sequence, b"%d %d %d" % feed[1:])
                for each in batch:
                    field = _field(each.subject, each.signer, each.is_key)
                    arguments += (field, each.since, each.until, pack(each.why))
                added += self._links.ask(_adding(arguments))
        finally:
            self._watch.changed()
        return added

    def look_up(
        self,
        subjects: Sequence[bytes],
        signers: Sequence[bytes] | None = None,
        *,
        now: int | None = None,  # noqa: ARG002 - nothing is forgotten, so nothing depends on it
    ) -> Sequence[Record]:
        """Give every record about any of these that one of `signers` signed; see `RevocationStore.look_up`."""
        about, by = tuple(subjects), frozen(signers)

        def ask() -> tuple[Hashable, tuple[Record, ...]]:
            return self._links.ask(lambda link: _look_up(link, about, by))

        return list(self._memo.ask(self._watch.version(), (about, by), ask))

    def feeds(self, signers: Sequence[bytes] | None = None) -> Sequence[Feed]:
        """Give the newest feed of each of `signers`; see `RevocationStore.feeds`."""
        by = frozen(signers)

        def ask() -> tuple[Hashable, tuple[Feed, ...]]:
            return self._links.ask(lambda link: _find_feeds(link, by))

        return list(self._memo.ask(self._watch.version(), by, ask))

    def check(self) -> tuple[Finding, ...]:
        """Look at the server's settings for the operator."""
        try:
            server: dict[str, Any] = self._links.ask(lambda link: link.client.info())
            own = time.time()
            clock = self._links.ask(lambda link: link.client.time())[0]
        except StateError as error:
            return (Finding(ok=False, what="answers", detail=error.detail),)
        found = [
            Finding(ok=True, what="answers", detail=f"Redis {server.get('redis_version', '?')}"),
            clock_finding(clock, own),
        ]
        try:
            found.append(beginning_finding(self._links.ask(lambda link: int(link.run("BEGIN")[0])), own))
        except StateError as error:
            found.append(Finding(ok=False, what="memory", detail=error.detail))
        try:
            settings = self._links.ask(lambda link: link.client.config_get(*_SETTINGS, "min-replicas-to-write"))
        except StateError as error:
            return (*found, Finding(ok=False, what="settings", detail=f"cannot be read: {error.detail}"))
        for name, (right, otherwise) in _SETTINGS.items():
            value = settings.get(name)
            ok = value in right
            words = "could not be looked at" if value is None else value if ok else f"{value}; {otherwise}"
            found.append(Finding(ok=ok, what=name, detail=words))
        role, replicas = server.get("role"), int(server.get("connected_slaves", 0))
        least = int(settings.get("min-replicas-to-write") or 0)
        found.append(Finding(ok=role == "master", what="role", detail=f"{role}; only a primary can be written"))
        detail = f"{least} of {replicas} replicas; with none, a failover loses what was not yet copied"
        found.append(Finding(ok=replicas == 0 or least > 0, what="min-replicas-to-write", detail=detail))
        return tuple(found)


class _Listener:
    """Reads the stream of news, and asks for the version of what is revoked."""

    __slots__ = ("_latest", "_link")

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._latest = b"0-0"

    def wait(self, seconds: float) -> None:
        self._link.client.xread({_NEWS: self._latest}, count=1, block=int(seconds * 1000))

    def version(self) -> Hashable:
        news: Any = self._link.client.xrevrange(_NEWS, count=1)
        self._latest = news[0][0] if news else b"0-0"
        return _find(self._link, _FEEDS, [b""])[0]

    def close(self) -> None:
        self._link.close()


# What is asked, and what the answers mean.


def _field(subject: bytes, signer: bytes, is_key: bool) -> bytes:  # noqa: FBT001 - as a record has it
    return subject + signer + (b"k" if is_key else b"b")


def _adding(arguments: list[bytes | int]) -> Callable[[_Link], int]:
    return lambda link: _number(link.run("ADD", (_FEEDS, _NEWS), arguments))


def _outcome(answer: object) -> Outcome:
    match answer:
        case [scripts.DONE, 0]:
            return True
        case [scripts.CLAIMED, int(place)]:
            return Refused(place)
        case [scripts.SHORT, int(place), bytes(left)]:
            return Refused(place, int(left))
        case [scripts.LAPSED, int()]:
            raise lapsed()
        case [scripts.POOL_LAPSED, int()]:
            raise pool_lapsed()
        case [scripts.BEFORE, int(place)]:
            raise from_before(place)
    raise _not_understood()


def _number(answer: object, *, most: int = BATCH_COUNT) -> int:
    if type(answer) is int and -1 <= answer <= most:
        return answer
    raise _not_understood()


def _not_understood() -> NotUnderstoodError:
    return NotUnderstoodError("its answer does not fit what it was asked")


def _find(link: _Link, key: bytes, fields: Sequence[bytes] = ()) -> tuple[Hashable, list[bytes | None]]:
    """Give the version, and the values of fields; of no fields all, in turn."""
    match link.run("FIND", (key,), fields):
        case [bytes(home), bytes(token), list(found)] if not fields or len(found) == len(fields):
            return (home, token), found
    raise _not_understood()


def _look_up(
    link: _Link, subjects: tuple[bytes, ...], signers: tuple[bytes, ...] | None
) -> tuple[Hashable, tuple[Record, ...]]:
    if signers is None:
        return _look_up_all(link, subjects)
    asked = [(about, by, is_key) for about in subjects for by in signers for is_key in (False, True)]
    version, values = _find(link, _RECORDS, [_field(*each) for each in asked] or [b""])
    found = zip(asked, values, strict=False)
    return version, tuple(_record(*each, value) for each, value in found if value is not None)


def _look_up_all(link: _Link, subjects: tuple[bytes, ...]) -> tuple[Hashable, tuple[Record, ...]]:
    """Look through all there are; for people, who may want to know of everybody's."""
    version, _ = _find(link, _RECORDS, [b""])
    found = []
    for subject in subjects:
        pattern = re.sub(rb"([*?\[\]\\^-])", rb"\\\1", subject) + b"*"
        for field, value in link.client.hscan_iter(_RECORDS, match=pattern, count=10_000):
            found.append(_record(field[:32], field[32:-1], field[-1:] == b"k", value))
    return version, tuple(dict.fromkeys(found))


def _record(subject: bytes, signer: bytes, is_key: bool, value: bytes) -> Record:  # noqa: FBT001 - as a record has it
    since, until, why = value.split(b" ", 2)
    return Record(subject, signer, is_key, int(since), int(until), unpack(why))


def _find_feeds(link: _Link, signers: tuple[bytes, ...] | None) -> tuple[Hashable, tuple[Feed, ...]]:
    version, values = _find(link, _FEEDS, () if signers is None else signers or [b""])
    pairs = zip(values[::2], values[1::2], strict=True) if signers is None else zip(signers, values, strict=False)
    return version, tuple(Feed(signer, *map(int, value.split())) for signer, value in pairs if signer and value)


# What is looked at when a connection is opened.


def where_of(url: str) -> Place:
    """Say what may be shown of a URL, and what may not.

    Raises:
        ValueError: it cannot be read, or a password in it has no clear end.
    """
    scheme, _, rest = url.partition("://")
    try:
        parts: Mapping[str, object] = parse_url(url)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        raise unreadable(scheme) from None
    behind = re.split("[/?#]", rest, maxsplit=1)[1:]
    if "#" in rest or "@" in "".join(behind):  # a password that is not escaped was cut in two
        raise unreadable(scheme)
    host, port, base = (str(parts.get(name) or "") for name in ("host", "port", "db"))
    if scheme == "unix":
        return place(scheme, str(parts.get("path") or ""), "", base and f"?db={base}", parts)
    return place(scheme, host, port, base, parts)


def _client(url: str, deadline: float) -> redis.Redis:
    options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
    options.update(  # whatever the URL says, and before a pool is made of it, which decides by some of these
        max_connections=1,
        decode_responses=False,
        encoding="utf-8",
        encoding_errors="strict",
        protocol=2,
        socket_timeout=deadline,
        socket_connect_timeout=deadline,
        health_check_interval=0,
        retry_on_timeout=False,
        retry_on_error=[],
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=redis.ConnectionPool(**options))


def _opened(url: str, deadline: float) -> _Link:
    link = _Link(_client(url, deadline))
    try:
        if link.client.info("server").get("redis_mode") == "cluster":
            message = "this is a Redis Cluster, where what belongs together cannot be done in one step"
            raise unavailable(message)
    except BaseException:
        link.close()
        raise
    return link


def _prove(link: _Link) -> None:
    """Make sure that this user may do what is needed, and this server gives back what it is given; nothing of it stays.

    Raises:
        StateError: they may not, or it does not.
    """
    key = (b"delegate:proof:" + os.urandom(16).hex().encode(),)
    match link.run("MAY", key):
        case []:
            pass
        case [bytes(command), bytes(words)]:
            message = f"the server refuses {command.decode()}: {words.decode('ascii', 'replace')}"
            raise unavailable(message)
        case _:
            raise _not_understood()
    texts = (*PROOF_TEXTS, *PROOF_IDS[len(PROOF_TEXTS) :])
    pairs = [each for pair in zip(PROOF_IDS, texts, strict=True) for each in pair]
    answer = link.run("PROVE", key, pairs)
    if answer != [len(pairs), [text for text in texts for _ in range(2)]]:
        raise gave_back_another("this Redis")
