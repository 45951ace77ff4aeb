"""What a directory keeps of a principal: whose it is, who runs it, and its keys with their times (SPEC §10.5).

The rules of this file:

- What comes in is checked here, once: a directory holds nothing that a terminal or a log would act on.
- A sponsor is a person: somebody who can be asked.
- What comes out of a store is read as strictly as what comes from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from delegate.core.chain.printable import is_plain, shown
from delegate.core.keys.names import NAME_RULE, is_name
from delegate.core.keys.public import PublicKey
from delegate.errors import DelegateError, Reason
from delegate.regular import regular

TEXT_CHARACTERS: Final = 200
NOTE_CHARACTERS: Final = 1_000
PERSON: Final = "user:"
_CODE: Final = regular(r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})")
_BARE: Final = regular(r"[0-9a-f]{64}")


class DirectoryError(DelegateError):
    """A directory that does not take what it was given: nothing of it was done.

    Attributes:
        faults: of an import, each fault with the line that it stands in, in order.
    """

    http_status = 409

    def __init__(self, reason: Reason, detail: str = "", *, faults: tuple[Fault, ...] = ()) -> None:
        """Keep the evidence."""
        super().__init__(reason, detail)
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with an import.

    Attributes:
        line: where it stands, from 1.
        detail: what is wrong, one line.
    """

    line: int
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is said of a principal beside its name and keys; an empty text is nothing said.

    Attributes:
        sponsor: name of the person who answers for its purpose: `user:…`.
        owner: name of who runs it.
        code: digest of what it runs: `sha256:` and 64 hex digits, or `sha384:`, `sha512:`.
        model, version: as whoever runs it calls them, at most 200 characters.
        note: for people, at most 1,000 characters.
    """

    sponsor: str = ""
    owner: str = ""
    code: str = ""
    model: str = ""
    version: str = ""
    note: str = ""

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Self:
        """Check what was given; `None` is nothing said.

        Raises:
            DirectoryError: MALFORMED: the first that is out of its bounds.
        """
        return cls(**{name: checked(name, value) for name, value in given.items() if value is not None})

    def values(self) -> tuple[str, ...]:
        """Give them in order."""
        return tuple(getattr(self, name) for name in FACTS)

    def said(self) -> dict[str, str]:
        """Give those that are said."""
        return {name: value for name, value in zip(FACTS, self.values(), strict=True) if value}


FACTS: Final = tuple(each.name for each in fields(Facts))


def checked(field: str, value: object) -> str:
    """Check one fact; a bare SHA-256 becomes a digest that says so.

    Raises:
        DirectoryError: MALFORMED.
    """
    if not isinstance(value, str):
        raise malformed(f"{field} is text, not {type(value).__name__}")
    if not value:
        raise malformed(f"{field} is empty; leave it out")
    if field in {"sponsor", "owner"}:
        check_principal_name(value, field)
        if field == "sponsor" and not value.startswith(PERSON):
            raise malformed(f"a sponsor is a person, who can be asked: `user:…`, not `{shown(value)}`")
    elif field == "code":
        value = f"sha256:{value}" if _BARE.fullmatch(value) else value
        if not _CODE.fullmatch(value):
            raise malformed(f"code is a digest such as sha256:… with 64 hex digits, not `{shown(value)}`")
    else:
        check_text(field, value, NOTE_CHARACTERS if field == "note" else TEXT_CHARACTERS)
    return value


def check_text(field: str, value: str, most: int = TEXT_CHARACTERS) -> None:
    """Refuse text that is too long, or that a terminal would act on; raises DirectoryError."""
    if len(value) > most:
        raise malformed(f"{field} has {len(value)} characters; {most} are the most")
    if not is_plain(value):
        raise malformed(f"{field} has a control, format or line character: `{shown(value)}`")


def check_principal_name(name: object, field: str = "name") -> str:
    """Refuse what is no name of a principal; raises DirectoryError."""
    if not isinstance(name, str) or not is_name(name):
        said = f" `{shown(name)}`" if isinstance(name, str) else ""
        raise malformed(f"{field}{said}: {NAME_RULE}")
    return name


def malformed(detail: str) -> DirectoryError:
    """Make the refusal of what is not of its form."""
    return DirectoryError(Reason.MALFORMED, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of a principal.

    Attributes:
        public_key: the key.
        since: when the directory took it, Unix seconds.
        until: when it stops to stand for the principal; `None`: not yet. It stays the principal's for ever.
    """

    public_key: PublicKey
    since: int
    until: int | None = None

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "key": self.public_key.to_text(),
            "thumbprint": self.public_key.thumbprint.hex(),
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of a principal's entry.

    Attributes:
        at: when, Unix seconds, by the clock of whoever made it.
        what: `added`, `keyed`, `rotated`, `assigned`, `disabled`, `enabled` or `imported`.
        detail: what was changed, and why; one line.
    """

    at: int
    what: str
    detail: str

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {"at": self.at, "what": self.what, "detail": self.detail}


EVENTS: Final = frozenset({"added", "keyed", "rotated", "assigned", "disabled", "enabled", "imported"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A principal as the directory has it.

    Attributes:
        name: its name.
        facts: what is said of it.
        keys: every key that ever was its own, oldest first; none of a person who signs nothing.
        added: when it was added, Unix seconds.
        disabled: since when it may not act; `None` where it may.
        sponsor_is: `missing`, `unregistered`, `active` or `disabled`.
    """

    name: str
    facts: Facts
    keys: tuple[Key, ...]
    added: int
    disabled: int | None
    sponsor_is: str

    @property
    def kind(self) -> str:
        """The scheme of its name: `user`, `agent`, `svc`, …."""
        return self.name.partition(":")[0]

    @property
    def key(self) -> Key | None:
        """The key that stands for it from now on; `None` where it has none."""
        return self.keys[-1] if self.keys else None

    @property
    def is_orphaned(self) -> bool:
        """Whether nobody answers for it any more: no sponsor, or a disabled one. People answer for themselves."""
        if self.kind == "user" or self.disabled is not None:
            return False
        return self.sponsor_is in {"missing", "disabled"}

    def is_unrotated(self, before: int) -> bool:
        """Whether it acts with a key that the directory took at or before that time, Unix seconds."""
        return self.disabled is None and self.key is not None and self.key.since <= before

    def to_json(self, history: tuple[Event, ...] | None = None) -> dict[str, object]:
        """Give it as JSON values, in the shape that an import takes; `history` where it was asked for."""
        said: dict[str, object] = {
            "name": self.name,
            "kind": self.kind,
            **{name: value or None for name, value in zip(FACTS, self.facts.values(), strict=True)},
            "added": self.added,
            "disabled": self.disabled,
            "keys": [each.to_json() for each in self.keys],
        }
        return said if history is None else {**said, "history": [each.to_json() for each in history]}
