"""Taking back what was issued, at the wish of whoever holds it: a logout.

The rules of this file:

- Whoever asks proves the holder's key, for this request. Nobody else can end somebody's chain here; an operator uses
  `delegate revoke`.
- Only what this issuer signed goes onto its list: the list is no place for other people's bytes.
"""

from __future__ import annotations

from pathlib import Path

from delegate.authoring.identity import Identity
from delegate.authoring.revoke import RevokedBlock
from delegate.authoring.token import Token
from delegate.core.chain.binding import block_aad
from delegate.core.chain.revocations import RevocationList
from delegate.core.keys.public import PublicKey
from delegate.core.wire import cose
from delegate.errors import DelegateError, Reason
from delegate.issue.own_files import locked, replace_file
from delegate.issue.refusals import IssuerUnavailable, NotIssued
from delegate.limits import REVOCATIONS_BYTES

_PUBLIC = 0o644


def issued_by(text: str, identity: Identity, holder: PublicKey) -> RevokedBlock:
    """Say which block of this issuer's a token is, whose holder has this key.

    Raises:
        NotIssued: MALFORMED, UNKNOWN_ROOT, PROOF_WRONG_KEY.
    """
    try:
        token = Token.parse(text)
        signed = cose.open_signed(token.blocks[0])
        key = identity.public_key
        structure = cose.sig_structure(signed.protected, block_aad(key.thumbprint), signed.payload_item)
        key.verify(structure, signed.signature)
    except DelegateError as error:
        reason = Reason.UNKNOWN_ROOT if error.reason is Reason.BAD_SIGNATURE else error.reason
        raise NotIssued(reason, f"this is no chain of ours: {error.detail}", told="this is no chain of ours") from None
    if len(token.blocks) != 1 or token.link.block.key != holder:
        told = "the proof is not by the key that this chain was issued for"
        raise NotIssued(Reason.PROOF_WRONG_KEY, told, told=told)
    return RevokedBlock(id=cose.structure_id(structure), until=token.expires, why="logged out")


def take_back(identity: Identity, path: Path, block: RevokedBlock, *, now: int) -> RevocationList:
    """Put a block onto the issuer's list of revocations, which services follow.

    Raises:
        IssuerUnavailable: the list cannot be read or written.
    """
    try:
        with locked(path):
            previous = None
            if path.exists():
                with path.open("rb") as file:
                    previous = RevocationList.parse(file.read(REVOCATIONS_BYTES * 2))
            made = identity.revoke(blocks=[block], previous=previous, now=now)
            replace_file(path, made.to_text().encode() + b"\n", _PUBLIC)
            return made
    except (OSError, ValueError, DelegateError) as error:
        words = error.detail if isinstance(error, DelegateError) else type(error).__name__
        raise IssuerUnavailable(f"the list of revocations cannot be written: {words}") from None
