"""Facts of a session as plain lines: for a pipe, a log file, and a terminal without a screen."""

from __future__ import annotations

import shutil
from typing import TextIO

from engine.core import events as ev
from engine.core.enums import Direction, Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from engine.protocol.messages import Progress
from tui.present.decisions import decision_line
from tui.present.numbers import cost_story
from tui.present.text import clean

_MARKS = {Verdict.KEEP: "✓", Verdict.DISCARD: "·", Verdict.CRASH: "✗"}
_BAR_CELLS = 24


def one_line(text: str, width: int | None = None) -> str:
    """Untrusted text on one line, without control characters, cut to a width."""
    flat = " ".join(clean(text).split())
    return flat if width is None or len(flat) <= width else flat[: max(1, width - 1)] + "…"


def show_change(session: Session, gain: float | None) -> str:
    """A gain as the metric moved: for a metric to be lowered, an improvement is negative."""
    if gain is None:
        return ""
    change = -gain if session.direction is Direction.MIN else gain
    change += 0.0  # no "-0.000000"
    return f"{change:+.6f}".replace("-", "−")


def experiment_line(session: Session, e: Experiment, width: int = 120) -> str:
    """A finished experiment: number, verdict, metric, change, seconds, hypothesis."""
    measured = e.measurement
    crashed = e.verdict is Verdict.CRASH or measured is None
    value = "—" if crashed or measured is None else f"{measured.metric:.6f}"
    seconds = e.run.seconds if e.run is not None else 0.0
    standing = e.effective_verdict
    mark = _MARKS[standing] if standing is not None else "…"
    word = standing.value if standing is not None else e.row_status or "open"
    head = (
        f"#{e.number:<4} {mark} {word:<8} {value:>10} {show_change(session, e.gain):>10} "
        f"{seconds:>6.1f} s  "
    )
    text = e.proposal.hypothesis if e.overruled is None else f"(by you) {e.proposal.hypothesis}"
    if crashed and e.verdict is not None:
        text += f" ({e.verdict_reason})"
    return head + one_line(text, max(20, width - len(head)))


def summary_lines(session: Session) -> list[str]:
    """What came of it, in a few lines."""
    c, best = session.counts, session.best
    many = "" if c.total == 1 else "s"
    lines = [
        f"{c.total} experiment{many}: {c.keep} kept, {c.discard} discarded, {c.crash} crashed "
        f"(session {session.config.tag}, branch {session.branch})."
    ]
    if best is not None and session.best_metric is not None:
        gain = show_change(session, session.total_gain)
        against = "the baseline" if best.is_baseline else f"{gain} against the baseline"
        lines.append(
            f"Best {session.config.metric} {session.best_metric:.6f} ({against}), "
            f"experiment {best.number}, commit {best.commit[:7]}."
        )
    if story := cost_story(session):
        lines.append(f"Language model: {story}.")
    return lines


class Reporter:
    """Prints a session as it goes: a line per experiment, and on a terminal a bar for the current
    run.
    """

    def __init__(self, out: TextIO, *, terminal: bool) -> None:
        self._out = out
        self._terminal = terminal
        self._bar = False
        self.broken = False
        """Whether whoever read the output is gone."""

    def _write(self, text: str) -> None:
        if self.broken:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            self.broken = True

    def line(self, text: str) -> None:
        """A line of its own, above the bar."""
        self._clear()
        self._write(text + "\n")

    def event(self, event: ev.AnyEvent, session: Session) -> None:
        """Say what a reader of the log should know."""
        width = shutil.get_terminal_size((120, 24)).columns if self._terminal else 240
        match event:
            case ev.SessionStarted():
                self.line(
                    f"Session {event.config.tag} on {event.branch}, from {event.base_commit[:7]}."
                )
                for note in event.notes:
                    self.line(f"Note: {one_line(note)}")
            case ev.RunAdopted():
                self.line(f"#{event.experiment}: its run was found alive and taken over.")
            case ev.VerdictGiven():
                self.line(experiment_line(session, session.experiment(event.experiment), width))
            case ev.Paused():
                self.line(f"Paused: {one_line(event.reason)}")
                if event.todo:
                    self.line(f"  {one_line(event.todo)}")
            case ev.AgentWaited():
                self.line(f"Waiting until {event.until:%H:%M:%S} UTC: {one_line(event.reason)}")
            case ev.ProposalDropped():
                self.line(f"A proposal made ahead was dropped: {one_line(event.reason)}.")
            case ev.Resumed():
                self.line("Going on.")
            case ev.AlarmRaised():
                self.line(f"Attention ({event.kind}): {one_line(event.message)}")
            case ev.SessionEnded():
                self.line(f"Ended: {one_line(event.reason)}.")
            case _:
                if (story := decision_line(event, session)) is not None:
                    self.line(one_line(story))  # a person's words are not cut

    def progress(self, progress: Progress) -> None:
        """Draw the bar of the current run; nothing where there is no terminal."""
        if not self._terminal:
            return
        share = progress.share or 0.0
        filled = round(share * _BAR_CELLS)
        parts = [
            f"#{progress.experiment} {progress.phase.value}",
            "━" * filled + "─" * (_BAR_CELLS - filled),
        ]
        parts.append(f"{share:4.0%}")
        if progress.loss is not None:
            parts.append(f"loss {progress.loss:.4f}")
        if progress.tokens_per_second is not None:
            parts.append(f"{progress.tokens_per_second:,.0f} tok/s")
        if progress.remaining_seconds is not None:
            parts.append(f"{progress.remaining_seconds:.0f} s left")
        width = shutil.get_terminal_size((120, 24)).columns - 1
        self._write("\r\x1b[K" + "  ".join(parts)[:width])
        self._bar = True

    def _clear(self) -> None:
        if self._bar:
            self._write("\r\x1b[K")
            self._bar = False
