"""The actions of a screen on which a proposal waits for the user's decision."""

from __future__ import annotations

from engine.core.records import Queued
from tui.screens.action_screen import ActionScreen


class QuestionActions(ActionScreen[None]):
    """Opens the card, the veto or the editor for the proposal in question."""

    def in_front(self) -> Queued | None:
        """Return the proposal that the keys act on."""
        return next(iter(self.view.session.in_question), None)

    @property
    def on_top(self) -> bool:
        """True while no other screen lies over this one."""
        return self.app.screen is self

    def action_review(self) -> None:
        """Open the approval card of the proposal."""
        from tui.screens.review import ReviewCard

        if self.on_top and (queued := self.in_front()) is not None:
            self.app.push_screen(ReviewCard(queued))

    def action_veto(self) -> None:
        """Open the approval card with the question for the reason of a veto."""
        from tui.screens.review import ReviewCard

        if self.on_top and (queued := self.in_front()) is not None:
            self.app.push_screen(ReviewCard(queued, veto=True))

    def action_edit_proposal(self) -> None:
        """Open the file that the proposal would produce in the editor."""
        from tui.screens.edit_proposal import open_editor

        if self.on_top and (queued := self.in_front()) is not None:
            open_editor(self, queued)
