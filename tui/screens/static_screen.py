"""A screen over the main one that stays as it was when it was opened."""

from __future__ import annotations

from tui.screens.action_screen import ActionScreen
from tui.screens.footer import ActionFooter
from tui.view import View


class StaticScreen(ActionScreen[None]):
    """Only which keys can be used may change."""

    def show(self, view: View) -> None:
        """Bring the footer up to date."""
        self.query_one(ActionFooter).show(view)

    def action_back(self) -> None:
        """Back to the whole screen."""
        self.dismiss()
