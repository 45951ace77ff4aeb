"""The language of conditions and capabilities as text: CEL in, CEL out (SPEC §6).

`evaluate` asks what a text means; `parse` and `format` are for authors and readers. No decision reads any of it: a
verifier goes from the wire to closures (`core.evaluator`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from delegate.language.meaning import evaluate, parse
    from delegate.language.printer import format_expression as format  # noqa: A004 - `language.format`, as `language.parse`

__all__ = ["evaluate", "format", "parse"]


def __getattr__(name: str) -> object:
    if name in {"evaluate", "parse"}:
        from delegate.language import meaning

        return getattr(meaning, name)
    if name == "format":
        from delegate.language.printer import format_expression

        return format_expression
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
