"""Receipts: what a service decided, signed by it, for whoever asked to keep (AUDIT §16.9).

    receipt   = [9, COSE_Sign1]    text prefix dlge_
    aad       = "delegate/1 receipt" ‖ 0 ‖ thumbprint of the signer
    payload   = {1: signer, 3: service, 6: time, "out": bool, "req": digest, ? "hop": uint, ? "why": reason,
                 ? "last": block id, ? "proof": proof id}

The rules of this file:

- A receipt says what one service says, and is as good as its key. That the decision also stands in the service's log,
  where it cannot be taken away again, a proof beside it shows.
- The purpose in what is signed is of receipts alone: nothing else that a key signs passes for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from delegate.audit.events import AuditEvent
from delegate.authoring import singles
from delegate.authoring.singles import Single
from delegate.core.chain.claims import check_audience_name
from delegate.core.chain.request import Request
from delegate.core.keys.names import is_name
from delegate.core.keys.principal import Principal
from delegate.core.wire import cbor, cose
from delegate.errors import Reason, TokenError, VerificationError
from delegate.limits import TIME_MAX

if TYPE_CHECKING:
    from delegate.authoring.identity import Identity

RECEIPT: Final = Single(9, "dlge_", "a receipt", 1024)
_PURPOSE: Final = b"\x58\x33delegate/1 receipt\0"  # with the head of a byte string of 19 + 32 bytes
_ID_BYTES: Final = 32
_REASONS: Final = frozenset(map(str, Reason))


class Said(NamedTuple):
    """What a receipt says.

    Attributes:
        signer: name of who signed, as it says.
        service: the name that the service goes by.
        time: when it was decided, Unix seconds.
        allowed: the outcome.
        request: digest of the request, 32 bytes.
        hop: the first block that refused; `None` where no single one did.
        reason: why it was refused; `None` where it was allowed.
        last: id of the chain's last block, 32 bytes; `None` where no chain was verified.
        proof: id of the proof, 32 bytes; `None` where none held.
    """

    signer: str
    service: str
    time: int
    allowed: bool
    request: bytes
    hop: int | None
    reason: str | None
    last: bytes | None
    proof: bytes | None

    def encode(self) -> bytes:
        """Write the payload."""
        rest: dict[int | str, object] = {"hop": self.hop, "why": self.reason, "last": self.last, "proof": self.proof}
        given: dict[int | str, object] = {
            1: self.signer,
            3: self.service,
            6: self.time,
            "out": self.allowed,
            "req": self.request,
            **{name: value for name, value in rest.items() if value is not None},
        }
        return cbor.encode(given)

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "signer": self.signer,
            "service": self.service,
            "time": self.time,
            "outcome": "allowed" if self.allowed else "refused",
            "reason": self.reason,
            "hop": self.hop,
            "request": self.request.hex(),
            "block_id": None if self.last is None else self.last.hex(),
            "proof_id": None if self.proof is None else self.proof.hex(),
        }


class Receipt:
    """A receipt on its way. Nobody has checked it, and it is no secret."""

    __slots__ = ("signed",)

    def __init__(self, signed: bytes) -> None:
        """Take a COSE_Sign1 as it travels."""
        self.signed = signed

    @classmethod
    def parse(cls, source: str | bytes) -> Receipt:
        """Read the text form, `dlge_…`, or the bytes.

        Raises:
            TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION,
                UNSUPPORTED_ALGORITHM, UNKNOWN_CLAIM.
        """
        found = cls(singles.parse(RECEIPT, source))
        _ = found.claimed
        return found

    @classmethod
    def sign(cls, identity: Identity, said: Said) -> Receipt:
        """Sign what is said, in the identity's name."""
        key = identity.public_key
        protected = cose.protected_header(key.algorithm, key.kid)
        payload = cose.byte_string(said._replace(signer=identity.name).encode())
        structure = cose.sig_structure(protected, _PURPOSE + key.thumbprint, payload)
        return cls(cose.assemble(protected, payload, identity.signer.sign(structure)))

    @property
    def claimed(self) -> Said:
        """What it says, with no signature checked; raises TokenError."""
        return _read(cose.open_signed(self.signed).payload)

    def check(self, signer: Principal) -> Said:
        """Check that this principal signed it, under its own name.

        Raises:
            TokenError: MALFORMED. VerificationError: BAD_SIGNATURE; UNKNOWN_ROOT for another name than the signer's.
        """
        signed = cose.open_signed(self.signed)
        key = signer.public_key
        if signed.algorithm != key.algorithm or signed.kid != key.kid:
            raise VerificationError(Reason.UNKNOWN_ROOT, f"not signed by the key of {signer.name}")
        structure = cose.sig_structure(signed.protected, _PURPOSE + key.thumbprint, signed.payload_item)
        key.verify(structure, signed.signature)
        said = _read(signed.payload)
        if said.signer != signer.name:
            raise VerificationError(Reason.UNKNOWN_ROOT, f"signed in another name than {signer.name}")
        return said

    def to_bytes(self) -> bytes:
        """Give the binary form."""
        return singles.build(RECEIPT, self.signed)

    def to_text(self) -> str:
        """Give the text form: `dlge_` and base64url."""
        return singles.to_text(RECEIPT, self.signed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Receipt) and self.signed == other.signed

    def __hash__(self) -> int:
        return hash(self.signed)

    def __repr__(self) -> str:
        return f"<Receipt {len(self.signed)} bytes>"


def differences(said: Said, event: AuditEvent) -> tuple[str, ...]:
    """Say in what an event differs from what a receipt says; in nothing, where it is the event of that decision."""
    compared: Iterable[tuple[str, bool]] = (
        ("the service", event.service == said.service),
        ("the time", event.time == said.time),
        ("the outcome", event.allowed is said.allowed and event.reason == said.reason and event.hop == said.hop),
        ("the request", event.is_of(said.request)),
        ("the proof", event.proof_id == said.proof),
    )
    return tuple(what for what, is_same in compared if not is_same)


def is_for(said: Said, request: Request) -> bool:
    """Say whether a receipt is for this request."""
    return said.request == request.digest


def _read(payload: bytes) -> Said:
    found: Any = cbor.decode(payload)
    match found:
        case {
            1: str() as signer,
            3: str() as service,
            6: int() as time,
            "out": bool() as allowed,
            "req": bytes() as request,
        }:
            rest = {key: value for key, value in found.items() if key not in {1, 3, 6, "out", "req"}}
        case _:
            raise _malformed()
    unknown = rest.keys() - {"hop", "why", "last", "proof"}
    if unknown:
        raise TokenError(Reason.UNKNOWN_CLAIM, "the receipt has a further claim")
    hop, reason, last, proof = (rest.get(name) for name in ("hop", "why", "last", "proof"))
    if (
        not is_name(signer)
        or not check_audience_name(service)
        or type(time) is not int
        or not 0 <= time <= TIME_MAX
        or len(request) != _ID_BYTES
        or allowed is not (reason is None)
        or (reason is not None and (type(reason) is not str or reason not in _REASONS))
        or (hop is not None and (type(hop) is not int or hop < 0 or allowed))
        or not all(each is None or (type(each) is bytes and len(each) == _ID_BYTES) for each in (last, proof))
        or any(value is None for value in rest.values())
        or (allowed and last is None)
    ):
        raise _malformed()
    return Said(signer, service, time, allowed, request, hop, reason, last, proof)


def _malformed() -> TokenError:
    return TokenError(Reason.MALFORMED, "the payload is not a receipt's")
