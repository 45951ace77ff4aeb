"""Where a key is: in a file, in an ssh-agent, in a PKCS#11 token; and the words for it (SPEC §2.4).

    alice.key                                     a private file, or one that says where the key is
    ssh-agent:alice.pub                           the key of that public file, in the ssh-agent
    pkcs11:token=office;object=user:alice@example.com?module-path=/usr/lib/…
                                                  a key in a token, whose label is the principal's name

A file that says where the key is has `principal: ` and the name on its first line, and `signer: ` and the place on its
second. There is no secret in it. The place is `ssh-agent:` and the public key, or a PKCS #11 URI.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from os import PathLike
from typing import Final

from delegate.authoring.key_files import ELSEWHERE, parse_private
from delegate.authoring.signers import Signer
from delegate.core.chain.printable import shown
from delegate.core.keys.names import NAME_RULE, is_name
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.core.keys.textfile import read_text, write_new
from delegate.errors import Reason, TokenError

AGENT: Final = "ssh-agent:"
IN_TOKEN: Final = "pkcs11:"  # noqa: S105 - no secret
_FIRST_WORD: Final = "principal: "
_REFERENCE_MODE: Final = 0o600  # no secret, but whoever may write it chooses the key
_SPEC_CHARACTERS: Final = 4_096

Passphrase = str | bytes | Callable[[], str] | None


def is_elsewhere(place: str) -> bool:
    """Does this say where a key is, other than in a file?"""
    return place.startswith((AGENT, IN_TOKEN))


def says_elsewhere(text: str) -> bool:
    """Is this the text of a file that says where its key is?"""
    return text.startswith(_FIRST_WORD) and text.partition("\n")[2].startswith(ELSEWHERE)


def load(path: str | PathLike[str], passphrase: str | bytes | None = None) -> tuple[str, Signer]:
    """Find a key, wherever it is: the principal's name and its signer.

    Args:
        path: of a file; or where the key is, as above.
        passphrase: of the file, or the PIN of the token.

    Raises:
        TokenError: it is no such file, or says no such place; a passphrase is missing or wrong.
        StateError: STATE_UNAVAILABLE: the agent or the token does not have it.
        OSError: the file cannot be read. ImportError: an extra is not installed.
    """
    place = os.fspath(path)
    if isinstance(place, str) and is_elsewhere(place):
        return find(place, passphrase)
    text = read_text(path)
    return parse_reference(text, passphrase) if says_elsewhere(text) else parse_private(text, passphrase)


def find(place: str, pin: Passphrase = None) -> tuple[str, Signer]:
    """Find a key by what a user wrote: `ssh-agent:alice.pub`, `pkcs11:…`; raises as `load`."""
    if place.startswith(AGENT):
        from delegate.authoring.ssh_agent import SshAgentSigner

        principal = Principal.load(place.removeprefix(AGENT))
        return principal.name, SshAgentSigner(principal.public_key)
    found = _uri(place)
    name = found.get("object", "")
    if not is_name(name):
        detail = f"the label of a key in a token is its principal's name, and `{shown(name)}` is none; {NAME_RULE}"
        raise TokenError(Reason.MALFORMED, detail)
    return name, _in_token(place, pin)


def parse_reference(text: str, pin: Passphrase = None) -> tuple[str, Signer]:
    """Find the key of a file that says where it is; raises as `load`."""
    first, _, rest = text.replace("\r\n", "\n").partition("\n")
    name, place = first.removeprefix(_FIRST_WORD), rest.removesuffix("\n").removeprefix(ELSEWHERE)
    if not is_name(name) or len(place) > _SPEC_CHARACTERS or not place.isprintable() or " " in place:
        raise TokenError(Reason.MALFORMED, "a file that says where its key is has `principal: ` and `signer: `")
    if place.startswith(AGENT):
        from delegate.authoring.ssh_agent import SshAgentSigner

        return name, SshAgentSigner(PublicKey.parse(place.removeprefix(AGENT)))
    if place.startswith(IN_TOKEN):
        _uri(place)
        return name, _in_token(place, pin)
    raise TokenError(Reason.MALFORMED, "a signer is `ssh-agent:` and a public key, or a `pkcs11:` URI")


def write_reference(path: str | PathLike[str], name: str, place: str) -> None:
    """Write a file that says where the key is; it is a new one, for its owner alone.

    Raises:
        FileExistsError: there is one; OSError: it cannot be written.
    """
    write_new(path, f"{_FIRST_WORD}{name}\n{ELSEWHERE}{place}\n".encode("ascii"), _REFERENCE_MODE)


def agent_place(public_key: PublicKey) -> str:
    """Say that a key is in the ssh-agent."""
    return f"{AGENT}{public_key.to_text()}"


def _uri(place: str) -> dict[str, str]:
    from delegate.authoring.pkcs11 import parse_uri

    try:
        return parse_uri(place)
    except ValueError as error:
        raise TokenError(Reason.MALFORMED, str(error)) from None


def _in_token(place: str, pin: Passphrase) -> Signer:
    from delegate.authoring.pkcs11 import Pkcs11Signer

    return Pkcs11Signer.from_uri(place, pin=pin.decode() if isinstance(pin, bytes) else pin)
