"""`delegate budget`, `doctor`: looking at the verifiers' store."""

from __future__ import annotations

import click

from delegate.cli.journal import handing_on
from delegate.cli.options import example, json_option, token_argument
from delegate.cli.output import Failure, Output
from delegate.cli.sources import read_token
from delegate.cli.status import Status
from delegate.cli.stores import create_option, opened, state_option
from delegate.core.chain.printable import counted, shown
from delegate.explain.hops import hops_of


@click.group(no_args_is_help=False)
def budget() -> None:
    """Work with budgets: show."""


@budget.command(epilog=example("delegate budget show worker.token --state sqlite:///state.db"))
@token_argument
@state_option
@json_option
def show(token: str | None, state_url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Show what is spent and what is left of each budget of a chain."""
    out = Output("budget show", as_json=as_json)
    given = read_token(token, out)
    hops = [hop for hop in hops_of(given.link) if hop.budget]
    with opened(state_url) as state:
        spent = state.ledger.spent([hop.block_id for hop in hops])
    pools: list[dict[str, object]] = []
    lines: list[str] = []
    for hop in hops:
        lines.append(f"{hop.index:>2}  {handing_on(hop.signer, hop.holder)}")
        for unit, limit in hop.budget:
            used = spent.get((hop.block_id, unit), 0)
            lines.append(f"    {shown(unit)}: {used} of {limit} spent, {limit - used} left")
            pool = {"hop": hop.index, "block_id": hop.block_id.hex(), "unit": unit}
            pools.append({**pool, "spent": used, "limit": limit, "left": limit - used})
    if not pools:
        out.note("no block of this chain has a budget")
    out.result({"pools": pools}, lines)


@click.command(
    epilog=example("delegate doctor --state redis://localhost", "delegate doctor --state sqlite:///state.db --create")
)
@state_option
@create_option
@json_option
def doctor(state_url: str | None, may_make: bool, as_json: bool) -> None:  # noqa: FBT001
    """Check the settings of a store.

    Shows which of them could lose a revocation or a charge.
    """
    out = Output("doctor", as_json=as_json)
    with opened(state_url, may_make=may_make) as state:
        findings = state.check()
    data = {
        "findings": [{"ok": finding.ok, "what": finding.what, "detail": finding.detail} for finding in findings],
    }
    lines = [f"{'✓' if each.ok else '✗'} {shown(each.what)}: {shown(each.detail, 300)}" for each in findings]
    bad = sum(not finding.ok for finding in findings)
    if bad:
        out.show(lines)
        raise Failure(Status.FILES, f"{bad} of {counted(len(findings), 'setting')} should be changed", data=data)
    out.result(data, lines)
