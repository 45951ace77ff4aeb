"""Mutants against the vectors: each in a child of its own, in which one thing of the verifier is changed.

The rules of this file:

- Where what is changed is within a function, its code is replaced in every function object that has it, which takes
  some milliseconds. Where that cannot be done, and where those lines run when the project is imported, it is imported
  anew with the changed module: so nothing that was made then hides a change.
- Which lines a vector reaches is found out once. A mutant is judged by the vectors that reach its lines, and ends at
  the first that gets another answer than it expects, or none within the time.
- No answer depends on the order of the mutants, nor on how many run at a time.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pickle
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import _lru_cache_wrapper
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final, NamedTuple, TypeVar

from tests.campaigns.mutants import judging
from tests.campaigns.mutants.mutations import Mutant, apply, mutants

T = TypeVar("T")
ROOT: Final = Path(__file__).parents[3]
SOURCE: Final = ROOT / "src"
CORE: Final = SOURCE / "delegate" / "core"
# What no verdict rests on: memory of what held, calls of stores, words.
LEFT_OUT: Final = frozenset(
    {"remembered", "remembered_texts", "effects", "drivers", "settings", "stores", "evidence", "textfile", "spans"}
)
_SECONDS: Final = 60
_MEMORY_BYTES: Final = 4 << 30
_SURVIVED, _KILLED, _FAILED = 0, 1, 3


class Reached(NamedTuple):
    """What the vectors reach.

    Attributes:
        lines: of each module: line → the vectors that reach it.
        imported: lines that run when the project is imported.
        cases: the vectors, by their places.
        wrong: those that do not get what they expect, though nothing is changed.
    """

    lines: dict[str, dict[int, list[int]]]
    imported: dict[str, set[int]]
    cases: list[int]
    wrong: list[str]


def modules() -> list[tuple[str, Path]]:
    """List the modules that are changed: what decides, and its bounds."""
    paths = [SOURCE / "delegate" / "limits.py", *sorted(CORE.rglob("*.py"))]
    return [
        (".".join(path.relative_to(SOURCE).with_suffix("").parts), path)
        for path in paths
        if path.stem not in LEFT_OUT and path.name != "__init__.py"
    ]


def all_mutants() -> list[Mutant]:
    """List every mutant."""
    return [each for name, path in modules() for each in mutants(name, path.read_bytes())]


def reached(files: Sequence[str] = ()) -> Reached:
    """Find out which lines each vector reaches: all of them, or those of some files."""
    names = {str(path): name for name, path in modules()}
    for case in judging.ALL[:: 1 if not files else 20]:  # everything that is loaded late is loaded now
        judging.is_right(case)
    caches = _caches()
    lines: dict[str, dict[int, list[int]]] = {name: {} for name in names.values()}
    tracer = _Tracer(names)
    wrong = []
    cases = [place for place, case in enumerate(judging.ALL) if not files or judging.FILES[case.name] in files]
    for place in cases:
        case = judging.ALL[place]
        for cache in caches:
            cache.cache_clear()
        with tracer:
            right = judging.is_right(case)
        if not right:
            wrong.append(case.name)
        for name, line in tracer.seen:
            lines[name].setdefault(line, []).append(place)
    imported: dict[str, set[int]] = {name: set() for name in names.values()}
    for name, line in _in_child(lambda: _import_lines(names)):
        imported[name].add(line)
    return Reached(lines, imported, cases, wrong)


class _Tracer:
    """While it is entered, notes which lines of these files run."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.seen: set[tuple[str, int]] = set()
        self.before: Any = None

    def __enter__(self) -> None:
        self.seen.clear()
        self.before = sys.gettrace()
        sys.settrace(self._start)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def _start(self, frame: FrameType, _event: str, _: object) -> Any:  # noqa: ANN401 - a tracer is recursive
        return self._line if frame.f_code.co_filename in self.names else None

    def _line(self, frame: FrameType, _event: str, _: object) -> Any:  # noqa: ANN401
        self.seen.add((self.names[frame.f_code.co_filename], frame.f_lineno))
        return self._line


def _in_child(ask: Callable[[], T]) -> T:
    """Ask in a child, which may import what it likes."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(ask(), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer: T = pickle.load(pipe)  # noqa: S301 - our own child
    os.waitpid(child, 0)
    return answer


def _import_lines(names: dict[str, str]) -> set[tuple[str, int]]:
    _forget()
    tracer = _Tracer(names)
    with tracer:
        importlib.import_module(judging.__name__)
    return set(tracer.seen)


def _caches() -> list[Any]:
    return [each for each in gc.get_objects() if isinstance(each, _lru_cache_wrapper)]


def vectors_of(mutant: Mutant, found: Reached) -> list[int]:
    """List the vectors that could notice a mutant: those that reach its lines; of a module's own level, all."""
    if not mutant.function:
        return sorted(found.cases, key=_mixed)
    lines = found.lines.get(mutant.module, {})
    return sorted({each for line in range(mutant.first, mutant.last + 1) for each in lines.get(line, ())}, key=_mixed)


def _mixed(place: int) -> int:
    """An order in which vectors of one file do not follow each other: so one that notices comes early."""
    return place * 2_654_435_761 % 2**32


def judged(chosen: Sequence[Mutant], found: Reached, jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Give each mutant, and whether it was killed, in no particular order."""
    for cache in _caches():
        cache.cache_clear()
    gc.collect()
    gc.freeze()
    running: dict[int, Mutant] = {}
    try:
        for mutant in chosen:
            cases = vectors_of(mutant, found)
            if not cases:
                yield mutant, False
                continue
            while len(running) >= jobs:
                yield _wait(running)
            child = os.fork()
            if not child:
                _child(mutant, cases, found)
            running[child] = mutant
        while running:
            yield _wait(running)
    finally:
        gc.unfreeze()


def _wait(running: dict[int, Mutant]) -> tuple[Mutant, bool]:
    child, status = os.wait()
    mutant, ended = running.pop(child), os.waitstatus_to_exitcode(status)
    if ended == _FAILED:
        message = f"could not be judged: {mutant.name}"
        raise RuntimeError(message)
    return mutant, ended != _SURVIVED


def _child(mutant: Mutant, cases: Sequence[int], found: Reached) -> None:
    """Judge one mutant; never returns."""
    status = _KILLED
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        replaced = bool(mutant.function) and _replace(mutant)
        if not replaced or found.imported[mutant.module].intersection(range(mutant.first, mutant.last + 1)):
            survives = _imported_anew(mutant, cases)
        else:
            survives = all(judging.is_right(judging.ALL[case]) for case in cases)
        status = _SURVIVED if survives else _KILLED
    except BaseException:  # noqa: BLE001 - told by the status; a child never returns
        traceback.print_exc()
        status = _FAILED
    finally:
        os._exit(status)


def _replace(mutant: Mutant) -> bool:
    """Replace the code of every function of the changed module; says whether that could be done."""
    path = str(sys.modules[mutant.module].__file__)
    source = Path(path).read_bytes()
    old = _codes(compile(source, path, "exec"))
    new = _codes(compile(apply(source, mutant), path, "exec"))
    if old.keys() != new.keys():
        return False
    changes = {old[key]: new[key] for key in old if old[key] != new[key]}
    gc.unfreeze()
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__.co_filename == path and function.__code__ in changes:
            try:
                function.__code__ = changes[function.__code__]
            except ValueError:  # it closes over fewer names now
                return False
    return True


def _codes(code: CodeType, seen: dict[str, int] | None = None) -> dict[str, CodeType]:
    """All codes within one, each under a name of its own."""
    seen = {} if seen is None else seen
    found: dict[str, CodeType] = {}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            seen[inner.co_qualname] = seen.get(inner.co_qualname, 0) + 1
            found[f"{inner.co_qualname} {seen[inner.co_qualname]}"] = inner
            found |= _codes(inner, seen)
    return found


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module in the memory of this process, in place of the one in its file."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        path = SOURCE.joinpath(*fullname.split(".")).with_suffix(".py")
        return importlib.util.spec_from_loader(fullname, self, origin=str(path))

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        path = str(module.__spec__.origin)
        module.__file__ = path
        exec(compile(apply(Path(path).read_bytes(), self.mutant), path, "exec"), module.__dict__)  # noqa: S102 - our own


def _imported_anew(mutant: Mutant, cases: Sequence[int]) -> bool:
    """Whether every vector is right where the project is imported once more, with the changed module."""
    _forget()
    sys.meta_path.insert(0, _Changed(mutant))
    try:
        anew: Any = importlib.import_module(judging.__name__)
    except Exception:  # noqa: BLE001 - what cannot be imported is noticed
        return False
    return all(anew.is_right(anew.ALL[case]) for case in cases)


def _forget() -> None:
    """Unload the project; `from package import module` would find one that its package still has."""
    for name in list(sys.modules):
        if name.partition(".")[0] == "delegate" or name in {"tests.vectors", judging.__name__}:
            package, _, module = name.rpartition(".")
            vars(sys.modules.get(package, judging)).pop(module, None)
            del sys.modules[name]
