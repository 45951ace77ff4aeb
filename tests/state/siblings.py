"""Siblings in a process of their own: `python -m tests.state.siblings URL NOW FIRST STEP` prints how many were allowed.

Each of the siblings whose number is FIRST, FIRST + STEP, … below 64 charges 1 to the pool of one block, which holds 40.
"""

from __future__ import annotations

import sys

from delegate.state import Charge, Claim, connect

COUNT = 64
POOL = 40
BLOCK = bytes(range(32))
PATIENT_S = 20.0


def charge_all(url: str, now: int, numbers: range) -> int:
    """Charge one after the other; give how many were allowed."""
    pool = Charge(BLOCK, "calls", 1, POOL, now + 900)
    with connect(url, deadline=PATIENT_S) as state:
        claims = [Claim(number.to_bytes(32), now, now + 90) for number in numbers]
        return sum(state.ledger.charge([claim], [pool], now=now) is True for claim in claims)


if __name__ == "__main__":
    print(charge_all(sys.argv[1], int(sys.argv[2]), range(int(sys.argv[3]), COUNT, int(sys.argv[4]))))  # noqa: T201
