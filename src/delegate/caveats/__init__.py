"""The condition language by the name of what it writes: the same as `delegate.language`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from delegate.language import evaluate, format, parse  # noqa: A004 - named as in `delegate.language`

__all__ = ["evaluate", "format", "parse"]


def __getattr__(name: str) -> object:
    from delegate import language

    return getattr(language, name)
