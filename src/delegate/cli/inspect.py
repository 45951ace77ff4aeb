"""`delegate inspect`: what a chain says, and whether it is genuine. It decides nothing, and spends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from delegate.cli.checks import Inspection, checks, items_json
from delegate.cli.directories import directory_option, known_by
from delegate.cli.files import output_option
from delegate.cli.options import clock, example, json_option, now_option, root_options, token_argument
from delegate.cli.output import Output, failure_of
from delegate.cli.sources import read_bundle, read_principal, read_roots, read_token
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
from delegate.core.wire.envelope import Kind
from delegate.errors import DelegateError, Reason
from delegate.explain.unverified import AnyToken, UnverifiedToken
from delegate.trust.bundle import RootBundle
from delegate.verifier.decision import Decision
from delegate.verifier.roots import Root
from delegate.verifier.verified import VerifiedChain
from delegate.views.chain import view
from delegate.views.checked import Checked, Mark
from delegate.views.difference import change_lines, changes
from delegate.views.layout import titled_items

if TYPE_CHECKING:
    from delegate.directory.directory import Directory

# Why a genuine chain is good for nothing, whatever it is asked for.
_DEAD: Final = frozenset(
    {
        Reason.EXPIRED,
        Reason.NOT_YET_VALID,
        Reason.REVOKED,
        Reason.REVOCATION_STALE,
        Reason.STATE_UNAVAILABLE,
    }
)


@click.command(epilog=example("delegate inspect worker.token --root alice.pub --revocations revoked.dlgr"))
@token_argument
@root_options
@revocation_options
@third_party_option
@directory_option
@click.option("--diff", is_flag=True, help="Show what each hop took away, one line per hop.")
@click.option("--html", "as_page", is_flag=True, help="Write a page for a browser, which needs no network.")
@output_option
@now_option
@json_option
def inspect(
    token: str | None,
    roots: tuple[str, ...],
    speaks_for: tuple[str, ...],
    bundle_source: str | None,
    pinned_files: tuple[str, ...],
    list_files: tuple[str, ...],
    revoker_files: tuple[str, ...],
    max_age_s: int | None,
    state_url: str | None,
    third_party_files: tuple[str, ...],
    directory_url: str | None,
    diff: bool,  # noqa: FBT001
    as_page: bool,  # noqa: FBT001
    output: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Show a chain: who handed what to whom, and what it grants.

    Without --root, nothing is checked: what you see is only claimed.
    """
    out = Output("inspect", as_json=as_json)
    if output is not None and not as_page:
        message = "-o is for the page that --html writes"
        raise click.UsageError(message)
    at = clock(now)
    check_stdin(token, list_files)
    known = tuple(map(read_principal, third_party_files))
    bundle = read_bundle(bundle_source, pinned_files, roots, speaks_for)
    trusted = read_roots(roots, speaks_for)
    checking = bool(trusted) or bundle is not None
    if not checking and (list_files or revoker_files or max_age_s is not None):
        message = "without a root nothing is checked, not even revocations: give --root alice.pub"
        raise click.UsageError(message)
    given = read_token(token, out)
    link = UnverifiedToken.parse(given).token.link
    failure: DelegateError | None = None
    chain: VerifiedChain | None = None
    items: Sequence[Checked] = (_nothing_checked(given),)
    if checking:
        tenant = link.up()[0].block.tenant
        with (
            open_backing(list_files, revoker_files, max_age_s, state_url, now=at, bundle=bundle) as backing,
            known_by(directory_url, tenant) as directory,
        ):
            inspection = Inspection(given=given, backing=backing, now=at)
            decision = _preview(inspection, trusted, bundle, tenant=tenant, directory=directory)
            items = checks(decision, inspection)
        chain = decision.chain
        failure = decision.error if chain is None or decision.reason in _DEAD else None
    bound = b"" if chain is None else chain.root.can
    found = view(link, bound, known)
    hops = changes(link, bound, known) if diff else ()
    lines = [
        _title(given, chain, checked=checking),
        "",
        *(change_lines(found.head, hops, at) if diff else found.hop_lines(at)),
        "",
        *found.sum_lines(at),
        *titled_items("Checked", map(str, items)),
    ]
    data = {
        "genuine": chain is not None if checking else None,
        "chain": found.to_json(),
        **({"diff": [each.to_json() for each in hops]} if diff else {}),
        "checked": items_json(items),
    }
    if as_page:
        _write_page(out, output, given, trusted, list_files, now)
    elif failure is None:
        out.result(data, lines)
    else:
        out.show(lines)
    if failure is not None:
        raise failure_of(failure, chain, data)


def _write_page(
    out: Output,
    output: str | None,
    given: AnyToken,
    roots: Sequence[Root],
    list_files: Sequence[str],
    now: int | None,
) -> None:
    from delegate.cli.inspector import write_page
    from delegate.cli.revocation_files import read_list
    from delegate.report.page import Given

    page = Given(
        token=given.to_text(),
        roots=[root.principal.to_text() for root in roots],
        speaks_for=roots[0].speaks_for if roots else (),
        lists=[read_list(each).to_text() for each in list_files],
        now=now,
    )
    write_page(out, page, output, secret=given.kind is Kind.BEARER)


def _preview(
    inspection: Inspection,
    roots: Sequence[Root],
    bundle: RootBundle | None,
    *,
    tenant: str,
    directory: Directory | None,
) -> Decision:
    """Ask as whatever service and tenant the chain claims to be for."""
    service = claimed_audience(inspection.given)
    verifier = make_verifier(
        roots,
        inspection.backing,
        audience=service,
        now=inspection.now,
        tenant=tenant,
        bearer=True,
        principals=vouched_by(bundle, inspection.now)[0],
        bundle=bundle,
        directory=directory,
    )
    return verifier.preview(inspection.given, NO_REQUEST)


def _nothing_checked(given: AnyToken) -> Checked:
    proof = "" if given.kind is not Kind.PRESENTATION else "; to check the proof, use verify"
    return Checked(
        what="all", mark=Mark.NOT_CHECKED, words=f"nothing; give --root, the public key of somebody you trust{proof}"
    )


def _title(given: AnyToken, chain: VerifiedChain | None, *, checked: bool) -> str:
    kind = {Kind.TOKEN: "Token", Kind.BEARER: "Bearer token", Kind.PRESENTATION: "Presentation"}[given.kind]
    count = len(given.blocks)
    size = f"{kind} of {count} hop{'s' if count > 1 else ''}, {len(given.to_bytes())} bytes"
    if not checked:
        return f"CLAIMED, not checked: anyone could have written this. {size}"
    return f"GENUINE  {size}" if chain is not None else f"CLAIMED, but the check failed. {size}"
