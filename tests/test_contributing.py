"""CONTRIBUTING's walk is the way that a decision takes, and the paths that documents name are there."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

import delegate
from delegate import Identity, Presentation, Request, RevokedBlock, Verifier, can, need
from delegate.state import MemoryLedger

ROOT = Path(__file__).parents[1]
SOURCE = Path(delegate.__file__).parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALK = re.findall(r"```\n(verifier/verifier\.py\n.*?)```", TEXT, re.DOTALL)[0].split()
AUDIENCE = "files.example.com"

ALICE, PLANNER, WORKER, BOB = (
    Identity.generate(name)
    for name in ("user:alice@example.com", "agent:planner", "agent:worker", "user:bob@example.com")
)


def presentation(request: Request) -> Presentation:
    """A proven chain of two blocks that needs a confirmation, has a budget, and has conditions of both kinds."""
    confirmation = need(BOB.principal, condition="said.approved == true")
    token = ALICE.mint(
        to=PLANNER.principal,
        can=[can("files.read", "/reports/**/*.c*")],
        caveats=["args.size < 1000 || resource.startsWith('/reports/')"],
        ttl="8h",
        hops=1,
        budget={"calls": 9},
        needs=[confirmation],
    )
    narrower = PLANNER.attenuate(token, to=WORKER.principal, ttl="10m")
    refused = verifier().decide(WORKER.prove(narrower, request, AUDIENCE), request)
    discharges = [BOB.discharge(each, says={"approved": True}, ttl="5m") for each in refused.asks]
    return WORKER.prove(narrower, request, AUDIENCE, discharges=discharges)


def verifier() -> Verifier:
    """One that has everything to do: a ledger, a third party, and a revocation list that is about another chain."""
    made = Verifier(roots=[ALICE.principal], audience=AUDIENCE, ledger=MemoryLedger(), third_parties=[BOB.principal])
    other = ALICE.mint(to=PLANNER.principal, can=["files.read"], ttl="8h")
    made.accept_revocations(ALICE.revoke(blocks=[RevokedBlock.of(other)]))
    return made


def too_large(request: Request) -> str:
    """A proven chain of one block, whose condition the request does not meet."""
    caveats = ["args.size < 1000"]
    token = ALICE.mint(to=PLANNER.principal, can=["files.read /reports/**"], caveats=caveats, ttl="8h")
    return PLANNER.prove(token, request, AUDIENCE).to_text()


def entered(call: Callable[[], object]) -> list[str]:
    """Which files of ours does a call enter? Each once, in order; a module that is being loaded does not count."""
    found: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and frame.f_code.co_name != "<module>" and path.is_relative_to(SOURCE):
            found[path.relative_to(SOURCE).as_posix()] = None

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return list(found)


def test_the_walk_is_the_way_that_a_decision_takes() -> None:
    """Each file of it is entered, in that order, by one decision that allows and the words of one that refuses."""
    small, large = (Request("files.read", "/reports/a/q3.csv", {"size": size}) for size in (10, 5000))
    allowing, refusing = verifier(), verifier()
    proven = presentation(small).to_text()
    way = entered(lambda: allowing.authorize(proven, small))
    denied = refusing.decide(too_large(large), large)
    words = entered(lambda: denied.detail)
    way += [each for each in words if each not in way]
    assert [each for each in way if each in WALK] == WALK


def test_the_walk_leaves_no_step_out() -> None:
    """Whatever of `core/decide` a decision enters is in it."""
    request = Request("files.read", "/reports/a/q3.csv", {"size": 10})
    proven, made = presentation(request).to_text(), verifier()
    way = entered(lambda: made.authorize(proven, request))
    assert {each for each in way if each.startswith("core/decide/")} <= set(WALK)


@pytest.mark.parametrize("path", sorted({*re.findall(r"`((?:[\w.]+/)+(?:[\w.]+)?)`", TEXT), *WALK}))
def test_every_path_that_it_names_is_there(path: str) -> None:
    """A file or folder of the project, or of the package; the room to come aside."""
    assert (
        (ROOT / path).exists()
        or (SOURCE / path).exists()
        or (ROOT / "tests" / path).exists()
        or path == "integrations/"
    )


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`([\w/]+\.py)`", (ROOT / "spec/THREATS.md").read_text("utf-8"))))
)
def test_every_file_that_threats_names_is_there(path: str) -> None:
    """What stops an attack is held by a test that exists."""
    assert (ROOT / path).exists() or (ROOT / "tests" / path).exists() or (SOURCE / path).exists()
