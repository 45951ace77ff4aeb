"""What a signature covers besides the payload, and framing an envelope of any kind (SPEC §3.2, §3.4)."""

from __future__ import annotations

from typing import Final

from delegate.core.wire import armor, cose, envelope
from delegate.core.wire.envelope import Envelope, Kind
from delegate.errors import Reason, TokenError

# With the head of a byte string of 17 + 32 bytes.
_BLOCK: Final = b"\x58\x31delegate/1 block\0"
_PROOF: Final = b"\x58\x31delegate/1 proof\0"

# What is signed begins with this under the commonest header; then comes what it is bound to.
COMMON_BLOCK: Final = cose.COMMON_STRUCTURE + _BLOCK
COMMON_PROOF: Final = cose.COMMON_STRUCTURE + _PROOF


def block_aad(above: bytes) -> bytes:
    """Bind a block to what it stands below: `above` is the id of the block above, or the root's thumbprint."""
    return _BLOCK + above


def proof_aad(last: bytes) -> bytes:
    """Bind a proof to the chain that it presents: `last` is the id of its last block."""
    return _PROOF + last


def frame(source: str | bytes) -> Envelope:
    """Frame an envelope, text or bytes.

    Raises:
        TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION.
    """
    if isinstance(source, bytes) and source.lstrip()[:3] == b"dlg":  # text, as a file or a header gives it
        source = source.decode("latin-1")
    if isinstance(source, str):
        kind, data = armor.decode(source)
        found = envelope.parse(data)
        if found.kind is not kind:
            raise TokenError(Reason.MALFORMED, f"the prefix says {word(kind)}, the content {word(found.kind)}")
        return found
    if isinstance(source, bytes):
        return envelope.parse(source)
    message = f"a token is text or bytes, not {type(source).__name__}"
    raise TypeError(message)


def word(kind: Kind) -> str:
    """Name an envelope for people."""
    return "bearer token" if kind is Kind.BEARER else kind.name.lower()
