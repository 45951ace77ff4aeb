"""`delegate can`, `diff`: what a chain can ever do, and what each hop took away. Nothing is decided, and nothing spent.

The rules of this file:

- Status 0 of `can` means that what was asked was shown: a request with `--ever`, that there is none with `--never`.
- Without a root the answer is about what is claimed, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import click

from delegate.analysis.proofs import Answer, Example, ever, removes
from delegate.analysis.proofs.child import MEMORY_BYTES, TIME_LIMIT_S
from delegate.analysis.proofs.question import NEVER, YES
from delegate.cli.options import clock, example, json_option, now_option, root_options, token_argument
from delegate.cli.output import Failure, Output, failure_of
from delegate.cli.sources import read_bundle, read_roots, read_token
from delegate.cli.status import Status
from delegate.cli.verifiers import NO_REQUEST, claimed_audience, make_verifier, open_backing
from delegate.core.chain.printable import shown
from delegate.errors import Denied, Reason
from delegate.explain.unverified import AnyToken, UnverifiedToken
from delegate.language.conditions import when
from delegate.trust.bundle import RootBundle
from delegate.verifier.decision import Decision
from delegate.verifier.roots import Root
from delegate.verifier.verified import VerifiedChain
from delegate.views.chain import view
from delegate.views.difference import change_lines, changes

_CLAIMED: Final = "CLAIMED, not checked: anyone could have written this. Give --root to check who signed it."
# Refusals of a request that say nothing of the chain's conditions: what else a service would want.
_BESIDE: Final = frozenset(
    {
        *(Reason.DISCHARGE_MISSING, Reason.DISCHARGE_REFUSED, Reason.BUDGET_UNAVAILABLE, Reason.BUDGET_UNPRICED),
        *(Reason.REVOCATION_STALE, Reason.STATE_UNAVAILABLE, Reason.BUDGET_EXHAUSTED),
    }
)

limit_option = click.option(
    "--time-limit",
    "limit_s",
    type=click.FloatRange(0.1, 3600),
    default=TIME_LIMIT_S,
    metavar="SECONDS",
    help="How long to look for a proof. Default: 2.",
)


@click.command(
    epilog=example(
        "delegate can worker.token --root alice.pub --ever 'action == \"pay\" && args.amount > 500'",
        "delegate can worker.token --root alice.pub --never '!path.within(resource, \"/reports\")'",
    )
)
@token_argument
@root_options
@click.option(
    "--ever", "wanted", metavar="CONDITION", help="Show a request that is permitted and of which this is true."
)
@click.option("--never", "unwanted", metavar="CONDITION", help="Prove that there is no such request; else fail.")
@limit_option
@now_option
@json_option
def can(
    token: str | None,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    bundle_source: str | None,
    pinned_files: tuple[str, ...],
    wanted: str | None,
    unwanted: str | None,
    limit_s: float,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Prove that a chain can never do something, or show that it can.

    Needs, budgets and a service's own policy are left aside: they can only forbid more.
    """
    out = Output("can", as_json=as_json)
    if (wanted is None) == (unwanted is None):
        message = "say what to look for: --ever CONDITION, or --never CONDITION"
        raise click.UsageError(message)
    asked = when(wanted if wanted is not None else unwanted or "")
    at = clock(now)
    trusted = _trusted(roots, speaks_for, bundle_source, pinned_files)
    given = read_token(token, out)
    chain = _genuine(given, trusted, at) if trusted is not None else None
    tried: list[Decision] = []

    def confirm(found: Example) -> bool:
        return trusted is not None and _confirmed(given, trusted, found, tried)

    answer = ever(
        chain if chain is not None else UnverifiedToken.parse(given).token.link,
        asked,
        confirm=confirm if trusted is not None else None,
        time_limit_s=limit_s,
        memory_bytes=MEMORY_BYTES,
    )
    beside = tried[-1].error if tried and answer.verdict == YES else None
    lines = [*_answer_lines(answer), *([] if trusted is not None else [_CLAIMED])]
    if beside is not None:
        lines.append(f"The conditions allow it; a service would still want: {shown(beside.detail, 300)}")
    data = {
        "genuine": None if trusted is None else True,
        "condition": str(asked),
        **answer.to_json(),
        "still_wanted": None if beside is None else str(beside.reason),
    }
    if answer.verdict == (YES if wanted is not None else NEVER):
        out.result(data, lines)
        return
    out.show(lines)
    raise Failure(Status.REFUSED, _failed(answer, proving=unwanted is not None), label="not shown", data=data)


def _failed(answer: Answer, *, proving: bool) -> str:
    if answer.verdict == YES:
        return "there is such a request"
    if answer.verdict == NEVER:
        return "there is no such request"
    return f"neither {'a proof' if proving else 'a request'} nor its opposite was found"


def _answer_lines(answer: Answer) -> list[str]:
    if answer.verdict == NEVER:
        how = "exact" if answer.exact else "whichever way what was left open comes out"
        return [f"NEVER  no request does that: proved, {how}"]
    if answer.verdict != YES or answer.example is None:
        return ["CANNOT TELL", *(f"  {shown(each, 300)}" for each in answer.because)]
    return ["YES  for example:", *_example_lines(answer.example)]


def _example_lines(found: Example) -> list[str]:
    lines = [f"  {shown(found.request.describe(), 2_000)}"]
    if found.env:
        from delegate.core.chain.request import describe

        lines.append(f"  where the service vouches for {shown(describe(found.env), 1_000)}")
    if found.holder_name:
        lines.append(f"  where the service knows its holder as {shown(found.holder_name)}")
    at = f" at {shown(found.audience)}" if found.audience else ""
    return [*lines, f"  asked{at} at {_moment(found.now)}"]


def _moment(now: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Trusted(NamedTuple):
    """Whom the caller trusts: roots, or a bundle of them."""

    roots: Sequence[Root]
    bundle: RootBundle | None


def _trusted(
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    bundle_source: str | None,
    pinned_files: tuple[str, ...],
) -> _Trusted | None:
    """Read whom to trust; `None`: nobody was named."""
    bundle = read_bundle(bundle_source, pinned_files, roots, speaks_for)
    found = read_roots(roots, speaks_for)
    return _Trusted(found, bundle) if found or bundle is not None else None


def _genuine(given: AnyToken, trusted: _Trusted, now: int) -> VerifiedChain:
    """Check who signed the chain; of one that is over, the answer is about what it could do."""
    with open_backing((), (), None, None, now=now, bundle=trusted.bundle) as backing:
        verifier = make_verifier(
            trusted.roots,
            backing,
            audience=claimed_audience(given),
            now=now,
            tenant=_tenant(given),
            bearer=True,
            bundle=trusted.bundle,
        )
        decision = verifier.preview(given, NO_REQUEST)
    if decision.chain is not None:
        return decision.chain
    assert decision.error is not None  # noqa: S101 - what was not verified was refused
    raise failure_of(decision.error, None, {"genuine": False})


def _tenant(given: AnyToken) -> str:
    return UnverifiedToken.parse(given).token.link.up()[0].block.tenant


def _confirmed(given: AnyToken, trusted: _Trusted, found: Example, tried: list[Decision]) -> bool:
    """Try the example as a service would; what it wants beside the conditions is noted."""
    with open_backing((), (), None, None, now=found.now, bundle=trusted.bundle) as backing:
        verifier = make_verifier(
            trusted.roots,
            backing,
            audience=found.audience or claimed_audience(given),
            now=found.now,
            tenant=_tenant(given),
            bearer=True,
            bundle=trusted.bundle,
        )
        decision = verifier.preview(given, found.request, env=dict(found.env))
    tried.append(decision)
    refused = decision.error
    if refused is None or decision.reason in _BESIDE:
        return True
    # A holder's name is what the directory of a service says; there is none here.
    return isinstance(refused, Denied) and bool(found.holder_name)


@click.command(epilog=example("delegate diff worker.token --root alice.pub --proof"))
@token_argument
@root_options
@click.option("--proof", is_flag=True, help="Prove of each hop whether it takes anything away, with an example.")
@limit_option
@now_option
@json_option
def diff(
    token: str | None,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    bundle_source: str | None,
    pinned_files: tuple[str, ...],
    proof: bool,  # noqa: FBT001
    limit_s: float,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Show what each hop of a chain took away.

    With --proof, each hop is asked for a request that those above it permit, and it does not.
    """
    out = Output("diff", as_json=as_json)
    at = clock(now)
    trusted = _trusted(roots, speaks_for, bundle_source, pinned_files)
    given = read_token(token, out)
    chain = _genuine(given, trusted, at) if trusted is not None else None
    link = UnverifiedToken.parse(given).token.link
    bound = b"" if chain is None else chain.root.can
    hops = changes(link, bound)
    lines = [*([] if trusted is not None else [_CLAIMED, ""]), *change_lines(view(link, bound).head, hops, at)]
    data: dict[str, object] = {
        "genuine": None if chain is None else True,
        "diff": [each.to_json() for each in hops],
    }
    if proof:
        subject = chain if chain is not None else link
        answers = [removes(subject, hop, time_limit_s=limit_s) for hop in range(1, len(hops))]
        lines += ["", *(line for hop, each in enumerate(answers, 1) for line in _removal_lines(hop, each))]
        data["proof"] = [{"hop": hop, **each.to_json()} for hop, each in enumerate(answers, 1)]
    out.result(data, lines)


def _removal_lines(hop: int, answer: Answer) -> list[str]:
    if answer.verdict == NEVER:
        how = "" if answer.exact else ", whichever way what was left open comes out"
        return [f"hop {hop} takes nothing away: proved{how}"]
    if answer.verdict != YES or answer.example is None:
        return [f"hop {hop}: cannot tell; {shown('; '.join(answer.because), 300)}"]
    return [f"hop {hop} takes away, for example:", *_example_lines(answer.example)]
