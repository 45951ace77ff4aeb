"""What a journal says, line by line: what was handed out, and what was taken back.

The rules of this file:

- Never a token, never a secret: ids, names, times, and what was permitted, as text.
- A line that is torn or somebody else's is none of ours; no line is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from delegate.authoring.token import ChainEnvelope, originator_of
from delegate.core.chain.request import parse_json
from delegate.core.chain.revocations import Record
from delegate.core.wire import cose
from delegate.errors import DelegateError
from delegate.explain.hops import Hop, hops_of
from delegate.limits import BLOCKS, TIME_MAX
from delegate.views.grants import budget_text, freshness_text, hops_text
from delegate.views.moments import moment

_VERSION: Final = 1
_ID_BYTES: Final = 32
_TEXTS: Final = ("by", "to", "why", "for", "tenant")
_LISTS: Final = ("may", "if", "limits")
_SUBJECTS: Final = ("block", "key")


class SignedBlock(NamedTuple):
    """One block of a chain, and whose signature it has.

    Attributes:
        block_id: 32 bytes.
        signer: thumbprint of the key that signed it, as the chain claims.
    """

    block_id: bytes
    signer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One block that was handed out.

    Attributes:
        blocks: every block down to this one.
        by, to: names of its signer and its holder; a bearer block's holder is `bearer:`.
        key: thumbprint of the holder's key.
        may, conditions: what it permits and what must hold, as text; empty where it says nothing.
        limits: what else it says that narrows, as text: `at files.example.com`, `spends at most 3 calls`.
        until: when the chain is over at this block, Unix seconds.
        why: the purpose.
        made: when it was signed.
        originator: whose authority the chain carries; empty where an older line does not say.
        tenant: the only tenant where the chain is valid; empty where there is none.
    """

    blocks: tuple[SignedBlock, ...]
    by: str
    to: str
    key: bytes
    may: tuple[str, ...]
    conditions: tuple[str, ...]
    limits: tuple[str, ...]
    until: int
    why: str
    made: int
    originator: str = ""
    tenant: str = ""

    @property
    def block_id(self) -> bytes:
        """The block's id."""
        return self.blocks[-1].block_id

    @property
    def hop(self) -> int:
        """Which block of its chain it is."""
        return len(self.blocks) - 1

    def to_json(self) -> dict[str, object]:
        """Give the entry as its line has it."""
        return {
            "journal": _VERSION,
            "id": self.block_id.hex(),
            "hop": self.hop,
            "by": self.by,
            "signer": self.blocks[-1].signer.hex(),
            "to": self.to,
            "key": self.key.hex(),
            "may": list(self.may),
            "if": list(self.conditions),
            "limits": list(self.limits),
            "until": self.until,
            "why": self.why,
            "made": self.made,
            "for": self.originator,
            "tenant": self.tenant,
            "above": [[each.block_id.hex(), each.signer.hex()] for each in self.blocks[:-1]],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """What one command took back: a block or a key.

    Attributes:
        record: as the list has it.
        file: the list that it went into.
        made: when.
    """

    record: Record
    file: str
    made: int

    def to_json(self) -> dict[str, object]:
        """Give it as its line has it."""
        record = self.record
        return {
            "journal": _VERSION,
            "revoked": "key" if record.is_key else "block",
            "subject": record.subject.hex(),
            "signer": record.signer.hex(),
            "since": record.since,
            "until": record.until,
            "list": self.file,
            "made": self.made,
        }


class Contents(NamedTuple):
    """What a journal holds.

    Attributes:
        entries: what was handed out, oldest first.
        revoked: what was taken back, oldest first.
        skipped: how many lines are none of a journal.
    """

    entries: list[Entry]
    revoked: list[Revoked]
    skipped: int


def signed_blocks(token: ChainEnvelope) -> tuple[SignedBlock, ...]:
    """List the blocks of a chain with who signed each, as the chain claims."""
    links = token.link.up()
    signers = [cose.open_signed(token.blocks[0]).kid, *(link.block.key.thumbprint for link in links)]
    return tuple(SignedBlock(link.id, signer) for link, signer in zip(links, signers, strict=False))


def has_say(signer: bytes, blocks: Iterable[SignedBlock]) -> bool:
    """Say whether a key has a say over the last of these blocks: it signed that block or one above it."""
    return any(each.signer == signer for each in blocks)


def entry_of(token: ChainEnvelope) -> Entry:
    """Note the last block of a chain that was made here."""
    link = token.link
    hop = hops_of(link)[-1]
    return Entry(
        blocks=signed_blocks(token),
        by=hop.signer,
        to=hop.holder,
        key=hop.key.thumbprint,
        may=hop.capabilities,
        conditions=hop.caveats,
        limits=_limits(hop),
        until=link.expires,
        why=hop.why,
        made=hop.issued,
        originator=originator_of(link),
        tenant=link.up()[0].block.tenant,
    )


def is_revoked(entry: Entry, records: Iterable[Record], at: int) -> bool:
    """Say whether a record that has a say over it takes a block back; revokers of verifiers are unknown here."""
    keys = {each.signer for each in entry.blocks}
    for record in records:
        if record.is_key:
            if record.subject == record.signer and (
                (record.subject == entry.key and record.since <= at)
                or (record.subject in keys and record.since <= entry.made)
            ):
                return True
        else:
            for number, each in enumerate(entry.blocks, start=1):
                if each.block_id == record.subject and has_say(record.signer, entry.blocks[:number]):
                    return True
    return False


def _limits(hop: Hop) -> tuple[str, ...]:
    limits = [f"at {', '.join(hop.audience)}"] if hop.audience else []
    if hop.not_before is not None:
        limits.append(f"from {moment(hop.not_before)}")
    if hop.hops is not None:
        limits.append(f"hands on {hops_text(hop.hops)}")
    if hop.budget:
        limits.append(f"spends {budget_text(hop.budget)}")
    if hop.fresh is not None:
        limits.append(freshness_text(hop.fresh))
    return (*limits, *(f"needs {text}" for text in hop.needs))


def entry_in(line: bytes) -> Entry | Revoked | None:
    """Read one line; `None` for whatever is not one of ours."""
    try:
        said = parse_json(line)
        if _checked(said["journal"], int) != _VERSION:
            return None
        for name, absent in (("limits", []), ("for", ""), ("tenant", "")):  # lines from before there were any
            said.setdefault(name, absent)
        return _revoked(said) if "revoked" in said else _entry(said)
    except (DelegateError, KeyError, TypeError, ValueError):
        return None


def _revoked(said: Mapping[str, Any]) -> Revoked:
    is_key = _SUBJECTS.index(_checked(said["revoked"], str)) == 1
    record = Record(_id(said["subject"]), _id(said["signer"]), is_key, _time(said["since"]), _time(said["until"]))
    return Revoked(record=record, file=_checked(said["list"], str), made=_time(said["made"]))


def _entry(said: Mapping[str, Any]) -> Entry | None:
    above = [SignedBlock(_id(block_id), _id(signer)) for block_id, signer in said["above"]]
    by, to, why, originator, tenant = (_checked(said[name], str) for name in _TEXTS)
    may, conditions, limits = (tuple(_checked(each, str) for each in _checked(said[name], list)) for name in _LISTS)
    entry = Entry(
        blocks=(*above, SignedBlock(_id(said["id"]), _id(said["signer"]))),
        by=by,
        to=to,
        key=_id(said["key"]),
        may=may,
        conditions=conditions,
        limits=limits,
        until=_time(said["until"]),
        why=why,
        made=_time(said["made"]),
        originator=originator,
        tenant=tenant,
    )
    return entry if len(entry.blocks) <= BLOCKS else None


def _time(value: Any) -> int:  # noqa: ANN401 - JSON is any of its types
    at: int = _checked(value, int)
    if not 0 <= at <= TIME_MAX:
        raise ValueError
    return at


def _checked(value: Any, kind: Callable[..., Any]) -> Any:  # noqa: ANN401 - JSON is any of its types
    if type(value) is not kind:
        raise TypeError
    return value


def _id(value: Any) -> bytes:  # noqa: ANN401 - JSON is any of its types
    data = bytes.fromhex(value)
    if len(data) != _ID_BYTES:
        raise ValueError
    return data
