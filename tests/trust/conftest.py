"""What the tests of this room share: a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.trust.web import Web


@pytest.fixture
def web() -> Iterator[Web]:
    """A server on this machine."""
    served = Web()
    yield served
    served.close()
