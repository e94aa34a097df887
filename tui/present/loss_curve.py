"""Prepares the loss curves of the panel: which runs are drawn, over which axis, and the texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.core.analysis.finished_curves import reference_run
from engine.core.curves.comparison import (
    FEWEST,
    FinishedCurve,
    Projection,
    end_loss,
    gap_at,
    project,
    spikes,
    stalls,
)
from engine.core.curves.curve import Curve, Track
from engine.core.enums import Outcome
from engine.core.records import Experiment, Run
from engine.core.session import Session
from engine.core.text import plural
from tui.present.early_stop import behind, evidence
from tui.present.lines import TextLine
from tui.present.numbers import change, metric

_PLACES = 4


@dataclass(frozen=True)
class Line:
    """One curve of the chart."""

    number: int
    """The number of the experiment."""
    track: Track


@dataclass(frozen=True)
class CurveChart:
    """All that the panel draws at one moment."""

    by_share: bool
    """Whether the axis is the share of the budget; else it is the step."""
    own: Line
    """The curve of the current run, else of the newest one."""
    best: Line | None
    """The incumbent's curve, which the run has to beat."""
    others: tuple[Line, ...]
    """The curves of the experiments that the user chose."""
    projection: Projection | None
    """The loss at which the run is expected to finish; None for one that has ended."""
    spikes: tuple[tuple[float, float], ...]
    """Position and loss of each spike of the run."""
    stalls: tuple[tuple[float, float], ...]
    """The stretches of the budget without a step, as pairs of shares."""
    ended: bool


CurveOf = Callable[[Experiment, Run], Curve]


def shown_run(session: Session) -> tuple[Experiment, Run] | None:
    """Return the run whose curve is drawn: the current one, else the newest; None without one."""
    for experiment in reversed(session.experiments[-2:]):
        if experiment.run is not None:
            return experiment, experiment.run
    return None


def drawn_run(experiment: Experiment) -> Run | None:
    """Return the run of an experiment whose curve stands for it: the newest finished, else any."""
    finished = [run for run in experiment.runs if run.outcome is Outcome.FINISHED]
    return finished[-1] if finished else experiment.run


def curve_chart(
    session: Session,
    curve_of: CurveOf,
    chosen: Sequence[int],
    finished: Sequence[FinishedCurve],
) -> CurveChart | None:
    """Return what is to be drawn; None where the run has no loss yet.

    Args:
        session: The session at the moment shown.
        curve_of: Returns the curve of a run, as of that moment.
        chosen: The numbers of the experiments that the user chose.
        finished: The curves of the session's finished runs, for the band of the projection.
    """
    shown = shown_run(session)
    if shown is None:
        return None
    experiment, run = shown
    curve = curve_of(experiment, run)
    found = reference_run(session, experiment, run)
    reference = None if found is None else curve_of(*found)
    by_share = curve.by_share() is not None and (
        reference is None or reference.by_share() is not None
    )

    def track_of(curve: Curve) -> Track | None:
        return curve.by_share() if by_share else curve.by_step()

    own = track_of(curve)
    if own is None:
        return None
    best = None if reference is None else track_of(reference)
    others = []
    for number in chosen:
        other = session.experiment(number) if number <= len(session.experiments) else None
        other_run = None if other is None else drawn_run(other)
        if other is None or other_run is None or number == experiment.number:
            continue
        track = track_of(curve_of(other, other_run))
        if track is not None:
            others.append(Line(number, track))
    ended = run.outcome is not None
    projection = None
    if by_share and best is not None and not ended:
        projection = project(own, best, finished)
    jumps = [curve.points[index] for index in spikes(curve.points)]
    return CurveChart(
        by_share=by_share,
        own=Line(experiment.number, own),
        best=None if best is None or found is None else Line(found[0].number, best),
        others=tuple(others),
        projection=projection,
        spikes=tuple(
            (position, p.loss)
            for p in jumps
            if (position := p.share if by_share else p.step) is not None
        ),
        stalls=tuple(stalls(curve)) if by_share else (),
        ended=ended,
    )


def gap(chart: CurveChart) -> float | None:
    """Return the run's loss, less the incumbent's at the same position; None where unknown."""
    best, own = chart.best, chart.own.track
    if best is None:
        return None
    if chart.by_share:
        return gap_at(own, best.track, min(own.end, best.track.end))
    width = 0.05 * best.track.end
    at = min(own.end, best.track.end)
    mine, other = own.at(at, width), best.track.at(at, width)
    return None if mine is None or other is None else mine - other


def position_text(chart: CurveChart, position: float) -> str:
    """Return a position on the chart's axis as text: `44 %` or `step 402`."""
    return f"{position:.0%}".replace("%", " %") if chart.by_share else f"step {position:,.0f}"


def facts(chart: CurveChart, run: Run) -> list[list[TextLine]]:
    """Return the lines below the chart: the finish, spikes and stalls, an early stop."""
    lines = [_finish(chart)]
    faults: list[TextLine] = []
    if chart.spikes:
        last = position_text(chart, chart.spikes[-1][0])
        text = f"▲ {plural(len(chart.spikes), 'spike')}, the last at {last}"
        faults.append((text, "--attention"))
    for start, end in chart.stalls[-1:]:
        text = f"no step from {position_text(chart, start)} to {position_text(chart, end)}"
        faults.append((f"{'   ' if faults else ''}┊ {text}", "--attention"))
    if faults:
        lines.append(faults)
    if run.behind is not None:
        found = run.behind
        lines += [[(behind(found), "--attention")], [(evidence(found), "--dim")]]
    return lines


def _finish(chart: CurveChart) -> list[TextLine]:
    best, projected = chart.best, chart.projection
    if not chart.by_share:
        why = "its log and config tell no share of a budget, so its finish is not projected"
        return [(f"by step: {why}", "--dim")]
    if chart.ended:
        own = f"ended at {metric(chart.own.track.losses[-1], _PLACES)}"
        end = None if best is None else metric(best.track.losses[-1], _PLACES)
        other = "" if best is None else f", #{best.number} at {end}"
        return [(own + other, "--dim")]
    if best is None:
        return [("the first run: no incumbent to compare it with yet", "--dim")]
    if projected is None:
        return [("finish not projected: no point yet at equal share", "--dim")]
    text = f"finish ≈ {metric(projected.loss, _PLACES)}"
    if projected.low is None or projected.high is None:
        band = f", no band before {FEWEST} runs have finished"
    else:
        low, high = metric(projected.low, _PLACES), metric(projected.high, _PLACES)
        band = f" ({low} to {high}, by {projected.curves} runs)"
    return [(text, "--accent"), (f"{band} · #{best.number} {_end(best)}", "--dim")]


def _end(line: Line) -> str:
    return metric(end_loss(line.track), _PLACES)


def legend(chart: CurveChart) -> list[TextLine]:
    """Return the line above the chart: which line is which run, and where it is now."""
    own = chart.own
    loss = metric(own.track.losses[-1], _PLACES)
    where = "" if chart.ended else f" at {position_text(chart, own.track.end)}"
    texts: list[TextLine] = [(f"─ #{own.number} {loss}{where}", "--accent")]
    if chart.best is not None:
        difference = gap(chart)
        text = "" if difference is None else f" {change(difference, _PLACES)}"
        texts.append((f"  ┄ best #{chart.best.number}{text}", "--dim"))
    return texts + [(f"  ╌ #{line.number}", "--strong") for line in chart.others]
