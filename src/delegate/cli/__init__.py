"""The command `delegate` (SPEC §13): the only place that knows the terminal, the environment and exit statuses."""

from delegate.cli.app import main

__all__ = ["main"]
