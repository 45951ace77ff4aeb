"""Chains to measure: every one distinct, so that nothing is measured warm by accident."""

from __future__ import annotations

from dataclasses import dataclass

from delegate import Identity, Presentation, Principal, Request, Token
from delegate.chain.token import block_aad, proof_aad
from delegate.wire import cose

AUDIENCE = "files.example.com"
REQUEST = Request("files.read", "/reports/q3.csv", {"size": 10})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One chain, its presentation, and the bare signature checks that are in it."""

    root: Principal
    holder: Identity
    token: Token
    presentation: Presentation
    checks: tuple[tuple[bytes, bytes], ...]  # (signature + signed bytes, public key)


def case(blocks: int, variant: int) -> Case:
    """Make a chain of `blocks` blocks with two caveats each, and a proof.

    `variant` goes into the caveats, so that two variants share no compiled caveat.
    """
    root = Identity.generate("user:alice@example.com")
    agents = [Identity.generate(f"agent:worker-{index}") for index in range(blocks)]
    token = root.mint(
        to=agents[0].principal,
        can=["files.read /reports/**"],
        caveats=_caveats(0, variant),
        ttl="8h",
        hops=blocks - 1,
    )
    for index in range(1, blocks):
        token = agents[index - 1].attenuate(token, to=agents[index].principal, caveats=_caveats(index, variant))
    presentation = agents[-1].prove(token, REQUEST, AUDIENCE)
    return Case(
        root=root.principal,
        holder=agents[-1],
        token=token,
        presentation=presentation,
        checks=_bare_checks(root.principal, presentation),
    )


def _caveats(index: int, variant: int) -> tuple[str, str]:
    return f"args.size < {1_000_000 - index - 100 * variant}", 'resource.endsWith(".csv")'


def _bare_checks(root: Principal, presentation: Presentation) -> tuple[tuple[bytes, bytes], ...]:
    """List the signatures of a presentation with what they sign: what any verifier must check."""
    key, above = root.public_key, root.public_key.thumbprint
    checks = []
    for data, link in zip(presentation.blocks, presentation.link.up(), strict=True):
        signed = cose.open_signed(data)
        structure = cose.sig_structure(signed.protected, block_aad(above), signed.payload_item)
        checks.append((signed.signature + structure, key.raw))
        key, above = link.block.key, link.id
    signed = cose.open_signed(presentation.proof)
    structure = cose.sig_structure(signed.protected, proof_aad(above), signed.payload_item)
    checks.append((signed.signature + structure, key.raw))
    return tuple(checks)
