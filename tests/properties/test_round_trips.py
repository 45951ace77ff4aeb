"""What is written is read again as it was, and every form of it gets the same verdict."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from delegate import AsyncVerifier, BearerToken, MemoryReplay, Presentation, Request, Token, UnverifiedToken, Verifier
from delegate.core.wire import armor, cbor
from delegate.core.wire.envelope import Kind
from delegate.errors import DelegateError
from delegate.language.capability import Capability
from tests.properties.strategies import (
    AUDIENCE,
    NOW,
    ROOT,
    Narrowed,
    bearer_chains,
    capability_texts,
    chains,
    environments,
    requests,
)

Env = dict[str, str]

wire_keys = st.integers(-24, 23) | st.text(max_size=30)
wire_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(wire_keys, inner, max_size=4),
    max_leaves=20,
)


def exact(value: object) -> str:
    """A value with its types: `True`, `1` and `1.0` differ, and 0.0 and -0.0."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{exact(key)}:{exact(item)}" for key, item in value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(exact, value)) + "]"
    return f"{type(value).__name__} {value!r}"


@settings(max_examples=300)
@given(value=wire_values)
def test_cbor_reads_what_it_wrote(value: object) -> None:
    """Each value of the profile has an encoding, and that decodes to the same value with the same types."""
    assert exact(cbor.decode(cbor.encode(value))) == exact(value)


@settings(max_examples=300)
@given(data=st.binary(max_size=60))
def test_cbor_accepts_one_encoding_of_a_value(data: bytes) -> None:
    """Whatever bytes decode are the very bytes that the value encodes to; all else is refused by name."""
    try:
        value = cbor.decode(data)
    except DelegateError:
        return
    assert cbor.encode(value) == data


@given(data=st.binary(max_size=200), kind=st.sampled_from(list(Kind)))
def test_the_text_form_reads_what_it_wrote(data: bytes, kind: Kind) -> None:
    """Any bytes have one text, and that is read back to them."""
    assert armor.decode(armor.encode(kind, data)) == (kind, data)


@given(narrowed=chains(), request=requests)
def test_tokens_and_presentations_read_what_they_wrote(narrowed: Narrowed, request: Request) -> None:
    """Text and bytes of a chain are read as an equal object, whose hops say what was written."""
    for holder, token in narrowed.chain:
        for written in (token.to_text(), token.to_bytes()):
            read = Token.parse(written)
            assert read == token
            assert hash(read) == hash(token)
            assert UnverifiedToken.parse(written).hops == UnverifiedToken.parse(token).hops
        presentation = holder.prove(token, request, AUDIENCE, now=NOW)
        assert Presentation.parse(presentation.to_text()) == presentation == Presentation.parse(presentation.to_bytes())
        assert presentation.token == token


@settings(max_examples=30)
@given(tokens=bearer_chains())
def test_bearer_tokens_read_what_they_wrote(tokens: list[BearerToken]) -> None:
    """The same for bearer tokens, secret included."""
    for token in tokens:
        for written in (token.to_text(), token.to_bytes()):
            read = BearerToken.parse(written)
            assert read == token
            assert read.signer().public_key == token.link.block.key


@settings(max_examples=200)
@given(text=capability_texts())
def test_a_capability_prints_as_it_reads(text: str) -> None:
    """Text → capability → text → capability is stable, and so is its wire form."""
    read = Capability.parse(text)
    assert Capability.parse(str(read)) == read
    assert str(Capability.parse(str(read))) == str(read)
    assert Capability.from_wire(read.to_wire()) == read


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=200)
@given(args=st.dictionaries(st.text(max_size=10), json_values, max_size=4))
def test_a_request_is_the_same_through_json(args: dict[str, Any]) -> None:
    """JSON values go through `to_json` and `from_json` to the same digest; normalising twice changes nothing."""
    request = Request("tool", "/x", args)
    again = Request.from_json(json.dumps(request.to_json()))
    assert again == request
    assert again.digest == request.digest
    assert Request("tool", "/x", request.args) == request
    shuffled = dict(reversed(args.items()))
    assert Request("tool", "/x", shuffled).digest == request.digest


@settings(max_examples=80)
@given(narrowed=chains(), request=requests, env=environments)
def test_the_verdict_is_the_same_for_every_form_and_verifier(narrowed: Narrowed, request: Request, env: Env) -> None:
    """Object, text, bytes; fresh or warm; synchronous or not: one verdict, one reason, one hop, one detail.

    Each with a memory of its own: to share one would be to take the proof once.
    """
    holder, token = narrowed.chain[-1]
    presentation = holder.prove(token, request, AUDIENCE, now=NOW)
    warm = Verifier([ROOT.principal], audience=AUDIENCE, clock=lambda: NOW)
    warm.preview(token, request, env=env)
    verdicts = set()
    for form in (presentation, presentation.to_text(), presentation.to_bytes()):
        cold = Verifier(
            [ROOT.principal], audience=AUDIENCE, clock=lambda: NOW, cache_size=0, replay=MemoryReplay(since=0)
        )
        later = AsyncVerifier([ROOT.principal], audience=AUDIENCE, clock=lambda: NOW, replay=MemoryReplay(since=0))
        for decision in (
            cold.decide(form, request, env=env),
            asyncio.run(later.decide(form, request, env=env)),
            warm.preview(form, request, env=env),
        ):
            verdicts.add((decision.allowed, decision.reason, decision.hop, decision.detail))
    assert len(verdicts) == 1
