"""`delegate receipt`: what a service signed of its decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from delegate.cli.audit_keys import read_note_key
from delegate.cli.options import FILE, example, json_option, request_options
from delegate.cli.output import Failure, Output
from delegate.cli.sources import read_file, read_principal, read_request
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.errors import DelegateError
from delegate.views.moments import moment

if TYPE_CHECKING:
    from delegate.audit.events import AuditEvent
    from delegate.audit.receipts import Receipt, Said

_BYTES = 1 << 20


@click.group(no_args_is_help=False)
def receipt() -> None:
    """Work with receipts: show, verify."""


@receipt.command(epilog=example("delegate receipt show paid.receipt"))
@click.argument("file", type=FILE)
@json_option
def show(file: str, as_json: bool) -> None:  # noqa: FBT001
    """Show what a receipt claims. Nothing is checked."""
    out = Output("receipt show", as_json=as_json)
    said = _read(file).claimed
    out.note("nothing was checked: delegate receipt verify")
    out.result(said.to_json(), _lines(said))


@receipt.command(epilog=example("delegate receipt verify paid.receipt --key billing.pub --action pay --arg amount=500"))
@click.argument("file", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, metavar="FILE", help="Public key of the service.")
@request_options
@click.option(
    "--proof", "proof_file", type=FILE, metavar="FILE", help="Proof that the same decision stands in the service's log."
)
@click.option(
    "--vkey", "vkeys", multiple=True, metavar="KEY", help="Verifier key of the log, or a file with it. May be repeated."
)
@click.option("--policy", "policy_file", type=FILE, metavar="FILE", help="Trust policy: logs, witnesses, quorum.")
@json_option
def verify(
    file: str,
    key_file: str,
    proof_file: str | None,
    vkeys: tuple[str, ...],
    policy_file: str | None,
    as_json: bool,  # noqa: FBT001
    **request_parts: Any,  # noqa: ANN401
) -> None:
    """Check who signed a receipt.

    With a request or a proof, also that the receipt is for these.
    """
    from delegate.audit.receipts import differences, is_for

    out = Output("receipt verify", as_json=as_json)
    request = read_request(**request_parts)
    said = _read(file).check(read_principal(key_file))
    lines = _lines(said)
    data: dict[str, object] = {"ok": True, **said.to_json()}
    if request is not None:
        if not is_for(said, request):
            raise Failure(Status.NOT_GENUINE, "the receipt is for another request", label="not this one", data=data)
        lines.append("✓ for this request")
    if proof_file is not None:
        event, witnesses, origin = _proven(proof_file, vkeys, policy_file)
        differing = differences(said, event)
        if differing:
            words = ", ".join(differing)
            raise Failure(
                Status.NOT_GENUINE, f"the log has another decision: {words} differ", label="not this one", data=data
            )
        lines.append(f"✓ in the log {shown(origin)}, " + (f"cosigned by {', '.join(witnesses)}" if witnesses else
                     "by the word of its operator alone"))  # fmt: skip
        data |= {"origin": origin, "witnesses": witnesses}
    elif vkeys or policy_file:
        message = "--vkey and --policy need a --proof"
        raise click.UsageError(message)
    out.result(data, [f"✓ signed by {shown(said.signer)}", *lines])


def _read(file: str) -> Receipt:
    from delegate.audit.receipts import Receipt

    content = read_file(file, _BYTES)
    try:
        return Receipt.parse(content)
    except DelegateError as error:
        raise Failure(
            Status.NOT_GENUINE, f"{shown(file)}: {error.detail}", label="not a receipt", reason=error.reason
        ) from None


def _proven(proof_file: str, vkeys: tuple[str, ...], policy_file: str | None) -> tuple[AuditEvent, list[str], str]:
    from delegate.audit.events import read
    from delegate.audit.tree.checkpoints import InclusionProof
    from delegate.audit.tree.merkle import leaf_hash
    from delegate.audit.tree.policies import Policy

    policy = None if policy_file is None else Policy.parse(read_file(policy_file, _BYTES))
    keys = tuple(map(read_note_key, vkeys))
    if not keys and policy is None:
        message = "say which log you trust: --vkey KEY or --policy FILE"
        raise click.UsageError(message)
    proof = InclusionProof.parse(read_file(proof_file, _BYTES))
    if not proof.extra:
        raise Failure(Status.NOT_GENUINE, f"{shown(proof_file)} has no event in it to prove", label="not a proof")
    logs = (*keys, *(policy.logs if policy else ()))
    seen = proof.check(leaf_hash(proof.extra), logs, tuple(policy.witnesses.values()) if policy else ())
    if policy is not None:
        policy.check(proof.note, keys)
    return read(proof.extra).event(None), [each.key.name for each in seen.witnesses], seen.checkpoint.origin


def _lines(said: Said) -> list[str]:
    where = "" if said.hop is None else f" at hop {said.hop}"
    outcome = "allowed" if said.allowed else f"refused: {said.reason}{where}"
    lines = [
        f"{outcome}, by {shown(said.service)}, {moment(said.time)}",
        f"request  {said.request.hex()}",
    ]
    if said.last is not None:
        lines.append(f"block    {said.last.hex()}")
    if said.proof is not None:
        lines.append(f"proof    {said.proof.hex()}")
    return lines
