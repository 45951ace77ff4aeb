"""Where events go besides the log: lines of JSON, Python's `logging`, OpenTelemetry (AUDIT §16.4)."""

from __future__ import annotations

import json
import os
import sys
from os import PathLike
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from delegate.audit.events import AuditEvent
from delegate.core.decide.remembered import ProcessLock
from delegate.state.own_file import add_line, open_own

if TYPE_CHECKING:
    from logging import Logger

_TEXT_MAX: Final = 8_192


class JsonLines:
    """Writes one line of JSON an event: to a file, to which each line is added whole, or to a stream.

    Use it as a context manager, or call `close`, where it was given a path.

    Attributes:
        required: whether a verifier refuses what it could not write; then each line is on the disk before the request
            is answered.
    """

    __slots__ = ("_handle", "_lock", "_path", "_stream", "required")

    def __init__(self, target: str | PathLike[str] | TextIO | None = None, *, required: bool = False) -> None:
        """Open a file for adding to.

        Args:
            target: a path, which is made with mode 0600 where there is none; or a stream that takes text; `None`:
                standard output.
            required: see above; it needs a path.

        Raises:
            OSError: the file cannot be opened, is a link, or others may write it.
            ValueError: a stream that is required: nobody knows when what it takes is on a disk.
        """
        self.required = required
        self._lock = ProcessLock()
        self._handle: int | None = None
        self._stream: TextIO | None = None
        self._path: str | None = None
        if target is None or hasattr(target, "write"):
            if required:
                message = "a stream cannot be required: give a path"
                raise ValueError(message)
            self._stream = target  # type: ignore[assignment] # what has `write` is a stream
        else:
            self._path = os.fspath(target)
            self._handle = open_own(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)

    def take(self, event: AuditEvent) -> None:
        """Write one line; raises OSError where it cannot be written."""
        line = json.dumps(event.to_json(), separators=(",", ":")) + "\n"
        lock: Lock = self._lock.mine()
        with lock:
            if self._path is None:
                stream = sys.stdout if self._stream is None else self._stream
                stream.write(line)
                stream.flush()
                return
            if self._handle is None:
                message = "the file is closed"
                raise OSError(message)
            add_line(self._handle, line.encode())
            if self.required:
                os.fsync(self._handle)

    def close(self) -> None:
        """Close the file; a stream is its owner's to close."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Logging:
    """Gives each event to a logger of Python's `logging`: allowed as INFO, refused as WARNING.

    The record's message is one line; `record.delegate` is the event as JSON values.
    """

    __slots__ = ("_logger", "required")

    def __init__(self, logger: Logger | str = "delegate.audit") -> None:
        """Take a logger, or the name of one. It is never required: `logging` does not say whether it wrote."""
        import logging

        self.required = False
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger

    def take(self, event: AuditEvent) -> None:
        """Log it."""
        import logging

        level = logging.INFO if event.allowed else logging.WARNING
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", one_line(event), extra={"delegate": event.to_json()})


class OpenTelemetry:
    """Gives each event to OpenTelemetry as a span of its own, `delegate.decision`, below the current one.

    Needs the extra `otel`. Attributes are named `delegate.…`: originator, holder, outcome, reason, hop, action,
    resource, service, purpose, blocks, proof.
    """

    __slots__ = ("_tracer", "required")

    def __init__(self, tracer: Any = None) -> None:  # noqa: ANN401 - OpenTelemetry is an extra
        """Take a tracer; by default the process's, named `delegate.audit`.

        Raises:
            ImportError: OpenTelemetry is not installed.
        """
        self.required = False
        if tracer is None:
            try:
                from opentelemetry import trace
            except ImportError as error:
                message = "OpenTelemetry needs an extra: pip install 'delegate-token[otel]'"
                raise ImportError(message) from error
            tracer = trace.get_tracer("delegate.audit")
        self._tracer = tracer

    def take(self, event: AuditEvent) -> None:
        """Give it to the tracer."""
        said = {
            "kind": event.kind.word,
            "service": event.service,
            "tenant": event.tenant or None,
            "originator": event.originator,
            "holder": event.holder,
            "purpose": event.purpose,
            "outcome": event.outcome,
            "reason": event.reason,
            "hop": event.hop,
            "action": event.action,
            "resource": None if event.resource is None else event.resource[:_TEXT_MAX],
            "hops": [hop.name for hop in event.hops] or None,
            "blocks": [each.hex() for each in event.block_ids] or None,
            "proof": None if event.proof_id is None else event.proof_id.hex(),
            "approvers": list(event.approvers) or None,
        }
        attributes = {f"delegate.{name}": value for name, value in said.items() if value is not None}
        self._tracer.start_span("delegate.decision", attributes=attributes).end()


def one_line(event: AuditEvent) -> str:
    """Say in one line what happened."""
    from delegate.core.chain.printable import shown

    route = event.route
    if route is not None:
        who = " → ".join(map(shown, route.names))
    elif event.claimed is not None:
        who = f"{shown(event.claimed.holder)} for {shown(event.claimed.originator)}, as claimed"
    else:
        who = "somebody"
    what = shown(event.action) if event.resource is None else f"{shown(event.action)} {shown(event.resource, 200)}"
    why = "" if event.reason is None else f" ({event.reason}{'' if event.hop is None else f' at hop {event.hop}'})"
    return f"{event.outcome}: {who}: {what}{why}"
