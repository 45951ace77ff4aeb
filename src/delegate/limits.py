"""Every bound, in one place, with its reason. Checked before the work that it bounds (SPEC §8).

The numbers are part of the format: every verifier has the same, so that a chain is good everywhere or
nowhere. A service may ask for less of the few in `Limits`, never for more.
"""

from __future__ import annotations

from delegate.frozen import Frozen, put

# Envelopes. A header of 16 KiB is what common servers take at most; a presentation adds proof and discharges.
TOKEN_BYTES = 16 * 1024
PRESENTATION_BYTES = 32 * 1024
# One block per hand-over: deeper delegation than 16 is a fault in the program that delegates.
BLOCKS = 16
DISCHARGES = 16
DISCHARGE_BYTES = 12 * 1024  # what it says, and room for names
SAYS_BYTES = 8 * 1024
ASK_BYTES = 96 * 1024  # the largest request, and a need out of the largest chain

# Claims.
NAME_CHARACTERS = 200  # after the scheme; fits a SPIFFE id's usual length and a log line
SCHEME_CHARACTERS = 32
AUDIENCES = 16
CAPABILITIES = 32
CAVEATS = 32
NEEDS = 8  # twice as many discharges as a presentation can bring would be of no use
NEED_KEYS = 16
WHY_CHARACTERS = 256  # a purpose, not a document
WHO_ENTRIES = 16
WHO_CHARACTERS = 256
BUDGET_UNITS = 8
UNIT_CHARACTERS = 64
TIME_MAX = 253_402_300_799  # the last second of the year 9999: every time can be printed
HOPS_MAX = BLOCKS

# Patterns.
PATTERN_CHARACTERS = 1024
ACTION_CHARACTERS = 256
RESOURCE_CHARACTERS = 8192

# The caveat language.
EXPRESSION_NODES = 256
EXPRESSION_DEPTH = 16
COMPREHENSION_DEPTH = 2
EXPRESSION_CHARACTERS = 8192  # of source text: what 256 nodes need, many times over
EVALUATION_STEPS = 20_000
# What is nested in text: parentheses, lists, calls and `?:` inside each other. A printed tree needs at most
# EXPRESSION_DEPTH + 1; a tree that is only for `evaluate` may be as deep.
SYNTAX_DEPTH = 32
# How deep values that a program gives to `evaluate` are nested: far from where Python's own recursion ends.
# A request has a tighter bound, REQUEST_DEPTH.
VALUE_DEPTH = 64
# A regular expression is scanned for its weight once, and its automaton fits RE2's memory.
REGEX_CHARACTERS = 2000
REGEX_WEIGHT = 1000  # about its number of states

# Requests.
REQUEST_BYTES = 64 * 1024
REQUEST_DEPTH = 16
INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1
EXACT_DOUBLE = 2**53  # up to here an integral double is one integer and no other

# Revocation lists. They travel between services, not with requests: as many records as a bad day has, and few enough
# to be read within a second.
REVOCATIONS_BYTES = 4 * 1024 * 1024
REVOCATIONS = 65_536

# CBOR items nest no deeper than an expression in a capability in a list, with room to spare.
CBOR_DEPTH = 40


class Limits(Frozen):
    """What one verifier accepts at most; each at most the format's own bound."""

    __slots__ = ("blocks", "evaluation_steps")

    blocks: int
    evaluation_steps: int

    def __init__(self, *, blocks: int = BLOCKS, evaluation_steps: int = EVALUATION_STEPS) -> None:
        """Refuse a limit above the format's: it would accept what other verifiers do not."""
        for name, value, most in (
            ("blocks", blocks, BLOCKS),
            ("evaluation_steps", evaluation_steps, EVALUATION_STEPS),
        ):
            if type(value) is not int or not 0 < value <= most:
                message = f"limits.{name} must be an int from 1 to {most}"
                raise ValueError(message)
            put(self, name, value)
