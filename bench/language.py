"""One caveat, by itself: compiled and evaluated, next to another CEL with a compiled core."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from bench.measure import Prepare, Thunk, Timings, fixed, interleaved

from delegate.core.evaluator.compiler import compile_wire
from delegate.core.evaluator.opcodes import CAVEAT_NAMES
from delegate.core.evaluator.scope import Scope
from delegate.core.wire import cbor
from delegate.language.codec import to_wire
from delegate.language.meaning import parse
from delegate.limits import EVALUATION_STEPS

TEXT = 'action in ["read", "list"] && resource.startsWith("/reports/") && args.amount <= 500'
CEL = "common-expression-language"
FIRST, AFTER = "first time", "after"
REPEAT = 50  # calls for one sample: a single one is too short for the clock
_FACTS: dict[str, object] = {"action": "list", "resource": "/reports/q3.csv", "args": {"amount": 200}}


def measure(*, cases: int, rounds: int, repeat: int = REPEAT) -> tuple[Timings, dict[str, str]]:
    """Measure a caveat the first time, from its CBOR (the other: from its text), and after; also who is absent."""
    encoded = cbor.encode(to_wire(parse(TEXT, names=CAVEAT_NAMES)))
    condition = compile_wire(cbor.decode(encoded))
    scope = Scope(_FACTS, EVALUATION_STEPS)

    def first() -> object:
        return compile_wire(cbor.decode(encoded))(Scope(_FACTS, EVALUATION_STEPS))

    def after() -> object:
        scope.steps_left = EVALUATION_STEPS
        return condition(scope)

    thunks: dict[str, Thunk] = {f"ours, {FIRST}": first, f"ours, {AFTER}": after}
    absent = {}
    try:
        cel: Any = import_module("cel")
        program = cel.compile(TEXT)
        ready = cel.Context(variables=_FACTS)
        thunks[f"{CEL}, {FIRST}"] = lambda: cel.compile(TEXT).execute(_FACTS)
        thunks[f"{CEL}, {AFTER}"] = partial(program.execute, _FACTS)
        thunks[f"{CEL}, {AFTER}, its context made before"] = partial(program.execute, ready)
    except Exception as error:  # noqa: BLE001 - whatever it raises is why it is not in the table
        absent[CEL] = f"{type(error).__name__}: {error}"
    for name, thunk in list(thunks.items()):
        if thunk() is not True:
            absent[name] = "another answer"
            del thunks[name]
    contenders: dict[str, Prepare] = {name: fixed([thunk] * cases) for name, thunk in thunks.items()}
    return interleaved(contenders, rounds=rounds, repeat=repeat), absent
