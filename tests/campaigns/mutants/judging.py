"""What the verifier in this process says of each vector; imported by the children alone, behind what is changed."""

from __future__ import annotations

import json
from typing import TypeAlias

from delegate import Verifier
from tests import vectors
from tests.vectors import ListVector, Vector, Verdict

Case: TypeAlias = Vector | ListVector

FILES = {
    each["name"]: path.name
    for path in vectors.FOLDER.glob("*.json")
    for each in json.loads(path.read_text(encoding="utf-8"))
}
ALL: tuple[Case, ...] = (*vectors.load(), *vectors.load_lists(), *vectors.load_requests())


def is_right(case: Case) -> bool:
    """Whether a vector of any kind gets what it expects; whatever else is raised is no right answer."""
    try:
        if isinstance(case, ListVector):
            return _list_is_right(case)
        return _decision_is_right(case) if "roots" in case.fields else vectors.request_is_right(case)
    except Exception:  # noqa: BLE001 - a mutant may fail in any way
        return False


def _list_is_right(case: ListVector) -> bool:
    return vectors.read_list(case.source) == (case.fields["expect"], case.fields["says"])


def _decision_is_right(case: Vector) -> bool:
    expected: Verdict = (case.fields["expect"], case.fields["hop"])
    verifier = case.verifier()
    for _ in range(case.times - 1):
        vectors.outcome(lambda: _ask(verifier, case))
    return vectors.outcome(lambda: _ask(verifier, case)) == expected


def _ask(verifier: Verifier, case: Vector) -> None:
    if case.judged_as_chain:
        verifier.verify_chain(case.source)
    else:
        verifier.authorize(case.source, case.request, **case.facts)
