"""Records that cannot be changed, for what every process loads.

They behave as `@dataclass(frozen=True, slots=True)` makes them, without `dataclasses`, which imports `inspect` and
compiles each class anew in every process: a tenth of what a verifier takes to start. `NamedTuple` is for records that
may be compared with any tuple.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self, dataclass_transform

put = object.__setattr__


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Frozen:
    """A record whose fields are its `__slots__`, each annotated: given by name, compared, hashed and printed in order.

    Equal are records of one class with equal fields. A copy, a pickle too, is made field by field, without `__init__`.
    A class with defaults or checks writes an `__init__` of its own, which sets each field with `put`.

    Attributes:
        UNSHOWN: names of fields that `repr` leaves out.
    """

    __slots__: ClassVar[tuple[str, ...]] = ()
    UNSHOWN: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **fields: Any) -> None:  # noqa: ANN401 - a type checker reads the annotations of the class
        """Take every field by its name.

        Raises:
            TypeError: a field is missing, or there is none of that name.
        """
        if fields.keys() != set(self.__slots__):
            message = f"a {type(self).__name__} has the fields {', '.join(self.__slots__)}, each given by its name"
            raise TypeError(message)
        for name in self.__slots__:
            put(self, name, fields[name])

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__slots__ if name not in self.UNSHOWN)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        self._refuse()

    def __delattr__(self, name: str) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        message = f"a {type(self).__name__} cannot be changed"
        raise AttributeError(message)

    def __replace__(self, **changes: Any) -> Self:  # noqa: ANN401 - as in `__init__`
        """Make another with some fields changed, checks included: `copy.replace` of Python 3.13."""
        return type(self)(**dict(zip(self.__slots__, self._values(), strict=True)) | changes)

    def __getstate__(self) -> tuple[object, ...]:
        return self._values()

    def __setstate__(self, state: tuple[object, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            put(self, name, value)
