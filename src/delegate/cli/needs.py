"""`--need`: what other parties must confirm, in one text.

    need = [ COUNT "of" ] FILE *( "," FILE ) [ "standing" ] [ "within" DURATION ] [ "if" CONDITION ]

`bob.pub` · `2 of bob.pub,carol.pub,dave.pub within 15m if said.approved == true`. Without a condition it is
`said.approved == true`. Each request needs confirmations of its own, unless the need is `standing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import click

from delegate.cli.sources import read_principal
from delegate.core.chain.printable import shown
from delegate.language.needs import APPROVED, Need, need

_NEED: Final = re.compile(
    r"\s*(?:(?P<of>[0-9]{1,2})\s+of\s+)?(?P<by>[^\s,]+(?:\s*,\s*[^\s,]+)*)"
    r"(?P<standing>\s+standing)?(?:\s+within\s+(?P<age>\S+))?(?:\s+if\s+(?P<condition>.+))?\s*",
    re.DOTALL,
)


def read_needs(texts: Iterable[str], *, standing: bool = False) -> tuple[Need, ...]:
    """Read the needs of a block; `standing`: all of them are.

    Raises:
        click.UsageError: a text that is no need. CaveatSyntaxError: its condition. Failure: a file.
    """
    found = tuple(_read_need(text, standing=standing) for text in texts)
    if standing and not found:
        message = "--standing is about --need, and there is none"
        raise click.UsageError(message)
    return found


def _read_need(text: str, *, standing: bool) -> Need:
    found = _NEED.fullmatch(text)
    if found is None:
        message = f"--need `{shown(text)}`: write it like '2 of bob.pub,carol.pub within 15m if said.approved == true'"
        raise click.UsageError(message)
    try:
        return need(
            [read_principal(path.strip()) for path in found["by"].split(",")],
            of=int(found["of"] or 1),
            condition=found["condition"] or APPROVED,
            max_age=found["age"],
            standing=standing or found["standing"] is not None,
        )
    except (ValueError, TypeError) as error:
        message = f"--need: {shown(str(error))}"
        raise click.UsageError(message) from None
