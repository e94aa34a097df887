"""What screens do about proposals that wait and about experiments that ended."""

from __future__ import annotations

from engine.core.records import Experiment, Queued
from engine.protocol.commands import (
    ConfirmExperiment,
    KillRun,
    OverruleVerdict,
    ReviveExperiment,
    SetAutonomy,
)
from tui.actions.action import in_question
from tui.present.overrule import not_confirmable, not_revivable, overruling
from tui.screens.action_screen import ActionScreen


class QuestionActions(ActionScreen[None]):
    """Opens what a proposal in question is decided on with."""

    def in_front(self) -> Queued | None:
        """The proposal meant."""
        return next(iter(in_question(self.view)), None)

    @property
    def on_top(self) -> bool:
        """Whether nothing lies over this screen: a key that came twice opens nothing twice."""
        return self.app.screen is self

    def action_review(self) -> None:
        """Look at the proposal, and decide there."""
        from tui.screens.review import ReviewCard

        if self.on_top and (queued := self.in_front()) is not None:
            self.app.push_screen(ReviewCard(queued))

    def action_veto(self) -> None:
        """Ask why not, with the proposal behind the question."""
        from tui.screens.review import ReviewCard

        if self.on_top and (queued := self.in_front()) is not None:
            self.app.push_screen(ReviewCard(queued, veto=True))

    def action_edit_proposal(self) -> None:
        """Edit the file the proposal would make."""
        from tui.screens.edit_proposal import open_editor

        if self.on_top and (queued := self.in_front()) is not None:
            open_editor(self.shell, queued)


class PastActions(ActionScreen[None]):
    """Decides about experiments that ended."""

    def selected(self) -> Experiment | None:
        """The experiment meant."""
        raise NotImplementedError

    def action_overrule(self) -> None:
        """Give the other verdict, with a reason."""
        from tui.screens.ask_text import AskText

        experiment = self.selected()
        if experiment is None or self.app.screen is not self:
            return
        plan = overruling(self.view.session, experiment)
        if isinstance(plan, str):
            self.tell(plan, "warning")
            return

        def answered(reason: str | None) -> None:
            if reason:
                self.shell.send(
                    OverruleVerdict(
                        experiment=experiment.number, verdict=plan.verdict, reason=reason
                    )
                )

        self.app.push_screen(
            AskText(
                plan.question,
                f"{experiment.proposal.hypothesis}\n\nSay why; it is kept with the experiment.",
                warning=plan.consequence,
                yes=f"{plan.verdict.value} it",
            ),
            answered,
        )

    def action_confirm(self) -> None:
        """Run it once more."""
        if (experiment := self.selected()) is None:
            return
        if why := not_confirmable(experiment):
            self.tell(why, "warning")
            return
        self.shell.send(ConfirmExperiment(experiment=experiment.number))

    def action_revive(self) -> None:
        """Try its change again."""
        if (experiment := self.selected()) is None:
            return
        if why := not_revivable(experiment):
            self.tell(why, "warning")
            return
        self.shell.send(ReviveExperiment(experiment=experiment.number))


class ReviewActions(QuestionActions, PastActions):
    """The main screen's part in deciding."""

    def action_veto(self) -> None:
        """The proposal that is asked about; else the run; else a proposal set aside."""
        session = self.view.session
        if session.asked or session.running is None:
            super().action_veto()
        elif self.on_top and session.current is not None:
            self._veto_run(session.current)

    def _veto_run(self, current: Experiment) -> None:
        from tui.screens.ask_text import AskText

        run = current.run
        if run is not None and run.kill_requested:
            self.tell("This run is already being killed.", "warning")
            return

        def answered(reason: str | None) -> None:
            if reason:
                self.shell.send(KillRun(experiment=current.number, reason=reason))

        self.app.push_screen(
            AskText(
                f"Veto experiment {current.number}, which runs now?",
                f"{current.proposal.hypothesis}\n\n"
                "The agent is told your reason and leaves ideas like it.",
                warning="The run is killed and its result is lost; the loop goes on.",
                yes="kill it",
            ),
            answered,
        )

    def action_waiting(self) -> None:
        """All that waits for the person."""
        from tui.screens.queue import QueueScreen

        if self.on_top:
            self.app.push_screen(QueueScreen())

    def action_autonomy(self) -> None:
        """The next of the three; the engine says what it means."""
        self.shell.send(SetAutonomy(autonomy=self.view.session.autonomy.next))
