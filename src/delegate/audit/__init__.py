"""Who did what, in whose name, through which agents: events, a log that nobody can quietly change, and what it shows.

A verifier is given sinks (`Verifier(…, audit=…)`), and each decision, allowed or refused, gives one event. Each name is
loaded when it is first used.
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.audit.events import AuditEvent
    from delegate.audit.log import Log, Logged, connect
    from delegate.audit.notes_of import NotesToLog
    from delegate.audit.recorder import Recorder, Sink, keep_arguments, traced
    from delegate.audit.routes import Known, Route, RouteHop
    from delegate.audit.sinks import JsonLines, Logging, OpenTelemetry
else:
    from delegate.faces import face

    _HOMES = {
        "audit.events": ("AuditEvent",),
        "audit.log": ("Log", "Logged", "connect"),
        "audit.notes_of": ("NotesToLog",),
        "audit.recorder": ("Recorder", "Sink", "keep_arguments", "traced"),
        "audit.routes": ("Known", "Route", "RouteHop"),
        "audit.sinks": ("JsonLines", "Logging", "OpenTelemetry"),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

__all__ = [
    "AuditEvent",
    "JsonLines",
    "Known",
    "Log",
    "Logged",
    "Logging",
    "NotesToLog",
    "OpenTelemetry",
    "Recorder",
    "Route",
    "RouteHop",
    "Sink",
    "connect",
    "keep_arguments",
    "traced",
]
