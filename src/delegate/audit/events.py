"""What was decided, for whom, through whom: one event a decision (AUDIT §16.1).

The rules of this file:

- An event has no token, no key and no signature in it, and no argument unless somebody asked for it.
- Its salt is random: from the hash of an event that was dropped, nobody can guess what it said.
- One event, one encoding: a deterministic CBOR list, whose SHA-256 leaf hash stands in the log.
- Every decision has an event that fits: arguments give way first, and then the ends of texts. None is left out.
- What a chain claims that nobody verified is marked as claimed, and stands in no field that says more.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple

from delegate.audit.routes import ID_BYTES, Route, RouteHop, texts_of
from delegate.core.chain.request import to_jsonable
from delegate.core.decide.evidence import NO_PLACE, Where
from delegate.core.wire import cbor
from delegate.errors import Reason, TokenError
from delegate.limits import TIME_MAX

VERSION: Final = 1
EVENT_BYTES: Final = 65_535  # as entry bundles of tlog-tiles count them
SALT_BYTES: Final = 16
ARGS_BYTES: Final = 32_768
JSON_VERSION: Final = 1
_TEXT_KEPT: Final = 512  # characters, where an event is too long
_LISTED: Final = 16
_FIELDS: Final = 21
_REASONS: Final = frozenset(map(str, Reason))


class Kind(IntEnum):
    """What an event tells of."""

    DECISION = 0
    MINT = 1
    ATTENUATE = 2
    REVOKE = 3
    APPROVE = 4

    @property
    def word(self) -> str:
        """The word for it: `decision`."""
        return self.name.lower()


class Claimed(NamedTuple):
    """Names in a chain that nobody verified; either is empty where they cannot be read."""

    originator: str
    holder: str


class AuditEvent(NamedTuple):
    """One event.

    Attributes:
        kind: what it tells of.
        time: by the verifier's clock, Unix seconds.
        service: the verifier's name for itself; who signed, for what is no decision.
        tenant: whom it served; empty where it serves no tenant.
        route: who acted through whom; `None` where no chain was verified.
        action, resource: what was asked.
        salt: 16 random bytes.
        digest: SHA-256(salt ‖ digest of the request), 32 bytes: whoever has the request can tell that it is this one.
        args: the arguments, where the service asked for them, as its redaction left them; else `None`.
        allowed: the outcome.
        reason: why it was refused; `None` where it was allowed.
        hop: the first block that refused; `None` where no single one did.
        condition: which condition refused: (`Where`, place in the block), or the text of the service's own; `None`
            where none did.
        proof_id: 32 bytes; `None` for a bearer token, and where no proof held.
        charges: unit → amount that each pool of the chain was charged.
        approvers: whose discharges it rests on.
        traceparent: of the trace that the request is part of (W3C); `None` where there is none.
        claimed: names in a chain that was refused before it was verified; `None` for any other.
        omitted: how many such refusals were counted and not written down, since the event before.
    """

    kind: Kind
    time: int
    service: str
    tenant: str
    route: Route | None
    action: str
    resource: str | None
    salt: bytes
    digest: bytes
    args: Mapping[str, Any] | None
    allowed: bool
    reason: str | None
    hop: int | None
    condition: tuple[int, int] | str | None
    proof_id: bytes | None
    charges: Mapping[str, int]
    approvers: tuple[str, ...]
    traceparent: str | None
    claimed: Claimed | None
    omitted: int

    @property
    def originator(self) -> str | None:
        """Whose authority it was; `None` where no chain was verified."""
        return None if self.route is None else self.route.originator

    @property
    def hops(self) -> tuple[RouteHop, ...]:
        """Every hop of the chain; empty where none was verified."""
        return () if self.route is None else self.route.hops

    @property
    def holder(self) -> str | None:
        """Who acted; `None` where no chain was verified."""
        return None if self.route is None else self.route.holder

    @property
    def purpose(self) -> str | None:
        """The purpose, as the chain says; `None` where it says none."""
        return None if self.route is None else self.route.purpose

    @property
    def block_ids(self) -> tuple[bytes, ...]:
        """The id of every block, 32 bytes each."""
        return tuple(hop.block_id for hop in self.hops)

    @property
    def outcome(self) -> str:
        """The word for it: `allowed` or `refused`."""
        return "allowed" if self.allowed else "refused"

    def condition_text(self) -> str | None:
        """Give the condition that refused, as text; `None` where none did, or it is no single one."""
        if self.condition is None or isinstance(self.condition, str):
            return self.condition
        where, place = self.condition
        if where != Where.CAVEAT or place == NO_PLACE or self.hop is None or self.hop >= len(self.hops):
            return None
        from delegate.language.capability import caveat_texts

        texts = texts_of(caveat_texts, self.hops[self.hop].conditions)
        return texts[place] if 0 <= place < len(texts) else None

    def is_of(self, request_digest: bytes) -> bool:
        """Say whether this is the event of the request with this digest."""
        return salted(self.salt, request_digest) == self.digest

    def encode(self) -> bytes:
        """Write the event, as `fitted` gives it: what is hashed, kept and proven.

        Raises:
            ValueError: it is longer than 65,535 bytes all the same: its action is, or its service, and no decision's.
        """
        data = _encode(self)
        if len(data) > EVENT_BYTES:
            data = _encode(_shortened(self))
        if len(data) > EVENT_BYTES:
            message = f"an event of {len(data)} bytes"
            raise ValueError(message)
        return data

    def fitted(self) -> AuditEvent:
        """Give the event as a log has it: where it is too long, without its arguments, and then with shorter texts."""
        return self if len(_encode(self)) <= EVENT_BYTES else _shortened(self)

    def to_json(self) -> dict[str, object]:
        """Give the event as JSON values, in a versioned shape."""
        return {
            "version": JSON_VERSION,
            "kind": self.kind.word,
            "time": self.time,
            "service": self.service,
            "tenant": self.tenant or None,
            "originator": self.originator,
            "holder": self.holder,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "reason": self.reason,
            "hop": self.hop,
            "condition": self.condition_text(),
            "action": self.action,
            "resource": self.resource,
            "args": None if self.args is None else {key: to_jsonable(value) for key, value in self.args.items()},
            "salt": self.salt.hex(),
            "digest": self.digest.hex(),
            "hops": [hop.to_json() for hop in self.hops],
            "proof_id": None if self.proof_id is None else self.proof_id.hex(),
            "charges": dict(self.charges),
            "approvers": list(self.approvers),
            "traceparent": self.traceparent,
            "claimed": None if self.claimed is None else self.claimed._asdict(),
            "omitted": self.omitted,
        }


class Encoded(NamedTuple):
    """An event as it is in a log, before its route is looked up: the fields in their order on the wire."""

    version: int
    kind: int
    time: int
    service: str
    tenant: str
    route_id: bytes | None
    action: str
    resource: str | None
    salt: bytes
    digest: bytes
    args: dict[str, Any] | None
    allowed: bool
    reason: str | None
    hop: int | None
    condition: list[int] | str | None
    proof_id: bytes | None
    charges: dict[str, int] | None
    approvers: list[str] | None
    traceparent: str | None
    claimed: list[str] | None
    omitted: int

    def event(self, route: Route | None) -> AuditEvent:
        """Make the event of it; `route` is the one that it names."""
        condition = self.condition
        return AuditEvent(
            Kind(self.kind), self.time, self.service, self.tenant, route, self.action, self.resource, self.salt,
            self.digest, self.args, self.allowed, self.reason, self.hop,
            (condition[0], condition[1]) if isinstance(condition, list) else condition,
            self.proof_id, self.charges or {}, tuple(self.approvers or ()), self.traceparent,
            None if self.claimed is None else Claimed(*self.claimed), self.omitted,
        )  # fmt: skip


_OR_NONE: Final = type(None)
_TYPES: Final = (
    *((int,), (int,), (int,), (str,), (str,), (bytes, _OR_NONE), (str,), (str, _OR_NONE), (bytes,), (bytes,)),
    *((dict, _OR_NONE), (bool,), (str, _OR_NONE), (int, _OR_NONE), (list, str, _OR_NONE), (bytes, _OR_NONE)),
    *((dict, _OR_NONE), (list, _OR_NONE), (str, _OR_NONE), (list, _OR_NONE), (int,)),
)
_EXACT: Final = tuple(map(frozenset, _TYPES))


def read(data: bytes) -> Encoded:
    """Read an event's bytes.

    Raises:
        TokenError: MALFORMED, NOT_CANONICAL, TRUNCATED; UNSUPPORTED_VERSION for one of a later version.
    """
    row = cbor.decode(data)
    if type(row) is not list or not row or type(row[0]) is not int:
        raise _malformed()
    if row[0] != VERSION:
        raise TokenError(Reason.UNSUPPORTED_VERSION, f"an event of version {row[0]}")
    if len(row) != _FIELDS or not all(type(value) in kinds for value, kinds in zip(row, _EXACT, strict=True)):
        raise _malformed()
    found = Encoded(*row)
    if (
        not 0 <= found.kind <= max(Kind)
        or len(found.salt) != SALT_BYTES
        or len(found.digest) != ID_BYTES
        or (found.route_id is not None and len(found.route_id) != ID_BYTES)
        or (found.proof_id is not None and len(found.proof_id) != ID_BYTES)
        or found.allowed is not (found.reason is None)
        or (found.reason is not None and found.reason not in _REASONS)
        or found.omitted < 0
        or not 0 <= found.time <= TIME_MAX
        or (found.hop is not None and found.hop < 0)
        or (found.args is not None and not _is_value(found.args))
        or (isinstance(found.condition, list) and not _is_place(found.condition))
        or (found.approvers is not None and not _are_texts(found.approvers))
        or (found.claimed is not None and not (len(found.claimed) == 2 and _are_texts(found.claimed)))
        or (found.charges is not None and not _are_charges(found.charges))
    ):
        raise _malformed()
    return found


def salted(salt: bytes, request_digest: bytes) -> bytes:
    """Hide the digest of a request from whoever does not have the salt."""
    return sha256(salt + request_digest).digest()


def _encode(event: AuditEvent) -> bytes:
    route = event.route
    encode = cbor.encode_sorted if event.args is None else cbor.encode  # floats are in arguments alone
    return encode(
        [
            VERSION, int(event.kind), event.time, event.service, event.tenant, None if route is None else route.id,
            event.action, event.resource, event.salt, event.digest, event.args, event.allowed, event.reason, event.hop,
            event.condition, event.proof_id, dict(event.charges) if event.charges else None, event.approvers or None,
            event.traceparent, event.claimed, event.omitted,
        ]
    )  # fmt: skip


def _shortened(event: AuditEvent) -> AuditEvent:
    bare = event._replace(args=None)
    if len(_encode(bare)) <= EVENT_BYTES:
        return bare
    return bare._replace(
        resource=None if bare.resource is None else _cut(bare.resource),
        condition=_cut(bare.condition) if isinstance(bare.condition, str) else bare.condition,
        charges=dict(list(bare.charges.items())[:_LISTED]),
        approvers=tuple(map(_cut, bare.approvers[:_LISTED])),
        traceparent=None if bare.traceparent is None else _cut(bare.traceparent),
        claimed=None if bare.claimed is None else Claimed(*map(_cut, bare.claimed)),
    )


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_KEPT else f"{text[:_TEXT_KEPT]}…"


def _is_place(given: list[Any]) -> bool:
    return (
        len(given) == 2
        and all(type(each) is int for each in given)
        and 0 <= given[0] <= max(Where)
        and given[1] >= NO_PLACE
    )


def _are_charges(given: dict[Any, Any]) -> bool:
    return bool(given) and all(
        type(unit) is str and type(amount) is int and amount >= 0 for unit, amount in given.items()
    )


def _is_value(given: object) -> bool:
    """Say whether this can be of a request: what the names in it stand for is text."""
    left = [given]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if not all(type(key) is str for key in each):
                return False
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
        elif not (each is None or isinstance(each, (bool, int, float, str, bytes))):
            return False
    return True


def _are_texts(given: list[Any]) -> bool:
    return bool(given) and all(type(each) is str for each in given)


def _malformed() -> TokenError:
    return TokenError(Reason.MALFORMED, "not an event of an audit log")
