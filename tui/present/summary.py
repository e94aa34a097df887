"""Formats a finished experiment as one line, and the result of a session as a few."""

from __future__ import annotations

from engine.core.enums import Verdict
from engine.core.keep_rule.certainty import total_difference
from engine.core.keep_rule.from_session import spread_of
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.text import one_line, plural
from tui.present.certainty import UNKNOWN, closing_line, count_text, half_width_text
from tui.present.numbers import MINUS, cost_summary, exact_metric
from tui.present.verdict_marks import INDECISIVE, is_indecisive

_MARKS = {Verdict.KEEP: "✓", Verdict.DISCARD: "·", Verdict.CRASH: "✗"}


def show_change(session: Session, gain: float | None) -> str:
    """Return a gain as the signed change of the metric, with six places; "" where it is not known.

    Where a lower metric is better, an improvement is negative.
    """
    if gain is None:
        return ""
    text = exact_metric(session.direction.change(gain))
    return text if text.startswith(MINUS) else f"+{text}"


def experiment_line(session: Session, e: Experiment, width: int = 120) -> str:
    """Return a finished experiment on one line: verdict, metric, change, seconds, hypothesis.

    Args:
        session: The session with the experiment.
        e: The experiment.
        width: Cells of the line; the hypothesis is cut to fit, but gets at least 20.
    """
    measured = e.measurement
    crashed = e.verdict is Verdict.CRASH or measured is None
    value = "—" if crashed or e.value is None else exact_metric(e.value)
    seconds = e.run.seconds if e.run is not None else 0.0
    verdict = e.effective_verdict
    mark = _MARKS[verdict] if verdict is not None else "…"
    word = verdict.value if verdict is not None else e.row_status or "open"
    undecided = is_indecisive(e)
    mark = INDECISIVE[0][0] if undecided else mark
    head = (
        f"#{e.number:<4} {mark} {word:<8} {value:>10} {show_change(session, e.gain):>10} "
        f"{seconds:>6.1f} s  "
    )
    marks = " ".join(filter(None, (count_text(e), "indecisive" if undecided else "")))
    text = e.proposal.hypothesis if e.overruled is None else f"(by you) {e.proposal.hypothesis}"
    text = f"{marks} · {text}" if marks else text
    if (crashed or e.breaches) and e.verdict is not None:
        text += f" ({e.verdict_reason})"
    return head + one_line(text, max(20, width - len(head)))


def summary_lines(session: Session) -> list[str]:
    """Return the session's counts, best experiment and language-model costs, a line for each."""
    c, best = session.counts, session.best
    lines = [
        f"{plural(c.total, 'experiment')}: {c.keep} kept, {c.discard} discarded, {c.crash} crashed "
        f"(session {session.config.tag}, branch {session.branch})."
    ]
    if best is not None and session.best_metric is not None:
        spread = spread_of(session)
        total = total_difference(session, spread)
        gain = show_change(session, session.total_gain)
        since = f"since evaluation epoch {session.epoch} began"
        since = since if session.epoch > 1 else "against the baseline"
        against = "the baseline" if best.is_baseline and session.epoch == 1 else f"{gain} {since}"
        if total is not None and total.half_width is not None:
            against = f"{gain} {half_width_text(total.half_width)} {since}"
        elif total is not None:
            against += f"; {UNKNOWN}"
        lines.append(
            f"Best {session.config.metric} {exact_metric(session.best_metric)} ({against}), "
            f"experiment {best.number}, commit {best.commit[:7]}."
        )
        if closing := closing_line(session, spread):
            lines.append(closing)
    if story := cost_summary(session):
        lines.append(f"Language model: {story}.")
    return lines
