"""Make section 13 of SPEC.md from fixed seeds: `python spec/generate_example.py [--check]`.

Without options, prints the section. With `--check`, ends with status 1 if SPEC.md has another one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from delegate import Identity, Presentation, Request, Token, Verifier, when
from delegate.authoring.draft import draft_first
from delegate.core.wire import cbor, cose
from delegate.state import MemoryReplay

SPEC = Path(__file__).parent / "SPEC.md"
BEGIN, END = "<!-- example -->\n", "<!-- /example -->\n"
MINTED, NARROWED, PROVEN, NOW = 1_790_000_000, 1_790_000_100, 1_790_000_110, 1_790_000_120
AUDIENCE = "files.example.com"
REQUEST = Request("files.read", "/reports/q3.csv", {"size": 10})
WIDTH = 32
NAMES = {1: "iss", 2: "sub", 3: "aud", 4: "exp", 6: "iat", 7: "cti", 8: "cnf"}

ALICE = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
PLANNER = Identity.from_seed("agent:planner", b"\x02" * 32)
WORKER = Identity.from_seed("agent:worker", b"\x03" * 32)


def make() -> tuple[Token, Presentation]:
    """Make the chain of two blocks and its presentation."""
    draft = draft_first(
        ALICE.principal,
        PLANNER.principal,
        Token,
        {"can": "files.read /reports/**", "ttl": "8h", "hops": 1, "why": "quarterly report", "now": MINTED},
        token_id=bytes(range(8)),
    )
    token = draft.finish(ALICE.signer.sign(draft.to_sign))
    narrower = PLANNER.attenuate(
        token, to=WORKER.principal, caveats=when("args.size < limit", limit=1000), ttl="10m", now=NARROWED
    )
    return narrower, WORKER.prove(narrower, REQUEST, AUDIENCE, now=PROVEN, nonce=bytes(range(16)))


def section() -> str:
    """Give the section's text, markers left out."""
    chain, presentation = make()
    # A memory that began before the proof was made, whenever this runs.
    verifier = Verifier([ALICE.principal], audience=AUDIENCE, clock=lambda: NOW, replay=MemoryReplay(since=0))
    granted = verifier.authorize(presentation, REQUEST)
    whole = presentation.to_bytes()
    parts = [
        "| seed | principal | public key | thumbprint |",
        "| --- | --- | --- | --- |",
        *(_row(seed, each) for seed, each in enumerate((ALICE, PLANNER, WORKER), start=1)),
        "",
        f"Alice mints at {MINTED}: `files.read /reports/**`, 8 hours, one hop, `quarterly report`; `cti` is 00 to 07.",
        f"The planner hands on at {NARROWED}: `args.size < 1000`, 10 minutes. The worker proves at {PROVEN},",
        f"for `{AUDIENCE}`, with the nonce 00 to 0f: `files.read` on `{REQUEST.resource}`,",
        f'`args` = `{{"size": 10}}`. At {NOW} a verifier with Alice as its root and no other setting allows it.',
        "",
        "```",
        "84 03                       presentation: array of 4, number 3",
        "82                          2 blocks",
    ]
    for index, block in enumerate(chain.blocks):
        parts += _signed(f"block {index}", block)
    parts += _signed("proof", presentation.proof)
    parts += ["80                          no discharges", "```", ""]
    parts += [
        f"The payload of block {index}:\n\n```\n{_claims(block)}\n```\n" for index, block in enumerate(chain.blocks)
    ]
    parts += [f"The payload of the proof:\n\n```\n{_claims(presentation.proof)}\n```\n"]
    parts += [
        "| what | SHA-256 |",
        "| --- | --- |",
        *(f"| id of block {index} | `{block_id.hex()}` |" for index, block_id in enumerate(granted.block_ids)),
        f"| digest of the request | `{REQUEST.digest.hex()}` |",
        "",
        f"The whole presentation, {len(whole)} bytes:",
        "",
        "```",
        *_lines(whole.hex(), WIDTH * 2),
        "```",
        "",
        "and as text:",
        "",
        "```",
        *_lines(presentation.to_text(), WIDTH * 2),
        "```",
        "",
    ]
    return "\n".join(parts)


def _row(seed: int, each: Identity) -> str:
    key = each.public_key
    return f"| 32 × `{seed:02x}` | {each.name} | `{key.raw.hex()}` | `{key.thumbprint.hex()}` |"


def _signed(name: str, data: bytes) -> list[str]:
    signed = cose.open_signed(data)
    return [
        f"{_spaced(cose.byte_string(data)[: -len(data)]):<28}{name}: {len(data)} bytes",
        "  84                        array of 4",
        *_annotated(signed.protected, "protected" if not signed.kid else "protected: alg, kid = Alice's thumbprint"),
        "  a0                        unprotected",
        *_annotated(signed.payload_item, f"payload, {len(signed.payload)} bytes"),
        *_annotated(b"\x58\x40" + signed.signature, "signature"),
    ]


def _annotated(data: bytes, note: str) -> list[str]:
    lines = [f"  {line}" for line in _lines(_spaced(data), WIDTH * 3)]
    if len(lines) == 1 and len(lines[0]) < WIDTH - 6:
        return [f"{lines[0]:<28}{note}"]
    return [f"{'':<28}{note}:", *lines]


def _claims(data: bytes) -> str:
    """One line a claim: its bytes, and what they say."""
    payload = cose.open_signed(data).payload
    claims = cbor.decode(payload)
    assert isinstance(claims, dict)
    rows = [f"{payload[:1].hex():<44}map of {len(claims)}"]
    for key, value in claims.items():
        lines = _lines(_spaced(cbor.encode(key) + cbor.encode(value)), 42)
        rows.append(f"{lines[0]:<44}{NAMES.get(key, key)}: {_said(key, value)}")
        rows += lines[1:]
    return "\n".join(rows)


def _said(key: object, value: object) -> str:
    if key in {"can", "if"}:
        assert isinstance(value, bytes)
        return f"bytes that hold {cbor.decode(value)}"
    if isinstance(value, dict):
        return "the COSE_Key of the holder"
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _spaced(data: bytes) -> str:
    return data.hex(" ")


def _lines(text: str, width: int) -> list[str]:
    return [text[at : at + width].rstrip() for at in range(0, len(text), width)]


def current() -> str:
    """Give the section as SPEC.md has it."""
    return SPEC.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]


def main(arguments: list[str]) -> int:
    """Print the section, or compare it; gives the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments:
        return int(current() != section())
    print(section(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
