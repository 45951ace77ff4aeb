"""The memo of look-ups, and what says whether it may be relied on."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence

import pytest

from delegate.core.chain.revocations import Record
from delegate.state import answers
from delegate.state import news as watch
from delegate.state.answers import Memo
from delegate.state.news import Watch

A, B = b"a" * 32, b"b" * 32
SIGNER = b"s" * 32


def record(subject: bytes) -> Record:
    """A revoked key."""
    return Record(subject, SIGNER, True, 0, 1_000)


class Store:
    """What a memo asks; counts how often."""

    def __init__(self, *subjects: bytes) -> None:
        """With these revoked."""
        self.revoked = set(subjects)
        self.asked: list[list[bytes]] = []

    def ask(self, subjects: Sequence[bytes], signers: Sequence[bytes] | None) -> Sequence[Record]:
        """Answer, and remember what was asked."""
        self.asked.append(list(subjects))
        wanted = signers is None or SIGNER in signers
        return [record(each) for each in subjects if each in self.revoked and wanted]


def test_what_was_asked_under_a_version_is_not_asked_again() -> None:
    """Neither what was found nor what was not."""
    memo, store = Memo(), Store(A)
    for _ in range(2):
        assert memo.look_up(1, [A, B], None, store.ask) == [record(A)]
        assert memo.look_up(1, [b"c" * 32, B], None, store.ask) == []
    assert store.asked == [[A, B], [b"c" * 32, B]]


def test_what_was_asked_of_some_signers_is_no_answer_for_others() -> None:
    """Nor for whoever asks for all of them."""
    memo, store = Memo(), Store(A)
    for _ in range(2):
        assert memo.look_up(1, [A], [b"t" * 32], store.ask) == []
        assert memo.look_up(1, [A], [SIGNER, b"t" * 32], store.ask) == [record(A)]
        assert memo.look_up(1, [A], None, store.ask) == [record(A)]
    assert len(store.asked) == 3


def test_another_version_drops_every_answer() -> None:
    """Even one that was there before: what it says may have changed between."""
    memo, store = Memo(), Store()
    for version in (1, 2, 1):
        memo.look_up(version, [A], None, store.ask)
    assert len(store.asked) == 3


def test_an_answer_under_way_is_kept_under_the_version_that_it_was_asked_with() -> None:
    """The version moves on while the store is asked: the late answer is not taken for a newer one."""
    memo, store = Memo(), Store()

    def slow(subjects: Sequence[bytes], signers: Sequence[bytes] | None) -> Sequence[Record]:
        memo.look_up(2, [B], None, store.ask)
        return store.ask(subjects, signers)

    memo.look_up(1, [A], None, slow)
    store.revoked.add(A)
    assert memo.look_up(2, [A], None, store.ask) == [record(A)]


def test_a_memo_is_bounded() -> None:
    """When it is full it begins again, and goes on answering."""
    memo, store = Memo(capacity=2), Store(A)
    for _ in range(2):
        for subject in (A, B, b"c" * 32):
            assert memo.look_up(1, [subject], None, store.ask) == ([record(A)] if subject == A else [])
            assert len(memo._kept[1]) <= 2


class Asked:
    """What is asked for an answer and its version; counts how often."""

    def __init__(self) -> None:
        """At version 1."""
        self.version = 1
        self.count = 0

    def ask(self) -> tuple[Hashable, int]:
        """Answer with how often it was asked."""
        self.count += 1
        return self.version, self.count


def test_an_answer_is_kept_only_under_the_version_that_came_with_it() -> None:
    """What is heard of another server, or of the same one earlier, keeps no answer of this one."""
    memo, asked = Memo(), Asked()
    assert [memo.ask(2, "", asked.ask) for _ in range(2)] == [1, 2]
    assert [memo.ask(1, "", asked.ask) for _ in range(2)] == [3, 3]
    assert [memo.ask(None, "", asked.ask) for _ in range(2)] == [4, 5]
    assert memo.ask(1, "", asked.ask) == 6  # the silence has ended what was known


def test_an_answer_is_given_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was heard, and yet something may have happened."""
    memo, asked, clock = Memo(), Asked(), Clock()
    monkeypatch.setattr(answers, "time", clock)
    assert memo.ask(1, "", asked.ask) == 1
    clock.now += 1.0
    assert memo.ask(1, "", asked.ask) == 1
    clock.now += 0.01
    assert memo.ask(1, "", asked.ask) == 2


def test_an_answer_under_way_when_all_is_forgotten_is_not_kept() -> None:
    """It was asked before whatever has ended the rest."""
    memo, asked = Memo(), Asked()

    def slow() -> tuple[Hashable, int]:
        memo.forget()
        return asked.ask()

    assert memo.ask(1, "", slow) == 1
    assert memo.ask(1, "", asked.ask) == 2


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1_000.0

    def monotonic(self) -> float:
        """Give the time."""
        return self.now


class Fake:
    """A listener that a test leads: each `wait` ends when the test says so."""

    def __init__(self) -> None:
        """Not yet waiting."""
        self.at: Hashable = 1
        self.waiting = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.fails = False
        self.opened = 0

    def wait(self, seconds: float) -> None:
        """Say that it waits; wait to be told to go on."""
        assert seconds > 0
        self.waiting.release()
        assert self.go_on.acquire(timeout=20)

    def version(self) -> Hashable:
        """Give what the test has set, or fail."""
        if self.fails:
            raise OSError("gone")
        return self.at

    def close(self) -> None:
        """Wake the thread."""
        self.go_on.release()

    def open(self) -> Fake:
        """Open it once more."""
        self.opened += 1
        if self.fails:
            self.waiting.release()
            raise OSError("gone")
        return self

    def heard(self) -> None:
        """Wait until it waits, which is after it has asked."""
        assert self.waiting.acquire(timeout=20)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the watch."""
    made = Clock()
    monkeypatch.setattr(watch, "time", made)
    monkeypatch.setattr(watch, "_AGAIN_S", 0.001)
    return made


def test_a_version_is_relied_on_for_a_second_and_no_longer(clock: Clock) -> None:
    """Silence is no error and no news: it says that the server must be asked."""
    fake = Fake()
    seen = Watch(fake.open)
    assert seen.version() is None  # begins to listen
    fake.heard()
    assert seen.version() == 1
    clock.now += 1.0
    assert seen.version() == 1
    clock.now += 0.01
    assert seen.version() is None
    fake.at = 2
    fake.go_on.release()
    fake.heard()
    assert seen.version() == 2
    seen.close()


def test_what_was_heard_before_an_addition_of_ones_own_does_not_count(clock: Clock) -> None:
    """Whoever adds something finds it in the next look-up."""
    fake = Fake()
    seen = Watch(fake.open)
    seen.version()
    fake.heard()
    assert seen.version() == 1
    seen.changed()
    assert seen.version() is None
    clock.now += 0.1
    fake.go_on.release()
    fake.heard()
    assert seen.version() == 1
    seen.close()


def test_a_feed_that_fails_is_opened_again(clock: Clock) -> None:
    """Until then nothing is relied on."""
    fake, ended = Fake(), []
    seen = Watch(fake.open, lambda: ended.append(fake.opened))
    seen.version()
    fake.heard()
    assert ended == []
    fake.fails = True
    fake.go_on.release()
    fake.heard()  # it could not be opened either
    assert seen.version() is None
    assert ended[0] == 1
    fake.fails = False
    while fake.opened < 3 or seen.version() is None:
        assert fake.waiting.acquire(timeout=20)
    assert seen.version() == 1
    seen.close()
    seen.close()
