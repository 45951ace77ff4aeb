"""The CEL project's own cases, cut to the profile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from delegate.core.evaluator.timestamps import parse_duration, parse_timestamp
from delegate.errors import CaveatError, CaveatSyntaxError
from delegate.language.meaning import evaluate
from tests.vectors import SHARED

_VECTORS = SHARED / "cel.json"


def _cases() -> list[Any]:
    if not _VECTORS.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the folder of shared vectors is not there"))]
    cases = json.loads(_VECTORS.read_text("utf-8"))["cases"]
    return [pytest.param(case, id=f"{case['file']}/{case['section']}/{case['name']}") for case in cases]


def _value(encoded: list[Any]) -> object:
    kind = encoded[0]
    if kind == "null":
        return None
    given = encoded[1]
    match kind:
        case "int":
            return int(given)
        case "double":
            return float(given)
        case "bytes":
            return bytes.fromhex(given)
        case "list":
            return [_value(item) for item in given]
        case "map":
            return {_value(key): _value(value) for key, value in given}
        case "timestamp":
            return parse_timestamp(given)
        case "duration":
            return parse_duration(given)
    return given


@pytest.mark.parametrize("case", _cases())
def test_case_of_the_cel_project(case: dict[str, Any]) -> None:
    """A case that has a value evaluates to it, of the same type; one that has an error ends in one of ours."""
    bindings = {name: _value(value) for name, value in case.get("bindings", {}).items()}
    if "error" in case:
        with pytest.raises((CaveatError, CaveatSyntaxError)):
            evaluate(case["expr"], bindings)
        return
    expected = _value(case["value"])
    # `repr` tells apart 1, 1.0 and True, also inside lists, and 0.0 and -0.0; maps are compared in their order.
    assert repr(_sorted(evaluate(case["expr"], bindings))) == repr(_sorted(expected))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return sorted(((key, _sorted(item)) for key, item in value.items()), key=repr)
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_all_cases_are_there() -> None:
    """The file has as many cases as it is known to have: none was lost on the way."""
    if not _VECTORS.exists():
        pytest.skip("the folder of shared vectors is not there")
    assert len(_cases()) == 556
