"""Provides the actions on a proposal that waits for the user: review, veto and edit."""

from __future__ import annotations

from engine.core.records import Queued
from tui.screens.action_screen import ActionScreen


class QuestionActions(ActionScreen[None]):
    """A base class of screens that open the approval card or the editor of a waiting proposal."""

    def in_front(self) -> Queued | None:
        """Return the proposal that the keys act on: the first one that waits; None if none does."""
        return next(iter(self.view.session.in_question), None)

    @property
    def on_top(self) -> bool:
        """True while no other screen covers this one."""
        return self.app.screen is self

    def action_review(self) -> None:
        """Open the approval card of the waiting proposal, if there is one."""
        from tui.screens.review import ReviewCard

        if self.on_top and (queued := self.in_front()) is not None:
            self.app.push_screen(ReviewCard(queued))

    def action_veto(self) -> None:
        """Open the waiting proposal's approval card, asking for the reason of a veto at once."""
        from tui.screens.review import ReviewCard

        if self.on_top and (queued := self.in_front()) is not None:
            self.app.push_screen(ReviewCard(queued, veto=True))

    def action_edit_proposal(self) -> None:
        """Open the file that the waiting proposal would produce in the editor."""
        from tui.screens.edit_proposal import open_editor

        if self.on_top and (queued := self.in_front()) is not None:
            open_editor(self, queued)
