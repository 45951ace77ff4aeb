"""A question worked on in a process of its own, within limits on time and memory.

The rules of this file:

- Whoever made the chain chose what there is to work on: what takes too long, or too much memory, ends the child and
  never the caller.
- The child has nothing of the caller's environment but what a process needs to start, and no file is opened for it.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from delegate.analysis.proofs.question import OPEN, Question, Reply

TIME_LIMIT_S: Final = 2.0
MEMORY_BYTES: Final = 512 * 1024 * 1024
_RECURSION: Final = 6_000
_KEPT: Final = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH")
_START: Final = (
    "import sys; sys.path[:] = {path!r}; from delegate.analysis.proofs.child import main; main({memory!r}, {z3!r})"
)


def ask(question: Question, *, time_limit_s: float, memory_bytes: int, use_z3: bool = True) -> Reply:
    """Work on a question in a child process; always answers.

    Args:
        question: what is asked.
        time_limit_s: how long it may take, its start included.
        memory_bytes: how much address space it may use, where the system can bound it.
        use_z3: whether it may load z3.
    """
    import subprocess

    home = __file__
    for _ in __name__.split("."):
        home = os.path.dirname(home)  # noqa: PTH120 - no need of pathlib for that
    path = [home, *(each for each in sys.path if each)]  # never the working directory
    code = _START.format(path=path, memory=memory_bytes, z3=use_z3)
    child = subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-I", "-S", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
    )
    try:
        told, _ = child.communicate(question.to_json().encode(), timeout=time_limit_s)
    except subprocess.TimeoutExpired:
        return Reply(OPEN, because=(f"it takes more than {time_limit_s:g} s",))
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()
    if child.returncode or not told:
        return Reply(
            OPEN, because=(f"it ended without an answer; {memory_bytes >> 20} MiB of memory may be too little",)
        )
    return Reply.from_json(told)


def main(memory_bytes: int, use_z3: bool) -> None:  # noqa: FBT001 - it is called by what `_START` writes
    """Read a question from standard input, and write its answer."""
    from delegate.analysis.proofs.question import Asking

    _bound(memory_bytes)
    sys.setrecursionlimit(_RECURSION)
    try:
        reply = Asking(Question.from_json(sys.stdin.buffer.read())).reply(use_z3=use_z3)
    except MemoryError:
        os._exit(3)  # nothing more can be relied on
    sys.stdout.write(reply.to_json())


def _bound(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
