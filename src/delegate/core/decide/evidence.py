"""What refused a request, without words: `explain` makes the words, when somebody asks (SPEC §9).

Words need the printer of the language, and values that the caller sent: neither belongs on the way to a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple


class Where(IntEnum):
    """What of a chain or a verifier refused."""

    ROOT = 0  # what the root is trusted for at most
    CAPABILITIES = 1  # the capabilities of a block
    CAVEAT = 2
    NEED = 3  # the condition of a need, read over a discharge
    POLICY = 4  # a condition of the service's own


class Evidence(NamedTuple):
    """What refused a request.

    Attributes:
        where: what kind of condition it was.
        hop: the block that has it; 0 for the root's bound, `NO_HOP` for the policy.
        place: which of the block's caveats or needs, or of the policy's conditions, from 0; else `NO_PLACE`.
        variables: what the condition read.
        error: what evaluating it met; empty where it came to a value other than `true`.
        party: who said what a need's condition read, by the name that the verifier knows; else empty.
    """

    where: Where
    hop: int
    place: int
    variables: Mapping[str, Any]
    error: str = ""
    party: str = ""


NO_HOP: Final = -1
NO_PLACE: Final = -1
