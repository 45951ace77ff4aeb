"""Authoring: making block 0, appending blocks, presenting a request (SPEC §3.3, §4, §7).

The rules of this file:

- A draft is all but the signature, so that a signer may be asynchronous, remote or hardware.
- `ttl` and `hops` are cut to what the chain has left; what is said outright and cannot take effect raises
  `AttenuationError`, with the hop that forbids it.
- Nothing here is what keeps a chain safe: a verifier trusts no author.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from delegate.analysis.futile import check_effect
from delegate.authoring.claims import encode
from delegate.authoring.plain_text import check_plain
from delegate.authoring.terms import AUTHORITY, NARROWING, Authority, Names, Narrowing, check_terms
from delegate.authoring.token import Presentation
from delegate.core.chain.binding import block_aad, proof_aad
from delegate.core.chain.claims import (
    BEARER,
    CLAIMS,
    TOKEN_ID_BYTES,
    Block,
    check_audience_name,
    check_budget,
    check_who,
)
from delegate.core.chain.links import Link, first_link, next_link
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request
from delegate.core.chain.spans import Instant, Span, instant, seconds
from delegate.core.keys.names import check_name
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.core.wire import cbor, cose
from delegate.errors import AttenuationError, Reason, TokenError, VerificationError
from delegate.language.capability import encode_capabilities, encode_caveats, several
from delegate.language.needs import encode_needs
from delegate.limits import BLOCKS, DISCHARGES, HOPS_MAX, PRESENTATION_BYTES, TIME_MAX, TOKEN_BYTES, WHY_CHARACTERS

NONCE_BYTES: Final = 16
_BLOCK_FRAME_BYTES: Final = 8  # an upper bound of what the envelope adds to a block
_FRAMES_BYTES: Final = 4 * (BLOCKS + DISCHARGES + 2)  # the same, of all that is in a presentation

T = TypeVar("T")


class Draft(NamedTuple, Generic[T]):
    """All but the signature, for a signer that is asynchronous or elsewhere.

    Attributes:
        public_key: whose signature is wanted.
        to_sign: the exact bytes to sign: a COSE Sig_structure.
        assemble: puts in a signature without checking it: right only for one that has just been made here.
    """

    public_key: PublicKey
    to_sign: bytes
    assemble: Callable[[bytes], T]

    def finish(self, signature: bytes) -> T:
        """Put in the signature, after checking it.

        Raises:
            VerificationError: BAD_SIGNATURE: it is not this key's over `to_sign`.
        """
        self.public_key.verify(self.to_sign, signature)
        return self.assemble(signature)


def draft_first(
    issuer: Principal,
    holder: Principal | None,
    wrap: Callable[[tuple[bytes, ...], Link], T],
    terms: Authority,
    *,
    bearer_key: PublicKey | None = None,
    token_id: bytes | None = None,
) -> Draft[T]:
    """Draft block 0. Either `holder` or `bearer_key` is given."""
    check_terms(terms, AUTHORITY)
    issued = _now(terms.get("now"))
    ttl, expires = terms.get("ttl"), terms.get("expires")
    if (ttl is None) == (expires is None):
        message = "mint needs a lifetime: either ttl or expires"
        raise TypeError(message)
    until = min(issued + seconds(ttl), TIME_MAX) if ttl is not None else instant(expires)  # type: ignore[arg-type]
    if until <= issued:
        message = "the chain would expire before it begins"
        raise ValueError(message)
    if terms.get("can") is None:
        message = "mint needs at least one capability"
        raise ValueError(message)
    on_behalf_of, tenant = terms.get("on_behalf_of"), terms.get("tenant")
    if on_behalf_of is not None:
        check_name(on_behalf_of)
    if tenant is not None and not check_audience_name(tenant):
        message = "a tenant is 1 to 200 visible ASCII characters"
        raise ValueError(message)
    block, _ = _block(
        terms,
        issuer=issuer.name,
        holder=holder.name if holder else BEARER,
        key=holder.public_key if holder else bearer_key,  # type: ignore[arg-type]
        issued=issued,
        expires=until,
        hops_left=HOPS_MAX,
        token_id=os.urandom(TOKEN_ID_BYTES) if token_id is None else token_id,
        originator="" if on_behalf_of in (None, issuer.name) else on_behalf_of,
        tenant=tenant or "",
    )
    key = issuer.public_key
    protected = cose.protected_header(key.algorithm, key.thumbprint)
    return _draft(key, protected, block_aad(key.thumbprint), block, None, wrap, ())


def draft_next(
    link: Link,
    blocks: tuple[bytes, ...],
    holder: Principal | None,
    wrap: Callable[[tuple[bytes, ...], Link], T],
    terms: Narrowing,
    *,
    bearer_key: PublicKey | None = None,
) -> Draft[T]:
    """Draft a block below `link`. With neither holder nor bearer key, the key stays."""
    check_terms(terms, NARROWING)
    above = link.block
    if len(blocks) >= BLOCKS:
        raise AttenuationError(f"a chain has at most {BLOCKS} blocks", reason=Reason.LIMIT_EXCEEDED)
    issued = max(_now(terms.get("now")), above.issued)  # never before the block above, whatever this clock says
    ttl, expires = terms.get("ttl"), terms.get("expires")
    key = holder.public_key if holder else bearer_key or above.key
    block, conditions = _block(
        terms,
        issuer="",
        holder=holder.name if holder else BEARER if bearer_key else above.holder,
        key=key,
        issued=issued,
        expires=None if ttl is None and expires is None else _until(link, issued, ttl, expires),
        hops_left=link.hops_left - (key != above.key),
    )
    check_effect(link, block, conditions)
    protected = cose.protected_header(above.key.algorithm)
    return _draft(above.key, protected, block_aad(link.id), block, link, wrap, blocks)


def _block(
    terms: Narrowing,
    *,
    issuer: str,
    holder: str,
    key: PublicKey,
    issued: int,
    expires: int | None,
    hops_left: int,
    token_id: bytes = b"",
    originator: str = "",
    tenant: str = "",
) -> tuple[Block, Sequence[object]]:
    """Put a block together of its terms; also give its caveats, as the objects that stand for them."""
    said: dict[str, Any] = _ABSENT.copy()
    for term, read in _READERS.items():
        if term in terms and (value := terms[term]) is not None:  # type: ignore[literal-required]
            said[term] = read(value)
    conditions, caveats = said["caveats"] or ((), b"")
    block = Block(
        issuer, holder, said["audience"], expires, said["not_before"], issued, token_id, key, caveats, said["can"],
        originator, said["who"], said["why"], _hops(terms.get("hops"), hops_left), said["needs"], said["fresh"],
        said["budget"], tenant,
    )  # fmt: skip
    return block, conditions


def draft_proof(
    link: Link,
    blocks: tuple[bytes, ...],
    request: Request,
    audience: str,
    now: Instant | None,
    nonce: bytes | None,
    discharges: tuple[bytes, ...] = (),
) -> Draft[Presentation]:
    """Draft a proof of possession over one request; see `Identity.prove` for the arguments."""
    if len(discharges) > DISCHARGES:
        message = f"a presentation has at most {DISCHARGES} discharges"
        raise ValueError(message)
    if not check_audience_name(audience):
        message = "an audience is 1 to 200 visible ASCII characters"
        raise ValueError(message)
    key = link.block.key
    claims = {
        3: audience,
        6: _now(now),
        "n": os.urandom(NONCE_BYTES) if nonce is None else nonce,
        "req": request.digest,
    }
    protected = cose.protected_header(key.algorithm)
    payload = cose.byte_string(cbor.encode_sorted(claims))
    structure = cose.sig_structure(protected, proof_aad(link.id), payload)

    def assemble(signature: bytes) -> Presentation:
        proof = cose.assemble(protected, payload, signature)
        if discharges and sum(map(len, (*blocks, proof, *discharges))) + _FRAMES_BYTES > PRESENTATION_BYTES:
            detail = f"a presentation has at most {PRESENTATION_BYTES} bytes"
            raise AttenuationError(detail, reason=Reason.LIMIT_EXCEEDED)
        return Presentation(blocks, proof, discharges, link)

    return Draft(key, structure, assemble)


def _draft(
    key: PublicKey,
    protected: bytes,
    aad: bytes,
    block: Block,
    parent: Link | None,
    wrap: Callable[[tuple[bytes, ...], Link], T],
    blocks: tuple[bytes, ...],
) -> Draft[T]:
    payload = cose.byte_string(encode(block))
    structure = cose.sig_structure(protected, aad, payload)
    block_id = cose.structure_id(structure)
    try:
        link = next_link(parent, block, block_id, None) if parent else first_link(block, block_id, key, None)
    except (TokenError, VerificationError) as error:
        raise AttenuationError(error.detail, reason=error.reason, hop=error.hop) from None

    def assemble(signature: bytes) -> T:
        signed = cose.assemble(protected, payload, signature)
        if sum(map(len, blocks)) + len(signed) + _BLOCK_FRAME_BYTES * BLOCKS > TOKEN_BYTES:
            raise AttenuationError(f"a chain has at most {TOKEN_BYTES} bytes", reason=Reason.LIMIT_EXCEEDED)
        return wrap((*blocks, signed), link)

    return Draft(key, structure, assemble)


def _now(now: Instant | None) -> int:
    return int(time.time()) if now is None else instant(now)


def _until(link: Link, issued: int, ttl: Span | None, expires: Instant | None) -> int:
    """Cut a `ttl` to what is left; refuse an explicit `expires` beyond it."""
    if ttl is not None and expires is not None:
        message = "either ttl or expires, not both"
        raise TypeError(message)
    until = min(issued + seconds(ttl), link.expires) if ttl is not None else instant(expires)  # type: ignore[arg-type]
    if until > link.expires:
        raise AttenuationError(
            "the block would expire later than the chain above it", reason=Reason.EXPIRED, hop=_expiring(link)
        )
    if until <= issued:
        raise AttenuationError("the block would expire before it begins", reason=Reason.EXPIRED, hop=_expiring(link))
    return until


def _expiring(link: Link) -> int:
    """Say which hop's `exp` is the chain's."""
    return next(each.hop for each in link.up() if each.block.expires == link.expires)


def _hops(hops: int | None, left: int) -> int | None:
    if hops is None:
        return None
    if type(hops) is not int or not 0 <= hops <= HOPS_MAX:
        message = f"hops is a whole number from 0 to {HOPS_MAX}"
        raise ValueError(message)
    return max(0, min(hops, left))


def _names(audience: Names) -> tuple[str, ...]:
    names = several(audience, "audience", (str,))
    if not all(map(check_audience_name, names)) or len(set(names)) != len(names):
        message = "an audience is names of services, each 1 to 200 visible ASCII characters, none twice"
        raise ValueError(message)
    return names


def _who(who: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    facts: dict[Any, Any] = dict(who)
    for name, fact in facts.items():
        if isinstance(name, str) and isinstance(fact, str):
            check_plain(name, "a name in who")
            check_plain(fact, f"the fact `{shown(name)}` in who")
    _, wrong = check_who(facts)
    if wrong:
        raise ValueError(wrong)
    return tuple((name, facts[name]) for name in cbor.sorted_keys(facts))


def _budget(budget: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    pools: dict[Any, Any] = dict(budget)
    _, wrong = check_budget(pools)
    if wrong:
        raise ValueError(wrong)
    return tuple((unit, pools[unit]) for unit in cbor.sorted_keys(pools))


def _why(why: str) -> str:
    if not 0 < len(why) <= WHY_CHARACTERS:
        message = f"why is 1 to {WHY_CHARACTERS} characters, and this one has {len(why)}"
        raise ValueError(message)
    check_plain(why, "why")
    return why


# Each term that is one claim: its name, which is that of the block's field, and how it is read. In the order in which
# an author hears what is wrong.
_READERS: Final[dict[str, Callable[[Any], object]]] = {
    "can": encode_capabilities,
    "caveats": encode_caveats,
    "not_before": instant,
    "audience": _names,
    "who": _who,
    "why": _why,
    "fresh": seconds,
    "budget": _budget,
    "needs": encode_needs,
}
_ABSENT: Final = {claim.field: claim.absent for claim in CLAIMS if claim.field in _READERS}
