"""`delegate audit` and `delegate receipt`: from a decision to a proof that a stranger checks."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from delegate import Request, Verifier
from delegate.audit.tree.checkpoints import Checkpoint, InclusionProof
from delegate.audit.tree.cose_receipts import CoseReceipt
from delegate.audit.tree.merkle import leaf_hash
from delegate.audit.tree.notes import NoteKey
from delegate.cli import main
from tests.audit.conftest import ALICE, PLANNER, SERVICE

LOG = "sqlite:///audit.db"


class Terminal:
    """Runs commands in a folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, line: str, *more: str, status: int = 0) -> str:
        """Run a command, and give what it printed."""
        assert main([*line.split(), *more]) == status, self._capsys.readouterr().err
        found = self._capsys.readouterr()
        self.err = found.err
        return found.out

    def data(self, line: str, status: int = 0) -> dict:  # type: ignore[type-arg]
        """The same, as JSON."""
        found: dict = json.loads(self(f"{line} --json", status=status))  # type: ignore[type-arg]
        return found


@pytest.fixture
def run(at: Callable[[str], Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Keys, a token, and four decisions in a log."""
    terminal = Terminal(capsys)
    monkeypatch.delenv("DELEGATE_LOG", raising=False)
    for identity, name in ((ALICE, "alice"), (PLANNER, "planner")):
        identity.save(at(f"{name}.key"))
        identity.principal.save(at(f"{name}.pub"))
    terminal("mint --key alice.key --to planner.pub --ttl 8h -o planner.token --can", "files.read /reports/**")
    for number in range(4):
        asked = f"--action files.read --resource /reports/{number}.csv --audience {SERVICE}"
        terminal(f"prove planner.token --key planner.key {asked} -o one.proof")
        terminal(f"verify one.proof --root alice.pub {asked} --log {LOG}")
    return terminal


def test_a_decision_at_the_command_line_is_recorded(run: Terminal) -> None:
    """Allowed and refused; a look at a chain is none."""
    asked = f"--action files.read --resource /etc/passwd --audience {SERVICE}"
    run(f"prove planner.token --key planner.key {asked} --anyway -o bad.proof")
    run(f"verify bad.proof --root alice.pub {asked} --log {LOG}", status=1)
    run(f"verify planner.token --root alice.pub --log {LOG}")
    found = run.data(f"audit trace --log {LOG}")
    assert (found["total"]["allowed"], found["total"]["refused"]) == (4, {"capability_missing": 1})


def test_a_log_that_does_not_take_it_refuses(run: Terminal) -> None:
    """Status 5, and nothing allowed."""
    Path("audit.db").unlink()
    Path("audit.db").mkdir()
    asked = f"--action files.read --resource /reports/1.csv --audience {SERVICE}"
    run(f"prove planner.token --key planner.key {asked} -o one.proof")
    assert "ALLOWED" not in run(f"verify one.proof --root alice.pub {asked} --log {LOG}", status=5)


def test_checkpoints_witnesses_and_proofs(run: Terminal, at: Callable[[str], Path]) -> None:
    """From a log to a proof that holds under a policy with a witness, and nothing that was changed does."""
    run("audit keys example.com/log -o log")
    run("audit keys witness.example/w --witness -o witness")
    assert at("log.key").stat().st_mode & 0o777 == 0o600
    run("audit keys example.com/log -o log", status=5)
    run(f"audit checkpoint --log {LOG} --key log.key -o one.checkpoint")
    run(f"audit checkpoint --log {LOG} --key log.key --for-witness 0 -o request")
    run("audit witness request --key witness.key --vkey log.vkey --memory w.db -o answer")
    policy = f"log {at('log.vkey').read_text().strip()}\nwitness w {at('witness.vkey').read_text().strip()}\nquorum w\n"
    at("policy").write_text(policy)
    run(f"audit prove 2 --log {LOG} -o two.tlog-proof")
    run("audit verify --proof two.tlog-proof --policy policy", status=4)
    run(f"audit checkpoint --log {LOG} --key log.key --cosigned answer --policy policy")
    run(f"audit prove 2 --log {LOG} -o two.tlog-proof")
    assert "event 2 of example.com/log: files.read /reports/2.csv was allowed" in run(
        "audit verify --proof two.tlog-proof --policy policy"
    )
    found = run.data("audit verify --proof two.tlog-proof --policy policy")
    assert (found["event"], found["witnesses"]) == (2, ["witness.example/w"])
    assert "no witness cosigned" in (run("audit verify --proof two.tlog-proof --vkey log.vkey") and run.err)
    text = at("two.tlog-proof").read_text()
    at("bad.tlog-proof").write_text(text.replace("index 2", "index 1"))
    run("audit verify --proof bad.tlog-proof --policy policy", status=3)
    run("audit verify --proof two.tlog-proof", status=2)
    assert (
        "4 proven by 1 checkpoint"
        in run(f"audit verify --log {LOG} --checkpoint one.checkpoint --vkey log.vkey --policy policy", status=4)
        or "w" in run.err
    )
    assert "4 proven" in run(f"audit verify --log {LOG} --checkpoint one.checkpoint --vkey log.vkey")
    run("audit witness request --key log.key --vkey log.vkey --memory w.db", status=2)
    run("audit witness request --key witness.key --vkey witness.vkey --memory w.db", status=2)
    run("audit witness request --key witness.key --vkey log.vkey --memory w.db", status=3)
    assert "saw a tree of 4 events" in run.err


def test_a_receipt_for_other_tools(run: Terminal, at: Callable[[str], Path]) -> None:
    """Beside the proof, signed by the log's own key."""
    run(f"audit checkpoint --log {LOG} -o kept")
    run(f"audit prove 1 --log {LOG} -o one.proof --cose one.cose")
    proof = InclusionProof.parse(at("one.proof").read_text())
    root = Checkpoint.parse(proof.note.text).root
    key = NoteKey.parse(run.data(f"audit checkpoint --log {LOG}")["vkey"])
    CoseReceipt.parse(at("one.cose").read_bytes()).check(leaf_hash(proof.extra), root, key)
    run("audit keys witness.example/w --witness -o witness")
    run(f"audit prove 1 --log {LOG} -o one.proof --cose two.cose --key witness.key", status=2)


def test_keys_that_nobody_named(run: Terminal, at: Callable[[str], Path]) -> None:
    """A log and a witness have their own, away from the log, made when they are first needed."""
    run(f"audit checkpoint --log {LOG} -o kept")
    run(f"audit witness --log {LOG}")
    run(f"audit witness --log {LOG}")
    names = {path.name.partition("-")[0] for path in at("data/audit").iterdir()}
    assert names >= {"log", "witness.key", "witness.db"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in at("data/audit").glob("*.key"))
    assert run.data(f"audit verify --log {LOG} --checkpoint kept")["proven"] == 4
    found = run.data(f"audit verify --log {LOG}")
    assert (found["ok"], found["unproven"]) == (True, 4)


def test_what_was_tampered_with_is_status_3(run: Terminal) -> None:
    """And says where."""
    run(f"audit checkpoint --log {LOG} -o kept")
    with contextlib.closing(sqlite3.connect("audit.db")) as connection, connection:
        connection.execute("UPDATE batches SET bodies = CAST(x'0003616263' AS BLOB) WHERE first = 2")
    out = run(f"audit verify --log {LOG} --checkpoint kept", status=3)
    assert "event 2: its body is not the one that was written" in out
    found = run.data(f"audit verify --log {LOG} --checkpoint kept", status=3)
    assert found["faults"][0]["event"] == 2


def test_export_and_retention(run: Terminal, at: Callable[[str], Path]) -> None:
    """Static files as tlog-tiles has them; bodies that are dropped leave their hashes."""
    run(f"audit export tiles --log {LOG}", status=2)
    run(f"audit checkpoint --log {LOG} -o kept")
    run(f"audit export tiles --log {LOG}")
    assert at("tiles/checkpoint").read_text() == at("kept").read_text()
    assert at("tiles/tile/0/000.p/4").stat().st_size == 4 * 32
    bundle = at("tiles/tile/entries/000.p/4").read_bytes()
    assert int.from_bytes(bundle[:2]) < len(bundle)
    assert len(list(at("tiles/routes").iterdir())) == 1
    assert run.data(f"audit retain --keep 1d --log {LOG}")["dropped"] == 0
    assert run.data(f"audit retain --before 2100-01-01T00:00Z --log {LOG}")["dropped"] == 4
    assert run.data(f"audit verify --log {LOG} --checkpoint kept")["ok"]
    run(f"audit retain --log {LOG}", status=2)


def test_advice_and_report(run: Terminal) -> None:
    """Lines that name what to mint instead."""
    out = run(f"audit advise agent:planner --log {LOG}")
    assert "replayed: 4 of 4 allowed" in out
    assert re.search(
        r"^delegate mint --key alice.key --to planner.pub --can 'files.read /reports/\*\*'", out, re.MULTILINE
    )
    assert "agent:planner: used 4 times" in run(f"audit report --log {LOG} --agent agent:idle")
    assert run.data(f"audit report --log {LOG} --agent agent:idle")["never_used"] == ["agent:idle"]
    run(f"audit advise agent:nobody --log {LOG}")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("audit trace", 2),
        ("audit trace --log sqlite:///none.db", 5),
        ("audit trace --log redis://localhost", 2),
        ("audit trace 99 --log sqlite:///audit.db", 2),
        ("audit trace agent:planner --revoke --log sqlite:///audit.db", 2),
        ("audit trace --by agent --log sqlite:///audit.db", 2),
        ("audit trace --since yesterday --log sqlite:///audit.db", 2),
        ("audit trace x[ --by resource --log sqlite:///audit.db", 2),
        ("audit prove 0 --log sqlite:///audit.db", 2),
        ("audit checkpoint --log sqlite:///audit.db --key alice.key", 3),
        ("audit verify --log sqlite:///audit.db --checkpoint alice.pub", 3),
        ("audit verify --log sqlite:///audit.db --vkey rubbish", 5),
        ("audit keys no+name -o x", 2),
        ("audit retain --keep soon --log sqlite:///audit.db", 2),
        ("audit witness --log sqlite:///audit.db", 2),
    ],
)
def test_what_cannot_be_meant_is_said(run: Terminal, line: str, status: int) -> None:
    """In one line, with its status."""
    run(line, status=status)
    assert len(run.err.strip().splitlines()) == 1
    assert "internal" not in run.err


def test_receipts(run: Terminal, at: Callable[[str], Path]) -> None:
    """Shown, checked, held against a request and against the log."""
    from delegate.audit import Log

    request = Request("files.read", "/reports/9.csv")
    with Log(LOG, required=True) as log:
        one = Verifier([ALICE.principal], audience=SERVICE, audit=log)
        presented = PLANNER.prove(at("planner.token").read_text().strip(), request, SERVICE)
        at("nine.receipt").write_text(one.decide(presented, request).receipt(ALICE).to_text())
    assert "allowed, by files.example.com" in run("receipt show nine.receipt")
    assert "✓ signed by user:alice@example.com" in run("receipt verify nine.receipt --key alice.pub")
    asked = "--action files.read --resource /reports/9.csv"
    assert "for this request" in run(f"receipt verify nine.receipt --key alice.pub {asked}")
    run("receipt verify nine.receipt --key alice.pub --action files.read --resource /reports/8.csv", status=3)
    run("receipt verify nine.receipt --key planner.pub", status=4)
    run("receipt verify planner.token --key alice.pub", status=3)
    key = run.data(f"audit checkpoint --log {LOG}")["vkey"]
    for number, status in ((4, 0), (3, 3)):
        run(f"audit prove {number} --log {LOG} -o {number}.proof")
        run(f"receipt verify nine.receipt --key alice.pub --proof {number}.proof --vkey {key}", status=status)
    run(f"receipt verify nine.receipt --key alice.pub --vkey {key}", status=2)
    assert run.data("receipt show nine.receipt")["outcome"] == "allowed"


def test_a_log_s_key_signs_one_tree(run: Terminal, at: Callable[[str], Path]) -> None:
    """What it signed last is beside it; another tree gets no signature, and where it cannot remember, none does."""
    run("audit keys example.com/log -o log")
    run(f"audit checkpoint --log {LOG} --key log.key -o one.checkpoint")
    assert at("log.key.signed").stat().st_mode & 0o777 == 0o600
    run(f"audit checkpoint --log {LOG} --key log.key -o again.checkpoint")
    assert at("again.checkpoint").read_text() == at("one.checkpoint").read_text()
    run(f"audit checkpoint --log {LOG} --key log.key --tenant acme", status=3)
    run("audit keys example.com/other -o other")
    at("other.key.signed").write_text("no memory")
    run(f"audit checkpoint --log {LOG} --key other.key", status=5)
