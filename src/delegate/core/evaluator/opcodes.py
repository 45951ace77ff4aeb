"""The numbers of the operators, and which names an expression may hold (SPEC §6.2, §6.4).

**The opcode table.** Numbers to 23 take one byte on the wire. A *flat* operator has a path on the left and a
literal (for `in` a list of literals) on the right, and is written in one array; its number plus `GENERAL` is the
same operator between any two expressions.
"""

from __future__ import annotations

import re
from enum import IntEnum, unique
from typing import TypeAlias

from delegate.limits import EXPRESSION_NODES
from delegate.regular import regular

# Names that a caveat may read (SPEC §6.2).
CAVEAT_NAMES = frozenset({"action", "resource", "args", "env", "now", "aud", "origin", "holder"})

IDENTIFIER = regular(r"[_a-zA-Z][_a-zA-Z0-9]*", re.ASCII)
# What may stand between backticks as a field's name.
QUOTABLE_FIELD = regular(r"[a-zA-Z0-9_.\-/ ]+", re.ASCII)
KEYWORDS = frozenset({"in", "true", "false", "null"})
# CEL keeps these for itself: no names of variables, though names of fields.
RESERVED = frozenset(
    {
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package"),
        *("namespace", "return", "var", "void", "while"),
    }
)


@unique
class Op(IntEnum):
    """The opcodes. Every verifier has the same; none is ever given a second meaning."""

    PATH = 0
    AND = 1
    OR = 2
    NOT = 3
    EQ_FLAT = 4
    NE_FLAT = 5
    LT_FLAT = 6
    LE_FLAT = 7
    GT_FLAT = 8
    GE_FLAT = 9
    IN_FLAT = 10
    STARTS_WITH_FLAT = 11
    ENDS_WITH_FLAT = 12
    CONTAINS_FLAT = 13
    MATCHES_FLAT = 14
    GLOB_MATCH_FLAT = 15
    PATH_WITHIN_FLAT = 16
    NET_WITHIN_FLAT = 17
    HAS = 18
    ALL = 19
    EXISTS = 20
    CONDITION = 21
    LIST = 22
    SIZE = 23
    EQ = 24
    NE = 25
    LT = 26
    LE = 27
    GT = 28
    GE = 29
    IN = 30
    STARTS_WITH = 31
    ENDS_WITH = 32
    CONTAINS = 33
    MATCHES = 34
    GLOB_MATCH = 35
    PATH_WITHIN = 36
    NET_WITHIN = 37
    ADD = 38
    SUBTRACT = 39
    MULTIPLY = 40
    DIVIDE = 41
    MODULO = 42
    NEGATE = 43
    INDEX = 44
    SELECT = 45
    HAS_FIELD = 46
    MAP = 47
    EXISTS_ONE = 48
    MAP_EACH = 49
    MAP_SOME = 50
    FILTER = 51
    INT = 52
    DOUBLE = 53
    STRING = 54
    BYTES = 55
    BOOL = 56
    TIMESTAMP = 57
    DURATION = 58
    DYN = 59
    URL_HOST = 60
    URL_SCHEME = 61
    GET_FULL_YEAR = 62
    GET_MONTH = 63
    GET_DATE = 64
    GET_DAY_OF_MONTH = 65
    GET_DAY_OF_WEEK = 66
    GET_DAY_OF_YEAR = 67
    GET_HOURS = 68
    GET_MINUTES = 69
    GET_SECONDS = 70
    GET_MILLISECONDS = 71


# From a flat operator to the same one between any two expressions.
GENERAL = Op.EQ - Op.EQ_FLAT
FLAT_OPS = frozenset(range(Op.EQ_FLAT, Op.NET_WITHIN_FLAT + 1))
FOLDS = frozenset({Op.ALL, Op.EXISTS, Op.EXISTS_ONE, Op.MAP_EACH, Op.MAP_SOME, Op.FILTER})

# `&&` and `||` may have any number of operands from two; the rest of the calls as many as here says.
ARITIES: dict[Op, tuple[int, int]] = {
    Op.AND: (2, EXPRESSION_NODES),
    Op.OR: (2, EXPRESSION_NODES),
    Op.CONDITION: (3, 3),
    **dict.fromkeys((Op.NOT, Op.NEGATE, Op.SIZE, Op.URL_HOST, Op.URL_SCHEME), (1, 1)),
    **{op: (1, 1) for op in Op if Op.INT <= op <= Op.DYN},
    **{op: (2, 2) for op in Op if Op.EQ <= op <= Op.MODULO},
    Op.INDEX: (2, 2),
    **{op: (1, 2) for op in Op if Op.GET_FULL_YEAR <= op <= Op.GET_MILLISECONDS},
}

LiteralValue: TypeAlias = bool | int | float | str | bytes | None
