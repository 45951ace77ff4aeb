"""Who is who: one key one principal, one name one party, nothing deleted (SPEC §10.5)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread

import pytest

from delegate import Reason, StateError
from delegate.directory import Directory, DirectoryError, Facts
from tests.directory.conftest import ALICE, BOB, NEWER, NOW, PLANNER, WORKER, Place, key_of, person

CODE = "sha256:" + "a1" * 32


def refused(call: Callable[[], object], reason: Reason, words: str) -> None:
    """A call is refused, for this reason and in these words."""
    with pytest.raises(DirectoryError) as caught:
        call()
    assert caught.value.reason is reason
    assert words in caught.value.detail


def test_a_principal_is_as_it_was_added(directory: Directory, place: Place) -> None:
    """Every fact comes back, from another connection too; and there is a first event."""
    added = directory.add(
        PLANNER.principal,
        sponsor=ALICE.name,
        owner="svc:platform",
        code="a1" * 32,
        model="large-2",
        version="1.4",
        note="plans trips — ask Alice",
        why="first agent",
    )
    assert added.facts == Facts(
        sponsor=ALICE.name,
        owner="svc:platform",
        code=CODE,
        model="large-2",
        version="1.4",
        note="plans trips — ask Alice",
    )
    assert (added.name, added.kind, added.added, added.disabled) == (PLANNER.name, "agent", NOW, None)
    assert [(each.public_key, each.since, each.until) for each in added.keys] == [(PLANNER.public_key, NOW, None)]
    assert place.open().get(PLANNER.name) == added == directory.of_key(PLANNER.public_key.thumbprint)
    (event,) = directory.history(PLANNER.name)
    assert (event.at, event.what) == (NOW, "added")
    assert all(
        word in event.detail for word in (ALICE.name, CODE, PLANNER.public_key.thumbprint.hex(), "why: first agent")
    )
    assert directory.get("agent:nobody") is None
    assert directory.of_key(BOB.public_key) is None
    assert directory.history("agent:nobody") == ()


def test_a_name_that_was_ever_one_key_s_is_never_another_party_s(directory: Directory) -> None:
    """Not by adding it again, with the same key or another, whether it is active, disabled or rotated."""
    directory.add(PLANNER.principal)
    refused(lambda: directory.add(PLANNER.principal), Reason.IDENTITY_SHARED, "in the directory already")
    refused(lambda: directory.add(NEWER.principal), Reason.IDENTITY_SHARED, "with another key")
    refused(lambda: directory.add(PLANNER.name), Reason.IDENTITY_SHARED, "in the directory already")
    directory.disable(PLANNER.name)
    refused(lambda: directory.add(NEWER.principal), Reason.IDENTITY_SHARED, "with another key")
    directory.enable(PLANNER.name)
    directory.rotate(NEWER.principal)
    refused(lambda: directory.add(PLANNER.principal), Reason.IDENTITY_SHARED, "in the directory")
    assert [each.name for each in directory] == [PLANNER.name]


def test_one_key_is_never_two_principals(directory: Directory) -> None:
    """Nor one that was replaced, nor by rotation, nor for the same principal again."""
    directory.add(PLANNER.principal)
    directory.add(WORKER.principal)
    theirs = person("agent:planner")
    stolen = type(theirs.principal)("agent:thief", theirs.public_key)
    refused(lambda: directory.add(stolen), Reason.IDENTITY_SHARED, f"this key is {PLANNER.name}'s")
    directory.rotate(NEWER.principal)
    refused(lambda: directory.add(stolen), Reason.IDENTITY_SHARED, f"this key is {PLANNER.name}'s")
    worker = type(theirs.principal)(WORKER.name, NEWER.public_key)
    refused(lambda: directory.rotate(worker), Reason.IDENTITY_SHARED, f"this key is {PLANNER.name}'s")
    refused(lambda: directory.rotate(PLANNER.principal), Reason.IDENTITY_SHARED, "already, or was; make a new one")
    refused(lambda: directory.rotate(NEWER.principal), Reason.IDENTITY_SHARED, "already, or was; make a new one")


def test_rotation_leads_old_events_to_their_principal(directory: Directory, place: Place) -> None:
    """Both keys are its own for ever; after the overlap, only the new one stands for it."""
    directory.add(PLANNER.principal, sponsor=ALICE.name)
    place.now += 100
    entry = directory.rotate(NEWER.principal, overlap="1h", why="every 90 days")
    assert [(each.public_key, each.since, each.until) for each in entry.keys] == [
        (PLANNER.public_key, NOW, NOW + 3700),
        (NEWER.public_key, NOW + 100, None),
    ]
    assert entry.key == entry.keys[-1]
    old, new = PLANNER.public_key.thumbprint, NEWER.public_key.thumbprint
    for at, faults in ((NOW + 3699, ("", "")), (NOW + 3700, (f"{PLANNER.name} has another key now", ""))):
        found = directory.find([old, new, bytes(32)], now=at)
        assert {each.name for each in found.values()} == {PLANNER.name}
        assert (found[old].fault, found[new].fault) == faults
    assert directory.of_key(old) == directory.of_key(new) == entry
    assert [each.what for each in directory.history(PLANNER.name)] == ["added", "rotated"]
    third = directory.rotate(key_of(PLANNER.name, 3))
    assert [each.until for each in third.keys] == [NOW + 100, NOW + 100, None]


def test_who_is_disabled_may_not_act_and_is_not_forgotten(directory: Directory, place: Place) -> None:
    """Disabled and enabled, each once; what is known stays, and no key is given to it meanwhile."""
    directory.add(PLANNER.principal, sponsor=ALICE.name)
    place.now += 5
    assert directory.disable(PLANNER.name, why="misbehaved").disabled == NOW + 5
    place.now += 5
    assert directory.disable(PLANNER.name).disabled == NOW + 5
    (known,) = directory.find([PLANNER.public_key.thumbprint], now=NOW).values()
    assert known.fault == f"{PLANNER.name} is disabled"
    assert known.who == {"kind": "agent", "sponsor": ALICE.name}
    refused(lambda: directory.rotate(NEWER.principal), Reason.PRINCIPAL_UNKNOWN, "enable it first")
    assert directory.enable(PLANNER.name).disabled is None
    assert directory.enable(PLANNER.name).disabled is None
    assert [each.what for each in directory.history(PLANNER.name)] == ["added", "disabled", "enabled"]
    assert directory.history(PLANNER.name)[1].detail == "why: misbehaved"


def test_a_person_who_signs_nothing_may_be_added_by_name_and_given_a_key_once(directory: Directory) -> None:
    """Keyless first; then its first key by `add`, which a rotation could not give."""
    assert directory.add(ALICE.name).key is None
    refused(lambda: directory.rotate(ALICE.principal), Reason.PRINCIPAL_UNKNOWN, "has no key yet")
    entry = directory.add(ALICE.principal, note="head of travel")
    assert (entry.key is not None, entry.facts.note) == (True, "head of travel")
    refused(lambda: directory.add(ALICE.principal), Reason.IDENTITY_SHARED, "already")
    assert [each.what for each in directory.history(ALICE.name)] == ["added", "keyed"]
    directory.add(BOB.name)
    directory.disable(BOB.name)
    refused(lambda: directory.add(BOB.principal), Reason.PRINCIPAL_UNKNOWN, "enable it first")


def test_orphans_are_those_that_nobody_answers_for(directory: Directory) -> None:
    """No sponsor, or a disabled one; not people, not who is disabled; a sponsor that nobody added is none of these."""
    for each in (ALICE, BOB):
        directory.add(each.principal)
    directory.add(key_of("agent:none"))
    directory.add(key_of("agent:alices"), sponsor=ALICE.name)
    directory.add(key_of("agent:bobs"), sponsor=BOB.name)
    directory.add(key_of("agent:stranger"), sponsor="user:eve@example.com")
    directory.add(key_of("agent:off"))
    directory.disable("agent:off")

    def orphans() -> list[str]:
        return [each.name for each in directory if each.is_orphaned]

    assert orphans() == ["agent:none"]
    directory.disable(BOB.name)
    assert orphans() == ["agent:bobs", "agent:none"]
    assert {each.name: each.sponsor_is for each in directory if each.kind == "agent"} == {
        "agent:none": "missing",
        "agent:alices": "active",
        "agent:bobs": "disabled",
        "agent:stranger": "unregistered",
        "agent:off": "missing",
    }
    directory.assign("agent:bobs", sponsor=ALICE.name)
    directory.enable(BOB.name)
    assert orphans() == ["agent:none"]


def test_who_is_disabled_becomes_nobody_s_sponsor_or_owner(directory: Directory) -> None:
    """Neither when an agent is added nor when it is assigned."""
    directory.add(BOB.principal)
    directory.add(PLANNER.principal)
    directory.disable(BOB.name)
    refused(lambda: directory.add(WORKER.principal, sponsor=BOB.name), Reason.PRINCIPAL_UNKNOWN, "cannot be sponsor")
    refused(lambda: directory.assign(PLANNER.name, owner=BOB.name), Reason.PRINCIPAL_UNKNOWN, "cannot be owner")
    assert directory.get(WORKER.name) is None
    assert directory.history(PLANNER.name)[1:] == ()


def test_what_is_assigned_changes_that_alone_and_both_values_are_in_the_history(directory: Directory) -> None:
    """What is not given stays."""
    directory.add(PLANNER.principal, sponsor=ALICE.name, model="one", note="a")
    entry = directory.assign(PLANNER.name, model="two", note="b", why="new model")
    assert entry.facts == Facts(sponsor=ALICE.name, model="two", note="b")
    assert directory.history(PLANNER.name)[-1].detail == "model one → two; note a → b; why: new model"
    with pytest.raises(ValueError, match="say what to change"):
        directory.assign(PLANNER.name)


def test_nobody_is_changed_who_is_not_there(directory: Directory) -> None:
    """Each change names who is missing."""
    calls: list[Callable[[], object]] = [
        lambda: directory.disable(PLANNER.name),
        lambda: directory.enable(PLANNER.name),
        lambda: directory.assign(PLANNER.name, model="x"),
        lambda: directory.rotate(PLANNER.principal),
    ]
    for call in calls:
        refused(call, Reason.PRINCIPAL_UNKNOWN, f"there is no `{PLANNER.name}` in the directory")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sponsor", "agent:other", "a sponsor is a person"),
        ("sponsor", "alice", "a name is a scheme"),
        ("sponsor", "", "sponsor is empty"),
        ("owner", "not a name", "a name is a scheme"),
        ("owner", "bearer:", "a name is a scheme"),
        ("code", "sha256:abc", "code is a digest"),
        ("code", "md5:" + "0" * 32, "code is a digest"),
        ("code", "SHA256:" + "0" * 64, "code is a digest"),
        ("model", "x" * 201, "201 characters; 200 are the most"),
        ("model", "a\nb", "control, format or line character"),
        ("version", "\x1b[2J", "control, format or line character"),
        ("note", "\u202eevil", "control, format or line character"),
        ("note", "a\ud800", "control, format or line character"),
        ("note", "\0", "control, format or line character"),
        ("note", "x" * 1001, "1001 characters; 1000 are the most"),
        ("note", 5, "note is text, not int"),
        ("why", "a\nb", "control, format or line character"),
    ],
)
def test_what_is_out_of_its_bounds_is_refused(directory: Directory, field: str, value: object, words: str) -> None:
    """And nothing is added."""
    more: dict[str, object] = {field: value}
    refused(lambda: directory.add(PLANNER.principal, **more), Reason.MALFORMED, words)  # type: ignore[arg-type]
    assert list(directory) == []


@pytest.mark.parametrize(
    "name", ["planner", "agent:", "agent:a b", "Agent:x", "agent:é", "bearer:x", "agent:" + "x" * 201]
)
def test_what_is_no_name_is_refused_everywhere(directory: Directory, name: str) -> None:
    """As an argument of every call."""
    calls: list[Callable[[], object]] = [
        lambda: directory.add(name),
        lambda: directory.get(name),
        lambda: directory.history(name),
        lambda: directory.disable(name),
        lambda: directory.enable(name),
        lambda: directory.assign(name, model="x"),
    ]
    for call in calls:
        refused(call, Reason.MALFORMED, "a name is a scheme")


def test_pages_give_everybody_once_and_in_the_order_of_names(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the size of a page: at its edge too, and with several keys each."""
    from delegate.directory import directory as room

    names = [f"agent:{each}" for each in ("z", "a", "B", "a-b", "a.b", "10", "9")]
    for name in names:
        directory.add(key_of(name))
        directory.rotate(key_of(name, 2))
    for size in (1, 2, 6, 7, 8):
        monkeypatch.setattr(room, "PAGE", size)
        assert [each.name for each in directory] == sorted(names, key=str.encode)
        found = list(directory.with_history())
        assert [len(entry.keys) for entry, _ in found] == [2] * 7
        assert [[each.what for each in events] for _, events in found] == [["added", "rotated"]] * 7
        assert [events for _, events in found] == [directory.history(entry.name) for entry, _ in found]


def test_many_keys_are_found_at_once(directory: Directory) -> None:
    """Asked twice, unknown among them, more than one statement takes."""
    keys = []
    for number in range(70):
        principal = key_of(f"agent:{number}")
        directory.add(principal)
        keys.append(principal.public_key.thumbprint)
    found = directory.find([*keys, bytes(32), *keys], now=NOW)
    assert {key: each.name for key, each in found.items()} == {key: f"agent:{n}" for n, key in enumerate(keys)}
    assert directory.find([], now=NOW) == {}


@pytest.mark.parametrize("what", ["name", "key"])
def test_of_two_who_add_the_same_at_once_one_wins(place: Place, what: str) -> None:
    """Two connections, one name or one key: the other is refused as if it had come later."""
    place.open()
    one, other = PLANNER.principal, NEWER.principal
    if what == "key":
        other = type(one)("agent:other", PLANNER.public_key)
    barrier, outcomes = Barrier(2), []

    def add(directory: Directory, principal: object) -> None:
        barrier.wait()
        try:
            directory.add(principal)  # type: ignore[arg-type]
            outcomes.append("added")
        except DirectoryError as error:
            outcomes.append(str(error.reason))

    threads = [Thread(target=add, args=(place.open(), each)) for each in (one, other)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(outcomes) == ["added", "identity_shared"]
    assert len(list(place.open())) == 1


def test_events_of_one_principal_made_at_once_are_all_kept(place: Place) -> None:
    """No place is taken twice, and none is lost."""
    place.open().add(PLANNER.principal)

    def work(directory: Directory, word: str) -> None:
        for number in range(10):
            directory.assign(PLANNER.name, model=f"{word}{number}")

    threads = [Thread(target=work, args=(place.open(), word)) for word in "abc"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(place.open().history(PLANNER.name)) == 31


def test_a_clock_that_gives_no_time_changes_nothing(directory: Directory, place: Place) -> None:
    """Before 1970 and after 9999."""
    for place.now in (-1, 253_402_300_800):
        with pytest.raises(ValueError, match="which is no time"):
            directory.add(PLANNER.principal)
    place.now = NOW
    assert list(directory) == []


DAMAGES = {
    "a key that is none": "UPDATE keys SET public_key = x'00'",
    "another key under this thumbprint": "UPDATE keys SET thumbprint = zeroblob(32)",
    "a name that is none": "UPDATE principals SET name = x'20'; UPDATE keys SET name = x'20'",
    "text that is none": "UPDATE principals SET note = x'ff'",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_this_program_would_not_have_written_is_no_answer(tmp_path: Path, damage: str) -> None:
    """A store that was changed beside it refuses; it never shows a principal that could be another."""
    place = Place(name="sqlite", url=f"sqlite:///{tmp_path}/directory.db")
    directory = place.open()
    directory.add(PLANNER.principal)
    with sqlite3.connect(place.url.removeprefix("sqlite:///")) as connection:
        connection.executescript(DAMAGES[damage])
    connection.close()
    with pytest.raises(StateError) as caught:
        list(directory)
    assert caught.value.reason is Reason.STATE_UNAVAILABLE
    place.close()
