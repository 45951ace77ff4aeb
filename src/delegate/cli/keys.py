"""`delegate key`: making and showing keys, here and where they stay."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from delegate.authoring.identity import Identity
from delegate.authoring.key_files import PRIVATE_MODE, private_text
from delegate.authoring.signers import Ed25519Signer, Esp256Signer
from delegate.cli.files import replace_file
from delegate.cli.options import FILE, combined, example, json_option, passphrase_options
from delegate.cli.output import Failure, Output, file_failure, shown_path
from delegate.cli.sources import passphrase_of, read_file, read_identity, read_principal
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.core.keys.names import check_name, is_name
from delegate.core.keys.textfile import FILE_BYTES

_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")


@click.group(no_args_is_help=False)
def key() -> None:
    """Make and show keys: new, public, show, passwd, rotate."""


_agent_options = combined(
    click.option("--agent", is_flag=True, help="Make the key in the ssh-agent, which keeps it until it ends."),
    click.option(
        "--agent-key",
        metavar="KEY",
        help="Take a key that the ssh-agent has: by its comment, or as ssh-keygen -l shows it, SHA256:…",
    ),
    click.option(
        "--pkcs11",
        "uri",
        metavar="URI",
        help="Make the key in a token: 'pkcs11:token=office?module-path=/usr/lib/…'. With object=… take that one.",
    ),
    click.option("--esp256", is_flag=True, help="With --pkcs11: make a P-256 key, not an Ed25519 one."),
)


@key.command(epilog=example("delegate key new agent:planner"))
@click.argument("name")
@click.option("-o", "--output", "stem", type=FILE, metavar="STEM", help="Write STEM.key and STEM.pub.")
@_agent_options
@passphrase_options
@json_option
def new(
    name: str,
    stem: str | None,
    agent: bool,  # noqa: FBT001
    agent_key: str | None,
    uri: str | None,
    esp256: bool,  # noqa: FBT001
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Make a key for NAME, such as agent:planner.

    Writes a private key file (mode 0600) and a public one. Existing files are never overwritten. Where the key is in
    an ssh-agent or a token, the private file only says where.
    """
    out = Output("key new", as_json=as_json)
    if sum((agent, agent_key is not None, uri is not None)) > 1:
        message = "say one place for the key: --agent, --agent-key or --pkcs11"
        raise click.UsageError(message)
    if esp256 and uri is None:
        message = "--esp256 goes with --pkcs11"
        raise click.UsageError(message)
    try:
        check_name(name)
    except ValueError as error:
        message = f"`{shown(name)}`: {error}"
        raise click.UsageError(message) from None
    private, public = _fresh_files(_stem(name) if stem is None else stem)
    if agent or agent_key is not None or uri is not None:
        from delegate.cli.keys_elsewhere import in_agent, in_token

        if uri is not None:
            identity, place = in_token(name, uri, esp256=esp256, prompt=prompt, passphrase_file=passphrase_file)
        else:
            identity, place = in_agent(name, agent_key)
        _save_reference(identity, private, public, place)
        out.note(f"{name}: {shown_path(private)} says where the key is; {shown_path(public)} is for everybody")
    else:
        identity = Identity.generate(name)
        words = passphrase_of(prompt=prompt, path=passphrase_file, confirm=True)
        _save(identity, private, public, words)
        out.note(f"{name}: keep {shown_path(private)} secret; {shown_path(public)} is for everybody")
    _made(out, identity, private, public)


@key.command(epilog=example("delegate key passwd alice.key"))
@click.argument("file", type=FILE)
@passphrase_options
@click.option("--new-passphrase-file", type=FILE, metavar="FILE", help="Read the new passphrase from its first line.")
@click.option("--remove", is_flag=True, help="Leave the key without a passphrase.")
@json_option
def passwd(
    file: str,
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    new_passphrase_file: str | None,
    remove: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Give the private key FILE another passphrase, or none.

    The key stays the same. A file of OpenSSH becomes one of ours, which ssh does not read: copy it first.
    """
    out = Output("key passwd", as_json=as_json)
    if remove and new_passphrase_file is not None:
        message = "give either --new-passphrase-file or --remove, not both"
        raise click.UsageError(message)
    identity = read_identity(file, out, prompt=prompt, passphrase_file=passphrase_file)
    signer = identity.signer
    if not isinstance(signer, Ed25519Signer | Esp256Signer):
        message = f"{shown_path(file)}: the key is elsewhere, and so is what protects it"
        raise Failure(Status.FILES, message)
    words = None
    if not remove:
        words = passphrase_of(prompt=new_passphrase_file is None, path=new_passphrase_file, confirm=True, what="New ")
    try:
        content = private_text(identity.name, signer, words)
    except ValueError as error:
        raise Failure(Status.FILES, f"{shown_path(file)}: {error}") from None
    replace_file(file, content, PRIVATE_MODE, is_exact=True)
    out.note(f"{shown_path(file)}: {'no passphrase' if words is None else 'another passphrase'}, the same key")
    out.result({"private_file": file, "encrypted": words is not None, "name": identity.name}, ())


@key.command(epilog=example("delegate key rotate alice.key"))
@click.argument("file", type=FILE)
@click.option("-o", "--output", "stem", type=FILE, metavar="STEM", help="Write STEM.key and STEM.pub.")
@passphrase_options
@json_option
def rotate(file: str, stem: str | None, prompt: bool, passphrase_file: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Make a new key for the principal of a key FILE, private or public.

    The old files stay. The old key goes on to count wherever it is trusted: let it end there, with
    delegate roots sign --retire, once the chains that it signed are over; if it was stolen, revoke it.
    """
    out = Output("key rotate", as_json=as_json)
    name = _name_in(file)
    private, public = _fresh_files(_next_stem(file) if stem is None else stem)
    identity = Identity.generate(name)
    words = passphrase_of(prompt=prompt, path=passphrase_file, confirm=True)
    _save(identity, private, public, words)
    out.note(f"{name}: keep {shown_path(private)} secret; {shown_path(public)} is for everybody")
    out.note("the old key still counts wherever it is trusted: end it with roots sign --retire, or revoke it if stolen")
    _made(out, identity, private, public)


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


def _made(out: Output, identity: Identity, private: Path, public: Path) -> None:
    out.result(
        {
            "name": identity.name,
            "private_file": str(private),
            "public_file": str(public),
            "public": identity.principal.to_text(),
            "thumbprint": identity.public_key.thumbprint.hex(),
        },
        (),
    )


def _fresh_files(base: str) -> tuple[Path, Path]:
    """Name the two files of a new key; raises Failure where one is there."""
    private, public = Path(f"{base}.key"), Path(f"{base}.pub")
    for path in (private, public):
        if path.is_symlink() or path.exists():
            raise Failure(
                Status.FILES, f"{shown_path(path)} exists and is never overwritten; choose another name with -o"
            )
    return private, public


def _name_in(file: str) -> str:
    """Read whose key a file has, private or public; its passphrase is not needed for that."""
    content = read_file(file, FILE_BYTES)
    first = content.partition(b"\n")[0].removesuffix(b"\r")
    if first.startswith(b"principal: "):
        name = first.removeprefix(b"principal: ").decode("ascii", "replace")
        if is_name(name):
            return name
    return read_principal(file).name


def _next_stem(file: str) -> str:
    """Name the next key after a file: alice.key → alice-2, alice-2.key → alice-3; the first that is free."""
    path = Path(file)
    stem = path.stem if path.suffix in {".key", ".pub"} else path.name
    found = re.fullmatch(r"(.*)-([1-9][0-9]{0,3})", stem)
    base, number = (found[1], int(found[2])) if found else (stem, 1)
    while True:
        number += 1
        here = path.with_name(f"{base}-{number}")
        if not any(os.path.lexists(f"{here}{suffix}") for suffix in (".key", ".pub")):
            return str(here)


def _stem(name: str) -> str:
    """Name the files after a principal: `agent:planner` → planner, `user:alice@example.com` → alice."""
    last = re.split(r"[:/]", name.rstrip("/"))[-1].split("@")[0]
    stem = _UNFIT.sub("-", last).strip("-")
    if not stem:
        message = "no file name can be made of this name; choose one with -o"
        raise click.UsageError(message)
    return stem


def _save_reference(identity: Identity, private: Path, public: Path, place: str) -> None:
    from delegate.authoring.key_sources import write_reference

    try:
        write_reference(private, identity.name, place)
    except OSError as error:
        raise file_failure(private, error) from None
    _save_public(identity, private, public)


def _save(identity: Identity, private: Path, public: Path, passphrase: str | None) -> None:
    try:
        identity.save(private, passphrase)
    except OSError as error:
        raise file_failure(private, error) from None
    except ValueError as error:  # a passphrase of more than 1023 bytes
        raise Failure(Status.FILES, f"{shown_path(private)}: {error}") from None
    _save_public(identity, private, public)


def _save_public(identity: Identity, private: Path, public: Path) -> None:
    try:
        identity.principal.save(public)
    except OSError as error:
        private.unlink(missing_ok=True)  # ours, made above: half a pair would stand in the way of the next try
        raise file_failure(public, error) from None
