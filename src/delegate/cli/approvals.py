"""`delegate ask`, `approve`, `staple`: what other parties confirm.

The rules of this file:

- Whoever approves reads all of what is asked, whole and escaped, one thing a line; what is only claimed is called so.
- Nothing is signed without a yes: on the terminal, or by `--yes`.
- The asks or discharges alone go to stdout, one a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import click

from delegate.authoring.ask import Ask, asks
from delegate.authoring.discharge import Discharge
from delegate.authoring.token import Token, claimed_names
from delegate.cli.contents import odd_encoding, what_it_is
from delegate.cli.files import deliver, output_option
from delegate.cli.options import (
    clock,
    duration,
    example,
    json_option,
    json_pair,
    key_option,
    now_option,
    passphrase_options,
    request_options,
    token_argument,
    unique,
)
from delegate.cli.output import Failure, Output
from delegate.cli.sources import read_file, read_identity, read_principal, read_request, read_token
from delegate.cli.status import Status
from delegate.cli.verifiers import check_stdin, open_backing, revocation_options, third_party_option
from delegate.core.chain.links import Link
from delegate.core.chain.printable import counted, shown
from delegate.core.chain.revocations import Feed, Record
from delegate.core.chain.spans import span
from delegate.core.keys.principal import Principal
from delegate.core.wire import cose
from delegate.errors import DelegateError, Reason
from delegate.explain.unverified import AnyToken
from delegate.language.needs import party_text
from delegate.limits import ASK_BYTES, DISCHARGES
from delegate.views.layout import WIDTH, escaped, spaced, titled, wrapped
from delegate.views.moments import when_from

_FILE_BYTES: Final = ASK_BYTES * 2 * DISCHARGES
_APPROVED: Final = (("approved", True),)
_ARGUMENT_COLUMN: Final = 14
_ANSWER_BYTES: Final = 1024


@click.command(epilog=example("delegate ask buyer.token --action pay --arg amount=500 > pay.asks"))
@token_argument
@request_options
@third_party_option
@output_option
@json_option
def ask(
    token: str | None,
    third_party_files: tuple[str, ...],
    output: str | None,
    as_json: bool,  # noqa: FBT001
    **request_parts: object,
) -> None:
    """Write an ask for each need of a chain.

    Send each ask to the third parties that the need names. Give the request too: only standing needs can do without.
    """
    out = Output("ask", as_json=as_json)
    request = read_request(**request_parts)  # type: ignore[arg-type]
    given = read_token(token, out)
    try:
        found = asks(given.link, request)
    except ValueError as error:
        message = f"{error}: --action pay --arg amount=500, or --request FILE"
        raise click.UsageError(message) from None
    if not found:
        out.note("this chain needs no confirmation by others")
    names = claimed_names(given.link, given.root)
    names |= {each.public_key.thumbprint: each.name for each in map(read_principal, third_party_files)}
    for each in found:
        parties = ", ".join(party_text(key, names) for key in each.by)
        age = "" if each.max_age_s is None else f", at most {span(each.max_age_s)} old"
        out.note(f"{each.of} of {parties} must confirm: {escaped(str(each.condition))}{age}")
    texts = [each.to_text() for each in found]
    data = {"asks": [{"ask": text, **_ask_json(each)} for text, each in zip(texts, found, strict=True)]}
    deliver(out, data, texts, output)


@click.command(epilog=example("delegate approve pay.asks --key bob.key --ttl 5m > bob.discharge"))
@click.argument("source", metavar="ASK")
@key_option("Your private key: bob.key.")
@click.option(
    "--says",
    "says",
    type=json_pair,
    multiple=True,
    metavar="K=V",
    help="What you confirm: JSON if it parses as such, else text. May be repeated. Default: approved=true.",
)
@click.option("--ttl", type=duration, default="5m", metavar="DURATION", help="How long it is valid. Default: 5m.")
@click.option("--yes", is_flag=True, help="Do not prompt: for scripts that check the ask themselves.")
@output_option
@passphrase_options
@now_option
@json_option
def approve(
    source: str,
    key_file: str | None,
    says: tuple[tuple[str, object], ...],
    ttl: int,
    yes: bool,  # noqa: FBT001
    output: str | None,
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Confirm what somebody asks for, after reading it.

    ASK is the text of an ask, a file with one ask a line, or - for standard input.
    """
    out = Output("approve", as_json=as_json)
    if source == "-" and not yes:
        message = "standard input cannot hold both the ask and your answer: give a file, or --yes"
        raise click.UsageError(message)
    at = clock(now)
    said = unique(says or _APPROVED, "--says")
    found = [Ask.parse(line) for line in _lines_of(source, "dlga_")]
    identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
    mine = [each for each in found if identity.public_key.thumbprint in each.by]
    if not mine:
        raise Failure(
            Status.REFUSED,
            f"none of these asks is for {identity.name}",
            label="refused",
            reason=Reason.DISCHARGE_UNEXPECTED,
        )
    made: list[Discharge] = []
    tell = out.note if yes else out.prompt
    for each in mine:
        for line in _question(each, said, identity.name, ttl):
            tell(line)
        if not yes and not _confirmed(out, each):
            raise Failure(Status.REFUSED, "not confirmed", label="refused")
        try:
            made.append(identity.discharge(each, says=said, ttl=ttl, now=at))
        except DelegateError as error:
            raise Failure(Status.USAGE, f"--says: {error.detail}", reason=error.reason) from None
    texts = [each.to_text() for each in made]
    until = min(each.claimed.expires for each in made)
    out.note(f"confirmed by {identity.name}, valid until {when_from(until, at)}")
    deliver(out, {"discharges": texts, "by": identity.name, "says": said}, texts, output)


@click.command(epilog=example("delegate staple worker.token --key alice.key --revocations alice.dlgr --ttl 1h"))
@token_argument
@key_option("A revoker's private key.")
@click.option("--ttl", type=duration, default="1h", metavar="DURATION", help="How long it is valid. Default: 1h.")
@click.option("--yes", is_flag=True, help="Sign even if no list of this key was checked, or it is old.")
@output_option
@revocation_options
@passphrase_options
@now_option
@json_option
def staple(
    token: str | None,
    key_file: str | None,
    ttl: int,
    yes: bool,  # noqa: FBT001
    output: str | None,
    list_files: tuple[str, ...],
    revoker_files: tuple[str, ...],
    max_age_s: int | None,
    state_url: str | None,
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Certify that nothing in a chain has been revoked as of now.

    The holder presents it to a service that has no fresh list. The chain is first looked up in --revocations or
    --state, which must hold the newest list of this key and of each --revoker.
    """
    out = Output("staple", as_json=as_json)
    check_stdin(token, list_files)
    at = clock(now)
    given = read_token(token, out)
    identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
    with open_backing(list_files, revoker_files, max_age_s, state_url, now=at) as backing:
        if backing.revocations is None and not yes:
            message = "say where to look it up: --revocations FILE or --state URL; or sign unchecked with --yes"
            raise click.UsageError(message)
        records: Sequence[Record] = ()
        if backing.revocations is not None:
            if not yes:
                _check_own(backing.revocations.feeds(), (identity.principal, *backing.revokers), max_age_s, at)
            records = backing.revocations.look_up(_subjects(given), now=at)
    if records:
        why = f": {escaped(records[0].why)}" if records[0].why else ""
        line = f"the {'key' if records[0].is_key else 'block'} {records[0].subject[:8].hex()}… was revoked{why}"
        raise Failure(Status.REFUSED, line, reason=Reason.REVOKED)
    made = identity.staple(Token(given.blocks), ttl=ttl, now=at).to_text()
    out.note(f"{identity.name}: nothing in it is revoked as of now, down to {given.link.block.holder}")
    deliver(out, {"discharges": [made], "by": identity.name}, [made], output)


def _check_own(feeds: Iterable[Feed], revokers: Iterable[Principal], max_age_s: int | None, at: int) -> None:
    """Refuse to vouch by data that lacks a revoker's own word, or has it from too long ago; raises Failure."""
    found = {feed.signer: feed for feed in feeds}
    for each in revokers:
        feed = found.get(each.public_key.thumbprint)
        if feed is None:
            words = f"no list by {each.name} was checked"
        elif feed.expires <= at:
            words = f"the list by {each.name} expired {span(at - feed.expires)} ago"
        elif max_age_s is not None and at - feed.issued > max_age_s:
            words = f"the list by {each.name} is {span(at - feed.issued)} old"
        else:
            continue
        raise Failure(Status.FILES, f"{words}; sign a newer one first, or use --yes", reason=Reason.REVOCATION_STALE)


def read_discharges(files: Iterable[str]) -> list[Discharge]:
    """Read what `approve` and `staple` printed: any number of discharges, one a line; raises TokenError, Failure."""
    return [Discharge.parse(line) for path in files for line in _lines_of(path, "dlgd_")]


def _lines_of(source: str, prefix: str) -> list[str]:
    """Give the lines of an argument that is itself what is wanted, of a file, or of stdin."""
    if source.lstrip().startswith(prefix):
        return source.split()
    if source == "-":
        content = sys.stdin.buffer.read(_FILE_BYTES)
    else:
        content = read_file(source, _FILE_BYTES, hint=f" (text begins with {prefix})")
    lines = content.decode("latin-1").split()
    if not lines:
        raise Failure(Status.NOT_GENUINE, f"the input is empty; it should begin with {prefix}", reason=Reason.TRUNCATED)
    kind = what_it_is(content)
    words = odd_encoding(content) or (f"this is {kind}" if kind and not lines[0].startswith(prefix) else "")
    if words:
        raise Failure(Status.NOT_GENUINE, f"{words}; it should begin with {prefix}", reason=Reason.MALFORMED)
    return lines


def _confirmed(out: Output, wanted: Ask) -> bool:
    """Ask whoever is there; raises Failure where nobody is.

    Not by `click.confirm`: before click 8.3 it writes a blank on stdout, in front of the discharge.
    """
    while True:
        out.ask(f"Confirm {_in_short(wanted)}? [y/N]: ")
        line = sys.stdin.buffer.readline(_ANSWER_BYTES)
        if not line:
            out.prompt("")
            raise Failure(Status.REFUSED, "not confirmed; a script can use --yes")
        answer = line.strip().lower()
        if answer in {b"y", b"yes"}:
            return True
        if answer in {b"", b"n", b"no"}:
            return False
        out.prompt("please answer y or n")


def _in_short(wanted: Ask) -> str:
    """Say again what is confirmed: what was said of it above may have scrolled away."""
    if wanted.request is None:
        return f"every request below block {wanted.block_id[:8].hex()}…"
    on = "" if wanted.request.resource is None else f" on {spaced(shown(wanted.request.resource))}"
    return f"{shown(wanted.request.action)}{on} with {counted(len(wanted.request.args), 'argument')}"


def _question(wanted: Ask, says: dict[str, object], name: str, ttl_s: int) -> list[str]:
    """Write all that is asked, for whoever is to confirm it."""
    lines = [f"{name} is asked for one of {counted(wanted.of, 'confirmation')} that the holder still needs:"]
    if wanted.request is None:
        lines += titled("  Binds", ["this need of this block, and every request below it until it expires:"])
        lines += titled("    any of", [line for text in wanted.permits for line in _wrapped(text)])
        lines += titled("", ["as its holder claims; whatever else the chain permits is bound too"])
    else:
        lines += titled("  Binds", ["this one request, under this one chain, once:"])
        lines += titled("    action", wrapped(escaped(wanted.request.action), WIDTH - _ARGUMENT_COLUMN))
        if wanted.request.resource is not None:
            lines += titled("    on", wrapped(spaced(escaped(wanted.request.resource)), WIDTH - _ARGUMENT_COLUMN))
        for key, value in wanted.request.values.items():
            lines += titled(
                "    with", wrapped(spaced(f"{_notation(key)}: {_notation(value)}"), WIDTH - _ARGUMENT_COLUMN)
            )
    lines += titled("    block", [f"{wanted.block_id[:8].hex()}…, need {wanted.place + 1} of that block"])
    lines += titled("  Claims", ["who asks, on whose behalf and why: only claimed, and not checked"])
    lines += titled("    holder", [f"{wanted.holder}, key {wanted.holder_key[:8].hex()}…"])
    lines += titled("    for", [wanted.originator])
    if wanted.why:
        lines += titled("    why", wrapped(spaced(f'"{escaped(wanted.why)}"'), WIDTH - _ARGUMENT_COLUMN))
    lines += titled("  Wants", wrapped(spaced(escaped(str(wanted.condition))), WIDTH - _ARGUMENT_COLUMN))
    if wanted.max_age_s is not None:
        lines += titled("", [f"and no older than {span(wanted.max_age_s)}"])
    text = escaped(json.dumps(says, ensure_ascii=False))
    lines += titled("  You say", [*wrapped(text, WIDTH - _ARGUMENT_COLUMN), f"valid for {span(ttl_s)}"])
    return lines


def _notation(value: object) -> str:
    """Write a value as JSON, and bytes as no JSON is: an object may look like anything else."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_notation(key)}: {_notation(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_notation, value))}]"
    return f"h'{value.hex()}'" if isinstance(value, bytes) else escaped(json.dumps(value, ensure_ascii=False))


def _wrapped(text: str) -> list[str]:
    return wrapped(spaced(escaped(text)), WIDTH - _ARGUMENT_COLUMN)


def _ask_json(wanted: Ask) -> dict[str, object]:
    return {
        "block_id": wanted.block_id.hex(),
        "place": wanted.place,
        "by": [each.hex() for each in wanted.by],
        "of": wanted.of,
        "condition": str(wanted.condition),
        "request": None if wanted.request is None else wanted.request.to_json(),
        "permits": list(wanted.permits),
        "max_age": wanted.max_age_s,
    }


def _subjects(given: AnyToken) -> list[bytes]:
    """List all that could have been revoked: every block, and every key, the root's first."""
    links: list[Link] = given.link.up()
    root = cose.open_signed(given.blocks[0]).kid
    return list(dict.fromkeys([*(each.id for each in links), root, *(each.block.key.thumbprint for each in links)]))
