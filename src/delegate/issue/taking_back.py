"""Taking back what was issued, at the wish of whoever holds it: a logout.

The rules of this file:

- Whoever asks proves the holder's key, for this request. Nobody else can end somebody's chain here; an operator uses
  `delegate revoke`.
- Only what this issuer signed goes onto its list: the list is no place for other people's bytes.
- A list has room for so many. What is listed already, or over, changes nothing; one originator has a quota of what the
  list holds; and the last places are kept for the operator, who must always be able to take something back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from delegate.authoring.identity import Identity
from delegate.authoring.revoke import RevokedBlock
from delegate.authoring.token import Token
from delegate.core.chain.binding import block_aad
from delegate.core.chain.revocations import RevocationList
from delegate.core.keys.public import PublicKey
from delegate.core.wire import cose
from delegate.errors import DelegateError, Reason
from delegate.issue.own_files import locked
from delegate.issue.refusals import IssuerUnavailable, NotIssued
from delegate.limits import REVOCATIONS, REVOCATIONS_BYTES
from delegate.state.own_file import replace_whole

QUOTA: Final = 256  # of one originator's blocks, on the list at once
RESERVED: Final = 4096  # places that holders cannot fill
_PUBLIC: Final = 0o644
_PRIVATE: Final = 0o600
_COUNTS_BYTES: Final = 16 * 1024 * 1024


def issued_by(text: str, identity: Identity, holder: PublicKey) -> tuple[RevokedBlock, str]:
    """Say which block of this issuer's a token is, whose holder has this key, and for which originator it was issued.

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
    return RevokedBlock(id=cose.structure_id(structure), until=token.expires, why="logged out"), token.originator


def take_back(identity: Identity, path: Path, block: RevokedBlock, originator: str, *, now: int) -> bool:
    """Put a block onto the issuer's list of revocations, which services follow; `False` where nothing had to change.

    Args:
        identity: the issuer.
        path: the list; beside it stands, readable by the issuer alone, what each originator has on it.
        block: what to take back.
        originator: whose quota it counts against.
        now: Unix seconds.

    Raises:
        NotIssued: LIMIT_EXCEEDED: too many of this originator's are on the list.
        IssuerUnavailable: the list cannot be read or written, or has only the operator's places left.
    """
    if block.until <= now:
        return False
    try:
        with locked(path):
            previous = None
            if path.exists():
                with path.open("rb") as file:
                    previous = RevocationList.parse(file.read(REVOCATIONS_BYTES * 2))
                if now < previous.expires and any(each.subject == block.id for each in previous.records):
                    return False
            made = identity.revoke(blocks=[block], previous=previous, now=now)
            if len(made.records) > REVOCATIONS - RESERVED:
                raise IssuerUnavailable("the list of revocations is full: what is left of it is the operator's")
            counts = _counted(path, originator, block.id, {each.subject.hex() for each in made.records})
            replace_whole(path, made.to_text().encode() + b"\n", _PUBLIC)
            replace_whole(_counts(path), counts, _PRIVATE)
            return True
    except NotIssued:
        raise
    except (OSError, ValueError, DelegateError) as error:
        words = error.detail if isinstance(error, DelegateError) else type(error).__name__
        raise IssuerUnavailable(f"the list of revocations cannot be written: {words}") from None


def _counts(path: Path) -> Path:
    return path.with_name(f".{path.name[:200]}.counts")


def _counted(path: Path, originator: str, block_id: bytes, listed: Iterable[str]) -> bytes:
    """Add a block to what its originator has on the list; what is not there any longer counts no more.

    Raises:
        NotIssued: that would be too many. IssuerUnavailable: what was counted cannot be read. OSError.
    """
    known: dict[str, list[str]] = {}
    place = _counts(path)
    if place.exists():
        with place.open("rb") as file:
            data = file.read(_COUNTS_BYTES + 1)
        try:
            read = json.loads(data) if len(data) <= _COUNTS_BYTES else None
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict) or not all(
            isinstance(ids, list) and all(isinstance(each, str) for each in ids) for ids in read.values()
        ):
            raise IssuerUnavailable(f"{place.name} cannot be read; without it counting begins anew")
        known = read
    there = set(listed)
    kept = {name: left for name, ids in known.items() if (left := [each for each in ids if each in there])}
    own = kept.setdefault(sha256(originator.encode()).hexdigest()[:32], [])
    if block_id.hex() not in own:
        own.append(block_id.hex())
    if len(own) > QUOTA:
        told = "too many chains of this originator were taken back; this one ends by itself"
        raise NotIssued(Reason.LIMIT_EXCEEDED, told, told=told)
    return json.dumps(kept).encode()
