"""An import is all or nothing, tells every fault by its line, and gives back what was exported (SPEC §10.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from delegate import Reason
from delegate.directory import Directory, DirectoryError, Record, read
from delegate.directory.reading import MOST_FAULTS
from tests.directory.conftest import ALICE, BOB, NEWER, NOW, PLANNER, WORKER, Place, key_of


def rows(*given: Mapping[str, object]) -> list[Record]:
    """Records, one a line."""
    return read("\n".join(map(json.dumps, given)).encode(), "jsonl")


def row(identity_name: str, number: int = 0, **more: object) -> dict[str, object]:
    """One principal with its key."""
    return {"name": identity_name, "key": key_of(identity_name, number).public_key.to_text(), **more}


def faults_of(directory: Directory, records: list[Record]) -> list[str]:
    """What is wrong with an import; nothing of it was done."""
    before = [(entry, events) for entry, events in directory.with_history()]
    with pytest.raises(DirectoryError) as caught:
        directory.take(records)
    assert list(directory.with_history()) == before
    assert caught.value.reason is Reason.MALFORMED
    return [str(each) for each in caught.value.faults]


def test_all_of_them_are_added_with_one_event_each(directory: Directory) -> None:
    """With what the file says of when, and now where it says nothing."""
    records = rows(row(ALICE.name), row(PLANNER.name, sponsor=ALICE.name), row(WORKER.name, added=5, disabled=True))
    told: list[tuple[int, int]] = []
    assert directory.take(records, progress=lambda done, of: told.append((done, of))) == 3
    assert told == [(3, 3)]
    assert [(each.name, each.added, each.disabled, each.sponsor_is) for each in directory] == [
        (PLANNER.name, NOW, None, "active"),
        (WORKER.name, 5, NOW, "missing"),
        (ALICE.name, NOW, None, "missing"),
    ]
    assert [(each.what, each.detail) for each in directory.history(PLANNER.name)] == [("imported", "from line 2")]
    assert directory.find([PLANNER.public_key.thumbprint], now=NOW)[PLANNER.public_key.thumbprint].fault == ""


def test_a_fault_anywhere_adds_nothing(directory: Directory) -> None:
    """Twice in the file, somebody's key, a name that is there: each with its line, and not only the first."""
    directory.add(PLANNER.principal)
    directory.add(BOB.principal)
    directory.add(key_of("svc:x"))
    stolen = {"name": "agent:thief", "key": key_of("svc:x").public_key.to_text()}
    records = rows(
        row("agent:fine"),
        row("agent:twice"),
        row("agent:twice", 1),
        {"name": "agent:same-key", "key": key_of("agent:fine").public_key.to_text()},
        stolen,
        row(PLANNER.name, 2),
        row(BOB.name, note="another"),
    )
    assert faults_of(directory, records) == [
        "line 3: agent:twice stands in line 2 already",
        "line 4: the key of agent:same-key is agent:fine's, in line 1",
        "line 5: this key is svc:x's, and one key is never two principals'",
        f"line 6: {PLANNER.name} is in the directory already, with another key",
        f"line 7: {BOB.name} is in the directory already, with another note",
    ]


def test_an_old_key_of_somebody_s_is_nobody_else_s(directory: Directory) -> None:
    """Also among the old keys of the file."""
    directory.add(PLANNER.principal)
    directory.rotate(NEWER.principal)
    thief = {"name": "agent:thief", "key": PLANNER.public_key.to_text()}
    past = {"key": PLANNER.public_key.to_text(), "since": 1, "until": 2}
    own = {"key": key_of("agent:thief").public_key.to_text(), "since": 2}
    for each in (thief, {"name": "agent:thief", "keys": [past, own]}):
        assert faults_of(directory, rows(each))[0].startswith(f"line 1: this key is {PLANNER.name}'s")


def test_what_is_there_just_so_is_left_as_it_is(directory: Directory) -> None:
    """The same file again adds nothing, changes nothing and is no fault; with more in it, only that is added."""
    file = rows(row(ALICE.name), row(PLANNER.name, sponsor=ALICE.name), {"name": BOB.name})
    assert directory.take(file) == 3
    before = list(directory.with_history())
    assert directory.take(file) == 0
    assert list(directory.with_history()) == before
    assert directory.take([*file, *rows(*[{"name": "user:x"}] * 3, row(WORKER.name))[-1:]]) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": None}, "another key"),
        ({"sponsor": None}, "another sponsor"),
        ({"model": "two"}, "another model"),
        ({"disabled": True}, "another standing"),
    ],
)
def test_an_import_changes_nobody(directory: Directory, change: dict[str, object], words: str) -> None:
    """Whoever is there otherwise is a fault."""
    one = row(PLANNER.name, sponsor=ALICE.name)
    directory.take(rows(one))
    assert words in faults_of(directory, rows({**one, **change}))[0]
    directory.disable(PLANNER.name)
    assert "another standing" in faults_of(directory, rows(one))[0]


def test_the_whole_record_is_compared(place: Place) -> None:
    """Times of keys, of its standing and of its adding, keys that it had, and what changed of it: none is skipped."""
    directory = place.open()
    directory.add(PLANNER.principal)
    place.now += 10
    directory.rotate(NEWER.principal, overlap="1d")
    directory.disable(PLANNER.name, why="left")
    ((entry, events),) = directory.with_history()
    said: dict[str, Any] = json.loads(json.dumps(entry.to_json(events)))
    assert directory.take(rows(said)) == 0
    old, new = said["keys"]
    event = said["history"][0]
    other = {"key": key_of("agent:other").public_key.to_text(), "since": NOW, "until": NOW + 10}
    for change, words in (
        ({"keys": [{**old, "until": old["until"] + 1}, new]}, "time of a key"),
        ({"keys": [{**old, "since": old["since"] - 1}, new]}, "time of a key"),
        ({"keys": [old, {**new, "until": new["since"] + 5}]}, "time of a key"),
        ({"keys": [new]}, "another key"),
        ({"keys": [other, old, new]}, "another key"),
        ({"added": NOW + 1}, "another time when it was added"),
        ({"disabled": NOW}, "another time since when it is disabled"),
        ({"history": [{**event, "detail": "x"}]}, "another history"),
        ({"history": [*said["history"], event]}, "another history"),
    ):
        assert words in faults_of(directory, rows({**said, **change}))[0], change
    assert directory.take(rows({**said, "history": said["history"][:1], "disabled": True})) == 0


def test_whom_the_directory_knows_as_disabled_answers_for_nobody_new(directory: Directory) -> None:
    """An import is no way round what `add` refuses."""
    directory.add(ALICE.name)
    directory.add(BOB.name)
    directory.disable(ALICE.name)
    for field in ("sponsor", "owner"):
        faults = faults_of(directory, rows(row(WORKER.name), {**row(PLANNER.name), field: ALICE.name}))
        assert faults == [f"line 2: {ALICE.name} is disabled and cannot be {field}"]
    assert directory.take(rows(row(PLANNER.name, sponsor=BOB.name))) == 1


def test_faults_are_bounded(directory: Directory) -> None:
    """A file of another kind has one in every line: as many are kept as anybody could read, and the rest is counted."""
    with pytest.raises(DirectoryError) as caught:
        read(b"1\n" * 5_000, "jsonl")
    assert len(caught.value.faults) == MOST_FAULTS + 1
    assert str(caught.value.faults[-1]) == f"line {MOST_FAULTS}: nothing was read from here on, after 1000 faults"
    (one,) = rows({"name": ALICE.name})
    many = [replace(one, line=each) for each in range(1, 1502)]
    with pytest.raises(DirectoryError, match=r"and 1499 more; nothing was added") as caught:
        directory.take(many)
    assert len(caught.value.faults) == MOST_FAULTS


def test_an_export_comes_back_whole(place: Place) -> None:
    """Keys with their times, who is disabled, facts and history; and once more it changes nothing."""
    one, other = place.open("one"), place.open("other")
    one.add(ALICE.principal, note="head — of \u201ctravel\u201d")
    one.add(PLANNER.principal, sponsor=ALICE.name, code="ab" * 32, model="m", version="1", why="first")
    place.now += 10
    one.rotate(NEWER.principal, overlap="1d")
    one.disable(ALICE.name, why="left")
    one.add(BOB.name)
    said = json.dumps([entry.to_json(events) for entry, events in one.with_history()])
    records = read(said.encode())
    place.now += 10
    assert other.take(records) == 3
    assert list(other) == list(one)
    for entry in one:
        assert other.history(entry.name)[:-1] == one.history(entry.name)
        assert other.history(entry.name)[-1].what == "imported"
    assert other.take(records) == 0
    thumbprints = [PLANNER.public_key.thumbprint, NEWER.public_key.thumbprint, ALICE.public_key.thumbprint]
    assert other.find(thumbprints, now=place.now) == one.find(thumbprints, now=place.now)


def test_thousands_at_once(place: Place) -> None:
    """3,000 in one transaction, in steps that are told; and all of them again, unchanged."""
    directory = place.open(deadline=1.0)
    records = rows(*({"name": f"user:{n}", "sponsor": "user:0"} for n in range(3000)))
    told: list[tuple[int, int]] = []
    assert directory.take(records, progress=lambda done, of: told.append((done, of))) == 3000
    assert (len(told), told[-1]) == (6, (3000, 3000))
    assert sum(1 for _ in directory) == 3000


def test_what_interrupts_an_import_leaves_nothing(directory: Directory) -> None:
    """Whatever is raised in its midst."""

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        directory.take(rows(row(PLANNER.name)), progress=stop)
    assert list(directory) == []
    directory.add(PLANNER.principal)
