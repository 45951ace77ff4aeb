"""`delegate serve`: decide requests for a proxy that stands before services in any language."""

from __future__ import annotations

import time

import click

from delegate.cli.options import combined, example, root_key_options
from delegate.cli.output import Failure
from delegate.cli.sources import read_principal, read_roots
from delegate.cli.status import Status
from delegate.cli.verifiers import open_backing, revocation_options, third_party_option
from delegate.core.chain.printable import shown
from delegate.errors import CaveatSyntaxError

_LISTENING = combined(
    click.option("--listen", default="127.0.0.1:8700", show_default=True, metavar="HOST:PORT", help="Where to listen."),
    click.option("--show-config", is_flag=True, help="Print what belongs into the proxy's own file, and end."),
    click.option("--host", metavar="NAME", help="With --show-config: the host that is guarded."),
    click.option("--backend", metavar="HOST:PORT", help="With --show-config: where the service listens."),
)


@click.command(
    epilog=example(
        "delegate serve --forward-auth caddy --root alice.pub --audience files.example.com \\",
        "    --origin https://files.example.com --state sqlite:///state.db",
        "delegate serve --forward-auth nginx --show-config --host files.example.com \\",
        "    --backend 127.0.0.1:9000",
    )
)
@click.option(
    "--forward-auth",
    "dialect",
    type=click.Choice(["nginx", "caddy"]),
    required=True,
    help="Which proxy asks.",
)
@root_key_options
@revocation_options
@click.option("--audience", metavar="NAME", help="Name of the service, as proofs must have it: files.example.com.")
@click.option("--origin", metavar="URL", help="Where clients reach the service: https://files.example.com.")
@third_party_option
@click.option("--tenant", metavar="TENANT", help="Tenant that the service serves.")
@click.option("--bearer", is_flag=True, help="Accept bearer chains too.")
@click.option(
    "--policy", "policies", multiple=True, metavar="CONDITION", help="Condition of the service's own. May be repeated."
)
@_LISTENING
def serve(
    dialect: str,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    list_files: tuple[str, ...],
    revoker_files: tuple[str, ...],
    max_age_s: int | None,
    state_url: str | None,
    audience: str | None,
    origin: str | None,
    third_party_files: tuple[str, ...],
    tenant: str | None,
    bearer: bool,  # noqa: FBT001
    policies: tuple[str, ...],
    listen: str,
    show_config: bool,  # noqa: FBT001
    host: str | None,
    backend: str | None,
) -> None:
    """Decide requests for a proxy that stands before a service.

    The proxy asks for each request, and passes it on where it is allowed, with the headers X-Delegate-Originator,
    -Holder, -Expires and -Proof. A request with a body is refused. Runs until it is stopped.
    """
    from delegate.integrations.forward_auth import configuration

    address, port = _address(listen)
    if show_config:
        if host is None or backend is None:
            message = "--show-config needs --host files.example.com and --backend 127.0.0.1:9000"
            raise click.UsageError(message)
        _address(backend)
        click.echo(configuration(dialect, host=host, check=listen, backend=backend), nl=False)
        return
    if audience is None or origin is None:
        message = "say which service it is: --audience files.example.com --origin https://files.example.com"
        raise click.UsageError(message)
    trusted = read_roots(roots, speaks_for)
    if not trusted:
        message = "say whom you trust: --root alice.pub"
        raise click.UsageError(message)
    parties = tuple(map(read_principal, third_party_files))
    with open_backing(list_files, revoker_files, max_age_s, state_url, now=int(time.time())) as backing:
        from delegate.integrations.forward_auth import ForwardAuth
        from delegate.integrations.guard import Guard
        from delegate.verifier.verifier import Verifier

        try:
            verifier = Verifier(
                trusted,
                audience=audience,
                tenant=tenant or None,
                bearer=bearer,
                policy=policies or None,
                third_parties=parties or None,
                revokers=backing.revokers or None,
                max_revocation_age=backing.max_age_s,
                revocations=backing.revocations,
                state=backing.state,
            )
            guard = Guard(verifier, origin=origin)
        except CaveatSyntaxError:
            raise
        except (ValueError, TypeError) as error:
            raise click.UsageError(shown(str(error), 300)) from None
        _run(ForwardAuth(guard, dialect), address, port)


def _address(given: str) -> tuple[str, int]:
    name, _, port = given.rpartition(":")
    if not name or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        message = f"`{shown(given)}` is not an address; write it like 127.0.0.1:8700"
        raise click.UsageError(message)
    return name.strip("[]"), int(port)


def _run(application: object, address: str, port: int) -> None:
    import socket

    try:
        import uvicorn
    except ImportError:
        raise Failure(Status.FILES, "a server is missing: pip install 'delegate-token[serve]'") from None
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, proto=socket.IPPROTO_TCP) as listening:  # asyncio sets TCP_NODELAY for this alone
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(512)
        click.echo(f"deciding on {address}:{listening.getsockname()[1]}", err=True)
        # No header of a proxy's moves the address or the scheme of a request: none is read.
        config = uvicorn.Config(
            application,  # type: ignore[arg-type]
            log_level="warning",
            lifespan="off",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            h11_max_incomplete_event_size=128 * 1024,
        )
        uvicorn.Server(config).run(sockets=[listening])
