"""Principals out of files: three forms, each fault with its line, and hostile bytes (SPEC §10.5)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate import Reason
from delegate.directory import DirectoryError, Facts, Record, read
from delegate.directory import reading as room
from tests.directory.conftest import ALICE, NEWER, NOW, PLANNER, WORKER

COLUMNS = ", ".join(room.COLUMNS)
LINE = PLANNER.principal.to_text()
KEY = PLANNER.public_key.to_text()
ONE = {"name": PLANNER.name, "key": KEY, "sponsor": ALICE.name, "model": "one"}


def faults_of(content: bytes | str, **more: object) -> list[str]:
    """What is wrong with a file, by line."""
    with pytest.raises(DirectoryError) as caught:
        read(content.encode() if isinstance(content, str) else content, **more)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.MALFORMED
    assert caught.value.detail.endswith("; nothing was added")
    return [str(each) for each in caught.value.faults]


def told(records: list[Record]) -> list[tuple[int, str, Facts, list[str]]]:
    """What was read, without times."""
    return [(each.line, each.name, each.facts, [str(key.public_key) for key in each.keys]) for each in records]


FORMS = {
    "json": json.dumps([ONE, {"name": ALICE.name}], indent=1),
    "json in an object": json.dumps({"version": 1, "principals": [ONE, {"name": ALICE.name}]}, indent=1),
    "jsonl": f"{json.dumps(ONE)}\n\n{json.dumps({'name': ALICE.name, 'note': None})}\n",
    "csv": f"name,key,sponsor,model\r\n{PLANNER.name},{KEY},{ALICE.name},one\r\n\r\n{ALICE.name},,,\r\n",
    "csv with names in the keys": f"key,sponsor,model,name\n{LINE},{ALICE.name},one,\n,,,{ALICE.name}\n",
}
LINES = {
    "json": (2, 8),
    "json in an object": (4, 10),
    "jsonl": (1, 3),
    "csv": (2, 4),
    "csv with names in the keys": (2, 3),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a mark"])
def test_each_form_is_known_by_its_look_and_comes_to_the_same(form: str, mark: bytes) -> None:
    """With the lines where each principal begins; a byte order mark is none of it."""
    content = mark + FORMS[form].encode()
    expected = [
        (LINES[form][0], PLANNER.name, Facts(sponsor=ALICE.name, model="one"), [KEY]),
        (LINES[form][1], ALICE.name, Facts(), []),
    ]
    assert told(read(content)) == expected
    assert told(read(content, form.split(maxsplit=1)[0])) == expected


def test_columns_have_the_names_of_the_file(tmp_path: object) -> None:
    """`columns` says what ours are called there, and `skip` what to leave out; nothing is left out by silence."""
    text = 'Agent;"who, in the end"\n'.replace(";", ",") + f"{PLANNER.name},{ALICE.name}\n"
    columns = {"name": "Agent", "sponsor": "who, in the end"}
    (record,) = read(text.encode(), columns=columns)
    assert (record.name, record.facts.sponsor) == (PLANNER.name, ALICE.name)
    text = f"Agent,cost centre,sponsor\n{PLANNER.name},17,{ALICE.name}\n"
    assert "unknown column `cost centre`" in faults_of(text, columns={"name": "Agent"})[0]
    (record,) = read(text.encode(), columns={"name": "Agent"}, skip=["cost centre"])
    assert record.facts.sponsor == ALICE.name
    assert faults_of(text, columns={"name": "agent"}, skip=["cost centre"]) == [
        f"line 1: unknown column `Agent`: say which field it is, or leave it out; the fields are {COLUMNS}"
    ]
    assert faults_of("name\nagent:a\n", columns={"sponsor": "boss"}) == ["line 1: there is no column `boss`"]
    assert faults_of("name,name\nagent:a,agent:b\n") == ["line 1: the column `name` stands there twice"]
    assert faults_of("n\nx\n", columns={"name": "n", "note": "n"}) == [
        "line 1: two fields are to be read from one column"
    ]
    with pytest.raises(ValueError, match="there is no field `boss`"):
        read(b"name\n", columns={"boss": "name"})
    with pytest.raises(ValueError, match="columns are for CSV alone"):
        read(b"[]", columns={"name": "name"})
    with pytest.raises(ValueError, match="a form is one of json, jsonl, csv"):
        read(b"", "xml")


def test_all_faults_are_told_by_line() -> None:
    """Not only the first; what is right is no excuse for what is wrong."""
    lines = [
        json.dumps(ONE),
        "{",
        json.dumps({"name": "agent:a", "colour": "red"}),
        json.dumps({"key": "ed25519:AAAA", "name": "agent:b"}),
        json.dumps({"name": "agent:c", "sponsor": "agent:d"}),
        "[1]",
        '{"name": "agent:e", "name": "agent:f"}',
    ]
    found = faults_of("\n".join(lines), form="jsonl")
    assert [each.partition(":")[0] for each in found] == [f"line {n}" for n in range(2, 8)]
    assert "unknown field `colour`" in found[1]
    assert "a sponsor is a person" in found[3]
    assert found[4] == "line 6: not a JSON object"
    assert "a repeated key" in found[5]


KEYS = [
    {"key": KEY, "since": NOW, "until": NOW + 5},
    {
        "key": NEWER.public_key.to_text(),
        "since": NOW + 5,
        "until": None,
        "thumbprint": NEWER.public_key.thumbprint.hex(),
    },
]
WRONG: dict[str, dict[str, object]] = {
    "the name is missing": {"key": KEY},
    "a name is a scheme": {"name": "planner"},
    "and not agent:other's": {"name": "agent:other", "key": LINE},
    "key is text": {"name": "agent:a", "key": 5},
    "the kind of agent:a is what its name begins with": {"name": "agent:a", "kind": "user"},
    "key is not the last one of keys": {"name": "agent:a", "key": KEY, "keys": KEYS},
    "keys is an array": {"name": "agent:a", "keys": {}},
    "each of keys is an object": {"name": "agent:a", "keys": [KEY]},
    "each of keys is an object ": {"name": "agent:a", "keys": [{**KEYS[0], "colour": "red"}]},
    "since is Unix seconds": {"name": "agent:a", "keys": [{"key": KEY}]},
    "until is Unix seconds": {"name": "agent:a", "keys": [{"key": KEY, "since": 1, "until": 1.5}]},
    "the thumbprint is not the key's": {"name": "agent:a", "keys": [{"key": KEY, "since": 1, "thumbprint": "00"}]},
    "one key twice": {"name": "agent:a", "keys": [KEYS[0], KEYS[0]]},
    "a key that was replaced has an until": {"name": "agent:a", "keys": [{**KEYS[0], "until": None}, KEYS[1]]},
    "the keys are not in the order of their times": {
        "name": "agent:a",
        "keys": [{**KEYS[0], "since": NOW + 6}, KEYS[1]],
    },
    "a key ends before it begins": {"name": "agent:a", "keys": [{**KEYS[0], "until": NOW - 1}]},
    "added is Unix seconds": {"name": "agent:a", "added": "yesterday"},
    "added is Unix seconds ": {"name": "agent:a", "added": -1},
    "added is Unix seconds  ": {"name": "agent:a", "added": True},
    "disabled is Unix seconds": {"name": "agent:a", "disabled": "yes"},
    "disabled is Unix seconds ": {"name": "agent:a", "disabled": 253_402_300_800},
    "history is an array": {"name": "agent:a", "history": "long"},
    "each of history has at, detail and what": {
        "name": "agent:a",
        "history": [{"at": 1, "what": "born", "detail": ""}],
    },
    "each of history has at, detail and what, which": {
        "name": "agent:a",
        "history": [{"at": 1, "what": [], "detail": ""}],
    },
    "at is Unix seconds": {"name": "agent:a", "history": [{"at": "1", "what": "added", "detail": ""}]},
    "the detail of an event is text": {"name": "agent:a", "history": [{"at": 1, "what": "added", "detail": 1}]},
    "the detail of an event has a control": {
        "name": "agent:a",
        "history": [{"at": 1, "what": "added", "detail": "\n"}],
    },
    "model is text": {"name": "agent:a", "model": ["one"]},
    "note has a control": {"name": "agent:a", "note": "\u2028"},
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_with_one_principal_is_named(words: str) -> None:
    """In JSON and in JSON lines alike."""
    for text in (json.dumps([WRONG[words]]), json.dumps(WRONG[words])):
        (found,) = faults_of(text)
        assert found.startswith("line 1: ")
        assert words.strip() in found


def test_a_principal_with_its_past_is_read_whole() -> None:
    """Keys with their times, when it was added and disabled, and its history."""
    history = [{"at": NOW, "what": "added", "detail": "key …"}]
    (record,) = read(
        json.dumps([{"name": "agent:a", "keys": KEYS, "added": 5, "disabled": 6, "history": history}]).encode()
    )
    assert [(each.since, each.until) for each in record.keys] == [(NOW, NOW + 5), (NOW + 5, None)]
    assert (record.added, record.disabled, len(record.history)) == (5, 6, 1)
    for written, meant in (("true", 0), ("false", None), ("", None), ("7", 7)):
        (record,) = read(f"name,disabled\nagent:a,{written}\n".encode())
        assert record.disabled == meant
    (record,) = read(b'[{"name": "agent:a", "disabled": true}]')
    assert record.disabled == 0


NOT_JSON = {
    "[": "line 1: not JSON",
    "[\n{}\n": "line 2: the name is missing",
    "[{},]": "line 1: the name is missing",
    '[{"name": "agent:a"}\n,\n]': "line 3: not JSON: a comma before the end of the array",
    '[{"name": "agent:a"}\n{}]': "line 2: not JSON: the array does not end",
    '[{"name": "agent:a"}]\n x': "line 2: something follows the principals",
    '{"principals": [], "principals": []}': "line 1: something follows the principals",
    '{"principals": []': "line 1: something follows the principals",
    '{"principals": {}}': "line 1: principals is an array",
    '{"version": 1,\n"tenant": "x", "principals": []}': "line 2: unknown field `tenant` beside principals",
    '{"version": 1}': "line 1: the name is missing",  # there, it is a fact
    '{"version" 1}': "line 1: not JSON: a colon is missing",
    '[{"name": "agent:a", "note": NaN}]': "line 1: not JSON",
    "[1]": "line 1: not a JSON object",
    "[" * 100_000: "line 1: not JSON",
    "[" + '{"note":' * 50_000: "line 1: not JSON",
}


@pytest.mark.parametrize("text", NOT_JSON, ids=lambda text: text[:24])
def test_what_is_no_json_is_named_with_its_line(text: str) -> None:
    """Cut off, doubled, followed by something, nested too deep."""
    assert faults_of(text)[0].startswith(NOT_JSON[text])


def test_what_is_no_csv_or_no_text_is_named_with_its_line() -> None:
    """Rows of another length, quotes that do not end, bytes that are no text."""
    assert faults_of("name,note\nagent:a\n") == ["line 2: 1 columns, and the first row names 2"]
    assert faults_of('name\nagent:a\n"agent:b\n')[-1].startswith("line 3: not CSV")
    assert faults_of('name,note\nagent:a,"x"y\n')[0].startswith("line 2: not CSV")
    assert faults_of(b"name\nagent:a\n\xff\n") == ["line 3: this is not UTF-8 text"]
    assert faults_of('name,note\nagent:a,"two\nlines"\nagent:b\n')[1].startswith("line 4: 1 columns")
    assert faults_of("name,disabled\nagent:a,maybe\n") == ["line 2: disabled is Unix seconds, a whole number"]
    assert read(b"") == []
    assert read(b"[]") == []
    assert read(b"name\n") == []


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file, of the principals in it, and of one of them."""
    monkeypatch.setattr(room, "FILE_BYTES", 100)
    assert faults_of(b" " * 101) == ["line 1: 101 bytes; 100 are the most"]
    monkeypatch.setattr(room, "FILE_BYTES", 10_000)
    monkeypatch.setattr(room, "RECORDS", 2)
    rows = "".join(f"agent:{n}\n" for n in range(4))
    assert faults_of(f"name\n{rows}") == ["line 4: more than 2 principals"]
    monkeypatch.setattr(room, "RECORD_CHARACTERS", 50)
    assert (
        "characters for one principal; 50 are the most"
        in faults_of(json.dumps([{"name": "agent:a", "note": "x" * 40}]))[0]
    )
    monkeypatch.setattr(room, "KEYS", 1)
    monkeypatch.setattr(room, "RECORD_CHARACTERS", 5000)
    assert faults_of(json.dumps([{"name": "agent:a", "keys": KEYS}])) == ["line 1: keys is an array of at most 1"]


def lines_of_faults(content: bytes, form: str | None) -> list[int]:
    """Read, whatever it comes to; the lines of the faults."""
    try:
        read(content, form)
    except DirectoryError as error:
        return [each.line for each in error.faults] or [0]
    return []


PIECES = st.sampled_from(
    [
        *(
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "\n",
            '"',
            "name",
            '"name"',
            '"principals"',
            "agent:a",
            LINE,
            KEY,
            '"key"',
            "1",
        ),
        *("null", " ", '"history"', '"keys"', "\r", "\0", "\u2028", "\ufeff", "key", "sponsor", "user:a", "\\u0000"),
        "1e999",
    ]
)


@given(st.binary(max_size=200) | st.lists(PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode()))
def test_any_bytes_are_principals_or_faults(content: bytes) -> None:
    """Never another error; each fault has a line of the file."""
    most = content.count(b"\n") + content.count(b"\r") + 1
    for form in (None, *room.FORMS):
        assert all(0 < line <= most for line in lines_of_faults(content, form))


def test_worker_s_key_is_its_own() -> None:
    """A line as a public key file has it names its principal."""
    (record,) = read(f"key\n{WORKER.principal.to_text()}\n".encode())
    assert record.name == WORKER.name
