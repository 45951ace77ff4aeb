"""Signing by a PKCS#11 token: SoftHSM, a real module, with keys that never leave it."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from delegate import DelegateError, Identity, Request, StateError, TokenError, Verifier
from delegate.authoring import Ed25519Signer, Esp256Signer, Pkcs11Signer, Signer, SshAgent, SshAgentSigner
from delegate.authoring.pkcs11 import parse_uri
from delegate.core.keys.public import Algorithm
from tests.authoring.elsewhere import PIN, TOKEN, Agent

SEED = bytes(range(32))
MESSAGE = b"a message"


def made(module: str, label: str, algorithm: Algorithm = Algorithm.ED25519) -> Pkcs11Signer:
    """A new key in the token."""
    return Pkcs11Signer.generate(module, token=TOKEN, label=label, pin=PIN, algorithm=algorithm)


def put(module: str, folder: Path, signer: Ed25519Signer | Esp256Signer, label: str) -> Pkcs11Signer:
    """Bring a key into the token that is also in a file: only to compare the two."""
    path = folder / "key.pem"
    path.write_bytes(signer.to_pem())
    command = ["softhsm2-util", "--import", str(path), "--token", TOKEN, "--label", label, "--id", os.urandom(4).hex()]
    subprocess.run([*command, "--pin", PIN], check=True, capture_output=True)  # noqa: S603 - our own arguments
    return Pkcs11Signer(module, token=TOKEN, label=label, pin=PIN)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_key_that_was_made_in_the_token_signs(module: str, algorithm: Algorithm) -> None:
    """64 bytes that hold, for either kind; and the key can neither be read nor exported."""
    import pkcs11

    label = f"user:{algorithm.label}@example.com"
    signer = made(module, label, algorithm)
    assert isinstance(signer, Signer)
    assert signer.public_key.algorithm is algorithm
    signer.public_key.verify(MESSAGE, signer.sign(MESSAGE))
    with signer._token.use() as session:
        key = signer._key(session)
        assert key[pkcs11.Attribute.SENSITIVE]
        assert not key[pkcs11.Attribute.EXTRACTABLE]
    with pytest.raises(StateError, match="already"):
        made(module, label)


def test_one_draft_signed_by_file_agent_and_token(module: str, agent: Agent, tmp_path: Path) -> None:
    """Identical bytes with Ed25519, wherever the key is; with P-256 all of them verify."""
    request = Request("files.read", "/a")
    for file in (Ed25519Signer(SEED), Esp256Signer.from_scalar(SEED)):
        label = f"one-{file.public_key.algorithm.label}"
        token = put(module, tmp_path, file, label)
        if isinstance(file, Ed25519Signer):
            SshAgent().add(file, label)
        else:
            pem = tmp_path / "agent.pem"
            pem.write_bytes(file.to_pem())
            pem.chmod(0o600)
            agent.add(str(pem))
        signers = [file, SshAgentSigner(file.public_key), token]
        assert {each.public_key for each in signers} == {file.public_key}
        holder = Identity.from_seed("agent:a", b"a" * 32)
        drafting = Identity("user:alice@example.com", file)
        draft = drafting.draft_mint(to=holder.principal, can="files.read /**", ttl="1h")
        chains = [draft.finish(each.sign(draft.to_sign)) for each in signers]
        if isinstance(file, Ed25519Signer):
            assert len({each.to_bytes() for each in chains}) == 1
        for chain in chains:
            service = Verifier([drafting.principal], audience="s")
            assert service.decide(holder.prove(chain, request, "s"), request).allowed
        for identity in (Identity("user:alice@example.com", each) for each in signers):
            mine = identity.mint(to=identity.principal, can="files.read /**", ttl="1h")
            narrower = identity.attenuate(mine, ttl="5m")
            service = Verifier([identity.principal], audience="s")
            assert service.decide(identity.prove(narrower, request, "s"), request).allowed


def test_a_uri_finds_the_key(module: str, tmp_path: Path) -> None:
    """By its label, by its id, with the PIN out of a file; escaped as RFC 7512 has it."""
    signer = made(module, "a key; with = odd & signs")
    pin = tmp_path / "pin"
    pin.write_text(f"{PIN}\nanother line\n")
    uri = f"pkcs11:token={TOKEN};object=a%20key%3b%20with%20%3D%20odd%20%26%20signs;type=private?module-path={module}"
    assert Pkcs11Signer.from_uri(f"{uri}&pin-source=file:{pin}").public_key == signer.public_key
    assert Pkcs11Signer.from_uri(uri, pin=lambda: PIN).public_key == signer.public_key
    with signer._token.use() as session:
        import pkcs11

        number = bytes(signer._key(session)[pkcs11.Attribute.ID])
    by_id = "".join(f"%{byte:02x}" for byte in number)
    found = Pkcs11Signer.from_uri(f"pkcs11:token={TOKEN};id={by_id}?module-path={module}")
    assert found.public_key == signer.public_key


@pytest.mark.parametrize(
    "uri",
    [
        *("", "pkcs11:", "pkcs11:token=t", "pkcs11:object=o", "pkcs11:token=t;object=o?pin-value=1234"),
        *("pkcs11:token=t;token=t;object=o", "pkcs11:token=t;object=o;colour=red", "pkcs11:token=t;object=o;type=cert"),
        *("pkcs11:token=t;object=o?module-name=x", "pkcs11:token=t;object", "pkcs11:token=t;object=%ff"),
        *(
            "PKCS11:token=t;object=o",
            "pkcs11:token=t;object=o;serial=1",
            "pkcs11:token=t;object=\n",
            "pkcs11:token=é;id=x",
        ),
    ],
)
def test_what_is_no_such_uri(uri: str) -> None:
    """What is not understood is not skipped: it might name another key; and a PIN does not stand there."""
    with pytest.raises(ValueError, match=r"."):
        parse_uri(uri)
    with pytest.raises(ValueError, match=r"."):
        Pkcs11Signer.from_uri(uri)


def test_what_is_not_there_says_so(module: str, tmp_path: Path) -> None:
    """A key, a token, a module, a file with a PIN."""
    made(module, "there")
    rubbish = tmp_path / "rubbish.so"
    rubbish.write_bytes(b"no library")
    for where, label in ((module, "nobody"), ("/nowhere.so", "x"), (str(rubbish), "x"), ("", "x")):
        with pytest.raises(StateError):
            Pkcs11Signer(where, token=TOKEN, label=label, pin=PIN)
    with pytest.raises(StateError, match="NoSuchToken"):
        Pkcs11Signer(module, token="another", label="x", pin=PIN)
    with pytest.raises(TypeError, match="label or id"):
        Pkcs11Signer(module, token=TOKEN)
    for content in (b"", b"\n1234", b"\xff", b"1" * 300):
        path = tmp_path / "pin"
        path.write_bytes(content)
        with pytest.raises(StateError, match="pin-source"):
            from_new_process(module, f"pkcs11:token={TOKEN};object=there?module-path={module}&pin-source={path}")


def from_new_process(module: str, uri: str) -> None:
    """Read the PIN as a process does that is not logged in yet."""
    from delegate.authoring import pkcs11

    del module
    found = parse_uri(uri)
    pin = pkcs11._pin_of(found)
    assert callable(pin)
    pin()


WRONG_PIN = """
import sys
from delegate.authoring import Pkcs11Signer
for pin in ("9999", None):
    try:
        Pkcs11Signer(sys.argv[1], token=sys.argv[2], label="there", pin=pin)
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_wrong_pin_says_so_once(module: str) -> None:
    """It is not tried again by the next use: a token locks itself after a few."""
    import sys

    with_key = made(module, "there-too")
    assert with_key.sign(MESSAGE)
    command = [sys.executable, "-c", WRONG_PIN, module, TOKEN]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this interpreter
    first, second = ran.stdout.splitlines()
    assert first.startswith("StateError state_unavailable: the token's PIN is wrong")
    assert second.startswith("StateError state_unavailable: the token has no private key")
    assert "9999" not in ran.stdout + ran.stderr


def test_threads_share_the_session(module: str) -> None:
    """A log-in is the process's: several signers, several threads, one session."""
    signers = [made(module, f"thread-{number}", list(Algorithm)[number % 2]) for number in range(4)]
    errors: list[BaseException] = []

    def work(signer: Pkcs11Signer) -> None:
        try:
            for number in range(20):
                signer.sign(b"%d" % number)
        except BaseException as error:  # noqa: BLE001 - it is told below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(each,)) for each in signers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_child_of_a_fork_logs_in_anew(module: str) -> None:
    """The session is the parent's, and so are the handles in it."""
    signer = made(module, "forked")
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        try:
            signer.sign(MESSAGE)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert signer.sign(MESSAGE)


def test_a_session_that_broke_is_opened_again(module: str) -> None:
    """A token that was taken out and put in again: one signature fails, the next does not."""
    signer = made(module, "broken")
    opened = signer._token._opened
    assert opened is not None
    opened[1].close()
    with pytest.raises(StateError):
        signer.sign(MESSAGE)
    again = Pkcs11Signer(module, token=TOKEN, label="broken")
    assert again.sign(MESSAGE)


def test_a_token_that_lies_is_found_out(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature that does not hold goes into nothing."""
    signer = made(module, "lying")

    class Lying:
        def sign(self, *_: Any, **__: Any) -> bytes:  # noqa: ANN401 - whatever it is asked
            return bytes(64)

    signer._held = (signer._held[0], Lying())
    with pytest.raises(StateError, match="does not hold"):
        signer.sign(MESSAGE)


def test_a_key_of_another_kind_is_refused(module: str, tmp_path: Path) -> None:
    """RSA, and a curve that is not P-256."""
    for kind in ("rsa:2048", "ec:secp384r1"):
        name, size = kind.split(":")
        path = tmp_path / f"{name}.pem"
        option = f"rsa_keygen_bits:{size}" if name == "rsa" else f"ec_paramgen_curve:{size}"
        make = ["openssl", "genpkey", "-algorithm", name.upper(), "-pkeyopt", option, "-out", str(path)]
        subprocess.run(make, check=True, capture_output=True)  # noqa: S603 - our own arguments
        command = [
            "softhsm2-util",
            "--import",
            str(path),
            "--token",
            TOKEN,
            "--label",
            name,
            "--id",
            os.urandom(4).hex(),
            "--pin",
            PIN,
        ]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the same
        with pytest.raises((StateError, TokenError)) as caught:
            Pkcs11Signer(module, token=TOKEN, label=name, pin=PIN)
        assert isinstance(caught.value, DelegateError)


def test_it_does_not_leave_the_process(module: str) -> None:
    """Nothing of it is pickled or printed; a copy is itself."""
    signer = made(module, "stays")
    assert copy.copy(signer) is copy.deepcopy(signer) is signer
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(signer)
    assert repr(signer) == f"Pkcs11Signer({signer.public_key})"
    assert PIN not in repr(signer._token)


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install."""
    import sys

    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(ImportError, match=r"delegate-token\[pkcs11\]"):
        Pkcs11Signer("/x.so", token="t", label="l")
