"""Principals out of JSON, JSON lines and CSV, each fault with its line (SPEC §10.5).

The rules of this file:

- What is not understood is a fault, never left out: an unknown field may have been the one that mattered.
- All is read before anything is done, and every fault is told, up to a bound: then reading ends, as it says.
- One principal is one object or one row; its line is where it begins.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from delegate.core.chain.printable import shown
from delegate.core.chain.request import parse_json
from delegate.core.keys.principal import Principal
from delegate.core.keys.public import PublicKey
from delegate.directory.entries import (
    EVENTS,
    FACTS,
    DirectoryError,
    Event,
    Facts,
    Fault,
    Key,
    check_principal_name,
    check_text,
    malformed,
)
from delegate.errors import DelegateError, Reason
from delegate.limits import TIME_MAX

FILE_BYTES: Final = 64 * 1024 * 1024
RECORDS: Final = 200_000
RECORD_CHARACTERS: Final = 256 * 1024  # one principal, with a long history
KEYS: Final = 1_000  # of one principal: a rotation a day, for years
FAULTS: Final = 100  # as many as a terminal is to show: more than anybody reads
MOST_FAULTS: Final = 1_000  # as many as are kept: a file of another kind has one in every line
DETAIL_CHARACTERS: Final = 4_000
FORMS: Final = ("json", "jsonl", "csv")
FIELDS: Final = ("name", "kind", "key", *FACTS, "added", "disabled", "keys", "history")
COLUMNS: Final = tuple(each for each in FIELDS if each not in {"keys", "history"})
_KEY_FIELDS: Final = frozenset({"key", "thumbprint", "since", "until"})
_EVENT_FIELDS: Final = frozenset({"at", "what", "detail"})
_AROUND: Final = frozenset({"version", "command", "exit"})  # what the command line's JSON has beside its principals
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One principal that is to be added.

    Attributes:
        line: where it stands, from 1.
        name: its name.
        facts: what is said of it.
        keys: its keys, oldest first.
        added: when it was added, Unix seconds; `None`: now.
        disabled: since when it may not act, Unix seconds; 0: since now; `None`: it may.
        history: what changed of it before.
    """

    line: int
    name: str
    facts: Facts
    keys: tuple[Key, ...] = ()
    added: int | None = None
    disabled: int | None = None
    history: tuple[Event, ...] = ()


def read(
    content: bytes, form: str | None = None, *, columns: Mapping[str, str] | None = None, skip: Sequence[str] = ()
) -> list[Record]:
    """Read the principals of a file.

    Args:
        content: at most 64 MiB of UTF-8.
        form: `json`: an array of objects, or an object whose `principals` are one; `jsonl`: one object a line; `csv`:
            a row with the names of the columns, then one row each. `None`: by what it looks like.
        columns: for CSV: our field → what the column is called there.
        skip: for CSV: columns to leave out.

    Raises:
        DirectoryError: with every fault, by line.
        ValueError: no such form, or a field that there is not.
    """
    if form is not None and form not in FORMS:
        message = f"a form is one of {', '.join(FORMS)}"
        raise ValueError(message)
    if len(content) > FILE_BYTES:
        raise faulty([Fault(line=1, detail=f"{len(content)} bytes; {FILE_BYTES} are the most")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise faulty([Fault(line=line, detail="this is not UTF-8 text")]) from None
    form = form or form_of(text)
    if form != "csv" and (columns or skip):
        message = "columns are for CSV alone"
        raise ValueError(message)
    found: list[Record] = []
    faults: list[Fault] = []
    objects = {"json": _of_json, "jsonl": _of_lines}
    rows = objects[form](text) if form in objects else _of_csv(text, dict(columns or {}), frozenset(skip))
    for line, given in rows:
        if isinstance(given, str):
            faults.append(Fault(line=line, detail=given))
        else:
            try:
                found.append(_record(line, given))
            except DelegateError as error:
                faults.append(Fault(line=line, detail=error.detail))
        if len(faults) >= MOST_FAULTS:
            faults.append(Fault(line=line, detail=f"nothing was read from here on, after {MOST_FAULTS} faults"))
            break
        if len(found) > RECORDS:
            faults.append(Fault(line=line, detail=f"more than {RECORDS} principals"))
            break
    if faults:
        raise faulty(faults)
    return found


def form_of(text: str) -> str:
    """Say what a text looks like: `json`, `jsonl` or `csv`."""
    at = text[_after_blank(text, 0) :]
    if at.startswith("["):
        return "json"
    if not at.startswith("{"):
        return "csv"
    first = at.partition("\n")[0].strip()
    try:
        return "json" if "principals" in json.loads(first) else "jsonl"
    except (ValueError, RecursionError):
        return "json"


def faulty(faults: Sequence[Fault], beyond: int = 0) -> DirectoryError:
    """Make the refusal of an import: the first fault in words, and all that were kept; `beyond` were not."""
    others = len(faults) - 1 + beyond
    more = f", and {others} more" if others else ""
    return DirectoryError(Reason.MALFORMED, f"{faults[0]}{more}; nothing was added", faults=tuple(faults))


# What stands at a line: an object, or what is wrong with it.
_Given: TypeAlias = dict[str, object] | str


def _of_lines(text: str) -> Iterator[tuple[int, _Given]]:
    number, at = 1, 0
    while at <= len(text):  # not all of them at once: there may be millions
        end = text.find("\n", at)
        line = text[at:] if end < 0 else text[at:end]
        if line.strip():
            yield number, _object(line)
        number, at = number + 1, len(text) + 1 if end < 0 else end + 1


def _object(text: str) -> _Given:
    if len(text) > RECORD_CHARACTERS:
        return f"{len(text)} characters for one principal; {RECORD_CHARACTERS} are the most"
    try:
        value = parse_json(text)
    except DelegateError as error:
        return error.detail
    return value if isinstance(value, dict) else "not a JSON object"


def _of_json(text: str) -> Iterator[tuple[int, _Given]]:
    """Read an array piece by piece, so that each object's line is known."""
    try:
        yield from _of_array(text, *_array_in(text))
    except _AtError as error:
        yield text.count("\n", 0, error.at) + 1, error.words


class _AtError(Exception):
    """Something is wrong at a place of the text."""

    def __init__(self, at: int, words: str) -> None:
        super().__init__(words)
        self.at = at
        self.words = words


def _array_in(text: str) -> tuple[int, bool]:
    """Find where the array of principals begins, and whether it stands in an object."""
    at = _after_blank(text, 0)
    if text[at : at + 1] == "[":
        return at, False
    if text[at : at + 1] != "{":
        raise _AtError(at, "not a JSON array of principals")
    at = _after_blank(text, at + 1)
    while text[at : at + 1] == '"':
        name, at = _piece(text, at)
        at = _after_blank(text, at)
        if text[at : at + 1] != ":":
            raise _AtError(at, "not JSON: a colon is missing")
        at = _after_blank(text, at + 1)
        if name == "principals":
            if text[at : at + 1] != "[":
                raise _AtError(at, "principals is an array")
            return at, True
        if name not in _AROUND:
            raise _AtError(at, f"unknown field `{shown(str(name))}` beside principals")
        _, at = _piece(text, at)
        at = _after_blank(text, at)
        if text[at : at + 1] == ",":
            at = _after_blank(text, at + 1)
    raise _AtError(at, "there are no principals in this object")


def _of_array(text: str, at: int, in_object: bool) -> Iterator[tuple[int, _Given]]:  # noqa: FBT001 - as `_array_in` gives it
    line, counted = 1, 0
    at = _after_blank(text, at + 1)
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        _, end = _piece(text, at)
        yield line, _object(text[at:end])
        at = _after_blank(text, end)
        if text[at : at + 1] == ",":
            at = _after_blank(text, at + 1)
            if text[at : at + 1] == "]":
                raise _AtError(at, "not JSON: a comma before the end of the array")
        elif text[at : at + 1] != "]":
            raise _AtError(at, "not JSON: the array does not end")
    at = _after_blank(text, at + 1)
    if in_object and text[at : at + 1] == "}":
        at, in_object = _after_blank(text, at + 1), False
    if in_object or at != len(text):
        raise _AtError(at, "something follows the principals")


def _piece(text: str, at: int) -> tuple[object, int]:
    """Read one JSON value, and say where it ends."""
    try:
        value, end = json.JSONDecoder().raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _AtError(error.pos, f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}") from None
    except (ValueError, RecursionError) as error:
        raise _AtError(at, f"not JSON: {shown(str(error))}") from None
    return value, end


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


def _of_csv(text: str, columns: Mapping[str, str], skip: frozenset[str]) -> Iterator[tuple[int, _Given]]:
    unknown = sorted(columns.keys() - set(COLUMNS))
    if unknown:
        message = f"there is no field `{shown(unknown[0])}`; the fields are {', '.join(COLUMNS)}"
        raise ValueError(message)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    fields: list[str | None] = []
    begun = line = 1
    try:
        for row in reader:
            begun, line = line, reader.line_num + 1
            if not any(each.strip() for each in row):
                continue
            if not fields:
                fields = _header([each.strip() for each in row], columns, skip)
                continue
            if len(row) != len(fields):
                yield begun, f"{len(row)} columns, and the first row names {len(fields)}"
                continue
            cells = {field: cell.strip() for field, cell in zip(fields, row, strict=True) if field is not None}
            yield begun, {field: _cell(field, cell) for field, cell in cells.items() if cell}
    except csv.Error as error:
        yield line, f"not CSV: {shown(str(error))}"
    except DirectoryError as error:
        yield begun, error.detail


def _header(names: Sequence[str], columns: Mapping[str, str], skip: frozenset[str]) -> list[str | None]:
    """Say which field each column is; `None` for one that is left out."""
    ours = {theirs: field for field, theirs in columns.items()}
    if len(ours) != len(columns):
        raise malformed("two fields are to be read from one column")
    found: list[str | None] = []
    for name in names:
        field = ours.get(name) or (name if name in COLUMNS and name not in columns else None)
        if field is None and name not in skip:
            raise malformed(
                f"unknown column `{shown(name)}`: say which field it is, or leave it out; "
                f"the fields are {', '.join(COLUMNS)}"
            )
        if field is not None and field in found:
            raise malformed(f"the column `{shown(name)}` stands there twice")
        found.append(None if name in skip else field)
    missing = sorted(set(ours) - set(names)) + sorted(skip - set(names))
    if missing:
        raise malformed(f"there is no column `{shown(missing[0])}`")
    return found


def _cell(field: str, text: str) -> object:
    """Give a cell the value that JSON would have."""
    if field in {"added", "disabled"} and _NUMBER.fullmatch(text):
        return int(text)
    if field == "disabled" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text


def _record(line: int, given: Mapping[str, object]) -> Record:
    """Check one principal; raises DelegateError."""
    said = {field: value for field, value in given.items() if value is not None}
    unknown = sorted(given.keys() - set(FIELDS))
    if unknown:
        raise malformed(f"unknown field `{shown(unknown[0])}`; the fields are {', '.join(FIELDS)}")
    name, keys = _name_and_keys(said)
    kind = said.get("kind", name.partition(":")[0])
    if kind != name.partition(":")[0]:
        raise malformed(f"the kind of {name} is what its name begins with, not `{shown(str(kind))}`")
    facts = Facts.of({field: said[field] for field in FACTS if field in said})
    return Record(
        line=line,
        name=name,
        facts=facts,
        keys=keys,
        added=_time("added", said["added"]) if "added" in said else None,
        disabled=_disabled(said.get("disabled")),
        history=_history(said.get("history", [])),
    )


def _name_and_keys(said: Mapping[str, object]) -> tuple[str, tuple[Key, ...]]:
    single, several = said.get("key"), said.get("keys", [])
    if not isinstance(several, list) or len(several) > KEYS:
        raise malformed(f"keys is an array of at most {KEYS}")
    keys = tuple(_key(each) for each in several)
    named: str | None = None
    if single is not None:
        if not isinstance(single, str):
            raise malformed("key is text: ed25519:…")
        text, blank, _ = single.partition(" ")
        if blank:
            named = Principal.parse(single).name
        key = PublicKey.parse(text)
        if keys and keys[-1].public_key != key:
            raise malformed("key is not the last one of keys")
        keys = keys or (Key(public_key=key, since=-1),)
    if "name" not in said and named is None:
        raise malformed("the name is missing")
    name = check_principal_name(said.get("name", named))
    if named not in {None, name}:
        raise malformed(f"the key is {named}'s, by what stands beside it, and not {name}'s")
    _check_order(keys)
    return name, keys


def _check_order(keys: Sequence[Key]) -> None:
    if len({each.public_key.thumbprint for each in keys}) != len(keys):
        raise malformed("one key twice")
    for before, after in pairwise(keys):
        if before.since > after.since:
            raise malformed("the keys are not in the order of their times")
        if before.until is None:
            raise malformed("a key that was replaced has an until")
    for each in keys:
        if each.until is not None and each.until < each.since:
            raise malformed("a key ends before it begins")


def _key(given: object) -> Key:
    if not isinstance(given, dict) or not isinstance(given.get("key"), str) or given.keys() - _KEY_FIELDS:
        raise malformed("each of keys is an object with key, since and until")
    key = PublicKey.parse(given["key"])
    if given.get("thumbprint", key.thumbprint.hex()) != key.thumbprint.hex():
        raise malformed("the thumbprint is not the key's")
    until = given.get("until")
    return Key(
        public_key=key, since=_time("since", given.get("since")), until=None if until is None else _time("until", until)
    )


def _history(given: object) -> tuple[Event, ...]:
    if not isinstance(given, list):
        raise malformed("history is an array")
    found = []
    for each in given:
        if not isinstance(each, dict) or each.keys() != _EVENT_FIELDS or str(each["what"]) not in EVENTS:
            raise malformed(f"each of history has at, detail and what, which is one of {', '.join(sorted(EVENTS))}")
        detail = each["detail"]
        if not isinstance(detail, str):
            raise malformed("the detail of an event is text")
        check_text("the detail of an event", detail, DETAIL_CHARACTERS)
        found.append(Event(at=_time("at", each["at"]), what=each["what"], detail=detail))
    return tuple(found)


def _disabled(given: object) -> int | None:
    if given is None or given is False:
        return None
    return 0 if given is True else _time("disabled", given)


def _time(field: str, given: object) -> int:
    if type(given) is not int or not 0 <= given <= TIME_MAX:
        raise malformed(f"{field} is Unix seconds, a whole number")
    return given
