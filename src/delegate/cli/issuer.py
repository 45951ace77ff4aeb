"""`delegate issuer`: run one, and see what its policy gives to whom."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from delegate.cli.directories import directory_option, known_by
from delegate.cli.logs import audited, log_option
from delegate.cli.options import FILE, clock, example, json_option, key_option, now_option, passphrase_options
from delegate.cli.output import Failure, Output
from delegate.cli.sources import read_file, read_identity
from delegate.cli.status import Status
from delegate.core.chain.printable import counted, shown
from delegate.core.chain.spans import span
from delegate.errors import DelegateError, Reason

if TYPE_CHECKING:
    from delegate.issue.grants import Asked, Grant
    from delegate.issue.policy import Policy

_CLAIMS_BYTES = 64 * 1024
_HOUR_S = 3600

policy_option = click.option(
    "--policy", "policy_file", type=FILE, required=True, metavar="FILE", help="The issuer's policy: policy.toml."
)


@click.group(no_args_is_help=False)
def issuer() -> None:
    """Run an issuer, or try out its policy: serve, check."""


@issuer.command(
    epilog=example(
        "delegate issuer check --policy policy.toml",
        "delegate issuer check --policy policy.toml --claims alice.json --agent agent:planner",
    )
)
@policy_option
@click.option("--claims", "claims_file", type=FILE, metavar="FILE", help="Claims of a token, as a JSON object.")
@click.option(
    "--trust", metavar="NAME", help="Whose token it is, by its name in the policy. Default: found by its claims."
)
@click.option("--agent", default="", metavar="NAME", help="How the agent asks to be named: agent:planner.")
@now_option
@json_option
def check(
    policy_file: str,
    claims_file: str | None,
    trust: str | None,
    agent: str,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Check a policy; with --claims, show who would get what.

    For every grant that somebody would not get, it says why. Nothing is issued, and no signature is checked: the claims
    are taken as if they were genuine.
    """
    out = Output("issuer check", as_json=as_json)
    policy = _policy(policy_file)
    from delegate.issue.facts import unreadable_in

    for warning in policy.warnings:
        out.warn(warning)
    if claims_file is None:
        count = len(policy.trusted)
        words = f"{counted(len(policy.grants), 'grant')}, {count} trusted {'party' if count == 1 else 'parties'}"
        named = {"grants": [each.name for each in policy.grants], "trusted": [*policy.trusted]}
        out.result({**named, "warnings": list(policy.warnings)}, [f"{shown(policy_file)}: {words}; no mistakes found"])
        return
    at = clock(now)
    asked = _asked(policy, claims_file, trust, agent, at)
    for place, why in unreadable_in(asked.subject.claims):
        out.warn(f"{shown(place)} cannot be read: {why}")
    lines: list[str] = []
    results: list[dict[str, object]] = []
    chosen = ""
    for grant in policy.grants:
        why = grant.refusal(asked)
        found: dict[str, object] = {"grant": grant.name, "given": not why}
        if why:
            found["why"] = why
            lines.append(f"✗ {grant.name}: {shown(why, 500)}")
        else:
            told, what = _given(grant, asked, at)
            found |= what
            lines += told
            chosen = chosen or grant.name if what["given"] else chosen
        results.append(found)
    data: dict[str, object] = {"grants": results, "chosen": chosen or None, "warnings": list(policy.warnings)}
    if not chosen:
        out.show(lines)
        raise Failure(Status.REFUSED, "the policy gives this nothing", reason=Reason.POLICY_FAILED, data=data)
    out.result(data, lines)
    out.note(f"the first of these is given: {chosen}; to ask for another one: scope=NAME")


def _policy(path: str) -> Policy:
    """Read a policy; raises Failure, with the place of a mistake."""
    from delegate.issue.refusals import PolicyError

    try:
        from delegate.issue.policy import Policy

        return Policy.load(path)
    except PolicyError as error:
        data: dict[str, object] = {"where": error.where}
        if error.syntax is not None:
            data |= {"source": error.syntax.source, "span": list(error.syntax.span)}
        raise Failure(Status.USAGE, str(error), reason=error.reason, detail=error.detail, data=data) from None
    except ImportError as error:
        raise Failure(Status.FILES, shown(str(error), 300)) from None


def _asked(policy: Policy, claims_file: str, trust: str | None, agent: str, now: int) -> Asked:
    """Make of claims what a token with them would be."""
    from delegate.authoring.identity import Identity
    from delegate.issue.facts import read_object
    from delegate.issue.grants import Asked
    from delegate.issue.subjects import TYPES, Subject, readable
    from delegate.issue.words import X509_SVID

    try:
        claims = read_object(read_file(claims_file, _CLAIMS_BYTES), shown(claims_file), most_bytes=_CLAIMS_BYTES)
    except DelegateError as error:
        raise Failure(Status.USAGE, error.detail, reason=error.reason) from None
    if trust is None:
        kinds = (*TYPES.values(), X509_SVID)
        fitting = [each.name for each in policy.tokens_of() if any(each.takes(kind, claims) for kind in kinds)]
        names = fitting or list(policy.trusted)
        if len(names) != 1:
            message = f"say whose token it is: --trust, one of {', '.join(policy.trusted)}"
            raise click.UsageError(message)
        (trust,) = names
    if trust not in policy.trusted:
        message = f"--trust: nobody is called `{shown(trust)}`; there are {', '.join(policy.trusted)}"
        raise click.UsageError(message)
    said = claims.get("aud", [])
    expires = claims.get("exp")
    subject = Subject(
        trust=trust,
        claims=readable(claims, [said] if isinstance(said, str) else said),
        issued=now,
        expires=expires if type(expires) is int and expires > now else now + _HOUR_S,
        id=bytes(32),
    )
    return Asked(subject=subject, key=Identity.from_seed("agent:nobody", bytes(32)).public_key, agent=agent)


def _given(grant: Grant, asked: Asked, now: int) -> tuple[list[str], dict[str, object]]:
    """Say what a grant comes to."""
    from delegate.issue.conditions import NoValue
    from delegate.language.capability import several
    from delegate.language.conditions import Caveat

    try:
        holder, terms = grant.held_by(asked), grant.terms(asked, now=now)
    except NoValue as error:
        return [f"✗ {grant.name}: {shown(str(error), 500)}"], {"given": False, "why": str(error)}
    life = (terms["expires"] or now) - now  # type: ignore[operator] # Unix seconds, as `terms` gives them
    caveats = [str(each) for each in several(terms["caveats"], "caveats", (str, Caveat))] if grant.caveats else []
    can = [str(each) for each in grant.can]
    facts = [f"for {span(life)}", f"{counted(grant.hops, 'hop')} left"]
    facts += [f"at {', '.join(grant.audience)}"] if grant.audience else []
    facts += [f"tenant {grant.tenant}"] if grant.tenant else []
    facts += ["takes a token that names no key, once"] if grant.unbound else []
    lines = [
        f"✓ {grant.name}: {terms['on_behalf_of']} → {holder}, {', '.join(facts)}",
        *(f"    {each}" for each in can),
        *(f"    if {each}" for each in caveats),
        *(f"    needs {each}" for each in grant.needs),
    ]
    data: dict[str, object] = {"given": True, "for": terms["on_behalf_of"], "agent": holder, "can": can}
    return lines, {**data, "caveats": caveats, "ttl": life, "hops": grant.hops, "unbound": grant.unbound}


@issuer.command(
    epilog=example("delegate issuer serve --policy policy.toml --port 8443 --cert server.pem --tls-key server.key")
)
@policy_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8443, show_default=True, help="Port to listen at.")
@click.option("--cert", "certificate", type=FILE, metavar="FILE", help="Certificate of the server, for https.")
@click.option("--tls-key", "tls_key", type=FILE, metavar="FILE", help="Key of that certificate.")
@click.option(
    "--clients",
    type=FILE,
    metavar="FILE",
    help="Authorities whose client certificates are taken, as PEM: for X.509-SVIDs.",
)
@click.option("--events", type=FILE, metavar="FILE", help="Append each issuance to FILE, a JSON object a line.")
@log_option
@directory_option
@key_option("Private key that signs, if the policy names none.")
@passphrase_options
def serve(
    policy_file: str,
    host: str,
    port: int,
    certificate: str | None,
    tls_key: str | None,
    clients: str | None,
    events: str | None,
    log_url: str | None,
    directory_url: str | None,
    key_file: str | None,
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
) -> None:
    """Run an issuer until it is told to end.

    The policy is read again when its file changes, or on SIGHUP: whole, or the old one goes on. Without --cert it
    speaks plain http, for a proxy on the same machine.
    """
    out = Output("issuer serve", as_json=False)
    if (certificate is None) != (tls_key is None):
        message = "give --cert and --tls-key, or neither"
        raise click.UsageError(message)
    if clients is not None and certificate is None:
        message = "--clients needs --cert: client certificates come with TLS"
        raise click.UsageError(message)
    policy = _policy(policy_file)
    for warning in policy.warnings:
        out.warn(warning)
    if policy.state is None:
        out.warn("no store: used proofs are remembered by this process alone; see `state` in the policy")
    given = key_file or (str(policy.key) if policy.key else None)
    identity = read_identity(given, out, prompt=prompt, passphrase_file=passphrase_file)
    from delegate.issue.events import EventFile

    with known_by(directory_url, None) as directory, audited(log_url) as log:
        if log is not None:  # each chain that it hands out is an event; what the log did not take is not handed out
            from delegate.audit.notes_of import NotesToLog
            from delegate.authoring.identity import Identity

            notes = NotesToLog(log, name=identity.name, journal=identity.journal)
            identity = Identity(identity.name, identity.signer, journal=notes)
        given_to = {"audit": None if events is None else EventFile(events), "directory": directory}
        at = {"host": host, "port": port, "certificate": certificate, "key": tls_key, "clients": clients}
        _serve(out, policy, identity, given_to, **at)


def _serve(out: Output, policy: Policy, identity: Any, given_to: dict[str, Any], **given: Any) -> None:  # noqa: ANN401 - as `configured`
    import logging

    from delegate.issue.asgi import app, reload
    from delegate.issue.issuer import Issuer

    try:
        from delegate.issue.serving import configured, run
    except ImportError as error:
        raise Failure(Status.FILES, shown(str(error), 300)) from None
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        made = Issuer(policy, identity, **given_to)
    except (ValueError, ImportError) as error:
        raise Failure(Status.FILES, shown(str(error), 300)) from None
    with made:
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=reload, args=(made,)).start())
        scheme = "https" if given["certificate"] else "http"
        out.note(
            f"{made.principal.name} issues for {policy.url}, and listens at {scheme}://{given['host']}:{given['port']}"
        )
        out.note(f"the root to trust: {made.principal.to_text()}")
        try:
            run(configured(app(made), **given))
        except SystemExit:  # uvicorn's way of saying that it could not begin
            raise Failure(Status.FILES, f"cannot listen at {given['host']}:{given['port']}") from None
        except OSError as error:
            raise Failure(Status.FILES, f"cannot serve: {shown(os.strerror(error.errno or 0)).lower()}") from None
