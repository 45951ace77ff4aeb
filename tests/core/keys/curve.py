"""Edwards25519 by the formulas of RFC 8032, slow and obvious: the judge of what the fast libraries say."""

from __future__ import annotations

from hashlib import sha512

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

NEUTRAL = (0, 1)


def decode(y: int, sign: int) -> tuple[int, int] | None:
    """The point with this y, p or more allowed, with an odd x if `sign` is 1; x = 0 has either sign."""
    y %= P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    return ((-x) % P if x & 1 != sign else x), y


def encode(point: tuple[int, int]) -> bytes:
    """The 32 canonical bytes of a point."""
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def add(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """The sum of two points."""
    (x1, y1), (x2, y2) = first, second
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def multiply(factor: int, point: tuple[int, int]) -> tuple[int, int]:
    """The sum of that many times the point."""
    total = NEUTRAL
    while factor:
        if factor & 1:
            total = add(total, point)
        point = add(point, point)
        factor >>= 1
    return total


def _known(point: tuple[int, int] | None) -> tuple[int, int]:
    assert point is not None
    return point


BASE = _known(decode(4 * pow(5, -1, P), 0))


def point_of_order_8() -> tuple[int, int]:
    """The first point, by its y, whose multiple by L has full order 8, so multiplied."""
    for y in range(2, 100):
        point = decode(y, 0)
        if point is not None:
            small = multiply(L, point)
            if multiply(4, small) != NEUTRAL:
                return small
    raise AssertionError


def challenge(commitment: bytes, public_raw: bytes, message: bytes) -> int:
    """H(R ‖ A ‖ M) as a number below L."""
    return int.from_bytes(sha512(commitment + public_raw + message).digest(), "little") % L
