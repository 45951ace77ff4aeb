"""Keys of logs and witnesses, as commands find and keep them.

The rules of this file:

- A secret is its owner's alone from the first byte, and a file is never overwritten.
- A log's own key is not beside the log: who could change both could sign what they changed. Beside the key is what it
  signed last, `KEY.signed`: a log that was written anew does not get a second signature, and no second log gets one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from delegate.cli.logs import data_folder
from delegate.cli.output import Failure, file_failure
from delegate.cli.sources import read_file
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.core.keys.textfile import PUBLIC_MODE, write_new
from delegate.errors import DelegateError, StateError

if TYPE_CHECKING:
    from delegate.audit.log import Log
    from delegate.audit.memory import WitnessFile
    from delegate.audit.tree.notes import NoteKey, NoteSigner

_KEY_BYTES = 4096
_PRIVATE_MODE = 0o600


def read_note_key(given: str) -> NoteKey:
    """Read a verifier key, or a file with one; raises Failure."""
    from delegate.audit.tree.notes import NoteKey

    text = given
    if "+" not in given or os.path.lexists(given):
        text = read_file(given, _KEY_BYTES).decode("utf-8", "replace").strip()
    try:
        return NoteKey.parse(text)
    except DelegateError as error:
        raise Failure(
            Status.NOT_GENUINE, f"{shown(given)}: {error.detail}", label="not a verifier key", reason=error.reason
        ) from None


def read_signer(path: str) -> NoteSigner:
    """Read a secret key; raises Failure, with nothing of it."""
    from delegate.audit.tree.notes import NoteSigner

    try:
        return NoteSigner.parse(read_file(path, _KEY_BYTES).decode("utf-8", "replace").strip())
    except DelegateError as error:
        raise Failure(
            Status.NOT_GENUINE, f"{shown(path)}: {error.detail}", label="not a key for notes", reason=error.reason
        ) from None


def save_signer(signer: NoteSigner, stem: str) -> None:
    """Write `STEM.key`, a secret, and `STEM.vkey`; raises Failure where either is there."""
    private, public = Path(f"{stem}.key"), Path(f"{stem}.vkey")
    for path in (private, public):
        if os.path.lexists(path):
            raise Failure(Status.FILES, f"{shown(str(path))} exists and is never overwritten; choose another with -o")
    for path, text, mode in (
        (private, signer.to_text(), _PRIVATE_MODE),
        (public, signer.key.to_text(), PUBLIC_MODE),
    ):
        try:
            write_new(path, f"{text}\n".encode(), mode)
        except OSError as error:
            raise file_failure(path, error) from None


def log_signer(log: Log) -> NoteSigner:
    """Give the key that this user signs a log's checkpoints with; it is made at its first use."""
    from delegate.audit.tree.notes import NoteSigner, Use

    name, path = _of_log(log)
    if not path.exists():
        _make(NoteSigner.generate(f"localhost/delegate/log/{name}", Use.LOG), path)
    return read_signer(str(path))


def own_log_key(log: Log) -> tuple[NoteKey, ...]:
    """Give the key that this user's own checkpoints of the log are signed with, where there is one."""
    _, path = _of_log(log)
    return (read_signer(str(path)).key,) if path.exists() else ()


@contextmanager
def signed_last(log: Log, key_file: str | None) -> Iterator[WitnessFile]:
    """Open what is remembered beside a key of a log: the checkpoint that it signed last. It is made at its first use.

    Raises Failure where it cannot be: what is not remembered is not signed.
    """
    from delegate.audit.memory import WitnessFile

    path = Path(f"{_of_log(log)[1] if key_file is None else key_file}.signed")
    try:
        memory = WitnessFile(path.absolute())
    except StateError as error:
        words = f"{shown(str(path))}, where a key's last checkpoint is remembered: {error.detail}"
        raise Failure(Status.FILES, words) from None
    try:
        yield memory
    finally:
        memory.close()


def _of_log(log: Log) -> tuple[str, Path]:
    """Name a tree of a log, and the file of its key.

    A tenant's is named by its hash: from one's own log nobody learns of another.
    """
    name = log.id.hex()[:16]
    if log.tenant is not None:
        name += f"-{sha256(log.tenant.encode()).hexdigest()[:16]}"
    return name, data_folder() / f"log-{name}.key"


def witness_signer() -> NoteSigner:
    """Give this user's key for cosigning; it is made at its first use."""
    from delegate.audit.tree.notes import NoteSigner, Use

    path = data_folder() / "witness.key"
    if not path.exists():
        signer = NoteSigner.generate(f"localhost/delegate/witness/{os.urandom(8).hex()}", Use.WITNESS)
        _make(signer, path)
    return read_signer(str(path))


def _make(signer: NoteSigner, path: Path) -> None:
    try:
        write_new(path, f"{signer.to_text()}\n".encode(), _PRIVATE_MODE)
    except FileExistsError:
        return  # another command was quicker
    except OSError as error:
        raise file_failure(path, error) from None
