"""Key files (SPEC §2.4).

A private file is `principal: agent:planner` on its first line, then PKCS#8 PEM, encrypted or not; version 2 of PKCS#8
(RFC 5958), which has the public key beside the private one, is read where it is not encrypted. PEM readers skip what
precedes their first line, so other tools read the same file. A public file is one line (see `Principal`). A file of
OpenSSH is read too: behind such a first line, or as it is, where the comment in it is the principal's name.

- A file is made with its final mode from the start, and never overwrites another: what a key has signed
  would be lost with it.
- The name in a private file is the word of whoever could write the file, and so is its key.
- Problems with the file itself are `OSError`; problems with what it says are `DelegateError`.
"""

from __future__ import annotations

import binascii
import os
from os import PathLike

from delegate.authoring.signers import Ed25519Signer, Esp256Signer, Signer, passphrase_bytes
from delegate.core.keys.names import NAME_RULE, check_name, is_name
from delegate.core.keys.textfile import read_text, write_new
from delegate.errors import Reason, TokenError
from delegate.regular import regular

PRIVATE_MODE = 0o600
ELSEWHERE = "signer: "  # begins the second line of a file whose key is elsewhere

_FIRST_WORD = "principal: "
_PEM_PLAIN = "-----BEGIN PRIVATE KEY-----"
_PEM_ENCRYPTED = "-----BEGIN ENCRYPTED PRIVATE KEY-----"
_PEM_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"
# A plain Ed25519 key as everybody writes it (RFC 8410 §7): 16 bytes and the seed, one line of base64.
_PLAIN_LINE = slice(len(_PEM_PLAIN) + 1, len(_PEM_PLAIN) + 65)
_PLAIN_END = "\n-----END PRIVATE KEY-----\n"
_PLAIN_BYTES = 48
_PEM = regular(r"-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)-----END PRIVATE KEY-----\s*")
_ED25519_HEAD = bytes.fromhex("302e 0201 00 3005 0603 2b6570 0422 0420")


def save_private(path: str | PathLike[str], name: str, signer: Signer, passphrase: str | bytes | None = None) -> None:
    """Write a new private file, for its owner alone (0600).

    Args:
        path: where no file is yet.
        name: of the principal that the key belongs to.
        signer: an `Ed25519Signer` or `Esp256Signer`; the key of another kind cannot be had.
        passphrase: encrypts the key; 1 to 1023 bytes.

    Raises:
        FileExistsError: there is a file of that name; it stays as it is.
        OSError: the file cannot be written.
        TypeError, ValueError: not a name, not a signer whose key can be saved, an empty passphrase.
    """
    check_name(name)
    if not isinstance(signer, Ed25519Signer | Esp256Signer):
        message = f"the key of a {type(signer).__name__} cannot be saved"
        raise TypeError(message)
    write_new(path, private_text(name, signer, passphrase), PRIVATE_MODE)


def private_text(name: str, signer: Ed25519Signer | Esp256Signer, passphrase: str | bytes | None = None) -> bytes:
    """Give what a private file holds. Raises ValueError: an empty passphrase, or one over 1023 bytes."""
    return f"{_FIRST_WORD}{name}\n".encode("ascii") + signer.to_pem(passphrase)


def load_private(
    path: str | PathLike[str], passphrase: str | bytes | None = None
) -> tuple[str, Ed25519Signer | Esp256Signer]:
    """Read a private file: the principal's name and its signer.

    Args:
        path: a file that `save_private` wrote, or one put together from a PEM and a first line.
        passphrase: needed if the key is encrypted, and not looked at if it is not.

    Raises:
        TokenError: MALFORMED for another kind of file, a missing or a wrong passphrase, one that is hashed more than
            ten million times; UNSUPPORTED_ALGORITHM for a key that is neither Ed25519 nor P-256.
        OSError: the file cannot be read.

    Cost: as often as the file says, its passphrase is hashed; some seconds at most.
    """
    return parse_private(read_text(path), passphrase)


def parse_private(text: str, passphrase: str | bytes | None = None) -> tuple[str, Ed25519Signer | Esp256Signer]:
    """Read the text of a private file: the principal's name and its signer; raises TokenError as `load_private`."""
    name, pem = _split(text)
    if pem.startswith(_PEM_OPENSSH):
        from delegate.authoring import openssh

        return name, openssh.open_key(pem, passphrase)
    seed = _plain_seed(pem)
    return name, _open(pem, passphrase) if seed is None else Ed25519Signer(seed)


def is_encrypted(text: str) -> bool:
    """Is the key in the text of a private file encrypted? Raises TokenError: MALFORMED, no private key file."""
    pem = _split(text)[1]
    if pem.startswith(_PEM_OPENSSH):
        from delegate.authoring import openssh

        return openssh.is_encrypted(pem)
    return pem.startswith(_PEM_ENCRYPTED)


def needs_passphrase(path: str | PathLike[str]) -> bool:
    """Is the key in this private file encrypted?

    Raises:
        TokenError: MALFORMED, not a private key file.
        OSError: the file cannot be read.
    """
    return is_encrypted(read_text(path))


def is_private(path: str | PathLike[str]) -> bool:
    """Is this file closed to everybody but its owner? Loading does not ask; a user should be warned if not.

    Always true where files have no such modes.

    Raises:
        OSError: the file cannot be looked at.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116 - importing pathlib would take longer
    return os.name != "posix" or mode & 0o077 == 0


def _split(text: str) -> tuple[str, str]:
    first_line, _, pem = text.replace("\r\n", "\n").partition("\n")
    if first_line == _PEM_OPENSSH:
        return _split_openssh(f"{first_line}\n{pem}")
    if pem.startswith(ELSEWHERE):
        raise TokenError(Reason.MALFORMED, "the key of this file is elsewhere: load it as an identity")
    if not pem.startswith((_PEM_PLAIN, _PEM_ENCRYPTED, _PEM_OPENSSH)):
        raise TokenError(Reason.MALFORMED, "a private key file is `principal: ` and a name, then PKCS#8 PEM")
    name = first_line.removeprefix(_FIRST_WORD)
    if name == first_line or not is_name(name):
        raise TokenError(Reason.MALFORMED, f"the first line of a private key file names its principal; {NAME_RULE}")
    return name, pem


def _split_openssh(pem: str) -> tuple[str, str]:
    """Take a file of OpenSSH as it is: the comment in it is the principal's name."""
    from delegate.authoring import openssh

    name = openssh.comment_of(pem)
    if not is_name(name):
        detail = (
            "this key of OpenSSH does not say whose it is: put `principal: ` and the name on a line before it, or "
            "make the name its comment, ssh-keygen -c -C user:alice@example.com -f FILE"
        )
        raise TokenError(Reason.MALFORMED, detail)
    return name, pem


def _plain_seed(pem: str) -> bytes | None:
    """The seed in a plain Ed25519 key, where the key is written to the byte as `to_pem` writes it.

    Any other text, right or wrong, is for `_open`: importing its library takes 15 ms, as long as all else in a command.
    """
    line = pem[_PLAIN_LINE]
    if pem != f"{_PEM_PLAIN}\n{line}{_PLAIN_END}":
        return None
    try:
        der = binascii.a2b_base64(line, strict_mode=True)
    except ValueError:
        return None
    return der.removeprefix(_ED25519_HEAD) if len(der) == _PLAIN_BYTES and der.startswith(_ED25519_HEAD) else None


def _open(pem: str, passphrase: str | bytes | None) -> Ed25519Signer | Esp256Signer:
    """The signer of any key, encrypted or not; raises TokenError as `load_private`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    from delegate.authoring.foreign import foreign
    from delegate.authoring.key_cost import open_pem

    encrypted = pem.startswith(_PEM_ENCRYPTED)
    if encrypted and not passphrase:
        raise TokenError(Reason.MALFORMED, "this key file has a passphrase, and none was given")
    secret = passphrase_bytes(passphrase) if encrypted and passphrase else None
    detail = "the passphrase is wrong or the key file is damaged" if encrypted else "the key file is damaged"
    with foreign(lambda: TokenError(Reason.MALFORMED, detail)):  # OpenSSL has names for some faults only
        try:
            key = load_der_private_key(open_pem(pem), secret) if encrypted else _load_plain(pem)
        except UnsupportedAlgorithm:
            raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a key that is neither ed25519 nor esp256") from None
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Signer(key.private_bytes_raw())
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return Esp256Signer(key)
    raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a key that is neither ed25519 nor esp256")


def _load_plain(pem: str) -> object:
    """The library's key of a PEM that is not encrypted, of version 1 or 2 of PKCS#8.

    Raises:
        ValueError: it is none, or the public key in it is another's.
    """
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    from delegate.authoring.der import first_version

    try:
        return load_pem_private_key(pem.encode("ascii"), None)
    except ValueError:  # the library has no version 2
        found = _PEM.fullmatch(pem)
        if found is None:
            raise
        try:
            der, public = first_version(binascii.a2b_base64(found[1].replace("\n", ""), strict_mode=True))
        except IndexError:
            raise ValueError from None
    key = load_der_private_key(der, None)
    if public is not None and public != _public_bytes(key):
        raise ValueError
    return key


def _public_bytes(key: object) -> bytes | None:
    """The public key as version 2 has it (RFC 8410 §10.3, RFC 5480 §2.2): 32 bytes, or an uncompressed point."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, Ed25519PrivateKey):
        return key.public_key().public_bytes_raw()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return None
