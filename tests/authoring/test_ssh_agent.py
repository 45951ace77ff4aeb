"""Signing by an ssh-agent: the real one, and agents that answer what no agent should."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from delegate import DelegateError, Identity, Principal, PublicKey, Reason
from delegate.authoring import Ed25519Signer, Esp256Signer, Signer, SshAgent, SshAgentSigner
from delegate.authoring.ssh_agent import key_blob
from delegate.core.keys.public import Algorithm
from delegate.errors import StateError
from tests.authoring.elsewhere import Agent, answering, ssh_keygen, string

ED = Ed25519Signer(bytes(range(32)))
ES = Esp256Signer.from_scalar(bytes(range(32)))
MESSAGE = b"\x84\x6aSignature1 and so on"


def refused(signer: Signer) -> str:
    """Sign, which must fail; gives the words."""
    with pytest.raises(StateError) as caught:
        signer.sign(MESSAGE)
    assert caught.value.reason is Reason.STATE_UNAVAILABLE
    return caught.value.detail


def test_a_key_in_the_agent_signs_as_the_same_key_in_a_file(agent: Agent) -> None:
    """Ed25519 gives the very same bytes."""
    SshAgent().add(ED, "user:alice@example.com")
    signer = SshAgentSigner()
    assert isinstance(signer, Signer)
    assert signer.public_key == ED.public_key
    assert signer.sign(MESSAGE) == ED.sign(MESSAGE)
    assert SshAgentSigner(Principal("user:a", ED.public_key), socket=agent.path).sign(b"") == ED.sign(b"")
    assert [(each.public_key, each.comment) for each in SshAgent().keys()] == [  # noqa: SIM118 - no dict
        (ED.public_key, "user:alice@example.com")
    ]


def test_a_p256_key_of_openssh_signs(agent: Agent, tmp_path: Path) -> None:
    """Both numbers of a signature have 32 bytes, whatever their first ones are; keys of other kinds are not listed."""
    for kind in ("ecdsa", "rsa"):
        ssh_keygen(tmp_path / kind, "-t", kind)
        agent.add(str(tmp_path / kind))
    (found,) = SshAgent().keys()
    assert found.public_key.algorithm is Algorithm.ESP256
    signer = SshAgentSigner(found.public_key)
    for number in range(50):
        assert len(signer.sign(b"%d" % number)) == 64  # checked before it is given


def test_a_locked_agent_says_so(agent: Agent) -> None:
    """It pretends to have no key; and takes none."""
    SshAgent().add(ED, "a")
    signer = SshAgentSigner(ED.public_key)
    lock(agent, locking=True)
    assert "locked" in refused(signer)
    with pytest.raises(StateError, match="locked"):
        SshAgentSigner()
    with pytest.raises(StateError, match="locked"):
        SshAgent().add(Ed25519Signer.generate(), "b")
    lock(agent, locking=False)
    assert signer.sign(MESSAGE) == ED.sign(MESSAGE)


def lock(agent: Agent, *, locking: bool) -> None:
    """Lock the agent, or unlock it: ssh-add would ask at a terminal."""
    import socket

    body = bytes((22 if locking else 23,)) + string(b"word")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(agent.path))
        connection.sendall(string(body))
        assert connection.recv(5) == string(b"\x06")


def test_a_key_that_nobody_confirms_says_so(agent: Agent) -> None:
    """The agent asks a program that says no."""
    SshAgent().add(ED, "a", confirm=True)
    assert "confirmed" in refused(SshAgentSigner(ED.public_key))


def test_a_key_that_is_not_there_says_so(agent: Agent) -> None:
    """Never added, or gone; an agent without any; several, where none was named."""
    SshAgent().add(ED, "a", lifetime="1h")
    assert "other keys" in refused(SshAgentSigner(ES.public_key))
    SshAgent().add(Ed25519Signer.generate(), "b")
    with pytest.raises(StateError, match="2 keys"):
        SshAgentSigner()
    agent.add("-D")
    assert "no key at all" in refused(SshAgentSigner(ED.public_key))


def test_no_agent_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable; a variable that points nowhere, or at what is no socket."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(StateError, match="not set"):
        SshAgentSigner(ED.public_key)
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file", "a\0b", "x" * 300):
        assert "no ssh-agent" in refused(SshAgentSigner(ED.public_key, socket=path))


KEYS = b"\x0c" + (1).to_bytes(4) + string(key_blob(ED.public_key)) + string(b"comment")


def signed(signature: bytes, kind: bytes = b"ssh-ed25519", behind: bytes = b"") -> bytes:
    """What an agent answers with a signature."""
    return b"\x0e" + string(string(kind) + string(signature) + behind)


ODD: dict[str, bytes] = {
    "nothing": b"",
    "a type alone": b"\x0e",
    "another type": b"\x0c" + bytes(4),
    "success, and no signature": b"\x06",
    "a longer string than there is": b"\x0e" + (1000).to_bytes(4) + b"x",
    "a string of 4 GiB": b"\x0e" + b"\xff\xff\xff\xff",
    "something behind": signed(ED.sign(MESSAGE)) + b"x",
    "something behind the signature": signed(ED.sign(MESSAGE), behind=b"x"),
    "another kind": signed(ED.sign(MESSAGE), b"ssh-rsa"),
    "a short signature": signed(ED.sign(MESSAGE)[:63]),
    "a long signature": signed(ED.sign(MESSAGE) + b"\0"),
    "a signature over something else": signed(ED.sign(b"something else")),
    "another key's signature": signed(Ed25519Signer(bytes(32)).sign(MESSAGE)),
    "zeros": signed(bytes(64)),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_an_agent_that_answers_otherwise_is_refused(tmp_path: Path, answer: bytes) -> None:
    """Short, long, of another type, or simply wrong: no signature goes out that does not hold."""
    with answering(tmp_path, answer) as path:
        refused(SshAgentSigner(ED.public_key, socket=path))


P256 = b"ecdsa-sha2-nistp256"
NUMBERS = {
    "negative": string(b"\x80" + bytes(31)) + string(b"\1"),
    "none": string(b"") + string(b"\1"),
    "33 bytes": string(b"\1" + bytes(32)) + string(b"\1"),
    "one": string(b"\1"),
    "three": string(b"\1") * 3,
    "not of this message": string(b"\1") * 2,
}


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
def test_an_agent_whose_numbers_are_odd_is_refused(tmp_path: Path, numbers: bytes) -> None:
    """The two numbers of a P-256 signature."""
    with answering(tmp_path, signed(numbers, P256)) as path:
        refused(SshAgentSigner(ES.public_key, socket=path))


LISTS = {
    "more keys than there are": b"\x0c" + (2).to_bytes(4) + KEYS[5:],
    "a billion": b"\x0c" + (10**9).to_bytes(4),
    "something behind": KEYS + b"x",
    "not a list": b"\x0e" + KEYS[1:],
}


@pytest.mark.parametrize("answer", LISTS.values(), ids=LISTS)
def test_an_agent_whose_list_is_odd_is_refused(tmp_path: Path, answer: bytes) -> None:
    """Counts that are not so, and other messages."""
    with answering(tmp_path, answer) as path, pytest.raises(StateError):
        SshAgentSigner(socket=path)


def test_keys_that_are_none_are_not_listed(tmp_path: Path) -> None:
    """Weak, of another length, of another curve, compressed, cut off: none of them can sign here."""
    point = b"\4" + ES.public_key.raw
    blobs = [
        b"",
        b"\xff\xff\xff\xff",
        string(b"ssh-ed25519") + string(bytes(31)),
        string(b"ssh-ed25519") + string(bytes(32)),  # of low order
        string(b"ssh-ed25519") + string(ED.public_key.raw) + b"x",
        string(P256) + string(b"nistp384") + string(point),
        string(P256) + string(b"nistp256") + string(b"\2" + point[1:33]),
        string(P256) + string(b"nistp256") + string(b"\4" + bytes(64)),  # not on the curve
        string(b"sk-ssh-ed25519@openssh.com") + string(ED.public_key.raw) + string(b"ssh:"),
        key_blob(ES.public_key),
    ]
    body = b"\x0c" + len(blobs).to_bytes(4) + b"".join(string(each) + string(b"\xff\x1b[31m") for each in blobs)
    with answering(tmp_path, body) as path:
        (found,) = SshAgent(path).keys()
    assert found.public_key == ES.public_key


def test_an_agent_that_hangs_does_not_outlive_the_deadline(tmp_path: Path) -> None:
    """One that says nothing, and one that says a byte now and then."""

    def silent(connection: object) -> None:
        connection.recv(1)  # type: ignore[attr-defined]

    def drip(connection: object) -> None:
        connection.sendall((100).to_bytes(4))  # type: ignore[attr-defined]
        for _ in range(1_000):
            connection.sendall(b"\x0e")  # type: ignore[attr-defined]
            time.sleep(0.02)

    for hang in (silent, drip):
        folder = tmp_path / hang.__name__
        folder.mkdir()
        with answering(folder, hang) as path:
            assert "within 1 s" in refused(SshAgentSigner(ED.public_key, socket=path, deadline="1s"))


def test_an_agent_that_hangs_up_or_floods_is_refused(tmp_path: Path) -> None:
    """A connection that ends; a length of 4 GiB, which nobody waits for."""
    for number, odd in enumerate((lambda connection: None, lambda connection: connection.sendall(b"\xff\xff\xff\xff"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        with answering(folder, odd) as path:
            refused(SshAgentSigner(ED.public_key, socket=path))


def test_an_agent_that_refuses_even_to_say_why(tmp_path: Path) -> None:
    """A failure for an answer, and another one for the question why."""
    with answering(tmp_path, b"\x05", b"\x05") as path:
        assert "refused" in refused(SshAgentSigner(ED.public_key, socket=path))


def test_an_agent_that_refuses_to_list_its_keys(tmp_path: Path) -> None:
    """A failure for an answer to the first question: a refusal like any other."""
    with answering(tmp_path, b"\x05", b"\x05") as path:
        with pytest.raises(StateError, match="refused"):
            SshAgent(path).keys()
        with pytest.raises(StateError, match="refused"):
            SshAgentSigner(socket=path)


def test_too_much_for_an_agent_is_not_sent(tmp_path: Path) -> None:
    """It takes 256 KiB."""
    with answering(tmp_path) as path, pytest.raises(StateError, match="too much"):
        SshAgentSigner(ED.public_key, socket=path).sign(bytes(300_000))


def test_an_identity_in_the_agent_does_all_that_an_identity_does(agent: Agent) -> None:
    """It mints, narrows, proves, confirms, takes back and signs roots; and says nothing of where it is."""
    SshAgent().add(ED, "a")
    identity = Identity("user:alice@example.com", SshAgentSigner(ED.public_key))
    same = Identity("user:alice@example.com", ED)
    token = identity.mint(to=same.principal, can="files.read /**", ttl="1h", now=1_790_000_000)
    assert identity.attenuate(token, ttl="5m", now=1_790_000_000) == same.attenuate(token, ttl="5m", now=1_790_000_000)
    assert identity.revoke(now=1_790_000_000) == same.revoke(now=1_790_000_000)
    with pytest.raises(TypeError, match="cannot be saved"):
        identity.save(agent.path.with_name("alice.key"))
    assert repr(identity.signer) == f"SshAgentSigner({ED.public_key})"
    assert repr(SshAgent()) == "<SshAgent>"
    assert isinstance(PublicKey.parse(str(ED.public_key)), PublicKey)
    assert issubclass(StateError, DelegateError)
