"""`Holder`: what an agent carries, an identity and a chain, and what it may ask of it (SPEC §2, §9.4)."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Unpack

from delegate.authoring.ask import Ask, asks
from delegate.authoring.discharge import Discharges
from delegate.authoring.identity import Identity
from delegate.authoring.noting import Notes
from delegate.authoring.signers import Ed25519Signer
from delegate.authoring.terms import Narrowing, telling
from delegate.authoring.token import Presentation, Token
from delegate.core.chain.request import Request
from delegate.core.chain.spans import Instant, instant
from delegate.core.keys.principal import Principal
from delegate.core.wire.armor import from_base64url, to_base64url
from delegate.errors import AttenuationError, DelegateError, Denied, Reason, TokenError
from delegate.limits import PRESENTATION_BYTES

if TYPE_CHECKING:
    from delegate.language.capability import Capability
    from delegate.verifier.decision import Decision

TOKEN_VARIABLE: Final = "DELEGATE_TOKEN"  # noqa: S105 - the name of a variable
KEY_VARIABLE: Final = "DELEGATE_KEY"  # holds a secret: `name base64url-seed`
FD_VARIABLE: Final = "DELEGATE_FD"  # the number of a pipe that holds both
ALLOWED: Final = "allowed, as far as the chain says"
_PIPE_BYTES: Final = PRESENTATION_BYTES * 2  # a line with a token as text, and one with a key


@dataclass(frozen=True, slots=True)
class Holder:
    """An agent's identity and a chain that it holds.

    Raises on construction:
        AttenuationError: PROOF_WRONG_KEY: the chain is another's.
    """

    identity: Identity
    token: Token = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a chain that this identity could not use."""
        if self.token.link.block.key != self.identity.public_key:
            raise AttenuationError(
                f"{self.identity.name} is not the holder of this chain", reason=Reason.PROOF_WRONG_KEY
            )

    def prove(
        self,
        request: Request,
        audience: str,
        *,
        discharges: Discharges = (),
        now: Instant | None = None,
        nonce: bytes | None = None,
    ) -> Presentation:
        """Prove possession over one request; see `Identity.prove`."""
        return self.identity.prove(self.token, request, audience, discharges=discharges, now=now, nonce=nonce)

    def asks(self, request: Request | None = None) -> tuple[Ask, ...]:
        """Ask for every confirmation that this chain needs, before anybody refuses; see `Ask`.

        Raises:
            ValueError: a confirmation is for each request, and no request was given.
        """
        return asks(self.token.link, request)

    def may(self, request: Request, *, audience: str | None = None, now: Instant | None = None) -> Decision:
        """Say whether this chain permits a request, without a service and without a proof.

        It goes by what the chain itself claims and trusts no root: no signature is checked. A service may refuse for
        reasons of its own (its roots, policy, revocations, budgets), and never allows what this refuses.

        Args:
            request: what is about to be asked.
            audience: the service's name; if not said, what reads `aud` is left open.
            now: when; the system's clock if not said.

        Returns:
            A decision without `chain` and `authorization`: `allowed` where nothing in the chain refuses. What depends
            on facts that the service alone knows (`env`, `holder.name`) refuses nothing; `holder_detail` names it.
            Where others must confirm the request first, the reason is DISCHARGE_MISSING, and `asks` is what to ask.

        Cost: evaluates every condition of the chain. Source: SPEC §9.4.
        """
        from delegate.core.decide.evaluate import Query
        from delegate.verifier.decision import Claimed, Decision

        moment = int(time.time()) if now is None else instant(now)
        query = Query(request, {}, {}, moment)
        try:
            depends = self._depends(request, audience, moment)
        except DelegateError as error:
            refusing = error
            refusing.defer_holder_detail(lambda: refusing.detail)
            missing = error.reason is Reason.DISCHARGE_MISSING
            decision = Decision(Claimed(query, error), None, asks=partial(self.asks, request) if missing else None)
            if isinstance(error, Denied):
                error.decision = decision
            return decision
        return Decision(Claimed(query, None, depends), None)

    def _depends(self, request: Request, audience: str | None, now: int) -> str:
        """Raise what in this chain refuses a request, or say on what of the service's it depends."""
        from delegate.core.decide import signatures
        from delegate.explain.holders import judged, known, needed

        link = self.token.link
        if now < link.not_before:
            signatures.refuse_early(link, now)
        if now >= link.expires:
            signatures.refuse_late(link, now)
        if link.audience is not None and audience not in link.audience and (audience or not link.audience):
            signatures.refuse_audience(link, audience or "any one service")
        depends = []
        for found in judged(link, request, known(link, request, now, audience)):
            if isinstance(found, Denied):
                raise found
            depends.append(f"hop {found.hop}: {found.words}")
        for each in link.up():
            if each.block.needs:
                raise Denied(Reason.DISCHARGE_MISSING, needed(each), hop=each.hop)
        return ALLOWED + "".join(f"; {each}" for each in depends)

    def grants(self) -> tuple[Capability, ...]:
        """Work out what this chain permits, all hops together, as it claims; each with its whole condition.

        It never shows less than the chain allows, and sometimes more: `may` answers for one request. Without any,
        nothing is permitted. Cost: milliseconds; see `delegate.analysis.effective`.
        """
        from delegate.analysis.effective import effective

        return effective(self.token.link).grants

    @telling(Narrowing)
    def attenuate(self, *, to: Principal | None = None, **terms: Unpack[Narrowing]) -> Token:
        """Append a block that narrows; see `Identity.attenuate` for the errors."""
        return self.identity.attenuate(self.token, to=to, **terms)

    @telling(Narrowing)
    def spawn(self, name: str, **terms: Unpack[Narrowing]) -> Holder:
        """Make a sub-agent: a new key under `name`, and this chain narrowed and handed to it.

        `hops` is 0 unless said otherwise: a spawned agent does not hand on. What notes for this identity notes for the
        new one too. Errors are those of `Identity.attenuate`.
        """
        child = Identity.generate(name, journal=self.identity.journal)
        if terms.get("hops") is None:
            terms["hops"] = 0
        return Holder(child, self.attenuate(to=child.principal, **terms))

    def to_env(self) -> dict[str, str]:
        """Give the two variables that a child process needs. One holds the secret key.

        Every process that the child starts inherits them, unless the child takes them out as `from_env` does; see
        `to_fd` for what nobody inherits.

        Raises:
            TypeError: the key cannot leave its signer.
        """
        return {TOKEN_VARIABLE: self.token.to_text(), KEY_VARIABLE: self._secret()}

    def to_fd(self) -> int:
        """Put chain and key into a pipe, and give the number of its read end: for a child process.

        What is in it can be read once, and the whole of it is there already: nobody has to write while the child reads.
        The number is not inherited unless the caller passes it on, and the child is told it by `DELEGATE_FD`:
        `Popen(command, pass_fds=[fd], env={**few, FD_VARIABLE: str(fd)})`. Close it here once the child runs.

        Raises:
            TypeError: the key cannot leave its signer.
            OSError: no pipe can be had, or it does not hold that much.
        """
        content = f"{self.token.to_text()}\n{self._secret()}\n".encode("ascii")
        reading, writing = os.pipe()
        try:
            _make_room(writing, len(content))
            os.set_blocking(writing, False)
            if os.write(writing, content) != len(content):
                raise BlockingIOError
        except OSError as error:
            os.close(reading)
            message = f"a pipe of this system does not hold {len(content)} bytes: {error.strerror or 'it is full'}"
            raise OSError(error.errno, message) from None
        finally:
            os.close(writing)
        return reading

    def _secret(self) -> str:
        signer = self.identity.signer
        if not isinstance(signer, Ed25519Signer):
            message = "only a local Ed25519 key can travel to another process"
            raise TypeError(message)
        return f"{self.identity.name} {to_base64url(signer.seed_bytes())}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, journal: Notes | None = None) -> Holder:
        """Take what `to_env` gave out of the environment: what is started later does not inherit the key.

        Where the environment names a pipe instead, as `delegate exec` does, they are taken out of that: see `from_fd`.

        Args:
            environ: `None`: this process's own environment. The variables are removed from a mapping that can be
                changed, whatever comes of them; of another they are only read. What the system shows of a process as it
                was started (`/proc/PID/environ`) it shows still, to the same user.
            journal: where the identity notes what it hands out, as for `Identity`.

        Raises:
            TokenError: MALFORMED: a variable is missing or is not what it should be, or there is a pipe beside them.
            AttenuationError: PROOF_WRONG_KEY: the two do not belong together.
        """
        given = os.environ if environ is None else environ
        said, text, number = (given.get(each) for each in (KEY_VARIABLE, TOKEN_VARIABLE, FD_VARIABLE))
        if isinstance(given, MutableMapping):
            for each in (KEY_VARIABLE, TOKEN_VARIABLE, FD_VARIABLE):
                given.pop(each, None)
        if number is not None:
            fd = _fd_of(number)
            if said is not None or text is not None:
                with suppress(OSError):
                    os.close(fd)
                raise TokenError(
                    Reason.MALFORMED, f"{FD_VARIABLE} stands beside {TOKEN_VARIABLE} or {KEY_VARIABLE}: which is it"
                )
            return cls.from_fd(fd, journal=journal)
        if " " not in (said or "") or text is None:
            raise TokenError(
                Reason.MALFORMED, f"{TOKEN_VARIABLE} and {KEY_VARIABLE} must both be set, or {FD_VARIABLE}"
            )
        return cls(identity_of(said or "", journal=journal), Token.parse(text))

    @classmethod
    def from_fd(cls, fd: int | None = None, *, journal: Notes | None = None) -> Holder:
        """Read chain and key from a pipe, to its end, and close it: nothing is left of them for anybody else.

        Args:
            fd: the pipe's number. `None`: the one that `DELEGATE_FD` names in this process's environment, from where it
                is removed.
            journal: where the identity notes what it hands out, as for `Identity`.

        Raises:
            TokenError: MALFORMED: no such pipe, or what is in it is not a line with a token and one with a key. A pipe
                is read once: read again, it is empty.
            AttenuationError: PROOF_WRONG_KEY: the two do not belong together.
        """
        if fd is None:
            number = os.environ.pop(FD_VARIABLE, None)
            if number is None:
                raise TokenError(Reason.MALFORMED, f"{FD_VARIABLE} is not set")
            fd = _fd_of(number)
        lines = _read_pipe(fd).split(b"\n")
        if len(lines) != 3 or lines[2] or not all(each.isascii() for each in lines):
            raise TokenError(Reason.MALFORMED, "the pipe holds no token and key, each on a line; it is read only once")
        token, said = (each.decode("ascii") for each in lines[:2])
        return cls(identity_of(said, journal=journal), Token.parse(token))


def _fd_of(number: str) -> int:
    """Read the number of a pipe; raises TokenError."""
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise TokenError(Reason.MALFORMED, f"{FD_VARIABLE} is not the number of a pipe")
    return int(number)


def _read_pipe(fd: int) -> bytes:
    """Read a pipe to its end, and close it; raises TokenError."""
    try:
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            raise TokenError(Reason.MALFORMED, f"file {fd} is not a pipe")  # nor is it ours to close
        with open(fd, "rb", buffering=0) as pipe:
            content = b""
            while len(content) <= _PIPE_BYTES and (more := pipe.read(_PIPE_BYTES)):
                content += more
    except (OSError, OverflowError):
        raise TokenError(Reason.MALFORMED, f"there is no pipe {fd} to read") from None
    return content


def _make_room(pipe: int, size: int) -> None:
    """Ask for a pipe that holds so much: by default it is 64 KiB, and less for a user who has many."""
    try:
        import fcntl
    except ImportError:  # Windows, whose pipes take what they are given
        return
    if hasattr(fcntl, "F_SETPIPE_SZ") and fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) < size:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)


def identity_of(said: str, *, journal: Notes | None = None) -> Identity:
    """Read what `Holder.to_env` puts into `DELEGATE_KEY`: a name, a blank and the key.

    Raises:
        TokenError: MALFORMED: it is not that.
    """
    name, _, seed = said.partition(" ")
    try:
        return Identity.from_seed(name, from_base64url(seed), journal=journal)
    except (TokenError, ValueError):
        raise TokenError(Reason.MALFORMED, f"{KEY_VARIABLE} is not a name and a key") from None
