"""Provides the actions on an experiment that has ended: overrule, confirm and revive."""

from __future__ import annotations

from engine.core.records import Experiment
from engine.protocol.commands import ConfirmExperiment, OverruleVerdict, ReviveExperiment
from tui.present.overrule import overruling, why_not_confirm, why_not_revive
from tui.screens.action_screen import ActionScreen


class PastActions(ActionScreen[None]):
    """A base class of screens on which the user overrules, confirms or revives an experiment."""

    def selected(self) -> Experiment | None:
        """Return the experiment that the keys act on, or None; a subclass implements it."""
        raise NotImplementedError

    def action_overrule(self) -> None:
        """Ask for a reason, and give the selected experiment the opposite verdict.

        Shows a warning instead if its verdict cannot be overruled.
        """
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
        """Ask the engine to run the selected experiment once more, unchanged, to confirm its value.

        Shows a warning instead if that is not possible.
        """
        if (experiment := self.selected()) is None:
            return
        if why := why_not_confirm(experiment):
            self.tell(why, "warning")
            return
        self.shell.send(ConfirmExperiment(experiment=experiment.number))

    def action_revive(self) -> None:
        """Ask the engine to try the selected experiment's change again on top of the incumbent.

        Shows a warning instead if that is not possible.
        """
        if (experiment := self.selected()) is None:
            return
        if why := why_not_revive(experiment):
            self.tell(why, "warning")
            return
        self.shell.send(ReviveExperiment(experiment=experiment.number))
