"""Principals and key files: what is written, what is refused, and that nothing is lost or shown."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from delegate.authoring import key_files
from delegate.authoring.der import items
from delegate.authoring.key_files import is_private, load_private, needs_passphrase, save_private
from delegate.authoring.signers import Ed25519Signer, Esp256Signer
from delegate.core.keys.names import check_name, is_name
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.core.keys.textfile import FILE_BYTES
from delegate.errors import DelegateError, Reason, TokenError

SEED = bytes(range(32))
SIGNER = Ed25519Signer(SEED)
PLANNER = Principal("agent:planner", SIGNER.public_key)
LINE = f"{SIGNER.public_key} agent:planner"
on_posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


@pytest.mark.parametrize(
    "name",
    [
        "user:alice@example.com",
        "agent:planner",
        "spiffe://example.org/ns/x",
        "a:b",
        "a+b.c-1:x",
        "x:" + "~" * 200,
        "s" * 32 + ":x",
        "svc:a:b",
    ],
)
def test_names(name: str) -> None:
    """The names of the documentation, and the longest ones, are names."""
    assert is_name(name)
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "planner",
        "agent:",
        ":x",
        "Agent:x",
        "1a:x",
        "agent :x",
        "agent:a b",
        "agent:x\n",
        "\nagent:x",
        "agent:é",
        "agent:\x7f",
        "agent:\u202ex",
        "x:" + "~" * 201,
        "s" * 33 + ":x",
        "bearer:",
        "a_b:x",
        "agent:x\x00",
    ],
)
def test_no_names(name: str) -> None:
    """What is empty, too long, blank, not ASCII or invisible is no name: a ValueError for a program."""
    assert not is_name(name)
    with pytest.raises(ValueError, match="a name is"):
        check_name(name)
    with pytest.raises(ValueError, match="a name is"):
        Principal(name, SIGNER.public_key)


def test_a_name_is_text() -> None:
    """Another type from a program is a TypeError."""
    with pytest.raises(TypeError, match="text"):
        check_name(b"agent:planner")  # type: ignore[arg-type]


def test_a_principal_is_one_line() -> None:
    """The line reads back; `str` is the name."""
    assert PLANNER.to_text() == LINE
    assert str(PLANNER) == "agent:planner"
    for text in (LINE, LINE + "\n", LINE + "\r\n"):
        assert Principal.parse(text) == PLANNER
    other = Principal("svc:kms", Esp256Signer.from_scalar(SEED).public_key)
    assert Principal.parse(other.to_text()) == other


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.MALFORMED),
        ("agent:planner", Reason.MALFORMED),
        (str(SIGNER.public_key), Reason.MALFORMED),
        (f"{SIGNER.public_key} ", Reason.MALFORMED),
        (f"{SIGNER.public_key}  agent:planner", Reason.MALFORMED),
        (f"{SIGNER.public_key}\tagent:planner", Reason.MALFORMED),
        (f"agent:planner {SIGNER.public_key}", Reason.UNSUPPORTED_ALGORITHM),
        (LINE + " comment", Reason.MALFORMED),
        (LINE + "\n\n", Reason.MALFORMED),
        (LINE + "\n" + LINE, Reason.MALFORMED),
        ("ed25519:" + "A" * 43 + " agent:planner", Reason.WEAK_KEY),
    ],
)
def test_a_line_that_is_no_principal(text: str, reason: Reason) -> None:
    """Near misses are refused by the word for what is wrong, never half read."""
    with pytest.raises(DelegateError) as caught:
        Principal.parse(text)
    assert caught.value.reason is reason


@given(st.text(max_size=80))
def test_any_text_gives_a_principal_or_the_declared_error(text: str) -> None:
    """Nothing but a `DelegateError` comes out of a text that is no principal."""
    for start in ("", f"{SIGNER.public_key} ", "ed25519:"):
        try:
            principal = Principal.parse(start + text)
        except DelegateError:
            continue
        assert is_name(principal.name)


def test_a_public_file(tmp_path: Path) -> None:
    """It is the line and a line end, reads back, and is not overwritten."""
    path = tmp_path / "planner.pub"
    PLANNER.save(path)
    assert path.read_text() == LINE + "\n"
    assert Principal.load(str(path)) == PLANNER
    with pytest.raises(FileExistsError):
        Principal("agent:other", SIGNER.public_key).save(path)
    assert Principal.load(path) == PLANNER


@pytest.mark.parametrize("signer", [SIGNER, Esp256Signer.from_scalar(SEED)], ids=type)
@pytest.mark.parametrize("passphrase", [None, "correct horse", "pass phräse"])
def test_a_private_file(tmp_path: Path, signer: Ed25519Signer | Esp256Signer, passphrase: str | None) -> None:
    """It names its principal on the first line, reads back, and other tools read the rest."""
    path = tmp_path / "planner.key"
    save_private(path, "agent:planner", signer, passphrase)
    name, loaded = load_private(str(path), passphrase)
    assert (name, loaded.public_key) == ("agent:planner", signer.public_key)
    assert loaded.sign(b"m") == signer.sign(b"m")
    assert needs_passphrase(path) is (passphrase is not None)
    content = path.read_bytes()
    assert content.startswith(b"principal: agent:planner\n-----BEGIN ")
    load_pem_private_key(content, passphrase.encode() if passphrase else None)


def test_a_private_file_with_other_line_ends(tmp_path: Path) -> None:
    """A file that went through an editor of another system still reads."""
    path = tmp_path / "planner.key"
    path.write_bytes(b"principal: agent:planner\r\n" + SIGNER.to_pem().replace(b"\n", b"\r\n"))
    assert load_private(path)[1].public_key == SIGNER.public_key


CURDLE = """\
MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB
Z9w7lshQhqowtrbLDFw4rXAxZuE=
"""  # RFC 8410 §10.3: version 2, with an attribute and the public key


def _plain(path: Path, body: str) -> None:
    """Write a key file around the base64 of a PEM."""
    path.write_text(
        f"principal: agent:planner\n-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n", "ascii"
    )


def _second(signer: Ed25519Signer | Esp256Signer, public: bytes | None, attributes: bytes = b"") -> str:
    """The same key in version 2 of PKCS#8, as base64; `public` stands in it as the public key."""
    lines = signer.to_pem().decode().splitlines()
    _, body = items(b64decode("".join(lines[1:-1])))[0]
    rest = b"".join(_wrapped(tag, content) for tag, content in items(body)[1:])
    behind = b"" if public is None else _wrapped(0x81, b"\0" + public)
    return b64encode(_wrapped(0x30, b"\2\1\1", rest, attributes, behind)).decode() + "\n"


def test_the_second_version_of_pkcs8(tmp_path: Path) -> None:
    """With and without attributes and public key, Ed25519 and P-256: what other tools write today."""
    path = tmp_path / "planner.key"
    _plain(path, CURDLE)
    assert load_private(path)[1].public_key.raw.hex() == (
        "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
    )
    point = Esp256Signer.from_scalar(SEED)
    for signer, public in ((SIGNER, SIGNER.public_key.raw), (point, b"\4" + point.public_key.raw)):
        for attributes in (b"", _wrapped(0xA0, _wrapped(0x30))):
            for beside in (public, None):
                _plain(path, _second(signer, beside, attributes))
                assert load_private(path)[1].public_key == signer.public_key


def test_a_second_version_that_does_not_hold(tmp_path: Path) -> None:
    """Another's public key beside the private one, another version, something behind: damaged, every one."""
    path = tmp_path / "planner.key"
    _plain(path, _second(SIGNER, SIGNER.public_key.raw))
    right = b64decode(_second(SIGNER, SIGNER.public_key.raw))
    other = Ed25519Signer.generate().public_key.raw
    for body in (
        _second(SIGNER, other),
        _second(SIGNER, SIGNER.public_key.raw[:-1]),
        _second(SIGNER, b""),
        _second(SIGNER, SIGNER.public_key.raw, _wrapped(0xA1, b"")),
        b64encode(right.replace(b"\2\1\1", b"\2\1\2", 1)).decode() + "\n",
        b64encode(right + b"\0").decode() + "\n",
        b64encode(right[:-1]).decode() + "\n",
        b64encode(right.replace(b"\x81\x21\0", b"\x81\x21\1", 1)).decode() + "\n",
        "AAAA\n",
        "MAA=\n",
        "MA==\n",
        "A\n",
    ):
        _plain(path, body)
        with pytest.raises(TokenError, match="the key file is damaged"):
            load_private(path)


def test_a_passphrase_that_is_not_needed_does_no_harm(tmp_path: Path) -> None:
    """One passphrase for several files may meet one without."""
    path = tmp_path / "planner.key"
    save_private(path, "agent:planner", SIGNER)
    assert load_private(path, "spare")[1].public_key == SIGNER.public_key


def test_an_encrypted_file_needs_its_passphrase(tmp_path: Path) -> None:
    """A missing and a wrong passphrase are told apart, and neither is repeated."""
    path = tmp_path / "planner.key"
    save_private(path, "agent:planner", SIGNER, "correct horse")
    assert SEED not in path.read_bytes()
    for given_passphrase, words in (
        (None, "none was given"),
        ("", "none was given"),
        ("battery", "is wrong"),
    ):
        with pytest.raises(TokenError, match=words) as caught:
            load_private(path, given_passphrase)
        assert caught.value.reason is Reason.MALFORMED
        assert "battery" not in str(caught.value)
        assert caught.value.__cause__ is None


def _encrypted(path: Path) -> bytes:
    """Save our key under a passphrase, and give its DER."""
    save_private(path, "agent:planner", SIGNER, "pw")
    lines = path.read_text("ascii").splitlines()
    return b64decode("".join(lines[2:-1]))


def _put(path: Path, der: bytes) -> None:
    words = "ENCRYPTED PRIVATE KEY-----"
    path.write_text(
        f"principal: agent:planner\n-----BEGIN {words}\n{b64encode(der).decode()}\n-----END {words}\n", "ascii"
    )


def _wrapped(tag: int, *contents: bytes) -> bytes:
    joined = b"".join(contents)
    size = len(joined)
    return bytes([tag, size]) + joined if size < 128 else bytes([tag, 0x81, size]) + joined


def _numbers(*numbers: int) -> bytes:
    return b"".join(_wrapped(2, each.to_bytes(each.bit_length() // 8 + 1, "big")) for each in numbers)


@pytest.mark.parametrize(
    "derivation",
    [
        pytest.param(("2a864886f70d01050c", _numbers(10_000_001)), id="pbkdf2"),
        pytest.param(("2a864886f70d01050c", _numbers(2**31 - 1, 32)), id="pbkdf2, with a length"),
        pytest.param(("2a864886f70d01050c", _numbers(2**70)), id="pbkdf2, beyond any counter"),
        pytest.param(("2a864886f70d01050c", _numbers(0)), id="pbkdf2, never"),
        pytest.param(("2b06010401da47040b", _numbers(2**22, 8, 1)), id="scrypt"),
        pytest.param(("2b06010401da47040b", _numbers(2**10, 8, 2**20, 32)), id="scrypt, in parallel"),
    ],
)
def test_a_passphrase_that_would_be_hashed_for_minutes(tmp_path: Path, derivation: tuple[str, bytes]) -> None:
    """Somebody hands over a key file that keeps its reader busy: refused before the first hash."""
    name, numbers = derivation
    kdf = _wrapped(0x30, _wrapped(6, bytes.fromhex(name)), _wrapped(0x30, _wrapped(4, bytes(16)), numbers))
    cipher = _wrapped(0x30, _wrapped(6, bytes.fromhex("60864801650304012a")), _wrapped(4, bytes(16)))
    scheme = _wrapped(0x30, _wrapped(6, bytes.fromhex("2a864886f70d01050d")), _wrapped(0x30, kdf, cipher))
    path = tmp_path / "planner.key"
    _put(path, _wrapped(0x30, scheme, _wrapped(4, bytes(64))))
    with pytest.raises(TokenError, match="hashed at most 10000000 times") as caught:
        load_private(path, "pw")
    assert caught.value.reason is Reason.MALFORMED


def test_the_older_scheme_is_bounded_as_well(tmp_path: Path) -> None:
    """PBES1 has its count in another place."""
    parameters = _wrapped(0x30, _wrapped(4, bytes(8)), _numbers(2**31 - 1))
    scheme = _wrapped(0x30, _wrapped(6, bytes.fromhex("2a864886f70d010c0103")), parameters)
    path = tmp_path / "planner.key"
    _put(path, _wrapped(0x30, scheme, _wrapped(4, bytes(64))))
    with pytest.raises(TokenError, match="hashed at most"):
        load_private(path, "pw")


def test_an_encrypted_file_with_any_byte_changed(tmp_path: Path) -> None:
    """A key, or the declared error; whatever is cut off is damaged."""
    path = tmp_path / "planner.key"
    der = _encrypted(path)
    assert load_private(path, "pw")[1].public_key == SIGNER.public_key
    for place in range(len(der)):
        for value in (0x00, 0x1F, 0x7F, 0x80, 0xFF):
            if der[place] == value or (b"\x02" in der[place - 3 : place] and place < 80):
                continue  # within a count, which may then be one of millions
            _put(path, der[:place] + bytes([value]) + der[place + 1 :])
            with suppress(TokenError):
                load_private(path, "pw")
    for cut in range(len(der)):
        _put(path, der[:cut])
        with pytest.raises(TokenError):
            load_private(path, "pw")


def test_a_private_file_is_never_overwritten(tmp_path: Path) -> None:
    """A second key does not destroy the first, nor does it follow a link to a place of someone's choosing."""
    path = tmp_path / "planner.key"
    save_private(path, "agent:planner", SIGNER)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        save_private(path, "agent:planner", Ed25519Signer.generate())
    assert path.read_bytes() == before
    link = tmp_path / "link.key"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        save_private(link, "agent:planner", SIGNER)
    assert not (tmp_path / "elsewhere").exists()


@on_posix
def test_the_modes_of_key_files(tmp_path: Path) -> None:
    """A private file is its owner's alone whatever the umask, a public one all's; a loose one is seen."""
    before = os.umask(0)
    try:
        save_private(tmp_path / "planner.key", "agent:planner", SIGNER)
        PLANNER.save(tmp_path / "planner.pub")
    finally:
        os.umask(before)
    assert (tmp_path / "planner.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "planner.pub").stat().st_mode & 0o777 == 0o644
    assert is_private(tmp_path / "planner.key")
    for mode in (0o640, 0o604, 0o620):
        (tmp_path / "planner.key").chmod(mode)
        assert not is_private(tmp_path / "planner.key")
        assert load_private(tmp_path / "planner.key")


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves no half of a key behind."""

    def full_disk(handle: int, mode: str) -> object:
        os.close(handle)
        raise OSError(28, f"no space for {mode}")

    monkeypatch.setattr("delegate.core.keys.textfile.os.fdopen", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_private(tmp_path / "planner.key", "agent:planner", SIGNER)
    assert not (tmp_path / "planner.key").exists()


def test_a_missing_file_is_the_callers_to_handle(tmp_path: Path) -> None:
    """Troubles with files are OSError, not errors of a token."""
    for read in (Principal.load, load_private, needs_passphrase, is_private):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "missing")


PEM = SIGNER.to_pem()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(PEM, id="no name"),
        pytest.param(b"principal: planner\n" + PEM, id="a name without a scheme"),
        pytest.param(b"principal:agent:planner\n" + PEM, id="no blank"),
        pytest.param(b"agent:planner\n" + PEM, id="no word"),
        pytest.param(b"principal: agent:a\nprincipal: agent:b\n" + PEM, id="two names"),
        pytest.param(b"principal: agent:planner\n\n" + PEM, id="an empty line"),
        pytest.param(b"principal: agent:planner\n" + PEM[:60], id="cut off"),
        pytest.param(b"principal: agent:planner\n" + PEM.replace(b"M", b"!"), id="not base64"),
        pytest.param(b"principal: agent:planner\n" + PEM.replace(b"MC4C", b"MC4D"), id="not a key"),
        pytest.param(LINE.encode(), id="a public file"),
        pytest.param("principal: agent:plänner\n".encode() + PEM, id="not ascii"),
        pytest.param(b"\x89PNG\r\n" + bytes(99), id="an image"),
        pytest.param(b"principal: agent:planner\n" + PEM + b"\n" * FILE_BYTES, id="too long"),
        pytest.param(
            b"principal: agent:planner\n" + PEM.replace(b" PRIVATE", b" ENCRYPTED PRIVATE"),
            id="said to be encrypted",
        ),
    ],
)
def test_what_is_no_private_file(tmp_path: Path, content: bytes) -> None:
    """Other files are MALFORMED, and no message repeats what they hold."""
    path = tmp_path / "planner.key"
    path.write_bytes(content)
    with pytest.raises(TokenError) as caught:
        load_private(path, "secret")
    assert caught.value.reason is Reason.MALFORMED
    assert "planner" not in caught.value.detail.replace("`agent:planner`", "")


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed448.Ed448PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p-384", "ed448", "rsa"],
)
def test_a_private_key_of_another_kind(tmp_path: Path, key: PrivateKeyTypes) -> None:
    """Keys that cannot sign here are UNSUPPORTED_ALGORITHM."""
    path = tmp_path / "other.key"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(b"principal: agent:planner\n" + pem)
    with pytest.raises(TokenError) as caught:
        load_private(path)
    assert caught.value.reason is Reason.UNSUPPORTED_ALGORITHM


def test_a_private_key_that_no_library_knows(tmp_path: Path) -> None:
    """PKCS#8 with an algorithm that does not exist, one digit off the right one, is refused."""
    path = tmp_path / "other.key"
    der = b64decode("".join(PEM.decode().splitlines()[1:-1])).replace(b"\x2b\x65\x70", b"\x2b\x65\x7f")
    pem = f"-----BEGIN PRIVATE KEY-----\n{b64encode(der).decode()}\n-----END PRIVATE KEY-----\n"
    path.write_text(f"principal: agent:planner\n{pem}")
    with pytest.raises(TokenError) as caught:
        load_private(path)
    assert caught.value.reason is Reason.UNSUPPORTED_ALGORITHM


PLAIN_PEM = SIGNER.to_pem().decode()


def opened(pem: str) -> bytes | Reason:
    """What the library makes of a PEM: the public key in it, or why there is none."""
    try:
        return key_files._open(pem, None).public_key.raw
    except TokenError as error:
        return error.reason


def both_agree(pem: str) -> bool:
    """Whether the quick reader read it; whatever it reads, the library reads as the same key."""
    seed = key_files._plain_seed(pem)
    if seed is None:
        return False
    assert Ed25519Signer(seed).public_key.raw == opened(pem)
    return True


@given(st.binary(min_size=32, max_size=32))
def test_a_plain_key_is_read_without_the_library(seed: bytes) -> None:
    """Every key that is saved without a passphrase is read by its known bytes, and is the one that was saved."""
    pem = Ed25519Signer(seed).to_pem().decode()
    assert key_files._plain_seed(pem) == seed
    assert both_agree(pem)


@pytest.mark.parametrize("place", range(len(PLAIN_PEM)))
def test_the_two_readers_of_a_plain_key_agree(place: int) -> None:
    """Another character anywhere, one left out, one more: the quick reader reads it as the library does, or not."""
    before, after = PLAIN_PEM[:place], PLAIN_PEM[place + 1 :]
    for between in ("", "A", "b", "=", "-", "_", "\n", " ", "\r", "\0", PLAIN_PEM[place] * 2):
        both_agree(before + between + after)


@pytest.mark.parametrize(
    "pem",
    [
        PLAIN_PEM.removesuffix("\n"),
        PLAIN_PEM + "\n",
        PLAIN_PEM + PLAIN_PEM,
        PLAIN_PEM + "and more",
        PLAIN_PEM.replace("\n", "\n\n", 1),
        PLAIN_PEM[:50] + "\n" + PLAIN_PEM[50:],
        PLAIN_PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        PLAIN_PEM.replace("PRIVATE", "EC PRIVATE"),
        Esp256Signer.from_scalar(SEED).to_pem().decode(),
        SIGNER.to_pem("secret").decode(),
        "",
    ],
    ids=lambda pem: f"{len(pem)} characters",  # a sealed key is another text in each process that collects
)
def test_any_other_text_is_left_to_the_library(pem: str) -> None:
    """The quick reader takes one text for one key, to the byte."""
    assert not both_agree(pem)


@pytest.mark.parametrize(
    "der",
    [
        b"\x30\x2e\x02\x01\x01" + bytes.fromhex("300506032b6570 04220420") + SEED,  # version 1
        bytes.fromhex("302e020100300506032b656f04220420") + SEED,  # X448
        bytes.fromhex("302e020100300506032b657004210420") + SEED,
        bytes.fromhex("302e020100300506032b65700422041f") + SEED,
    ],
)
def test_forty_eight_bytes_of_another_kind_are_left_to_the_library(der: bytes) -> None:
    """As long as a plain key, and none."""
    pem = f"-----BEGIN PRIVATE KEY-----\n{b64encode(der).decode()}\n-----END PRIVATE KEY-----\n"
    assert len(der) == 48
    assert key_files._plain_seed(pem) is None


class RemoteSigner:
    """A signer whose key lives elsewhere."""

    @property
    def public_key(self) -> PublicKey:
        """Some key."""
        return SIGNER.public_key

    def sign(self, message: bytes) -> bytes:
        """Some signature."""
        return SIGNER.sign(message)


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    """A program's mistakes are TypeError and ValueError, and leave no file."""
    path = tmp_path / "planner.key"
    with pytest.raises(TypeError, match="RemoteSigner"):
        save_private(path, "agent:planner", RemoteSigner())
    with pytest.raises(ValueError, match="a name is"):
        save_private(path, "planner", SIGNER)
    with pytest.raises(ValueError, match="empty"):
        save_private(path, "agent:planner", SIGNER, "")
    with pytest.raises(ValueError, match=r"."):
        save_private(path, "agent:planner", SIGNER, "x" * 1024)
    assert not path.exists()


def test_an_openssh_key_whose_point_is_written_otherwise() -> None:
    """A point of P-256 that does not begin with 04, which the library does not read: damaged, like anything else."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    first, *body, last = pem.strip().split("\n")
    data = b64decode("".join(body))
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert data.count(point) == 2
    for head in (b"\x00", b"\x02", b"\x05"):
        changed = b64encode(data.replace(point, head + point[1:])).decode()
        text = "\n".join(
            ["principal: agent:a", first, *(changed[at : at + 70] for at in range(0, len(changed), 70)), last]
        )
        with pytest.raises(TokenError) as caught:
            key_files.parse_private(text + "\n")
        assert caught.value.reason in {Reason.MALFORMED, Reason.UNSUPPORTED_ALGORITHM}
