"""Compare this language with CEL's official C++ runtime on random expressions.

    python -m tests.campaigns.cel_differential --count 1000000 --seed 1

Prints what was compared and every disagreement that none of `EXPLAINED` accounts for; exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from delegate.core.evaluator import functions
from delegate.core.evaluator import timestamps as times
from delegate.core.evaluator.functions import format_double
from delegate.core.evaluator.timestamps import parse_timestamp
from delegate.core.evaluator.values import BoolKey, Duration, Timestamp
from delegate.errors import CaveatError, CaveatSyntaxError, Reason
from delegate.language.meaning import evaluate
from tests.language.expressions import VARIABLES, Generator, random_variables, seeded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Failed:
    """An evaluation that ended in an error; all of them are alike to CEL."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __repr__(self) -> str:
        return f"error: {self.why}"


class NotComparableError(Exception):
    """A value that one of the two cannot show."""


def official_environment() -> Any:  # noqa: ANN401 - it has no types
    """The official runtime with all variables declared without type."""
    from cel_expr_python import cel  # type: ignore[import-untyped]

    return cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))


def official(environment: Any, text: str, variables: Mapping[str, object]) -> object:  # noqa: ANN401
    """What the official runtime says."""
    try:
        return _plain(environment.compile(text, disable_check=True).eval(data=dict(variables)))
    except (RuntimeError, ValueError, TypeError, KeyError, OverflowError) as error:
        return Failed(str(error).splitlines()[0])


def _plain(value: Any) -> object:  # noqa: ANN401
    kind = value.type().name()
    if kind.startswith("NULL"):
        return None  # the binding would hand out None without taking a reference to it
    plain = value.value()
    if kind == "ERROR":
        return Failed(str(plain))
    if kind.startswith("LIST"):
        return _without_failure([_plain(item) for item in plain])
    if kind.startswith("MAP"):
        return {key: _plain(item) for key, item in plain.items()}
    if kind == "BYTES":
        return bytes(plain)
    if kind == "TIMESTAMP":
        return Timestamp((plain - _EPOCH) // _MICROSECOND * 1000)
    if kind == "DURATION":
        return Duration(plain // _MICROSECOND * 1000)
    if kind not in {"BOOL", "INT", "DOUBLE", "STRING"}:
        raise NotComparableError(kind)
    return plain


def _without_failure(items: list[object]) -> object:
    return next((item for item in items if isinstance(item, Failed)), items)


def ours(text: str, variables: Mapping[str, object]) -> object:
    """What `delegate.caveats.evaluate` says; a limit of ours is not comparable."""
    try:
        return evaluate(text, variables)
    except CaveatSyntaxError as error:
        if "at most" in error.detail or "nested" in error.detail:
            raise NotComparableError(error.detail) from None
        return Failed(error.detail)
    except CaveatError as error:
        if error.reason is Reason.LIMIT_EXCEEDED:
            raise NotComparableError(error.detail) from None
        return Failed(error.detail)


def same(left: object, right: object) -> bool:
    """The same value, or both an error. Times are compared to the microsecond, which is what Python shows."""
    if isinstance(left, Failed) or isinstance(right, Failed):
        return isinstance(left, Failed) and isinstance(right, Failed)
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or repr(left) == repr(right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        if any(isinstance(key, BoolKey) for key in (*left, *right)):
            raise NotComparableError("a bool key beside the int that Python takes for it")
        return len(left) == len(right) and all(key in right and same(left[key], right[key]) for key in left)
    if isinstance(left, (Timestamp, Duration)) and isinstance(right, (Timestamp, Duration)):
        return abs(left.ns - right.ns) < 1000
    return left == right


def _is_sign_of_nan(text: str, variables: Mapping[str, object], theirs: object) -> bool:
    """Would ours be the same, if it showed the sign that x86 gives the NaN of 0.0 / 0.0?"""

    def with_sign(value: float) -> str:
        return "-nan" if math.isnan(value) else format_double(value)

    with mock.patch.object(functions, "format_double", with_sign):
        return same(ours(text, variables), theirs)


def _is_longer_year(text: str, variables: Mapping[str, object], theirs: object) -> bool:
    """Would ours be the same, if it took a year with zeros before its four digits?"""

    def with_zeros(given: str) -> Timestamp:
        return parse_timestamp(given.lstrip("0") if given.startswith("0") and given[4:5].isdigit() else given)

    with mock.patch.object(times, "parse_timestamp", with_zeros):
        return same(ours(text, variables), theirs)


# Deliberate differences that random expressions run into, and how each is told: it is not guessed from the text,
# but shown that with it undone the two agree.
EXPLAINED: dict[str, Callable[[str, Mapping[str, object], object], bool]] = {
    "the C++ runtime shows the sign of NaN": _is_sign_of_nan,
    "the C++ runtime takes a year with zeros before its digits": _is_longer_year,
}


def disagreements(
    count: int, seed: int, counts: Counter[str]
) -> Iterator[tuple[str, dict[str, object], object, object]]:
    """Compare `count` expressions; yield text, variables, ours and theirs where they differ unexplained."""
    environment = official_environment()
    rng = seeded(seed)
    for _ in range(count):
        text = Generator(rng).expression("bool" if rng.random() < 0.5 else None, rng.randint(1, 5))
        variables = random_variables(rng)
        try:
            mine, theirs = ours(text, variables), official(environment, text, variables)
            agreed = same(mine, theirs)
        except NotComparableError as why:
            counts[f"not comparable: {why}"] += 1
            continue
        if agreed:
            counts["same error" if isinstance(mine, Failed) else "same value"] += 1
            continue
        reason = next((name for name, test in EXPLAINED.items() if test(text, variables, theirs)), None)
        counts[f"explained: {reason}" if reason else "UNEXPLAINED"] += 1
        if reason is None:
            yield text, variables, mine, theirs


def show(line: str) -> None:
    """Write one line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run the campaign; the exit status is 1 if there was a disagreement that nothing explains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    counts: Counter[str] = Counter()
    started = time.monotonic()
    for text, variables, mine, theirs in disagreements(options.count, options.seed, counts):
        read = {name: value for name, value in variables.items() if name in text}
        show(f"{text}\n  with {read}\n  ours {mine!r}\n  CEL  {theirs!r}")
    for name, number in counts.most_common():
        show(f"{number:>10}  {name}")
    show(f"{options.count:>10}  expressions, seed {options.seed}, {time.monotonic() - started:.0f} s")
    return 1 if counts["UNEXPLAINED"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
