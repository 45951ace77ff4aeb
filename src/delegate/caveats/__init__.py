"""The condition language by the name of what it writes: the same as `delegate.language`."""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.language.meaning import evaluate, parse
    from delegate.language.printer import format_expression as format  # noqa: A004 - named as in `delegate.language`
else:
    from delegate.faces import face

    _HOMES = {
        "language.meaning": ("evaluate", "parse"),
        "language.printer": ("format_expression as format",),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

__all__ = ["evaluate", "format", "parse"]
