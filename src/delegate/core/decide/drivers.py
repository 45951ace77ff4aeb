"""The two drivers of a decision: they perform each effect that it yields, and differ only in `await` (SPEC §5).

A store that raises anything is a store that did not answer: that is thrown into the decision, which refuses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, TypeVar

from delegate.core.decide.effects import Effect, failure, perform
from delegate.core.decide.settings import Settings
from delegate.errors import DelegateError

T = TypeVar("T")


def drive(effects: Generator[Effect, Any, T], settings: Settings) -> T:
    """Run a decision to its end over stores that answer at once."""
    try:
        effect = next(effects)
        while True:
            try:
                result = perform(effect, settings)
            except DelegateError as error:
                effect = effects.throw(error)
            else:
                effect = effects.send(result)
    except StopIteration as done:
        answer: T = done.value
        return answer


async def drive_awaiting(effects: Generator[Effect, Any, T], settings: Settings) -> T:
    """Run a decision to its end; whatever a store gives to be awaited is awaited."""
    try:
        effect = next(effects)
        while True:
            try:
                result = await perform_awaiting(effect, settings)
            except DelegateError as error:
                effect = effects.throw(error)
            else:
                effect = effects.send(result)
    except StopIteration as done:
        answer: T = done.value
        return answer


async def perform_awaiting(effect: Effect, settings: Settings) -> Any:  # noqa: ANN401 - each effect has its own answer
    """Call the store, await it where it is to be awaited, and take the answer; raises as `perform`."""
    try:
        given = effect.call(settings)
        return effect.answer(await given if isinstance(given, Awaitable) else given)
    except DelegateError:
        raise
    except Exception as error:
        raise failure(effect, error) from error
