"""What a verifier asks of a directory: whose these keys are (SPEC §10.5).

A directory that cannot say raises, and the request is refused; it never answers with a guess.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Known(NamedTuple):
    """Whom a directory knows a key as.

    Attributes:
        name: the one principal whose key it is, or ever was.
        who: what the directory says of it: `kind`, and of `sponsor owner code model version` those that it has.
        fault: why it may not act now, for the operator; empty where it may.
    """

    name: str
    who: Mapping[str, str]
    fault: str = ""


class Finder(Protocol):
    """Whatever knows keys: a `Directory`, or one of your own."""

    def find(
        self, thumbprints: Sequence[bytes], *, now: int
    ) -> Mapping[bytes, Known] | Awaitable[Mapping[bytes, Known]]:
        """Say whose these keys are; those that it does not know are left out. `AsyncVerifier` awaits an awaitable.

        Args:
            thumbprints: 32 bytes each, at most 17 of them: a chain's, and its root's.
            now: the verifier's clock, Unix seconds.

        Raises:
            StateError: STATE_UNAVAILABLE: it cannot say. Anything else that it raises comes to the same.
        """
        ...
