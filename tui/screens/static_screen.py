"""Provides the base class of screens painted once, which do not follow the running session."""

from __future__ import annotations

from tui.screens.action_screen import ActionScreen
from tui.screens.footer import ActionFooter
from tui.view import View


class StaticScreen(ActionScreen[None]):
    """A base class of screens that paint their content once, and then repaint only the footer."""

    def show(self, view: View) -> None:
        """Paint the footer for the newest view; the content stays as it is."""
        self.query_one(ActionFooter).show(view)

    def action_back(self) -> None:
        """Close this screen and return to the one below it."""
        self.dismiss()
