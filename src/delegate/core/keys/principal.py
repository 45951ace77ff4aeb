"""Principals: a name together with a public key, and the one line that writes them (SPEC §2)."""

from __future__ import annotations

from os import PathLike

from delegate.core.keys.names import NAME_RULE, check_name, is_name
from delegate.core.keys.public import PublicKey
from delegate.core.keys.textfile import PUBLIC_MODE, read_text, write_new
from delegate.errors import Reason, TokenError
from delegate.frozen import Frozen, put


class Principal(Frozen):
    """A named party with a public key. `str()` is the name.

    The name is the word of whoever wrote it down next to the key; that the two belong together is for the
    reader of the file, the verifier's roots or its directory to know.

    Attributes:
        name: a scheme, a colon and 1 to 200 visible ASCII characters.
        public_key: what the party's signatures hold under.

    Raises:
        TypeError, ValueError: not a name.
    """

    __slots__ = __match_args__ = ("name", "public_key")

    name: str
    public_key: PublicKey

    def __init__(self, name: str, public_key: PublicKey) -> None:
        """Refuse a program's mistake; bytes from outside are checked before they come here."""
        check_name(name)
        put(self, "name", name)
        put(self, "public_key", public_key)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls, text: str) -> Principal:
        """Read `ed25519:<base64url> agent:planner`: a key, one blank, a name, at most one line end.

        Raises:
            TokenError: MALFORMED; UNSUPPORTED_ALGORITHM for another kind of key.
            VerificationError: WEAK_KEY.

        Source: SPEC §2.
        """
        key, blank, name = text.removesuffix("\n").removesuffix("\r").partition(" ")
        if not blank:
            raise TokenError(Reason.MALFORMED, "a principal is written as its key, a blank and its name")
        if not is_name(name):
            raise TokenError(Reason.MALFORMED, NAME_RULE)
        return cls(name, PublicKey.parse(key))

    def to_text(self) -> str:
        """Write the line that `parse` reads, without a line end."""
        return f"{self.public_key.to_text()} {self.name}"

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Principal:
        """Read a public file: one line.

        Raises:
            TokenError: as `parse`; MALFORMED for a file that is too long or no text.
            VerificationError: WEAK_KEY.
            OSError: the file cannot be read.
        """
        return cls.parse(read_text(path))

    def save(self, path: str | PathLike[str]) -> None:
        """Write a new public file, readable by all (0644).

        Raises:
            FileExistsError: there is a file of that name; it stays as it is.
            OSError: the file cannot be written.
        """
        write_new(path, self.to_text().encode("ascii") + b"\n", PUBLIC_MODE)
