"""`delegate revocations`: looking at lists, checking, joining and importing them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext

import click

from delegate.cli.options import FILE, clock, duration, example, json_option, key_option, now_option, passphrase_options
from delegate.cli.output import Failure, Output, shown_path
from delegate.cli.revocation_files import locked, read_list, write_list
from delegate.cli.revoke import add_to_store
from delegate.cli.sources import read_identity, read_principal
from delegate.cli.status import Status
from delegate.cli.stores import create_option, state_option
from delegate.core.chain.printable import counted, shown
from delegate.core.chain.revocations import Record, RevocationList
from delegate.errors import Reason
from delegate.views.layout import WIDTH, escaped, hung, wrapped
from delegate.views.moments import moment, when_from

_COLUMN = 8

file_argument = click.argument("file", type=FILE)


@click.group(no_args_is_help=False)
def revocations() -> None:
    """Work with revocation lists: show, verify, merge, import."""


@revocations.command(epilog=example("delegate revocations show revoked.dlgr"))
@file_argument
@now_option
@json_option
def show(file: str, now: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Show a list FILE: who signed it, how old it is, and its records. Checks the signature."""
    out = Output("revocations show", as_json=as_json)
    at = clock(now)
    found = read_list(file)
    lines = [*_head_lines(found, at), *(line for record in found.records for line in _record_lines(record))]
    out.result({**_json(found), "records": [_record_json(record) for record in found.records]}, lines)


@revocations.command(epilog=example("delegate revocations verify revoked.dlgr --signer alice.pub"))
@file_argument
@click.option(
    "--signer", "signer_file", type=FILE, metavar="FILE", help="Public key that must have signed it: alice.pub."
)
@now_option
@json_option
def verify(file: str, signer_file: str | None, now: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Check the signature and the freshness of a list FILE.

    With --signer, also check who signed it.
    """
    out = Output("revocations verify", as_json=as_json)
    at = clock(now)
    signer = None if signer_file is None else read_principal(signer_file)
    found = read_list(file)
    data = {**_json(found), "signer_checked": signer is not None}
    if signer is not None and signer.public_key != found.public_key:
        raise Failure(Status.UNTRUSTED, f"not signed by the key of {signer.name}", data=data)
    if found.expires <= at:
        over = f"the list expired on {when_from(found.expires, at)}; its records still count"
        raise Failure(Status.REFUSED, over, reason=Reason.EXPIRED, data=data)
    if found.issued > at:
        early = f"the list is dated in the future: {when_from(found.issued, at)}"
        raise Failure(Status.REFUSED, early, reason=Reason.NOT_YET_VALID, data=data)
    whose = "who signed it was not checked; use --signer" if signer is None else f"signed by {signer.name}"
    out.result(
        data,
        [
            f"GENUINE  {counted(len(found.records), 'record')}, number {found.sequence}; {whose}",
            *_head_lines(found, at),
        ],
    )


@revocations.command(
    epilog=example("delegate revocations merge laptop.dlgr phone.dlgr --key alice.key --list all.dlgr")
)
@click.argument("files", type=FILE, nargs=-1, required=True)
@key_option("Private key that signed all of them.")
@click.option("--list", "list_file", type=FILE, metavar="FILE", help="File to write; without it, the list is printed.")
@click.option(
    "--ttl", type=duration, default="24h", metavar="DURATION", help="How long the list counts as fresh. Default: 24h."
)
@passphrase_options
@now_option
@json_option
def merge(
    files: tuple[str, ...],
    key_file: str | None,
    list_file: str | None,
    ttl: int,
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Merge several lists of one key into one, and sign it.

    With one FILE, it is signed again, to keep it fresh.
    """
    out = Output("revocations merge", as_json=as_json)
    at = clock(now)
    identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
    with nullcontext() if list_file is None else locked(list_file):
        earlier = []
        for path in files:
            found = read_list(path)
            if found.public_key != identity.public_key:
                raise Failure(
                    Status.UNTRUSTED,
                    f"{shown_path(path)} is signed by another key, {shown(found.issuer)}, and only that can sign it",
                    label="missing key",
                )
            earlier.append(found)
        try:
            made = identity.revoke(previous=earlier, ttl=ttl, now=at)
        except ValueError as error:
            raise click.UsageError(shown(str(error), 300)) from None
        if list_file is not None:
            write_list(list_file, made)
    where = f"{shown(list_file)}, " if list_file is not None else ""
    out.note(
        f"list: {where}number {made.sequence}, {counted(len(made.records), 'record')}; "
        f"sign it again before {when_from(made.expires, at)}"
    )
    out.result(
        {**_json(made), "list": made.to_text(), "records": len(made.records)},
        [made.to_text()] if list_file is None else (),
    )


@revocations.command(
    name="import", epilog=example("delegate revocations import revoked.dlgr --state redis://localhost")
)
@file_argument
@state_option
@create_option
@now_option
@json_option
def import_(
    file: str,
    state_url: str | None,
    may_make: bool,  # noqa: FBT001
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Add a list FILE to the verifiers' store. This cannot be undone."""
    out = Output("revocations import", as_json=as_json)
    at = clock(now)
    found = read_list(file)
    if found.expires <= at:
        out.warn(
            f"the list expired on {when_from(found.expires, at)}: its records count, but newer ones may be missing"
        )
    data = _json(found)
    new = add_to_store(out, state_url or "", found, data, may_make=may_make)
    out.result({**data, "new_in_state": new}, ())


def _head_lines(found: RevocationList, at: int) -> list[str]:
    rows = {
        "issuer": f"{shown(found.issuer)}, as it calls itself",
        "key": found.signer.hex(),
        "number": str(found.sequence),
        "made": when_from(found.issued, at),
        "until": when_from(found.expires, at),
    }
    return [f"{word:<{_COLUMN}}{text}" for word, text in rows.items()]


def _record_lines(record: Record) -> Iterable[str]:
    if record.is_key:
        when = f"since {moment(record.since)}" if record.since else "from the beginning"
    else:
        when = f"until {moment(record.until)}"
    yield ""
    yield f"{'key' if record.is_key else 'block':<{_COLUMN}}{record.subject.hex()}"
    yield from hung("", [when], _COLUMN)
    if record.why:
        yield from hung("", wrapped(f'"{escaped(record.why)}"', WIDTH - _COLUMN), _COLUMN)


def _json(found: RevocationList) -> dict[str, object]:
    return {
        "issuer": found.issuer,
        "signer": found.signer.hex(),
        "sequence": found.sequence,
        "issued": found.issued,
        "expires": found.expires,
    }


def _record_json(record: Record) -> dict[str, object]:
    time = {"since": record.since} if record.is_key else {"until": record.until}
    return {"key" if record.is_key else "block": record.subject.hex(), **time, "why": record.why or None}
