"""`verifier.follow(…)`: roots and revocations by URL, fetched again and again for as long as it is open (SPEC §15.4).

The rules of this file:

- Everything happens in threads of its own: fetching, reading and checking, so that no event loop waits for any of it.
- What was taken over stays taken over, whatever comes later or does not. How old is too old is not decided here:
  `max_revocation_age` and the bundle's own end say that, by the verifier's clock.
- A body that is the one before, or that the server says is, is neither read nor taken over again.
- What fails is tried again, less and less often, and never more often than there would have been anything new.
"""

from __future__ import annotations

import os
import random
import time
import weakref
from collections.abc import Callable, Iterable
from hashlib import sha256
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from delegate.core.chain.revocations import RevocationList
from delegate.core.chain.spans import Span, seconds
from delegate.errors import DelegateError
from delegate.limits import REVOCATIONS_BYTES
from delegate.state.own_file import replace_whole
from delegate.trust.bundle import BUNDLE_BYTES, RootBundle, pinned_keys
from delegate.trust.fetch import Answer, Fetching, check_url, fetch

if TYPE_CHECKING:
    import asyncio
    from os import PathLike
    from ssl import SSLContext

    from delegate.core.keys.principal import Principal
    from delegate.core.keys.public import PublicKey

_TEXT: Final = 4 / 3  # of a text form, and some room for white space
_FIRST_AGAIN_S: Final = 1.0
_JITTER: Final = 0.1
_TAKING_S: Final = 30.0  # for an awaited store to take a list over
_ROUND_BODY: Final = 1024


class Followed(NamedTuple):
    """How it stands with one URL.

    Attributes:
        url: without its query.
        age_s: since it was last fetched, or last said to be unchanged, by the process's own clock; `None`: never.
        failures: how often in a row it failed since then.
        error: why, the last time; empty where it did not.
        taken: how often something new was taken over.
    """

    url: str
    age_s: float | None
    failures: int
    error: str
    taken: int


class Source:
    """One URL: what is known of it, and one round of fetching, checking and taking over."""

    __slots__ = ("_at", "_body", "_fetching", "_get", "_known", "_take", "error", "failures", "taken", "url")

    def __init__(
        self, url: str, get: Callable[[str, Answer | None, Fetching], Answer], take: Callable[[bytes], None]
    ) -> None:
        """Nothing is known yet. `take` reads a body, checks it and takes it over, or raises DelegateError."""
        self.url = url
        self._get = get
        self._take = take
        self._known: Answer | None = None
        self._body = b""  # of the one that was taken over, its digest
        self._at: float | None = None
        self._fetching: Fetching | None = None
        self.failures = 0
        self.error = ""
        self.taken = 0

    def once(self) -> bool:
        """Fetch, and take over what is new; says whether the server answered with something that holds."""
        self._fetching = Fetching()
        asked = time.monotonic()
        try:
            answer = self._get(self.url, self._known, self._fetching)
            if answer.body is not None:
                digest = sha256(answer.body).digest()
                if digest != self._body:
                    self._take(answer.body)
                    self._body = digest
                    self.taken += 1
                self._known = answer._replace(body=b"")
        except DelegateError as error:
            self.failures += 1
            self.error = str(error)
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, following goes on, and says so
            self.failures += 1
            self.error = f"{type(error).__name__} while taking it over"
            return False
        self._at, self.failures, self.error = asked, 0, ""
        return True

    def stop(self) -> None:
        """End what is under way."""
        fetching = self._fetching
        if fetching is not None:
            fetching.stop()

    def status(self) -> Followed:
        """Say how it stands."""
        age = None if self._at is None else time.monotonic() - self._at
        return Followed(self.url.partition("?")[0], age, self.failures, self.error, self.taken)


def pause(failures: int, interval_s: float, chance: Callable[[], float] = random.random) -> float:
    """Say how long to wait for the next round, in seconds: longer with every failure, up to the interval itself."""
    if not failures:
        return interval_s * (1 - _JITTER * chance())
    return min(_FIRST_AGAIN_S * 2.0 ** min(failures - 1, 30), interval_s) * (1 - chance() / 2)


class Following:
    """Follows URLs for a verifier, in threads of its own, until it is closed.

    A context manager, also of `async with`. After a `fork` the child follows too, with threads of its own, where the
    verifier's stores are not awaited.
    """

    __slots__ = ("__weakref__", "_changed", "_interval_s", "_loop", "_open", "_sources", "_wake")

    def __init__(self, sources: Iterable[Source], interval_s: float, loop: asyncio.AbstractEventLoop | None) -> None:
        """Begin to follow, at once."""
        self._sources = tuple(sources)
        self._interval_s = interval_s
        self._loop = loop
        self._open = True
        self._start()
        _open.add(self)

    @property
    def status(self) -> tuple[Followed, ...]:
        """How it stands with each URL: the roots' first, then the revocations'."""
        return tuple(each.status() for each in self._sources)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until every URL was fetched, and what came was taken over; `False` where the time was not enough."""
        with self._changed:
            return self._changed.wait_for(self._is_done, timeout_s) and self._is_settled()

    async def ready(self, timeout_s: float | None = None) -> bool:
        """Await what `wait` waits for."""
        import asyncio

        return await asyncio.to_thread(self.wait, timeout_s)

    def refresh(self) -> None:
        """Fetch now, not only when it is time again."""
        for each in self._wake:
            each.set()

    def close(self) -> None:
        """Stop following. What was taken over stays. Does not wait for what is under way."""
        self._open = False
        _open.discard(self)
        for each in self._sources:
            each.stop()
        self.refresh()
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Following {', '.join(each.url.partition('?')[0] for each in self._sources)}>"

    def _is_settled(self) -> bool:
        return all(each.status().age_s is not None for each in self._sources)

    def _is_done(self) -> bool:
        return not self._open or self._is_settled()

    def _start(self) -> None:
        self._changed = Condition()
        self._wake = tuple(Event() for _ in self._sources)
        for source, wake in zip(self._sources, self._wake, strict=True):
            Thread(target=self._run, args=(source, wake, self._changed), name="delegate-follow", daemon=True).start()

    def _run(self, source: Source, wake: Event, changed: Condition) -> None:
        failed = False
        while self._open:
            wake.clear()
            held = source.once()
            if not self._open:
                return
            if held == failed:  # it turned
                failed = not held
                _log(source.status())
            with changed:
                changed.notify_all()
            wake.wait(pause(source.failures, self._interval_s))


_open: weakref.WeakSet[Following] = weakref.WeakSet()


def _forked() -> None:
    """Go on in the child of a `fork`, which has none of the threads."""
    for each in tuple(_open):
        if each._loop is None:  # noqa: SLF001 - our own
            each._start()  # noqa: SLF001 - the same
        else:
            each._open = False  # noqa: SLF001 - the same


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def follow(
    verifier: Any,  # noqa: ANN401 - either verifier; importing them here would go in a circle
    take_list: Callable[[RevocationList], object],
    *,
    roots: str | None,
    revocations: str | Iterable[str] | None,
    pinned: Principal | PublicKey | Iterable[Principal | PublicKey] | None,
    interval: Span,
    deadline: Span,
    cache: str | PathLike[str] | None,
    tls: SSLContext | None,
    loop: asyncio.AbstractEventLoop | None,
) -> Following:
    """Begin to follow; see `Verifier.follow`."""
    lists = (revocations,) if isinstance(revocations, str) else tuple(revocations or ())
    if (roots is None and revocations is None) or (revocations is not None and not lists):
        message = "say what to follow: roots='https://…', revocations='https://…', or both"
        raise ValueError(message)
    if (roots is None) != (pinned is None):
        message = "a root bundle is followed with the key that signs it: roots='https://…', pinned=principal"
        raise TypeError(message)
    if cache is not None and roots is None:
        message = "cache keeps the newest root bundle: it goes with roots"
        raise TypeError(message)
    interval_s, deadline_s = float(seconds(interval)), float(seconds(deadline))

    def getter(most_bytes: int) -> Callable[[str, Answer | None, Fetching], Answer]:
        def get(url: str, known: Answer | None, fetching: Fetching) -> Answer:
            return fetch(url, most_bytes=most_bytes, known=known, deadline_s=deadline_s, tls=tls, fetching=fetching)

        return get

    sources = []
    if roots is not None and pinned is not None:
        keys = pinned_keys(pinned)
        if cache is not None:
            _take_cached(verifier, os.fspath(cache), keys)

        def take_roots(body: bytes) -> None:
            bundle = RootBundle.parse(body, pinned=keys)
            if verifier.accept_roots(bundle) and cache is not None:
                _write(os.fspath(cache), bundle)

        sources.append(Source(check_url(roots), getter(_most(BUNDLE_BYTES)), take_roots))

    def take_revocations(body: bytes) -> None:
        take_list(RevocationList.parse(body))

    sources += [Source(check_url(url), getter(_most(REVOCATIONS_BYTES)), take_revocations) for url in lists]
    return Following(sources, interval_s, loop)


def taking(
    take: Callable[[RevocationList], Any], loop: asyncio.AbstractEventLoop
) -> Callable[[RevocationList], object]:
    """Let a list be taken over in an event loop, by a store that is awaited there, and wait for it here."""
    import asyncio

    def wait_for(found: RevocationList) -> object:
        return asyncio.run_coroutine_threadsafe(take(found), loop).result(_TAKING_S)

    return wait_for


def _most(document_bytes: int) -> int:
    return int(document_bytes * _TEXT) + _ROUND_BODY


def _take_cached(verifier: Any, path: str, keys: frozenset[PublicKey]) -> None:  # noqa: ANN401 - as above
    """Begin with the bundle that was the newest when this was last running, if it still holds.

    Raises:
        OSError: there is such a file, and it cannot be read.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - one way to open files
            content = file.read(_most(BUNDLE_BYTES) + 1)
    except FileNotFoundError:
        return
    try:
        verifier.accept_roots(RootBundle.parse(content, pinned=keys))
    except DelegateError as error:
        import logging

        logging.getLogger("delegate.follow").warning("the root bundle in %s is not gone by: %s", path, error)


def _write(path: str, bundle: RootBundle) -> None:
    """Keep a bundle for the next start; what cannot be written is only logged, since the bundle itself holds."""
    try:
        replace_whole(path, bundle.to_text().encode() + b"\n", 0o600)
    except OSError as error:
        import logging

        logging.getLogger("delegate.follow").warning("the root bundle cannot be kept in %s: %s", path, error)


def _log(status: Followed) -> None:
    import logging

    log = logging.getLogger("delegate.follow")
    if status.error:
        log.warning("%s: %s", status.url, status.error)
    else:
        log.info("%s: followed", status.url)
