"""The caveat language: CEL text, its tree, its encoding, its closures (SPEC §6)."""

from delegate.caveats.arguments import closed_names, only_arguments
from delegate.caveats.authoring import Caveat, condition, constant, when
from delegate.caveats.codec import from_wire, to_wire
from delegate.caveats.compiler import compile_run, compile_wire
from delegate.caveats.constraints import (
    Constraint,
    any_value,
    at_least,
    at_most,
    between,
    constrain,
    each,
    equals,
    host_in,
    ip_in,
    length,
    matching,
    none_of,
    one_of,
    regex,
    some,
    within,
)
from delegate.caveats.explain import explain_failure, explain_failure_in, reads, show_value, trace, unnamed_arguments
from delegate.caveats.known import compile_flat_list
from delegate.caveats.language import evaluate, parse
from delegate.caveats.nodes import CAVEAT_NAMES, Expression, Op, conjunction, conjuncts
from delegate.caveats.plain import read_plain
from delegate.caveats.printer import format_expression
from delegate.caveats.printer import format_expression as format  # noqa: A004 - `caveats.format`, as `caveats.parse`
from delegate.caveats.scope import Condition, EvaluationError, Run, Scope, StepsExhaustedError
from delegate.caveats.simplify import Simplified, simplify, simplify_steps
from delegate.caveats.values import BoolKey, Duration, Timestamp, to_value

__all__ = [
    "CAVEAT_NAMES",
    "BoolKey",
    "Caveat",
    "Condition",
    "Constraint",
    "Duration",
    "EvaluationError",
    "Expression",
    "Op",
    "Run",
    "Scope",
    "Simplified",
    "StepsExhaustedError",
    "Timestamp",
    "any_value",
    "at_least",
    "at_most",
    "between",
    "closed_names",
    "compile_flat_list",
    "compile_run",
    "compile_wire",
    "condition",
    "conjunction",
    "conjuncts",
    "constant",
    "constrain",
    "each",
    "equals",
    "evaluate",
    "explain_failure",
    "explain_failure_in",
    "format",
    "format_expression",
    "from_wire",
    "host_in",
    "ip_in",
    "length",
    "matching",
    "none_of",
    "one_of",
    "only_arguments",
    "parse",
    "read_plain",
    "reads",
    "regex",
    "show_value",
    "simplify",
    "simplify_steps",
    "some",
    "to_value",
    "to_wire",
    "trace",
    "unnamed_arguments",
    "when",
    "within",
]
