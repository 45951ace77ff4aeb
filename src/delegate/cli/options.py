"""The types of options, and the sets of options that commands share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeVar

import click

from delegate.core.chain.printable import shown
from delegate.core.chain.request import parse_json
from delegate.core.chain.spans import instant, seconds
from delegate.errors import CaveatSyntaxError, DelegateError
from delegate.limits import INTEGER_MAX

if TYPE_CHECKING:
    from datetime import datetime

    from click.shell_completion import CompletionItem

    from delegate.language.capability import Capability
    from delegate.language.conditions import Caveat

R = TypeVar("R")
T = TypeVar("T")

_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_EPOCH: Final = re.compile(r"[0-9]{1,12}")
_AMOUNT: Final = re.compile(r"[0-9]{1,19}")
# What a bound value must not hide: the names that a condition reads.
_READ_NAMES: Final = frozenset({"action", "resource", "args", "env", "now", "aud", "origin", "holder", "said"})


def moment(given: str) -> int:
    """Read Unix seconds, or ISO 8601 with a time zone, as Unix seconds."""
    text = given.strip()
    try:
        if _EPOCH.fullmatch(text):
            return instant(int(text))
        from datetime import UTC, datetime

        at = datetime.fromisoformat(f"{text.removesuffix(' UTC')}Z" if text.endswith(" UTC") else text)
        if at.tzinfo is None:
            raise click.BadParameter(f"`{shown(text)}` has no time zone; for UTC, write {_in_utc(at)}")
        return instant(at.astimezone(UTC))
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"`{shown(text)}` is not a time; write it like 2026-12-01T12:00Z or 1796126400"
        ) from None


def _in_utc(at: datetime) -> str:
    """Write a moment without a time zone as one of UTC, in a form that `moment` reads."""
    return f"{at:%Y-%m-%dT%H:%M:%S}Z" if at.second else f"{at:%Y-%m-%dT%H:%M}Z"


def duration(given: str) -> int:
    """Read `90s 15m 8h 7d` as seconds."""
    try:
        return seconds(given)
    except ValueError:
        raise click.BadParameter(f"`{shown(given)}` is not a duration; write it like 90s, 15m, 8h or 7d") from None


def text_pair(given: str) -> tuple[str, str]:
    """Read `name=value`, the value as text."""
    name, sign, text = given.partition("=")
    if not sign or not name:
        raise click.BadParameter(f"`{shown(given)}` is not of the form name=value")
    return name, text


def json_pair(given: str) -> tuple[str, object]:
    """Read `name=value`, the value as JSON where it is written as such, else as text.

    What is written as JSON and has no single meaning (20 digits, NaN, a key twice) is refused, as in a file: taken as
    text it would be another value than the one that was meant.
    """
    name, text = text_pair(given)
    try:
        return name, parse_json(text)
    except DelegateError as error:
        if _is_written_as_json(text):
            words = error.detail.removeprefix("not JSON: ")
            message = f"`{shown(given)}`: {words}; to give it as text, write it in double quotes"
            raise click.BadParameter(message) from None
        return name, text


def _is_written_as_json(text: str) -> bool:
    """Say whether a reader that is less strict would take this for JSON."""
    import json

    try:
        json.loads(text, parse_int=len)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True


def amount_pair(given: str) -> tuple[str, int]:
    """Read `unit=amount`, the amount as an integer from 0: `usd_cents=320`."""
    unit, text = text_pair(given)
    if not _AMOUNT.fullmatch(text) or int(text) > INTEGER_MAX:
        raise click.BadParameter(f"`{shown(text)}` is not an amount; write a whole number, as in usd_cents=320")
    return unit, int(text)


# A path is opened where it is used, so that a file that fails is status 5 and not a usage error.
FILE: Final = click.Path(readable=False)  # who reads it says what is wrong, and ends in 5


def combined(
    *decorators: Callable[[Callable[..., R]], Callable[..., R]],
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Join options into one decorator, shown in the order given."""

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
journal_option = click.option(
    "--journal/--no-journal",
    "noted",
    default=True,
    help="Note this in the journal that delegate list shows, without the token. DELEGATE_DATA moves the journal.",
)
now_option = click.option(
    "--now", type=moment, metavar="TIME", help="Use this as the current time: 2026-12-01T12:00Z, or Unix seconds."
)


def lazily(name: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Give a function of `completion` that is loaded when a shell asks."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from delegate.cli import completion

        found: list[CompletionItem] = getattr(completion, name)(ctx, parameter, incomplete)
        return found

    return complete


token_argument = click.argument("token", required=False, shell_complete=lazily("complete_files"))


def key_option(words: str = "Private key to sign with: alice.key.") -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give the option for the key that signs; without it, the key is the environment's."""
    return click.option(
        "--key",
        "key_file",
        type=FILE,
        metavar="FILE",
        help=f"{words} Or ssh-agent:alice.pub, or pkcs11:token=…;object=… Default: the key in DELEGATE_KEY.",
    )


passphrase_options = combined(
    click.option("--passphrase", "prompt", is_flag=True, help="Prompt for the key's passphrase, or the token's PIN."),
    click.option(
        "--passphrase-file", type=FILE, metavar="FILE", help="Read the passphrase from the first line of FILE."
    ),
)
request_options = combined(
    click.option("--action", metavar="ACTION", help="Action of the request: files.read."),
    click.option("--resource", metavar="RESOURCE", help="Resource of the request: /reports/q3.csv."),
    click.option(
        "--arg",
        "json_args",
        type=json_pair,
        multiple=True,
        metavar="K=V",
        help="Argument of the request: JSON if it parses as such, else text.",
    ),
    click.option(
        "--arg-text",
        "text_args",
        type=text_pair,
        multiple=True,
        metavar="K=V",
        help="Argument of the request, always text.",
    ),
    click.option("--args", "args_file", type=FILE, metavar="FILE", help="File with all arguments: a JSON object."),
    click.option(
        "--request",
        "request_file",
        type=FILE,
        metavar="FILE",
        help="File with the whole request: JSON with action, resource and args.",
    ),
    click.option(
        "--http",
        "http",
        type=(str, str),
        metavar="METHOD URL",
        help="HTTP request, instead of --action and --resource: GET https://files.example.com/q3.csv.",
    ),
    click.option(
        "--json-body",
        "body_file",
        type=FILE,
        metavar="FILE",
        help="File with the body of --http: a JSON object, whose members are the arguments.",
    ),
)
narrowing_options = combined(
    click.option(
        "--can",
        "cans",
        multiple=True,
        metavar="CAPABILITY",
        help="What is permitted: 'files.read /reports/**'. May be repeated.",
    ),
    click.option(
        "--if",
        "ifs",
        multiple=True,
        metavar="CONDITION",
        help="What every request must meet: 'args.size < limit'. May be repeated.",
    ),
    click.option(
        "--let",
        "lets",
        type=json_pair,
        multiple=True,
        metavar="K=V",
        help="Value for a name in --can or --if: limit=1000. May be repeated.",
    ),
    click.option("--ttl", type=duration, metavar="DURATION", help="How long it is valid from now: 90s, 15m, 8h, 7d."),
    click.option("--until", type=moment, metavar="TIME", help="When it expires: 2026-12-01T12:00Z."),
    click.option("--not-before", type=moment, metavar="TIME", help="When it becomes valid."),
    click.option(
        "--audience",
        "audiences",
        multiple=True,
        metavar="NAME",
        help="Name of a service where it may be used. May be repeated.",
    ),
    click.option(
        "--hops",
        type=int,
        metavar="N",
        help="How many more times it may be handed on. Default: 0 for mint and exec, else all that are left.",
    ),
    click.option(
        "--budget",
        "budgets",
        type=amount_pair,
        multiple=True,
        metavar="UNIT=AMOUNT",
        help="What everything below may spend in total: usd_cents=10000, calls=50. May be repeated.",
    ),
    click.option("--fresh", type=duration, metavar="DURATION", help="How old a service's revocation data may be: 1h."),
    click.option(
        "--need",
        "needs",
        multiple=True,
        metavar="NEED",
        help="Who must confirm each request: bob.pub, or '2 of bob.pub,eve.pub within 15m if said.approved == true'. "
        "May be repeated.",
    ),
    click.option(
        "--standing", is_flag=True, help="With --need: one confirmation may serve every request, until it expires."
    ),
    click.option(
        "--who", "who", type=text_pair, multiple=True, metavar="K=V", help="Fact about the holder. May be repeated."
    ),
    click.option("--why", metavar="TEXT", help="Purpose, for people and the audit trail."),
)
root_key_options = combined(
    click.option(
        "--root",
        "roots",
        type=FILE,
        multiple=True,
        metavar="FILE",
        help="Public key that may start chains: alice.pub. May be repeated.",
    ),
    click.option(
        "--speaks-for",
        "speaks_for",
        multiple=True,
        metavar="PATTERN",
        help="For whom the roots may sign: 'user:*@example.com'. May be repeated.",
    ),
)
root_options = combined(
    root_key_options,
    click.option(
        "--roots",
        "bundle_source",
        type=FILE,
        metavar="URL",
        help="Root bundle instead of --root: https://… or a file. Needs --pinned.",
    ),
    click.option(
        "--pinned",
        "pinned_files",
        type=FILE,
        multiple=True,
        metavar="FILE",
        help="Public key whose root bundles count: ops.pub. May be repeated.",
    ),
)


def example(*lines: str) -> str:
    """Write the lines of an example for the end of a command's help; click leaves them as they are."""
    return "\b\n" + "\n".join(lines)


def clock(now: int | None) -> int:
    """Give the time to go by: `--now`, else the system's."""
    return int(time.time()) if now is None else now


def unique(pairs: Iterable[tuple[str, T]], option: str) -> dict[str, T]:
    """Put pairs into a dict; one name twice is a usage error."""
    values: dict[str, T] = {}
    for name, value in pairs:
        if name in values:
            message = f"{option} gives `{shown(name)}` twice"
            raise click.UsageError(message)
        values[name] = value
    return values


class Bindings:
    """The values of `--let`, and which of them some condition used."""

    __slots__ = ("_unused", "_values")

    def __init__(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Take the values; a name that a condition could not use is a usage error."""
        self._values = unique(pairs, "--let")
        self._unused = set(self._values)
        for name in self._values:
            if not _NAME.fullmatch(name) or name in _READ_NAMES:
                why = "conditions read it from the request" if name in _READ_NAMES else "it is not a name"
                message = f"--let: `{shown(name)}` cannot be given a value: {why}"
                raise click.UsageError(message)

    def read(self, texts: Iterable[str], parse: Callable[..., T]) -> tuple[T, ...]:
        """Read each text with the values that it names.

        Raises:
            CaveatSyntaxError: with the place.
        """
        return tuple(self._read(text, parse) for text in texts)

    def _read(self, text: str, parse: Callable[..., T]) -> T:
        # A name that the parser does not know shows which value this text wants: no second grammar is needed here.
        bound: dict[str, object] = {}
        while True:
            try:
                return parse(text, **bound)
            except CaveatSyntaxError as error:
                start, end = error.span
                name = error.source[start:end]
                if name not in self._values or name in bound:
                    raise
                bound[name] = self._values[name]
                self._unused.discard(name)
            except (ValueError, TypeError) as error:
                message = f"--let: {shown(str(error))}"
                raise click.UsageError(message) from None

    def check_used(self) -> None:
        """Refuse values that nothing used: a typing error, most likely in a condition that now says too little."""
        if self._unused:
            names = ", ".join(sorted(self._unused))
            message = f"--let {names}: not used by any --can or --if"
            raise click.UsageError(message)


def conditions(
    cans: Iterable[str], ifs: Iterable[str], lets: Iterable[tuple[str, object]], when: Callable[..., Caveat]
) -> tuple[tuple[Capability, ...], tuple[Caveat, ...]]:
    """Read `--can`, `--if` and `--let`.

    Raises:
        CaveatSyntaxError: with the place.
        click.UsageError: a value that nothing uses.
    """
    from delegate.language.capability import Capability

    bindings = Bindings(lets)
    found = bindings.read(cans, Capability.parse), bindings.read(ifs, when)
    bindings.check_used()
    return found
