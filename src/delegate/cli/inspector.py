"""`delegate inspector`: the page that shows chains, as one file; and how a page is written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from delegate.cli.files import check_replaceable, output_option, replace_file
from delegate.cli.options import example, json_option
from delegate.cli.output import Output, file_failure
from delegate.core.chain.printable import shown
from delegate.report.page import Given, inspector_page

_MODE: Final = 0o644
_SECRET_MODE: Final = 0o600
_PAGE: Final = b'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Inspector'


@click.command(epilog=example("delegate inspector -o inspector.html"))
@output_option
@json_option
def inspector(output: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Write a page that shows chains in a browser.

    One file, which needs no network: paste or drop a token into it, and the public keys that you trust. It sends and
    stores nothing.
    """
    write_page(Output("inspector", as_json=as_json), Given(), output)


def write_page(out: Output, given: Given, output: str | None, *, secret: bool = False) -> None:
    """Write the page to stdout or to a file; raises Failure.

    Args:
        out: where to say so.
        given: what the page shows at first.
        output: the file; one that holds such a page already is replaced.
        secret: whether whoever reads the page may act with what is in it.
    """
    page = inspector_page(given)
    if output is None:
        out.result({"page": page}, [page.removesuffix("\n")])
        return
    if not _holds_page(output):
        check_replaceable(output)
    replace_file(output, page.encode("ascii"), _SECRET_MODE if secret else _MODE)
    out.result({"file": output}, ())
    out.note(f"written to {shown(output)}; open it in a browser")


def _holds_page(path: str) -> bool:
    try:
        if not Path(path).is_file():
            return False
        with open(path, "rb") as file:  # noqa: PTH123 - one way to open files
            return file.read(len(_PAGE)) == _PAGE
    except OSError as error:
        raise file_failure(path, error) from None
