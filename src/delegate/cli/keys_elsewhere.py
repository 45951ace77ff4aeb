"""Keys that are made, or found, where they stay: for `delegate key new`."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Callable
from urllib.parse import quote

import click

from delegate.authoring.identity import Identity
from delegate.authoring.key_sources import agent_place
from delegate.authoring.signers import Ed25519Signer
from delegate.authoring.ssh_agent import AgentKey, SshAgent, SshAgentSigner, key_blob
from delegate.cli.output import Failure
from delegate.cli.sources import passphrase_of
from delegate.cli.status import Status
from delegate.core.chain.printable import shown
from delegate.core.keys.public import Algorithm
from delegate.errors import DelegateError


def in_agent(name: str, wanted: str | None) -> tuple[Identity, str]:
    """Make a key in the ssh-agent, or take the one that is wanted; gives where it is, too. Raises Failure."""
    try:
        agent = SshAgent()
        if wanted is None:
            made = Ed25519Signer.generate()
            agent.add(made, name)
            public_key = made.public_key
        else:
            public_key = _chosen(agent.keys(), wanted).public_key
        return Identity(name, SshAgentSigner(public_key)), agent_place(public_key)
    except DelegateError as error:
        raise Failure(Status.UNTRUSTED, error.detail, label="missing key") from None


def _chosen(keys: tuple[AgentKey, ...], wanted: str) -> AgentKey:
    found = [each for each in keys if wanted in {each.comment, fingerprint(each)}]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{fingerprint(each)} ({shown(each.comment)})" for each in keys)
    what = "no such key" if not found else "several such keys"
    message = f"the ssh-agent has {what}; it has {there or 'none that can sign here'}"
    raise Failure(Status.UNTRUSTED, message, label="missing key")


def fingerprint(key: AgentKey) -> str:
    """Write a key as `ssh-keygen -l` does."""
    digest = hashlib.sha256(key_blob(key.public_key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def in_token(name: str, uri: str, *, esp256: bool, prompt: bool, passphrase_file: str | None) -> tuple[Identity, str]:
    """Make a key in a token, or take the one that the URI names; gives where it is, too. Raises Failure, UsageError."""
    from delegate.authoring.pkcs11 import Pkcs11Signer, parse_uri

    makes = "object=" not in uri.partition("?")[0] and "id=" not in uri.partition("?")[0]
    path, mark, query = uri.partition("?")
    whole = f"{path.removesuffix(';')};object={quote(name, safe=':@')}{mark}{query}" if makes else uri
    try:
        parsed = parse_uri(whole)
    except ValueError as error:
        raise click.UsageError(f"--pkcs11: {shown(str(error), 300)}") from None
    if esp256 and not makes:
        message = "--esp256 is for a key that is made: leave out object=…"
        raise click.UsageError(message)
    pin: str | Callable[[], str] | None = passphrase_of(prompt=False, path=passphrase_file)
    if pin is None and "pin-source" not in parsed and (prompt or sys.stdin.isatty()):
        pin = _prompted
    try:
        if makes:
            Pkcs11Signer.generate_at(whole, pin=pin, algorithm=Algorithm.ESP256 if esp256 else Algorithm.ED25519)
        return Identity(name, Pkcs11Signer.from_uri(whole, pin=pin)), whole
    except DelegateError as error:
        raise Failure(Status.UNTRUSTED, error.detail, label="missing key") from None
    except ImportError as error:
        raise Failure(Status.FILES, str(error)) from None


def _prompted() -> str:
    return str(click.prompt("PIN", hide_input=True, err=True))
