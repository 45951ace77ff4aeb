"""`delegate revoke`: taking back what was handed out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from delegate.authoring.identity import Identity
from delegate.authoring.revoke import RevokedBlock, RevokedKey
from delegate.cli import journal
from delegate.cli.journal import SignedBlock, handing_on, has_say, note_revoked, signed_blocks
from delegate.cli.options import (
    FILE,
    clock,
    duration,
    example,
    journal_option,
    json_option,
    moment,
    now_option,
    passphrase_options,
)
from delegate.cli.output import Failure, Output, failure_of
from delegate.cli.revocation_files import locked, read_earlier, write_list
from delegate.cli.sources import read_identity, read_principal, read_token
from delegate.cli.status import Status
from delegate.cli.stores import create_option, opened, state_option
from delegate.core.chain.printable import counted, shown
from delegate.core.chain.revocations import RevocationList
from delegate.core.keys.principal import Principal
from delegate.errors import DelegateError, StateError
from delegate.explain.hops import hops_of
from delegate.views.moments import when_from

_ID: Final = re.compile(r"[0-9a-fA-F]{1,64}")
_ID_DIGITS: Final = 64
_LEAST_DIGITS: Final = 8
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


@click.command(
    epilog=example(
        "delegate revoke 3f9a1c07 --key alice.key --list revoked.dlgr --why 'laptop stolen'",
        "delegate revoke --holder worker.pub --key worker.key --list revoked.dlgr",
    )
)
@click.argument("what", metavar="[ID|TOKEN]", required=False)
@click.option(
    "--hop",
    type=click.IntRange(min=0),
    metavar="N",
    help="Which block of TOKEN. Default: the first that the key signed.",
)
@click.option("--key", "key_file", type=FILE, required=True, metavar="FILE", help="Private key that revokes.")
@click.option(
    "--list", "list_file", type=FILE, required=True, metavar="FILE", help="This key's list; made if there is none yet."
)
@click.option("--holder", "holder_file", type=FILE, metavar="FILE", help="Revoke this public key: worker.pub.")
@click.option(
    "--since", type=moment, metavar="TIME", help="Spare what --holder signed before then; a thief can back-date."
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
    key_file: str,
    list_file: str,
    holder_file: str | None,
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

    ID is the beginning of a block's id, as delegate list shows it, or the whole id. The revocation takes effect
    wherever the list is imported; with --state, at once.
    """
    out = Output("revoke", as_json=as_json)
    at = clock(now)
    if since is not None and holder_file is None:
        message = "--since needs a key: --holder worker.pub"
        raise click.UsageError(message)
    holder = None if holder_file is None else read_principal(holder_file)
    identity = read_identity(key_file, out, prompt=prompt, passphrase_file=passphrase_file)
    target = None if what is None and holder is not None else _target(what, hop, until, identity, out)
    blocks = [] if target is None else [RevokedBlock(target.block_id, target.until, why or "")]
    keys = [] if holder is None else [RevokedKey(holder.public_key.thumbprint, since or 0, why or "")]
    seen = 0 if state_url is None else _newest_number(state_url, identity, may_make=may_make)
    with locked(list_file):
        earlier = read_earlier(list_file)
        made = _sign_next(identity, list_file, earlier, blocks, keys, seen, ttl, at)
        write_list(list_file, made)
    _report(out, identity, target, holder, made)
    if noted:
        subjects = {each.id for each in blocks} | {each.thumbprint for each in keys}
        note_revoked(out, [each for each in made.records if each.subject in subjects], list_file, at)
    out.note(
        f"list: {shown(list_file)}, number {made.sequence}, {counted(len(made.records), 'record')}; "
        f"sign it again before {when_from(made.expires, at)}"
    )
    data: dict[str, object] = {
        "block": None if target is None else _target_json(target, identity),
        "key": None if holder is None else {"thumbprint": keys[0].thumbprint.hex(), "since": keys[0].since},
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
            f"{shown(path)} is signed by another key, {shown(earlier.issuer)}; a list has one signer",
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


def _target_of_id(digits: str, until: int | None, out: Output) -> Target:
    if len(digits) < _LEAST_DIGITS:
        message = f"give at least {_LEAST_DIGITS} digits of the id, as delegate list shows them"
        raise click.UsageError(message)
    entries = journal.read().entries
    found = [entry for entry in entries if entry.block_id.hex().startswith(digits)]
    if len(found) > 1:
        message = f"{len(found)} ids begin with {digits}; delegate list --json shows them in full"
        raise click.UsageError(message)
    if found:
        entry = found[0]
        _check_until(until, entry.until)
        words = handing_on(entry.by, entry.to)
        return Target(block_id=entry.block_id, until=until or entry.until, words=words, blocks=entry.blocks)
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


def _report(
    out: Output, identity: Identity, target: Target | None, holder: Principal | None, made: RevocationList
) -> None:
    """Say what was revoked, and warn where it counts for less than it may seem."""
    if target is not None:
        words = f" {target.words}" if target.words else ""
        block = f"{target.block_id.hex()[:_SHORT_DIGITS]}{words}"
        if all(record.subject != target.block_id for record in made.records):
            out.warn(f"not in the list, because its chain has expired: {block}")
        else:
            out.note(f"revoked: {block}, and everything below it")
            if target.until <= made.issued:
                out.warn("its chain has expired anyway")
        if target.blocks is not None and not has_say(identity.public_key.thumbprint, target.blocks):
            out.warn(
                f"{identity.name} signed neither that block nor one above it: "
                f"this counts only where {identity.name} is a revoker"
            )
    if holder is not None:
        out.note(f"revoked: the key {holder.public_key.thumbprint.hex()[:_SHORT_DIGITS]} of {holder.name}")
        if holder.public_key != identity.public_key:
            out.warn(f"this is another's key: this counts only where {identity.name} is a revoker")


def _target_json(target: Target, identity: Identity) -> dict[str, object]:
    say = None if target.blocks is None else has_say(identity.public_key.thumbprint, target.blocks)
    return {
        "id": target.block_id.hex(),
        "hop": None if target.blocks is None else len(target.blocks) - 1,
        "until": target.until,
        "has_say": say,
    }
