"""Shows the status line: state, current run, best value, counts, and what waits for the user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from textual.strip import Strip

from engine.core.analysis.forecast import forecast
from engine.core.analysis.stop_conditions import flags_to_continue, time_limits
from engine.core.enums import Phase, SessionState, Verdict
from engine.core.keep_rule.certainty import Difference, noise_key, total_difference
from engine.core.keep_rule.from_session import spread_of
from engine.core.keep_rule.repeated_run import repeated_run_now
from engine.core.records import VerdictCounts
from engine.core.session import Session
from tui.present.alarm import alarm_text
from tui.present.certainty import UNKNOWN, half_width_text, repeat_mark
from tui.present.end_forecast import end_text
from tui.present.numbers import change, clock, cost, metric
from tui.present.run_phase import elapsed_of, phase_of, sample_of
from tui.present.text import clean_line
from tui.present.verdict_marks import interruptions, is_unattended
from tui.view import LinkState, Replayed, View
from tui.widgets.gauge import gauge
from tui.widgets.painted import Painted, Run, strip_of

_BAR_CELLS = 14
_SOON_SPENT = 5
"""The costs are painted as a warning once their cap allows fewer experiments than this."""
_SEPARATOR = " · "


def _continue_hint(session: Session) -> str:
    start = f"autoresearch-tui start {flags_to_continue(session)}".rstrip()
    return f"continue with `{start}`"


@dataclass(frozen=True)
class _Part:
    """A piece of the status line, between two separators."""

    rank: int
    """The order of leaving out: the greatest rank first where the line is too narrow, 0 never."""
    texts: tuple[tuple[str, str], ...]
    """Texts with the name of their Textual component class; "" is the line's own style."""

    @property
    def cells(self) -> int:
        return sum(cell_len(text) for text, _ in self.texts)


class StatusLine(Painted, can_focus=False):
    """A line with the session's state; where it is narrow, less important parts are left out."""

    DEFAULT_CSS = """
    StatusLine { height: 1; overflow: hidden hidden; scrollbar-gutter: auto; }
    """

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._parts: tuple[_Part, ...] = ()
        self._counts: VerdictCounts | None = None
        self._killed = 0
        self._noise_key: tuple[object, ...] = ()
        self._total: Difference | None = None
        """The incumbent's gain over the baseline; None before another one than that is kept."""

    def show(self, view: View) -> None:
        """Show the state of the view's session and connection; repaint only on a change."""
        if view.session.counts != self._counts:
            self._counts, self._killed = view.session.counts, interruptions(view.session)
        if (key := noise_key(view.session)) != self._noise_key:
            self._noise_key = key
            self._total = total_difference(view.session, spread_of(view.session))
        parts = tuple(_parts_of(view, self._killed, self._total))
        if parts != self._parts:
            self._parts = parts
            self.refresh()

    def line(self, y: int) -> Strip:
        width = self.inner.width
        parts = list(self._parts)
        while _cells(parts) > width and any(part.rank for part in parts):
            parts.remove(max(parts, key=lambda part: part.rank))
        runs: list[Run] = [(" ", None)]
        for index, part in enumerate(parts):
            if index:
                runs.append((_SEPARATOR, self.style_of("--dim")))
            runs += self.runs(part.texts)
        return strip_of(runs)


def _cells(parts: list[_Part]) -> int:
    return 1 + sum(part.cells for part in parts) + len(_SEPARATOR) * max(0, len(parts) - 1)


def _parts_of(view: View, killed: int, total: Difference | None) -> Iterable[_Part]:
    yield from _state(view)
    session = view.session
    if session.stop is not None:
        yield _Part(1, ((f"stops {session.stop.value}", "--attention"),))
    elif session.pause is not None and session.running is not None:
        yield _Part(1, (("pauses after this run", "--attention"),))
    yield from _needed(view)
    alarm = alarm_text(session)[:60]
    if alarm:
        yield _Part(2, ((f"! {alarm}", "--attention"),))
    if _of_a_table(view):
        yield from _best(session, _last_kept(session), None)
    else:
        yield from _best(session, "best", total)
    if session.experiments:
        counts = session.counts
        yield _Part(4, (("keep ", ""), (f"{counts.keep}", "--keep"), (f"/{counts.total}", "")))
        if crashed := counts.crash - killed:
            yield _Part(6, ((f"{crashed} crashed", "--crash"),))
        if killed:
            yield _Part(6, ((f"{killed} interrupted", "--attention"),))
    if session.spending.calls:
        left = forecast(session).experiments_left
        more = "" if left is None else f" ≈{left} more"
        style = "--attention" if left is not None and left < _SOON_SPENT else "--dim"
        yield _Part(5, ((cost(session.spending), ""), (more, style)))
    if session.ended is None and view.replay is None and time_limits(session):
        yield _Part(5, ((end_text(session, view.now), "--dim"),))
    if session.experiments:
        if view.replay is None or not view.replay.from_table:
            yield _Part(6, ((session.autonomy.value, ""),))
        yield _Part(7, ((clean_line(session.config.model or session.config.agent), "--dim"),))
    if session.platform is not None:
        sandbox = clean_line(session.platform.sandbox)
        style = "--attention" if sandbox == "none" else "--dim"
        yield _Part(8, (("sandbox: ", "--dim"), (sandbox, style)))


def _needed(view: View) -> Iterable[_Part]:
    """Yield the parts about what waits for the user's answer; none in a replay or after the end."""
    session = view.session
    if session.ended is not None or view.replay is not None:
        return
    asked = session.asked
    if asked:
        yield _Part(1, ((f"● needs you: {len(asked)} (a)", "--attention"),))
        if until := min((q.until for q in asked if q.until is not None), default=None):
            left = clock((until - view.now).total_seconds())
            yield _Part(3, ((f"parked in {left}", "--attention"),))
    if session.program_question is not None:
        yield _Part(1, (("● program.md changed (m)", "--attention"),))
    if held := session.held:
        numbers = " ".join(f"#{experiment.number}" for experiment in held[:3])
        yield _Part(2, ((f"● keep {numbers}? (K)", "--attention"),))
    if parked := len(session.parked):
        yield _Part(2 if not asked else 4, ((f"{parked} parked (w)", "--accent"),))


def _state(view: View) -> Iterable[_Part]:
    session = view.session
    if view.replay is not None:
        yield from _replay_state(view, view.replay)
        return
    gone = view.link is LinkState.GONE or (
        # The engine stopped on purpose; only the user starts another one.
        view.link is LinkState.RECONNECTING and session.engine_starts > 0 and is_unattended(session)
    )
    if view.link is LinkState.RECONNECTING and not gone:
        yield _Part(0, (("◌ RECONNECTING", "--attention"), (_number(session), "")))
        return
    if session.ended is not None:
        yield _Part(0, (("■ ENDED", "--accent"), (f" {clean_line(session.ended)}"[:60], "")))
        yield _Part(4, ((_continue_hint(session), "--dim"),))
        return
    if gone:
        note = (
            "the run continues under its supervisor"
            if session.running is not None and not is_unattended(session)
            else "nothing runs"
        )
        yield _Part(0, (("✗ no engine", "--crash"), (_number(session), "")))
        yield _Part(3, ((note, "--attention"),))
        yield _Part(4, ((_continue_hint(session), "--dim"),))
        return
    if view.stalled:
        yield _Part(0, (("‖ WAITING", "--attention"), (_number(session), "")))
        yield _Part(1, ((clean_line(view.stalled)[:72], "--attention"),))
        return
    match session.state:
        case SessionState.RUNNING:
            yield from _running(view)
        case SessionState.PAUSED:
            pause = session.pause
            reason = clean_line(pause.reason) if pause is not None else ""
            yield _Part(0, (("‖ PAUSED", "--attention"), (_number(session), "")))
            if reason:
                yield _Part(1, ((reason[:72], "--attention"),))
        case SessionState.PROPOSING:
            number = f" #{len(session.experiments) + 1}"
            left = session.seconds_to_wait(view.now)
            if left:
                yield _Part(0, (("◌ WAITING", "--attention"), (f"{number} · {clock(left)}", "")))
            else:
                yield _Part(0, (("● PROPOSING", "--accent"), (number, "")))
        case SessionState.ASKING:
            number = f" #{len(session.experiments) + 1}"
            yield _Part(0, (("● WAITING FOR YOU", "--attention"), (number, "")))
        case SessionState.DECIDING:
            yield _Part(0, (("● DECIDING", "--accent"), (_number(session), "")))
        case SessionState.PROBING:
            yield _Part(0, (("● CHECKING", "--accent"), (_number(session), "")))
            yield _Part(3, (("that runs use the edited file", "--dim"),))
        case SessionState.STARTING:
            yield _Part(0, (("● STARTING", "--accent"), (_number(session), "")))
        case SessionState.ENDED:
            pass


def _replay_state(view: View, replay: Replayed) -> Iterable[_Part]:
    """Yield the parts about the session's state at the replayed moment, in the past tense."""
    session = view.session
    sign, style = ("▶ REPLAY", "--keep") if replay.playing else ("‖ REPLAY", "--attention")
    yield _Part(0, ((sign, style), (_number(session), "--strong")))
    if session.ended is not None:
        yield _Part(3, ((f"ended: {clean_line(session.ended)}"[:60], ""),))
    elif session.pause is not None:
        yield _Part(3, ((f"was paused: {clean_line(session.pause.reason)}"[:72], ""),))
    elif session.current is not None and not replay.from_table:
        yield _Part(3, ((f"was {session.state.value}", ""),))


def _running(view: View) -> Iterable[_Part]:
    session, sample = view.session, sample_of(view)
    yield _Part(0, (("● RUNNING", "--keep"), (_number(session), "--strong")))
    budget, share = session.config.budget_seconds, sample.share if sample is not None else None
    phase, elapsed = phase_of(view), elapsed_of(view)
    if phase is Phase.TRAINING and share is not None and budget:
        times = f"{clock(share * budget)}/{clock(budget)}"
    elif phase is Phase.RUNNING and budget:
        times = f"{clock(elapsed)}/{clock(budget)}"
    else:
        times = clock(elapsed)
    yield _Part(0, ((f"{phase.value} {times}", ""),))
    if (repeat := repeated_run_now(session)) is not None:
        yield _Part(2, ((repeat_mark(repeat), "--accent"),))
    if share is not None and phase is Phase.TRAINING:
        filled, rest = gauge(share, _BAR_CELLS)
        yield _Part(5, ((filled, "--accent"), (rest, "--dim")))


def _number(session: Session) -> str:
    """Return the number of the experiment that is worked on, else of the newest; "" for none."""
    one = session.active or (session.experiments[-1] if session.experiments else None)
    return f" #{one.number}" if one is not None else ""


def _of_a_table(view: View) -> bool:
    return view.replay is not None and view.replay.from_table


def _last_kept(session: Session) -> str:
    """Return the label of the value to beat: `best`, or `last kept` if an earlier keep is better.

    The latter is possible in an imported table only.
    """
    best = session.best_metric
    kept = (e.measurement for e in session.experiments if e.effective_verdict is Verdict.KEEP)
    better = best is not None and any(
        m is not None and session.direction.gain(m.metric, best) > 0 for m in kept
    )
    return "last kept" if better else "best"


def _best(session: Session, label: str, total: Difference | None) -> Iterable[_Part]:
    best, gain = session.best_metric, session.total_gain
    if best is None:
        return
    runs = [(f"{label} ", ""), (metric(best, 4), "--strong")]
    if gain:
        delta = session.direction.change(gain)
        runs.append((f" {change(delta, 4)}", "--keep" if gain > 0 else "--crash"))
        if total is not None and (half := half_width_text(total.half_width, 4)):
            runs.append((f" {half}", "--dim"))
    runs.append((f" #{session.incumbent}", "--dim"))
    if session.epoch > 1:
        runs.append((f" epoch {session.epoch}", "--attention"))
    yield _Part(3, tuple(runs))
    if gain and total is not None and total.half_width is None:
        yield _Part(6, ((UNKNOWN, "--dim"),))
