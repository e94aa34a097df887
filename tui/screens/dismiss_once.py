"""Provides a base class of screens that ignore further answers while they close."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Result = TypeVar("Result")


class DismissOnce(Screen[Result]):
    """A base class of screens that close once, even if the user typed a second answer meanwhile.

    In Textual a second answer closes the screen below as well, or fails if there is none. List
    this class last among the bases: Textual takes style sheets only from the first.
    """

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close the screen with a result if it is on top of the others; else do nothing."""
        if self.app.screen is not self:
            return AwaitComplete()
        return super().dismiss(result)
