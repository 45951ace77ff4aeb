"""`delegate revoke`: taking back what was handed out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import click

from delegate.authoring.identity import Identity
from delegate.authoring.revoke import RevokedBlock, RevokedKey
from delegate.cli import journal
from delegate.cli.journal import handing_on, note_revoked
from delegate.cli.options import (
    FILE,
    clock,
    duration,
    example,
    journal_option,
    json_option,
    key_option,
    lazily,
    moment,
    now_option,
    passphrase_options,
)
from delegate.cli.output import Failure, Output, failure_of, shown_path
from delegate.cli.revocation_files import locked, read_earlier, write_list
from delegate.cli.selection import LEAST_DIGITS, Selection, key_of, selection_of, selection_options, topmost
from delegate.cli.sources import read_identity, read_principal, read_token
from delegate.cli.status import Status
from delegate.cli.stores import create_option, opened, state_option
from delegate.core.chain.printable import counted, shown
from delegate.core.chain.revocations import RevocationList
from delegate.errors import DelegateError, StateError
from delegate.explain.hops import hops_of
from delegate.journal.entries import Entry, SignedBlock, has_say, is_revoked, signed_blocks
from delegate.views.moments import when_from

_ID: Final = re.compile(r"[0-9a-fA-F]{1,64}")
_ID_DIGITS: Final = 64
_SHORT_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A block that is to be revoked.

    Attributes:
        block_id: 32 bytes.
        until: when its chain is over anyway.
        words: who handed to whom; empty where nothing but the id is known.
        blocks: the blocks down to this one; `None` where nothing but the id is known.
    """

    block_id: bytes
    until: int
    words: str
    blocks: tuple[SignedBlock, ...] | None


class Party(NamedTuple):
    """Whose key is to be revoked: its thumbprint, and a name where one is known."""

    thumbprint: bytes
    name: str


@click.command(
    epilog=example(
        "delegate revoke 3f9a1c07 --key alice.key --list revoked.dlgr --why 'laptop stolen'",
        "delegate revoke --holder worker.pub --key worker.key --list revoked.dlgr",
        "delegate revoke --principal agent:worker --key alice.key --list revoked.dlgr",
    )
)
@click.argument("what", metavar="[ID|TOKEN]", required=False, shell_complete=lazily("complete_ids"))
@click.option(
    "--hop",
    type=click.IntRange(min=0),
    metavar="N",
    help="Which block of TOKEN. Default: the first that the key signed.",
)
@key_option("Private key that revokes.")
@click.option(
    "--list", "list_file", type=FILE, required=True, metavar="FILE", help="This key's list; made if there is none yet."
)
@click.option("--holder", "holder_file", type=FILE, metavar="FILE", help="Revoke this public key: worker.pub.")
@selection_options
@click.option(
    "--since", type=moment, metavar="TIME", help="Spare what the revoked key signed before then; a thief can back-date."
)
@click.option(
    "--until", type=moment, metavar="TIME", help="When the chain expires, for an ID that is not in the journal."
)
@click.option("--why", metavar="TEXT", help="Reason, for people.")
@click.option(
    "--ttl", type=duration, default="24h", metavar="DURATION", help="How long the list counts as fresh. Default: 24h."
)
@state_option
@create_option
@journal_option
@passphrase_options
@now_option
@json_option
def revoke(
    what: str | None,
    hop: int | None,
    key_file: str | None,
    list_file: str,
    holder_file: str | None,
    principal: str | None,
    tenant: str | None,
    originator: str | None,
    thumbprint: str | None,
    since: int | None,
    until: int | None,
    why: str | None,
    ttl: int,
    state_url: str | None,
    may_make: bool,  # noqa: FBT001
    noted: bool,  # noqa: FBT001
    prompt: bool,  # noqa: FBT001
    passphrase_file: str | None,
    now: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Take back a block and everything below it, or a key.

    ID is the beginning of a block's id, as delegate list shows it, or the whole id. --principal, --tenant, --originator
    and --thumbprint take back every live block in the journal that is meant by all of them; --thumbprint also revokes
    the key itself. The revocation takes effect wherever the list is imported; with --state, at once.
    """
    out = Output("revoke", as_json=as_json)
    at = clock(now)
    wanted = selection_of(principal, tenant, originator, thumbprint)
    if what is not None and not wanted.is_of_any:
        message = f"{wanted} cannot be used with an id or a token, which names one block already"
        raise click.UsageError(message)
    if since is not None and holder_file is None and thumbprint is None:
        message = "--since needs a key: --holder worker.pub"
        raise click.UsageError(message)
    if holder_file is not None and thumbprint is not None:
        message = "name the key by --holder or by --thumbprint, not by both"
        raise click.UsageError(message)
    holder = None if holder_file is None else read_principal(holder_file)
    identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
    party = None if holder is None else Party(holder.public_key.thumbprint, holder.name)
    targets: list[Target] = []
    if not wanted.is_of_any:
        party, targets = _selected(wanted, party, until, at)
    elif what is not None or party is None:
        targets = [_target(what, hop, until, identity, out)]
    blocks = [RevokedBlock(each.block_id, each.until, why or "") for each in targets]
    keys = [] if party is None else [RevokedKey(party.thumbprint, since or 0, why or "")]
    seen = 0 if state_url is None else _newest_number(state_url, identity, may_make=may_make)
    with locked(list_file):
        earlier = read_earlier(list_file)
        made = _sign_next(identity, list_file, earlier, blocks, keys, seen, ttl, at)
        write_list(list_file, made)
    for each in targets:
        _report_block(out, identity, each, made)
    if party is not None:
        _report_key(out, identity, party)
    if noted:
        subjects = {each.id for each in blocks} | {each.thumbprint for each in keys}
        note_revoked(out, [each for each in made.records if each.subject in subjects], list_file, at)
    out.note(
        f"list: {shown(list_file)}, number {made.sequence}, {counted(len(made.records), 'record')}; "
        f"sign it again before {when_from(made.expires, at)}"
    )
    data: dict[str, object] = {
        "block": _target_json(targets[0], identity) if len(targets) == 1 else None,
        "blocks": [_target_json(each, identity) for each in targets],
        "key": None if party is None else {"thumbprint": keys[0].thumbprint.hex(), "since": keys[0].since},
        "list": {
            "file": list_file,
            "sequence": made.sequence,
            "records": len(made.records),
            "expires": made.expires,
        },
        "new_in_state": None,
    }
    if state_url is not None:
        data["new_in_state"] = add_to_store(out, state_url, made, data, may_make=may_make)
    out.result(data, ())


def add_to_store(out: Output, url: str, made: RevocationList, data: dict[str, object], *, may_make: bool) -> int:
    """Add a list to the verifiers' store; gives how many of its records are new there.

    By the system's clock, whatever `--now` says: a store forgets what is over, and must not do so early.
    """
    try:
        with opened(url, may_make=may_make) as state:
            new = state.revocations.add(made.feed, made.records, now=clock(None))
    except DelegateError as error:
        raise failure_of(error, None, data) from None
    out.note(f"state: {counted(new, 'new record')}")
    return new


def _newest_number(url: str, identity: Identity, *, may_make: bool) -> int:
    """Say which number verifiers have seen of a signer. A store that is down must not keep the list from being made."""
    try:
        with opened(url, may_make=may_make) as state:
            feeds = state.revocations.feeds()
    except StateError:
        return 0
    return max((feed.sequence for feed in feeds if feed.signer == identity.public_key.thumbprint), default=0)


def _sign_next(
    identity: Identity,
    path: str,
    earlier: RevocationList | None,
    blocks: Iterable[RevokedBlock],
    keys: Iterable[RevokedKey],
    seen: int,
    ttl: int,
    at: int,
) -> RevocationList:
    if earlier is not None and earlier.public_key != identity.public_key:
        raise Failure(
            Status.UNTRUSTED,
            f"{shown_path(path)} is signed by another key, {shown(earlier.issuer)}; a list has one signer",
            label="missing key",
        )
    try:
        return identity.revoke(blocks=blocks or None, keys=keys or None, previous=earlier, after=seen, ttl=ttl, now=at)
    except ValueError as error:
        raise click.UsageError(shown(str(error), 300)) from None


def _target(what: str | None, hop: int | None, until: int | None, identity: Identity, out: Output) -> Target:
    """Find the block that is meant."""
    if what is not None and _ID.fullmatch(what) and not Path(what).exists():
        if hop is not None:
            message = "--hop cannot be used with an id, which names one block already"
            raise click.UsageError(message)
        return _target_of_id(what.lower(), until, out)
    token = read_token(what, out)
    hops = hops_of(token.link)
    blocks = signed_blocks(token)
    if hop is None:
        mine = identity.public_key.thumbprint
        hop = next((number for number, each in enumerate(blocks) if each.signer == mine), None)
        if hop is None:
            message = f"{identity.name} signed no block of this chain; say which block with --hop"
            raise click.UsageError(message)
    if hop >= len(hops):
        message = f"--hop {hop}: the last block of this chain is {len(hops) - 1}"
        raise click.UsageError(message)
    chosen = hops[hop]
    expires = token.link.up()[hop].expires
    _check_until(until, expires)
    words = handing_on(chosen.signer, chosen.holder)
    return Target(block_id=chosen.block_id, until=until or expires, words=words, blocks=blocks[: hop + 1])


def _selected(wanted: Selection, party: Party | None, until: int | None, at: int) -> tuple[Party | None, list[Target]]:
    """Find in the journal what is meant and still counts, and the key where a thumbprint names one."""
    entries, revoked, _ = journal.read()
    if wanted.thumbprint is not None:
        key = key_of(wanted.thumbprint, entries)
        wanted = wanted._replace(thumbprint=key.hex())
        names = {each.to for each in entries if each.key == key}
        party = Party(key, names.pop() if len(names) == 1 else "")
    records = [each.record for each in revoked]
    found = [each for each in entries if wanted.picks(each) and each.until > at and not is_revoked(each, records, at)]
    if not found and party is None:
        message = f"nothing that is live in the journal is {wanted}"
        raise click.UsageError(message)
    targets = []
    for entry in topmost(found):
        _check_until(until, entry.until)
        targets.append(_target_in(entry, until))
    return party, targets


def _target_in(entry: Entry, until: int | None) -> Target:
    words = handing_on(entry.by, entry.to)
    return Target(block_id=entry.block_id, until=until or entry.until, words=words, blocks=entry.blocks)


def _target_of_id(digits: str, until: int | None, out: Output) -> Target:
    if len(digits) < LEAST_DIGITS:
        message = f"give at least {LEAST_DIGITS} digits of the id, as delegate list shows them"
        raise click.UsageError(message)
    entries = journal.read().entries
    found = [entry for entry in entries if entry.block_id.hex().startswith(digits)]
    if len(found) > 1:
        message = f"{len(found)} ids begin with {digits}; delegate list --json shows them in full"
        raise click.UsageError(message)
    if found:
        _check_until(until, found[0].until)
        return _target_in(found[0], until)
    if len(digits) < _ID_DIGITS:
        message = f"no id in the journal begins with {digits}; give the whole id, or the token"
        raise click.UsageError(message)
    if until is None:
        message = "this id is not in the journal; say when its chain expires: --until TIME"
        raise click.UsageError(message)
    out.warn("this id is not in the journal, so whether this key can revoke it is unknown")
    return Target(block_id=bytes.fromhex(digits), until=until, words="", blocks=None)


def _check_until(until: int | None, expires: int) -> None:
    if until is not None and until < expires:
        message = "--until is before the chain expires: it would become valid again"
        raise click.UsageError(message)


def _report_block(out: Output, identity: Identity, target: Target, made: RevocationList) -> None:
    """Say that a block was revoked, and warn where that counts for less than it may seem."""
    words = f" {target.words}" if target.words else ""
    block = f"{target.block_id.hex()[:_SHORT_DIGITS]}{words}"
    out.note(f"revoked: {block}, and everything below it")
    if target.until <= made.issued:
        out.warn("its chain has expired anyway")
    if target.blocks is not None and not has_say(identity.public_key.thumbprint, target.blocks):
        out.warn(
            f"{identity.name} signed neither that block nor one above it: "
            f"this counts only where {identity.name} is a revoker"
        )


def _report_key(out: Output, identity: Identity, party: Party) -> None:
    """Say that a key was revoked, and warn where that counts for less than it may seem."""
    whose = f" of {shown(party.name)}" if party.name else ""
    out.note(f"revoked: the key {party.thumbprint.hex()[:_SHORT_DIGITS]}{whose}")
    if party.thumbprint != identity.public_key.thumbprint:
        out.warn(f"this is another's key: this counts only where {identity.name} is a revoker")


def _target_json(target: Target, identity: Identity) -> dict[str, object]:
    say = None if target.blocks is None else has_say(identity.public_key.thumbprint, target.blocks)
    return {
        "id": target.block_id.hex(),
        "hop": None if target.blocks is None else len(target.blocks) - 1,
        "until": target.until,
        "has_say": say,
    }
