"""Registers the event handlers: one pure function per kind of event that updates the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from engine.core import events as ev
from engine.core.session import Session

E_ = TypeVar("E_", bound=ev.Event)
HANDLERS: dict[type[ev.Event], Callable[[Session, Any], Session]] = {}
"""The handler of each event class; `engine.core.reducer` imports the modules that fill it."""


def on(
    kind: type[E_],
) -> Callable[[Callable[[Session, E_], Session]], Callable[[Session, E_], Session]]:
    """Return a decorator that registers a function as the handler of one event class.

    The handler gets the session and the event, and returns the changed session.
    """

    def register(handler: Callable[[Session, E_], Session]) -> Callable[[Session, E_], Session]:
        HANDLERS[kind] = handler
        return handler

    return register
