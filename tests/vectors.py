"""Reading `spec/vectors`: what a vector says, as verifiers, requests and envelopes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from delegate import DelegateError, Identity, Limits, Principal, PublicKey, Request, RevocationList, Root, Verifier
from delegate.core.chain.binding import frame
from delegate.directory.known import Known
from delegate.integrations import http
from delegate.state import Charge, Claim, MemoryLedger, MemoryReplay, MemoryRevocations, Outcome, Refused
from delegate.verifier.verifier import AsyncVerifier

FOLDER = Path(__file__).parents[1] / "spec" / "vectors"
LISTS = FOLDER / "revocation_lists.json"
REQUESTS = FOLDER / "requests.json"
BUNDLES = FOLDER / "root_bundles.json"
# Cases that others wrote, next to the checkout; they are no part of the project.
SHARED = Path(__file__).resolve().parents[2] / "shared" / "vectors"
# Whom no vector's chain begins with.
STRANGER = Identity.from_seed("user:stranger@example.com", b"\xaa" * 32).principal


class Vector(NamedTuple):
    """One vector; the fields are those of `spec/vectors/README.md`."""

    name: str
    fields: dict[str, Any]

    @property
    def allowed(self) -> bool:
        """Whether the vector expects `allow`."""
        return bool(self.fields["expect"] == "allow")

    @property
    def judged_as_chain(self) -> bool:
        """Whether it is for `verify_chain`, and not for `authorize`."""
        return "token" in self.fields

    @property
    def source(self) -> str | bytes:
        """What is presented, text or bytes, as written."""
        written: str = self.fields["token" if self.judged_as_chain else "presentation"]
        return bytes.fromhex(written[4:]) if written.startswith("hex:") else written

    @property
    def request(self) -> Request:
        """The request; a neutral one for a bare chain."""
        asked = self.fields["request"]
        return Request(asked["action"], asked["resource"], values(asked["args"])) if asked else Request("none")

    @property
    def env(self) -> dict[str, Any]:
        """The facts that the service vouches for."""
        return dict(values(self.fields["env"]))

    def settings(self) -> dict[str, Any]:
        """The verifier's arguments."""
        fields = self.fields
        chosen = dict(fields["verifier"])
        for several in chosen.keys() & {"principals", "revokers", "third_parties"}:
            chosen[several] = [principal(each) for each in chosen[several]] or None
        if "directory" in chosen:
            chosen["directory"] = Answers(chosen["directory"])
        if chosen.pop("ledger", False):
            chosen["ledger"] = MemoryLedger(since=0)
        if "limits" in chosen:
            chosen["limits"] = Limits(**chosen["limits"])
        roots = [
            Root(principal(each), **{k: v or None for k, v in each.items() if k not in {"name", "key"}})
            for each in fields["roots"]
        ]
        now = fields["now"]
        return {
            "roots": roots or [STRANGER],  # no verifier is made without roots
            "audience": fields["audience"],
            "tenant": fields["tenant"],
            "clock": lambda: now,
            **chosen,
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the service says of the request: `env` and `cost`."""
        return {"env": self.env, "cost": self.fields.get("cost")}

    def stores(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings with stores that hold what came before."""
        settings = {"replay": MemoryReplay(since=0), "revocations": MemoryRevocations(), **settings}
        first = Verifier(**settings)
        for each in self.fields.get("revocations", ()):
            first.accept_revocations(each)
        for each in self.fields.get("before", ()):
            first.decide(each, self.request, **self.facts)
        return settings

    def verifier(self, **more: object) -> Verifier:
        """A fresh verifier, as the vector describes it."""
        return Verifier(**self.stores({**self.settings(), **more}))

    def without_memory(self, **more: object) -> Verifier:
        """A verifier for judging one presentation many times; only for a vector that is about none before it."""
        stores = EachAlone()
        ledger = {"ledger": stores} if self.fields["verifier"].get("ledger") else {}
        return self.verifier(**{"replay": stores, **ledger, **more})

    @property
    def is_first(self) -> bool:
        """Whether nothing was presented before."""
        return self.times == 1 and "before" not in self.fields

    def async_verifier(self, **more: object) -> AsyncVerifier:
        """The same, asynchronous."""
        return AsyncVerifier(**self.stores({**self.settings(), **more}))

    @property
    def times(self) -> int:
        """How many times it is presented to one verifier; the last outcome counts."""
        return int(self.fields.get("times", 1))


class Answers:
    """A directory that answers what a vector says."""

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        """Take whom it knows."""
        self._known = {
            principal(each).public_key.thumbprint: Known(
                each["name"], each.get("who", {}), "" if each.get("acts", True) else "may not act"
            )
            for each in entries
        }

    def find(self, thumbprints: Sequence[bytes], *, now: int) -> dict[bytes, Known]:
        """Give those of these."""
        del now
        return {each: self._known[each] for each in thumbprints if each in self._known}


class EachAlone:
    """Stores without a memory, for judging one presentation many times: all is new, and every pool is full."""

    def claim(self, claims: Sequence[Claim], *, now: int) -> Outcome:
        """Say that it is the first time."""
        del claims, now
        return True

    def charge(self, claims: Sequence[Claim], charges: Sequence[Charge], *, now: int) -> Outcome:
        """Charge a full pool."""
        del claims, now
        short = (Refused(place, each.limit) for place, each in enumerate(charges) if each.amount > each.limit)
        return next(short, True)

    def settle(self, claim_id: bytes, actual: Mapping[str, int], *, now: int) -> bool:
        """Nothing was charged."""
        del claim_id, actual, now
        return False

    def spent(self, block_ids: Sequence[bytes]) -> Mapping[tuple[bytes, str], int]:
        """Nothing was."""
        del block_ids
        return {}


def values(written: Any) -> Any:  # noqa: ANN401 - JSON is any of its types
    """The values that JSON cannot write: `{"base16": …}` is bytes."""
    if isinstance(written, dict):
        return (
            bytes.fromhex(written["base16"])
            if written.keys() == {"base16"}
            else {k: values(v) for k, v in written.items()}
        )
    return [values(item) for item in written] if isinstance(written, list) else written


def principal(written: dict[str, Any]) -> Principal:
    """A name and a key."""
    return Principal(written["name"], PublicKey.parse(written["key"]))


@cache
def load() -> tuple[Vector, ...]:
    """Every vector of every file, in order; those of revocation lists, root bundles and requests are of other kinds."""
    return tuple(
        Vector(each["name"], each)
        for path in sorted(FOLDER.glob("*.json"))
        if path not in {LISTS, REQUESTS, BUNDLES}
        for each in json.loads(path.read_text(encoding="utf-8"))
    )


class ListVector(NamedTuple):
    """One vector of a revocation list."""

    name: str
    fields: dict[str, Any]

    @property
    def source(self) -> str | bytes:
        """What is read, text or bytes, as written."""
        written: str = self.fields["list"]
        return bytes.fromhex(written[4:]) if written.startswith("hex:") else written


@cache
def load_lists() -> tuple[ListVector, ...]:
    """Every vector of a revocation list, in order."""
    return tuple(ListVector(each["name"], each) for each in json.loads(LISTS.read_text(encoding="utf-8")))


class BundleVector(NamedTuple):
    """One vector of a root bundle."""

    name: str
    fields: dict[str, Any]

    @property
    def source(self) -> str | bytes:
        """What is read, text or bytes, as written."""
        written: str = self.fields["bundle"]
        return bytes.fromhex(written[4:]) if written.startswith("hex:") else written


@cache
def load_bundles() -> tuple[BundleVector, ...]:
    """Every vector of a root bundle, in order."""
    return tuple(BundleVector(each["name"], each) for each in json.loads(BUNDLES.read_text(encoding="utf-8")))


@cache
def load_requests() -> tuple[Vector, ...]:
    """Every vector of a request, in order."""
    return tuple(Vector(each["name"], each) for each in json.loads(REQUESTS.read_text(encoding="utf-8")))


@cache
def varied() -> tuple[Vector, ...]:
    """Vectors for tests that do much with each: of the files in which one chain says another thing each time, a few."""
    alike = {
        each["name"]
        for name in ("bounds", "faults", "steps", "texts", "trees", "values", "weights")
        for place, each in enumerate(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
        if name == "faults" or place % 20
    }
    return tuple(vector for vector in load() if vector.name not in alike)


def accepted() -> tuple[Vector, ...]:
    """The vectors among these that expect `allow`."""
    return tuple(vector for vector in varied() if vector.allowed)


def blocks(vector: Vector) -> tuple[bytes, ...]:
    """The signed blocks of a vector that can be framed."""
    return frame(vector.source).blocks


Verdict = tuple[str, int | None]


def outcome(attempt: Callable[[], object]) -> Verdict:
    """What came of it, in the words of the vectors: `allow`, or the reason and the hop."""
    try:
        attempt()
    except DelegateError as error:
        return str(error.reason), error.hop
    return "allow", None


def read_list(source: str | bytes) -> tuple[str, dict[str, object] | None]:
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


def asked(vector: Vector) -> Request:
    """Make the request that a vector is about; raises as what makes it does."""
    fields = vector.fields
    if "request" in fields:
        return vector.request
    if "url" in fields:
        return Request.http(fields["method"], fields["url"])
    names = ("content_type", "content_encoding")
    head = http.read_head([(name.replace("_", "-"), fields[name]) for name in names if name in fields])
    upgrade, body = fields.get("upgrade"), bytes.fromhex(fields.get("body", ""))
    return http.service_request(fields["origin"], fields["method"], fields["target"], head, body, upgrade=upgrade)


def request_is_right(vector: Vector) -> bool:
    """Whether a vector of `requests.json` comes to what it says."""
    try:
        found = asked(vector)
    except DelegateError as error:
        return bool(error.reason == vector.fields["expect"])
    return (found.digest.hex(), found.describe()) == (vector.fields.get("digest"), vector.fields.get("description"))
