"""What a process loads: sets of modules, never times. A module that is not needed yet is not loaded yet."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from delegate import Identity, Request, at_most, can, one_of
from delegate.cli import app

# What costs more to load than it is worth to a process that may not need it.
HEAVY = frozenset(
    {
        *("asyncio", "click", "cryptography", "dataclasses", "datetime", "decimal", "inspect", "ipaddress", "json"),
        *("logging", "nacl.bindings", "pathlib", "platformdirs", "re2", "secrets", "sqlite3", "tempfile", "traceback"),
        *("urllib", "zoneinfo"),
    }
)

ROOT = ("delegate", "delegate.errors", "delegate.faces", "delegate.frozen", "delegate.limits", "delegate.regular")
CORE = {
    "chain": "binding claim_rows claims compiled discharge links needs printable request revocations spans urls",
    "decide": (
        "decision discharges drivers effects evaluate evidence possession remembered remembered_texts revocation "
        "settings signatures spending stores verified"
    ),
    "evaluator": (
        "checks compiler flat flat_list folds functions junctions namespaced opcodes paths regex scope timestamps "
        "values"
    ),
    "keys": "ed25519 names principal public textfile",
    "patterns": "matching plain_form tokens",
    "wire": "armor cbor cose envelope",
}
VERIFIER = {
    "state": "claims common memory_replay memory_revocations",
    "verifier": "configuration decision roots verified verifier",
}


def modules(package: str, rooms: dict[str, str]) -> set[str]:
    """The names of packages, of the modules in them, and of what they are in."""
    within = {f"{package}.{room}.{name}" for room, names in rooms.items() for name in names.split()}
    return {package, *within, *(f"{package}.{room}" for room in rooms)}


def loaded(code: str, *arguments: str, before: str = "") -> set[str]:
    """What an interpreter loads for `code`, after `before`; without `site`, which loads things of its own."""
    script = (
        f"import sys; sys.path[:] = {sys.path!r}\n{before}\nknown = set(sys.modules)\n{code}\n"
        "sys.stderr.write('LOADED ' + ' '.join(sorted(set(sys.modules) - known)))"
    )
    command = [sys.executable, "-I", "-S", "-c", script, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this interpreter
    return set(ran.stderr.partition("LOADED ")[2].split())


def ours(names: set[str]) -> set[str]:
    """Those of this package."""
    return {name for name in names if name.partition(".")[0] == "delegate"}


def heavy(names: set[str]) -> set[str]:
    """Those that cost much, by the name that they are known by."""
    return {each for each in HEAVY if any(name == each or name.startswith(f"{each}.") for name in names)}


def run(*arguments: object) -> str:
    """The code that runs the command as a terminal would."""
    return f"from delegate.cli import main; assert main({[*map(str, arguments)]!r}) == 0"


def test_the_package_loads_nothing_of_itself() -> None:
    """`import delegate` is for free: not even `typing` is loaded, nor anything else of the standard library."""
    assert loaded("import delegate") == {"delegate", "delegate.faces"}


@pytest.mark.parametrize("name", ["audit", "state", "language", "caveats", "directory"])
def test_a_face_loads_nothing_behind_it(name: str) -> None:
    """The packages whose names are loaded on demand load none of them by themselves."""
    assert loaded(f"import delegate.{name}") == {"delegate", "delegate.faces", f"delegate.{name}"}


def test_a_verifier_loads_what_decides_and_nothing_else() -> None:
    """The core, the service's room and memory for used proofs: no words, no language, nothing that makes chains."""
    found = loaded("from delegate import Verifier")
    assert ours(found) == {*ROOT, *modules("delegate.core", CORE), *modules("delegate", VERIFIER)}
    assert not heavy(found)


ALICE, AGENT = Identity.from_seed("user:alice@example.com", bytes(32)), Identity.from_seed("agent:a", b"a" * 32)
DECIDING = """
verifier = Verifier([Principal.parse(sys.argv[1])], audience="files", clock=lambda: 1_790_000_100)
for proof in sys.argv[2:]:
    verifier.authorize(proof, Request("files.read", "/reports/q3.csv", {"size": 10, "to": "ann"}))
"""
DECIDER = "from delegate import Principal, Request, Verifier"
REQUEST = Request("files.read", "/reports/q3.csv", {"size": 10, "to": "ann"})


def test_an_allowed_request_loads_nothing_more() -> None:
    """Cold and warm, flat conditions and others: all that decides is there from the start."""
    token = ALICE.mint(
        to=AGENT.principal,
        can=can("files.read", "/reports/**", args={"size": at_most(100), "to": one_of("ann", "bob")}),
        caveats=["args.to == 'ann' || args.to.startsWith('b')", "[1, 2].exists(n, n < args.size)", "resource != ''"],
        ttl="1h",
        now=1_790_000_000,
    )
    proofs = [AGENT.prove(token, REQUEST, "files", now=1_790_000_100).to_text() for _ in range(3)]
    assert loaded(DECIDING, ALICE.principal.to_text(), *proofs, before=DECIDER) == set()


def test_what_a_condition_needs_is_loaded_with_it() -> None:
    """Addresses and times need more of the standard library, and still nothing of ours."""
    conditions = ["net.within('10.1.2.3', '10.0.0.0/8')", "now < timestamp('2100-01-01T00:00:00Z')"]
    token = ALICE.mint(
        to=AGENT.principal, can="files.read /reports/**", caveats=conditions, ttl="1h", now=1_790_000_000
    )
    proof = AGENT.prove(token, REQUEST, "files", now=1_790_000_100).to_text()
    found = loaded(DECIDING, ALICE.principal.to_text(), proof, before=DECIDER)
    assert ours(found) == set()
    assert heavy(found) == {"datetime", "ipaddress"}


def test_help_loads_no_command() -> None:
    """`delegate --help` is one table: neither the core nor any command is loaded for it."""
    found = loaded(run("--help"), before="import click")
    assert ours(found) == {
        *("delegate", "delegate.cli", "delegate.cli.app", "delegate.cli.output", "delegate.cli.status"),
        *("delegate.core", "delegate.core.chain", "delegate.core.chain.printable", "delegate.errors"),
        *("delegate.faces", "delegate.regular"),
    }
    assert heavy(found) == {"click"}  # its module for wrapping lines
    assert not found & {"cbor2", "hashlib", "nacl"}


def test_signing_loads_no_verifier_no_store_and_no_second_cryptographic_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`delegate mint` and `delegate prove` with plain key files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DELEGATE_DATA", str(tmp_path / "data"))
    for identity, name in ((ALICE, "alice"), (AGENT, "agent")):
        identity.save(f"{name}.key")
        identity.principal.save(f"{name}.pub")
    token = ALICE.mint(to=AGENT.principal, can="files.read /**", ttl="1h")
    Path("agent.token").write_text(token.to_text())
    mint = ("mint", "--key", "alice.key", "--to", "agent.pub", "--can", "files.read /**", "--ttl", "1h")
    request = ("--action", "files.read", "--resource", "/b")
    prove = ("prove", "agent.token", "--key", "agent.key", "--audience", "files", *request)
    found = {command[0]: loaded(run(*command), before="import click") for command in (mint, prove)}
    for names in found.values():
        assert not heavy(names) & {"asyncio", "cryptography", "nacl.bindings", "secrets", "sqlite3"}
    rooms = {command: {name.split(".")[1] for name in ours(names) if "." in name} for command, names in found.items()}
    own = {"analysis", "authoring", "cli", "core", "explain", "language"}
    own |= {"errors", "faces", "frozen", "limits", "regular"}
    assert rooms == {"mint": {*own, "views", "state", "journal"}, "prove": own}
    of_state = {name for name in ours(found["mint"]) if name.startswith("delegate.state.")}
    assert of_state == {"delegate.state.own_file"}  # how the journal is opened


def test_each_command_s_line_is_its_own() -> None:
    """The table behind `--help` has every command under its name, with the first sentence of its help."""
    for name, (_, _, line) in app._COMMANDS.items():
        command = app.delegate.commands[name]
        assert isinstance(command, click.Command)
        assert (command.name, command.get_short_help_str(limit=1000)) == (name, line)


FACES = ["", ".audit", ".state", ".language", ".caveats", ".directory", ".issue", ".analysis.proofs"]


@pytest.mark.parametrize("name", FACES)
def test_a_face_is_the_same_to_python_and_to_type_checkers(name: str) -> None:
    """Its table, its imports under TYPE_CHECKING and its `__all__` hold the same names, from the same places."""
    package = import_module(f"delegate{name}")
    (choice,) = [node for node in ast.parse(Path(package.__file__ or "").read_text()).body if isinstance(node, ast.If)]
    told = {
        (alias.asname or alias.name): (node.module, alias.name)
        for node in choice.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    table = {
        (ours or theirs): (f"delegate.{home}", theirs)
        for home, names in package._HOMES.items()
        for theirs, _, ours in (entry.partition(" as ") for entry in names)
    }
    assert told == table
    assert sorted(table) == sorted(package.__all__) == package.__all__
    for ours_, (home, theirs) in table.items():
        assert getattr(package, ours_) is getattr(import_module(home or ""), theirs)
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("name", FACES)
def test_a_face_has_no_other_names(name: str) -> None:
    """What is not in its table is an AttributeError, as of any module, that names both."""
    package = import_module(f"delegate{name}")
    with pytest.raises(AttributeError, match=rf"module 'delegate{name}' has no attribute 'verify_all'"):
        package.verify_all  # noqa: B018 - reaching for it is the test
    assert not hasattr(package, "__path_of_nothing__")
