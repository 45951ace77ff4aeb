"""What other people's code raises.

The rule of this file: a library that reads bytes from outside may raise anything at all, in some version, for some
bytes. One place turns all of it into a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from delegate.errors import DelegateError

_PANIC: Final = "PanicException"  # of code in Rust: no `Exception`, and nothing to import it from


@contextmanager
def foreign(refusal: Callable[[], DelegateError]) -> Iterator[None]:
    """Let nothing out of this block but a `DelegateError`: whatever else comes is made one by `refusal`.

    What ends a process (`KeyboardInterrupt`, `SystemExit`) and what ends a task passes.
    """
    try:
        yield
    except DelegateError:
        raise
    except Exception:  # noqa: BLE001 - that is what this is for
        raise refusal() from None
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise refusal() from None
