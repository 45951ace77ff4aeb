"""The inspector as one file of HTML: no network, no storage, nothing of a token but text.

The rules of this file:

- The page's policy (CSP) names the one script and the one style by their hashes; nothing else can run, and nothing can
  be fetched: `default-src 'none'`.
- The script is the modules of `delegate/js` and of `inspector/`, each in a function of its own, in the order of their
  imports, their comments left out. There is no tool between what is reviewed and what runs.
- Of the zones' tables, which are as large as all else together, the page has none: a condition that needs one is "not
  evaluated here".
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Final, NamedTuple

_IMPORT: Final = re.compile(r'^import (\* as \w+|\{[^}]*\}) from "\./(\w+)\.js";.*\n', re.MULTILINE)
_EXPORT: Final = re.compile(
    r"^export (?=(?:async )?(?:function|class|const) (\w+))|^export \{([^}]*)\};\n", re.MULTILINE
)
_COMMENT: Final = re.compile(r"^ *//.*\n| +// [^\n\"'`]*$", re.MULTILINE)
_LEFT_OUT: Final = {"zone_tables": "export const ZONES = [];\n"}
_START: Final = "app"


class Given(NamedTuple):
    """What the page shows when it is opened.

    Attributes:
        token: a token, presentation, list, ask or discharge as text.
        roots: principals that the reader trusts, as text: one line each.
        speaks_for: patterns of the names that the roots speak for.
        lists: revocation lists as text.
        now: the moment to look from, Unix seconds; `None`: the reader's clock.
    """

    token: str = ""
    roots: Sequence[str] = ()
    speaks_for: Sequence[str] = ()
    lists: Sequence[str] = ()
    now: int | None = None


def inspector_page(given: Given | None = None) -> str:
    """Write the page.

    Args:
        given: what it shows at first; without, it is empty.

    Returns:
        A whole document of HTML, in ASCII; with nothing given, always the same.
    """
    shown = given or Given()
    data = {
        "token": shown.token,
        "roots": list(shown.roots),
        "speaksFor": list(shown.speaks_for),
        "lists": list(shown.lists),
        "now": shown.now,
    }
    folder = files("delegate.report") / "inspector"
    style = (folder / "page.css").read_text("utf-8")
    script = _script()
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )
    # A data block is text to a browser until `</`, whatever JSON makes of it.
    written = json.dumps(data).replace("<", "\\u003c")
    page = Template((folder / "page.html").read_text("utf-8"))
    return page.substitute(policy=policy, style=style, script=script, given=written)


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _script() -> str:
    """Put the modules together, each after what it imports."""
    written: dict[str, str] = {}

    def add(name: str) -> None:
        if name in written:
            return
        source = _COMMENT.sub("", _source(name))
        for imported in _IMPORT.finditer(source):
            add(imported[2])
        written[name] = _module(name, source)

    add(_START)
    return "".join(written.values())


def _source(name: str) -> str:
    if name in _LEFT_OUT:
        return _LEFT_OUT[name]
    package = files("delegate")
    ours = package / "report" / "inspector" / f"{name}.js"
    return (ours if ours.is_file() else package / "js" / f"{name}.js").read_text("utf-8")


def _module(name: str, source: str) -> str:
    """Make a function of a module: what it imports becomes constants, what it exports is returned."""
    exported: list[str] = []

    def imports(found: re.Match[str]) -> str:
        names, module = found[1], found[2]
        bound = names[5:] if names.startswith("*") else names.replace(" as ", ": ")
        return f"const {bound} = ${module};\n"

    def exports(found: re.Match[str]) -> str:
        if found[2] is not None:
            exported.extend(each.strip() for each in found[2].split(","))
            return ""
        exported.append(found[1])
        return ""

    body = _EXPORT.sub(exports, _IMPORT.sub(imports, source))
    return f"const ${name} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();\n"
