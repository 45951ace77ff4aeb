"""`delegate principal`: who is who, who answers for whom, and whose a key is or ever was.

The rules of this file:

- What a directory does not take is refused, status 1, and nothing of it was done.
- Nothing is deleted: who may not act any more is disabled.
- A principal is a public key file, or a name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import click

from delegate.cli.directories import directory_option, opened_directory, tenant_option
from delegate.cli.options import FILE, clock, combined, duration, example, json_option, now_option
from delegate.cli.output import Failure, Output
from delegate.cli.principal_files import export, import_
from delegate.cli.sources import read_principal
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.core.keys.names import is_name
from delegate.core.keys.principal import Principal
from delegate.views.layout import WIDTH, escaped, hung, wrapped
from delegate.views.moments import when_from

if TYPE_CHECKING:
    from delegate.directory.directory import Directory
    from delegate.directory.entries import Entry, Key

R = TypeVar("R")
LOG_VARIABLE: Final = "DELEGATE_LOG"
_COLUMN: Final = 26
_TITLE: Final = 12
_DIGITS: Final = 8

_facts_options = combined(
    click.option("--sponsor", metavar="NAME", help="Person who answers for its purpose: user:alice@example.com."),
    click.option("--owner", metavar="NAME", help="Who runs it: svc:platform, user:bob@example.com."),
    click.option("--code", metavar="DIGEST", help="Digest of what it runs: sha256:…"),
    click.option("--model", metavar="TEXT", help="Model that it runs on."),
    click.option("--version", "version", metavar="TEXT", help="Version of it."),
    click.option("--note", metavar="TEXT", help="Note for people."),
)
_why_option = click.option("--why", default="", metavar="TEXT", help="Reason, for its history.")
_common_options = combined(directory_option, tenant_option, now_option, json_option)
_name_argument = click.argument("name")


@click.group(no_args_is_help=False)
def principal() -> None:
    """Keep the directory of principals: who is who, and who answers for whom."""


@principal.command(
    epilog=example("delegate principal add planner.pub --sponsor user:alice@example.com --owner svc:platform")
)
@click.argument("who", metavar="PRINCIPAL")
@click.option("--key", "key_file", type=FILE, metavar="FILE", help="Public key of a principal given by its name.")
@_facts_options
@_why_option
@_common_options
def add(
    who: str,
    key_file: str | None,
    sponsor: str | None,
    owner: str | None,
    code: str | None,
    model: str | None,
    version: str | None,
    note: str | None,
    why: str,
    directory_url: str | None,
    tenant: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Add a principal.

    PRINCIPAL is a public key file, planner.pub, or the name of a person who signs nothing. A name that was ever one
    key's is never another party's, and one key is never two principals'.
    """
    out = Output("principal add", as_json=as_json)
    party = _with_key(who, key_file)
    with _refusals(), opened_directory(directory_url, tenant, now=now, makes=out) as directory:
        entry = directory.add(
            party, sponsor=sponsor, owner=owner, code=code, model=model, version=version, note=note, why=why
        )
    _done(out, entry, "added")


@principal.command(
    name="list", epilog=example("delegate principal list --orphaned", "delegate principal list --unrotated 90d")
)
@click.option("--orphaned", is_flag=True, help="Only those that nobody answers for: no sponsor, or a disabled one.")
@click.option(
    "--unrotated", "unrotated_s", type=duration, metavar="DURATION", help="Only those whose key is that old: 90d."
)
@click.option(
    "--unused",
    "unused_s",
    type=duration,
    metavar="DURATION",
    help="Only those that --log has not seen act for that long, or cannot tell: 30d.",
)
@click.option(
    "--log", "log_url", envvar=LOG_VARIABLE, metavar="URL", help="The log, for --unused. Default: DELEGATE_LOG."
)
@click.option("--kind", metavar="SCHEME", help="Only names that begin so: agent.")
@click.option("--sponsor", metavar="NAME", help="Only those that this person answers for.")
@click.option("--owner", metavar="NAME", help="Only those that this party runs.")
@click.option("--disabled", "disabled_only", is_flag=True, help="Only those that were disabled.")
@_common_options
def list_(
    orphaned: bool,  # noqa: FBT001
    unrotated_s: int | None,
    unused_s: int | None,
    log_url: str | None,
    kind: str | None,
    sponsor: str | None,
    owner: str | None,
    disabled_only: bool,  # noqa: FBT001
    directory_url: str | None,
    tenant: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List principals.

    With several questions, those that all of them are true of. People are not orphaned: they answer for themselves.
    Disabled ones are neither orphaned nor unrotated nor unused.
    """
    out = Output("principal list", as_json=as_json)
    at = clock(now)
    wanted: list[Callable[[Entry], bool]] = []
    if orphaned:
        wanted.append(lambda entry: entry.is_orphaned)
    if unrotated_s is not None:
        wanted.append(lambda entry: entry.is_unrotated(at - unrotated_s))
    if kind is not None:
        wanted.append(lambda entry: entry.kind == kind.removesuffix(":"))
    if sponsor is not None:
        wanted.append(lambda entry: entry.facts.sponsor == sponsor)
    if owner is not None:
        wanted.append(lambda entry: entry.facts.owner == owner)
    if disabled_only:
        wanted.append(lambda entry: entry.disabled is not None)
    if unused_s is not None and not log_url:
        message = f"--unused: say which log knows: --log URL, or set {LOG_VARIABLE}"
        raise click.UsageError(message)
    with _refusals(), opened_directory(directory_url, tenant) as directory:
        found = [entry for entry in directory if all(each(entry) for each in wanted)]
    uses: Mapping[str, str] = {}
    if unused_s is not None:
        from delegate.cli.usage import uses_of

        uses = uses_of(found, log_url or "", tenant, before=at - unused_s)
        found = [entry for entry in found if entry.disabled is None and uses[entry.name] != "used"]
    if not found:
        out.note("no principal is so" if wanted or unused_s is not None else "the directory is empty")
    shown_ = [{**entry.to_json(), "sponsor_is": entry.sponsor_is, **_use(entry, uses)} for entry in found]
    out.result({"principals": shown_}, [line for entry in found for line in _lines(entry, at, uses)])


@principal.command(epilog=example("delegate principal show agent:planner"))
@click.argument("who", metavar="PRINCIPAL")
@_common_options
def show(who: str, directory_url: str | None, tenant: str | None, now: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Show a principal with its keys and history.

    PRINCIPAL is a name, a public key file, or the thumbprint of a key, 64 hex digits, such as a log has.
    """
    out = Output("principal show", as_json=as_json)
    at = clock(now)
    with _refusals(), opened_directory(directory_url, tenant) as directory:
        entry = _find(directory, who)
        history = directory.history(entry.name)
    facts = [f"{name:<{_TITLE}}{value}" for name, value in _facts(entry)]
    lines = [
        f"{'name':<{_TITLE}}{entry.name}",
        *(line for text in facts for line in wrapped(escaped(text), WIDTH)),
        f"{'added':<{_TITLE}}{when_from(entry.added, at)}",
        *([f"{'disabled':<{_TITLE}}{when_from(entry.disabled, at)}"] if entry.disabled is not None else []),
        *(line for key in entry.keys for line in hung("key", _key_lines(key, at), _TITLE)),
        *(
            line
            for event in history
            for line in hung(
                event.what, wrapped(f"{when_from(event.at, at)}  {escaped(event.detail)}", WIDTH - _TITLE), _TITLE
            )
        ),
    ]
    out.result({**entry.to_json(history), "sponsor_is": entry.sponsor_is}, lines)


@principal.command(epilog=example("delegate principal disable agent:planner --why 'laptop stolen'"))
@_name_argument
@_why_option
@_common_options
def disable(
    name: str,
    why: str,
    directory_url: str | None,
    tenant: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Let the principal NAME act no longer.

    From now on its name is not confirmed, and verifiers that require known keys refuse it. Nothing of it is deleted.
    """
    out = Output("principal disable", as_json=as_json)
    with _refusals(), opened_directory(directory_url, tenant, now=now) as directory:
        entry = directory.disable(_name(name), why=why)
    _done(out, entry, "disabled")


@principal.command(epilog=example("delegate principal enable agent:planner"))
@_name_argument
@_why_option
@_common_options
def enable(
    name: str,
    why: str,
    directory_url: str | None,
    tenant: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Let the disabled principal NAME act again."""
    out = Output("principal enable", as_json=as_json)
    with _refusals(), opened_directory(directory_url, tenant, now=now) as directory:
        entry = directory.enable(_name(name), why=why)
    _done(out, entry, "enabled")


@principal.command(epilog=example("delegate principal rotate planner-2.pub --overlap 8h --why 'every 90 days'"))
@click.argument("who", metavar="[NAME] FILE")
@click.argument("file", required=False, metavar="")
@click.option("--key", "key_file", type=FILE, metavar="FILE", help="The new public key, where NAME is given alone.")
@click.option(
    "--overlap", "overlap_s", type=duration, metavar="DURATION", help="How much longer the old key stands for it: 8h."
)
@_why_option
@_common_options
def rotate(
    who: str,
    file: str | None,
    key_file: str | None,
    overlap_s: int | None,
    why: str,
    directory_url: str | None,
    tenant: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Give a principal a new key.

    FILE has its name and the new public key. The key that it had stands for it no longer, and leads to it for ever.
    """
    out = Output("principal rotate", as_json=as_json)
    if file is not None and key_file is not None:
        message = "give the new key once: FILE or --key"
        raise click.UsageError(message)
    party = _with_key(who, file if file is not None else key_file)
    if isinstance(party, str):
        message = f"say which key is new: delegate principal rotate {shown(party)} FILE"
        raise click.UsageError(message)
    with _refusals(), opened_directory(directory_url, tenant, now=now) as directory:
        entry = directory.rotate(party, overlap=overlap_s, why=why)
    _done(out, entry, "rotated")


@principal.command(epilog=example("delegate principal assign agent:planner --sponsor user:bob@example.com"))
@_name_argument
@_facts_options
@_why_option
@_common_options
def assign(
    name: str,
    sponsor: str | None,
    owner: str | None,
    code: str | None,
    model: str | None,
    version: str | None,
    note: str | None,
    why: str,
    directory_url: str | None,
    tenant: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Change who answers for NAME, or what it runs.

    What is not given stays as it is.
    """
    out = Output("principal assign", as_json=as_json)
    if all(each is None for each in (sponsor, owner, code, model, version, note)):
        message = "say what to change: --sponsor, --owner, --code, --model, --version or --note"
        raise click.UsageError(message)
    with _refusals(), opened_directory(directory_url, tenant, now=now) as directory:
        entry = directory.assign(
            _name(name), sponsor=sponsor, owner=owner, code=code, model=model, version=version, note=note, why=why
        )
    _done(out, entry, "assigned")


principal.add_command(import_)
principal.add_command(export)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what a directory does not take into a refusal."""
    from delegate.directory.entries import DirectoryError

    try:
        yield
    except DirectoryError as error:
        raise Failure(Status.REFUSED, error.detail, reason=error.reason) from None


def _with_key(who: str, key_file: str | None) -> Principal | str:
    """Read whom a command is about: a name alone, or a name with a key; raises Failure."""
    if not _is_name(who):
        if key_file is not None:
            message = f"`{shown(who)}` is no name; give a name and a key file, or a key file alone"
            raise click.UsageError(message)
        return read_principal(who)
    if key_file is None:
        return who
    party = read_principal(key_file)
    if party.name != who:
        raise Failure(Status.REFUSED, f"{shown(key_file)} is the key of {party.name}, not of {who}")
    return party


def _is_name(text: str) -> bool:
    return is_name(text) and not os.path.lexists(text)


def _name(text: str) -> str:
    """Take a name, or a public key file for the name in it."""
    return text if _is_name(text) else read_principal(text).name


def _find(directory: Directory, who: str) -> Entry:
    """Find a principal by name, by a key that ever was its own, or by that key's thumbprint; raises Failure."""
    entry: Entry | None
    if _is_name(who):
        entry = directory.get(who)
    elif len(who) == 64 and all(each in "0123456789abcdefABCDEF" for each in who):
        entry = directory.of_key(bytes.fromhex(who))
    else:
        entry = directory.of_key(read_principal(who).public_key)
    if entry is None:
        raise Failure(Status.REFUSED, f"there is no `{shown(who)}` in the directory")
    return entry


def _done(out: Output, entry: Entry, word: str) -> None:
    out.note(f"{word}: {entry.name}")
    out.result({**entry.to_json(), "sponsor_is": entry.sponsor_is}, ())


def _facts(entry: Entry) -> list[tuple[str, str]]:
    """Give what is said of a principal; of a sponsor that cannot answer, also why."""
    said = entry.facts.said()
    if entry.sponsor_is in {"disabled", "unregistered"}:
        words = "disabled" if entry.sponsor_is == "disabled" else "not in the directory"
        said["sponsor"] += f" ({words})"
    return list(said.items())


def _lines(entry: Entry, at: int, uses: Mapping[str, str]) -> list[str]:
    """Write one principal: its name, who answers for it, and how it stands."""
    standing = [] if entry.disabled is None else [f"disabled {when_from(entry.disabled, at)}"]
    if entry.name in uses:
        standing.append("not used" if uses[entry.name] == "unused" else "not known whether it is used")
    key = entry.key
    texts = [
        *standing,
        *(f"{name} {value}" for name, value in _facts(entry) if name != "note"),
        *([] if entry.kind == "user" or entry.facts.sponsor else ["no sponsor"]),
        "no key"
        if key is None
        else f"key {key.public_key.thumbprint.hex()[:_DIGITS]}… since {when_from(key.since, at)}",
    ]
    body = [line for text in texts for line in wrapped(escaped(text), WIDTH - _COLUMN)]
    return hung(entry.name, body, _COLUMN)


def _use(entry: Entry, uses: Mapping[str, str]) -> dict[str, str]:
    return {"use": uses[entry.name]} if entry.name in uses else {}


def _key_lines(key: Key, at: int) -> list[str]:
    end = "" if key.until is None else f", until {when_from(key.until, at)}"
    return [key.public_key.thumbprint.hex(), f"since {when_from(key.since, at)}{end}"]
