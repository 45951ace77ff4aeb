"""`delegate mint`, `attenuate`, `seal`, `prove`: what signs. The token alone goes to stdout."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from delegate.authoring.bearer import BearerToken
from delegate.cli.files import check_replaceable, deliver, output_option
from delegate.cli.options import (
    FILE,
    clock,
    conditions,
    example,
    journal_option,
    json_option,
    key_option,
    narrowing_options,
    now_option,
    passphrase_options,
    request_options,
    token_argument,
    unique,
)
from delegate.cli.output import Failure, Output
from delegate.cli.sources import chain_only, read_identity, read_principal, read_request, read_token
from delegate.cli.status import status_of
from delegate.core.chain.claims import BEARER
from delegate.core.chain.links import Link
from delegate.core.chain.printable import shown
from delegate.core.chain.request import Request

if TYPE_CHECKING:
    from delegate.authoring.discharge import Discharge
    from delegate.authoring.minted import Lasting
    from delegate.authoring.terms import Narrowing
    from delegate.authoring.token import Token

T = TypeVar("T")


@click.command(epilog=example("delegate mint --key alice.key --to planner.pub --can 'files.read /reports/**' --ttl 8h"))
@key_option("Private key to sign with: alice.key.")
@click.option("--to", "to_file", type=FILE, metavar="FILE", help="Public key of the receiver: planner.pub.")
@click.option("--bearer", is_flag=True, help="Instead of --to: usable by whoever has it. Needs --audience.")
@narrowing_options
@click.option("--on-behalf-of", metavar="NAME", help="Whose authority this is, if not the key owner's own.")
@click.option("--tenant", metavar="TENANT", help="The only tenant where the token is valid.")
@output_option
@journal_option
@passphrase_options
@now_option
@json_option
def mint(
    key_file: str | None,
    to_file: str | None,
    bearer: bool,  # noqa: FBT001
    on_behalf_of: str | None,
    tenant: str | None,
    output: str | None,
    noted: bool,  # noqa: FBT001
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
    **narrowing: Any,  # noqa: ANN401
) -> None:
    """Start a chain: hand a piece of your authority to an agent."""
    out = Output("mint", as_json=as_json)
    if bearer == (to_file is not None):
        message = (
            "give either --to or --bearer, not both" if bearer else "say who receives it: --to planner.pub, or --bearer"
        )
        raise click.UsageError(message)
    if (narrowing["ttl"] is None) == (narrowing["until"] is None):
        message = "say how long it is valid: either --ttl 8h or --until 2026-12-01T12:00Z"
        raise click.UsageError(message)
    if not narrowing["cans"]:
        message = "say what it permits: --can 'files.read /reports/**'"
        raise click.UsageError(message)
    at = clock(now)
    terms = terms_of(narrowing, at)
    holder = None if to_file is None else read_principal(to_file)
    identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
    shared = cast("Lasting", {**terms, "on_behalf_of": on_behalf_of, "tenant": tenant})  # it was checked to have one
    token: Token | BearerToken
    if holder is None:
        token = authored(lambda: identity.mint(bearer=True, **shared))
    else:
        token = authored(lambda: identity.mint(to=holder, **shared))
    _hand_out(out, token, at, output, noted=noted)


@click.command(
    epilog=example(
        "delegate attenuate planner.token --key planner.key --to worker.pub \\",
        "    --if 'resource.endsWith(\".csv\")' --ttl 10m",
    )
)
@token_argument
@key_option("The holder's private key; not needed for a bearer token.")
@click.option("--to", "to_file", type=FILE, metavar="FILE", help="Also hand it on, to this public key: worker.pub.")
@narrowing_options
@click.option("--dry-run", is_flag=True, help="Show the result, but make no token.")
@output_option
@journal_option
@passphrase_options
@now_option
@json_option
def attenuate(
    token: str | None,
    key_file: str | None,
    to_file: str | None,
    dry_run: bool,  # noqa: FBT001
    output: str | None,
    noted: bool,  # noqa: FBT001
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
    **narrowing: Any,  # noqa: ANN401
) -> None:
    """Narrow a chain that you hold; with --to, also hand it on. Needs no server."""
    out = Output("attenuate", as_json=as_json)
    if narrowing["ttl"] is not None and narrowing["until"] is not None:
        message = "give either --ttl or --until, not both"
        raise click.UsageError(message)
    at = clock(now)
    terms = terms_of(narrowing, at)
    held = chain_only(read_token(token, out))
    holder = None if to_file is None else read_principal(to_file)
    longer: Token | BearerToken
    if isinstance(held, BearerToken):
        if key_file is not None:
            message = "a bearer token carries its own key: leave out --key"
            raise click.UsageError(message)
        bearer = held
        if holder is None:
            longer = authored(lambda: bearer.attenuate(**terms))
        else:
            longer = authored(lambda: bearer.attenuate(to=holder, **terms))
    else:
        identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
        named = held
        longer = authored(lambda: identity.attenuate(named, to=holder, **terms))
    if dry_run:
        _print_dry_run(out, longer.link, at)
        return
    _hand_out(out, longer, at, output, noted=noted)


@click.command(epilog=example("delegate seal bearer.token"))
@token_argument
@output_option
@now_option
@json_option
def seal(token: str | None, output: str | None, now: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Seal a bearer token: it stays usable, but cannot be extended."""
    out = Output("seal", as_json=as_json)
    held = chain_only(read_token(token, out))
    if not isinstance(held, BearerToken):
        message = "only a bearer token can be sealed; for any other, use attenuate --hops 0"
        raise click.UsageError(message)
    at = clock(now)
    _hand_out(out, authored(lambda: held.seal(now=at)), at, output, noted=False)


@click.command(
    epilog=example(
        "delegate prove worker.token --key worker.key --audience files.example.com \\",
        "    --action files.read --resource /reports/q3.csv --arg size=10",
    )
)
@token_argument
@key_option("The holder's private key; not needed for a bearer token.")
@click.option(
    "--audience", required=True, metavar="NAME", help="Name of the service, as it calls itself: files.example.com."
)
@click.option(
    "--discharge",
    "discharge_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="A confirmation that approve or staple printed. May be repeated.",
)
@request_options
@click.option("--anyway", is_flag=True, help="Prove even if the chain itself is sure to be refused.")
@output_option
@passphrase_options
@now_option
@json_option
def prove(
    token: str | None,
    key_file: str | None,
    audience: str,
    discharge_files: tuple[str, ...],
    anyway: bool,  # noqa: FBT001
    output: str | None,
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
    **request_parts: Any,  # noqa: ANN401
) -> None:
    """Prove that you hold a chain, for one request to one service.

    What follows from the chain itself is said first: no service takes a chain that has expired, or a request that the
    chain does not permit.
    """
    out = Output("prove", as_json=as_json)
    request = read_request(**request_parts)
    if request is None:
        message = "say which request: --action files.read --resource /reports/q3.csv, --http GET URL or --request FILE"
        raise click.UsageError(message)
    at = clock(now)
    held = chain_only(read_token(token, out))
    brought = _discharges(discharge_files)
    if isinstance(held, BearerToken):
        bearer = held
        _say_first(out, held, request, audience, brought, at, anyway=anyway)
        presentation = authored(lambda: bearer.prove(request, audience, discharges=brought, now=at))
    else:
        identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
        named = held
        draft = authored(lambda: identity.draft_proof(named, request, audience, discharges=brought, now=at))
        _say_first(out, held, request, audience, brought, at, anyway=anyway)
        presentation = draft.assemble(identity.signer.sign(draft.to_sign))
    out.note(f"proof: {shown(request.action)} at {audience}, valid for about a minute")
    out.note(f"request: {request.describe()}")
    data = {
        "token": presentation.to_text(),
        "kind": "presentation",
        "audience": audience,
        "request": request.to_json(),
        "request_text": request.describe(),
    }
    # Whoever reads it first may have the one request that it is for.
    deliver(out, data, [presentation.to_text()], output, secret=True)


def _say_first(
    out: Output,
    held: Token | BearerToken,
    request: Request,
    audience: str,
    brought: tuple[Discharge, ...],
    at: int,
    *,
    anyway: bool,
) -> None:
    """Say what no service will overlook; raises Failure for it, unless the user wants the proof anyway."""
    from delegate.explain.foreseen import foreseen, unmet_needs

    said = [each.claimed for each in brought]
    error = foreseen(held.link, request, audience, at, said)
    if error is None:
        needed = unmet_needs(held.link, said)
        if needed:
            out.note(f"{needed}; delegate ask writes what to send them")
        return
    from delegate.explain.hops import hops_of
    from delegate.views.layout import escaped

    where = "" if error.hop is None else f"{hops_of(held.link)[error.hop]}: "
    line = escaped(f"{where}{error.detail} [{error.reason}]")
    if not anyway:
        hint = "no proof was made; to make one in spite of this, use --anyway"
        raise Failure(status_of(error), line, reason=error.reason, hop=error.hop, detail=error.detail, hints=[hint])
    out.warn(f"this is sure to be refused: {line}")


def terms_of(narrowing: dict[str, Any], at: int) -> Narrowing:
    """Turn the shared options into what `mint` and `attenuate` take."""
    from delegate.authoring.terms import Narrowing
    from delegate.cli.needs import read_needs
    from delegate.language.conditions import when

    capabilities, caveats = conditions(narrowing["cans"], narrowing["ifs"], narrowing["lets"], when)
    facts: dict[str, str] = unique(narrowing["who"], "--who")
    pools: dict[str, int] = unique(narrowing["budgets"], "--budget")
    return Narrowing(
        can=capabilities or None,
        caveats=caveats or None,
        ttl=narrowing["ttl"],
        expires=narrowing["until"],
        not_before=narrowing["not_before"],
        audience=narrowing["audiences"] or None,
        hops=narrowing["hops"],
        who=facts or None,
        why=narrowing["why"],
        budget=pools or None,
        fresh=narrowing["fresh"],
        needs=read_needs(narrowing["needs"], standing=narrowing["standing"]) or None,
        now=at,
    )


def _discharges(files: tuple[str, ...]) -> tuple[Discharge, ...]:
    if not files:
        return ()
    from delegate.cli.approvals import read_discharges

    return tuple(read_discharges(files))


def authored(make: Callable[[], T]) -> T:
    """Run what signs; what it finds wrong with its arguments is a usage error here."""
    try:
        return make()
    except (ValueError, TypeError) as error:
        raise click.UsageError(shown(str(error), 300)) from None


def _hand_out(out: Output, token: Token | BearerToken, at: int, output: str | None, *, noted: bool) -> None:
    """Note a token, and give it: noted first, so that nothing is out that cannot be found."""
    from delegate.authoring.advice import advice
    from delegate.views.moments import when_from

    if output is not None:
        check_replaceable(output)
    if noted:
        from delegate.cli.journal import note

        note(out, token)
    is_secret = isinstance(token, BearerToken)
    kind = "bearer token, a secret" if is_secret else "token"
    out.note(f"{kind}: {_last(token.link)}, valid until {when_from(token.link.expires, at)}")
    for words in advice(token):
        out.warn(words)
    data: dict[str, object] = {}
    if out.json:
        from delegate.views.chain import view

        word = "bearer" if is_secret else "token"
        data = {"token": token.to_text(), "kind": word, "chain": view(token.link).to_json()}
    deliver(out, data, [token.to_text()], output, secret=is_secret)


def _print_dry_run(out: Output, link: Link, at: int) -> None:
    from delegate.views.chain import view
    from delegate.views.difference import change_lines, changes

    found = view(link)
    hops = changes(link)
    last = found.hops[-1]
    lines = [
        "WOULD append this block; no token was made",
        *last.lines(at),
        "",
        "The chain would then be as follows; each hop shows what it takes away",
        *change_lines(found.head, hops, at),
        "",
        *found.sum_lines(at),
    ]
    data = {"dry_run": True, "block": last.to_json(), "diff": hops[-1].to_json(), "chain": found.to_json()}
    out.result(data, lines)


def _last(link: Link) -> str:
    if not link.handed_on:
        return f"{link.block.holder} narrows its own chain"
    return f"{_party(link.signer)} → {_party(link.block.holder)}"


def _party(name: str) -> str:
    return "whoever has it" if name == BEARER else name
