"""The questions that people ask of a chain: `ever`, `removes` and `within`.

The rules of this file:

- "Never" is a proof over all requests: no word of a chain's signatures, and none of what lies outside of its conditions
  (needs, budgets, a service's policy): those only take away further.
- "Yes" has an example that the evaluator tried, block by block; and `confirm`, where it is given.
- Anything else is "cannot tell", with what stood in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from delegate.analysis.effective import demands
from delegate.analysis.proofs.attempt import Example
from delegate.analysis.proofs.child import MEMORY_BYTES, TIME_LIMIT_S, ask
from delegate.analysis.proofs.question import (
    NEEDS_Z3,
    NEVER,
    OPEN,
    YES,
    Block,
    Narrowed,
    Question,
    Reply,
    blocks_of,
    encode_condition,
)
from delegate.analysis.proofs.symbols import Surroundings
from delegate.core.chain.links import Link
from delegate.core.decide.verified import VerifiedChain
from delegate.errors import one_line
from delegate.language.capability import Capability, encode_capabilities
from delegate.language.conditions import Caveat, when

LEEWAY_S: Final = 30  # what a service allows a signer's clock, unless told otherwise
_INSTALL: Final = "the search was not finished; with z3 it may be: pip install 'delegate-token[proofs]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found.

    Attributes:
        verdict: `yes`, `never` or `cannot tell`.
        exact: of `never`: every part of the conditions was translated as it is. Else something was left open, and there
            is no such request whichever way it comes out.
        because: of `cannot tell`: what stood in the way.
        example: of `yes`: a request, and what its service would say beside it.
    """

    verdict: str
    exact: bool = False
    because: tuple[str, ...] = ()
    example: Example | None = None

    def __str__(self) -> str:
        if self.verdict == NEVER:
            return "never" if self.exact else "never, whichever way what was left open comes out"
        if self.verdict == YES and self.example is not None:
            return f"yes: {one_line(self.example.request.describe(), 400)}"
        return f"cannot tell: {'; '.join(self.because)}"

    def to_json(self) -> dict[str, object]:
        """Give the answer as JSON values."""
        from delegate.core.chain.request import to_jsonable

        found = self.example
        example = None
        if found is not None:
            example = {
                "request": found.request.to_json(),
                "env": to_jsonable(dict(found.env)),
                "now": found.now,
                "audience": found.audience or None,
                "holder_name": found.holder_name or None,
            }
        return {"verdict": self.verdict, "exact": self.exact, "because": list(self.because), "example": example}


def ever(
    chain: object,
    condition: str | Caveat,
    *,
    confirm: Callable[[Example], bool] | None = None,
    leeway_s: int = LEEWAY_S,
    time_limit_s: float = TIME_LIMIT_S,
    memory_bytes: int = MEMORY_BYTES,
    **values: object,
) -> Answer:
    """Is there a request that this chain permits, and of which a condition is true?

    Args:
        chain: a `VerifiedChain`, a token, a presentation, or a link: whatever has the blocks. Only of a `VerifiedChain`
            is it known who signed it, and what its root is trusted for at most; of anything else the answer is about
            what it claims.
        condition: a condition as in a caveat: `action == "pay" && args.amount > 500`.
        confirm: tries an example once more, as a verifier's `preview` does; where it says no, the answer is
            "cannot tell".
        leeway_s: by how many seconds a service may take a chain before it begins; a verifier's own `leeway`.
        time_limit_s: how long it may take, in seconds.
        memory_bytes: how much memory it may use; at least 64 MiB.
        values: what names in the condition stand for, as for `when`.

    Returns:
        What was found. Never an error of the chain: what cannot be worked out is "cannot tell".

    Raises:
        CaveatSyntaxError: MALFORMED, for the condition.
        TypeError, ValueError: `chain` is none of these; a limit is out of range.

    Cost: a process of its own, some 0.1 s to start, and at most `time_limit_s`.
    """
    asked = condition if isinstance(condition, Caveat) else when(condition, **values)
    return _answer(question_of(chain, asked, leeway_s), confirm, time_limit_s, memory_bytes)


def question_of(chain: object, asked: Caveat, leeway_s: int = LEEWAY_S) -> Question:
    """Make the question whether a chain permits a request of which a condition is true; raises TypeError."""
    link, bound = _chain_of(chain)
    return Question(
        permit=_permitting(link, bound),
        condition=encode_condition(asked.to_wire()),
        around=_around(link, chain, leeway_s),
    )


def removes(
    chain: object,
    hop: int,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Answer:
    """Does the block at this hop take anything away from what the blocks above it permit?

    Args:
        chain: as for `ever`.
        hop: the block, from 1; block 0 takes from what its root may do, and is not asked about.
        time_limit_s: how long it may take, in seconds.
        memory_bytes: how much memory it may use.

    Returns:
        `yes` with a request that the blocks above permit and this one does not; `never`: it takes nothing away. Of the
        lifetime and the audience too; not of hand-overs, needs and budgets.

    Raises:
        TypeError, ValueError: `chain` or `hop` is none.
    """
    last, bound = _chain_of(chain)
    links = last.up()
    if type(hop) is not int or not 0 < hop < len(links):
        message = f"hop must be an int from 1 to {len(links) - 1}" if len(links) > 1 else "this chain has one block"
        raise ValueError(message)
    above, link = links[hop - 1], links[hop]
    narrowed = Narrowed(
        begins=link.not_before if link.not_before > above.not_before else None,
        ends=link.expires if link.expires < above.expires else None,
        audience=tuple(sorted(link.audience))
        if link.audience is not None and link.audience != above.audience
        else None,
    )
    question = Question(
        permit=_permitting(above, bound),
        refuse=(link.block.can, link.block.caveats),
        narrowed=narrowed,
        around=_around(above, chain, leeway_s=0),
    )
    return _answer(question, None, time_limit_s, memory_bytes)


def within(
    suggestion: str | Capability | Iterable[str | Capability],
    grant: str | Capability | Iterable[str | Capability],
    *,
    time_limit_s: float = TIME_LIMIT_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Answer:
    """Is every request that a suggested grant permits permitted by another?

    Args:
        suggestion: capabilities, as for `mint`.
        grant: the capabilities that it should stay within.
        time_limit_s: how long it may take, in seconds.
        memory_bytes: how much memory it may use.

    Returns:
        `never`: no request is outside, so it is within. `yes`: it is not, with a request that only the suggestion
        permits.

    Raises:
        CaveatSyntaxError: MALFORMED, for a text.
        TypeError, ValueError: as `mint`.
    """
    question = Question(
        permit=((encode_capabilities(suggestion), b""),),
        refuse=(encode_capabilities(grant), b""),
    )
    return _answer(question, None, time_limit_s, memory_bytes)


def _answer(
    question: Question, confirm: Callable[[Example], bool] | None, time_limit_s: float, memory_bytes: int
) -> Answer:
    if not 0 < time_limit_s <= 3600 or memory_bytes < 64 << 20:
        message = "a time limit is up to 3600 s, and a memory limit at least 64 MiB"
        raise ValueError(message)
    reply = ask(question, time_limit_s=time_limit_s, memory_bytes=memory_bytes)
    if reply.verdict == YES and reply.example is not None and confirm is not None and not confirm(reply.example):
        reply = Reply(OPEN, because=("the verifier refuses the example that was found",))
    because = tuple(_INSTALL if each == NEEDS_Z3 else one_line(each, 200) for each in reply.because)
    return Answer(verdict=reply.verdict, exact=reply.exact, because=because, example=reply.example)


def _chain_of(chain: object) -> tuple[Link, bytes]:
    """Give the last link, compiled or not, and what the root is trusted for at most."""
    if isinstance(chain, VerifiedChain):
        return chain.link, chain.root.can
    chain = getattr(chain, "token", chain)
    link = chain if isinstance(chain, Link) else getattr(chain, "link", None)
    if not isinstance(link, Link):
        message = f"a chain is a verified chain, a token or a link, not a {type(chain).__name__}"
        raise TypeError(message)
    return link, b""


def _permitting(link: Link, bound: bytes) -> tuple[Block, ...]:
    return blocks_of([(bound, b""), *demands(link)])


def _around(link: Link, chain: object, leeway_s: int) -> Surroundings:
    first = link.up()[0].block
    last, _ = _chain_of(chain)
    return Surroundings(
        begins=max(link.not_before - leeway_s, 0),
        ends=link.expires,
        audience=None if link.audience is None else tuple(sorted(link.audience)),
        origin=first.originator or first.issuer,
        key=last.block.key.thumbprint.hex(),
        holder=last.block.holder,
    )
