"""A screen that takes one answer: further keys are ignored while it closes."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Result = TypeVar("Result")


class DismissOnce(Screen[Result]):
    """Ignores a second answer that the user typed before the first one was painted.

    Textual would close the next screen as well, or fail if there is none. List this class last
    among the bases: Textual takes style sheets only from the first.
    """

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close the screen if it is the top one."""
        if self.app.screen is not self:
            return AwaitComplete()
        return super().dismiss(result)
