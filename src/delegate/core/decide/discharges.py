"""Whether the discharges that came with a presentation are genuine, and whether they meet the needs (SPEC §14).

The rules of this file:

- A discharge counts by who signed it: a third party that this verifier knows, and that the need names. No key comes
  from a token.
- A signature is checked only where something in this chain asks for its signer; then, and not before, what it says is
  read.
- A faulty discharge refuses the request by name, and nothing is skipped: all are looked at, so that their order
  changes neither verdict nor reason.
- Discharges only ever narrow: with all of them, a chain allows at most what it would allow without its needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from delegate.core.chain.discharge import Statement, discharge_aad, read_statement
from delegate.core.chain.needs import NeedAt
from delegate.core.chain.request import Request
from delegate.core.chain.revocations import Feed, Record
from delegate.core.chain.spans import span
from delegate.core.decide.evidence import Evidence, Where
from delegate.core.decide.revocation import needs_freshness
from delegate.core.decide.settings import Settings
from delegate.core.decide.verified import VerifiedChain
from delegate.core.evaluator.scope import Scope
from delegate.core.keys.principal import Principal
from delegate.core.wire import cose
from delegate.errors import CaveatError, DelegateError, Denied, Reason, VerificationError
from delegate.limits import DISCHARGE_BYTES


class Confirmed(NamedTuple):
    """A discharge that held.

    Attributes:
        id: 32 bytes; what is claimed where it serves once.
        signer: thumbprint; `name` is what the verifier knows that key by.
        need: what it is for; `None` for a staple.
        said: what it says.
    """

    id: bytes
    signer: bytes
    name: str
    need: NeedAt | None
    said: Statement


# Of several faults, the one that is told: so it does not depend on the order of the discharges.
_RANK: Final = (
    Reason.DISCHARGE_INVALID,
    Reason.DISCHARGE_UNEXPECTED,
    Reason.REVOKED,
    Reason.DISCHARGE_EXPIRED,
    Reason.DISCHARGE_MISMATCH,
)


def hinted(discharges: Iterable[bytes], settings: Settings) -> list[bytes]:
    """List the keys that discharges are by, as their headers hint: to be looked up, before any of it is believed."""
    found = []
    for data in discharges:
        try:
            party = settings.dischargers.get(cose.open_signed(data).kid)
        except DelegateError:
            continue
        if party is not None:
            found.append(party.public_key.thumbprint)
    return found


def discharged(
    discharges: Sequence[bytes],
    chain: VerifiedChain,
    request: Request,
    records: Iterable[Record],
    settings: Settings,
    now: int,
) -> tuple[tuple[Confirmed, ...], VerificationError | None]:
    """Check every discharge: whose it is, what it is for, and whether it is good now (SPEC §14.2).

    Performs line 12 of SPEC §5.5. Whoever calls it has performed what is before, raises the fault, and owes 13: the age
    of revocation data, with the staples among these.

    Returns:
        Those that held, and what refuses the request, if anything: DISCHARGE_INVALID, DISCHARGE_UNEXPECTED, REVOKED,
        DISCHARGE_EXPIRED, DISCHARGE_MISMATCH. `.hop` is the block that it is for, where it says so.

    Cost: one signature check a discharge whose signer something in the chain asks for.
    """
    judge = _Judge(chain, request, records, settings, now)
    confirmed: list[Confirmed] = []
    faults: list[tuple[VerificationError, NeedAt | None]] = []
    seen: set[tuple[bytes, object]] = set()
    for data in discharges:
        need = None
        try:
            party, said, discharge_id = judge.genuine(data)
            need = judge.need_of(party, said)
            judge.check(party, said, need)
            signer = party.public_key.thumbprint
            if (signer, need) in seen:
                raise VerificationError(Reason.DISCHARGE_UNEXPECTED, f"{party.name} confirms one need twice")
        except VerificationError as error:
            faults.append((error, need))
        else:
            seen.add((signer, need))
            confirmed.append(Confirmed(discharge_id, signer, party.name, need, said))
    if not faults:
        return tuple(confirmed), None
    worst, need = min(faults, key=_rank)
    if need is not None:
        worst.hop = need.hop
        worst.detail = f"{tally(need, confirmed)}; {worst.detail}"
    return tuple(confirmed), worst


def _rank(fault: tuple[VerificationError, NeedAt | None]) -> tuple[int, tuple[int, int], str]:
    error, need = fault
    return _RANK.index(error.reason), (-1, -1) if need is None else (need.hop, need.place), error.detail


class _Judge:
    """What the discharges of one presentation are judged by; each step raises what is wrong with one of them."""

    __slots__ = ("chain", "needs", "now", "records", "request", "settings", "wants_staples")

    def __init__(
        self, chain: VerifiedChain, request: Request, records: Iterable[Record], settings: Settings, now: int
    ) -> None:
        self.chain = chain
        self.request = request
        self.settings = settings
        self.now = now
        self.needs = {(need.block_id, need.place): need for need in chain.link.needs}
        self.wants_staples = needs_freshness(chain, settings)
        self.records = [
            each
            for each in records
            if each.is_key and (each.signer == each.subject or each.signer in settings.revokers)
        ]

    def genuine(self, data: bytes) -> tuple[Principal, Statement, bytes]:
        """Say who signed a discharge, and only then what it says and its id (SPEC §14.2, steps 1 to 5)."""
        if not self.needs and not self.wants_staples:
            raise VerificationError(Reason.DISCHARGE_UNEXPECTED, "no block of this chain asks for a discharge")
        try:
            signed = cose.open_signed(data)
        except DelegateError as error:
            raise VerificationError(Reason.DISCHARGE_INVALID, error.detail) from None
        if len(signed.kid) != cose.KID_BYTES or len(data) > DISCHARGE_BYTES:
            raise VerificationError(Reason.DISCHARGE_INVALID, "not signed as a discharge is, or too long")
        party = self.settings.dischargers.get(signed.kid)
        if party is None:
            raise VerificationError(Reason.DISCHARGE_UNEXPECTED, f"this verifier knows no key {signed.kid.hex()}…")
        key = party.public_key
        if not self._asks(key.thumbprint):
            raise VerificationError(Reason.DISCHARGE_UNEXPECTED, f"nothing in this chain asks {party.name}")
        if signed.algorithm != key.algorithm or signed.algorithm not in self.settings.algorithms:
            raise VerificationError(
                Reason.DISCHARGE_INVALID, f"the discharge by {party.name} has alg {signed.algorithm}"
            )
        structure = cose.sig_structure(signed.protected, discharge_aad(key.thumbprint), signed.payload_item)
        try:
            key.verify(structure, signed.signature)
            said = read_statement(signed.payload)
        except DelegateError as error:
            detail = f"not a discharge by {party.name}: {error.detail or error.reason}"
            raise VerificationError(Reason.DISCHARGE_INVALID, detail) from None
        if said.issuer != party.name:
            raise VerificationError(Reason.DISCHARGE_INVALID, f"signed by the key of {party.name} under another name")
        return party, said, cose.structure_id(structure)

    def _asks(self, thumbprint: bytes) -> bool:
        if self.wants_staples and thumbprint in self.settings.revokers:
            return True
        if thumbprint not in self.settings.third_parties:
            return False
        return any(thumbprint in need.rule.by for need in self.needs.values())

    def need_of(self, party: Principal, said: Statement) -> NeedAt | None:
        """Say which need of this chain a discharge is for; `None` for a staple for this chain (step 6)."""
        if said.place is not None:
            need = self.needs.get((said.block_id, said.place))
            if need is None:
                raise VerificationError(
                    Reason.DISCHARGE_MISMATCH, f"the discharge by {party.name} is for another block or need"
                )
            return need
        if not self.wants_staples or party.public_key.thumbprint not in self.settings.revokers:
            raise VerificationError(Reason.DISCHARGE_UNEXPECTED, f"nothing here needs a staple by {party.name}")
        if said.block_id != self.chain.link.id:
            raise VerificationError(Reason.DISCHARGE_MISMATCH, f"the staple by {party.name} is for another chain")
        return None

    def check(self, party: Principal, said: Statement, need: NeedAt | None) -> None:
        """Ask whether its signer may, whether it is good now, and whether it is for this request (steps 6 to 9)."""
        name, signer, now = party.name, party.public_key.thumbprint, self.now
        if need is not None and (signer not in need.rule.by or signer not in self.settings.third_parties):
            raise VerificationError(
                Reason.DISCHARGE_MISMATCH, f"the discharge by {name} is for a need that does not name it"
            )
        if any(each.subject == signer and said.issued >= each.since for each in self.records):
            raise VerificationError(Reason.REVOKED, f"the key of {name} was revoked")
        if now >= said.expires:
            raise VerificationError(
                Reason.DISCHARGE_EXPIRED, f"the discharge by {name} expired {span(now - said.expires)} ago"
            )
        if said.issued > now + self.settings.leeway_s:
            raise VerificationError(
                Reason.DISCHARGE_EXPIRED, f"the discharge by {name} is dated {span(said.issued - now)} ahead"
            )
        if need is not None and need.rule.age is not None and now - said.issued > need.rule.age:
            old = f"the discharge by {name} is {now - said.issued} s old; the need takes {need.rule.age} s at most"
            raise VerificationError(Reason.DISCHARGE_EXPIRED, old)
        if need is not None and not need.rule.standing and (said.digest is None or said.last is None):
            raise VerificationError(Reason.DISCHARGE_MISMATCH, f"the discharge by {name} is bound to no request")
        if said.digest is not None and said.digest != self.request.digest:
            raise VerificationError(Reason.DISCHARGE_MISMATCH, f"the discharge by {name} is for another request")
        if said.last is not None and said.last != self.chain.link.id:
            raise VerificationError(
                Reason.DISCHARGE_MISMATCH, f"the discharge by {name} is for another holder or another chain"
            )


def staples(confirmed: Iterable[Confirmed]) -> list[Feed]:
    """Give what staples say about the age of their signers' word, as a list would say it."""
    return [Feed(each.signer, 0, each.said.issued, each.said.expires) for each in confirmed if each.need is None]


def check_needs(chain: VerifiedChain, confirmed: Sequence[Confirmed], scope: Scope) -> None:
    """Ask of every need whether enough parties confirmed it (SPEC §5.6); conditions draw on the decision's steps.

    Raises:
        Denied: DISCHARGE_REFUSED, DISCHARGE_MISSING, LIMIT_EXCEEDED; `.hop` is the need's block.
    """
    for need in chain.link.needs:
        refusal = unconfirmed(need, confirmed, scope)
        if refusal is not None:
            raise refusal


def unconfirmed(need: NeedAt, confirmed: Sequence[Confirmed], scope: Scope) -> Denied | None:
    """Give what refuses a request for one need; `None` where the need is met."""
    refused: dict[str, dict[str, Any]] = {}
    for each in confirmed:
        if each.need is need:
            variables = {**scope.variables, "said": each.said.says}
            inner = Scope(variables, scope.steps_left)
            try:
                inner.charge(need.rule.cost)
                value = need.rule.run(variables, inner)
            except CaveatError as error:
                if error.reason is Reason.LIMIT_EXCEEDED:
                    return Denied(Reason.LIMIT_EXCEEDED, error.detail, hop=need.hop)
                value = None
            scope.steps_left = inner.steps_left
            if value is not True:
                refused[each.name] = variables
    if refused:
        name = min(refused)  # of one alone: putting it into words takes as many steps again
        evidence = Evidence(Where.NEED, need.hop, need.place, refused[name], party=name)
        return Denied(Reason.DISCHARGE_REFUSED, hop=need.hop, evidence=evidence)
    if sum(each.need is need for each in confirmed) < need.rule.of:
        return Denied(Reason.DISCHARGE_MISSING, tally(need, confirmed), hop=need.hop)
    return None


def tally(need: NeedAt, confirmed: Iterable[Confirmed]) -> str:
    """Say how many confirmations a need wants and has: `needs 2 of 3 confirmations, has 1 (user:bob)`."""
    names = sorted(each.name for each in confirmed if each.need is need)
    has = f"{len(names)} ({', '.join(names)})" if names else "none"
    return f"needs {need.rule.of} of {len(need.rule.by)} confirmations, has {has}"
