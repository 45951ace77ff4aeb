"""The face of a package: names that are loaded when they are first used (PEP 562).

Importing such a package loads nothing of it, so a process loads what it uses. A face is written twice, once for type
checkers and once for Python, and a test holds the two to each other:

    if TYPE_CHECKING:
        from delegate.limits import Limits
    else:
        __getattr__, __dir__ = face(__name__, {"limits": ("Limits",)})
"""

TYPE_CHECKING = False  # as `typing` has it, whose import would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def face(
    package: str, homes: "Mapping[str, tuple[str, ...]]"
) -> "tuple[Callable[[str], object], Callable[[], list[str]]]":
    """Make the two functions by which a package finds and lists its names.

    Args:
        package: its `__name__`.
        homes: for each module, named from `delegate` on, what the package has of it: `"name"`, or `"name as other"`.
    """
    found = {}
    for home, names in homes.items():
        for name in names:
            theirs, _, ours = name.partition(" as ")
            found[ours or theirs] = home, theirs

    def get(name: str) -> object:
        if name not in found:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message)
        import sys
        from importlib import import_module

        home, theirs = found[name]
        thing: object = getattr(import_module(f"delegate.{home}"), theirs)
        setattr(sys.modules[package], name, thing)  # from now on found without coming here
        return thing

    def listed() -> list[str]:
        import sys

        return sorted({*vars(sys.modules[package]), *found})

    return get, listed
