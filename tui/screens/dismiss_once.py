"""Provides a base class of screens that ignore further answers while they close."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Result = TypeVar("Result")


class DismissOnce(Screen[Result]):
    """A base class of screens that closes once, even if a second answer was typed before that.

    Textual would close the next screen as well, or fail if there is none. List this class last
    among the bases: Textual takes style sheets only from the first.
    """

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close the screen with a result if it is on top of the others; else do nothing."""
        if self.app.screen is not self:
            return AwaitComplete()
        return super().dismiss(result)
