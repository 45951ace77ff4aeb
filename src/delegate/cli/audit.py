"""`delegate audit`: checking, proving and searching a log.

The rules of this file:

- Nothing here writes an event: a log is written by what decides.
- Status 0 of `verify` means that nothing was found, and the words say how far anybody could tell.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from delegate.audit.trace import BY, PAGE, PAGE_MAX
from delegate.cli.audit_keys import log_signer, own_log_key, read_note_key, read_signer, signed_last, witness_signer
from delegate.cli.files import replace_file
from delegate.cli.logs import data_folder, log_option, opened_log, progress_on_terminal, tenant_option
from delegate.cli.options import FILE, clock, example, json_option, moment, now_option
from delegate.cli.output import Failure, Output, file_failure
from delegate.cli.sources import read_file
from delegate.cli.status import Status
from delegate.core.chain.printable import counted, shown
from delegate.core.chain.spans import seconds
from delegate.errors import DelegateError

if TYPE_CHECKING:
    from delegate.audit.log import Log, Logged
    from delegate.audit.memory import WitnessFile
    from delegate.audit.tree.checkpoints import Checkpoint
    from delegate.audit.tree.notes import Note, NoteKey, NoteSigner
    from delegate.audit.tree.policies import Policy
    from delegate.audit.tree.witness import Answer

_NOTE_BYTES = 1 << 20


@click.group(no_args_is_help=False)
def audit() -> None:
    """Work with logs of decisions: trace, verify, checkpoint, prove, witness, and more."""


trusting = (
    click.option(
        "--vkey",
        "vkeys",
        multiple=True,
        metavar="KEY",
        help="Verifier key of a log, or a file with it. May be repeated.",
    ),
    click.option("--policy", "policy_file", type=FILE, metavar="FILE", help="Trust policy: logs, witnesses, quorum."),
)


@audit.command(
    epilog=example(
        "delegate audit trace user:alice@example.com --since 7d --log sqlite:///audit.db",
        "delegate audit trace 1042 --revoke --log sqlite:///audit.db",
    )
)
@click.argument("what", metavar="[NAME|EVENT]", required=False)
@log_option
@tenant_option
@click.option(
    "--by",
    type=click.Choice(BY),
    help="What NAME is. Default: in whose name it was done, else an agent, a block, a run or a sponsor.",
)
@click.option("--since", "since", metavar="TIME", help="Only what happened since then: 7d, or 2026-12-01T12:00Z.")
@click.option("--until", "until", type=moment, metavar="TIME", help="Only what happened until then.")
@click.option("--refused", "refused", is_flag=True, help="Only refused attempts.")
@click.option(
    "--events",
    "limit",
    type=click.IntRange(0, PAGE_MAX),
    default=PAGE,
    show_default=True,
    help="How many events to list, the latest first.",
)
@click.option("--before", type=click.IntRange(min=0), metavar="EVENT", help="List events before this one.")
@click.option("--revoke", "revoke", is_flag=True, help="Print the commands that take back what EVENT rested on.")
@now_option
@json_option
def trace(
    what: str | None,
    log_url: str | None,
    tenant: str | None,
    by: str | None,
    since: str | None,
    until: int | None,
    refused: bool,  # noqa: FBT001
    limit: int,
    before: int | None,
    revoke: bool,  # noqa: FBT001
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Show what was done in whose name, as a tree by hop.

    NAME is a person, an agent, a sponsor, a block's id or a run; --by says which, or asks for a purpose, a resource, an
    action or an approver. EVENT is the number of one event, of which everything is shown.
    """
    from delegate.audit import trace as tracing
    from delegate.views.trace import event_lines, logged_line, traced_lines

    out = Output("audit trace", as_json=as_json)
    at = None if since is None else _since(since, clock(now))
    with opened_log(log_url, tenant=tenant) as log:
        if what is not None and by is None and what.isascii() and what.isdigit() and len(what) < 19:
            _show_event(out, log, int(what), revoke=revoke, lines=event_lines)
            return
        if revoke:
            message = "--revoke needs the number of one event"
            raise click.UsageError(message)
        if by is not None and what is None:
            message = f"--by {by} needs a NAME"
            raise click.UsageError(message)
        question = tracing.Question() if what is None else tracing.asked_for(log, what)
        if by is not None and what is not None:
            question = tracing.Question(by, what)
        question = question._replace(since=at, until=until, refused=refused)
        shows = progress_on_terminal("reading")
        try:
            found = tracing.trace(log, question, progress=shows)
            listed = (
                tracing.page(log, question, limit=limit, before=before, progress=shows)
                if limit
                else tracing.Page((), None)
            )
        except DelegateError as error:
            if question.by != "resource":
                raise
            raise Failure(Status.USAGE, error.detail, reason=error.reason) from None
    lines = list(traced_lines(found))
    if listed.events:
        lines += ["", *map(logged_line, listed.events)]
    if listed.before is not None:
        out.note(f"there are more: --before {listed.before}")
    events = [{"event": each.number, **each.event.to_json()} for each in listed.events]
    out.result({**found.to_json(), "events": events, "before": listed.before}, lines)


def _show_event(out: Output, log: Log, index: int, *, revoke: bool, lines: Callable[[Logged], Iterable[str]]) -> None:
    from delegate.audit.take_back import take_back

    try:
        logged = log.event(index)
    except LookupError as error:
        raise Failure(Status.USAGE, str(error)) from None
    ways = take_back(logged)
    data = {
        "event": index,
        **logged.event.to_json(),
        "revoke": [{"command": way.command, "ends": way.words} for way in ways],
    }
    if not revoke:
        out.result(data, list(lines(logged)))
        return
    if not ways:
        raise Failure(Status.USAGE, "no chain was verified for this event: there is nothing to take back", data=data)
    out.result(data, [line for way in ways for line in (f"# {shown(way.words, 400)}", way.command)])


def _since(given: str, now: int) -> int:
    """Read a moment, or how long ago: `7d`."""
    try:
        return now - seconds(given)
    except ValueError:
        return moment(given)


@audit.command(epilog=example("delegate audit advise agent:planner --since 30d --log sqlite:///audit.db"))
@click.argument("agent")
@log_option
@tenant_option
@click.option("--since", "since", metavar="TIME", help="Only what happened since then: 30d, or 2026-12-01T12:00Z.")
@click.option("--until", "until", type=moment, metavar="TIME", help="Only what happened until then.")
@click.option(
    "--secret", "secrets", multiple=True, metavar="NAME", help="Argument whose values must not show. May be repeated."
)
@now_option
@json_option
def advise(
    agent: str,
    log_url: str | None,
    tenant: str | None,
    since: str | None,
    until: int | None,
    secrets: tuple[str, ...],
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Suggest a narrower grant for AGENT, from what it used.

    Shows what its chains granted, what it used, and a grant that would have been enough.
    The suggestion is replayed against the log: it allows all that was used. Arguments limit it where the service
    recorded them.
    """
    from delegate.audit.advise import advise as advising
    from delegate.views.advice import advice_lines

    out = Output("audit advise", as_json=as_json)
    at = None if since is None else _since(since, clock(now))
    with opened_log(log_url, tenant=tenant) as log:
        found = advising(log, agent, since=at, until=until, secrets=secrets, progress=progress_on_terminal("reading"))
    if not found.chains:
        out.note(f"the log has no request of {shown(agent)} in this window")
    out.result(found.to_json(), list(advice_lines(found)))


@audit.command(epilog=example("delegate audit report --since 30d --log sqlite:///audit.db"))
@log_option
@tenant_option
@click.option("--since", "since", metavar="TIME", help="Only what happened since then: 30d, or 2026-12-01T12:00Z.")
@click.option("--agent", "agents", multiple=True, metavar="NAME", help="An agent that there is. May be repeated.")
@now_option
@json_option
def report(
    log_url: str | None,
    tenant: str | None,
    since: str | None,
    agents: tuple[str, ...],
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Show what each agent has and does not use."""
    from delegate.audit.report import report as reporting
    from delegate.views.advice import report_lines

    out = Output("audit report", as_json=as_json)
    at = None if since is None else _since(since, clock(now))
    with opened_log(log_url, tenant=tenant) as log:
        found = reporting(log, since=at, agents=agents, progress=progress_on_terminal("reporting"))
    out.result(found.to_json(), list(report_lines(found)))


@audit.command(epilog=example("delegate audit verify --log sqlite:///audit.db --checkpoint kept.checkpoint"))
@log_option
@tenant_option
@click.option(
    "--checkpoint",
    "checkpoint_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Checkpoint that was kept elsewhere. May be repeated.",
)
@click.option("--proof", "proof_file", type=FILE, metavar="FILE", help="Check this proof of one event instead.")
@trusting[0]
@trusting[1]
@json_option
def verify(
    log_url: str | None,
    tenant: str | None,
    checkpoint_files: tuple[str, ...],
    proof_file: str | None,
    vkeys: tuple[str, ...],
    policy_file: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Find what was changed in a log, and where.

    What was changed, removed, inserted or reordered is found.
    Compares every event with the tree, and the tree with checkpoints that were kept elsewhere: without these, a log
    that was written anew from its beginning cannot be told from the one that it was.
    """
    out = Output("audit verify", as_json=as_json)
    keys, policy = _trust(vkeys, policy_file)
    if proof_file is not None:
        _verify_proof(out, proof_file, keys, policy)
        return
    notes = [_note(path) for path in checkpoint_files]
    with opened_log(log_url, tenant=tenant) as log:
        keys = keys or own_log_key(log)
        checkpoints = [_checked(note, path, keys, policy) for note, path in zip(notes, checkpoint_files, strict=True)]
        report = log.verify(checkpoints, progress=progress_on_terminal("verifying"))
    data = {
        "ok": report.ok,
        "size": report.size,
        "dropped": report.kept,
        "proven": report.proven,
        "unproven": report.unproven,
        "checkpoints": report.checkpoints,
        "fault_count": report.fault_count,
        "faults": [{"event": fault.event, "detail": fault.detail} for fault in report.faults],
    }
    given = f"{counted(len(checkpoints), 'checkpoint')} kept elsewhere"
    lines = [f"{counted(report.size, 'event')}, {report.proven} proven by {given}, {report.unproven} unproven"]
    if report.kept:
        lines.append(f"the first {report.kept} were dropped: their hashes alone are there")
    if report.ok:
        if report.unproven:
            out.note("unproven: no checkpoint kept elsewhere covers them, and they could have been written anew")
        out.result(data, ["✓ nothing was changed", *lines])
        return
    shown_faults = [
        f"✗ {'' if fault.event is None else f'event {fault.event}: '}{fault.detail}" for fault in report.faults
    ]
    if report.fault_count > len(report.faults):
        shown_faults.append(f"✗ and {report.fault_count - len(report.faults)} more")
    out.show([*shown_faults, *lines])
    first = report.faults[0]
    where = "" if first.event is None else f" at event {first.event}"
    raise Failure(
        Status.NOT_GENUINE, f"the log is not what it was{where}: {first.detail}", label="tampered with", data=data
    )


def _verify_proof(out: Output, path: str, keys: Sequence[NoteKey], policy: Policy | None) -> None:
    from delegate.audit.events import read
    from delegate.audit.tree.checkpoints import InclusionProof
    from delegate.audit.tree.merkle import leaf_hash

    proof = InclusionProof.parse(read_file(path, _NOTE_BYTES))
    if not keys and policy is None:
        message = "say which log you trust: --vkey KEY or --policy FILE"
        raise click.UsageError(message)
    if not proof.extra:
        raise Failure(Status.NOT_GENUINE, f"{shown(path)} has no event in it to prove", label="not a proof")
    logs = (*keys, *(policy.logs if policy else ()))
    witnesses = tuple(policy.witnesses.values()) if policy else ()
    seen = proof.check(leaf_hash(proof.extra), logs, witnesses)
    if policy is not None:
        policy.check(proof.note, keys)
    event = read(proof.extra)
    outcome = "allowed" if event.allowed else f"refused ({event.reason})"
    data = {
        "ok": True,
        "event": proof.place,
        "origin": seen.checkpoint.origin,
        "size": seen.checkpoint.size,
        "witnesses": [each.key.name for each in seen.witnesses],
        "action": event.action,
        "resource": event.resource,
        "allowed": event.allowed,
        "time": event.time,
    }
    if not seen.witnesses:
        out.note("no witness cosigned it: it is the word of the log's operator")
    resource = "" if event.resource is None else f" {shown(event.resource)}"
    out.result(
        data,
        [f"✓ event {proof.place} of {shown(seen.checkpoint.origin)}: {shown(event.action)}{resource} was {outcome}"],
    )


@audit.command(epilog=example("delegate audit checkpoint --log sqlite:///audit.db -o today.checkpoint"))
@log_option
@tenant_option
@click.option("--key", "key_file", type=FILE, metavar="FILE", help="Secret key of the log. Default: one of its own.")
@click.option(
    "--for-witness", "old", type=click.IntRange(min=0), metavar="SIZE",
    help="Write the request to a witness instead, which saw a tree of SIZE events last.",
)  # fmt: skip
@click.option(
    "--cosigned", "cosigned_file", type=FILE, metavar="FILE", help="Take a witness's answer into the checkpoint."
)
@click.option("-o", "--output", "target", type=FILE, metavar="FILE", help="Where to write it. Default: stdout.")
@trusting[1]
@json_option
def checkpoint(
    log_url: str | None,
    tenant: str | None,
    key_file: str | None,
    old: int | None,
    cosigned_file: str | None,
    target: str | None,
    policy_file: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Sign what a log is now.

    Keep the checkpoint elsewhere: it shows what is changed later.
    """
    from delegate.audit.tree.checkpoints import Checkpoint
    from delegate.audit.tree.notes import opened
    from delegate.audit.tree.witness import Request

    out = Output("audit checkpoint", as_json=as_json)
    _, policy = _trust((), policy_file)
    with opened_log(log_url, tenant=tenant) as log:
        signer = log_signer(log) if key_file is None else read_signer(key_file)
        try:
            with signed_last(log, key_file) as memory:
                note = log.checkpoint(signer, memory=memory)
        except ValueError as error:
            raise Failure(Status.USAGE, str(error)) from None
        if cosigned_file is not None:
            for line in read_file(cosigned_file, _NOTE_BYTES).decode("utf-8", "replace").splitlines():
                note = note.with_line(line)
            opened(note, (signer.key, *(policy.witnesses.values() if policy else ())))
            log.keep_checkpoint(note)
        text = note.to_text()
        if old is not None:
            if old > Checkpoint.parse(note.text).size:
                message = f"--for-witness {old}: the log has fewer events"
                raise click.UsageError(message)
            size = Checkpoint.parse(note.text).size
            text = Request(old, log.tiles(size).consistency(old), note).to_text()
    found = Checkpoint.parse(note.text)
    data = {
        "origin": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "vkey": signer.key.to_text(),
        "checkpoint": text,
    }
    out.note(f"{counted(found.size, 'event')}; verifier key: {signer.key.to_text()}")
    _write(out, target, text, data)


@audit.command(epilog=example("delegate audit prove 1042 --log sqlite:///audit.db -o 1042.tlog-proof"))
@click.argument("event", type=click.IntRange(min=0))
@log_option
@tenant_option
@click.option("--checkpoint", "checkpoint_file", type=FILE, metavar="FILE", help="Checkpoint. Default: the log's last.")
@click.option(
    "--cose",
    "cose_file",
    type=FILE,
    metavar="FILE",
    help="Also write a receipt of inclusion for other tools (RFC 9942).",
)
@click.option("--key", "key_file", type=FILE, metavar="FILE", help="With --cose: secret key of the log.")
@click.option("-o", "--output", "target", type=FILE, metavar="FILE", help="Where to write it. Default: stdout.")
@json_option
def prove(
    event: int,
    log_url: str | None,
    tenant: str | None,
    checkpoint_file: str | None,
    cose_file: str | None,
    key_file: str | None,
    target: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Prove that EVENT is in a log.

    The proof is a file that anybody can check without the log. It shows the event itself, and nothing of any other.
    """
    from delegate.audit.tree.checkpoints import Checkpoint
    from delegate.audit.tree.cose_receipts import make

    out = Output("audit prove", as_json=as_json)
    with opened_log(log_url, tenant=tenant) as log:
        note = _covering(log, event) if checkpoint_file is None else _note(checkpoint_file)
        try:
            proof = log.prove(event, note)._replace(extra=log.event(event).data)
        except (ValueError, LookupError) as error:
            raise Failure(Status.USAGE, str(error)) from None
        found = Checkpoint.parse(note.text)
        if cose_file is not None:
            signer = log_signer(log) if key_file is None else read_signer(key_file)
            try:
                receipt = make(signer, found.root, found.size, event, proof.hashes)
            except ValueError as error:
                raise Failure(Status.USAGE, str(error)) from None
            replace_file(cose_file, receipt.encode(), 0o644)
    data = {"event": event, "origin": found.origin, "size": found.size, "proof": proof.to_text()}
    _write(out, target, proof.to_text(), data)


@audit.command(epilog=example("delegate audit witness request --vkey log.vkey --key witness.key -o answer"))
@click.argument("request", metavar="[REQUEST]", required=False, type=FILE)
@log_option
@tenant_option
@trusting[0]
@click.option(
    "--key", "key_file", type=FILE, metavar="FILE", help="Secret key of the witness. Default: one of its own."
)
@click.option(
    "--memory", "memory_file", type=FILE, metavar="FILE",
    help="What it cosigned before. Default: a file in the data folder.",
)  # fmt: skip
@click.option("-o", "--output", "target", type=FILE, metavar="FILE", help="Where to write it. Default: stdout.")
@now_option
@json_option
def witness(
    request: str | None,
    log_url: str | None,
    tenant: str | None,
    vkeys: tuple[str, ...],
    key_file: str | None,
    memory_file: str | None,
    target: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Cosign a checkpoint that follows from the one before.

    REQUEST is the body of an add-checkpoint request, as delegate audit checkpoint --for-witness writes it; - is
    standard input. Without one, the log's last checkpoint is cosigned, and the cosignature is kept in the log.
    """
    from delegate.audit.memory import WitnessFile

    out = Output("audit witness", as_json=as_json)
    signer = witness_signer() if key_file is None else read_signer(key_file)
    keys, _ = _trust(vkeys, None)
    path = data_folder() / "witness.db" if memory_file is None else Path(memory_file)
    memory = WitnessFile(path)
    try:
        if request is not None:
            body = sys.stdin.buffer.read(_NOTE_BYTES + 1) if request == "-" else read_file(request, _NOTE_BYTES)
            if not keys:
                message = "say which logs to look at: --vkey KEY"
                raise click.UsageError(message)
            answer = _witnessed(signer, keys, memory, body, clock(now))
        else:
            with opened_log(log_url, tenant=tenant) as log:
                keys = keys or own_log_key(log)
                note, body = _request_of(log, memory)
                answer = _witnessed(signer, keys, memory, body.encode(), clock(now))
                if answer.status == 200:
                    log.keep_checkpoint(note.with_line(answer.body))
    finally:
        memory.close()
    data = {"status": answer.status, "answer": answer.body, "vkey": signer.key.to_text()}
    if answer.status != 200:
        line = answer.body.strip()
        if answer.status == 409:
            line = f"this witness saw a tree of {line} events last; ask again from there"
        status = Status.UNTRUSTED if answer.status == 404 else Status.NOT_GENUINE
        raise Failure(status, line, label="not cosigned", data=data)
    out.note(f"verifier key: {signer.key.to_text()}")
    _write(out, target, answer.body, data)


@audit.command(epilog=example("delegate audit keys example.com/log -o log"))
@click.argument("name")
@click.option(
    "--witness", "for_witness", is_flag=True, help="A key that cosigns, instead of one that signs checkpoints."
)
@click.option("-o", "--output", "stem", type=FILE, required=True, metavar="STEM", help="Write STEM.key and STEM.vkey.")
@json_option
def keys(name: str, for_witness: bool, stem: str, as_json: bool) -> None:  # noqa: FBT001
    """Make a key for a log or a witness, and for nothing else.

    NAME is a URL without a scheme, such as example.com/log.
    """
    from delegate.audit.tree.notes import NoteSigner, Use
    from delegate.cli.audit_keys import save_signer

    out = Output("audit keys", as_json=as_json)
    try:
        signer = NoteSigner.generate(name, Use.WITNESS if for_witness else Use.LOG)
    except ValueError as error:
        message = f"`{shown(name)}`: {error}"
        raise click.UsageError(message) from None
    save_signer(signer, stem)
    out.note(f"{shown(name)}: keep {shown(stem)}.key secret; {shown(stem)}.vkey is for everybody")
    out.result({"name": name, "vkey": signer.key.to_text()}, [signer.key.to_text()])


@audit.command(epilog=example("delegate audit export tiles/ --log sqlite:///audit.db"))
@click.argument("folder", type=FILE)
@log_option
@tenant_option
@json_option
def export(folder: str, log_url: str | None, tenant: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Write a log into FOLDER as static files (tlog-tiles).

    It is written up to its last checkpoint.
    Routes, which events name by their SHA-256, stand in FOLDER/routes.
    """
    from delegate.audit.exporting import export as write_tiles

    out = Output("audit export", as_json=as_json)
    with opened_log(log_url, tenant=tenant) as log:
        note = _last(log)
        try:
            count = write_tiles(log, note, Path(folder), progress=progress_on_terminal("exporting"))
        except OSError as error:
            raise file_failure(error.filename or folder, error) from None
    out.result({"files": count, "folder": folder}, [f"{counted(count, 'file')} in {shown(folder)}"])


@audit.command(epilog=example("delegate audit retain --keep 90d --log sqlite:///audit.db"))
@log_option
@tenant_option
@click.option("--keep", "keep", metavar="DURATION", help="Drop the bodies of events that are older: 90d.")
@click.option("--before", "before", type=moment, metavar="TIME", help="Drop the bodies of events before then.")
@now_option
@json_option
def retain(
    log_url: str | None,
    tenant: str | None,
    keep: str | None,
    before: int | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Drop the bodies of old events.

    Whole batches of them are dropped. Their hashes stay, and prove the rest.
    """
    from delegate.audit.retention import first_since

    out = Output("audit retain", as_json=as_json)
    if (keep is None) == (before is None):
        message = "say what to drop: --keep 90d or --before TIME"
        raise click.UsageError(message)
    try:
        since = clock(now) - seconds(keep) if keep is not None else before or 0
    except ValueError:
        message = f"`{shown(keep or '')}` is not a duration; write it like 90d"
        raise click.UsageError(message) from None
    with opened_log(log_url, tenant=tenant) as log:
        kept = log.drop(first_since(log, since))
        size = log.size
    out.result(
        {"size": size, "dropped": kept, "kept": size - kept},
        [f"{counted(kept, 'event')} dropped in all, {size - kept} kept"],
    )


def _request_of(log: Log, memory: WitnessFile) -> tuple[Note, str]:
    from delegate.audit.tree.checkpoints import Checkpoint
    from delegate.audit.tree.witness import Request

    note = _last(log)
    found = Checkpoint.parse(note.text)
    before = memory.latest(found.origin)
    old = 0 if before is None else before.size
    tiles = log.tiles()
    proof = tiles.consistency(old, found.size) if old <= found.size <= tiles.size else ()
    return note, Request(min(old, found.size), proof, note).to_text()


def _witnessed(signer: NoteSigner, keys: Sequence[NoteKey], memory: WitnessFile, body: bytes, now: int) -> Answer:
    from delegate.audit.tree.witness import Witness

    try:
        return Witness(signer, tuple(keys), memory).answer(body, now)
    except ValueError as error:
        raise Failure(Status.USAGE, str(error)) from None


def _trust(vkeys: Sequence[str], policy_file: str | None) -> tuple[tuple[NoteKey, ...], Policy | None]:
    from delegate.audit.tree.policies import Policy

    policy = None if policy_file is None else Policy.parse(read_file(policy_file, _NOTE_BYTES))
    return tuple(map(read_note_key, vkeys)), policy


def _note(path: str) -> Note:
    from delegate.audit.tree.notes import Note

    try:
        return Note.parse(read_file(path, _NOTE_BYTES))
    except DelegateError as error:
        raise Failure(
            Status.NOT_GENUINE, f"{shown(path)}: {error.detail}", label="not a checkpoint", reason=error.reason
        ) from None


def _checked(note: Note, path: str, keys: Sequence[NoteKey], policy: Policy | None) -> Checkpoint:
    """Check who signed a checkpoint, where somebody said who must have."""
    from delegate.audit.tree.checkpoints import open_checkpoint

    if policy is not None:
        return policy.check(note, keys).checkpoint
    if not keys:
        message = f"{shown(path)}: say whose checkpoints to trust: --vkey KEY or --policy FILE"
        raise click.UsageError(message)
    return open_checkpoint(note, keys).checkpoint


def _last(log: Log) -> Note:
    notes = log.checkpoints()
    if not notes:
        raise Failure(Status.USAGE, "this log has no checkpoint yet: delegate audit checkpoint")
    return notes[-1]


def _covering(log: Log, index: int) -> Note:
    """Give the last checkpoint; an event that it does not cover has no proof yet."""
    from delegate.audit.tree.checkpoints import Checkpoint

    note = _last(log)
    size = Checkpoint.parse(note.text).size
    if index >= size:
        detail = f"event {index} is not in the last checkpoint, of {counted(size, 'event')}: delegate audit checkpoint"
        raise Failure(Status.USAGE, detail)
    return note


def _write(out: Output, target: str | None, text: str, data: dict[str, object]) -> None:
    if target is None:
        out.result(data, text.removesuffix("\n").split("\n"))
        return
    replace_file(target, text.encode(), 0o644)
    out.result({**data, "file": target}, ())
