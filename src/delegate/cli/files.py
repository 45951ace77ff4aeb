"""Files that a command writes: whole or not at all.

The rules of this file:

- Written beside, and renamed: whatever goes wrong, the old file is there, and nothing else is left behind.
- A secret is its owner's alone from the first byte.
- What is no text of ours is not replaced: a slip of the hand must not cost a key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from delegate.cli.contents import what_it_is
from delegate.cli.options import FILE
from delegate.cli.output import Failure, Output, file_failure, shown_path
from delegate.cli.status import Status

_PUBLIC: Final = 0o644
_SECRET: Final = 0o600
_LOOK: Final = 1024
_NAME_CHARACTERS: Final = 200  # so that a long name has room for what is added
_KEYS: Final = ("a private key", "a public key", "another PEM file")

output_option = click.option(
    "-o",
    "--output",
    "output",
    type=FILE,
    metavar="FILE",
    help="Write it to FILE instead of standard output; mode 0600 if it is a secret.",
)


def deliver(
    out: Output, data: Mapping[str, object], texts: Sequence[str], output: str | None, *, secret: bool = False
) -> None:
    """Give what was asked for: on stdout, or in a file of the user's choice.

    Args:
        out: where to say so.
        data: the same for programs. What is a secret is not in it where a file has it.
        texts: the lines of the file, or of stdout.
        output: the file.
        secret: whether whoever reads it may act with it.

    Raises:
        Failure: the file cannot be written, or is something else.
    """
    if output is None:
        out.result(data, texts)
        return
    check_replaceable(output)
    replace_file(output, "".join(f"{text}\n" for text in texts).encode("ascii"), _SECRET if secret else _PUBLIC)
    out.note(f"written to {shown_path(output)}")
    told = {name: value for name, value in data.items() if not (secret and name == "token")}
    out.result({**told, "file": output}, ())


def replace_file(path: str, content: bytes, mode: int, *, is_exact: bool = False) -> None:
    """Write a file in place of what was there; raises Failure, and then the old one is still there.

    Args:
        path: of the file; a link is followed. A device or a pipe is written to as it is.
        content: all of it.
        mode: with which it is made.
        is_exact: whether the mode goes before the user's mask.
    """
    try:
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        beside = target.with_name(f".{target.name[:_NAME_CHARACTERS]}.{os.urandom(8).hex()}")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if is_exact:
                beside.chmod(mode)
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise file_failure(path, error) from None


def check_replaceable(path: str) -> None:
    """Refuse to replace what is neither empty nor a text of ours; raises Failure."""
    try:
        if not Path(path).is_file():
            return
        with open(path, "rb") as file:  # noqa: PTH123 - one way to open files
            begin = file.read(_LOOK)
    except OSError as error:
        raise file_failure(path, error) from None
    kind = what_it_is(begin)
    if begin.strip() and (not kind or kind in _KEYS):
        what = f" is {kind}, and" if kind else " holds something else, and"
        raise Failure(Status.FILES, f"{shown_path(path)}{what} is not overwritten; choose another name with -o")
