"""Discharges: what a third party says of one need of one block, signed (SPEC §14.2).

The rules of this file:

- A discharge says which block and which need it is for; with `req` and `last`, which request of which holder.
- What it says is normalised as arguments are, and travels so: one statement, one encoding.
- The name in it is its signer's word; a verifier goes by the name that it knows the key by.
- A *staple* is for the freshness of a whole chain, and says one thing: as of its `iat`, nothing of it was revoked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from delegate.authoring import singles
from delegate.authoring.draft import Draft
from delegate.core.chain.discharge import NOT_REVOKED, Statement, checked_says, discharge_aad, read_statement
from delegate.core.chain.request import normalise
from delegate.core.keys.principal import Principal
from delegate.core.wire import cose


@dataclass(frozen=True, slots=True)
class Discharge:
    """A discharge on its way: a COSE_Sign1 as it travels. Nobody has checked it, and it is no secret."""

    signed: bytes

    @classmethod
    def parse(cls, source: str | bytes) -> Discharge:
        """Read the text form, `dlgd_…`, or the bytes.

        Raises:
            TokenError: MALFORMED, TRUNCATED, NOT_CANONICAL, LIMIT_EXCEEDED, UNSUPPORTED_VERSION.
        """
        found = cls(singles.parse(singles.DISCHARGE, source))
        _ = found.claimed
        return found

    @property
    def claimed(self) -> Statement:
        """What it says, with no signature checked; raises TokenError."""
        return read_statement(cose.open_signed(self.signed).payload)

    def to_bytes(self) -> bytes:
        """Give the binary form."""
        return singles.build(singles.DISCHARGE, self.signed)

    def to_text(self) -> str:
        """Give the text form: `dlgd_` and base64url."""
        return singles.to_text(singles.DISCHARGE, self.signed)


Discharges: TypeAlias = Iterable[Discharge | str | bytes]


def carried(discharges: Discharges) -> tuple[bytes, ...]:
    """Take discharges in any form, as they travel in a presentation; raises TokenError."""
    return tuple((each if isinstance(each, Discharge) else Discharge.parse(each)).signed for each in discharges)


def not_revoked() -> dict[str, object]:
    """Give what a staple says."""
    return dict(NOT_REVOKED)


def draft_discharge(signer: Principal, statement: Statement) -> Draft[Discharge]:
    """Draft a discharge; `statement.says` is normalised here.

    Raises:
        DelegateError: MALFORMED, LIMIT_EXCEEDED: what it says has no single meaning, or is too long.
    """
    said = checked_says(normalise(statement.says, "says"))
    key = signer.public_key
    protected = cose.protected_header(key.algorithm, key.kid)
    payload = cose.byte_string(statement._replace(says=said).encode())
    structure = cose.sig_structure(protected, discharge_aad(key.thumbprint), payload)

    def assemble(signature: bytes) -> Discharge:
        return Discharge(cose.assemble(protected, payload, signature))

    return Draft(key, structure, assemble)
