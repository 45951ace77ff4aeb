"""The terms of a chain's first block as type checkers see them: with a lifetime, and one alone (SPEC §4).

`terms.py` has the terms; this says once more, for checkers and for nobody else, which of them a call of `mint` must
have. A test holds the two to each other. Nothing of it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Required, TypedDict

from delegate.authoring.terms import Capabilities, Caveats, Names, Needs
from delegate.core.chain.spans import Instant, Span


class _Said(TypedDict, total=False):
    can: Capabilities | None
    caveats: Caveats | None
    not_before: Instant | None
    audience: Names | None
    hops: int | None
    who: Mapping[str, str] | None
    why: str | None
    needs: Needs | None
    budget: Mapping[str, int] | None
    fresh: Span | None
    now: Instant | None
    on_behalf_of: str | None
    tenant: str | None


class Lasting(_Said, total=False):
    """A first block that is good for so long."""

    ttl: Required[Span]
    expires: None


class Ending(_Said, total=False):
    """A first block that is good until then."""

    expires: Required[Instant]
    ttl: None
