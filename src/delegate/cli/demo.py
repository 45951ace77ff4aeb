"""`delegate demo`: the story, with real keys and tokens: one request allowed, four refused, each with its reason.

Every step prints the command that does the same, and with each request what that command prints of its decision.
Whatever the outcomes should be is written down here, and the demo fails if one of them is another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from delegate.authoring.identity import Identity
from delegate.authoring.revoke import RevokedBlock
from delegate.authoring.token import Presentation, Token
from delegate.cli.options import FILE, clock, example, json_option, now_option
from delegate.cli.output import Failure, Output, file_failure
from delegate.cli.status import Status
from delegate.core.chain.request import Request
from delegate.core.chain.revocations import RevocationList
from delegate.errors import Reason
from delegate.language.capability import can
from delegate.language.conditions import when
from delegate.verifier.decision import Decision
from delegate.verifier.verifier import Verifier
from delegate.views.chain import view
from delegate.views.decision import decision_lines, refusal
from delegate.views.difference import change_lines, changes
from delegate.views.layout import WIDTH

AUDIENCE: Final = "files.example.com"
NAMES: Final = {"alice": "user:alice@example.com", "planner": "agent:planner", "worker": "agent:worker"}
LIMIT: Final = 1_000_000
_LIST: Final = "revoked.dlgr"
_WHY: Final = "the report is done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One request of the story, and how it must end.

    `reason` is `None` where it must be allowed; `proven` is whether the worker proves it, or a thief has only a
    copy of the chain.
    """

    title: str
    request: Request
    reason: Reason | None
    file: str
    proven: bool = True
    taken_back: bool = False


SCENES: Final = (
    Scene(
        title="The worker reads a report",
        request=Request("files.read", "/reports/q3.csv", {"size": 48_000}),
        reason=None,
        file="read.proof",
    ),
    Scene(
        title="It tries to write one: Alice permitted the planner to, but the planner did not pass that on",
        request=Request("files.write", "/reports/q3.csv", {"size": 48_000}),
        reason=Reason.CAPABILITY_MISSING,
        file="write.proof",
    ),
    Scene(
        title="It tries to read one that is too large: Alice's condition holds all the way down",
        request=Request("files.read", "/reports/all.csv", {"size": 5_000_000}),
        reason=Reason.CAVEAT_FAILED,
        file="large.proof",
    ),
    Scene(
        title="A thief has copied the worker's token, but has no key to prove it with",
        request=Request("files.read", "/reports/q3.csv", {"size": 48_000}),
        reason=Reason.PROOF_MISSING,
        file="worker.token",
        proven=False,
    ),
    Scene(
        title="The worker repeats the request that was allowed at first",
        request=Request("files.read", "/reports/q3.csv", {"size": 48_000}),
        reason=Reason.REVOKED,
        file="again.proof",
        taken_back=True,
    ),
)


@click.command(epilog=example("delegate demo --keep story"))
@click.option("--keep", type=FILE, metavar="DIR", help="Keep the keys and tokens in this new folder.")
@now_option
@json_option
def demo(keep: str | None, now: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Play the story: one request allowed, four refused, and why."""
    out = Output("demo", as_json=as_json)
    at = clock(now)
    try:
        with _folder(keep) as folder:
            results = _play(out, folder, at)
    except OSError as error:
        raise file_failure(error.filename or keep or "the folder", error) from None
    right = all(decision.reason is scene.reason for scene, decision in zip(SCENES, results, strict=True))
    data = {
        "as_expected": right,
        "requests": [
            {
                "title": scene.title,
                "request": scene.request.to_json(),
                "allowed": decision.allowed,
                "reason": None if decision.reason is None else str(decision.reason),
                "hop": decision.hop,
                "detail": decision.detail,
            }
            for scene, decision in zip(SCENES, results, strict=True)
        ],
    }
    if not right:
        raise Failure(Status.REFUSED, "the demo did not end as it should", label="internal error", data=data)
    kept = [f"The keys and tokens are in {keep}."] if keep is not None else [
        "The keys and tokens were deleted; --keep DIR keeps them."
    ]  # fmt: skip
    out.result(data, ["One request allowed, four refused, no server involved.", *kept])


def _play(out: Output, folder: Path, at: int) -> list[Decision]:
    """Make the keys and the chain, ask, take it back, and tell it all."""
    people = {stem: Identity.generate(name) for stem, name in NAMES.items()}
    out.show(["1  Three parties, each with its own key. The file service knows only Alice's public key."])
    for stem, identity in people.items():
        identity.save(folder / f"{stem}.key")
        identity.principal.save(folder / f"{stem}.pub")
        out.show([f"   $ delegate key new {identity.name}"])

    token = people["alice"].mint(
        to=people["planner"].principal,
        can=[can("files.read", "/reports/**"), can("files.write", "/reports/**")],
        caveats=[when("args.size <= limit", limit=LIMIT)],
        ttl="8h",
        hops=1,
        why="quarterly report",
        now=at,
    )
    _write(folder / "planner.token", token.to_text())
    out.show([
        "",
        "2  Alice gives the planner a piece of her authority for a working day.",
        "   $ delegate mint --key alice.key --to planner.pub --ttl 8h --hops 1 --why 'quarterly report' \\",
        "       --can 'files.read /reports/**' --can 'files.write /reports/**' \\",
        f"       --if 'args.size <= limit' --let limit={LIMIT} > planner.token",
    ])  # fmt: skip

    narrowed = people["planner"].attenuate(
        token,
        to=people["worker"].principal,
        can=[can("files.read", "/reports/**")],
        caveats=[when("resource.endsWith(suffix)", suffix=".csv")],
        ttl="10m",
        now=at,
    )
    _write(folder / "worker.token", narrowed.to_text())
    out.show([
        "",
        "3  The planner narrows it and hands it to a worker, offline: no server is involved.",
        "   $ delegate attenuate planner.token --key planner.key --to worker.pub --ttl 10m \\",
        "       --can 'files.read /reports/**' --if 'resource.endsWith(\".csv\")' > worker.token",
        "",
        *(f"   {line}" for line in _changes(narrowed, at)),
        "",
        "4  The worker proves each request; the service checks the whole chain back to Alice.",
    ])  # fmt: skip

    verifier = Verifier([people["alice"].principal], audience=AUDIENCE, clock=lambda: at)
    results = []
    for scene in SCENES:
        if scene.taken_back:
            verifier.accept_revocations(_take_back(out, folder, people["alice"], token, at))
        presented: Token | Presentation = narrowed
        if scene.proven:
            presented = people["worker"].prove(narrowed, scene.request, AUDIENCE, now=at)
            _write(folder / scene.file, presented.to_text())
        decision = verifier.decide(presented, scene.request)
        results.append(decision)
        out.show(["", f"   {scene.title}", *_commands(scene), *_outcome(decision, at)])
    out.show([""])
    return results


def _take_back(out: Output, folder: Path, alice: Identity, token: Token, at: int) -> RevocationList:
    made = alice.revoke(blocks=[RevokedBlock.of(token, why=_WHY)], now=at)
    _write(folder / _LIST, made.to_text())
    out.show([
        "",
        "5  Alice takes it back with a signed list. Wherever that arrives, all below her block is refused.",
        f"   $ delegate revoke planner.token --key alice.key --list {_LIST} --why '{_WHY}'",
    ])  # fmt: skip
    return made


def _changes(token: Token, at: int) -> list[str]:
    return change_lines(view(token.link).head, changes(token.link), at, WIDTH - 3)


def _commands(scene: Scene) -> list[str]:
    request = scene.request
    what = f"--action {request.action} --resource {request.resource} --arg size={request.values['size']}"
    lines = []
    # What the chain itself refuses, prove says first.
    anyway = " --anyway" if scene.reason in {Reason.CAPABILITY_MISSING, Reason.CAVEAT_FAILED} else ""
    if scene.proven:
        lines = [
            f"   $ delegate prove worker.token --key worker.key --audience {AUDIENCE} \\",
            f"       {what}{anyway} > {scene.file}",
        ]
    listed = f"--revocations {_LIST} " if scene.taken_back else ""
    return [
        *lines,
        f"   $ delegate verify {scene.file} --root alice.pub --audience {AUDIENCE} \\",
        f"       {listed}{what}",
    ]


def _outcome(decision: Decision, at: int) -> list[str]:
    """Give the lines that `verify` prints of a decision, behind what says that it allows or refuses."""
    if decision.error is None:
        first, *rest = decision_lines(decision, at, hops=False)
        return [f"   ✓ {first}", *(f"   {line}" for line in rest)]
    return [f"   ✗ refused: {refusal(decision.error, decision.chain)}"]


@contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    """Give a new folder that only its owner can enter; without `keep` it goes away again."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="delegate-demo-") as name:
            yield Path(name)
        return
    folder = Path(keep)
    folder.mkdir(mode=0o700, parents=True)
    yield folder


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="ascii")
