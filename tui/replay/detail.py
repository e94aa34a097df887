"""Provides the screen of one experiment in a replay."""

from __future__ import annotations

from engine.core.enums import NOT_RECORDED
from engine.core.events import EPOCH
from engine.core.records import Experiment
from tui.present.experiment import history_lines
from tui.present.lines import TextLine
from tui.replay.shell import replay_shell_of
from tui.screens.detail import DetailScreen


class ReplayDetail(DetailScreen):
    """Shows one experiment as it was at the moment of the recording that the replay is at.

    Of an experiment from a results table only its row is known.
    """

    CSS_PATH = "../screens/detail.tcss"

    def no_diff_note(self, experiment: Experiment) -> str:
        """Return the sentence that is shown in place of a missing diff: why it is missing."""
        found = replay_shell_of(self.app).feed.diff(experiment.number)
        return found.note or super().no_diff_note(experiment)

    def prompt_lines_of(self, experiment: Experiment, text: str | None) -> tuple[TextLine, ...]:
        """Return the lines of the agent's prompt, or a note that a results table records none."""
        if replay_shell_of(self.app).feed.source.from_table:
            return ((f"The prompt is {NOT_RECORDED}.", "--dim"),)
        return super().prompt_lines_of(experiment, text)

    def on_mount(self) -> None:
        """Set the note for a missing log to "not recorded", then paint the experiment."""
        self.log_view.no_log_note = NOT_RECORDED
        super().on_mount()

    def history_of(self, experiment: Experiment) -> tuple[TextLine, ...]:
        """Return the lines of the history section; of a results table, only what a row records."""
        feed = replay_shell_of(self.app).feed
        if not feed.source.from_table:
            return history_lines(experiment)
        recording = feed.source.recording
        moment = next(m for m in recording.moments if m.number == experiment.number)
        when = recording.time_at(moment.step)
        at = f"time {NOT_RECORDED}"
        if when.at is not None and when.at != EPOCH:
            sign = "≈ " if when.estimated else ""
            between = ", between two known times" if when.estimated else ""
            at = f"{sign}{when.at:%Y-%m-%d %H:%M:%S} UTC{between}"
        base = f"tried on {experiment.base[:7]}" if experiment.base else f"base {NOT_RECORDED}"
        commit = experiment.commit or f"{NOT_RECORDED}"
        word = experiment.verdict or experiment.row_status
        return (
            (at, ""),
            (base, ""),
            (f"commit {commit}", ""),
            ("", ""),
            (f"{word}: {experiment.verdict_reason or 'its row decides nothing'}", ""),
            ("", ""),
            (f"Runs, risk and decisions are {NOT_RECORDED}.", "--dim"),
        )
