"""Following URLs: what is taken over, what is not, and what becomes of a verifier meanwhile."""

from __future__ import annotations

import asyncio
import gc
import gzip
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from delegate import (
    AsyncVerifier,
    Identity,
    Reason,
    Request,
    RevocationList,
    RevokedBlock,
    RootBundle,
    Verifier,
    trusted,
)
from delegate.state import connect_async
from delegate.trust.fetch import Answer, Fetching
from delegate.verifier import following as module
from delegate.verifier.following import Followed, Following, Source, pause
from tests.trust.web import Page, Web, raw

PATIENCE_S = 30
OPS, ALICE, BOB = (
    Identity.from_seed(name, bytes([number]) * 32)
    for number, name in enumerate(("svc:ops", "user:alice@example.com", "user:bob@example.com"), 1)
)
AGENT = Identity.from_seed("agent:a", b"a" * 32)
REQUEST = Request("files.read", "/a")
TOKEN = ALICE.mint(to=AGENT.principal, can="files.read /**", ttl="1h")


def page(made: RootBundle | RevocationList, **headers: str) -> Page:
    """A page with a bundle or a list."""
    return Page(made.to_text().encode(), headers=tuple(headers.items()))


def verifier(**terms: Any) -> Verifier:  # noqa: ANN401 - any term of Verifier
    """A verifier that trusts ops alone."""
    return Verifier([OPS.principal], audience="s", **terms)


def reason(service: Verifier, token: Any = TOKEN) -> str:  # noqa: ANN401 - a token
    """What comes of a request of this chain."""
    return str(service.decide(AGENT.prove(token, REQUEST, "s"), REQUEST).reason or "allowed")


def until(following: Following, met: Callable[[tuple[Followed, ...]], bool]) -> None:
    """Wait until the status is so: every round tells."""
    with following._changed:
        assert following._changed.wait_for(lambda: met(following.status), PATIENCE_S), following.status


def source(*answers: Answer | Exception, take: Callable[[bytes], None] | None = None) -> tuple[Source, list[Any]]:
    """A source that gets these answers, one a round, and what it was asked with and took."""
    seen: list[Any] = []
    left: Iterator[Answer | Exception] = iter(answers)

    def get(url: str, known: Answer | None, fetching: Fetching) -> Answer:
        del url, fetching
        seen.append(known)
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Source("https://x/it?key=s3cret", get, take or seen.append), seen


FIRST = OPS.sign_roots([trusted(ALICE.principal, root=True), trusted(OPS.principal, revoker=True)])


def test_roots_and_revocations_are_followed(web: Web) -> None:
    """A verifier that starts with nothing of it allows, and refuses what was taken back, once they have arrived."""
    web.pages["/roots"] = page(FIRST)
    web.pages["/revoked"] = page(OPS.revoke())
    service = verifier()
    assert reason(service) == "unknown_root"
    urls = {"roots": web.url("/roots"), "revocations": web.url("/revoked"), "pinned": OPS.principal}
    with service.follow(**urls, interval="1h") as following:  # type: ignore[arg-type]
        assert following.wait(PATIENCE_S)
        assert reason(service) == "allowed"
        web.pages["/revoked"] = page(OPS.revoke(blocks=[RevokedBlock.of(TOKEN)], after=1))
        following.refresh()
        until(following, lambda status: status[1].taken == 2)
        assert reason(service) == "revoked"
        assert [(each.failures, each.error) for each in following.status] == [(0, "")] * 2
        assert repr(following) == f"<Following {urls['roots']}, {urls['revocations']}>"
    assert reason(service) == "revoked"  # what was taken over stays


def test_an_answer_that_is_the_same_is_not_read_again(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the server says so or sends it once more; the marks are sent back."""
    read: list[bytes] = []
    parse = RootBundle.parse

    def counted(body: bytes, **more: Any) -> RootBundle:  # noqa: ANN401 - as `parse`
        read.append(body)
        return parse(body, **more)

    monkeypatch.setattr(RootBundle, "parse", counted)
    for headers in ({}, {"ETag": '"1"'}):
        web.pages["/roots"] = page(FIRST, **headers)
        service = verifier()
        read.clear()
        with service.follow(roots=web.url("/roots"), pinned=OPS.principal, interval="1h") as following:
            assert following.wait(PATIENCE_S)
            held = service._configured
            asked = len(web.asked)
            following.refresh()
            until(following, lambda _, asked=asked: len(web.asked) > asked and following.status[0].age_s is not None)  # type: ignore[misc]
        assert len(read) == 1
        assert service._configured is held
    assert web.asked[-1][1].get("if-none-match") == '"1"'


def test_a_rolled_back_bundle_is_refused_and_told(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever has the server, and not the key, can serve what is old: it is not taken."""
    second = OPS.sign_roots(
        [trusted(BOB.principal, root=True)], previous=FIRST, distrust=[ALICE.principal, OPS.principal]
    )
    web.pages["/roots"] = page(second)
    service = verifier()
    with (
        caplog.at_level(logging.INFO, "delegate.follow"),
        service.follow(roots=web.url("/roots"), pinned=OPS.principal, interval="1h") as following,
    ):
        assert following.wait(PATIENCE_S)
        web.pages["/roots"] = page(FIRST)
        following.refresh()
        until(following, lambda status: status[0].failures > 0)
        assert "replayed" in following.status[0].error
        assert reason(service) == "unknown_root"
        web.pages["/roots"] = page(second)
        following.refresh()
        until(following, lambda status: status[0].failures == 0)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


WRONG: dict[str, bytes] = {
    "signed by another": ALICE.sign_roots([trusted(ALICE.principal, root=True)]).to_bytes(),
    "altered": FIRST.to_bytes()[:-1] + bytes((FIRST.to_bytes()[-1] ^ 1,)),
    "expired": OPS.sign_roots([trusted(ALICE.principal, root=True)], now=1_000_000, ttl="1d").to_bytes(),
    "a list": OPS.revoke().to_bytes(),
    "a web page": b"<html>",
    "nothing": b"",
    "too long": bytes(200_000),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_what_no_pinned_key_signed_changes_nothing(web: Web, body: bytes) -> None:
    """Whatever a server gives in the place of a bundle."""
    web.pages["/roots"] = Page(body)
    service = verifier()
    before = service._configured
    with service.follow(roots=web.url("/roots"), pinned=OPS.principal, interval="1h") as following:
        until(following, lambda status: status[0].failures > 0)
        assert not following.wait(0.01)
    assert service._configured is before


def test_a_bomb_for_a_list_changes_nothing(web: Web) -> None:
    """50 MB in 50 KB in the place of a revocation list."""
    web.pages["/revoked"] = Page(gzip.compress(bytes(50_000_000)), headers=(("Content-Encoding", "gzip"),))
    with verifier().follow(revocations=[web.url("/revoked")]) as following:
        until(following, lambda status: status[0].failures > 0)
        assert "more than" in following.status[0].error


def test_what_cannot_be_fetched_is_decided_by_its_age(web: Web) -> None:
    """A server that is gone stops nothing by itself: the bound on the age does, by the verifier's clock."""
    import time

    now = int(time.time())
    clock = [now]
    service = Verifier(
        [ALICE.principal], audience="s", revokers=[OPS.principal], max_revocation_age="10m", clock=lambda: clock[0]
    )
    web.pages["/revoked"] = page(OPS.revoke(now=now))
    with service.follow(revocations=web.url("/revoked"), interval="1h") as following:
        assert following.wait(PATIENCE_S)
        web.pages.clear()
        following.refresh()
        until(following, lambda status: status[0].failures > 0)
        assert reason(service) == "allowed"
        clock[0] = now + 601
        stale = service.decide(AGENT.prove(TOKEN, REQUEST, "s", now=clock[0]), REQUEST)
        assert stale.reason is Reason.REVOCATION_STALE


def test_closing_ends_what_is_under_way() -> None:
    """A server that never answers does not hold anybody up; closing twice is nothing."""
    connected = threading.Event()
    ended = threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(4096)
        connected.set()
        connection.recv(1)  # until the other side ends it
        ended.set()

    with raw(hang) as url:
        following = verifier().follow(revocations=url, deadline="10m")
        assert connected.wait(PATIENCE_S)
        following.close()
        assert ended.wait(PATIENCE_S)
        following.close()
        assert not following.wait(PATIENCE_S)  # at once: nothing will come any more


def test_the_newest_bundle_outlives_the_process(web: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A cache: the next start begins with it while the server is away, and takes none that is older."""
    cache = tmp_path / "roots.dlgk"
    second = OPS.sign_roots(FIRST.keys, previous=FIRST)
    web.pages["/roots"] = page(second)
    terms: dict[str, Any] = {"roots": web.url("/roots"), "pinned": OPS.principal, "cache": cache, "interval": "1h"}
    with verifier().follow(**terms) as following:
        assert following.wait(PATIENCE_S)
    assert RootBundle.parse(cache.read_bytes(), pinned=OPS.principal) == second
    assert cache.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [cache]
    web.pages["/roots"] = page(FIRST)
    again = verifier()
    with again.follow(**terms) as following:
        assert again.bundle == second
        assert reason(again) == "allowed"
        until(following, lambda status: status[0].failures > 0)
        assert "replayed" in following.status[0].error
    cache.write_bytes(b"rubbish")
    with verifier().follow(**terms) as following:  # a damaged cache is told, and the server is asked
        assert following.wait(PATIENCE_S)
    assert "is not gone by" in caplog.text
    missing = tmp_path / "missing" / "roots.dlgk"
    with verifier().follow(**{**terms, "cache": missing}) as following:
        assert following.wait(PATIENCE_S)
    assert "cannot be kept" in caplog.text


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({}, ValueError),
        ({"revocations": []}, ValueError),
        ({"revocations": "http://example.com/x"}, ValueError),
        ({"revocations": "file:///etc/passwd"}, ValueError),
        ({"roots": "https://example.com/x"}, TypeError),
        ({"pinned": OPS.principal, "revocations": "https://example.com/x"}, TypeError),
        ({"roots": "https://example.com/x", "pinned": []}, ValueError),
        ({"revocations": "https://example.com/x", "cache": "x"}, TypeError),
        ({"revocations": "https://example.com/x", "interval": "often"}, ValueError),
    ],
)
def test_what_is_half_said_is_a_mistake(terms: dict[str, Any], error: type[Exception]) -> None:
    """Roots without a pinned key above all: nothing is followed on a server's word alone."""
    with pytest.raises(error):
        verifier().follow(**terms)


def test_a_round_tells_how_it_went() -> None:
    """What came, what failed and how often in a row; a body that did not hold is looked at again."""
    one, seen = source(
        Answer(b"a", '"1"'), Answer(None, '"1"'), Answer(b"a"), Answer(b"b"), KeyError("ours"), Answer(b"b")
    )
    assert [one.once() for _ in range(4)] == [True] * 4
    assert seen == [None, b"a", Answer(b"", '"1"'), Answer(b"", '"1"'), Answer(b""), b"b"]
    assert not one.once()
    status = one.status()
    assert (status.failures, status.taken, status.error) == (1, 2, "KeyError while taking it over")
    assert status.url == "https://x/it"
    assert status.age_s is not None
    assert one.once()
    assert one.status().failures == 0
    never, _ = source(KeyError())
    assert not never.once()
    assert never.status().age_s is None


def test_it_is_tried_again_less_and_less_often() -> None:
    """Never more often than every second, nor less than every interval; a little apart from all others."""
    assert [pause(failures, 60, lambda: 0) for failures in (0, 1, 2, 3, 6, 7, 8, 10_000)] == [
        60,
        1,
        2,
        4,
        32,
        60,
        60,
        60,
    ]
    assert pause(0, 60, lambda: 1) == 54
    assert pause(3, 60, lambda: 1) == 2
    assert all(54 <= pause(0, 60) <= 60 for _ in range(100))


def test_a_list_s_records_count_by_who_signed_them(web: Web) -> None:
    """A stranger's list takes back nothing, wherever it came from."""
    web.pages["/revoked"] = page(BOB.revoke(blocks=[RevokedBlock.of(TOKEN)]))
    service = Verifier([ALICE.principal], audience="s")
    with service.follow(revocations=web.url("/revoked")) as following:
        assert following.wait(PATIENCE_S)
        assert reason(service) == "allowed"


async def reason_of(service: AsyncVerifier) -> str:
    """The same, awaited."""
    return str((await service.decide(AGENT.prove(TOKEN, REQUEST, "s"), REQUEST)).reason or "allowed")


def test_an_asynchronous_verifier_follows_too(web: Web) -> None:
    """In threads of its own, where memory holds the lists."""
    web.pages["/roots"] = page(FIRST)
    web.pages["/revoked"] = page(OPS.revoke(blocks=[RevokedBlock.of(TOKEN)]))

    async def serve() -> None:
        service = AsyncVerifier([OPS.principal], audience="s")
        assert await reason_of(service) == "unknown_root"
        async with service.follow(roots=web.url("/roots"), pinned=OPS.principal) as following:
            assert await following.ready(PATIENCE_S)
            assert await reason_of(service) == "allowed"
        async with service.follow(revocations=web.url("/revoked")) as following:
            assert await following.ready(PATIENCE_S)
        assert await reason_of(service) == "revoked"

    asyncio.run(serve())


def test_a_list_is_taken_over_in_the_loop_of_an_awaited_store(web: Web, tmp_path: Path) -> None:
    """What reads and checks it is a thread; what stores it is the loop that the store is of."""
    web.pages["/revoked"] = page(OPS.revoke(blocks=[RevokedBlock.of(TOKEN)]))

    async def serve() -> None:
        async with await connect_async(f"sqlite:///{tmp_path / 'state.db'}") as state:
            service = AsyncVerifier([ALICE.principal], audience="s", revokers=[OPS.principal], state=state)
            async with service.follow(revocations=web.url("/revoked")) as following:
                assert await following.ready(PATIENCE_S), following.status
                assert await reason_of(service) == "revoked"

    asyncio.run(serve())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_child_of_a_fork_follows_too(web: Web) -> None:
    """A server that forks its workers after it was set up: each hears of what is taken back afterwards."""
    gc.collect()
    web.pages["/revoked"] = page(OPS.revoke())
    service = Verifier([ALICE.principal], audience="s", revokers=[OPS.principal])
    with service.follow(revocations=web.url("/revoked"), interval="1h") as following:
        assert following.wait(PATIENCE_S)
        web.pages["/revoked"] = page(OPS.revoke(blocks=[RevokedBlock.of(TOKEN)], after=1))
        child = os.fork()
        if child == 0:  # pragma: no cover - another process
            try:
                until(following, lambda status: status[0].taken == 2)
                os._exit(0 if reason(service) == "revoked" else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert following.status[0].taken == 1  # the parent was not asked to look yet


def test_an_awaited_store_is_not_followed_by_a_child() -> None:
    """Its loop is the parent's: the child's following is closed, and its lists are stale in time."""
    one, _ = source(Answer(b"a"))
    following = Following([one], 3600, asyncio.new_event_loop())
    assert following.wait(PATIENCE_S)
    module._forked()
    assert not following._open
    assert following._loop is not None
    following._loop.close()
    following.close()
