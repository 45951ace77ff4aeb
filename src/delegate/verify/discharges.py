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

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from delegate.caveats import Scope, explain_failure
from delegate.chain.discharge import Statement, discharge_aad, read_statement
from delegate.chain.needs import NeedAt, decode_needs
from delegate.chain.request import Request
from delegate.chain.revocations import Feed, Record
from delegate.errors import CaveatError, DelegateError, Denied, Reason, VerificationError
from delegate.keys import Principal
from delegate.limits import DISCHARGE_BYTES
from delegate.verify.revocation import needs_freshness
from delegate.verify.settings import Settings
from delegate.verify.verified import VerifiedChain
from delegate.wire import cose


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


class _Fault(NamedTuple):
    reason: Reason
    words: str
    need: NeedAt | None = None


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

    Returns:
        Those that held, and what refuses the request, if anything: DISCHARGE_INVALID, DISCHARGE_UNEXPECTED, REVOKED,
        DISCHARGE_EXPIRED, DISCHARGE_MISMATCH. `.hop` is the block that it is for, where that is known.

    Cost: one signature check a discharge whose signer something in the chain asks for.
    """
    judge = _Judge(chain, request, records, settings, now)
    judged = [judge.judge(data) for data in discharges]
    confirmed: list[Confirmed] = []
    faults: list[_Fault] = []
    seen: set[tuple[bytes, object]] = set()
    for each in judged:
        if isinstance(each, _Fault):
            faults.append(each)
        elif (each.signer, each.need) in seen:
            faults.append(_Fault(Reason.DISCHARGE_UNEXPECTED, f"{each.name} confirms one need twice", each.need))
        else:
            seen.add((each.signer, each.need))
            confirmed.append(each)
    if faults:
        worst = min(faults, key=_rank)
        words = worst.words if worst.need is None else f"{tally(worst.need, confirmed)}; {worst.words}"
        hop = None if worst.need is None else worst.need.hop
        return tuple(confirmed), VerificationError(worst.reason, words, hop=hop)
    return tuple(confirmed), None


def _rank(fault: _Fault) -> tuple[int, int, str]:
    return _RANK.index(fault.reason), -1 if fault.need is None else fault.need.hop, fault.words


class _Judge:
    """One presentation's discharges under judgement."""

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

    def judge(self, data: bytes) -> Confirmed | _Fault:
        """Say what a discharge confirms, or what is wrong with it."""
        if not self.needs and not self.wants_staples:
            return _Fault(Reason.DISCHARGE_UNEXPECTED, "no block of this chain asks for a discharge")
        try:
            signed = cose.open_signed(data)
        except DelegateError as error:
            return _Fault(Reason.DISCHARGE_INVALID, error.detail)
        if len(signed.kid) != cose.KID_BYTES or len(data) > DISCHARGE_BYTES:
            return _Fault(Reason.DISCHARGE_INVALID, "not signed as a discharge is, or too long")
        party = self.settings.dischargers.get(signed.kid)
        if party is None:
            return _Fault(Reason.DISCHARGE_UNEXPECTED, f"this verifier knows no key {signed.kid.hex()}…")
        key = party.public_key
        if not self._asks_for(key.thumbprint):
            return _Fault(Reason.DISCHARGE_UNEXPECTED, f"nothing in this chain asks {party.name}")
        if signed.algorithm != key.algorithm or signed.algorithm not in self.settings.algorithms:
            return _Fault(Reason.DISCHARGE_INVALID, f"alg is {signed.algorithm}, the key's {int(key.algorithm)}")
        structure = cose.sig_structure(signed.protected, discharge_aad(key.thumbprint), signed.payload_item)
        try:
            key.verify(structure, signed.signature)
            said = read_statement(signed.payload)
        except DelegateError as error:
            return _Fault(Reason.DISCHARGE_INVALID, f"not {party.name}'s: {error.detail or error.reason}")
        if said.issuer != party.name:
            return _Fault(Reason.DISCHARGE_INVALID, f"signed by the key of {party.name} under another name")
        return self._placed(party, said, cose.structure_id(structure))

    def _asks_for(self, thumbprint: bytes) -> bool:
        if self.wants_staples and thumbprint in self.settings.revokers:
            return True
        if thumbprint not in self.settings.third_parties:
            return False
        return any(thumbprint in need.rule.by for need in self.needs.values())

    def _placed(self, party: Principal, said: Statement, discharge_id: bytes) -> Confirmed | _Fault:
        """Say whether a genuine discharge is for this chain, this request and this moment."""
        signer = party.public_key.thumbprint
        need = None
        if said.place is None:
            if not self.wants_staples or signer not in self.settings.revokers:
                return _Fault(Reason.DISCHARGE_UNEXPECTED, f"nobody asks {party.name} how fresh revocation is")
            if said.block_id != self.chain.link.id:
                return _Fault(Reason.DISCHARGE_MISMATCH, f"{party.name}'s is for another chain")
        else:
            need = self.needs.get((said.block_id, said.place))
            if need is None:
                return _Fault(Reason.DISCHARGE_MISMATCH, f"{party.name}'s is for another block or need")
            if signer not in need.rule.by or signer not in self.settings.third_parties:
                return _Fault(Reason.DISCHARGE_MISMATCH, f"{party.name}'s is for a need that does not name it", need)
        fault = self._taken_back(party, said) or self._late(party, said, need) or self._bound(party, said, need)
        return fault or Confirmed(discharge_id, signer, party.name, need, said)

    def _taken_back(self, party: Principal, said: Statement) -> _Fault | None:
        signer = party.public_key.thumbprint
        if any(each.subject == signer and said.issued >= each.since for each in self.records):
            need = None if said.place is None else self.needs[said.block_id, said.place]
            return _Fault(Reason.REVOKED, f"the key of {party.name} was revoked", need)
        return None

    def _late(self, party: Principal, said: Statement, need: NeedAt | None) -> _Fault | None:
        words = ""
        if self.now >= said.expires:
            words = f"expired {self.now - said.expires} s ago"
        elif said.issued > self.now + self.settings.leeway_s:
            words = f"is dated {said.issued - self.now} s ahead"
        elif need is not None and need.rule.age is not None and self.now - said.issued > need.rule.age:
            words = f"is {self.now - said.issued} s old, where {need.rule.age} s are the most"
        return _Fault(Reason.DISCHARGE_EXPIRED, f"{party.name}'s {words}", need) if words else None

    def _bound(self, party: Principal, said: Statement, need: NeedAt | None) -> _Fault | None:
        words = ""
        if need is not None and need.rule.each and (said.digest is None or said.last is None):
            words = "is bound to no request"
        elif said.digest is not None and said.digest != self.request.digest:
            words = "is for another request"
        elif said.last is not None and said.last != self.chain.link.id:
            words = "is for another holder, or a chain narrowed otherwise"
        return _Fault(Reason.DISCHARGE_MISMATCH, f"{party.name}'s {words}", need) if words else None


def staples(confirmed: Iterable[Confirmed]) -> list[Feed]:
    """Give what staples say about the age of their signers' word, as a list would say it."""
    return [Feed(each.signer, 0, each.said.issued, each.said.expires) for each in confirmed if each.need is None]


def still_good(confirmed: Iterable[Confirmed], request: Request, now: int) -> tuple[Confirmed, ...]:
    """Give those that also serve another request of the same chain, now: none that serves one request alone."""
    return tuple(
        each
        for each in confirmed
        if each.said.digest in {None, request.digest}
        and now < each.said.expires
        and (
            each.need is None
            or (
                not each.need.rule.each and (each.need.rule.age is None or now - each.said.issued <= each.need.rule.age)
            )
        )
    )


def check_needs(chain: VerifiedChain, confirmed: Sequence[Confirmed], scope: Scope) -> None:
    """Ask of every need whether enough parties confirmed it (SPEC §5.6); conditions draw on the decision's steps.

    Raises:
        Denied: DISCHARGE_REFUSED, DISCHARGE_MISSING, LIMIT_EXCEEDED; `.hop` is the need's block.
    """
    for need in chain.link.needs:
        reason, words = judged(chain, need, confirmed, scope)
        if reason is not None:
            raise Denied(reason, words, hop=need.hop)


def judged(
    chain: VerifiedChain, need: NeedAt, confirmed: Sequence[Confirmed], scope: Scope
) -> tuple[Reason | None, str]:
    """Say whether a need is met: why not, in a word and in words."""
    refused = []
    for each in confirmed:
        if each.need is need:
            variables = {**scope.variables, "said": each.said.says}
            inner = Scope(variables, scope.steps_left)
            try:
                inner.charge(need.rule.cost)
                value = need.rule.run(variables, inner)
            except CaveatError as error:
                if error.reason is Reason.LIMIT_EXCEEDED:
                    return Reason.LIMIT_EXCEEDED, error.detail
                value = None
            scope.steps_left = inner.steps_left
            if value is not True:
                refused.append(f"{each.name}'s: {_why_not(chain, need, variables)}")
    if refused:
        return Reason.DISCHARGE_REFUSED, "; ".join(sorted(refused))
    met = sum(each.need is need for each in confirmed) >= need.rule.of
    return (None, "") if met else (Reason.DISCHARGE_MISSING, tally(need, confirmed))


def tally(need: NeedAt, confirmed: Iterable[Confirmed]) -> str:
    """Say how many confirmations a need wants and has: `needs 2 of 3 confirmations, has 1 (user:bob)`."""
    names = sorted(each.name for each in confirmed if each.need is need)
    has = f"{len(names)} ({', '.join(names)})" if names else "none"
    return f"needs {need.rule.of} of {len(need.rule.by)} confirmations, has {has}"


def _why_not(chain: VerifiedChain, need: NeedAt, variables: Mapping[str, Any]) -> str:
    condition = decode_needs(chain.link.up()[need.hop].block.needs)[need.place].condition
    return explain_failure(condition.expression, variables)
