"""The registry of event handlers: one pure function per kind of event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from engine.core import events as ev
from engine.core.session import Session

E_ = TypeVar("E_", bound=ev.Event)
HANDLERS: dict[type[ev.Event], Callable[[Session, Any], Session]] = {}
"""The handler of each kind of event; `engine.core.reducer` fills and uses it."""


def on(
    kind: type[E_],
) -> Callable[[Callable[[Session, E_], Session]], Callable[[Session, E_], Session]]:
    """Register the decorated function as the handler of one kind of event."""

    def register(handler: Callable[[Session, E_], Session]) -> Callable[[Session, E_], Session]:
        HANDLERS[kind] = handler
        return handler

    return register
