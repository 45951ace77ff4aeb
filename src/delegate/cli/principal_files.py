"""`delegate principal import` and `export`: many principals at once, from and to files."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import click

from delegate.cli.directories import directory_option, opened_directory, tenant_option
from delegate.cli.files import replace_file
from delegate.cli.options import FILE, example, json_option, now_option, text_pair, unique
from delegate.cli.output import Failure, Output
from delegate.cli.progress import Progress
from delegate.cli.sources import read_file
from delegate.cli.status import Status
from delegate.core.chain.printable import counted, shown

if TYPE_CHECKING:
    from delegate.directory.directory import Directory
    from delegate.directory.reading import Record

_FORMS: Final = ("json", "jsonl", "csv")
_MODE: Final = 0o644


@click.command(
    name="import",
    epilog=example(
        "delegate principal import agents.csv --column name=agent --column sponsor=responsible --skip 'cost centre'"
    ),
)
@click.argument("file", type=FILE)
@click.option("--format", "form", type=click.Choice(_FORMS), help="Form of FILE. Default: what it looks like.")
@click.option(
    "--column",
    "columns",
    type=text_pair,
    multiple=True,
    metavar="FIELD=COLUMN",
    help="What a field is called in a CSV file: sponsor=responsible. May be repeated.",
)
@click.option("--skip", "skipped", multiple=True, metavar="COLUMN", help="CSV column to leave out. May be repeated.")
@directory_option
@tenant_option
@now_option
@json_option
def import_(
    file: str,
    form: str | None,
    columns: tuple[tuple[str, str], ...],
    skipped: tuple[str, ...],
    directory_url: str | None,
    tenant: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Add all the principals of FILE, or none.

    FILE is JSON, one JSON object a line, or CSV with a row of column names; - for standard input. The fields are name,
    kind, key, sponsor, owner, code, model, version, note, added and disabled; in JSON also keys and history, as export
    writes them. Every fault is told with its line. What the directory already has just so is left as it is.
    """
    from delegate.directory.entries import DirectoryError
    from delegate.directory.reading import FAULTS

    out = Output("principal import", as_json=as_json)
    named = unique(columns, "--column")
    content = _content(file)
    try:
        records = _records(content, form, named, skipped)
        progress = Progress(out, "imported")
        with opened_directory(directory_url, tenant, now=now, makes=out) as directory:
            try:
                added = directory.take(records, progress=progress)
            finally:
                progress.end()
    except DirectoryError as error:
        faults = [{"line": each.line, "detail": each.detail} for each in error.faults]
        for fault in error.faults[:FAULTS]:
            out.note(str(fault))
        if len(faults) > FAULTS:
            out.note(f"… and {len(faults) - FAULTS} more")
        line = f"{counted(len(faults), 'fault')} in {shown(file)}; nothing was added" if faults else error.detail
        raise Failure(Status.REFUSED, line, reason=error.reason, detail=error.detail, data={"faults": faults}) from None
    unchanged = len(records) - added
    left = f"; {unchanged} {'was' if unchanged == 1 else 'were'} there already" if unchanged else ""
    out.note(f"added {counted(added, 'principal')}{left}")
    out.result({"added": added, "unchanged": unchanged}, ())


@click.command(epilog=example("delegate principal export -o principals.json"))
@click.option("--format", "form", type=click.Choice(_FORMS), default="json", show_default=True, help="Form to write.")
@click.option("-o", "--output", "output", type=FILE, metavar="FILE", help="Write to FILE instead of standard output.")
@directory_option
@tenant_option
@json_option
def export(form: str, output: str | None, directory_url: str | None, tenant: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Write every principal to a file.

    With all keys and the history; import reads it again. CSV has the last key alone, and no history: it is for people
    and spreadsheets.
    """
    out = Output("principal export", as_json=as_json)
    with opened_directory(directory_url, tenant) as directory:
        if as_json and output is None:
            out.result({"principals": list(_objects(directory))}, ())
            return
        lines = {"json": _json_lines, "jsonl": _object_lines, "csv": _csv_lines}[form](directory)
        if output is None:
            out.show(line.removesuffix("\n") for line in lines)
            return
        replace_file(output, "".join(lines).encode("utf-8"), _MODE)
    out.note(f"written to {shown(output)}")
    out.result({"file": output}, ())


def _content(file: str) -> bytes:
    from delegate.directory.reading import FILE_BYTES

    return sys.stdin.buffer.read(FILE_BYTES + 1) if file == "-" else read_file(file, FILE_BYTES)


def _records(content: bytes, form: str | None, columns: dict[str, str], skipped: tuple[str, ...]) -> list[Record]:
    from delegate.directory.reading import read

    try:
        return read(content, form, columns=columns, skip=skipped)
    except ValueError as error:
        raise click.UsageError(f"--column: {error}") from None


def _objects(directory: Directory) -> Iterator[dict[str, object]]:
    for entry, history in directory.with_history():
        yield entry.to_json(history)


def _json_lines(directory: Directory) -> Iterator[str]:
    yield '{"version": 1, "principals": ['
    before = ""
    for each in _objects(directory):
        yield f"{before}\n{_text(each)}"
        before = ","
    yield "\n]}\n"


def _object_lines(directory: Directory) -> Iterator[str]:
    return (f"{_text(each)}\n" for each in _objects(directory))


def _csv_lines(directory: Directory) -> Iterator[str]:
    from delegate.directory.reading import COLUMNS

    yield _row(COLUMNS)
    for entry in directory:
        said = {**entry.to_json(), "key": None if entry.key is None else entry.key.public_key.to_text()}
        yield _row("" if said[name] is None else str(said[name]) for name in COLUMNS)


def _row(cells: Iterable[str]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerow(list(cells))
    return written.getvalue()


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
