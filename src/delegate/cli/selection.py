"""Which of what was handed out is meant: by its holder, tenant, originator or key, as the journal has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import click

from delegate.cli.options import combined, lazily
from delegate.core.chain.printable import shown
from delegate.journal.entries import Entry

LEAST_DIGITS: Final = 8
THUMBPRINT_DIGITS: Final = 64
_HEX: Final = re.compile(r"[0-9a-fA-F]+")

selection_options = combined(
    click.option(
        "--principal",
        "principal",
        shell_complete=lazily("complete_principals"),
        metavar="NAME",
        help="Only what this principal holds: agent:worker.",
    ),
    click.option(
        "--tenant",
        "tenant",
        shell_complete=lazily("complete_tenants"),
        metavar="TENANT",
        help="Only what is for this tenant.",
    ),
    click.option(
        "--originator",
        "originator",
        shell_complete=lazily("complete_originators"),
        metavar="NAME",
        help="Only what carries the authority of NAME: user:alice@…",
    ),
    click.option(
        "--thumbprint",
        "thumbprint",
        shell_complete=lazily("complete_thumbprints"),
        metavar="HEX",
        help="Only what the key with this thumbprint, or beginning, holds.",
    ),
)


class Selection(NamedTuple):
    """What is meant; `None`: whatever it is."""

    principal: str | None = None
    tenant: str | None = None
    originator: str | None = None
    thumbprint: str | None = None

    @property
    def is_of_any(self) -> bool:
        """Whether nothing was said."""
        return all(each is None for each in self)

    def __str__(self) -> str:
        return ", ".join(f"--{name} {shown(value)}" for name, value in self._asdict().items() if value is not None)

    def picks(self, entry: Entry) -> bool:
        """Say whether this one is meant: by all that was said."""
        return (
            self.principal in {None, entry.to}
            and self.tenant in {None, entry.tenant}
            and self.originator in {None, entry.originator}
            and (self.thumbprint is None or entry.key.hex().startswith(self.thumbprint))
        )


def selection_of(
    principal: str | None, tenant: str | None, originator: str | None, thumbprint: str | None
) -> Selection:
    """Read the options; raises click.UsageError for a thumbprint that is none, or too short to name one key."""
    if thumbprint is not None:
        thumbprint = thumbprint.lower()
        if not _HEX.fullmatch(thumbprint) or len(thumbprint) > THUMBPRINT_DIGITS:
            message = f"--thumbprint: `{shown(thumbprint)}` is not one; delegate key show and list --json show them"
            raise click.UsageError(message)
        if len(thumbprint) < LEAST_DIGITS:
            message = f"--thumbprint: give at least {LEAST_DIGITS} digits"
            raise click.UsageError(message)
    return Selection(principal, tenant, originator, thumbprint)


def key_of(digits: str, entries: Iterable[Entry]) -> bytes:
    """Complete the beginning of a thumbprint by the keys in the journal; raises click.UsageError."""
    if len(digits) == THUMBPRINT_DIGITS:
        return bytes.fromhex(digits)
    keys = {each.key for each in entries} | {block.signer for each in entries for block in each.blocks}
    found = [key for key in keys if key.hex().startswith(digits)]
    if len(found) != 1:
        words = f"{len(found)} thumbprints" if found else "no thumbprint"
        message = f"{words} in the journal begin{'s' if not found else ''} with {digits}; give all of its 64 digits"
        raise click.UsageError(message)
    return found[0]


def topmost(entries: Iterable[Entry]) -> list[Entry]:
    """Leave out what lies below another of these: whoever takes back a block takes back all below it."""
    found = list(entries)
    ids = {each.block_id for each in found}
    return [each for each in found if not any(block.block_id in ids for block in each.blocks[:-1])]
