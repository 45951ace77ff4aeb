"""Where a key is: files of OpenSSH, files that say where the key is, and the words for an agent and a token."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate import DelegateError, Identity, Reason, StateError, TokenError
from delegate.authoring import Ed25519Signer, Esp256Signer, Pkcs11Signer, SshAgent, SshAgentSigner, openssh
from delegate.authoring.key_files import is_encrypted, load_private, needs_passphrase, parse_private
from delegate.authoring.key_sources import agent_place, load, parse_reference, says_elsewhere, write_reference
from delegate.errors import VerificationError
from tests.authoring.elsewhere import PIN, TOKEN, Agent, ssh_keygen, string

SIGNER = Ed25519Signer(bytes(range(32)))
NAME = "user:alice@example.com"


@pytest.mark.parametrize(("kind", "signer"), [("ed25519", Ed25519Signer), ("ecdsa", Esp256Signer)])
def test_a_file_of_openssh_is_read(tmp_path: Path, kind: str, signer: type) -> None:
    """As ssh-keygen writes it: its comment is the name; or the name is on a line before it."""
    path = tmp_path / "id"
    ssh_keygen(path, "-t", kind, "-C", NAME)
    identity = Identity.load(path)
    assert identity.name == NAME
    assert isinstance(identity.signer, signer)
    identity.public_key.verify(b"m", identity.signer.sign(b"m"))
    named = tmp_path / "named.key"
    named.write_text(f"principal: agent:planner\n{path.read_text()}")
    assert Identity.load(named).name == "agent:planner"
    assert Identity.load(named).public_key == identity.public_key


def test_a_file_of_openssh_with_a_passphrase(tmp_path: Path) -> None:
    """Its name must be on the line before: the comment is encrypted too."""
    path = tmp_path / "id"
    ssh_keygen(path, "-t", "ed25519", "-C", NAME, passphrase="word")
    text = f"principal: {NAME}\n{path.read_text()}"
    assert is_encrypted(text)
    assert parse_private(text, "word")[0] == NAME
    for words in (None, "", "wrong"):
        with pytest.raises(TokenError, match="passphrase"):
            parse_private(text, words)
    with pytest.raises(TokenError, match="does not say whose"):
        Identity.load(path, "word")
    named = tmp_path / "named.key"
    named.write_text(text)
    assert needs_passphrase(named)
    assert load_private(named, b"word")[0] == NAME


def test_a_key_of_another_kind_is_told(tmp_path: Path) -> None:
    """RSA, and another curve."""
    for number, arguments in enumerate((["-t", "rsa"], ["-t", "ecdsa", "-b", "384"])):
        path = tmp_path / str(number)
        ssh_keygen(path, *arguments, "-C", NAME)
        with pytest.raises(TokenError) as caught:
            parse_private(f"principal: {NAME}\n{path.read_text()}")
        assert caught.value.reason is Reason.UNSUPPORTED_ALGORITHM


def framed(options: bytes, kdf: bytes = b"bcrypt", cipher: bytes = b"aes256-ctr", count: int = 1) -> str:
    """A file of OpenSSH that says this of how it is encrypted."""
    data = b"openssh-key-v1\0" + string(cipher) + string(kdf) + string(options) + count.to_bytes(4)
    data += string(b"public") + string(bytes(64))
    return f"{openssh.BEGIN}\n{b64encode(data).decode()}\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize("rounds", [0, 513, 2**32 - 1])
def test_a_passphrase_is_not_hashed_for_hours(rounds: int) -> None:
    """The file says how often: what is too often is refused before it is done."""
    with pytest.raises(TokenError, match="hashed at most 512 times"):
        openssh.open_key(framed(string(bytes(16)) + rounds.to_bytes(4)), "word")


@pytest.mark.parametrize(
    "pem",
    [
        framed(string(bytes(16)) + (16).to_bytes(4), kdf=b"scrypt"),
        framed(string(bytes(16)) + (16).to_bytes(4) + b"x"),
        framed(b"\xff\xff\xff\xff"),
        framed(string(bytes(16)) + (16).to_bytes(4), count=2),
        *(f"{openssh.BEGIN}\n", f"{openssh.BEGIN}\n!!!!\n-----END OPENSSH PRIVATE KEY-----\n"),
        f"{openssh.BEGIN}\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    ],
)
def test_a_damaged_file_is_told(pem: str) -> None:
    """And nothing else comes of it."""
    for text in (pem, f"principal: {NAME}\n{pem}"):
        with pytest.raises(TokenError) as caught:
            parse_private(text, "word")
        assert caught.value.reason is Reason.MALFORMED


@given(st.data())
def test_an_altered_file_gives_a_key_or_a_refusal(data: st.DataObject) -> None:
    """Whatever is changed in a file of OpenSSH."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    lines = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode().splitlines()
    row = data.draw(st.integers(1, len(lines) - 2))
    place = data.draw(st.integers(0, len(lines[row]) - 1))
    lines[row] = lines[row][:place] + data.draw(st.sampled_from("AZaz09+/=-")) + lines[row][place + 1 :]
    with suppress(DelegateError):
        parse_private(f"principal: {NAME}\n" + "\n".join(lines) + "\n")


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What to install for a passphrase of OpenSSH."""
    import sys

    path = tmp_path / "id"
    ssh_keygen(path, "-t", "ed25519", passphrase="word")
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ImportError, match=r"delegate-token\[ssh\]"):
        openssh.open_key(path.read_text(), "word")


def test_a_file_says_that_the_key_is_in_the_agent(tmp_path: Path, agent: Agent) -> None:
    """Such a file is loaded as any other; there is no secret in it."""
    SshAgent().add(SIGNER, NAME)
    path = tmp_path / "alice.key"
    write_reference(path, NAME, agent_place(SIGNER.public_key))
    assert path.stat().st_mode & 0o777 == 0o600
    assert SIGNER.seed_bytes().hex() not in path.read_bytes().hex()
    identity = Identity.load(path)
    assert (identity.name, identity.public_key) == (NAME, SIGNER.public_key)
    assert isinstance(identity.signer, SshAgentSigner)
    assert identity.signer.sign(b"m") == SIGNER.sign(b"m")
    with pytest.raises(FileExistsError):
        write_reference(path, NAME, "ssh-agent:x")
    with pytest.raises(TokenError, match="elsewhere"):
        load_private(path)


def test_a_key_in_the_agent_is_named_by_its_public_file(tmp_path: Path, agent: Agent) -> None:
    """`ssh-agent:alice.pub` has the name and the key."""
    SshAgent().add(SIGNER, "whatever")
    Identity(NAME, SIGNER).principal.save(tmp_path / "alice.pub")
    identity = Identity.load(f"ssh-agent:{tmp_path / 'alice.pub'}")
    assert (identity.name, identity.signer.sign(b"m")) == (NAME, SIGNER.sign(b"m"))
    with pytest.raises(OSError, match="none"):
        Identity.load(f"ssh-agent:{tmp_path / 'none.pub'}")


def test_a_file_says_that_the_key_is_in_a_token(tmp_path: Path, module: str) -> None:
    """And a URI says it without a file, where the label is the name."""
    made = Pkcs11Signer.generate(module, token=TOKEN, label="svc:sources", pin=PIN)
    place = f"pkcs11:token={TOKEN};object=svc:sources?module-path={module}"
    path = tmp_path / "sources.key"
    write_reference(path, "svc:other-name", place)
    assert load(path, PIN)[0] == "svc:other-name"
    for pin in (PIN, PIN.encode()):
        name, signer = load(place, pin)
        assert (name, signer.public_key) == ("svc:sources", made.public_key)
    with pytest.raises(TokenError, match="label"):
        load(f"pkcs11:token={TOKEN};object=sources?module-path={module}", PIN)
    with pytest.raises(StateError):
        load(f"pkcs11:token={TOKEN};object=svc:nobody?module-path={module}", PIN)


@pytest.mark.parametrize(
    "text",
    [
        f"principal: {NAME}\nsigner: file:/x\n",
        f"principal: {NAME}\nsigner: \n",
        f"principal: {NAME}\nsigner: ssh-agent:alice.pub\n",
        f"principal: {NAME}\nsigner: ssh-agent:ed25519:AAAA\n",
        f"principal: {NAME}\nsigner: ssh-agent:{SIGNER.public_key}\nmore\n",
        f"principal: {NAME}\nsigner: pkcs11:token=t;object=o?pin-value=1\n",
        f"principal: {NAME}\nsigner: pkcs11:token=t;object=a b\n",
        f"principal: {NAME}\nsigner: pkcs11:token=t;object={'x' * 5000}\n",
        "principal: alice\nsigner: pkcs11:token=t;object=o\n",
        f"principal: {NAME}\nsigner: ssh-agent:ed25519:{'A' * 43}\n",  # of low order
    ],
)
def test_a_file_that_says_no_such_place_is_told(text: str) -> None:
    """Nothing is asked of an agent or a token for it."""
    assert says_elsewhere(text)
    with pytest.raises((TokenError, VerificationError)):
        parse_reference(text)
