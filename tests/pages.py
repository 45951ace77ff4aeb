"""Pages of Markdown as programs: what stands in their blocks is run, in order, and prints what is shown.

- A block of Python continues those before it on its page. A block without a language behind it is what it prints.
- A block for the console holds commands behind `$ `, with what they print below. A line is matched as it is, and `…`
  stands for anything; a command that ends in a backslash goes on in the next line, and one with nothing below may print
  what it likes. One with `refused` below must fail, and every other must not.
- `export NAME=value` holds for the rest of the page. Every page begins in an empty folder.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^```([\w{}-]*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One fenced block: its language, what is in it, and its line in the page."""

    language: str
    body: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Give the blocks of a page."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        yield Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)


def run(page: Path, folder: Path, environment: dict[str, str] | None = None) -> int:
    """Run a page in a folder; raises AssertionError where it prints something else. Gives how many blocks were run."""
    names: dict[str, object] = {"__name__": "__main__"}
    environment = dict(environment or {})
    count = 0
    printed: str | None = None
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "python":
            assert printed in {None, ""}, f"{where}: the block before printed {printed!r}, which is not shown"
            said = io.StringIO()
            code = compile("\n" * block.line + block.body, str(page), "exec")
            with contextlib.redirect_stdout(said), contextlib.chdir(folder):
                exec(code, names)  # noqa: S102 - the page's own program
            printed = said.getvalue()
            count += 1
        elif block.language == "console":
            _commands(block, folder, where, environment)
            count += 1
        elif not block.language and printed is not None:
            assert printed == block.body, f"{where}: it prints\n{printed}"
            printed = None
    assert printed in {None, ""}, f"{page.name}: the last block printed {printed!r}, which is not shown"
    return count


def _commands(block: Block, folder: Path, where: str, environment: dict[str, str]) -> None:
    for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
        command, _, shown = part.replace("\\\n", "").partition("\n")
        if command.startswith("pip "):
            continue
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            environment[name] = value
            continue
        here = {**os.environ, "NO_COLOR": "1", "DELEGATE_DATA": str(folder / "data"), **environment}
        here["PATH"] = f"{Path(sys.executable).parent}:{here['PATH']}"
        ran = subprocess.run(  # noqa: S602 - the page's own command
            command, shell=True, cwd=folder, env=here, capture_output=True, text=True, check=False
        )
        said = ran.stdout + ran.stderr
        assert (ran.returncode != 0) == ("refused" in shown), f"{where}: `{command}` gave {ran.returncode}: {said}"
        for line in shown.splitlines():
            pattern = ".*".join(map(re.escape, line.split("…")))
            assert re.search(pattern, said), f"{where}: `{command}` prints no line {line!r}, but\n{said}"
