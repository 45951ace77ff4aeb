"""`delegate login`, `whoami`, `logout`: a person's chain, without any key file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from delegate.cli.options import clock, duration, example, json_option, now_option
from delegate.cli.output import Failure, Output, file_failure
from delegate.cli.status import Status
from delegate.core.chain.printable import counted, shown
from delegate.errors import DelegateError

if TYPE_CHECKING:
    from delegate.authoring.identity import Identity
    from delegate.issue.client import Wanted
    from delegate.issue.login import LoggedIn, Provider
    from delegate.issue.logins import Login

_FILE: Final = "login.json"


def login_file() -> Path:
    """Say where the login is kept: beside the journal."""
    from delegate.journal.file import default_path

    try:
        return default_path().with_name(_FILE)
    except FileNotFoundError as error:
        raise Failure(Status.FILES, shown(str(error.strerror), 300)) from None


def kept() -> Login | None:
    """Read the login that is kept; `None` where there is none. Raises Failure."""
    from delegate.issue import logins

    path = login_file()
    try:
        return logins.load(path)
    except OSError as error:
        raise file_failure(path, error) from None
    except DelegateError as error:
        raise Failure(Status.FILES, f"{shown(str(path), 300)}: {error.detail}") from None


@click.command(epilog=example("delegate login --issuer https://issuer.example.com"))
@click.option("--issuer", "url", metavar="URL", help="Address of the issuer. Default: the one of the last login.")
@click.option("--device", is_flag=True, help="Log in with a browser on another machine.")
@click.option("--no-browser", is_flag=True, help="Show the address, and open no browser.")
@click.option("--name", default="agent:cli", show_default=True, metavar="NAME", help="What the key is called.")
@click.option("--grant", default="", metavar="NAME", help="Grant of the issuer's policy to ask for.")
@click.option("--audience", "audiences", multiple=True, metavar="NAME", help="Service to use it at. May be repeated.")
@click.option("--ttl", type=duration, metavar="DURATION", help="How long it shall be valid: 15m, 8h.")
@json_option
def login(
    url: str | None,
    device: bool,  # noqa: FBT001
    no_browser: bool,  # noqa: FBT001
    name: str,
    grant: str,
    audiences: tuple[str, ...],
    ttl: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Log in, and get a chain for a new key of this user's.

    Other commands take this key and this chain where none is named. Where the provider gave a refresh token, a later
    login needs no browser.
    """
    out = Output("login", as_json=as_json)
    from delegate.core.keys.names import is_name
    from delegate.issue.client import Wanted
    from delegate.issue.own_files import locked

    if not is_name(name):
        message = "--name: a name is a scheme, a colon and visible characters, like agent:cli"
        raise click.UsageError(message)
    before = kept()
    place = (url or (before.issuer if before else "")).rstrip("/")
    if not place:
        message = "say where: --issuer https://issuer.example.com"
        raise click.UsageError(message)
    wanted = Wanted(audience=audiences, grant=grant, ttl=f"{ttl}s" if ttl else "")
    path = login_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with locked(path):
            before = kept()
            made = None
            if before is not None and before.issuer == place and before.refresh and before.identity.name == name:
                made = _again(out, before, wanted, path)
            if made is None:
                made = _anew(out, place, name, wanted, path, device=device, no_browser=no_browser)
    except ImportError as error:
        raise Failure(Status.FILES, shown(str(error), 300)) from None
    except OSError as error:
        raise file_failure(path, error) from None
    _show(out, made, int(time.time()))


def _anew(out: Output, place: str, name: str, wanted: Wanted, path: Path, *, device: bool, no_browser: bool) -> Login:
    """Log in with a browser."""
    from delegate.authoring.identity import Identity
    from delegate.issue import login as flows
    from delegate.issue import logins
    from delegate.issue.client import exchange, metadata

    said = metadata(place)
    provider = flows.provider_of(said)
    identity = Identity.generate(name)
    found = _flow(out, provider, identity, device=device, no_browser=no_browser)
    token = exchange(str(said.get("token_endpoint")), identity, found, wanted)
    made = logins.Login(
        issuer=place,
        identity=identity,
        token=token,
        endpoint=provider.endpoint("token_endpoint"),
        revocation=str(provider.endpoints.get("revocation_endpoint", "")),
        client=provider.client,
        refresh=found.refresh_token,
        salt=found.salt,
    )
    logins.save(path, made)
    return made


def _flow(out: Output, provider: Provider, identity: Identity, *, device: bool, no_browser: bool) -> LoggedIn:
    from delegate.issue import login as flows

    if device:
        return flows.by_device(
            provider, lambda address, code: out.prompt(f"Open {shown(address, 500)} and enter {shown(code)}")
        )

    def show(address: str) -> None:
        out.prompt(f"Log in at {shown(address, 2000)}")
        if not no_browser:
            import webbrowser
            from threading import Thread

            # Beside: a browser in a terminal goes on until somebody ends it, and the login has a deadline.
            Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    return flows.by_browser(provider, identity.public_key, show)


def _again(out: Output, before: Login, wanted: Wanted, path: Path) -> Login | None:
    """Log in by the refresh token; `None` where that does not do, and the person is needed."""
    from dataclasses import replace

    from delegate.issue import logins
    from delegate.issue.client import exchange, metadata
    from delegate.issue.login import refreshed

    try:
        said = metadata(before.issuer)
        found = refreshed(
            before.endpoint,
            before.client,
            before.refresh,
            before.salt,
            lambda newer: logins.save(path, before.with_refresh(newer)),
        )
        token = exchange(str(said.get("token_endpoint")), before.identity, found, wanted)
    except DelegateError as error:
        out.note(f"the login cannot be renewed ({shown(error.detail, 200)}); log in again")
        return None
    made = replace(before, token=token, refresh=found.refresh_token)
    logins.save(path, made)
    return made


@click.command(epilog=example("delegate whoami --json"))
@now_option
@json_option
def whoami(now: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Show who is logged in here, for what, and until when."""
    out = Output("whoami", as_json=as_json)
    found = kept()
    if found is None:
        raise Failure(Status.UNTRUSTED, "nobody is logged in; see delegate login", label="not logged in")
    at = clock(now)
    if found.token.expires <= at:
        _fail_over(found)
    _show(out, found, at)


@click.command(epilog=example("delegate logout --json"))
@json_option
def logout(as_json: bool) -> None:  # noqa: FBT001
    """Log out: take the chain back, and forget key and login.

    The issuer puts the chain onto its list of revocations, if it keeps one, and the provider forgets the refresh token.
    """
    out = Output("logout", as_json=as_json)
    from delegate.issue import logins
    from delegate.issue.own_files import locked

    path = login_file()
    found = kept()
    if found is None:
        raise Failure(Status.UNTRUSTED, "nobody is logged in", label="not logged in")
    done: dict[str, object] = {"taken_back": False, "refresh_token_forgotten": False}
    try:
        with locked(path):
            done["taken_back"] = _taken_back(out, found)
            done["refresh_token_forgotten"] = _forgotten(out, found)
            logins.remove(path)
    except OSError as error:
        raise file_failure(path, error) from None
    out.note(f"{found.token.originator} is logged out")
    out.result({"originator": found.token.originator, **done}, ())


def _taken_back(out: Output, found: Login) -> bool:
    """Ask the issuer to take the chain back; where it does not, its end does."""
    from delegate.issue.client import metadata, take_back

    if found.token.expires <= time.time():
        return False
    try:
        endpoint = metadata(found.issuer).get("revocation_endpoint")
        if not isinstance(endpoint, str):
            out.warn("the issuer keeps no list of revocations: the chain stays good to its end")
            return False
        answer = take_back(endpoint, found.identity, found.token)
    except DelegateError as error:
        out.warn(f"the chain could not be taken back, and stays good to its end: {shown(error.detail, 200)}")
        return False
    if answer.status != 200:
        out.warn(f"the issuer did not take the chain back, and it stays good to its end: status {answer.status}")
    return answer.status == 200


def _forgotten(out: Output, found: Login) -> bool:
    from delegate.issue.login import forgotten

    if not found.refresh or not found.revocation:
        return False
    try:
        forgotten(found.revocation, found.client, found.refresh)
    except DelegateError as error:
        out.warn(shown(error.detail, 200))
        return False
    return True


def _fail_over(found: Login) -> None:
    raise Failure(
        Status.REFUSED, f"the login of {found.token.originator} is over; see delegate login", label="not logged in"
    )


def _show(out: Output, found: Login, now: int) -> None:
    from delegate.views.moments import when_from

    token = found.token
    data = {
        "originator": token.originator,
        "name": found.identity.name,
        "issuer": found.issuer,
        "expires": token.expires,
        "hops_left": token.link.hops_left,
        "block_id": token.id.hex(),
        "thumbprint": found.identity.public_key.thumbprint.hex(),
    }
    lines = [
        f"{token.originator}, as {found.identity.name}",
        f"valid until {when_from(token.expires, now)}, {counted(token.link.hops_left, 'hop')} left",
        f"from {shown(found.issuer, 200)}",
    ]
    out.result(data, lines)
