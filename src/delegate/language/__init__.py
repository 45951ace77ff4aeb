"""The language of conditions and capabilities as text: CEL in, CEL out (SPEC §6).

`evaluate` asks what a text means; `parse` and `format` are for authors and readers. No decision reads any of it: a
verifier goes from the wire to closures (`core.evaluator`).
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.language.meaning import evaluate, parse
    from delegate.language.printer import format_expression as format  # noqa: A004 - `language.format`, as `language.parse`
else:
    from delegate.faces import face

    _HOMES = {
        "language.meaning": ("evaluate", "parse"),
        "language.printer": ("format_expression as format",),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

__all__ = ["evaluate", "format", "parse"]
