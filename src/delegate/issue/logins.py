"""The login that `delegate login` keeps: a key, a chain for it, and how to get the next one.

It is one file in the user's data folder, its owner's alone, written whole or not at all. It holds secrets: this module
reads it, and nothing of it is printed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from delegate.authoring.identity import Identity
from delegate.authoring.signers import Ed25519Signer
from delegate.authoring.token import Token
from delegate.core.wire.armor import from_base64url, to_base64url
from delegate.errors import DelegateError, Reason, TokenError
from delegate.state.own_file import open_own, replace_whole

_BYTES: Final = 128 * 1024
_SECRET: Final = 0o600
_TEXTS: Final = ("issuer", "name", "seed", "token", "endpoint", "revocation", "client", "refresh", "salt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login.

    Attributes:
        issuer: the issuer's address.
        identity: name and key of what is logged in.
        token: its chain.
        endpoint: the provider's token endpoint; empty where there is no refresh token.
        revocation: where the provider takes a refresh token back; empty where it does not.
        client: as which client.
        refresh: the refresh token; empty where there is none.
        salt: of the nonce.
    """

    issuer: str
    identity: Identity
    token: Token = field(repr=False)
    endpoint: str = ""
    revocation: str = ""
    client: str = ""
    refresh: str = field(default="", repr=False)
    salt: str = field(default="", repr=False)

    def with_refresh(self, refresh: str) -> Login:
        """Give the same with another refresh token."""
        return replace(self, refresh=refresh)


def load(path: Path) -> Login | None:
    """Read the login; `None` where there is none.

    Raises:
        TokenError: MALFORMED: the file is none. OSError: it cannot be read, or others may.
    """
    try:
        handle = open_own(path, os.O_RDONLY, alone=True)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        data = file.read(_BYTES)
    try:
        said = json.loads(data)
        if not isinstance(said, dict) or not all(isinstance(said[name], str) for name in _TEXTS):
            raise TokenError(Reason.MALFORMED, "")
        return Login(
            issuer=said["issuer"],
            identity=Identity.from_seed(said["name"], from_base64url(said["seed"])),
            token=Token.parse(said["token"]),
            **{name: said[name] for name in ("endpoint", "revocation", "client", "refresh", "salt")},
        )
    except (ValueError, KeyError, RecursionError, DelegateError):
        raise TokenError(
            Reason.MALFORMED, "the login that was kept cannot be read; delegate login makes it anew"
        ) from None


def save(path: Path, login: Login) -> None:
    """Write a login in the place of the one that was there; raises OSError."""
    signer = login.identity.signer
    assert isinstance(signer, Ed25519Signer)  # noqa: S101 - a login makes its own key
    said = {
        "issuer": login.issuer,
        "name": login.identity.name,
        "seed": to_base64url(signer.seed_bytes()),
        "token": login.token.to_text(),
        "endpoint": login.endpoint,
        "revocation": login.revocation,
        "client": login.client,
        "refresh": login.refresh,
        "salt": login.salt,
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_whole(path, json.dumps(said).encode() + b"\n", _SECRET)


def remove(path: Path) -> None:
    """Forget a login; raises OSError."""
    path.unlink(missing_ok=True)
