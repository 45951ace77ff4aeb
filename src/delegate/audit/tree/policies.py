"""Which logs are known, which witnesses, and how many of these must have seen a checkpoint (C2SP tlog-policy).

The rules of this file:

- Exactly one quorum. A name is defined before it is used, once, and stands in one group: a witness counts once.
- No key is there twice, and none is a log's and a witness's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, NoReturn

from delegate.audit.tree.checkpoints import Seen, open_checkpoint
from delegate.audit.tree.notes import Note, NoteKey, Use
from delegate.errors import Reason, TokenError, VerificationError

_BYTES: Final = 1 << 20
_LINES: Final = 10_000
_NONE: Final = "none"


class Group(NamedTuple):
    """Witnesses and groups, of which so many must have seen a checkpoint."""

    least: int
    members: tuple[str, ...]


class Policy(NamedTuple):
    """What is asked of a checkpoint.

    Attributes:
        logs: keys of logs, any of which may have signed it.
        witnesses: name in this policy → key.
        groups: name → group.
        quorum: the witness or group that must have seen it; `none` where nobody must.
    """

    logs: tuple[NoteKey, ...]
    witnesses: Mapping[str, NoteKey]
    groups: Mapping[str, Group]
    quorum: str

    @classmethod
    def parse(cls, given: str | bytes) -> Policy:
        """Read a policy file.

        Raises:
            TokenError: MALFORMED, with the line; LIMIT_EXCEEDED, UNSUPPORTED_ALGORITHM. VerificationError: WEAK_KEY.
        """
        text = given.decode("utf-8", "surrogateescape") if isinstance(given, bytes) else given
        if len(text) > _BYTES or text.count("\n") > _LINES:
            raise TokenError(Reason.LIMIT_EXCEEDED, "a policy file that is too long")
        if any(each < " " and each not in "\t\n" for each in text) or "\x7f" in text:
            raise TokenError(Reason.MALFORMED, "a policy file with a control character")
        reader = _Reader()
        for place, line in enumerate(text.split("\n"), 1):
            words = [word for word in line.replace("\t", " ").split(" ") if word]
            if words and not words[0].startswith("#"):
                try:
                    reader.read(words)
                except (TokenError, VerificationError) as error:
                    raise type(error)(error.reason, f"line {place} of the policy: {error.detail}") from None
        if reader.quorum is None:
            raise TokenError(Reason.MALFORMED, "a policy without a quorum; `quorum none` asks for no witness")
        return cls(tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum)

    def check(self, note: Note, logs: Iterable[NoteKey] = ()) -> Seen:
        """Check that a known log signed a checkpoint, and that enough witnesses saw it.

        Args:
            note: the checkpoint.
            logs: keys of logs that are known besides those of the policy.

        Raises:
            TokenError, VerificationError: as `open_checkpoint`; UNKNOWN_ROOT where too few witnesses saw it.
        """
        seen = open_checkpoint(note, (*self.logs, *logs), self.witnesses.values())
        keys = {each.key for each in seen.witnesses}
        if self.quorum != _NONE and not self._has_seen(keys):
            detail = f"not seen by the witnesses that the policy asks for: {len(keys)} known ones cosigned"
            raise VerificationError(Reason.UNKNOWN_ROOT, detail)
        return seen

    def _has_seen(self, keys: set[NoteKey]) -> bool:
        found = {name for name, key in self.witnesses.items() if key in keys}
        for name, group in self.groups.items():  # each names only what stands above it
            if sum(each in found for each in group.members) >= group.least:
                found.add(name)
        return self.quorum in found


class _Reader:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self.logs: list[NoteKey] = []
        self.witnesses: dict[str, NoteKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._taken: set[str] = set()
        self._raw: set[bytes] = set()

    def read(self, words: list[str]) -> None:
        match words:
            case ["log", key] | ["log", key, _]:
                self.logs.append(self._key(key, Use.LOG))
            case ["witness", name, key] | ["witness", name, key, _]:
                self._check_new(name)
                self.witnesses[name] = self._key(key, Use.WITNESS)
            case ["group", name, least, *members] if members:
                self._check_new(name)
                self.groups[name] = Group(self._least(least, len(members)), self._members(members))
            case ["quorum", name]:
                if self.quorum is not None:
                    _malformed("a second quorum")
                if name != _NONE and name not in self.witnesses and name not in self.groups:
                    _malformed(f"`{name}` is not defined above")
                self.quorum = name
            case _:
                _malformed("neither log, witness, group nor quorum as they are written")

    def _key(self, text: str, use: Use) -> NoteKey:
        key = NoteKey.parse(text)
        if key.use is not use:
            _malformed(f"the key of a {key.use.name.lower()}, where a {use.name.lower()}'s belongs")
        if key.raw in self._raw:
            _malformed("a key that is there already")
        self._raw.add(key.raw)
        return key

    def _check_new(self, name: str) -> None:
        if name == _NONE or name in self.witnesses or name in self.groups:
            _malformed(f"`{name}` is defined already")

    def _members(self, names: list[str]) -> tuple[str, ...]:
        for each in names:
            if each not in self.witnesses and each not in self.groups:
                _malformed(f"`{each}` is not defined above")
            if each in self._taken:
                _malformed(f"`{each}` is in a group already")
            self._taken.add(each)
        return tuple(names)

    def _least(self, text: str, count: int) -> int:
        if text in {"any", "all"}:
            return 1 if text == "any" else count
        if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= count):
            _malformed(f"of {count} members, 1 to {count} can be asked for")
        return int(text)


def _malformed(detail: str) -> NoReturn:
    raise TokenError(Reason.MALFORMED, detail)
