"""Formats how certain gains are: ±, σ, the smallest gain to be seen, and which run repeats what."""

from __future__ import annotations

import math

from engine.core import events as ev
from engine.core.keep_rule.certainty import (
    Difference,
    closing_difference,
    coarse_metric,
    resolution,
    runs_behind,
)
from engine.core.keep_rule.from_session import spread_of
from engine.core.keep_rule.repeated_run import (
    RepeatedRun,
    RepeatReason,
    doubt_about,
    repeated_run,
)
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.spread import Spread
from engine.core.text import plural
from tui.present.numbers import change, exact_metric, metric

UNKNOWN = "σ not known yet"


def half_width_text(half: float | None, places: int = 6) -> str:
    """Return half the width of an interval as `±0.0004`; "" where it is unknown or infinite.

    Args:
        half: The half width; None where σ is not known.
        places: The decimal places of the value beside it.
    """
    if half is None or not math.isfinite(half):
        return ""
    if 0 < half < 0.5 * 10**-places:
        return f"±{half:.1g}"
    return "±0" if half == 0 else f"±{metric(half, places)}"


def difference_text(difference: Difference, session: Session, places: int = 6) -> str:
    """Return a gain as the metric's change with its interval: `−0.0282 ±0.0004`.

    Without ± where σ is not known.
    """
    shown = change(session.direction.change(difference.gain), places)
    return f"{shown} {half_width_text(difference.half_width, places)}".rstrip()


def repeat_text(repeat: RepeatedRun) -> str:
    """Return which run repeats what, and why: `#7 again, run 2 of at most 4: in doubt`."""
    number, place = f"#{repeat.experiment}", repeat.place
    match repeat.reason:
        case RepeatReason.CALIBRATION:
            again = f"{number} again" if place > 1 else number
            return f"{again}, run {_of(repeat)}: how much runs differ"
        case RepeatReason.IN_DOUBT:
            most = f" of at most {repeat.most}" if repeat.most else ""
            return f"{number} again, run {place}{most}: in doubt"
        case RepeatReason.INCUMBENT:
            return f"{number} again: the incumbent for comparison"
        case RepeatReason.CLOSING:
            return f"closing measurement {_of(repeat)}: {number}"


def repeat_mark(repeat: RepeatedRun) -> str:
    """Return which run repeats an experiment in few words: `again 2/4, in doubt`."""
    most = f"/{repeat.most}" if repeat.most else ""
    match repeat.reason:
        case RepeatReason.CALIBRATION:
            return f"calibration {repeat.place}{most}"
        case RepeatReason.IN_DOUBT:
            return f"again {repeat.place}{most}, in doubt"
        case RepeatReason.INCUMBENT:
            return "again, incumbent"
        case RepeatReason.CLOSING:
            return f"closing {repeat.place}{most}"


def _of(repeat: RepeatedRun) -> str:
    return f"{repeat.place} of {repeat.most}" if repeat.most else f"{repeat.place}"


def measured_line(event: ev.Measured, session: Session) -> str:
    """Return the line of the plain log for a measured run that is not followed by a verdict.

    Such as `#7 again 0.997100 (in doubt: +0.0021 ± 0.0012 over 2 runs)`; "" for other runs.

    Args:
        event: The measurement.
        session: The session with the event applied.
    """
    one = session.experiment(event.experiment)
    run = next((r for r in one.runs if r.number == event.run), None)
    if run is None or run.metric is None:
        return ""
    repeat = repeated_run(session, one, run)
    value = exact_metric(run.metric)
    if run.doubted:
        why = f"not trusted: {'; '.join(event.doubts)}"
        return f"#{one.number} again {value} ({why})" if repeat is not None else ""
    if repeat is None:
        doubt = doubt_about(session, one)
        return f"#{one.number} {value} ({doubt.reason})" if doubt is not None else ""
    match repeat.reason:
        case RepeatReason.CALIBRATION:
            again = " again" if repeat.place > 1 else ""
            return f"#1{again} {value} (run {_of(repeat)}, to learn how much runs differ)"
        case RepeatReason.IN_DOUBT:
            doubt = doubt_about(session, one)
            return f"#{one.number} again {value}" + (f" ({doubt.reason})" if doubt else "")
        case RepeatReason.INCUMBENT:
            mean = f", mean {exact_metric(one.value)}" if one.value is not None else ""
            of = f"{mean} of {plural(runs_behind(one), 'run')}"
            return f"#{one.number} again {value} (the incumbent for comparison{of})"
        case RepeatReason.CLOSING:
            return f"#{one.number} again {value} (closing measurement {_of(repeat)})"


def closing_line(session: Session, spread: Spread | None) -> str:
    """Return the gain by the closing measurement as a sentence; "" without closing runs."""
    closing = closing_difference(session, spread)
    if closing is None:
        return ""
    counts = f"{plural(closing.runs, 'run')} of #{session.incumbent}"
    if closing.runs_before == closing.runs:
        of = f"{plural(closing.runs, 'run')} each of #1 and #{session.incumbent}"
    else:
        of = f"{counts} and {closing.runs_before} of #1"
    known = "95 % interval" if closing.half_width is not None else UNKNOWN
    return (
        f"Closing measurement: {session.config.metric} {difference_text(closing, session)} "
        f"({known}; {of}, made after the search)."
    )


def noise_text(session: Session, spread: Spread | None) -> str:
    """Return σ of the metric and the runs that it comes from, as a sentence.

    Args:
        session: The session with the name of the metric.
        spread: The noise of the metric; None where nothing was run twice.
    """
    if spread is None:
        return f"Noise of {session.config.metric}: {UNKNOWN}, nothing was run twice."
    of = (
        f"{plural(spread.runs, 'run')} of "
        f"{plural(spread.commits, 'experiment')} that ran more than once"
    )
    if not spread.is_known:
        return f"Noise of {session.config.metric}: {UNKNOWN}, from {of}."
    if spread.sigma == 0:
        return f"Noise of {session.config.metric}: σ 0, {of} gave equal values: one run is enough."
    low, high = spread.interval
    left = f"; {plural(spread.left_out, 'wild value')} left out" if spread.left_out else ""
    return (
        f"Noise of {session.config.metric}: σ {spread.sigma:.2g} ({low:.2g} to {high:.2g}), "
        f"from {of}{left}."
    )


def resolution_text(session: Session, spread: Spread | None) -> str:
    """Return the smallest gains that this box can see, as a sentence; "" where that is unknown."""
    seen = resolution(spread, session.config)
    if seen is None or not math.isfinite(seen.gain) or not seen.gain:
        return ""
    return (
        f"This box cannot see gains below {seen.gain:.2g}; "
        f"with {seen.more_repeats} repeats, {seen.gain_with_more:.2g}."
    )


def noise_sentences(session: Session, spread: Spread | None = None) -> tuple[str, ...]:
    """Return all sentences about the noise of a session's metric.

    Args:
        session: The session.
        spread: Its noise, where it is known already; else it is computed.
    """
    spread = spread if spread is not None else spread_of(session)
    texts = (noise_text(session, spread), resolution_text(session, spread), coarse_metric(session))
    return tuple(filter(None, texts))


def count_text(experiment: Experiment) -> str:
    """Return how often an experiment was measured: `×3`; "" for once or never."""
    count = experiment.run_count if len(experiment.runs) > 1 else 1
    return f"×{count}" if count > 1 else ""
