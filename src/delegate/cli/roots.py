"""`delegate roots`: signing and showing root bundles: whom verifiers trust that follow one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import nullcontext

import click

from delegate.authoring.root_bundle import retired, trusted
from delegate.cli.contents import mistaken
from delegate.cli.files import replace_file
from delegate.cli.options import (
    FILE,
    clock,
    duration,
    example,
    json_option,
    key_option,
    moment,
    now_option,
    passphrase_options,
)
from delegate.cli.output import Failure, Output, shown_path
from delegate.cli.revocation_files import locked
from delegate.cli.sources import read_anywhere, read_identity, read_principal
from delegate.cli.status import Status
from delegate.core.chain.printable import counted, shown
from delegate.core.keys.principal import Principal
from delegate.errors import DelegateError
from delegate.limits import TIME_MAX
from delegate.trust.bundle import BUNDLE_BYTES, ROLES, RootBundle, TrustedKey
from delegate.views.moments import moment as written
from delegate.views.moments import when_from

_COLUMN = 12


@click.group(no_args_is_help=False)
def roots() -> None:
    """Say whom verifiers trust, in a signed bundle: sign, show."""


@roots.command(
    epilog=example(
        "delegate roots sign --key ops.key --bundle roots.dlgk --root alice.pub --revoker security.pub",
        "delegate roots sign --key ops.key --bundle roots.dlgk --root alice-2.pub --retire alice.pub --longest 8h",
    )
)
@key_option("Private key that verifiers pin: ops.key.")
@click.option("--bundle", "bundle_file", type=FILE, metavar="FILE", help="File to begin from and to write; or print.")
@click.option("--root", "root_files", type=FILE, multiple=True, metavar="FILE", help="Key that may start chains.")
@click.option("--speaks-for", "speaks_for", multiple=True, metavar="PATTERN", help="For whom these roots may sign.")
@click.option("--tenant", "tenants", multiple=True, metavar="TENANT", help="Tenants for which these roots may sign.")
@click.option(
    "--revoker", "revoker_files", type=FILE, multiple=True, metavar="FILE", help="Key whose revocations count."
)
@click.option(
    "--third-party",
    "third_party_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Key whose confirmations count.",
)
@click.option(
    "--principal", "principal_files", type=FILE, multiple=True, metavar="FILE", help="Key whose name you vouch for."
)
@click.option("--from", "since", type=moment, metavar="TIME", help="When these keys begin to count.")
@click.option("--until", type=moment, metavar="TIME", help="The last moment at which these keys count.")
@click.option(
    "--retire",
    "retire_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Let a key of the bundle end --longest from now: it has signed its last chain.",
)
@click.option("--longest", type=duration, metavar="DURATION", help="The longest life of a chain that a root signs: 8h.")
@click.option(
    "--distrust",
    "distrust_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Drop a key at once, such as a stolen one: its chains are refused.",
)
@click.option(
    "--ttl", type=duration, default="7d", metavar="DURATION", help="How long verifiers may go by it. Default: 7d."
)
@passphrase_options
@now_option
@json_option
def sign(
    key_file: str | None,
    bundle_file: str | None,
    root_files: tuple[str, ...],
    speaks_for: tuple[str, ...],
    tenants: tuple[str, ...],
    revoker_files: tuple[str, ...],
    third_party_files: tuple[str, ...],
    principal_files: tuple[str, ...],
    since: int | None,
    until: int | None,
    retire_files: tuple[str, ...],
    longest: int | None,
    distrust_files: tuple[str, ...],
    ttl: int,
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Sign the next root bundle.

    It is the one in the file, with keys added, retired or dropped.

    Without any change it is signed again, to keep it from expiring.
    """
    out = Output("roots sign", as_json=as_json)
    at = clock(now)
    if retire_files and longest is None:
        message = "--retire needs the longest life of a chain: --longest 8h"
        raise click.UsageError(message)
    named = {
        "root": _principals(root_files),
        "revoker": _principals(revoker_files),
        "third_party": _principals(third_party_files),
        "": _principals(principal_files),
    }
    gone, retiring = _principals(distrust_files), _principals(retire_files)
    identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
    with nullcontext() if bundle_file is None else locked(bundle_file):
        before = None if bundle_file is None or not os.path.lexists(bundle_file) else read_bundle_file(bundle_file)
        if before is not None and before.public_key != identity.public_key:
            message = f"{shown_path(str(bundle_file))} is signed by another key, {shown(before.issuer)}"
            raise Failure(Status.UNTRUSTED, message, label="missing key")
        try:
            keys = _with(() if before is None else before.keys, named, speaks_for, tenants, since, until)
            for each in retiring:
                keys = retired(keys, each, min(at + (longest or 0), TIME_MAX))
            dropped = {each.public_key.thumbprint for each in gone}
            keys = tuple(each for each in keys if each.thumbprint not in dropped)
            made = identity.sign_roots(keys, previous=before, longest=longest, distrust=gone, ttl=ttl, now=at)
        except ValueError as error:
            raise click.UsageError(shown(str(error), 300)) from None
        if bundle_file is not None:
            replace_file(bundle_file, made.to_text().encode("ascii") + b"\n", 0o644, is_exact=True)
    where = f"{shown(bundle_file)}, " if bundle_file is not None else ""
    out.note(
        f"root bundle: {where}number {made.sequence}, {counted(len(made.keys), 'key')}; "
        f"sign it again before {when_from(made.expires, at)}"
    )
    out.result({**_json(made), "bundle": made.to_text()}, [made.to_text()] if bundle_file is None else ())


@roots.command(epilog=example("delegate roots show roots.dlgk --pinned ops.pub"))
@click.argument("file", type=FILE)
@click.option(
    "--pinned", "pinned_file", type=FILE, metavar="FILE", help="Public key that must have signed it: ops.pub."
)
@now_option
@json_option
def show(file: str, pinned_file: str | None, now: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Show a bundle: who signed it, and what each key counts for.

    FILE may be a URL.
    """
    out = Output("roots show", as_json=as_json)
    at = clock(now)
    pinned = None if pinned_file is None else read_principal(pinned_file)
    found = read_bundle_file(file)
    data = {**_json(found), "signer_checked": pinned is not None}
    if pinned is not None and pinned.public_key != found.public_key:
        raise Failure(Status.UNTRUSTED, f"not signed by the key of {pinned.name}", data=data)
    rows = {
        "issuer": f"{shown(found.issuer)}{'' if pinned is not None else ', as it calls itself'}",
        "key": found.signer.hex(),
        "number": str(found.sequence),
        "made": when_from(found.issued, at),
        "until": when_from(found.expires, at),
    }
    lines = [f"{word:<{_COLUMN}}{text}" for word, text in rows.items()]
    for each in found.keys:
        lines += ["", *_key_lines(each)]
    if pinned is None:
        out.note("who signed it was not checked; use --pinned")
    out.result(data, lines)


def read_bundle_file(path: str) -> RootBundle:
    """Read a bundle from a file or a URL, whoever signed it; raises Failure."""
    content = read_anywhere(path, BUNDLE_BYTES * 2)
    try:
        return RootBundle.parse_unpinned(content)
    except DelegateError as error:
        raise Failure(
            Status.NOT_GENUINE,
            f"{shown_path(path)}: {mistaken(content, 'a root bundle') or error.detail} [{error.reason}]",
            label="not a root bundle",
            reason=error.reason,
            detail=error.detail,
        ) from None


def _principals(files: Iterable[str]) -> tuple[Principal, ...]:
    return tuple(map(read_principal, files))


def _with(
    before: tuple[TrustedKey, ...],
    named: dict[str, tuple[Principal, ...]],
    speaks_for: tuple[str, ...],
    tenants: tuple[str, ...],
    since: int | None,
    until: int | None,
) -> tuple[TrustedKey, ...]:
    """Put keys to those of a bundle; one that is there already is said anew."""
    found = {each.thumbprint: each for each in before}
    if (speaks_for or tenants) and not named["root"]:
        message = "speaks-for and tenant go with --root"
        raise ValueError(message)
    for principal in dict.fromkeys(each for several in named.values() for each in several):
        is_root = principal in named["root"]
        found[principal.public_key.thumbprint] = trusted(
            principal,
            root=is_root,
            revoker=principal in named["revoker"],
            third_party=principal in named["third_party"],
            speaks_for=speaks_for if is_root and speaks_for else None,
            tenants=tenants if is_root and tenants else None,
            since=since,
            until=until,
        )
    return tuple(found.values())


def _key_lines(key: TrustedKey) -> list[str]:
    rows = {
        "name": shown(key.principal.name),
        "key": key.thumbprint.hex(),
        "counts as": ", ".join(ROLES[role] for role in key.roles) or "a name",
        "speaks for": ", ".join(map(shown, key.speaks_for)),
        "tenants": ", ".join(key.tenants),
        "from": written(key.since) if key.since else "",
        "until": written(key.until) if key.until != TIME_MAX else "",
    }
    return [f"{word:<{_COLUMN}}{text}" for word, text in rows.items() if text]


def _json(found: RootBundle) -> dict[str, object]:
    return {
        "issuer": found.issuer,
        "signer": found.signer.hex(),
        "sequence": found.sequence,
        "issued": found.issued,
        "expires": found.expires,
        "keys": [
            {
                "name": each.principal.name,
                "public": each.principal.to_text(),
                "roles": [ROLES[role] for role in each.roles],
                "speaks_for": list(each.speaks_for),
                "tenants": list(each.tenants),
                "from": each.since or None,
                "until": None if each.until == TIME_MAX else each.until,
            }
            for each in found.keys
        ],
    }
