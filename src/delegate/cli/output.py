"""The rules of the terminal: what goes where, in which colours, and what a failure looks like.

- A token, or what was asked for, alone on stdout; everything said about it on stderr.
- With `--json`, stdout is one JSON object and nothing else, refusals included.
- Colour only on a terminal, and never with `NO_COLOR`.
- A terminal that cannot show `→` and `✓` gets `->` and `ok`; nothing is ever a UnicodeEncodeError.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TextIO

import click

from delegate.cli.status import LABELS, Status, status_of
from delegate.core.chain.printable import shown
from delegate.errors import AttenuationError, CaveatSyntaxError, DelegateError, Reason, TokenError

if TYPE_CHECKING:
    from delegate.verifier.verified import VerifiedChain

JSON_VERSION: Final = 1
_ENOUGH: Final = 1 << 20
_PATH_CHARACTERS: Final = 120
_PLAINER: Final = str.maketrans(
    {"→": "->", "─": "-", "▶": ">", "✓": "ok", "✗": "NO", "·": "|", "–": "-", "…": "...", "⚠": "!", "−": "-", "└": "+"}
)
_COLOURS: Final = {"✓": "green", "✗": "red", "−": "red", "+": "green"}
# What a diff begins with, behind blanks; a plus within a condition is none.
_SIGN: Final = re.compile(r"[✓✗]|(?<=   )[−+](?= )")


class ReaderGone(Exception):  # noqa: N818 - an outcome that is not an error of ours
    """Nobody reads on. Not an OSError: click would take a broken pipe into its own hands, and end in status 1."""


class StreamFull(Exception):  # noqa: N818 - an outcome that is not an error of ours
    """What is said can be written nowhere: the disk behind stdout or stderr is full. Not an OSError, as above."""


class Ended(Exception):  # noqa: N818 - as above
    """A command that was run in our place has ended, with a status of its own; nothing is to be said of it."""

    def __init__(self, status: int) -> None:
        """Keep the status: 0 to 255."""
        super().__init__(status)
        self.status = status


class Failure(Exception):  # noqa: N818 - an outcome that is not an error of ours
    """How a command ends that did not do what was asked: a status, one line, and the same as JSON.

    Attributes:
        status: the exit status.
        line: for stderr, without the label before it.
        label: the word before it; by the status if empty.
        data: what JSON says beside status, reason, hop and detail.
        hints: lines for stderr behind it: what may help.
    """

    def __init__(
        self,
        status: Status,
        line: str,
        *,
        label: str = "",
        reason: Reason | None = None,
        hop: int | None = None,
        detail: str = "",
        data: Mapping[str, object] | None = None,
        hints: Sequence[str] = (),
    ) -> None:
        """Keep it until `main` prints it."""
        super().__init__(line)
        self.status = status
        self.line = line
        self.label = label or LABELS[status]
        self.reason = reason
        self.hop = hop
        self.detail = detail or line
        self.data = dict(data or {})
        self.hints = tuple(hints)

    def to_json(self) -> dict[str, object]:
        """Give the failure as JSON values."""
        return {
            "reason": None if self.reason is None else str(self.reason),
            "hop": self.hop,
            "detail": self.detail,
            **self.data,
        }


def failure_of(
    error: DelegateError,
    chain: VerifiedChain | None = None,
    data: Mapping[str, object] | None = None,
    hints: Sequence[str] = (),
) -> Failure:
    """Make the failure that an error comes to; `chain`, where it verified, names the hop."""
    from delegate.views.decision import refusal

    status = status_of(error)
    label = ""
    if isinstance(error, CaveatSyntaxError):
        line = str(error)
        data = {"source": error.source, "span": list(error.span), **(data or {})}
    elif isinstance(error, AttenuationError) and error.reason is Reason.PROOF_WRONG_KEY:
        label, line = "missing key", refusal(error, chain)
    elif isinstance(error, TokenError) and error.reason is not Reason.WEAK_KEY:
        label, line = "not a token", refusal(error, chain)
    else:
        line = refusal(error, chain)
    return Failure(
        status, line, label=label, reason=error.reason, hop=error.hop, detail=error.detail, data=data, hints=hints
    )


def shown_path(path: object) -> str:
    """Write a path for a message: escaped, and of a long one both ends, which tell files apart."""
    text = str(path)
    if len(text) > _PATH_CHARACTERS:
        text = f"{text[: _PATH_CHARACTERS // 3]}…{text[-2 * _PATH_CHARACTERS // 3 :]}"
    return shown(text, 4 * _PATH_CHARACTERS)


def file_failure(path: object, error: OSError) -> Failure:
    """Make the failure that a file comes to."""
    words = (error.strerror or type(error).__name__).lower()
    return Failure(Status.FILES, f"{shown_path(path)}: {words}")


class Output:
    """One run's output."""

    __slots__ = ("_colour", "command", "json")

    def __init__(self, command: str, *, as_json: bool) -> None:
        """`command` names what was run, for JSON."""
        self.command = command
        self.json = as_json
        self._colour = _has_colour(sys.stdout)

    def result(self, data: Mapping[str, object], lines: Iterable[str]) -> None:
        """Print what was asked for: `lines`, or with `--json` the same as `data`."""
        if self.json:
            _print_json(self.command, Status.DONE, data)
            return
        self.show(lines)

    def show(self, lines: Iterable[str]) -> None:
        """Print lines on stdout before a failure; with `--json`, nothing: the failure says the same as data."""
        if not self.json:
            for line in lines:
                _write(sys.stdout, self._coloured(line))

    def note(self, line: str) -> None:
        """Say something about it, on stderr; with `--json`, nothing."""
        if not self.json:
            _write(sys.stderr, line)

    def prompt(self, line: str) -> None:
        """Write a line of a question that somebody is to answer, on stderr, with `--json` too."""
        _write(sys.stderr, line)

    def ask(self, question: str) -> None:
        """Write a question whose answer is typed behind it, on stderr, with `--json` too."""
        _write(sys.stderr, question, end="")
        sys.stderr.flush()

    def warn(self, line: str) -> None:
        """Warn, on stderr, with `--json` too."""
        _write(sys.stderr, f"warning: {line}")

    def _coloured(self, line: str) -> str:
        if not self._colour:
            return line
        line = _SIGN.sub(lambda sign: click.style(sign[0], fg=_COLOURS[sign[0]]), line)
        first, blank, rest = line.partition(" ")
        if first.isupper() and first.isalpha() and len(first) > 1:
            line = click.style(first, bold=True) + blank + rest
        return line


def print_failure(command: str, failure: Failure, *, as_json: bool) -> None:
    """Print how a command ended that did not do what was asked."""
    if as_json:
        _print_json(command, failure.status, failure.to_json())
    else:
        _write(sys.stderr, f"{failure.label}: {failure.line}")
        for line in failure.hints:
            _write(sys.stderr, line)


def _print_json(command: str, status: Status, data: Mapping[str, object]) -> None:
    import json

    said = {name: value for name, value in data.items() if name != "version"}  # a decision has one of its own
    shape = {"version": JSON_VERSION, "command": command, "exit": int(status), **said}
    _put(sys.stdout, json.dumps(shape, indent=2))


def _write(stream: TextIO, line: str, end: str = "\n") -> None:
    """Write one line; what the stream cannot show is written in plainer characters."""
    try:
        line.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        line = line.translate(_PLAINER).encode("ascii", "backslashreplace").decode("ascii")
    _put(stream, line, end)


def _put(stream: TextIO, line: str, end: str = "\n") -> None:
    try:
        stream.write(line + end)
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise StreamFull((error.strerror or "failed").lower()) from None


def _has_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
