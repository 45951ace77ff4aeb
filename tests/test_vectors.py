"""Every vector of `spec/vectors`, in every form and through every door, and the generator that makes them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cbor2
import pytest

from delegate import (
    BearerToken,
    Presentation,
    PublicKey,
    Reason,
    Request,
    RevocationList,
    RootBundle,
    Token,
    Verifier,
)
from delegate.core.chain.binding import frame
from delegate.core.wire import armor, envelope
from delegate.errors import DelegateError
from delegate.explain.unverified import parse
from delegate.limits import TIME_MAX
from tests import cddl, specification, vectors
from tests.vectors import Vector, Verdict

ALL = vectors.load()
ROOT = Path(__file__).parents[1]
Presented = str | bytes | Token | BearerToken | Presentation


def judge(verifier: Verifier, vector: Vector, source: Presented) -> Verdict:
    """What `verify_chain` or `authorize` says of it, as the vector asks."""
    if vector.judged_as_chain:
        return vectors.outcome(lambda: verifier.verify_chain(source))
    return vectors.outcome(lambda: verifier.authorize(source, vector.request, **vector.facts))


def fits(framed: envelope.Envelope) -> bool:
    """Does the envelope have the shape that the schema says, and do headers and claims, to pycddl's mind too?"""
    parts: list[tuple[str, bytes]] = []
    for index, block in enumerate(framed.blocks):
        header, _, payload, _ = cbor2.loads(block)
        first = index == 0
        parts += (
            ("first-protected" if first else "bare-protected", header),
            ("first-claims" if first else "later-claims", payload),
        )
    if framed.proof:
        header, _, payload, _ = cbor2.loads(framed.proof)
        parts += ("bare-protected", header), ("proof-claims", payload)
    for discharge in framed.discharges:
        header, _, payload, _ = cbor2.loads(discharge)
        parts += ("hinted-protected", header), ("discharge-claims", payload)
    return cddl.check("envelope", envelope.build(framed)) and all(cddl.pycddl_check(rule, data) for rule, data in parts)


def forms(vector: Vector) -> dict[str, Presented]:
    """The vector's text or bytes, and the other forms of it that there are."""
    source = vector.source
    found: dict[str, Presented] = {"as written": source}
    try:
        framed = frame(source)
    except DelegateError:
        return found
    data = envelope.build(framed)
    return {**found, "bytes": data, "text": armor.encode(framed.kind, data), "object": parse(source)}


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.name)
def test_every_vector_gets_its_verdict_in_every_form(vector: Vector) -> None:
    """Text, bytes and objects get the verdict that the vector expects, with its hop, from both verifiers."""
    expected = (vector.fields["expect"], vector.fields["hop"])
    for form, source in forms(vector).items():
        verifier = vector.verifier()
        for _ in range(vector.times - 1):
            judge(verifier, vector, source)
        assert judge(verifier, vector, source) == expected, form
        if not vector.judged_as_chain:
            again = vector.verifier()
            for _ in range(vector.times - 1):
                again.decide(source, vector.request, **vector.facts)
            decision = again.decide(source, vector.request, **vector.facts)
            assert ("allow" if decision.allowed else decision.reason, decision.hop) == expected, form


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.name)
def test_the_asynchronous_verifier_gives_the_same_verdict(vector: Vector) -> None:
    """`AsyncVerifier` drives the same decision."""

    async def run() -> Verdict:
        verifier = vector.async_verifier()
        if vector.judged_as_chain:
            try:
                await verifier.verify_chain(vector.source)
            except DelegateError as error:
                return str(error.reason), error.hop
            return "allow", None
        last: Verdict = ("", None)
        for _ in range(vector.times):
            try:
                await verifier.authorize(vector.source, vector.request, **vector.facts)
                last = ("allow", None)
            except DelegateError as error:
                last = (str(error.reason), error.hop)
        return last

    assert asyncio.run(run()) == (vector.fields["expect"], vector.fields["hop"])


@pytest.mark.parametrize("vector", vectors.accepted(), ids=lambda vector: vector.name)
def test_an_allowed_vector_is_allowed_by_preview_and_again_from_a_warm_cache(vector: Vector) -> None:
    """The same verifier says the same twice: what it remembers of a chain changes no verdict."""
    verifier = vector.verifier()
    request = vector.request
    if vector.judged_as_chain:
        assert verifier.verify_chain(vector.source).block_ids == verifier.verify_chain(vector.source).block_ids
    else:
        for _ in range(2):
            assert verifier.preview(vector.source, request, env=vector.env).allowed
        assert verifier.authorize(vector.source, request, **vector.facts).allows(request)


@pytest.mark.parametrize("vector", vectors.accepted(), ids=lambda vector: vector.name)
def test_an_allowed_vector_fits_the_schema(vector: Vector) -> None:
    """What is accepted has the shape that `spec/delegate.cddl` says."""
    assert fits(frame(vector.source))


# What is refused for what it means, and not for how it is written, is well-formed too.
MEANING = frozenset(Reason) - {
    Reason.NOTHING_PRESENTED, Reason.MALFORMED, Reason.TRUNCATED, Reason.NOT_CANONICAL, Reason.LIMIT_EXCEEDED,
    Reason.UNSUPPORTED_VERSION, Reason.UNKNOWN_CLAIM, Reason.UNSUPPORTED_ALGORITHM, Reason.DISCHARGE_INVALID,
}  # fmt: skip
# Refused before the odd part is read.
ODD_INSIDE = frozenset(
    {
        "form-discharge-unasked",
        "order-proof-as-block",
        "proof-block-as-proof",
        "proof-blocks-own",
        "proof-audience-empty",
    }
)
MEANT = [v for v in ALL if v.fields["expect"] in MEANING and v.name not in ODD_INSIDE]


@pytest.mark.parametrize("vector", MEANT, ids=lambda vector: vector.name)
def test_a_vector_refused_for_what_it_means_fits_the_schema(vector: Vector) -> None:
    """A refusal for a signature, a clock or a condition is about a well-formed envelope: no other fault is in it."""
    assert fits(frame(vector.source))


def test_the_counts_of_the_vectors() -> None:
    """At least 150 vectors, at least 70 % refusals, names unique, reasons and sections real, most reasons covered."""
    names = Counter(vector.name for vector in ALL)
    assert len(ALL) >= 150
    assert names.most_common(1)[0][1] == 1
    expected = Counter(vector.fields["expect"] for vector in ALL)
    assert expected["allow"] <= 0.3 * len(ALL)
    assert expected.keys() - {"allow"} == set(Reason) - {Reason.STATE_UNAVAILABLE}
    assert {vector.fields["spec"] for vector in ALL} <= specification.SECTIONS


def test_the_vectors_have_both_sides_of_the_steps() -> None:
    """20,000 steps are allowed, and 20,001 are not."""
    expected = {vector.name: vector.fields["expect"] for vector in ALL}
    assert expected["limit-steps-20000"] == "allow"
    assert expected["limit-steps-20001"] == "limit_exceeded"


def test_every_field_of_a_vector_is_documented() -> None:
    """A vector has the fields of the README and no other."""
    readme = (vectors.FOLDER / "README.md").read_text(encoding="utf-8")
    for vector in ALL:
        for name in [*vector.fields, *vector.fields["verifier"]]:
            assert f"`{name}`" in readme
        assert ("token" in vector.fields) != ("presentation" in vector.fields)


LISTS = vectors.load_lists()
READABLE = [vector for vector in LISTS if vector.fields["expect"] in {"accept", "bad_signature"}]


def read(source: str | bytes) -> tuple[str, dict[str, object] | None]:
    """What comes of a revocation list, in the words of the vectors."""
    try:
        found = RevocationList.parse(source)
    except DelegateError as error:
        return f"{error.reason}{'' if error.hop is None else error.hop}", None
    records = [
        {
            "key" if record.is_key else "block": record.subject.hex(),
            **({"since": record.since} if record.is_key else {"until": record.until}),
            **({"why": record.why} if record.why else {}),
        }
        for record in found.records
    ]
    said = {
        "issuer": found.issuer,
        "signer": found.signer.hex(),
        "sequence": found.sequence,
        "issued": found.issued,
        "expires": found.expires,
        "records": records,
    }
    return "accept", said


@pytest.mark.parametrize("vector", LISTS, ids=lambda vector: vector.name)
def test_every_vector_of_a_revocation_list_is_read_as_it_says(vector: vectors.ListVector) -> None:
    """Text and bytes get the verdict that the vector expects, and say what it says."""
    expected = (vector.fields["expect"], vector.fields["says"])
    source = vector.source
    assert read(source) == expected
    if isinstance(source, str) and vector.fields["spec"] != "3.2":
        assert read(armor.decode_revocations(source)) == expected


@pytest.mark.parametrize("vector", READABLE, ids=lambda vector: vector.name)
def test_a_revocation_list_that_can_be_read_fits_the_schema(vector: vectors.ListVector) -> None:
    """What is accepted, or refused for its signature alone, has the shape that `spec/delegate.cddl` says."""
    assert isinstance(vector.source, str)
    data = armor.decode_revocations(vector.source)
    assert cddl.check("revocations", data)
    header, _, payload, _ = cbor2.loads(cbor2.loads(data)[1])
    assert cddl.pycddl_check("first-protected", header)
    without_records = {name: value for name, value in cbor2.loads(payload).items() if not isinstance(value, list)}
    assert cddl.pycddl_check("revocations-claims", cbor2.dumps(without_records))


def test_the_counts_of_the_vectors_of_revocation_lists() -> None:
    """At least 20, names unique, sections real, and every reason that a list can be refused with."""
    assert len({vector.name for vector in LISTS}) == len(LISTS) >= 20
    assert {vector.fields["expect"] for vector in LISTS} == {
        "accept", "malformed", "truncated", "not_canonical", "limit_exceeded", "unsupported_version", "unknown_claim",
        "unsupported_algorithm", "bad_signature", "weak_key",
    }  # fmt: skip
    readme = (vectors.FOLDER / "README.md").read_text(encoding="utf-8")
    for vector in LISTS:
        assert vector.fields["spec"] in specification.SECTIONS
        assert all(f"`{name}`" in readme for name in [*vector.fields, *(vector.fields["says"] or {})])


BUNDLES = vectors.load_bundles()
WELL_FORMED_BUNDLES = [each for each in BUNDLES if each.fields["expect"] in {"accept", "bad_signature", "unknown_root"}]


def trusted(vector: vectors.BundleVector, source: str | bytes) -> tuple[str, dict[str, object] | None]:
    """What comes of a root bundle, in the words of the vectors."""
    pinned = [PublicKey.parse(each) for each in vector.fields["pinned"]]
    try:
        found = RootBundle.parse(source, pinned=pinned)
    except DelegateError as error:
        return f"{error.reason}{'' if error.hop is None else error.hop}", None
    trusts = [
        {
            "name": key.principal.name,
            "thumbprint": key.thumbprint.hex(),
            "roles": list(key.roles),
            **({"for": list(key.speaks_for)} if key.speaks_for else {}),
            **({"tenants": list(key.tenants)} if key.tenants else {}),
            **({"from": key.since} if key.since else {}),
            **({"until": key.until} if key.until != TIME_MAX else {}),
        }
        for key in found.keys
    ]
    said = {
        "issuer": found.issuer,
        "signer": found.signer.hex(),
        "sequence": found.sequence,
        "issued": found.issued,
        "expires": found.expires,
        "trusts": trusts,
    }
    return "accept", said


@pytest.mark.parametrize("vector", BUNDLES, ids=lambda vector: vector.name)
def test_every_vector_of_a_root_bundle_is_read_as_it_says(vector: vectors.BundleVector) -> None:
    """Text and bytes get the verdict that the vector expects, and say what it says."""
    expected = (vector.fields["expect"], vector.fields["says"])
    source = vector.source
    assert trusted(vector, source) == expected
    if isinstance(source, str) and vector.fields["spec"] != "3.2":
        assert trusted(vector, armor.from_base64url(source[5:])) == expected
        assert trusted(vector, f" {source}\n".encode()) == expected


@pytest.mark.parametrize("vector", WELL_FORMED_BUNDLES, ids=lambda vector: vector.name)
def test_a_root_bundle_that_can_be_read_fits_the_schema(vector: vectors.BundleVector) -> None:
    """What is accepted, or refused for who signed it, has the shape that `spec/delegate.cddl` says."""
    assert isinstance(vector.source, str)
    data = armor.from_base64url(vector.source[5:])
    assert cddl.check("root-bundle", data)
    header, _, payload, _ = cbor2.loads(cbor2.loads(data)[1])
    assert cddl.pycddl_check("first-protected", header)
    assert cddl.check("bundle-claims", payload)
    for key in cbor2.loads(payload)["keys"]:
        assert cddl.check("trusted-key", cbor2.dumps(key))


def test_the_counts_of_the_vectors_of_root_bundles() -> None:
    """At least 60, names unique, sections real, and every reason that a bundle can be refused with."""
    assert len({vector.name for vector in BUNDLES}) == len(BUNDLES) >= 60
    assert {vector.fields["expect"] for vector in BUNDLES} == {
        "accept", "malformed", "truncated", "not_canonical", "limit_exceeded", "unsupported_version", "unknown_claim",
        "unsupported_algorithm", "unknown_root", "bad_signature", "weak_key",
    }  # fmt: skip
    readme = (vectors.FOLDER / "README.md").read_text(encoding="utf-8")
    for vector in BUNDLES:
        assert vector.fields["spec"] in specification.SECTIONS
        told = vector.fields["says"] or {"trusts": [{}]}
        assert all(f"`{name}`" in readme for name in [*vector.fields, *told, *told["trusts"][0]])


REQUESTS = vectors.load_requests()


def asked(vector: Vector) -> Request:
    """The request that a vector is about."""
    fields = vector.fields
    if "request" in fields:
        return vector.request
    if "url" in fields:
        return Request.http(fields["method"], fields["url"])
    return Request.from_target(fields["origin"], fields["method"], fields["target"])


@pytest.mark.parametrize("vector", REQUESTS, ids=lambda vector: vector.name)
def test_every_vector_of_a_request_comes_to_what_it_says(vector: Vector) -> None:
    """Its digest and its description, or the refusal."""
    if vector.fields["expect"] != "accept":
        with pytest.raises(DelegateError) as caught:
            asked(vector)
        assert caught.value.reason == vector.fields["expect"]
    else:
        found = asked(vector)
        assert (found.digest.hex(), found.describe()) == (vector.fields["digest"], vector.fields["description"])


def test_the_counts_of_the_vectors_of_requests() -> None:
    """Names unique, sections real, fields named in the list, descriptions as many as digests."""
    assert len({vector.name for vector in REQUESTS}) == len(REQUESTS) >= 70
    assert {vector.fields["expect"] for vector in REQUESTS} == {"accept", "malformed"}
    good = [vector.fields for vector in REQUESTS if vector.fields["expect"] == "accept"]
    assert len({fields["digest"] for fields in good}) == len({fields["description"] for fields in good})
    assert all(fields["description"].isascii() and fields["description"].isprintable() for fields in good)
    readme = (vectors.FOLDER / "README.md").read_text(encoding="utf-8")
    for vector in REQUESTS:
        assert vector.fields["spec"] in specification.SECTIONS
        assert all(f"`{name}`" in readme for name in vector.fields)


def test_the_generator_reproduces_the_files_byte_for_byte() -> None:
    """`spec/generate_vectors.py --check` finds no difference."""
    command = [sys.executable, str(ROOT / "spec" / "generate_vectors.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert (done.returncode, done.stderr) == (0, "")


def test_the_generator_notices_a_difference(tmp_path: Path) -> None:
    """With one file changed, `--check` ends with status 1 and names it; it writes nothing."""
    script = ROOT / "spec" / "generate_vectors.py"
    copy = tmp_path / "generate_vectors.py"
    copy.write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "vectorkit").symlink_to(script.parent / "vectorkit")
    (tmp_path / "vectors").mkdir()
    for path in vectors.FOLDER.glob("*.json"):
        (tmp_path / "vectors" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "vectors" / "form.json").write_text("[]", encoding="utf-8")
    command = [sys.executable, str(copy), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert done.returncode == 1
    assert "form.json" in done.stderr
    assert (tmp_path / "vectors" / "form.json").read_text(encoding="utf-8") == "[]"


def test_a_request_that_was_not_asked_is_not_made_up() -> None:
    """A bare chain is judged without a request."""
    assert {vector.fields["request"] is None for vector in ALL if vector.judged_as_chain} == {True}
    assert Request("none").args == {}
