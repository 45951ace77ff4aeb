"""Records that cannot be changed: held to what a frozen dataclass does."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from delegate import Identity, Limits, Principal, RevokedKey
from delegate.core.decide.settings import Settings
from delegate.frozen import Frozen

ALICE = Identity.from_seed("user:alice@example.com", bytes(32))
OTHER = Identity.from_seed("user:other@example.com", b"o" * 32)
NOW = 1_790_000_000


class Pair(Frozen):
    """Two fields, one of which is not shown."""

    __slots__ = ("left", "right")
    UNSHOWN: ClassVar = frozenset({"right"})

    left: int
    right: str


class Twin(Frozen):
    """The same fields in another class."""

    __slots__ = ("left", "right")

    left: int
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What `Pair` is to behave like."""

    left: int
    right: str = field(repr=False)


def pickled(record: Frozen) -> Any:  # noqa: ANN401 - pickle says no more
    """A record that went through pickle."""
    return pickle.loads(pickle.dumps(record))  # noqa: S301 - what was just written


LIST = ALICE.revoke(keys=[RevokedKey(OTHER.public_key.thumbprint, why="lost")], now=NOW)
RECORDS: list[Frozen] = [Pair(left=1, right="x"), Limits(blocks=4), ALICE.principal, LIST]


@pytest.mark.parametrize("do", [repr, str, hash, lambda record: record.left])
def test_it_shows_and_hashes_as_a_dataclass_does(do: Callable[[Any], object]) -> None:
    """The class apart, which is in the text."""
    shown, model = do(Pair(left=1, right="x")), do(Model(left=1, right="x"))
    assert shown == (model.replace("Model", "Pair") if isinstance(model, str) else model)


def test_equal_are_records_of_one_class_with_equal_fields() -> None:
    """Not those of another class with the same fields, nor tuples."""
    pair = Pair(left=1, right="x")
    assert pair == Pair(right="x", left=1)
    assert pair != Pair(left=1, right="y")
    assert pair != Twin(left=1, right="x")
    assert pair != (1, "x")
    assert len({pair, Pair(left=1, right="x"), Twin(left=1, right="x")}) == 2


@pytest.mark.parametrize("fields", [{}, {"left": 1}, {"left": 1, "right": "x", "more": 2}, {"left": 1, "wrong": 2}])
def test_every_field_is_given_and_no_other(fields: dict[str, Any]) -> None:
    """As of keyword-only arguments."""
    with pytest.raises(TypeError, match="a Pair has the fields left, right, each given by its name"):
        Pair(**fields)
    with pytest.raises(TypeError):
        Model(**fields)


def test_fields_are_given_by_name() -> None:
    """Never by their order, but for a class that says so."""
    for record in (RECORDS[0], Limits(), LIST):
        make: Callable[..., object] = type(record)
        with pytest.raises(TypeError):
            make(*record._values())
    assert Principal(ALICE.name, ALICE.public_key) == Principal(public_key=ALICE.public_key, name=ALICE.name)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_cannot_be_changed(record: Frozen) -> None:
    """No field can be set or deleted, and no other one be added."""
    before = record._values()
    for name in (*record.__slots__, "more"):
        with pytest.raises(AttributeError, match=f"a {type(record).__name__} cannot be changed"):
            setattr(record, name, None)
        with pytest.raises(AttributeError, match=f"a {type(record).__name__} cannot be changed"):
            delattr(record, name)
    assert record._values() == before
    assert not hasattr(record, "__dict__")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_is_equal(record: Frozen, make: Callable[[Frozen], Frozen]) -> None:
    """Copied or pickled, field by field."""
    made = make(record)
    assert made is not record
    assert (made, hash(made), repr(made)) == (record, hash(record), repr(record))


def test_another_is_made_with_a_field_changed() -> None:
    """As `copy.replace` does, with the checks of the class."""
    assert Limits(blocks=4).__replace__(evaluation_steps=9) == Limits(blocks=4, evaluation_steps=9)
    assert ALICE.principal.__replace__(name="user:a@example.com").public_key == ALICE.public_key
    with pytest.raises(ValueError, match="blocks"):
        Limits().__replace__(blocks=99)
    with pytest.raises(TypeError):
        Pair(left=1, right="x").__replace__(more=1)


def test_what_a_record_shows() -> None:
    """The texts that programs have seen so far."""
    assert repr(Limits()) == "Limits(blocks=16, evaluation_steps=20000)"
    assert repr(ALICE.principal) == f"Principal(name='{ALICE.name}', public_key={ALICE.public_key!r})"
    assert repr(LIST) == (
        f"RevocationList(issuer='{ALICE.name}', public_key={ALICE.public_key!r}, sequence=1, issued={NOW}, "
        f"expires={LIST.expires})"
    )
    match ALICE.principal:
        case Principal(name, key):
            assert (name, key) == (ALICE.name, ALICE.public_key)


def test_the_fields_of_a_record_are_those_that_it_annotates() -> None:
    """What type checkers read is what there is at run time."""
    records = [each for each in Frozen.__subclasses__() if each.__module__.startswith("delegate.")]
    assert Settings in records
    for each in records:
        assert sorted(each.__slots__) == sorted(name for name in each.__annotations__ if name != "UNSHOWN"), each
