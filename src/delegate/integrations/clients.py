"""What HTTP clients share, without I/O: whom a proof is for, how a request is signed, and what a refusal says.

The rules of this file:

- Each request that is sent has a proof of its own, made of what is sent: the URL, the media type, the bytes.
- A proof goes to an origin that its audience is known for, and to no other: from the caller's own map, or, where none
  is given, from that origin's challenge. That is safe for HTTP alone, where the request itself names the origin: a
  proof that a hostile server asks for in a bank's name is for a request to the hostile server.
- What a server says is somebody else's word: it is bounded, escaped where it is shown, and never obeyed beyond that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from delegate.authoring.ask import Ask
from delegate.authoring.discharge import Discharge
from delegate.core.chain.claims import check_audience_name
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request
from delegate.core.chain.urls import join_target
from delegate.errors import DelegateError, Reason, VerificationError
from delegate.holder import Holder
from delegate.integrations.http import PROBLEM, SCHEME, Headers, client_request
from delegate.regular import regular

Audiences: TypeAlias = Mapping[str, str] | str | None
Discharges: TypeAlias = Callable[[Request], Iterable[Discharge]] | None

PROBLEM_BYTES: Final = 1 << 20
_ASKS: Final = 16
# One challenge of ours, first in its header (RFC 9110 §11.6.1); a server with several sends a header for each.
_CHALLENGE: Final = regular(r'[ \t]*delegate[ ]+audience="((?:[^"\\]|\\.)*)"[ \t]*(?:,.*)?')


class WrongRequestError(VerificationError):
    """A service saw another request than the one that was proven: its public URL, or something in between.

    Attributes:
        ours: the canonical text of the request that was proven.
        theirs: of the one that the service says it saw; its own word.
    """

    def __init__(self, ours: str, theirs: str) -> None:
        """Show the two side by side."""
        detail = f"proven: {shown(ours, 900)} · the service saw: {shown(theirs, 900)}"
        super().__init__(Reason.PROOF_WRONG_REQUEST, detail)
        self.ours = ours
        self.theirs = theirs

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes as the two texts."""
        return type(self), (self.ours, self.theirs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a service says about its refusal (SPEC §11): its own word, as far as it can be read.

    Attributes:
        reason: the shared word; `None` where it is none.
        detail: one line.
        hop: index of the block that refuses; `None` where it does not say.
        asks: whom to ask for what, so that the request could be allowed.
        request: the canonical text of the request that it saw; empty where it does not say.
    """

    reason: Reason | None
    detail: str = ""
    hop: int | None = None
    asks: tuple[Ask, ...] = ()
    request: str = ""

    @classmethod
    def read(cls, content_type: str | None, body: bytes) -> Problem | None:
        """Read a problem; `None` where a body is none. Raises nothing for what a server sends."""
        if (content_type or "").partition(";")[0].strip().lower() != PROBLEM or len(body) > PROBLEM_BYTES:
            return None
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(said, dict):
            return None
        reason, detail, hop = said.get("reason"), said.get("detail"), said.get("hop")
        asks, request = said.get("asks"), said.get("request")
        return cls(
            reason=Reason(reason) if isinstance(reason, str) and reason in set(Reason) else None,
            detail=shown(detail, 2000) if isinstance(detail, str) else "",
            hop=hop if type(hop) is int else None,
            asks=tuple(_asks(asks)) if isinstance(asks, list) else (),
            request=request if isinstance(request, str) else "",
        )


def _asks(given: list[object]) -> Iterable[Ask]:
    for each in given[:_ASKS]:
        if isinstance(each, str):
            try:
                yield Ask.parse(each)
            except DelegateError:
                continue


class Names:
    """Which name a service has: by a map of the caller's own, one name for all, or as an origin says of itself."""

    def __init__(self, audience: Audiences) -> None:
        """Take what the caller said.

        Args:
            audience: origin → the service's name; or one name; `None`: what the origin's challenge says.

        Raises:
            ValueError: no such name, no such origin, or an empty map.
        """
        self.fixed: dict[str, str] | None = None
        self._one: str | None = None
        self._learnt: dict[str, str] = {}
        if isinstance(audience, str):
            _check(audience)
            self._one = audience
        elif audience is not None:
            if not audience:
                message = "audience is empty: no request would be proven"
                raise ValueError(message)
            for name in audience.values():
                _check(name)
            self.fixed = {origin_of(origin): name for origin, name in audience.items()}

    def of(self, origin: str) -> str | None:
        """Give the name of the service at an origin; `None` where it is not known, or no proof is for it."""
        if self.fixed is not None:
            return self.fixed.get(origin)
        return self._one or self._learnt.get(origin)

    def learn(self, origin: str, challenges: Iterable[str]) -> str | None:
        """Take the name that an origin says it has, where nobody else said it; `None` where there is nothing new."""
        if self.fixed is not None or self._one is not None:
            return None
        for each in challenges:
            match = _CHALLENGE.fullmatch(each.replace("Delegate", "delegate", 1))
            if match is not None:
                name = match[1].replace('\\"', '"').replace("\\\\", "\\")
                if check_audience_name(name) and self._learnt.get(origin) != name:
                    self._learnt[origin] = name
                    return name
        return None


def _check(name: object) -> None:
    if not check_audience_name(name):
        message = "an audience is a name of 1 to 200 visible ASCII characters"
        raise ValueError(message)


def origin_of(url: str) -> str:
    """Write an origin in its one way, `https://files.example.com`; raises ValueError for what is none."""
    return join_target(url, "/")[:-1]


class Signer:
    """Signs requests for a holder."""

    def __init__(self, holder: Holder, audience: Audiences, discharges: Discharges = None) -> None:
        """Take whose chain, for whom, and a function that gives the discharges for a request.

        Raises:
            TypeError: no holder. ValueError: as `Names`.
        """
        if not isinstance(holder, Holder):
            message = f"a client needs a Holder, not a {type(holder).__name__}"
            raise TypeError(message)
        self.names = Names(audience)
        self._holder = holder
        self._discharges = discharges

    def proof(self, asked: Request, audience: str) -> str:
        """Make the value of `Authorization` for one request: a new proof each time."""
        discharges = tuple(self._discharges(asked)) if self._discharges is not None else ()
        return f"{SCHEME} {self._holder.prove(asked, audience, discharges=discharges).to_text()}"

    def sign(self, headers: MutableMapping[str, str], asked: Request, audience: str, *, taken: bool) -> None:
        """Put a fresh proof into `Authorization`, or where that is taken into `Delegation`."""
        proof = self.proof(asked, audience)
        if taken:
            headers["Delegation"] = proof.partition(" ")[2]
        else:
            headers["Authorization"] = proof

    def __repr__(self) -> str:
        return f"<Signer of {self._holder.identity.name}>"

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled: a key would travel with it."""
        message = "what signs for a holder is not pickled"
        raise TypeError(message)


def without_proof(headers: MutableMapping[str, str]) -> bool:
    """Take away a proof that was made for another request; say whether `Authorization` is taken by something else."""
    headers.pop("Delegation", None)
    if headers.get("Authorization", "").lower().startswith("delegate "):
        del headers["Authorization"]
    return "Authorization" in headers


def asked_of(method: str, url: str, headers: Headers, body: bytes) -> tuple[Request, str]:
    """Give the request that is about to be sent, and the origin that it goes to."""
    asked = client_request(method, url, headers, body)
    scheme, _, rest = (asked.resource or "").partition("://")
    return asked, f"{scheme}://{rest.partition('/')[0]}"


def refuse_wrong_request(asked: Request, problem: Problem | None) -> None:
    """Raise where a service says that a proof is for another request: a retry would fail in the same way."""
    if problem is not None and problem.reason is Reason.PROOF_WRONG_REQUEST:
        raise WrongRequestError(asked.describe(), problem.request)
