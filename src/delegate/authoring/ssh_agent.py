"""Signing by an ssh-agent: the key stays in it, or in the token behind it (draft-ietf-sshm-ssh-agent).

The rules of this file:

- An agent is another program, and may be another machine's: what it answers is read by exact lengths, at most 256 KiB,
  within one deadline for the whole exchange. A signature is checked before it counts.
- It is asked for one key at a time, by all of the key. Its comments are for people.
- What an agent signs here cannot be a log-in: what ssh has signed begins with four bytes of a length, or `SSHSIG`, and
  what is signed here with `84 6a`.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from delegate.authoring.elsewhere import checked, refused
from delegate.authoring.signers import Ed25519Signer
from delegate.core.chain.spans import Span, seconds
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import Algorithm, PublicKey
from delegate.errors import DelegateError, Reason, StateError

if TYPE_CHECKING:
    from os import PathLike

SOCKET_VARIABLE: Final = "SSH_AUTH_SOCK"
DEADLINE: Final = "60s"  # somebody may have to touch a key, or to answer a question
_MESSAGE_BYTES: Final = 256 * 1024  # what OpenSSH itself takes
_KEYS: Final = 4_096
_FAILURE, _SUCCESS = 5, 6
_LIST, _LISTED = 11, 12
_SIGN, _SIGNED = 13, 14
_ADD, _ADD_CONSTRAINED = 17, 25
_LIFETIME, _CONFIRM = b"\x01", b"\x02"
_ED25519: Final = b"ssh-ed25519"
_P256: Final = b"ecdsa-sha2-nistp256"
_CURVE: Final = b"nistp256"
_COORDINATE_BYTES: Final = 32


class AgentKey(NamedTuple):
    """A key that an agent says it has.

    Attributes:
        public_key: Ed25519 or P-256; keys of other kinds are not listed.
        comment: the agent's words about it.
    """

    public_key: PublicKey
    comment: str


class SshAgent:
    """An agent, by its socket. Every call is a connection of its own."""

    __slots__ = ("_deadline_s", "_path")

    def __init__(self, path: str | PathLike[str] | None = None, *, deadline: Span = DEADLINE) -> None:
        """Take the agent of this session, or the one at a path; nothing is asked yet.

        Args:
            path: of its socket; `SSH_AUTH_SOCK`, if not said.
            deadline: for one exchange in all.

        Raises:
            StateError: STATE_UNAVAILABLE: no path, and `SSH_AUTH_SOCK` is not set.
        """
        found = os.environ.get(SOCKET_VARIABLE, "") if path is None else os.fspath(path)
        if not found:
            refused(f"no ssh-agent: {SOCKET_VARIABLE} is not set")
        self._path = found
        self._deadline_s = seconds(deadline)

    def keys(self) -> tuple[AgentKey, ...]:
        """List the keys that can sign here; a locked agent has none. Raises StateError."""
        reader = _Reader(self._ask(bytes((_LIST,)), _LISTED))
        count = reader.number()
        if count > _KEYS:
            refused(f"the ssh-agent claims to have {count} keys")
        found = []
        for _ in range(count):
            key, comment = _public_key(reader.string()), reader.string()
            if key is not None:
                found.append(AgentKey(key, comment.decode("utf-8", "replace")))
        reader.end()
        return tuple(found)

    def sign(self, public_key: PublicKey, message: bytes) -> bytes:
        """Have it sign with a key: 64 bytes, which hold.

        Raises:
            StateError: STATE_UNAVAILABLE: it does not, in time; `.detail` says why, as far as an agent tells.
        """
        asked = bytes((_SIGN,)) + _string(key_blob(public_key)) + _string(message) + bytes(4)
        try:
            answer = self._ask(asked, _SIGNED)
        except _RefusedError:
            self._say_why(public_key)
        reader = _Reader(answer)
        blob = _Reader(reader.string())
        reader.end()
        kind, signature = blob.string(), blob.string()
        blob.end()
        if kind != _kind(public_key):
            refused("the ssh-agent gave a signature of another kind")
        if public_key.algorithm is Algorithm.ESP256:
            numbers = _Reader(signature)
            signature = numbers.coordinate() + numbers.coordinate()
            numbers.end()
        return checked(public_key, message, signature, "the ssh-agent")

    def add(self, signer: Ed25519Signer, comment: str, *, lifetime: Span | None = None, confirm: bool = False) -> None:
        """Hand it a key, which it keeps until it ends, or for so long.

        Args:
            signer: the key, of which the agent gets a copy.
            comment: for people.
            lifetime: for how long it keeps it.
            confirm: have it ask somebody before every signature.

        Raises:
            StateError: STATE_UNAVAILABLE: it does not take it.
        """
        raw = signer.public_key.raw
        body = _string(_ED25519) + _string(raw) + _string(signer.seed_bytes() + raw) + _string(comment.encode())
        constraints = b"" if lifetime is None else _LIFETIME + min(seconds(lifetime), 2**32 - 1).to_bytes(4)
        constraints += _CONFIRM if confirm else b""
        asked = bytes((_ADD_CONSTRAINED if constraints else _ADD,)) + body + constraints
        try:
            self._ask(asked, _SUCCESS)
        except _RefusedError:
            refused("the ssh-agent does not take the key: it is locked, or takes none of this kind")

    def _say_why(self, public_key: PublicKey) -> NoReturn:
        """Say why it refused, by what it has: an agent itself gives no reason."""
        there = self.keys()
        if not there:
            refused("the ssh-agent has no key at all: it is locked (ssh-add -X unlocks it), or was emptied")
        if all(each.public_key != public_key for each in there):
            refused("the ssh-agent has other keys, and not this one: its time may be over; ssh-add adds it again")
        refused(
            "the ssh-agent refused to sign: nobody confirmed it, or the key is constrained to log-ins at certain hosts"
        )

    def _ask(self, message: bytes, wanted: int) -> bytes:
        """Send one message, and give what follows the type in an answer of the wanted type."""
        if len(message) > _MESSAGE_BYTES:
            refused("too much to sign for an ssh-agent")
        end = time.monotonic() + self._deadline_s
        if not hasattr(socket, "AF_UNIX"):  # pragma: no cover - Windows
            refused("an ssh-agent is reached by a Unix socket, which this system does not have")
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._deadline_s)
                connection.connect(self._path)
                connection.sendall(len(message).to_bytes(4) + message)
                size = int.from_bytes(_received(connection, 4, end))
                if not 0 < size <= _MESSAGE_BYTES:
                    refused(f"the ssh-agent answered with {size} bytes")
                answer = _received(connection, size, end)
        except TimeoutError:
            refused(f"the ssh-agent did not answer within {self._deadline_s} s")
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
            refused(f"no ssh-agent at {SOCKET_VARIABLE}: {(getattr(error, 'strerror', None) or str(error)).lower()}")
        if answer[0] == _FAILURE and wanted != _FAILURE:
            raise _RefusedError(Reason.STATE_UNAVAILABLE, "the ssh-agent refused")
        if answer[0] != wanted:
            refused(f"the ssh-agent answered with a message of type {answer[0]}, not {wanted}")
        return answer[1:]

    def __repr__(self) -> str:
        return "<SshAgent>"


class SshAgentSigner:
    """A key in an ssh-agent: Ed25519, or P-256 for ESP256. Signs over a connection of its own each time."""

    __slots__ = ("_agent", "_public_key")

    def __init__(
        self,
        public_key: PublicKey | Principal | None = None,
        *,
        socket: str | PathLike[str] | None = None,
        deadline: Span = DEADLINE,
    ) -> None:
        """Take a key that an agent has.

        Args:
            public_key: of the key, or of the principal whose it is. Then the agent is asked nothing yet. If not said:
                the only key that it has.
            socket: path of the agent's socket; `SSH_AUTH_SOCK`, if not said.
            deadline: for one signature in all: somebody may have to confirm it.

        Raises:
            StateError: STATE_UNAVAILABLE: there is no agent; or it has no key, or several, and none was named.
        """
        self._agent = SshAgent(socket, deadline=deadline)
        if public_key is None:
            there = self._agent.keys()
            if len(there) != 1:
                refused(
                    "the ssh-agent has no key that can sign here: it is empty or locked"
                    if not there
                    else f"the ssh-agent has {len(there)} keys: say which"
                )
            public_key = there[0].public_key
        self._public_key = public_key.public_key if isinstance(public_key, Principal) else public_key

    @property
    def public_key(self) -> PublicKey:
        """The key that the signatures hold under."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature; raises StateError, STATE_UNAVAILABLE, where the agent gives none in time."""
        return self._agent.sign(self._public_key, message)

    def __repr__(self) -> str:
        return f"SshAgentSigner({self._public_key})"


class _RefusedError(StateError):
    """The agent answered that it will not."""


class _Reader:
    """Reads the strings and numbers of RFC 4251 §5; a short or a long message is refused."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self) -> int:
        return int.from_bytes(self._take(4))

    def string(self) -> bytes:
        return self._take(self.number())

    def coordinate(self) -> bytes:
        """A positive number of at most 32 bytes, as 32 bytes."""
        raw = self.string()
        if not raw or raw[0] & 0x80 or len(raw.lstrip(b"\0")) > _COORDINATE_BYTES:
            refused("the ssh-agent gave a number that is out of range")
        return raw.lstrip(b"\0").rjust(_COORDINATE_BYTES, b"\0")

    def end(self) -> None:
        if self._at != len(self._data):
            refused("the ssh-agent's answer goes on behind its end")

    def _take(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > len(self._data):
            refused("the ssh-agent's answer ends too early")
        return self._data[start : self._at]


def key_blob(public_key: PublicKey) -> bytes:
    """A public key as ssh writes it (RFC 8709 §4, RFC 5656 §3.1)."""
    if public_key.algorithm is Algorithm.ED25519:
        return _string(_ED25519) + _string(public_key.raw)
    return _string(_P256) + _string(_CURVE) + _string(b"\x04" + public_key.raw)


def _kind(public_key: PublicKey) -> bytes:
    return _ED25519 if public_key.algorithm is Algorithm.ED25519 else _P256


def _public_key(blob: bytes) -> PublicKey | None:
    """The key of a blob; `None` for one of another kind, and for one that this format refuses."""
    try:
        reader = _Reader(blob)
        kind = reader.string()
        if kind == _ED25519:
            algorithm, raw = Algorithm.ED25519, reader.string()
        elif kind == _P256 and reader.string() == _CURVE:
            point = reader.string()
            if point[:1] != b"\x04":
                return None
            algorithm, raw = Algorithm.ESP256, point[1:]
        else:
            return None
        reader.end()
        return PublicKey(algorithm, raw)
    except (DelegateError, ValueError):
        return None


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data


def _received(connection: socket.socket, count: int, end: float) -> bytes:
    """Receive exactly so many bytes before the deadline; raises OSError."""
    found = bytearray()
    while len(found) < count:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(count - len(found))
        if not piece:
            refused("the ssh-agent ended the connection")
        found += piece
    return bytes(found)
