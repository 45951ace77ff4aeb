"""`delegate inspect`, `verify`, `check`: what a chain says, whether it is genuine, what it allows.

The rules of this file:

- What was not checked is said every time.
- Status 0 never means more than the words do: a chain that is genuine is not a request that is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from delegate.chain.request import Request, normalise
from delegate.chain.text import shown
from delegate.chain.unverified import AnyToken, UnverifiedToken
from delegate.cli.options import (
    FILE,
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
from delegate.cli.sources import read_principal, read_request, read_roots, read_token
from delegate.cli.status import Status
from delegate.errors import CaveatSyntaxError, DelegateError, Denied, Reason
from delegate.explain import Checked, Mark, change_lines, changes, checked, decision_lines, titled_items, view
from delegate.keys import Principal
from delegate.state import MemoryReplay
from delegate.verify import Decision, Root, VerifiedChain, Verifier
from delegate.wire.envelope import Kind

# Asked where nothing else was: its answer is never shown, only what was found out about the chain before it.
_NO_REQUEST = Request("inspect")
_NO_AUDIENCE = "any"  # a name to go by where the chain names no service and the user none
_UNTIMELY = frozenset({Reason.EXPIRED, Reason.NOT_YET_VALID})


@click.command(epilog=example("delegate inspect worker.token --diff"))
@token_argument
@root_options
@click.option("--diff", is_flag=True, help="Show of every hop what it took away, one line each.")
@now_option
@json_option
def inspect(
    token: str | None,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    diff: bool,  # noqa: FBT001
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Show a chain: who handed what to whom, and what it grants.

    Without --root nothing is checked: it shows what is claimed.
    """
    out = Output("inspect", as_json=as_json)
    at = clock(now)
    trusted = read_roots(roots, speaks_for)
    given = read_token(token, out)
    link = UnverifiedToken.parse(given).token.link
    failure: DelegateError | None = None
    chain: VerifiedChain | None = None
    if trusted:
        tenant = link.up()[0].block.tenant
        verifier = _verifier(trusted, audience=_claimed_audience(given), now=at, tenant=tenant, bearer=True)
        decision = verifier.preview(given, _NO_REQUEST)
        chain = decision.chain
        failure = decision.error if chain is None or decision.reason in _UNTIMELY else None
        items = _checked(decision, given, proven=None)
    else:
        items = (_nothing_checked(given),)
    bound = None if chain is None else chain.root.can
    found = view(link, bound)
    hops = changes(link, bound) if diff else ()
    lines = [
        _title(given, chain, roots),
        "",
        *(change_lines(found.head, hops, at) if diff else found.hop_lines(at)),
        "",
        *found.sum_lines(at),
        *titled_items("Checked", [str(item) for item in items]),
    ]
    data = {
        "genuine": chain is not None if trusted else None,
        "chain": found.to_json(),
        **({"diff": [each.to_json() for each in hops]} if diff else {}),
        "checked": _json(items),
    }
    if failure is not None:
        out.show(lines)
        raise failure_of(failure, chain, data)
    out.result(data, lines)


@click.command(
    epilog=example(
        "delegate verify worker.proof --root alice.pub --audience files.example.com \\",
        "    --action files.read --resource /reports/q3.csv --arg size=10",
    )
)
@token_argument
@root_options
@click.option("--audience", metavar="NAME", help="This service, as it calls itself: files.example.com.")
@request_options
@click.option(
    "--env", type=json_pair, multiple=True, metavar="K=V", help="A fact that the service vouches for. Repeat."
)
@click.option("--tenant", metavar="TENANT", help="The tenant that the service serves.")
@click.option("--bearer", is_flag=True, help="Take bearer chains too.")
@click.option(
    "--principal", "principals", type=FILE, multiple=True, metavar="FILE", help="A .pub whose name to believe. Repeat."
)
@click.option(
    "--policy", "policies", multiple=True, metavar="CONDITION", help="A condition of the service's own. Repeat."
)
@click.option("--explain", is_flag=True, help="Show what every hop says to the request, and who could grant it.")
@now_option
@json_option
def verify(
    token: str | None,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    audience: str | None,
    env: tuple[tuple[str, object], ...],
    tenant: str | None,
    bearer: bool,  # noqa: FBT001
    principals: tuple[str, ...],
    policies: tuple[str, ...],
    explain: bool,  # noqa: FBT001
    now: int | None,
    as_json: bool,  # noqa: FBT001
    **asked: Any,  # noqa: ANN401
) -> None:
    """Decide a request as a service would: allowed or refused.

    Without a request it checks the chain alone, and says so.
    """
    out = Output("verify", as_json=as_json)
    at = clock(now)
    request = read_request(**asked)
    if request is not None and audience is None:
        message = "which service is asked? --audience files.example.com"
        raise click.UsageError(message)
    trusted = _needed_roots(roots, speaks_for)
    vouched = tuple(map(read_principal, principals))
    given = read_token(token, out)
    place = audience if audience is not None else _claimed_audience(given)
    verifier = _verifier(
        trusted, audience=place, now=at, tenant=tenant, bearer=bearer, principals=vouched, policies=policies
    )
    facts = _facts(env)
    if request is None:
        _chain_alone(out, verifier, given, at, audience=audience, vouched=vouched)
        return
    decision = verifier.decide(given, request, env=facts)
    items = _checked(decision, given, proven=decision.allowed, audience=audience, vouched=vouched)
    _answer(out, decision, items, at, explain=explain)


@click.command(
    epilog=example("delegate check worker.token --root alice.pub --action files.read --resource /reports/q3.csv")
)
@token_argument
@root_options
@click.option("--audience", metavar="NAME", help="The service to ask as; if absent, one that the chain names.")
@request_options
@click.option(
    "--env", type=json_pair, multiple=True, metavar="K=V", help="A fact that the service would vouch for. Repeat."
)
@click.option("--tenant", metavar="TENANT", help="The tenant to ask for.")
@click.option(
    "--principal", "principals", type=FILE, multiple=True, metavar="FILE", help="A .pub whose name to believe. Repeat."
)
@now_option
@json_option
def check(
    token: str | None,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    audience: str | None,
    env: tuple[tuple[str, object], ...],
    tenant: str | None,
    principals: tuple[str, ...],
    now: int | None,
    as_json: bool,  # noqa: FBT001
    **asked: Any,  # noqa: ANN401
) -> None:
    """Say what a chain would allow, without a proof. No service acts on this."""
    out = Output("check", as_json=as_json)
    at = clock(now)
    request = read_request(**asked)
    if request is None:
        message = "which request? --action files.read --resource /reports/q3.csv, or --request FILE"
        raise click.UsageError(message)
    trusted = _needed_roots(roots, speaks_for)
    vouched = tuple(map(read_principal, principals))
    given = read_token(token, out)
    place = audience if audience is not None else _claimed_audience(given)
    verifier = _verifier(trusted, audience=place, now=at, tenant=tenant, bearer=True, principals=vouched)
    decision = verifier.preview(given, request, env=_facts(env))
    items = _checked(decision, given, proven=None, audience=audience, vouched=vouched)
    _answer(out, decision, items, at, explain=True)


def _verifier(
    roots: Sequence[Root],
    *,
    audience: str,
    now: int,
    tenant: str | None,
    bearer: bool,
    principals: Iterable[Principal] = (),
    policies: Iterable[str] = (),
) -> Verifier:
    try:
        return Verifier(
            roots,
            audience=audience,
            tenant=tenant or None,
            bearer=bearer,
            principals=principals,
            policy=tuple(policies),
            clock=lambda: now,
            replay=MemoryReplay(since=0),  # one run remembers nothing of the one before, and says so
        )
    except CaveatSyntaxError:
        raise
    except (ValueError, TypeError) as error:
        raise click.UsageError(shown(str(error), 300)) from None


def _needed_roots(paths: tuple[str, ...], speaks_for: tuple[str, ...]) -> tuple[Root, ...]:
    if not paths:
        message = "whom do you trust? --root alice.pub"
        raise click.UsageError(message)
    return read_roots(paths, speaks_for)


def _chain_alone(
    out: Output, verifier: Verifier, given: AnyToken, at: int, *, audience: str | None, vouched: Sequence[Principal]
) -> None:
    """Check the chain, and say plainly that nothing more was decided."""
    decision = verifier.preview(given, _NO_REQUEST)
    items = _checked(decision, given, proven=None, audience=audience, vouched=vouched)
    chain = decision.chain
    data = {"genuine": chain is not None, "allowed": None, "checked": _json(items)}
    # What this one said to the request that nobody made is of no interest; anything before that is.
    if decision.error is not None and not isinstance(decision.error, Denied):
        raise failure_of(decision.error, chain, data)
    found = view(given.link, None if chain is None else chain.root.can)
    lines = [
        "GENUINE  the chain is genuine; holder not proven; no request decided",
        "",
        *found.hop_lines(at),
        "",
        *found.sum_lines(at),
        *titled_items("Checked", [str(item) for item in items]),
    ]
    out.result({**data, "chain": found.to_json()}, lines)


def _answer(out: Output, decision: Decision, items: Sequence[Checked], at: int, *, explain: bool) -> None:
    """Print a decision, and fail where it refuses."""
    lines = [
        *decision_lines(decision, at, hops=explain),
        *titled_items("Checked", [str(item) for item in items]),
    ]
    data = {**decision.to_json(), "checked": _json(items)}
    if decision.error is None:
        out.result(data, lines)
        return
    if explain:
        out.show(lines)
    raise failure_of(decision.error, decision.chain, data)


def _checked(
    decision: Decision,
    given: AnyToken,
    *,
    proven: bool | None,
    audience: str | None = None,
    vouched: Sequence[Principal] = (),
) -> tuple[Checked, ...]:
    """List what was checked and what was not; `proven` is `None` where no proof was looked at."""
    chain = decision.chain
    total = len(given.blocks)
    if chain is None:
        if decision.reason is Reason.UNKNOWN_ROOT:
            return (
                checked.no_root(),
                Checked(what="signatures", mark=Mark.NOT_CHECKED, words="signatures not checked"),
            )
        return (checked.signatures(decision.hop or 0, total), *_unchecked(given, proven=None))
    items = [
        checked.signatures(total, total),
        checked.root(chain.root.principal.name),
        checked.in_time(decision.reason),
    ]
    if audience is not None:
        wrong = decision.reason is Reason.WRONG_AUDIENCE
        items.append(Checked(what="audience", mark=Mark.FAILED if wrong else Mark.HELD, words=f"audience {audience}"))
    else:
        items.append(Checked(what="audience", mark=Mark.NOT_CHECKED, words="audience not checked"))
    after_proof = decision.allowed or isinstance(decision.error, Denied)
    names = _names(chain, vouched)
    return (*items, *_unchecked(given, proven=None if proven is None else after_proof, names=names))


def _unchecked(given: AnyToken, *, proven: bool | None, names: Checked = checked.NAMES) -> list[Checked]:
    holder = checked.HOLDER
    items = []
    if given.kind is Kind.BEARER:
        holder = Checked(what="holder", mark=Mark.NOT_CHECKED, words="holder: whoever has it")
    elif proven:
        holder = Checked(what="holder", mark=Mark.HELD, words="holder proven")
        items.append(Checked(what="replay", mark=Mark.NOT_CHECKED, words="used proofs are not remembered between runs"))
    return [holder, checked.REVOCATION, *items, names]


def _names(chain: VerifiedChain, vouched: Sequence[Principal]) -> Checked:
    known = {(each.name, each.public_key) for each in vouched}
    borne_out = [hop.holder for hop in chain.hops if (hop.holder, hop.key) in known]
    if not borne_out:
        return checked.NAMES
    rest = "" if len(borne_out) == len(chain.hops) else ", others as handed down"
    return Checked(
        what="names", mark=Mark.HELD, words=f"names: {', '.join(dict.fromkeys(borne_out))} vouched for{rest}"
    )


def _nothing_checked(given: AnyToken) -> Checked:
    proof = "" if given.kind is not Kind.PRESENTATION else "; verify checks its proof"
    return Checked(what="all", mark=Mark.NOT_CHECKED, words=f"nothing: give --root, the .pub of whom you trust{proof}")


def _title(given: AnyToken, chain: VerifiedChain | None, roots: tuple[str, ...]) -> str:
    kind = {Kind.TOKEN: "Token", Kind.BEARER: "Bearer token", Kind.PRESENTATION: "Presentation"}[given.kind]
    count = len(given.blocks)
    size = f"{kind} of {count} hop{'s' if count > 1 else ''}, {len(given.to_bytes())} bytes"
    if not roots:
        return f"CLAIMED, not checked: anyone could have written this. {size}"
    return f"GENUINE  {size}" if chain is not None else f"CLAIMED, and it does not hold. {size}"


def _claimed_audience(given: AnyToken) -> str:
    """Ask as a service that the chain claims to be for; a chain that cannot be read is the verifier's to refuse."""
    try:
        named = given.link.audience
    except DelegateError:
        return _NO_AUDIENCE
    return min(named) if named else _NO_AUDIENCE


def _facts(env: tuple[tuple[str, object], ...]) -> dict[str, object]:
    try:
        return normalise(unique(env, "--env"), "--env")
    except DelegateError as error:
        raise Failure(Status.USAGE, error.detail, reason=error.reason) from None


def _json(items: Sequence[Checked]) -> list[dict[str, str]]:
    return [item.to_json() for item in items]
