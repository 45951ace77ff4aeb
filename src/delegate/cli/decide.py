"""`delegate verify`, `check`: what a chain allows.

The rules of this file:

- Status 0 never means more than the words do: a chain that is genuine is not a request that is allowed.
- `verify` decides as a service does, and spends what a service would; `check` only says what would come of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from delegate.cli.checks import Inspection, affordable, charged, checks, items_json
from delegate.cli.directories import deciding_options, known_by
from delegate.cli.logs import audited, log_option
from delegate.cli.options import (
    FILE,
    amount_pair,
    clock,
    example,
    json_option,
    json_pair,
    now_option,
    request_options,
    root_options,
    token_argument,
    unique,
)
from delegate.cli.output import Failure, Output, failure_of
from delegate.cli.sources import read_bundle, read_principal, read_request, read_roots, read_token
from delegate.cli.status import Status
from delegate.cli.verifiers import (
    NO_REQUEST,
    check_stdin,
    claimed_audience,
    make_verifier,
    open_backing,
    revocation_options,
    third_party_option,
    vouched_by,
)
from delegate.core.chain.request import normalise
from delegate.errors import DelegateError, Denied, Reason
from delegate.verifier.decision import Decision
from delegate.verifier.roots import Root
from delegate.views.chain import view
from delegate.views.checked import Checked
from delegate.views.decision import decision_lines
from delegate.views.layout import titled_items

cost_option = click.option(
    "--cost",
    "costs",
    type=amount_pair,
    multiple=True,
    metavar="UNIT=AMOUNT",
    help="What the request costs its budgets: usd_cents=320. May be repeated.",
)


@click.command(
    epilog=example(
        "delegate verify worker.proof --root alice.pub --audience files.example.com \\",
        "    --action files.read --resource /reports/q3.csv --arg size=10",
    )
)
@token_argument
@root_options
@revocation_options
@click.option("--audience", metavar="NAME", help="Name of this service, as it calls itself: files.example.com.")
@request_options
@click.option(
    "--env", type=json_pair, multiple=True, metavar="K=V", help="Fact that the service vouches for. May be repeated."
)
@cost_option
@third_party_option
@deciding_options
@click.option("--tenant", metavar="TENANT", help="Tenant that the service serves.")
@click.option("--bearer", is_flag=True, help="Accept bearer chains too.")
@click.option(
    "--principal",
    "principals",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Public key whose name you vouch for: worker.pub. May be repeated.",
)
@click.option(
    "--policy", "policies", multiple=True, metavar="CONDITION", help="Condition of the service's own. May be repeated."
)
@click.option("--explain", is_flag=True, help="Show what each hop says to the request, and who could grant it.")
@log_option
@now_option
@json_option
def verify(
    token: str | None,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    bundle_source: str | None,
    pinned_files: tuple[str, ...],
    list_files: tuple[str, ...],
    revoker_files: tuple[str, ...],
    max_age_s: int | None,
    state_url: str | None,
    audience: str | None,
    env: tuple[tuple[str, object], ...],
    costs: tuple[tuple[str, int], ...],
    third_party_files: tuple[str, ...],
    directory_url: str | None,
    require_known: bool,  # noqa: FBT001
    tenant: str | None,
    bearer: bool,  # noqa: FBT001
    principals: tuple[str, ...],
    policies: tuple[str, ...],
    explain: bool,  # noqa: FBT001
    log_url: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
    **request_parts: Any,  # noqa: ANN401
) -> None:
    """Decide a request as a service would: allowed or refused.

    Without a request, only the chain is checked.
    """
    out = Output("verify", as_json=as_json)
    at = clock(now)
    check_stdin(token, list_files)
    request = read_request(**request_parts)
    if request is not None and audience is None:
        message = "say which service decides: --audience files.example.com"
        raise click.UsageError(message)
    if request is None and costs:
        message = "--cost needs a request: --action files.read --resource /reports/q3.csv"
        raise click.UsageError(message)
    if request is not None and state_url and now is not None:
        message = "--now cannot be used with --state: shared stores go by the system's clock"
        raise click.UsageError(message)
    bundle = read_bundle(bundle_source, pinned_files, roots, speaks_for)
    trusted = () if bundle is not None else _needed_roots(roots, speaks_for)
    names, confirming = vouched_by(bundle, at)
    vouched = (*map(read_principal, principals), *names)
    parties = (*map(read_principal, third_party_files), *confirming)
    cost = unique(costs, "--cost")
    facts = _facts(env)
    given = read_token(token, out)
    service = audience if audience is not None else claimed_audience(given)
    with (
        open_backing(list_files, revoker_files, max_age_s, state_url, now=at, bundle=bundle) as backing,
        known_by(directory_url, tenant) as directory,
        audited(None if request is None else log_url) as log,
    ):
        inspection = Inspection(
            given=given,
            backing=backing,
            now=at,
            audience=audience,
            parties=parties,
            proven=request is not None,
            cost=None if request is None else cost,
        )
        verifier = make_verifier(
            trusted,
            backing,
            audience=service,
            now=at,
            tenant=tenant,
            bearer=bearer,
            principals=vouched,
            policies=policies,
            third_parties=parties,
            bundle=bundle,
            directory=directory,
            require_known=require_known,
            audit=log,
        )
        if request is None:
            decision = verifier.preview(given, NO_REQUEST)
        else:
            decision = verifier.decide(given, request, env=facts, cost=cost)
        items = checks(decision, inspection)
    if request is None:
        _print_chain(out, decision, inspection, items)
    else:
        _print_decision(out, decision, inspection, items, explain=explain)


@click.command(
    epilog=example("delegate check worker.token --root alice.pub --action files.read --resource /reports/q3.csv")
)
@token_argument
@root_options
@revocation_options
@click.option("--audience", metavar="NAME", help="Name of the service that decides. Default: one that the chain names.")
@request_options
@click.option(
    "--env",
    type=json_pair,
    multiple=True,
    metavar="K=V",
    help="Fact that the service would vouch for. May be repeated.",
)
@cost_option
@third_party_option
@deciding_options
@click.option("--tenant", metavar="TENANT", help="Tenant that the service serves.")
@click.option(
    "--principal",
    "principals",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Public key whose name you vouch for: worker.pub. May be repeated.",
)
@now_option
@json_option
def check(
    token: str | None,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    bundle_source: str | None,
    pinned_files: tuple[str, ...],
    list_files: tuple[str, ...],
    revoker_files: tuple[str, ...],
    max_age_s: int | None,
    state_url: str | None,
    audience: str | None,
    env: tuple[tuple[str, object], ...],
    costs: tuple[tuple[str, int], ...],
    third_party_files: tuple[str, ...],
    directory_url: str | None,
    require_known: bool,  # noqa: FBT001
    tenant: str | None,
    principals: tuple[str, ...],
    now: int | None,
    as_json: bool,  # noqa: FBT001
    **request_parts: Any,  # noqa: ANN401
) -> None:
    """Show what a chain would allow, without a proof. No service acts on this."""
    out = Output("check", as_json=as_json)
    at = clock(now)
    check_stdin(token, list_files)
    request = read_request(**request_parts)
    if request is None:
        message = "say which request: --action files.read --resource /reports/q3.csv, or --request FILE"
        raise click.UsageError(message)
    bundle = read_bundle(bundle_source, pinned_files, roots, speaks_for)
    trusted = () if bundle is not None else _needed_roots(roots, speaks_for)
    names, confirming = vouched_by(bundle, at)
    vouched = (*map(read_principal, principals), *names)
    parties = (*map(read_principal, third_party_files), *confirming)
    cost = unique(costs, "--cost")
    facts = _facts(env)
    given = read_token(token, out)
    service = audience if audience is not None else claimed_audience(given)
    with (
        open_backing(list_files, revoker_files, max_age_s, state_url, now=at, bundle=bundle) as backing,
        known_by(directory_url, tenant) as directory,
    ):
        inspection = Inspection(given=given, backing=backing, now=at, audience=audience, cost=cost)
        verifier = make_verifier(
            trusted,
            backing,
            audience=service,
            now=at,
            tenant=tenant,
            bearer=True,
            principals=vouched,
            third_parties=parties,
            bundle=bundle,
            directory=directory,
            require_known=require_known,
        )
        decision = affordable(verifier.preview(given, request, env=facts), cost, backing.state)
        items = checks(decision, inspection)
    _print_decision(out, decision, inspection, items, explain=True)


def _needed_roots(paths: tuple[str, ...], speaks_for: tuple[str, ...]) -> tuple[Root, ...]:
    if not paths:
        message = "say whom you trust: --root alice.pub, or --roots URL with --pinned ops.pub"
        raise click.UsageError(message)
    return read_roots(paths, speaks_for)


def _facts(env: tuple[tuple[str, object], ...]) -> dict[str, object]:
    try:
        return normalise(unique(env, "--env"), "--env")
    except DelegateError as error:
        raise Failure(Status.USAGE, error.detail, reason=error.reason) from None


def _print_chain(out: Output, decision: Decision, inspection: Inspection, items: Sequence[Checked]) -> None:
    """Print what came of the chain, and say plainly that nothing more was decided."""
    chain = decision.chain
    data = {"genuine": chain is not None, "allowed": None, "checked": items_json(items)}
    # What this one said to the request that nobody made is of no interest; anything before that is.
    if decision.error is not None and not isinstance(decision.error, Denied):
        raise failure_of(decision.error, chain, data, _hints(decision, inspection))
    found = view(inspection.given.link, b"" if chain is None else chain.root.can, inspection.parties)
    lines = [
        "GENUINE  the chain is genuine; the holder is not proven; no request was decided",
        "",
        *found.hop_lines(inspection.now),
        "",
        *found.sum_lines(inspection.now),
        *titled_items("Checked", map(str, items)),
    ]
    out.result({**data, "chain": found.to_json()}, lines)


def _print_decision(
    out: Output, decision: Decision, inspection: Inspection, items: Sequence[Checked], *, explain: bool
) -> None:
    """Print a decision, and fail where it refuses."""
    lines = [*decision_lines(decision, inspection.now, hops=explain), *titled_items("Checked", map(str, items))]
    data = {**decision.to_json(), "charged": charged(decision, inspection.cost or {}), "checked": items_json(items)}
    if decision.reason is Reason.PROOF_WRONG_REQUEST:
        data["request_text"] = decision.request.describe()
    if decision.error is None:
        out.result(data, lines)
        return
    if explain:
        out.show(lines)
    raise failure_of(decision.error, decision.chain, data, _hints(decision, inspection))


def _hints(decision: Decision, inspection: Inspection) -> tuple[str, ...]:
    """Say which option helps against a refusal that is not the token's fault."""
    backing, reason = inspection.backing, decision.reason
    if reason is Reason.PROOF_WRONG_REQUEST:
        return (
            f"the request here: {decision.request.describe()}",
            "delegate prove says which request it proved; the two differ somewhere",
        )
    if reason is Reason.BUDGET_UNAVAILABLE:
        return ("budgets are charged in a store: --state sqlite:///state.db, redis://… or postgresql://…",)
    if reason is Reason.BUDGET_UNPRICED:
        return ("say what the request costs: --cost UNIT=AMOUNT",)
    if reason is Reason.REVOCATION_STALE and not backing.revokers:
        return ("say whose lists must be fresh: --revoker alice.pub, with --revocations or --state",)
    if reason is Reason.REVOCATION_STALE and backing.revocations is None:
        return ("say where their lists are: --revocations FILE or --state URL",)
    if reason is Reason.DISCHARGE_UNEXPECTED and not inspection.parties and _has_needs(decision):
        return ("say whose confirmations count: --third-party bob.pub",)
    if reason is Reason.DISCHARGE_UNEXPECTED and not backing.revokers:
        return ("say whose staples count: --revoker alice.pub",)
    if reason is Reason.DISCHARGE_MISSING:
        whose = "" if inspection.parties else "; --third-party says whose answers count"
        return (f"others must confirm this: delegate ask writes what to send them, delegate approve answers it{whose}",)
    return ()


def _has_needs(decision: Decision) -> bool:
    return decision.chain is not None and bool(decision.chain.link.needs)
