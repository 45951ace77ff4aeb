"""`delegate key`: making and showing keys."""

from __future__ import annotations

import re
from pathlib import Path

import click

from delegate.authoring.identity import Identity
from delegate.cli.options import FILE, example, json_option, passphrase_options
from delegate.cli.output import Failure, Output, file_failure, shown_path
from delegate.cli.sources import passphrase_of, read_identity, read_principal
from delegate.cli.status import Status
from delegate.core.chain.printable import shown

_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")


@click.group(no_args_is_help=False)
def key() -> None:
    """Make and show keys: new, public, show."""


@key.command(epilog=example("delegate key new agent:planner"))
@click.argument("name")
@click.option("-o", "--output", "stem", type=FILE, metavar="STEM", help="Write STEM.key and STEM.pub.")
@passphrase_options
@json_option
def new(name: str, stem: str | None, prompt: bool, passphrase_file: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Make a key for NAME, such as agent:planner.

    Writes a private key file (mode 0600) and a public one. Existing files are never overwritten.
    """
    out = Output("key new", as_json=as_json)
    try:
        identity = Identity.generate(name)
    except ValueError as error:
        message = f"`{shown(name)}`: {error}"
        raise click.UsageError(message) from None
    base = _stem(name) if stem is None else stem
    private, public = Path(f"{base}.key"), Path(f"{base}.pub")
    words = passphrase_of(prompt=prompt, path=passphrase_file, confirm=True)
    for path in (private, public):
        if path.is_symlink() or path.exists():
            raise Failure(
                Status.FILES, f"{shown_path(path)} exists and is never overwritten; choose another name with -o"
            )
    _save(identity, private, public, words)
    out.note(f"{name}: keep {shown_path(private)} secret; {shown_path(public)} is for everybody")
    out.result(
        {
            "name": name,
            "private_file": str(private),
            "public_file": str(public),
            "public": identity.principal.to_text(),
            "thumbprint": identity.public_key.thumbprint.hex(),
        },
        (),
    )


@key.command(epilog=example("delegate key public planner.key"))
@click.argument("file", type=FILE)
@passphrase_options
@json_option
def public(file: str, prompt: bool, passphrase_file: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Print the public key that belongs to a private key FILE."""
    out = Output("key public", as_json=as_json)
    principal = read_identity(file, out, prompt=prompt, passphrase_file=passphrase_file).principal
    out.result({"name": principal.name, "public": principal.to_text()}, [principal.to_text()])


@key.command(epilog=example("delegate key show planner.pub"))
@click.argument("file", type=FILE)
@json_option
def show(file: str, as_json: bool) -> None:  # noqa: FBT001
    """Show a public key FILE: whose it is, and its thumbprint."""
    out = Output("key show", as_json=as_json)
    principal = read_principal(file)
    found = principal.public_key
    data = {
        "name": principal.name,
        "algorithm": found.algorithm.label,
        "thumbprint": found.thumbprint.hex(),
        "kid": found.kid.hex(),
        "public": principal.to_text(),
    }
    shown_fields = ("name", "algorithm", "thumbprint", "kid")
    out.result(data, [f"{field:<11} {data[field]}" for field in shown_fields])


def _stem(name: str) -> str:
    """Name the files after a principal: `agent:planner` → planner, `user:alice@example.com` → alice."""
    last = re.split(r"[:/]", name.rstrip("/"))[-1].split("@")[0]
    stem = _UNFIT.sub("-", last).strip("-")
    if not stem:
        message = "no file name can be made of this name; choose one with -o"
        raise click.UsageError(message)
    return stem


def _save(identity: Identity, private: Path, public: Path, passphrase: str | None) -> None:
    try:
        identity.save(private, passphrase)
    except OSError as error:
        raise file_failure(private, error) from None
    except ValueError as error:  # a passphrase of more than 1023 bytes
        raise Failure(Status.FILES, f"{shown_path(private)}: {error}") from None
    try:
        identity.principal.save(public)
    except OSError as error:
        private.unlink(missing_ok=True)  # ours, made above: half a pair would stand in the way of the next try
        raise file_failure(public, error) from None
