"""`delegate list`: what was handed out from here, as the journal has it."""

from __future__ import annotations

from typing import Final

import click

from delegate.cli import journal
from delegate.cli.journal import handing_on
from delegate.cli.options import FILE, clock, example, json_option, now_option
from delegate.cli.output import Output
from delegate.cli.revocation_files import read_list
from delegate.cli.selection import Selection, selection_of, selection_options
from delegate.core.chain.printable import counted
from delegate.journal.entries import Entry, is_revoked
from delegate.views.layout import WIDTH, escaped, hung, wrapped
from delegate.views.moments import when_from

_COLUMN: Final = 10
_ID_DIGITS: Final = 8


@click.command(name="list", epilog=example("delegate list --revocations revoked.dlgr"))
@click.option(
    "--revocations", "list_files", type=FILE, multiple=True, metavar="FILE", help="Revocation list. May be repeated."
)
@selection_options
@click.option("--live", "live_only", is_flag=True, help="Leave out what has expired or was revoked.")
@now_option
@json_option
def handed_out(
    list_files: tuple[str, ...],
    principal: str | None,
    tenant: str | None,
    originator: str | None,
    thumbprint: str | None,
    live_only: bool,  # noqa: FBT001
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List what was handed out from here.

    Shows what mint, attenuate and revoke noted in the journal, and programs that were given it: each block, who holds
    it, what it permits, until when and why, and whether it was revoked. The journal is in your data folder;
    DELEGATE_DATA moves it.
    """
    out = Output("list", as_json=as_json)
    at = clock(now)
    wanted = selection_of(principal, tenant, originator, thumbprint)
    given = [record for path in list_files for record in read_list(path).records]
    entries, revoked, skipped = journal.read()
    records = [*given, *(each.record for each in revoked)]
    if skipped:
        out.warn(f"skipped {counted(skipped, 'line')} of the journal that cannot be read")
    found = [(entry, _state(entry, at, revoked=is_revoked(entry, records, at))) for entry in entries]
    found = [(entry, state) for entry, state in found if wanted.picks(entry)]
    if live_only:
        found = [(entry, state) for entry, state in found if state == "live"]
    if not found:
        out.note(_nothing(wanted, entries, live_only=live_only))
    data = {"entries": [{**entry.to_json(), "state": state} for entry, state in found], "skipped": skipped}
    out.result(data, [line for entry, state in found for line in _lines(entry, state, at)])
    if not list_files and any(state == "live" for _, state in found):
        out.note("revocations are those noted here; add other lists with --revocations FILE")


def _nothing(wanted: Selection, entries: list[Entry], *, live_only: bool) -> str:
    if not entries:
        return "the journal is empty"
    if any(map(wanted.picks, entries)) or wanted.is_of_any:
        return "nothing is live"
    return f"nothing {'live ' if live_only else ''}in the journal is {wanted}"


def _state(entry: Entry, at: int, *, revoked: bool) -> str:
    return "revoked" if revoked else "expired" if entry.until <= at else "live"


def _lines(entry: Entry, state: str, at: int) -> list[str]:
    """Write one entry: which, to whom, until when, what and why."""
    until = f"{state} {'on' if state == 'expired' else 'until'} {when_from(entry.until, at)}"
    texts = [
        handing_on(entry.by, entry.to),
        until if state != "revoked" else state,
        *(f"may {escaped(text)}" for text in entry.may),
        *(f"if  {escaped(text)}" for text in entry.conditions),
        *map(escaped, entry.limits),
        *([f'"{escaped(entry.why)}"'] if entry.why else []),
    ]
    body = [line for text in texts for line in wrapped(text, WIDTH - _COLUMN)]
    return hung(entry.block_id.hex()[:_ID_DIGITS], body, _COLUMN)
