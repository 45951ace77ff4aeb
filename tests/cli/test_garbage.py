"""Whatever is given, a run ends with a status of the table and one line: never a traceback, never a fault of ours."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delegate.cli.status import Status
from tests.cli.conftest import HERE, Desk, Ran

OPTIONS = [
    *("--key", "--to", "--can", "--if", "--let", "--ttl", "--until", "--now", "--audience", "--hops", "--who", "--why"),
    *(
        "--root",
        "--action",
        "--resource",
        "--arg",
        "--arg-text",
        "--args",
        "--request",
        "--env",
        "--tenant",
        "--policy",
    ),
    *("--hop", "--list", "--holder", "--since", "--revocations", "--signer", "--state", "--live", "--no-journal"),
    *("--revoker", "--max-revocation-age", "--cost", "--budget", "--fresh", "--diff"),
    *("--bearer", "--json", "--explain", "--dry-run", "--speaks-for", "--principal", "--passphrase-file", "-", "--"),
]
WORDS = [
    *("alice.key", "alice.pub", "planner.pub", "planner.key", "t", ".", "5m", "8h", "1", "-1", "99999999999999999999"),
    *(
        "a=1",
        "a={",
        "a=[1,2]",
        "=",
        "x",
        "",
        "files.read /data/**",
        "a if args.x < 1",
        "a if (",
        "**",
        "agent:x",
        "é=\u202e",
    ),
    *("l", "ab" * 32, "abcdef01", "dlgr_", "dlgr_AAAA", "sqlite:///x", "nothing://x", "memory://", "calls=3"),
    *("2026-12-01T12:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-13-01T00:00Z", "\x00", "\udcff"),
    *("args.x == a", '"', "dlgt_", "dlgt_AAAA", "a=1e999", "a=NaN", "a=" + "9" * 400, "a=" + "[" * 200, "1" * 300),
]
COMMANDS = [
    *(["mint"], ["attenuate"], ["seal"], ["prove"], ["inspect"], ["verify"], ["check"]),
    *(["key", "public"], ["key", "show"], ["mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "5m"]),
    *(["attenuate", "t", "--key", "planner.key"], ["prove", "t", "--key", "planner.key", *HERE]),
    *(["list"], ["revoke"], ["revocations", "show"], ["revocations", "verify"], ["revocations", "merge"]),
    *(["revocations", "import"], ["revoke", "t", "--key", "alice.key", "--list", "l"], ["doctor"], ["budget", "show"]),
    *(["verify", "t", "--root", "alice.pub", *HERE], ["check", "t", "--root", "alice.pub"], ["inspect", "t"]),
]
IN_A_FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def token(desk: Desk) -> Desk:
    """The desk with one token, in `t`."""
    desk.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "5m")
    return desk


def ended(ran: Ran) -> None:
    """A status of the table, and no traceback."""
    assert ran.status in set(Status), ran
    assert "Traceback" not in ran.err
    assert "internal error" not in ran.err + ran.out


@settings(max_examples=400, suppress_health_check=IN_A_FIXTURE)
@given(
    command=st.sampled_from(COMMANDS),
    more=st.lists(st.one_of(st.sampled_from(OPTIONS), st.sampled_from(WORDS), st.text(max_size=8)), max_size=8),
)
def test_arguments(token: Desk, command: list[str], more: list[str]) -> None:
    """Options and values in any order."""
    ended(token.run(*command, *more, stdin=b"dlgt_AAAA"))


@settings(max_examples=300, suppress_health_check=IN_A_FIXTURE)
@given(data=st.binary(max_size=200), command=st.sampled_from(["inspect", "verify", "attenuate", "prove", "seal"]))
def test_bytes_for_a_token(token: Desk, data: bytes, command: str) -> None:
    """Bytes that are no token are status 3, in a file that is read as a token."""
    options = {
        "inspect": (),
        "verify": ("--root", "alice.pub"),
        "attenuate": ("--key", "planner.key"),
        "prove": ("--key", "planner.key", *HERE, "--action", "a"),
        "seal": (),
    }[command]
    ran = token.run(command, "-", *options, stdin=data)
    ended(ran)
    assert ran.status == Status.NOT_GENUINE


@settings(max_examples=200, suppress_health_check=IN_A_FIXTURE)
@given(place=st.integers(min_value=0, max_value=400), by=st.integers(min_value=1, max_value=255))
def test_mutated_tokens(token: Desk, place: int, by: int) -> None:
    """A token with a byte changed never verifies."""
    from delegate import Token

    data = bytearray(Token.parse((token.folder / "t").read_text()).to_bytes())
    data[place % len(data)] ^= by
    ran = token.run("verify", "-", "--root", "alice.pub", stdin=bytes(data))
    ended(ran)
    assert ran.status in {Status.NOT_GENUINE, Status.UNTRUSTED}


@settings(suppress_health_check=IN_A_FIXTURE)
@given(data=st.binary(max_size=300))
def test_bytes_for_a_key(token: Desk, data: bytes) -> None:
    """Bytes that are no key file are status 5, as either kind."""
    (token.folder / "odd").write_bytes(data)
    for command in (
        ("key", "public", "odd"),
        ("key", "show", "odd"),
        ("verify", "t", "--root", "odd"),
        ("attenuate", "t", "--key", "odd"),
    ):
        ran = token.run(*command, now=None)
        ended(ran)
        assert ran.status == Status.FILES


@settings(suppress_health_check=IN_A_FIXTURE)
@given(data=st.binary(max_size=300) | st.binary(max_size=60).map(lambda rest: b"dlgr_" + rest))
def test_bytes_for_a_list(token: Desk, data: bytes) -> None:
    """Bytes that are no revocation list are status 3, and are not written over."""
    (token.folder / "odd").write_bytes(data)
    for command in (
        ("revocations", "show", "odd"),
        ("revocations", "verify", "odd"),
        ("revocations", "merge", "odd", "--key", "alice.key", "--list", "odd"),
        ("revoke", "t", "--key", "alice.key", "--list", "odd"),
        ("list", "--revocations", "odd"),
        ("verify", "t", "--root", "alice.pub", "--revocations", "odd"),
    ):
        ran = token.run(*command)
        ended(ran)
        assert ran.status == Status.NOT_GENUINE
    assert (token.folder / "odd").read_bytes() == data


@settings(suppress_health_check=IN_A_FIXTURE)
@given(data=st.binary(max_size=300))
def test_bytes_for_a_journal(token: Desk, data: bytes) -> None:
    """Bytes in the journal are skipped, and what is noted behind them is found."""
    (token.folder / "data" / "journal.jsonl").write_bytes(data)
    ran = token.run("list")
    ended(ran)
    assert ran.status == Status.DONE
    token.make("t", "mint", "--key", "alice.key", "--to", "planner.pub", "--can", "a", "--ttl", "5m")
    assert "agent:planner" in token.run("list").out


def test_files_that_are_odd(token: Desk) -> None:
    """A folder, an endless device, a huge file: told, not read on."""
    (token.folder / "huge").write_bytes(b"A" * (1 << 20))
    os.mkfifo(token.folder / "fifo")
    for odd in (".", "huge", "/dev/zero"):
        for command in (
            ("inspect", odd),
            ("key", "show", odd),
            ("key", "public", odd),
            ("check", "t", "--args", odd),
            ("revocations", "show", odd),
            ("inspect", "t", "--root", "alice.pub", "--revocations", odd),
            ("revoke", "t", "--key", "alice.key", "--list", odd),
            ("revoke", odd, "--key", "alice.key", "--list", "l"),
        ):
            ended(token.run(*command, now=None))
