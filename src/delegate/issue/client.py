"""Asking an issuer for a chain, and for the next one in time.

The rules of this file:

- The issuer is found by its address (RFC 8414); what it says of itself must name that address.
- The chain is for the key that was proven, or it is not taken.
- A chain is renewed when two thirds of its life are over, a little earlier or later for each agent, so that those that
  were started together do not come together. One renewal runs at a time.
- While the issuer is down, the old chain goes on to its end; it is asked again after pauses that grow.
- No thread is kept running: nothing has to be stopped, and a `fork` breaks nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from delegate.authoring.identity import Identity
from delegate.authoring.token import Token
from delegate.core.chain.printable import shown
from delegate.errors import AttenuationError, DelegateError, Reason
from delegate.issue import dpop
from delegate.issue.facts import read_object
from delegate.issue.fetch import Answer, Fetch, fetch
from delegate.issue.refusals import USE_NONCE, IssuerUnavailable, NotIssued
from delegate.issue.sources import Source
from delegate.issue.words import EXCHANGE

if TYPE_CHECKING:
    from ssl import SSLContext

ANSWER_BYTES: Final = 64 * 1024
METADATA: Final = "/.well-known/oauth-authorization-server"
_PAUSES_S: Final = (1, 60)  # the first pause after a failure, and the longest
_REASONS: Final = frozenset(map(str, Reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an agent asks for, beside who it is.

    Attributes:
        audience: services where the chain shall be good; empty: as the grant says.
        grant: the grant's name; empty: the first that is given.
        ttl: how long, such as `5m`; empty: as the grant says.
    """

    audience: tuple[str, ...] = ()
    grant: str = ""
    ttl: str = ""


def metadata(url: str, *, fetch: Fetch = fetch) -> dict[str, object]:
    """Read what an issuer says of itself (RFC 8414 §3).

    Raises:
        IssuerUnavailable: it does not answer. NotIssued: UNKNOWN_ROOT: it is another one.
    """
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url.rstrip("/"))
    place = urlunsplit((parts.scheme, parts.netloc, METADATA + parts.path, "", ""))
    answer = fetch(place, most_bytes=ANSWER_BYTES)
    if answer.status != 200:
        raise IssuerUnavailable(f"`{shown(url)}` is no issuer: status {answer.status}")
    found = read_object(answer.body, "what the issuer says of itself", most_bytes=ANSWER_BYTES)
    if found.get("issuer") != url.rstrip("/"):
        raise NotIssued(Reason.UNKNOWN_ROOT, f"`{shown(url)}` says that it is another issuer")
    return found


def exchange(
    endpoint: str,
    identity: Identity,
    source: Source,
    wanted: Wanted,
    *,
    now: int | None = None,
    fetch: Fetch = fetch,
) -> Token:
    """Ask an issuer once.

    Args:
        endpoint: its token endpoint.
        identity: the agent's name and key, for which the chain shall be.
        source: says who this is.
        wanted: what is asked for.
        now: by this machine's clock, if not said.
        fetch: what asks.

    Raises:
        NotIssued: the issuer refuses; `reason` is its word. IssuerUnavailable: it, or the source, does not answer.
        TokenError: what it gives is no chain. AttenuationError: PROOF_WRONG_KEY: it is for another key.
    """
    given = source.token(identity.public_key)
    form: dict[str, str | list[str]] = {
        "grant_type": EXCHANGE,
        "subject_token": given.text,
        "subject_token_type": given.kind,
        "agent": identity.name,
    }
    optional: dict[str, str | list[str]] = {
        "nonce_salt": given.salt,
        "scope": wanted.grant,
        "ttl": wanted.ttl,
        "audience": list(wanted.audience),
    }
    form |= {name: value for name, value in optional.items() if value}
    return _token(_post(endpoint, identity, form, now=now, fetch=fetch, context=given.context), identity)


def take_back(
    endpoint: str, identity: Identity, token: Token, *, now: int | None = None, fetch: Fetch = fetch
) -> Answer:
    """Ask an issuer to take a chain back.

    Args:
        endpoint: its revocation endpoint.
        identity: has the chain's key.
        token: the chain, as it was issued.
        now: by this machine's clock, if not said.
        fetch: what asks.

    Raises:
        IssuerUnavailable: it does not answer.
    """
    return _post(endpoint, identity, {"token": token.to_text()}, now=now, fetch=fetch)


def _post(
    endpoint: str,
    identity: Identity,
    form: dict[str, str | list[str]],
    *,
    now: int | None,
    fetch: Fetch,
    context: SSLContext | None = None,
) -> Answer:
    """Ask with a proof; once more where the issuer wants its nonce in it (RFC 9449 §8)."""
    nonce = ""
    while True:
        proof = dpop.make(identity.signer, method="POST", url=endpoint, now=now, nonce=nonce)
        answer = fetch(endpoint, most_bytes=ANSWER_BYTES, form=form, headers={"dpop": proof}, context=context)
        wanted_nonce = answer.headers.get("dpop-nonce", "")
        if nonce or not wanted_nonce or answer.status == 200 or _error(answer) != USE_NONCE:
            return answer
        nonce = wanted_nonce


def _error(answer: Answer) -> object:
    try:
        return read_object(answer.body, "the issuer's answer", most_bytes=ANSWER_BYTES).get("error")
    except DelegateError:
        return None


def _token(answer: Answer, identity: Identity) -> Token:
    try:
        said = read_object(answer.body, "the issuer's answer", most_bytes=ANSWER_BYTES)
    except DelegateError as error:
        raise IssuerUnavailable(f"status {answer.status}: {error.detail}") from None
    if answer.status != 200:
        code, told, reason = (said.get(name) for name in ("error", "error_description", "reason"))
        words = f"{shown(str(told or code or answer.status), 300)}"
        if answer.status >= 500:
            raise IssuerUnavailable(f"the issuer cannot answer now: {words}")
        found = Reason(reason) if isinstance(reason, str) and reason in _REASONS else Reason.POLICY_FAILED
        raise NotIssued(found, f"the issuer refuses: {words}", code=shown(str(code)), told=words)
    token = Token.parse(str(said.get("access_token", "")))
    if token.link.block.key != identity.public_key:
        raise AttenuationError("the issuer's chain is for another key", reason=Reason.PROOF_WRONG_KEY)
    return token


def _share() -> float:
    """Give a number from 0 to below 1, another one each time."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def _beside(work: Callable[[], None]) -> None:
    Thread(target=work, name="delegate renewal", daemon=True).start()


@dataclass(slots=True, kw_only=True)
class _State:
    """One chain, and when to ask for the next."""

    token: Token
    due: float
    pause_s: float = _PAUSES_S[0]
    failure: DelegateError | None = None


class Renewal:
    """Keeps a chain of an issuer's fresh. Safe under threads."""

    __slots__ = ("_ask", "_beside", "_busy", "_clock", "_jitter", "_pid", "_state")

    def __init__(
        self,
        ask: Callable[[], Token],
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = _share,
        beside: Callable[[Callable[[], None]], None] = _beside,
    ) -> None:
        """Ask for the first chain.

        Args:
            ask: gives a chain, or raises.
            clock: Unix seconds.
            jitter: a number from 0 to below 1, another one each time.
            beside: runs a renewal beside what goes on: a thread of its own.

        Raises:
            What `ask` raises.
        """
        self._ask = ask
        self._clock = clock
        self._jitter = jitter
        self._beside = beside
        self._busy = Lock()
        self._pid = os.getpid()
        self._state = self._fresh(ask())

    def _fresh(self, token: Token) -> _State:
        """Plan the next renewal: when 60 to 75 parts of 100 of the life that is left are over."""
        now = self._clock()
        return _State(token=token, due=now + max(1.0, token.expires - now) * (0.6 + 0.15 * self._jitter()))

    @property
    def due(self) -> float:
        """When the next renewal is due, Unix seconds."""
        return self._state.due

    @property
    def failure(self) -> DelegateError | None:
        """Why the last renewal failed; `None` where it did not."""
        return self._state.failure

    def current(self) -> Token:
        """Give a chain that is good now, and see to the next one beside.

        Raises:
            DelegateError: the chain is over and there is no new one: why the issuer gave none.
        """
        state, now = self._state, self._clock()
        if now >= state.token.expires:
            self.renew()
            return self._state.token
        if now >= state.due:
            self._begin()
        return state.token

    def good(self) -> Token | None:
        """Give the chain as it is, where it is not over; for whoever must not wait."""
        state, now = self._state, self._clock()
        if now >= state.due:
            self._begin()
        return None if now >= state.token.expires else state.token

    def renew(self) -> None:
        """Ask for a chain now, and wait for it.

        Raises:
            DelegateError: there is none, and the old one is over.
        """
        seen = self._state
        with self._mine():
            if self._state is not seen and self._state.failure is None:
                return  # another thread has just done it
            self._try()
            state = self._state
        if state.failure is not None and self._clock() >= state.token.expires:
            raise state.failure

    def _mine(self) -> Lock:
        """Give the lock; in the child of a `fork` a new one: nobody there holds the old."""
        if os.getpid() != self._pid:
            self._busy, self._pid = Lock(), os.getpid()
        return self._busy

    def _begin(self) -> None:
        busy = self._mine()
        if not busy.acquire(blocking=False):
            return

        def work() -> None:
            try:
                if self._clock() >= self._state.due:
                    self._try()
            finally:
                busy.release()

        try:
            self._beside(work)
        except RuntimeError:  # no thread can be started: the next call tries again
            busy.release()

    def _try(self) -> None:
        """Ask once, whatever comes of it."""
        old, now = self._state, self._clock()
        try:
            self._state = self._fresh(self._ask())
        except DelegateError as error:
            pause = old.pause_s * (0.5 + self._jitter())
            longer = min(old.pause_s * 2, _PAUSES_S[1])
            self._state = _State(token=old.token, due=now + pause, pause_s=longer, failure=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One agent's question to one issuer, to be asked again and again.

    Attributes:
        url: the issuer's address.
        identity: the agent.
        source: says who it is.
        wanted: what it asks for.
    """

    url: str
    identity: Identity
    source: Source
    wanted: Wanted
    clock: Callable[[], float] = time.time
    fetch: Fetch = fetch
    _known: list[str] = field(default_factory=list, repr=False)

    def __call__(self) -> Token:
        """Ask once."""
        if not self._known:
            self._known.append(str(metadata(self.url, fetch=self.fetch).get("token_endpoint", "")))
        now = int(self.clock())
        return exchange(self._known[0], self.identity, self.source, self.wanted, now=now, fetch=self.fetch)
