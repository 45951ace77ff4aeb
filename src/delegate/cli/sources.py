"""Where a command's inputs come from: tokens, keys, roots and requests, out of arguments, files and the environment.

- A token is an argument, a file, `-` for stdin, or `DELEGATE_TOKEN`. Secret keys are files, or in an agent or a token,
  and never arguments.
- No input is read further than the longest thing that it could be.
- What is wrong with a file is told with its name.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from delegate.authoring.bearer import BearerToken
from delegate.authoring.token import Presentation, Token
from delegate.cli.contents import USES, mistaken, odd_encoding, what_it_is
from delegate.cli.options import unique
from delegate.cli.output import Failure, Output, file_failure, shown_path
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request, from_jsonable, parse_json
from delegate.core.keys.principal import Principal
from delegate.core.keys.textfile import FILE_BYTES
from delegate.errors import DelegateError, Reason
from delegate.explain.unverified import AnyToken, parse
from delegate.limits import PRESENTATION_BYTES, REQUEST_BYTES

if TYPE_CHECKING:
    from delegate.authoring.identity import Identity
    from delegate.issue.logins import Login
    from delegate.trust.bundle import RootBundle
    from delegate.verifier.roots import Root

T = TypeVar("T")

_TOKEN_TEXT: Final = re.compile(r"\s*dlg[a-z]_")
_KIND: Final = re.compile(r"\s*(?:dlg[a-z]_|ed25519:|esp256:|principal: |-----)")
_TOKEN_WITHIN: Final = re.compile(r"dlg[tbp]_[A-Za-z0-9_-]{8}")
_TOKEN_FILE_BYTES: Final = PRESENTATION_BYTES * 2  # its text form, with white space around
_REQUEST_FILE_BYTES: Final = REQUEST_BYTES * 8  # what parse_json takes at most
_PASSPHRASE_BYTES: Final = 4096
_ELSEWHERE: Final = ("ssh-agent:", "pkcs11:")  # begin what names a key that is not in a file
_SIGNER_LINE: Final = re.compile(r"principal: [^\n]*\nsigner: ")
_PATH_LOOK: Final = re.compile(r"[./\\]")  # a token has none of these
_PATH_CHARACTERS: Final = 200  # a longer argument is meant as no path
_TOKENS: Final = frozenset({"", "a token", "a bearer token", "a presentation: a token with its proof"})


def read_token(argument: str | None, out: Output) -> AnyToken:
    """Read the token that a command is about.

    Raises:
        DelegateError: it is none. Failure: no such file. click.UsageError: there is none.
    """
    if argument is None:
        from delegate.holder import TOKEN_VARIABLE

        argument = os.environ.get(TOKEN_VARIABLE) or None
        if argument is None:
            login = _login()
            if login is not None:
                return login.token
            message = f"no token: give it as an argument, a file or - for standard input, or set {TOKEN_VARIABLE}"
            raise click.UsageError(message)
        return parse(argument)
    if _KIND.match(argument):  # a secret that was pasted is not to be told as a file's name
        _check_kind(argument.encode("utf-8", "replace"))
    if _TOKEN_TEXT.match(argument):
        token = parse(argument)
        if isinstance(token, BearerToken):
            from delegate.holder import TOKEN_VARIABLE

            out.warn(f"every process here can see a bearer token in an argument; use a file, - or {TOKEN_VARIABLE}")
        return token
    if argument == "-":
        content = sys.stdin.buffer.read(_TOKEN_FILE_BYTES + 1)
    else:
        if not _may_be_file(argument):
            raise Failure(
                Status.NOT_GENUINE,
                "a token begins with dlgt_, dlgb_ or dlgp_, and no file has this name",
                label="not a token",
                reason=Reason.MALFORMED,
            )
        content = read_file(argument, _TOKEN_FILE_BYTES, hint=" (a token begins with dlgt_, dlgb_ or dlgp_)")
    if not content.strip():
        raise Failure(Status.NOT_GENUINE, "the input is empty", label="not a token", reason=Reason.TRUNCATED)
    return _token_in(content)


def _login() -> Login | None:
    """Give what `delegate login` has kept; a process without a login loads nothing for it."""
    from delegate.journal.file import default_path

    try:
        if not default_path().with_name("login.json").exists():
            return None
    except FileNotFoundError:  # no home folder
        return None
    from delegate.cli.login import kept

    return kept()


def _check_kind(content: bytes) -> None:
    """Name what was given in the place of a token, where that can be told; raises Failure."""
    kind = what_it_is(content)
    words = odd_encoding(content) if kind in _TOKENS else mistaken(content, "a token")
    if words:
        hints = [USES[kind]] if kind in USES else []
        raise Failure(Status.NOT_GENUINE, words, label="not a token", reason=Reason.MALFORMED, hints=hints)


def _token_in(content: bytes) -> AnyToken:
    """Read a token's text or bytes; raises DelegateError, and Failure for a text that holds other words too."""
    _check_kind(content)
    text = content.decode("latin-1").strip()
    # What can be read was meant as text, and is told so; the rest is a token's bytes or nothing.
    readable = text.isascii() and all(each.isprintable() or each.isspace() for each in text)
    within = _TOKEN_WITHIN.search(text) if readable else None
    if within is not None and (within.start() > 0 or len(text.split()) > 1):
        raise Failure(
            Status.NOT_GENUINE,
            "the input holds more than a token: quotes, another line or other words",
            label="not a token",
            reason=Reason.MALFORMED,
        )
    return parse(text if readable or _TOKEN_TEXT.match(text) else content)


def _may_be_file(argument: str) -> bool:
    """Say whether an argument names a file, or looks as if it should: then it is a missing file, and no damaged token.

    A damaged token may be a secret: its text is not to be printed as a file's name.
    """
    if argument and os.path.exists(argument):  # noqa: PTH110 - pathlib takes 4 ms to load
        return True
    return len(argument) <= _PATH_CHARACTERS and _PATH_LOOK.search(argument) is not None


def chain_only(token: AnyToken) -> Token | BearerToken:
    """Take a chain to extend or prove: not a presentation, whose proof would be lost."""
    if isinstance(token, Presentation):
        raise Failure(
            Status.NOT_GENUINE,
            "this is a presentation; a token is wanted here",
            label="not a token",
            reason=Reason.MALFORMED,
        )
    return token


def read_file(path: str, most_bytes: int, *, hint: str = "") -> bytes:
    """Read a file whole, at most so many bytes; raises Failure."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise Failure(Status.FILES, f"no such file: {shown_path(path)}{hint}") from None
    except OSError as error:
        raise file_failure(path, error) from None
    if len(content) > most_bytes:
        raise Failure(Status.FILES, f"{shown_path(path)}: larger than {most_bytes} bytes")
    return content


def read_anywhere(path: str, most_bytes: int) -> bytes:
    """Read a file whole, or what is at a URL, at most so many bytes; raises Failure."""
    if not path.startswith(("https:", "http:")):
        return read_file(path, most_bytes)
    from delegate.trust.fetch import fetch

    try:
        return fetch(path, most_bytes=most_bytes).body or b""
    except DelegateError as error:
        raise Failure(Status.FILES, error.detail, reason=error.reason) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def passphrase_of(*, prompt: bool, path: str | None, confirm: bool = False, what: str = "") -> str | None:
    """Get a passphrase from a prompt or a file's first line; `None` where neither was wanted."""
    if path is not None:
        try:
            content = read_file(path, _PASSPHRASE_BYTES)
            odd = odd_encoding(content)
            if odd:
                raise Failure(Status.FILES, f"{shown_path(path)}: {odd}")
            words = content.decode().split("\n")[0].removesuffix("\r")
        except UnicodeDecodeError:
            raise Failure(Status.FILES, f"{shown_path(path)}: this is not text") from None
        if not words:
            raise Failure(Status.FILES, f"{shown_path(path)}: no passphrase on the first line")
        return words
    if prompt:
        words = click.prompt(f"{what}passphrase".capitalize(), hide_input=True, confirmation_prompt=confirm, err=True)
        return str(words)
    return None


def read_identity(path: str | None, out: Output, *, prompt: bool, passphrase_file: str | None) -> Identity:
    """Read a private key file, find a key that is elsewhere, or take the one in `DELEGATE_KEY` where none is named.

    Prompts for a passphrase where one is needed and somebody is there. The file is read once: it may be a pipe.

    Raises:
        Failure: FILES for the file, UNTRUSTED where the passphrase is missing or wrong.
        click.UsageError: there is no key.
    """
    from delegate.authoring.identity import Identity
    from delegate.authoring.key_files import is_encrypted, parse_private

    if path is None:
        return _identity_from_env()
    if path.startswith(_ELSEWHERE):
        return _elsewhere(path, path, prompt=prompt, passphrase_file=passphrase_file)
    content, is_open = _read_key(path)
    text = _key_text(path, content, "a private key")
    if _SIGNER_LINE.match(text):
        return _elsewhere(path, text, prompt=prompt, passphrase_file=passphrase_file)
    encrypted = False
    try:
        encrypted = is_encrypted(text)
        if not encrypted and (prompt or passphrase_file is not None):
            out.warn(f"{shown_path(path)} has no passphrase: --passphrase and --passphrase-file are not used")
        words = (
            passphrase_of(prompt=prompt or (encrypted and sys.stdin.isatty()), path=passphrase_file)
            if encrypted
            else None
        )
        if encrypted and words is None:
            raise Failure(
                Status.UNTRUSTED,
                f"{shown_path(path)} has a passphrase; use --passphrase or --passphrase-file",
                label="missing key",
            )
        identity = Identity(*parse_private(text, words))
    except DelegateError as error:
        if encrypted:
            raise Failure(Status.UNTRUSTED, f"{shown_path(path)}: {error.detail}", label="missing key") from None
        raise Failure(Status.FILES, f"{shown_path(path)}: {_mistaken_key(content) or error.detail}") from None
    except ImportError as error:
        raise Failure(Status.FILES, str(error)) from None
    if is_open:
        out.warn(f"{shown_path(path)} can be read by others; chmod 600 {shown_path(path)}")
    return identity


def _elsewhere(path: str, said: str, *, prompt: bool, passphrase_file: str | None) -> Identity:
    """Find a key in an agent or a token: `said` is what names it, or the text of a file that does; raises Failure."""
    from delegate.authoring.identity import Identity
    from delegate.authoring.key_sources import find, parse_reference

    pin: Callable[[], str] | str | None = passphrase_of(prompt=False, path=passphrase_file)
    in_token = "pkcs11:" in said and "pin-source=" not in said
    if pin is None and (prompt or (in_token and sys.stdin.isatty())):
        pin = _prompted_pin
    try:
        return Identity(*(find(said, pin) if said is path else parse_reference(said, pin)))
    except DelegateError as error:
        raise Failure(Status.UNTRUSTED, f"{shown_path(path)}: {error.detail}", label="missing key") from None
    except ImportError as error:
        raise Failure(Status.FILES, str(error)) from None


def _prompted_pin() -> str:
    return str(click.prompt("PIN", hide_input=True, err=True))


def _identity_from_env() -> Identity:
    from delegate.holder import KEY_VARIABLE, identity_of

    said = os.environ.get(KEY_VARIABLE)
    if not said:
        login = _login()
        if login is not None:
            return login.identity
        message = f"give the private key with --key FILE, or set {KEY_VARIABLE}"
        raise click.UsageError(message)
    try:
        return identity_of(said)
    except DelegateError as error:
        raise Failure(Status.UNTRUSTED, error.detail, label="missing key") from None


def _read_key(path: str) -> tuple[bytes, bool]:
    """Read a key file, and say whether others can too: a pipe or a terminal is nobody else's to read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            status = os.fstat(file.fileno())
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise file_failure(path, error) from None
    is_open = os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_mode & 0o077 != 0
    return content, is_open


def _mistaken_key(content: bytes) -> str:
    """Say what was given in the place of a private key; empty where it is one, or cannot be told."""
    kind = what_it_is(content)
    if kind == "a public key":
        return "this is a public key; give the .key file"
    return "" if kind == "a private key" else mistaken(content, "a private key")


def _key_text(path: str, content: bytes, wanted: str) -> str:
    """Take a key file as text; raises Failure."""
    if len(content) > FILE_BYTES:
        raise Failure(Status.FILES, f"{shown_path(path)}: a key file has at most {FILE_BYTES} bytes")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        words = mistaken(content, wanted) or "a key file is ASCII text"
        raise Failure(Status.FILES, f"{shown_path(path)}: {words}") from None


def read_principal(path: str) -> Principal:
    """Read a public key file, once; raises Failure."""
    content, _ = _read_key(path)
    text = _key_text(path, content, "a public key")
    try:
        return Principal.parse(text)
    except DelegateError as error:
        what = what_it_is(content)
        if what == "a private key":
            words = "this is a private key; give the .pub file"
        else:
            words = "" if what == "a public key" else mistaken(content, "a public key")
        raise Failure(Status.FILES, f"{shown_path(path)}: {words or error.detail}") from None


def read_roots(paths: Iterable[str], speaks_for: Iterable[str]) -> tuple[Root, ...]:
    """Read the roots to trust; `speaks_for` goes for each of them."""
    from delegate.verifier.roots import Root

    patterns = tuple(speaks_for)
    try:
        return tuple(Root(read_principal(path), speaks_for=patterns or None) for path in paths)
    except ValueError as error:
        message = f"--speaks-for: {shown(str(error))}"
        raise click.UsageError(message) from None


def read_bundle(
    source: str | None, pinned_files: Iterable[str], root_files: Iterable[str], speaks_for: Iterable[str]
) -> RootBundle | None:
    """Read the root bundle that a pinned key signed, from a file or a URL; `None` where none was named.

    Raises:
        Failure: a file or a URL; UNTRUSTED where another key signed it. click.UsageError: options that do not fit.
    """
    pinned = tuple(map(read_principal, pinned_files))
    if source is None:
        if pinned:
            message = "--pinned goes with --roots: say where the bundle is"
            raise click.UsageError(message)
        return None
    if tuple(root_files) or tuple(speaks_for):
        message = "--roots says whom to trust and for whom they sign: leave out --root and --speaks-for"
        raise click.UsageError(message)
    if not pinned:
        message = "say whose root bundle counts: --pinned ops.pub"
        raise click.UsageError(message)
    from delegate.trust.bundle import BUNDLE_BYTES, RootBundle

    content = read_anywhere(source, BUNDLE_BYTES * 2)
    try:
        return RootBundle.parse(content, pinned=pinned)
    except DelegateError as error:
        untrusted = error.reason is Reason.UNKNOWN_ROOT
        raise Failure(
            Status.UNTRUSTED if untrusted else Status.NOT_GENUINE,
            f"{shown(source)}: {mistaken(content, 'a root bundle') or error.detail} [{error.reason}]",
            label="" if untrusted else "not a root bundle",
            reason=error.reason,
            detail=error.detail,
        ) from None


def read_request(
    action: str | None,
    resource: str | None,
    json_args: Iterable[tuple[str, object]],
    text_args: Iterable[tuple[str, object]],
    args_file: str | None,
    request_file: str | None,
    http: tuple[str, str] | None,
    body_file: str | None,
) -> Request | None:
    """Put together the request from its options; `None` where none was given.

    Raises:
        click.UsageError: what was given is no request.
        Failure: a file.
    """
    pairs = [*json_args, *text_args]
    named = action is not None or resource is not None
    if request_file is not None:
        if named or pairs or args_file is not None or http is not None or body_file is not None:
            message = "--request gives the whole request: leave out --action, --resource, --http and arguments"
            raise click.UsageError(message)
        return _json_of(request_file, read_file(request_file, _REQUEST_FILE_BYTES), "a request", Request.from_json)
    if http is not None and named:
        message = "--http gives action and resource: leave out --action and --resource"
        raise click.UsageError(message)
    if http is None and body_file is not None:
        message = "--json-body needs --http; for the arguments of any other request, use --args"
        raise click.UsageError(message)
    if body_file is not None and args_file is not None:
        message = "give the arguments by --json-body or by --args, not by both"
        raise click.UsageError(message)
    if http is None and action is None:
        if resource is not None or pairs or args_file is not None:
            message = "a request needs --action or --http"
            raise click.UsageError(message)
        return None
    try:
        values = _args_of_file(args_file if body_file is None else body_file)
        values.update(_distinct(pairs, values))
        meant = {key: from_jsonable(value) for key, value in values.items()}
        return Request.http(*http, meant) if http is not None else Request(action or "", resource, meant)
    except DelegateError as error:
        raise Failure(Status.USAGE, f"not a request: {error.detail}", reason=error.reason) from None
    except ValueError as error:  # an argument called `query`, beside the URL's own
        raise click.UsageError(shown(str(error))) from None


def _json_of(path: str, content: bytes, wanted: str, read: Callable[[bytes], T]) -> T:
    """Read JSON of a file; raises Failure with its name."""
    try:
        return read(content)
    except DelegateError as error:
        detail = mistaken(content, wanted) or error.detail
        raise Failure(Status.USAGE, f"{shown_path(path)}: {detail}", reason=error.reason) from None


def _args_of_file(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    values = _json_of(path, read_file(path, _REQUEST_FILE_BYTES), "a JSON object", parse_json)
    if not isinstance(values, dict):
        raise Failure(Status.USAGE, f"{shown_path(path)}: not a JSON object", reason=Reason.MALFORMED)
    return values


def _distinct(pairs: Iterable[tuple[str, object]], already: dict[str, Any]) -> dict[str, object]:
    values = unique(pairs, "--arg")
    twice = sorted(values.keys() & already.keys())
    if twice:
        message = f"--arg gives `{shown(twice[0])}`, and so does the file with arguments"
        raise click.UsageError(message)
    return values
