"""How many injected calls a grant contains that was learned from calls: on AgentDojo's tasks, as a public measure.

    python -m venv dojo && dojo/bin/pip install agentdojo
    dojo/bin/python bench/agentdojo.py --dump > dojo.json     # in that environment: nothing of ours is imported
    .venv/bin/python bench/agentdojo.py dojo.json             # in ours

For each of the 97 user tasks, the ground-truth calls are the evidence, and every distinct injected call of its suite
that is not also one of the task's own is an attack. A grant *contains* a call that it refuses, and an attack where it
refuses any call of it. Four grants are compared: none, the tools' names, what is advised, the exact calls. They are
learned from the task's own calls; from the suite's other tasks, as far as they call the task's tools; and from the
whole suite at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

VERSION = "v1.2.2"
Pair = list[Any]  # name, arguments
Allows = Callable[[Pair], bool]


def dump() -> dict[str, dict[str, dict[str, list[Pair]]]]:
    """Read the suites; in the environment that has AgentDojo."""
    here = Path(__file__).parent.resolve()
    sys.path[:] = [each for each in sys.path if Path(each or ".").resolve() != here]  # this file has the package's name
    from agentdojo.task_suite.load_suites import get_suites

    found = {}
    for name, suite in get_suites(VERSION).items():
        base = suite.load_and_inject_default_environment({})

        def calls(task: Any, base: Any = base) -> list[Pair]:  # noqa: ANN401 - theirs
            return [[call.function, dict(call.args)] for call in task.ground_truth(base.model_copy(deep=True))]

        found[name] = {
            "user": {key: calls(task) for key, task in suite.user_tasks.items()},
            "injected": {key: calls(task) for key, task in suite.injection_tasks.items()},
        }
    return found


def key(call: Pair) -> str:
    """Tell calls apart."""
    return json.dumps(call, sort_keys=True)


def none(_: Iterable[Pair]) -> Allows:
    """No grant at all: everything."""
    return lambda _call: True


def names(calls: Iterable[Pair]) -> Allows:
    """The names of the tools."""
    found = {call[0] for call in calls}
    return lambda call: call[0] in found


def exact(calls: Iterable[Pair]) -> Allows:
    """These very calls."""
    found = set(map(key, calls))
    return lambda call: key(call) in found


def advised(calls: Iterable[Pair]) -> Allows:
    """What `delegate audit advise` makes of them."""
    from delegate.audit.learning import Call, Judge, learn

    judge = Judge(learn(Call(name, None, args) for name, args in calls))
    return lambda call: judge.allows(Call(call[0], None, call[1]))


def measure(suites: dict[str, dict[str, dict[str, list[Pair]]]], grant: Callable[[Iterable[Pair]], Allows]) -> None:
    """Print one grant's three rows."""
    rows = {"own": [0, 0, 0], "other": [0, 0, 0], "suite": [0, 0, 0]}
    tasks = attacks = pairs = 0
    for suite in suites.values():
        injected = list({key(call): call for calls in suite["injected"].values() for call in calls}.values())
        whole = grant(call for calls in suite["user"].values() for call in calls)
        for task, calls in suite["user"].items():
            tools = {call[0] for call in calls}
            others = [call for other, theirs in suite["user"].items() if other != task for call in theirs]
            made = {
                "own": grant(calls),
                "other": grant([call for call in others if call[0] in tools]),
                "suite": whole,
            }
            own = set(map(key, calls))
            hostile = [call for call in injected if key(call) not in own]
            tasks += 1
            attacks += len(hostile)
            whole_attacks = [found for found in suite["injected"].values() if found]
            pairs += len(whole_attacks)
            for row, allows in made.items():
                rows[row][0] += all(map(allows, calls))
                rows[row][1] += sum(not allows(call) for call in hostile)
                rows[row][2] += sum(not all(map(allows, found)) for found in whole_attacks)
    for row, (benign, contained, held) in rows.items():
        print(
            f"{grant.__name__:<8} {row:<6} tasks {benign:>3} of {tasks}   calls contained {contained:>4} of {attacks} "
            f"({contained / attacks:.1%})   attacks contained {held:>4} of {pairs} ({held / pairs:.1%})"
        )


def main() -> None:
    """Dump, or measure what was dumped."""
    if sys.argv[1:] == ["--dump"]:
        json.dump(dump(), sys.stdout, default=str)
        return
    suites = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    for grant in (none, names, advised, exact):
        measure(suites, grant)


if __name__ == "__main__":
    main()
