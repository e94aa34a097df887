"""Screens that are left once, however often the person answers."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Result = TypeVar("Result")


class DismissOnce(Screen[Result]):
    """A second answer, typed before the first one was painted, is ignored.

    Textual would take the next screen away with it, or fail where there is none. This is the last
    of a class's bases: Textual takes style sheets from the first one alone.
    """

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Leave, if this is the screen on top."""
        if self.app.screen is not self:
            return AwaitComplete()
        return super().dismiss(result)
