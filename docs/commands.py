"""The reference of the commands, made of what they print for `--help`, so that it cannot differ from it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from delegate.cli.app import delegate

_HERE = "<!-- commands -->"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the reference where a page asks for it; called by the generator for each page."""
    return markdown.replace(_HERE, reference()) if _HERE in markdown else markdown


def reference() -> str:
    """Write what each command prints for `--help`, as Markdown."""
    return "\n".join(_written(delegate, click.Context(delegate, info_name="delegate", max_content_width=100)))


def _written(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## `{context.command_path}`\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _written(found, click.Context(found, parent=context, info_name=name, max_content_width=100))
