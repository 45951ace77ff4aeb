"""The command `delegate` (SPEC §9.2): the only place that knows the terminal, the environment and exit statuses."""

from delegate.cli.app import main

__all__ = ["main"]
