"""Base class of screens that show the state of one moment, and do not follow the session."""

from __future__ import annotations

from tui.screens.action_screen import ActionScreen
from tui.screens.footer import ActionFooter
from tui.view import View


class StaticScreen(ActionScreen[None]):
    """Paints only its footer again."""

    def show(self, view: View) -> None:
        """Paint the footer."""
        self.query_one(ActionFooter).show(view)

    def action_back(self) -> None:
        """Return to the main screen."""
        self.dismiss()
