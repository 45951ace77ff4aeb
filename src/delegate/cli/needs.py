"""`--need`: what other parties must confirm, in one text.

    need = [ COUNT "of" ] FILE *( "," FILE ) [ "each" ] [ "within" DURATION ] [ "if" CONDITION ]

`bob.pub` · `2 of bob.pub,carol.pub,dave.pub each within 15m if said.approved == true`. Without a condition it is
`said.approved == true`.
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
    r"(?P<each>\s+each)?(?:\s+within\s+(?P<age>\S+))?(?:\s+if\s+(?P<condition>.+))?\s*",
    re.DOTALL,
)


def read_needs(texts: Iterable[str]) -> tuple[Need, ...]:
    """Read the needs of a block.

    Raises:
        click.UsageError: a text that is no need. CaveatSyntaxError: its condition. Failure: a file.
    """
    return tuple(map(_read_need, texts))


def _read_need(text: str) -> Need:
    found = _NEED.fullmatch(text)
    if found is None:
        message = (
            f"--need `{shown(text)}`: write it like '2 of bob.pub,carol.pub each within 15m if said.approved == true'"
        )
        raise click.UsageError(message)
    try:
        return need(
            [read_principal(path.strip()) for path in found["by"].split(",")],
            of=int(found["of"] or 1),
            condition=found["condition"] or APPROVED,
            max_age=found["age"],
            each_request=found["each"] is not None,
        )
    except (ValueError, TypeError) as error:
        message = f"--need: {shown(str(error))}"
        raise click.UsageError(message) from None
