"""Third-party caveats: what other parties must confirm before a block permits anything (SPEC §14.1).

The rules of this file:

- A need names keys by their thumbprints. No key travels: a verifier takes those that it knows itself.
- `need` is a byte string that holds an array, so that what it compiles to is kept by those bytes.
- One need, one encoding: keys in order and none twice, nothing said that is the default.
- A need's condition reads what a caveat reads, and `said`: what the other party says. Nothing else reads `said`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from delegate.core.chain.needs import NEED_NAMES, need_items
from delegate.core.chain.spans import Span, seconds
from delegate.core.keys.principal import Principal
from delegate.core.wire import cbor
from delegate.core.wire.cose import THUMBPRINT_BYTES
from delegate.language.capability import several
from delegate.language.codec import from_wire
from delegate.language.conditions import Caveat
from delegate.language.conditions import condition as bound_condition
from delegate.limits import NEED_KEYS, NEEDS

APPROVED: Final = "said.approved == true"
Parties: TypeAlias = Principal | Iterable[Principal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What must be confirmed, by whom. Make one with `need`.

    Attributes:
        by: thumbprints of the keys that may confirm it: 1 to 16, in order, none twice.
        condition: what must come to `true` of each discharge, which it reads as `said`.
        of: how many different keys must confirm it.
        max_age_s: how old a discharge may be; `None`: as old as its own expiry lets it be.
        standing: whether a discharge may serve every request below the block; else each request needs its own.
    """

    by: tuple[bytes, ...]
    condition: Caveat
    of: int = 1
    max_age_s: int | None = None
    standing: bool = False

    def __post_init__(self) -> None:
        """Refuse what no verifier would take."""
        if not 0 < len(self.by) <= NEED_KEYS or any(len(each) != THUMBPRINT_BYTES for each in self.by):
            message = f"a need names 1 to {NEED_KEYS} keys by their thumbprints"
            raise ValueError(message)
        if list(self.by) != sorted(set(self.by)):
            message = "the keys of a need are in order, and none is named twice"
            raise ValueError(message)
        if type(self.of) is not int or not 0 < self.of <= len(self.by):
            message = f"of is a whole number from 1 to the {len(self.by)} parties that are named"
            raise ValueError(message)

    def to_wire(self) -> dict[str, object]:
        """Give the CBOR value, its keys in order."""
        said: dict[str, object] = {"by": list(self.by), "if": self.condition.to_wire(), "of": self.of}
        if self.max_age_s is not None:
            said["age"] = self.max_age_s
        if self.standing:
            said["standing"] = True
        return said

    @classmethod
    def from_wire(cls, item: dict[str, Any]) -> Need:
        """Read what a verifier has compiled, or would; raises TokenError for anything else."""
        return cls(
            by=tuple(item["by"]),
            condition=Caveat(from_wire(item["if"], NEED_NAMES)),
            of=item["of"],
            max_age_s=item.get("age"),
            standing="standing" in item,
        )

    def __str__(self) -> str:
        return self.in_words({})

    def in_words(self, names: Mapping[bytes, str]) -> str:
        """Say what is needed, of whom.

        Args:
            names: thumbprint → what the reader calls the holder of that key; of any other key the beginning is shown.
        """
        parties = ", ".join(party_text(each, names) for each in self.by)
        words = f"{self.of} of {len(self.by)} ({parties}) that {self.condition}"
        if self.max_age_s is not None:
            words += f", at most {self.max_age_s} s old"
        return words + (", standing: for every request" if self.standing else ", for each request")


def party_text(thumbprint: bytes, names: Mapping[bytes, str]) -> str:
    """Name a key: as the reader knows it, else by the beginning of its thumbprint."""
    return names.get(thumbprint) or f"{thumbprint[:8].hex()}…"


def need(
    by: Parties,
    *,
    of: int = 1,
    condition: str = APPROVED,
    max_age: Span | None = None,
    standing: bool = False,
    **values: object,
) -> Need:
    """Author a third-party caveat: somebody else must confirm it.

    Args:
        by: who may confirm; only the thumbprints of their keys travel. A verifier must know the keys itself.
        of: how many of them must.
        condition: CEL that reads what a caveat reads, and `said`: what the other party says. It must come to `true`
            for each of them.
        max_age: how old a discharge may be.
        standing: a discharge may serve the block and every request below it until it expires. If not said, each
            request needs discharges of its own, which whoever confirms is shown, and which serve once.
        values: what other names in `condition` stand for, as in `when`.

    Raises:
        ValueError: no party, more than 16, one key twice, or `of` beyond their number.
        CaveatSyntaxError: `condition` is not in the language.

    Source: SPEC §14.1.
    """
    if type(standing) is not bool:
        message = "standing is True or False"
        raise TypeError(message)
    parties = (by,) if isinstance(by, Principal) else tuple(by)
    keys = sorted(each.public_key.thumbprint for each in parties)
    return Need(
        by=tuple(keys),
        condition=bound_condition(condition, NEED_NAMES, values),
        of=of,
        max_age_s=None if max_age is None else seconds(max_age),
        standing=standing,
    )


def encode_needs(given: Need | Iterable[Need]) -> bytes:
    """Encode a `need` claim.

    Raises:
        ValueError: none, or more than 8. TypeError: something that is no need.
    """
    items = several(given, "needs", (Need,))
    if not all(isinstance(each, Need) for each in items):
        message = "needs are made by need(…)"
        raise TypeError(message)
    if len(items) > NEEDS:
        message = f"a block has at most {NEEDS} needs"
        raise ValueError(message)
    return cbor.encode([each.to_wire() for each in items])


def decode_needs(data: bytes) -> tuple[Need, ...]:
    """Read a `need` claim that compiled."""
    return tuple(map(Need.from_wire, need_items(data))) if data else ()


def need_texts(data: bytes, names: Mapping[bytes, str]) -> tuple[str, ...]:
    """Give a `need` claim as text; `names` as in `Need.in_words`."""
    return tuple(each.in_words(names) for each in decode_needs(data))
