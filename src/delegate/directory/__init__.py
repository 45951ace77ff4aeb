"""The directory of principals: who is who, who answers for whom, and whose a key is or ever was (SPEC §10.5).

Each name is loaded when it is first used.
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.directory.directory import Directory, connect
    from delegate.directory.entries import DirectoryError, Entry, Event, Facts, Fault, Key
    from delegate.directory.known import Finder, Known
    from delegate.directory.reading import Record, read
    from delegate.directory.usage import UsageLog, Use, use_of
else:
    from delegate.faces import face

    _HOMES = {
        "directory.directory": ("Directory", "connect"),
        "directory.entries": ("DirectoryError", "Entry", "Event", "Facts", "Fault", "Key"),
        "directory.known": ("Finder", "Known"),
        "directory.reading": ("Record", "read"),
        "directory.usage": ("Use", "UsageLog", "use_of"),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

__all__ = [
    "Directory",
    "DirectoryError",
    "Entry",
    "Event",
    "Facts",
    "Fault",
    "Finder",
    "Key",
    "Known",
    "Record",
    "UsageLog",
    "Use",
    "connect",
    "read",
    "use_of",
]
