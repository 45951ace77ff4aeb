"""One question as data, and its answer: what a child process is sent, and what it sends back.

The rules of this file:

- A question is bytes of blocks, the numbers around them and a condition's wire form. Nothing else crosses.
- The child imports z3 only where cases and bounds alone did not decide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from delegate.analysis.proofs.attempt import Compiled, Example, all_allow, example_of, is_true
from delegate.analysis.proofs.formulas import Formula, conj, disj
from delegate.analysis.proofs.languages import Languages, TooMuchError
from delegate.analysis.proofs.search import Cases, Found, WithZ3, solve_sums
from delegate.analysis.proofs.symbols import Surroundings
from delegate.analysis.proofs.theory import Solution, Theory
from delegate.analysis.proofs.translate import Translation
from delegate.core.chain.request import from_jsonable, to_jsonable
from delegate.core.wire import cbor
from delegate.language.capability import decode_capabilities, decode_caveats
from delegate.language.codec import from_wire

Block = tuple[bytes, bytes]  # the content of `can` and of `if`, empty where absent

YES: Final = "yes"
NEVER: Final = "never"
OPEN: Final = "cannot tell"
NEEDS_Z3: Final = "z3"  # in place of a reason: the search was not finished, and z3 is not installed
TOO_MANY: Final = "too many cases"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What one block left of when and where the chain above it was good; `None`: as before."""

    begins: int | None = None
    ends: int | None = None
    audience: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Is there a request that these blocks permit, that one does not, and of which a condition is true?

    Attributes:
        permit: blocks that must permit it.
        refuse: a block that must not; `None`: none.
        narrowed: with `refuse`: outside of this is refused too.
        condition: the condition as CBOR; empty: none.
        around: what is known beside the request.
    """

    permit: tuple[Block, ...]
    refuse: Block | None = None
    narrowed: Narrowed = field(default_factory=Narrowed)
    condition: bytes = b""
    around: Surroundings = field(default_factory=Surroundings)

    def to_json(self) -> str:
        """Write it for the child."""
        return json.dumps(asdict(self), default=bytes.hex)

    @classmethod
    def from_json(cls, text: str | bytes) -> Question:
        """Read what `to_json` wrote."""
        given = json.loads(text)
        around, narrowed = given["around"], given["narrowed"]
        for each in (around, narrowed):
            each["audience"] = None if each["audience"] is None else tuple(each["audience"])
        refuse = given["refuse"]
        return cls(
            permit=tuple((bytes.fromhex(can), bytes.fromhex(caveats)) for can, caveats in given["permit"]),
            refuse=None if refuse is None else (bytes.fromhex(refuse[0]), bytes.fromhex(refuse[1])),
            narrowed=Narrowed(**narrowed),
            condition=bytes.fromhex(given["condition"]),
            around=Surroundings(**around),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question.

    Attributes:
        verdict: `YES`, `NEVER` or `OPEN`.
        exact: of `NEVER`: nothing was left open on the way.
        because: what was left open, as text; or why the search ended.
        example: of `YES`.
    """

    verdict: str
    exact: bool = False
    because: tuple[str, ...] = ()
    example: Example | None = None

    def to_json(self) -> str:
        """Write it for the parent."""
        example = self.example
        return json.dumps(
            {
                "verdict": self.verdict,
                "exact": self.exact,
                "because": self.because,
                "example": None
                if example is None
                else {
                    "request": example.request.to_json(),
                    "env": to_jsonable(dict(example.env)),
                    "now": example.now,
                    "audience": example.audience,
                    "holder_name": example.holder_name,
                    "origin": example.origin,
                    "holder_key": example.holder_key,
                },
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Reply:
        """Read what `to_json` wrote."""
        from delegate.core.chain.request import Request

        given = json.loads(text)
        found = given["example"]
        example = None
        if found is not None:
            env: Any = from_jsonable(found["env"])
            request = Request.from_json(json.dumps(found["request"]))
            example = Example(
                request=request,
                env=env,
                now=found["now"],
                audience=found["audience"],
                holder_name=found["holder_name"],
                origin=found["origin"],
                holder_key=found["holder_key"],
            )
        return cls(given["verdict"], given["exact"], tuple(given["because"]), example)


class Asking:
    """One question being worked on."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.languages = Languages()
        self.translation = Translation(self.languages, question.around)
        self.example: Example | None = None
        self._blocks = [Compiled.of(*block) for block in question.permit]
        self._refusing = None if question.refuse is None else Compiled.of(*question.refuse)
        self._condition: Any = cbor.decode(question.condition) if question.condition else None

    def formula(self) -> Formula:
        """Say what is looked for, and what always holds."""
        question, translation = self.question, self.translation
        parts = [_permits(translation, block) for block in question.permit]
        if question.condition:
            parts.append(translation.outcome(from_wire(self._condition))[0])
        if question.refuse is not None:
            refused = [translation.negate(_permits(translation, question.refuse)), *self._outside()]
            parts.append(disj(*refused))
        if question.around.audience is not None:
            translation.cases_of_name("aud")
        translation.cases_of_name("now")
        main = conj(*parts)
        return conj(main, *translation.close())

    def _outside(self) -> list[Formula]:
        narrowed, translation = self.question.narrowed, self.translation
        found: list[Formula] = []
        if narrowed.begins is not None:
            found.append(translation.now_before(narrowed.begins))
        if narrowed.ends is not None:
            found.append(translation.negate(translation.now_before(narrowed.ends)))
        if narrowed.audience is not None:
            found.append(translation.negate(translation.audience_in(narrowed.audience)))
        return found

    def accepts(self, solution: Solution) -> bool:
        """Build the request, and try it with the evaluator that decides."""
        example = example_of(self.translation, solution)
        if example is None:
            return False
        question = self.question
        variables = example.variables(question.around)
        if not all_allow(self._blocks, example, variables):
            return False
        if question.condition and not is_true(self._condition, variables):
            return False
        if self._refusing is not None:
            inside = not self._is_outside(example) and all_allow([*self._blocks, self._refusing], example, variables)
            if inside:
                return False
        self.example = example
        return True

    def _is_outside(self, example: Example) -> bool:
        narrowed = self.question.narrowed
        return (
            (narrowed.begins is not None and example.now < narrowed.begins)
            or (narrowed.ends is not None and example.now >= narrowed.ends)
            or (narrowed.audience is not None and example.audience not in narrowed.audience)
        )

    def reply(self, *, use_z3: bool = True) -> Reply:
        """Answer."""
        try:
            return self._reply(use_z3=use_z3)
        except TooMuchError as error:
            return Reply(OPEN, because=(error.what,))
        except RecursionError:
            return Reply(OPEN, because=("conditions that are nested too deep once they are joined",))

    def _reply(self, *, use_z3: bool) -> Reply:
        formula = self.formula()
        theory = Theory(self.languages, self.translation.kinds, None)
        found = Cases(theory, self.accepts).search(formula)
        if found in {Found.OPEN, Found.GIVEN_UP}:
            if use_z3 and has_z3():
                theory.solver = solve_sums
                found = WithZ3(theory, self.accepts).search(formula)
            elif found is Found.GIVEN_UP or theory.needed_solver:
                return Reply(OPEN, because=(NEEDS_Z3, *self._left_open()))
        if found is Found.REQUEST:
            return Reply(YES, example=self.example)
        if found is Found.NOTHING:
            return Reply(NEVER, exact=not self.translation.approximations)
        return Reply(OPEN, because=self._left_open() or (TOO_MANY,))

    def _left_open(self) -> tuple[str, ...]:
        return tuple(why for why in self.translation.approximations if why)[:8]


def has_z3() -> bool:
    """Say whether z3 is installed; nothing is loaded."""
    from importlib.util import find_spec

    return find_spec("z3") is not None


def _permits(translation: Translation, block: Block) -> Formula:
    can, caveats = block
    return translation.permits(decode_capabilities(can) if can else None, decode_caveats(caveats) if caveats else ())


def encode_condition(wire: object) -> bytes:
    """Encode a condition's wire form."""
    return cbor.encode(wire)


def blocks_of(demands: Sequence[tuple[bytes, bytes]]) -> tuple[Block, ...]:
    """Give what blocks demand, those that demand nothing left out."""
    return tuple((can, caveats) for can, caveats in demands if can or caveats)
