"""Chains, proofs and envelopes, each part of which can be replaced by another; and the vectors themselves.

Rules of this file:

- What is not said is right: a vector names the one thing that is wrong with it.
- `SPEC` here is what the specification says, put together anew: no code is shared with the library.
"""

# ruff: noqa: ANN401 - what is encoded may be anything, right or wrong
from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vectorkit.encode import AnyKey, Key, P256Key, Raw, cbor, in_order, text

NOW = 1_790_000_000
AUDIENCE = "files.example.com"

ALICE = Key.of("user:alice@example.com")
BOB = Key.of("user:bob@example.com")
ISSUER = Key.of("svc:issuer")
PLANNER = Key.of("agent:planner")
WORKER = Key.of("agent:worker")
HELPER = Key.of("agent:helper")
MALLORY = Key.of("agent:mallory")
BEARER_1 = Key.of("bearer:", "bearer 1")
BEARER_2 = Key.of("bearer:", "bearer 2")
BEARER_3 = Key.of("bearer:", "bearer 3")
CLOUD_ROOT = P256Key.of("user:carol@example.com")
CLOUD_AGENT = P256Key.of("agent:cloud")

# A claim that is left out.
LEFT_OUT = object()
_KEYS = {"iss": 1, "sub": 2, "aud": 3, "exp": 4, "nbf": 5, "iat": 6, "cti": 7, "cnf": 8, "if_": "if", "for_": "for"}

BLOCK, PROOF = b"delegate/1 block\0", b"delegate/1 proof\0"

READ = {"action": "files.read", "resource": "/reports/q3.csv", "args": {}}
READ_REPORTS = [["files.read", "/reports/**"]]


def listed(*items: Any) -> bytes:
    """The content of a claim `can` or `if`."""
    return cbor(list(items))


@dataclass(frozen=True)
class Cose:
    """How one COSE_Sign1 is put together; what is not given is as it should be."""

    key: Any  # the key that signs
    payload: bytes
    purpose: bytes
    above: bytes
    kid: bytes = b""
    protected: bytes | None = None  # the header itself, without its byte string head
    unprotected: bytes = b"\xa0"
    context: str = "Signature1"
    aad: bytes | None = None
    sign: Callable[[Any, bytes], bytes] | None = None
    alter_payload: Callable[[bytes], bytes] | None = None  # after signing
    assemble: Callable[[bytes, bytes, bytes, bytes], bytes] | None = None

    def header(self) -> bytes:
        """The protected header."""
        if self.protected is not None:
            return self.protected
        label: dict[int, Any] = {1: self.key.algorithm}
        if self.kid:
            label[4] = self.kid
        return cbor(label)

    def structure(self) -> bytes:
        """What is signed: a Sig_structure (RFC 9052 §4.4)."""
        aad = self.purpose + self.above if self.aad is None else self.aad
        return cbor([self.context, self.header(), aad, self.payload])

    def id(self) -> bytes:
        """SHA-256 of what is signed."""
        return hashlib.sha256(self.structure()).digest()

    def build(self) -> bytes:
        """The COSE_Sign1."""
        message = self.structure()
        signature = self.sign(self.key, message) if self.sign else self.key.sign(message)
        payload = self.alter_payload(self.payload) if self.alter_payload else self.payload
        if self.assemble:
            return self.assemble(self.header(), self.unprotected, payload, signature)
        return cbor([self.header(), Raw(self.unprotected), payload, signature])


@dataclass(frozen=True)
class Step:
    """One block to be: its holder, what its claims say other than usual, and how it is signed other than usual."""

    holder: Any
    claims: dict[Any, Any]
    payload: Callable[[dict[Any, Any]], bytes] | None = None
    signer: Any = None
    cose: dict[str, Any] = field(default_factory=dict)


def step(
    holder: Any = PLANNER,
    *,
    cose: dict[str, Any] | None = None,
    signer: Any = None,
    payload: Callable[[dict[Any, Any]], bytes] | None = None,
    more: dict[Any, Any] | None = None,
    **claims: Any,
) -> Step:
    """Describe a block. Claims by name (`if_`, `for_`); `more` for keys that have no name here."""
    said = {_KEYS.get(name, name): value for name, value in claims.items()}
    return Step(holder, {**said, **(more or {})}, payload, signer, cose or {})


@dataclass(frozen=True)
class Chain:
    """Blocks that were built, and what is needed to go on."""

    blocks: tuple[bytes, ...]
    id: bytes  # of the last block
    holder: Any  # the last block's

    def token(self) -> bytes:
        """Envelope 1."""
        return cbor([1, list(self.blocks)])

    def bearer(self, secret: bytes | None = None) -> bytes:
        """Envelope 2."""
        return cbor([2, list(self.blocks), self.holder.seed if secret is None else secret])

    def present(self, proof: bytes | None = None, discharges: list[Any] | None = None) -> bytes:
        """Envelope 3."""
        return cbor([3, list(self.blocks), prove(self) if proof is None else proof, discharges or []])


def chain(*steps: Step, root: AnyKey = ALICE) -> Chain:
    """Build a chain; block 0 is `root`'s unless its step has another signer."""
    blocks: list[bytes] = []
    above, signer, holder = root.thumbprint, root, root
    for index, each in enumerate(steps):
        claims: dict[Any, Any] = {2: each.holder.name, 6: NOW - 600 + 10 * index, 8: {1: each.holder.cose}}
        if index == 0:
            claims |= {1: root.name, 4: NOW + 28_800, 7: bytes(range(8)), "can": listed(*READ_REPORTS), "hops": 3}
        claims |= each.claims
        claims = in_order({key: value for key, value in claims.items() if value is not LEFT_OUT})
        payload = each.payload(claims) if each.payload else cbor(claims)
        standard: dict[str, Any] = {
            "key": each.signer or signer,
            "payload": payload,
            "purpose": BLOCK,
            "above": above,
            "kid": root.thumbprint if index == 0 else b"",
        }
        signed = Cose(**{**standard, **each.cose})
        blocks.append(signed.build())
        above, holder = signed.id(), each.holder
        signer = holder
    return Chain(tuple(blocks), above, holder)


def append(above: Chain, *steps: Step) -> Chain:
    """Blocks below a chain that exists."""
    blocks, block_id, holder = above.blocks, above.id, above.holder
    for each in steps:
        claims: dict[Any, Any] = {2: each.holder.name, 6: NOW - 600 + 10 * len(blocks), 8: {1: each.holder.cose}}
        claims = in_order({key: value for key, value in {**claims, **each.claims}.items() if value is not LEFT_OUT})
        signed = Cose(
            **{"key": each.signer or holder, "payload": cbor(claims), "purpose": BLOCK, "above": block_id, **each.cose}
        )
        blocks, block_id, holder = (*blocks, signed.build()), signed.id(), each.holder
    return Chain(blocks, block_id, holder)


def digest(request: dict[str, Any]) -> bytes:
    """What a proof says of a request."""
    item = [request["action"], request["resource"], _sorted(request["args"])]
    return hashlib.sha256(b"delegate/1 request\0" + cbor(item)).digest()


def described(request: dict[str, Any]) -> str:
    """The same in diagnostic notation (SPEC §7.1)."""
    return _diagnostic([request["action"], request["resource"], _sorted(request["args"])])


def _diagnostic(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_diagnostic(key)}: {_diagnostic(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(_diagnostic(item) for item in value) + "]"
        case bytes():
            return f"h'{value.hex()}'"
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _escaped(character: str) -> str:
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if character in short:
        return short[character]
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _sorted(value: Any) -> Any:
    """Maps in order, `{"base16": …}` as bytes, whole doubles as integers (SPEC §7.1)."""
    if isinstance(value, dict):
        if value.keys() == {"base16"}:
            return bytes.fromhex(value["base16"])
        return in_order({key: _sorted(item) for key, item in value.items()})
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def prove(
    held: Chain,
    request: dict[str, Any] | None = None,
    *,
    key: Any = None,
    claims: dict[Any, Any] | None = None,
    payload: Callable[[dict[Any, Any]], bytes] | None = None,
    cose: dict[str, Any] | None = None,
) -> bytes:
    """A proof of possession; `claims` and `cose` replace what they name."""
    said: dict[Any, Any] = {3: AUDIENCE, 6: NOW - 5, "n": bytes(range(16)), "req": digest(request or READ)}
    said |= claims or {}
    said = in_order({name: value for name, value in said.items() if value is not LEFT_OUT})
    body = payload(said) if payload else cbor(said)
    standard = {"key": key or held.holder, "payload": body, "purpose": PROOF, "above": held.id}
    return Cose(**{**standard, **(cose or {})}).build()


def root(key: AnyKey, **terms: Any) -> dict[str, Any]:
    """A root as the vectors write it."""
    return {"name": key.name, "key": key.line, **terms}


_PREFIXES = {1: "dlgt_", 2: "dlgb_", 3: "dlgp_"}


def as_text(data: bytes) -> str:
    """The text form of a right envelope."""
    return text(_PREFIXES[data[1]], data)


@dataclass(frozen=True)
class Maker:
    """Makes the vectors of one file; holds what they have in common."""

    prefix: str
    made: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        name: str,
        spec: str,
        comment: str,
        what: bytes | str | Chain,
        expect: str = "allow",
        hop: int | None = None,
        *,
        authorize: bool = False,
        request: dict[str, Any] | None = None,
        now: int = NOW,
        audience: str = AUDIENCE,
        tenant: str | None = None,
        roots: list[dict[str, Any]] | None = None,
        env: dict[str, Any] | None = None,
        cost: dict[str, int] | None = None,
        revocations: list[str] | None = None,
        before: list[str] | None = None,
        times: int = 1,
        **verifier: Any,
    ) -> None:
        """Add a vector.

        `what` is an envelope's bytes, its text, or a chain, which is presented with a proof over the request.
        `authorize` decides a request even where the envelope is a bare chain. `verifier` is its settings other than
        the usual; the rest is as in the file.
        """
        asked = request or READ
        if isinstance(what, Chain):
            what = what.present(prove(what, asked))
        authorize = authorize or not (what[:5] == "dlgt_" or what[:2] == b"\x82\x01")
        if isinstance(what, bytes):
            shape_is_right = what[:2] in {b"\x82\x01", b"\x83\x02", b"\x84\x03"}
            what = as_text(what) if shape_is_right else "hex:" + what.hex()
        self.made.append(
            {
                "name": f"{self.prefix}-{name}",
                "comment": comment,
                "spec": spec,
                "presentation" if authorize else "token": what,
                "roots": [root(ALICE)] if roots is None else roots,
                "audience": audience,
                "tenant": tenant,
                "now": now,
                "request": asked if authorize else None,
                "env": env or {},
                "verifier": verifier,
                **({"cost": cost} if cost is not None else {}),
                **({"revocations": revocations} if revocations else {}),
                **({"before": before} if before else {}),
                **({"times": times} if times > 1 else {}),
                "expect": expect,
                "hop": hop,
            }
        )
