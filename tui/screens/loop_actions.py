"""Provides the main screen's actions on the loop: pause, stop, kill, veto and autonomy."""

from __future__ import annotations

from engine.core.records import Experiment
from engine.protocol.commands import (
    AnyCommand,
    CancelStop,
    KillRun,
    PauseLoop,
    ResumeLoop,
    SetAutonomy,
    SkipExperiment,
    StopSession,
)
from tui.screens.question_actions import QuestionActions

_REPEAT_SECONDS = 2.0
"""Seconds in which a command repeated in the same state is taken for a held key and not sent."""


class LoopActions(QuestionActions):
    """A base class of the main screen that sends the commands which steer the running loop."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: tuple[object, ...] = ()
        """The last command, with the state of the session when it was sent; () before the first."""
        self._asked_until = 0.0

    def _send_once(self, command: AnyCommand) -> None:
        """Send a command, unless it was sent within 2 seconds and has not taken effect yet."""
        session, now = self.view.session, self.shell.clock()
        asked = (type(command), session.pause is not None, session.stop)
        if asked == self._asked and now < self._asked_until:
            return
        self._asked, self._asked_until = asked, now + _REPEAT_SECONDS
        self.shell.send(command)

    def action_pause_or_resume(self) -> None:
        """Tell the engine to pause the loop at the next safe point, or to resume a paused one."""
        self._send_once(ResumeLoop() if self.view.session.pause is not None else PauseLoop())

    def action_stop_or_go_on(self) -> None:
        """End the session after this run once the user confirms, or cancel an earlier stop."""
        if self.view.session.stop is not None:
            self._send_once(CancelStop())
            return
        running = self.view.session.running is not None
        self.shell.ask(
            "End the session after this run?" if running else "End the session now?",
            "What was found stays. The session can be continued later.",
            "end it",
            "go on",
            StopSession(),
        )

    def action_kill_run(self) -> None:
        """Kill the current run once the user confirms, or skip an experiment that cannot run."""
        current = self.view.session.active
        if current is None:
            return
        if self.view.session.running is None:
            self.shell.ask(
                f"Skip experiment {current.number}?",
                "It could not be run. It counts as a crash, and the loop goes on with another.",
                "skip it",
                "try it again",
                SkipExperiment(experiment=current.number),
            )
            return
        repeats = current.verdict is not None
        self.shell.ask(
            f"Kill the run of experiment {current.number}?",
            "It repeats an experiment that keeps its verdict; the loop pauses, and runs it again "
            "when you resume."
            if repeats
            else "Its result is lost; the experiment counts as interrupted and the loop goes on.",
            "kill it",
            "let it run",
            KillRun(experiment=current.number),
        )

    def action_veto(self) -> None:
        """Veto the proposal the user is asked about, else the current run, else a parked proposal.

        Asks for a reason first; vetoing a run kills it.
        """
        session = self.view.session
        if session.asked or session.running is None:
            super().action_veto()
        elif self.on_top and (one := session.in_training) is not None:
            self._veto_run(one)

    def _veto_run(self, current: Experiment) -> None:
        from tui.screens.ask_text import AskText

        run = current.runs[-1]
        if current.verdict is not None:
            self.tell(
                f"This run repeats #{current.number}, which has its verdict: overrule it (K), or "
                "kill the run (x).",
                "warning",
            )
            return
        if run.kill_requested:
            self.tell("This run is already being killed.", "warning")
            return

        def answered(reason: str | None) -> None:
            if reason:
                self.shell.send(KillRun(experiment=current.number, reason=reason))

        self.app.push_screen(
            AskText(
                f"Veto experiment {current.number}, which runs now?",
                f"{current.proposal.hypothesis}\n\n"
                "The agent gets your reason and avoids similar ideas.",
                warning="The run is killed and its result is lost; the loop goes on.",
                yes="kill it",
            ),
            answered,
        )

    def action_waiting(self) -> None:
        """Open the screen of the proposals that wait for the user."""
        from tui.screens.queue import QueueScreen

        if self.on_top:
            self.app.push_screen(QueueScreen())

    def action_autonomy(self) -> None:
        """Switch to the next of the three levels of autonomy, without asking."""
        self.shell.send(SetAutonomy(autonomy=self.view.session.autonomy.next))
