"""A slice of the campaign `rotation`: a root rotated and a key revoked, by URL, under load."""

from __future__ import annotations

import asyncio

from tests.campaigns.rotation import run


def test_no_request_is_decided_wrongly_while_roots_and_revocations_arrive() -> None:
    """No valid one is refused by the rotation, and none of a stolen key allowed once its list was taken over."""
    found = asyncio.run(run(records=500, seconds=1.2, interval="1s"))
    assert found.wrong == []
    assert found.decided > 0
