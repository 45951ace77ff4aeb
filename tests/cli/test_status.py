"""Exit statuses: one for every reason, and every way to end a run comes to its own."""

from __future__ import annotations

import json

import pytest

from delegate import Principal, Reason
from delegate.cli.status import STATUS_OF, Status, status_of
from delegate.errors import AttenuationError, CaveatSyntaxError, Denied, StateError, VerificationError
from tests.cli.conftest import HERE, Desk, Prove, asking

MINT = ("mint", "--key", "alice.key", "--to", "planner.pub")
TRUST = ("--root", "alice.pub")


def test_every_reason_has_a_status() -> None:
    """The table is complete, and no reason is success or usage."""
    assert set(STATUS_OF) == set(Reason)
    assert not {Status.DONE, Status.USAGE, Status.INTERRUPTED} & set(STATUS_OF.values())


def test_where_a_reason_arose_may_matter() -> None:
    """Denied is refused whatever the reason; the wrong key is missing when authoring, refused when presenting."""
    assert status_of(Denied(Reason.LIMIT_EXCEEDED)) is Status.REFUSED
    assert status_of(AttenuationError("", reason=Reason.TOO_MANY_HOPS)) is Status.REFUSED
    assert status_of(AttenuationError("", reason=Reason.PROOF_WRONG_KEY)) is Status.UNTRUSTED
    assert status_of(VerificationError(Reason.PROOF_WRONG_KEY)) is Status.REFUSED
    assert status_of(VerificationError(Reason.TOO_MANY_HOPS)) is Status.NOT_GENUINE
    assert status_of(StateError(Reason.STATE_UNAVAILABLE)) is Status.FILES
    assert status_of(CaveatSyntaxError("", source="", span=(0, 0))) is Status.USAGE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "missing command; see delegate --help"),
        (("key",), "missing command; see delegate key --help"),
        (("nothing",), "no such command"),
        (("mint", "--nothing"), "no such option"),
        (("inspect",), "no token"),
        ((*MINT, "--can", "a"), "say how long it is valid"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--until", "2027-01-01T00:00Z"), "say how long it is valid"),
        ((*MINT, "--ttl", "5m"), "say what it permits"),
        ((*MINT[:3], "--can", "a", "--ttl", "5m"), "say who receives it"),
        ((*MINT, "--can", "a", "--ttl", "5y"), "not a duration"),
        ((*MINT, "--can", "a", "--ttl", "0s"), "not a duration"),
        ((*MINT, "--can", "a", "--until", "tomorrow"), "is not a time"),
        ((*MINT, "--can", "a", "--until", "2027-01-01T00:00"), "no time zone"),
        ((*MINT, "--can", "a", "--until", "2020-01-01T00:00Z"), "expire before it begins"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--hops", "99"), "hops"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--tenant", "a b"), "tenant"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--on-behalf-of", "alice"), "name"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--why", "\u202e"), "why"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--who", "x"), "name=value"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--who", "x=1", "--who", "x=2"), "twice"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--let", "x=1"), "--let x"),
        (
            (*MINT, "--can", "a", "--ttl", "5m", "--let", "args=1", "--if", "args.x == 1"),
            "--let: `args` cannot be given",
        ),
        ((*MINT, "--can", "a", "--ttl", "5m", "--if", "args.x == limit"), "`limit`"),
        ((*MINT, "--can", "a if (", "--ttl", "5m"), ""),
        ((*MINT, "--can", "***", "--ttl", "5m"), ""),
        ((*MINT[:3], "--bearer", "--can", "a", "--ttl", "5m"), "audience"),
        ((*MINT, "--can", "a", "--ttl", "5m", "--if", "args.x == n", "--let", "n=" + "[" * 20 + "]" * 20), "nested"),
        (("key", "new", "planner"), "name"),
        (("inspect", "a\0b"), "NUL"),
        (("attenuate", "x", "--ttl", "5m", "--until", "2027-01-01T00:00Z"), "either --ttl or --until"),
        (("prove", "x", "--audience", "files.example.com"), "say which request"),
        (("verify", "x", "--root", "alice.pub", "--audience", "a", "--action", "a b"), "not a request"),
        (("check", "x", "--root", "alice.pub"), "which request"),
        (("key", "new", "agent:@"), "-o"),
    ],
)
def test_usage(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    """What is wrong with a command line is status 2, said in words of the command line."""
    ran = desk.run(*arguments, now=None)
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("given", ["nonsense", "dlgt_", "dlgt_AAAA", "dlgt_x y", "dlgz_AAAA", "\x00\x01", ""])
def test_no_token(desk: Desk, given: str) -> None:
    """Whatever is no token is status 3, from stdin as from a file."""
    assert desk.run("inspect", "-", stdin=given.encode()).status == 3
    (desk.folder / "it").write_text(given)
    ran = desk.run("inspect", "it")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("not a token: ")


@pytest.mark.parametrize("given", ["garbage", "", "LgtAAAA" * 20, "x" * 5000, "a.b" * 100, "/a" * 3000])
def test_an_argument_that_is_no_token(desk: Desk, given: str) -> None:
    """What names no file and does not look as if it should is status 3; it may be a secret, and is not echoed."""
    ran = desk.run("inspect", given)
    assert (ran.status, ran.out) == (3, "")
    assert ran.err == "not a token: a token begins with dlgt_, dlgb_ or dlgp_, and no file has this name\n"


def test_a_file_by_any_name_is_read(story: Desk) -> None:
    """A name without a dot or a slash is a file's where there is that file."""
    (story.folder / "garbage").write_text((story.folder / "planner.token").read_text())
    assert story.run("inspect", "garbage").status == 0


def test_a_cut_off_paste_says_so(story: Desk) -> None:
    """Truncated, not forged: the reader should look at the clipboard."""
    text = (story.folder / "summarizer.token").read_text().strip()
    ran = story.run("inspect", text[:-40])
    assert ran.status == 3
    assert ran.err.endswith("[truncated]\n")


def test_a_changed_block_is_not_genuine(story: Desk) -> None:
    """The hop whose signature does not hold is named by its number: its names are anybody's."""
    text = (story.folder / "summarizer.token").read_text().strip()
    other = "A" if text[-10] != "A" else "B"
    ran = story.run("verify", text[:-10] + other + text[-9:], *TRUST)
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("not genuine: hop 2: ")
    assert ran.err.endswith("[bad_signature]\n")


def test_untrusted_root(story: Desk) -> None:
    """A root that is none of those given is status 4, for every command that trusts."""
    for command in (("inspect",), ("verify",), ("check", *asking("/data/q3/a.csv"))):
        ran = story.run(command[0], "summarizer.token", "--root", "planner.pub", *command[1:])
        assert ran.status == 4, command
        assert "[unknown_root]" in ran.err


def test_no_root_to_verify_by(story: Desk) -> None:
    """Verifying without saying whom to trust is a usage error, and never a pass."""
    assert story.run("verify", "summarizer.token").status == 2
    assert story.run("check", "summarizer.token", *asking("/data")).status == 2


def test_a_root_speaks_for_others_where_told_to(desk: Desk) -> None:
    """A chain for somebody else is refused (4) unless --speaks-for covers them."""
    desk.make("t", *MINT, "--can", "a", "--ttl", "5m", "--on-behalf-of", "user:bob@example.com")
    ran = desk.run("verify", "t", *TRUST)
    assert (ran.status, "[originator_refused]" in ran.err) == (4, True)
    assert desk.run("verify", "t", *TRUST, "--speaks-for", "user:*@example.com").status == 0
    assert desk.run("verify", "t", *TRUST, "--speaks-for", "***").status == 2


def test_tenant(desk: Desk) -> None:
    """A chain of one tenant is good there alone."""
    desk.make("t", *MINT, "--can", "a", "--ttl", "5m", "--tenant", "acme")
    assert desk.run("verify", "t", *TRUST, "--tenant", "acme").status == 0
    assert desk.run("verify", "t", *TRUST).status == 1
    assert desk.run("verify", "t", *TRUST, "--tenant", "other").status == 1


def test_the_wrong_key_is_a_missing_key(story: Desk) -> None:
    """Who is not the holder can neither narrow nor prove: status 4."""
    for command in (("attenuate",), ("prove", *HERE, *asking("/data"))):
        ran = story.run(command[0], "summarizer.token", "--key", "planner.key", *command[1:])
        assert (ran.status, ran.out) == (4, "")
        assert ran.err.startswith("missing key: ")


def test_what_cannot_take_effect_is_refused(story: Desk) -> None:
    """An author is told which hop forbids it: status 1."""
    on = ("attenuate", "summarizer.token", "--key", "summarizer.key")
    for more, reason in (
        (("--can", "files.write"), "capability_missing"),
        (("--to", "planner.pub"), "too_many_hops"),
        (("--until", "2026-12-01T20:00Z"), "expired"),
    ):
        ran = story.run(*on, *more)
        assert (ran.status, ran.out) == (1, ""), more
        assert f"[{reason}]" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inspect", "missing.token"), "no such file: missing.token"),
        (("inspect", "./missing"), "no such file: ./missing"),
        (("inspect", "."), ".: "),
        (("key", "public", "missing.key"), "missing.key: no such file or directory"),
        (("key", "public", "planner.pub"), "planner.pub: this is a public key; give the .key file"),
        (("key", "show", "planner.key"), "planner.key: this is a private key; give the .pub file"),
        (("key", "new", "agent:planner"), "never overwritten"),
        (("key", "new", "agent:x", "-o", "no/such/x"), "no/such/x.key: no such file or directory"),
        (("verify", "no/token", *TRUST), "no such file"),
        (("verify", "planner.token", "--root", "missing.pub"), "missing.pub: "),
        (("check", "planner.token", *TRUST, "--request", "missing.json"), "missing.json"),
        (("demo", "--keep", "."), ".: "),
    ],
)
def test_files(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    """A file that is missing, in the way or of another kind is status 5, with its name."""
    if "planner.token" in arguments:
        desk.make("planner.token", *MINT, "--can", "a", "--ttl", "5m")
    ran = desk.run(*arguments, now=None)
    assert (ran.status, ran.out) == (5, "")
    assert ran.err.startswith("error: ")
    assert words in ran.err


def test_nothing_is_overwritten(desk: Desk) -> None:
    """A public file in the way keeps the private one from being made."""
    (desk.folder / "worker.pub").write_text("mine")
    assert desk.run("key", "new", "agent:worker", now=None).status == 5
    assert not (desk.folder / "worker.key").exists()
    assert (desk.folder / "worker.pub").read_text() == "mine"


def test_passphrases(desk: Desk) -> None:
    """A key with a passphrase needs it: missing or wrong is status 4, right is 0."""
    for name, words in (("right", "open sesame\n"), ("wrong", "close sesame\n"), ("empty", "\n")):
        (desk.folder / name).write_text(words)
    assert desk.run("key", "new", "agent:w", "--passphrase-file", "right", now=None).status == 0
    for option, status in (((), 4), (("--passphrase-file", "wrong"), 4), (("--passphrase-file", "empty"), 5)):
        ran = desk.run("key", "public", "w.key", *option, now=None)
        assert (ran.status, ran.out) == (status, ""), option
    ran = desk.run("key", "public", "w.key", "--passphrase-file", "right", now=None)
    assert (ran.status, ran.out) == (0, (desk.folder / "w.pub").read_text())


def test_a_passphrase_may_be_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """--passphrase prompts, and without a terminal nothing else does."""
    asked: list[dict[str, object]] = []

    def prompt(_: str, **options: object) -> str:
        asked.append(options)
        return "open sesame"

    monkeypatch.setattr("click.prompt", prompt)
    assert desk.run("key", "new", "agent:w", "--passphrase", now=None).status == 0
    assert desk.run("key", "public", "w.key", "--passphrase", now=None).status == 0
    assert [options["confirmation_prompt"] for options in asked] == [True, False]
    assert all(options["hide_input"] for options in asked)
    assert desk.run("key", "public", "w.key", now=None).status == 4


def test_passphrase_files_that_are_none(desk: Desk) -> None:
    """Not text, or longer than a passphrase may be: status 5, and no key is made."""
    for content in (b"\xff", b"x" * 2000):
        (desk.folder / "words").write_bytes(content)
        assert desk.run("key", "new", "agent:w", "--passphrase-file", "words", now=None).status == 5
        assert not (desk.folder / "w.key").exists()


def test_half_a_pair_is_not_left_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the public file fail, the private one goes too: the next try finds nothing in its way."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Principal, "save", fail)
    ran = desk.run("key", "new", "agent:w", now=None)
    assert (ran.status, ran.err) == (5, "error: w.pub: no space left on device\n")
    assert not (desk.folder / "w.key").exists()


def test_settings_of_the_service_are_checked(story: Desk) -> None:
    """A root twice, an audience or tenant that is no name, a policy that does not parse, a fact that is none."""
    for options in (
        ("--root", "alice.pub"),
        ("--audience", "a b"),
        ("--tenant", "a b"),
        ("--policy", "args.x <"),
        ("--env", "x=" + "[" * 20 + "]" * 20),
        ("--env", "x=1", "--env", "x=2"),
    ):
        ran = story.run("verify", "summarizer.token", *TRUST, *options)
        assert (ran.status, ran.out) == (2, ""), options


def test_a_key_that_is_needed(story: Desk) -> None:
    """Only a bearer token narrows and proves without --key."""
    words = "give the private key with --key FILE, or set DELEGATE_KEY"
    assert words in story.run("attenuate", "summarizer.token").err
    assert words in story.run("prove", "summarizer.token", *HERE, *asking("/data/q3/a", size=1)).err


def test_arguments_that_are_no_json(story: Desk) -> None:
    """A file of arguments must parse."""
    (story.folder / "a.json").write_text("{")
    assert story.run("check", "summarizer.token", *TRUST, "--action", "a", "--args", "a.json").status == 2


def test_times_may_be_pasted_as_they_are_printed(story: Desk) -> None:
    """`2026-12-01 12:00 UTC`, Unix seconds and an offset are one and the same moment."""
    expected = story.run("inspect", "summarizer.token").out
    for now in ("2026-12-01 12:00 UTC", "1796126400", "2026-12-01T13:00+01:00", "2026-12-01T12:00:00Z"):
        assert story.run("inspect", "summarizer.token", now=now).out == expected


def test_requests_from_files(story: Desk, proven: Prove) -> None:
    """A request in a file is the same request; arguments in a file are the same arguments."""
    proven("/data/q3/a.csv", size=10, note="x")
    request = {"action": "files.read", "resource": "/data/q3/a.csv", "args": {"size": 10, "note": "x"}}
    (story.folder / "r.json").write_text(json.dumps(request))
    (story.folder / "a.json").write_text(json.dumps(request["args"]))
    (story.folder / "s.json").write_text('{"size": 10}')
    ask = ("verify", "x.proof", *TRUST, *HERE)
    plain = ("--action", "files.read", "--resource", "/data/q3/a.csv")
    assert story.run(*ask, "--request", "r.json").status == 0
    assert story.run(*ask, *plain, "--args", "a.json").status == 0
    assert story.run(*ask, *plain, "--args", "s.json", "--arg-text", "note=x").status == 0
    assert story.run(*ask, *plain, "--arg", 'note="x"', "--arg", "size=10").status == 0
    assert story.run(*ask, *plain, "--arg-text", "size=10", "--arg", "note=x").status == 1  # text is not a number
    assert story.run(*ask, *plain, "--args", "s.json", "--arg", "size=10").status == 2
    assert story.run(*ask, "--request", "r.json", *plain).status == 2
    assert story.run(*ask, "--resource", "/data").status == 2
    (story.folder / "r.json").write_text('{"action": "a", "action": "b"}')
    assert story.run(*ask, "--request", "r.json").status == 2
    (story.folder / "a.json").write_text("[]")
    assert story.run(*ask, *plain, "--args", "a.json").status == 2


def test_a_request_needs_to_know_the_service(story: Desk, proven: Prove) -> None:
    """With a request and no audience nothing is decided."""
    proven("/data/q3/a.csv", size=10)
    assert story.run("verify", "x.proof", *TRUST, *asking("/data/q3/a.csv", size=10)).status == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--audience", "other.example.com"), "wrong_audience"),
        ((*HERE, "--policy", "args.size < 5"), "policy_failed"),
        ((*HERE, "--policy", "env.country == 'NL'", "--env", "country=BE"), "policy_failed"),
        ((*HERE, "--arg", "more=1"), "proof_wrong_request"),
        ((*HERE, "--tenant", "acme"), "wrong_tenant"),
    ],
)
def test_refusals(story: Desk, proven: Prove, options: tuple[str, ...], reason: str) -> None:
    """What a service would refuse is status 1, with the reason, and the same word in JSON."""
    proven("/data/q3/a.csv", size=10)
    ask = ("verify", "x.proof", *TRUST, *asking("/data/q3/a.csv", size=10), *options)
    ran = story.run(*ask)
    assert (ran.status, ran.out) == (1, "")
    assert f"[{reason}]" in ran.err
    told = story.run(*ask, "--json")
    assert (told.status, told.json["exit"], told.json["reason"], told.json["allowed"]) == (1, 1, reason, False)


def test_facts_and_names_that_the_service_vouches_for(story: Desk, proven: Prove) -> None:
    """--env and --principal are what conditions may read."""
    proven("/data/q3/a.csv", size=10)
    ask = ("verify", "x.proof", *TRUST, *HERE, *asking("/data/q3/a.csv", size=10))
    assert story.run(*ask, "--policy", "env.country == 'NL'", "--env", "country=NL").status == 0
    named = ("--policy", "holder.name == 'agent:summarizer'")
    assert story.run(*ask, *named).status == 1
    ran = story.run(*ask, *named, "--principal", "summarizer.pub")
    assert ran.status == 0
    assert "names: agent:summarizer vouched for, others not checked ✓\n" in ran.out


def test_a_proof_is_good_for_a_minute(story: Desk, proven: Prove) -> None:
    """--now two minutes on: proof_expired."""
    proven("/data/q3/a.csv", size=10)
    ran = story.run("verify", "x.proof", *TRUST, *HERE, *asking("/data/q3/a.csv", size=10), now="2026-12-01T12:02:00Z")
    assert (ran.status, "[proof_expired]" in ran.err) == (1, True)


def test_bearer_chains_only_where_told_to(desk: Desk) -> None:
    """A bearer token is refused without --bearer, allowed with it; bound to a holder it needs a proof."""
    desk.make("b", "mint", "--key", "alice.key", "--bearer", "--can", "files.read /data/**", "--ttl", "5m", *HERE)
    ask = (*TRUST, *HERE, *asking("/data/a"))
    assert desk.run("verify", "b", *ask).status == 1
    assert desk.run("verify", "b", *ask, "--bearer").status == 0
    desk.make("bp", "prove", "b", *HERE, *asking("/data/a"))
    assert desk.run("verify", "bp", *ask, "--bearer").status == 0
    desk.make("bound", "attenuate", "b", "--to", "planner.pub")
    assert desk.run("verify", "bound", *ask, "--bearer").status == 1
    desk.make("bound.proof", "prove", "bound", "--key", "planner.key", *HERE, *asking("/data/a"))
    assert desk.run("verify", "bound.proof", *ask, "--bearer").status == 0
    assert desk.run("attenuate", "b", "--key", "alice.key").status == 2
    assert desk.run("seal", "bound").status == 2
    sealed = desk.make("s", "seal", "b")
    assert desk.run("seal", "s").out.strip() == sealed
    assert desk.run("attenuate", "s", "--ttl", "1m").status == 1


def test_a_presentation_is_not_extended(story: Desk, proven: Prove) -> None:
    """A chain with a proof in it is for a service."""
    proven("/data/q3/a.csv", size=10)
    for command in (("attenuate",), ("seal",), ("prove", *HERE, *asking("/data"))):
        assert story.run(command[0], "x.proof", *command[1:]).status in {2, 3}
