"""Sessions in which experiments are run more than once, made up of real events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Outcome, RunPurpose, Verdict
from engine.core.reducer import fold
from engine.core.session import Session
from tests.tui.synthetic import Tried, beginning, numbered, opening

CONFIG = ResearchConfig(tag="nov20", budget_seconds=300.0, max_experiments=3)
FRESH, CLOSING = RunPurpose.FRESH, RunPurpose.CLOSING


def started(number: int, run: int, purpose: RunPurpose = RunPurpose.TRIAL) -> ev.RunStarted:
    """Return the start of another run of an experiment."""
    directory = f".autoresearch/nov20/experiments/{number:04}/run-{run}"
    return ev.RunStarted(
        experiment=number,
        run=run,
        slot=0,
        command="python train.py",
        directory=directory,
        deadline_seconds=2400.0,
        purpose=purpose,
    )


def ended(number: int, run: int, value: float) -> list[ev.AnyEvent]:
    """Return the end of a run and its measurement."""
    measurement = ev.Measurement(metric=value, memory_gb=44.0)
    return [
        ev.RunEnded(experiment=number, run=run, outcome=Outcome.FINISHED, seconds=300.0 + run),
        ev.Measured(experiment=number, run=run, measurement=measurement),
    ]


def repeat(
    number: int, run: int, value: float, purpose: RunPurpose = RunPurpose.TRIAL
) -> list[ev.AnyEvent]:
    """Return another whole run of an experiment."""
    return [started(number, run, purpose), *ended(number, run, value)]


def tried(number: int, values: Sequence[float], hypothesis: str = "") -> list[ev.AnyEvent]:
    """Return an experiment up to the measurement of its last run before the verdict."""
    commit = f"{number:x}" * 40
    idea = hypothesis or f"MATRIX_LR 0.0{number} → 0.0{number + 1}"
    events = beginning(number, Tried(Verdict.KEEP, 0, 0, idea), commit=commit)
    for run, value in enumerate(values, start=1):
        if run > 1:
            events.append(started(number, run))
        events += ended(number, run, value)
    return events


def verdict(
    number: int, verdict: Verdict, gain: float | None, reason: str = "", *, indecisive: bool = False
) -> list[ev.AnyEvent]:
    """Return the verdict on an experiment, with the move of the branch for a keep."""
    given = ev.VerdictGiven(
        experiment=number, verdict=verdict, reason=reason, gain=gain, indecisive=indecisive
    )
    row = ev.RowWritten(experiment=number, file="results.tsv")
    if verdict is not Verdict.KEEP:
        return [given, row]
    return [given, row, ev.FrontierAdvanced(experiment=number, commit=f"{number:x}" * 40)]


def calibrated(workspace: Path, config: ResearchConfig = CONFIG) -> list[ev.AnyEvent]:
    """Return a session up to the verdict on its baseline, which was run three times."""
    return [
        *opening(workspace, config=config),
        *tried(1, (1.000, 1.001, 0.999), "baseline"),
        *verdict(1, Verdict.KEEP, None, "the baseline"),
    ]


def night(workspace: Path, config: ResearchConfig = CONFIG) -> list[ev.AnyEvent]:
    """Return a session with a keep of two runs, an indecisive discard, and no closing runs yet."""
    events = calibrated(workspace, config)
    events += tried(2, (0.970, 0.972))
    events += verdict(2, Verdict.KEEP, 0.029, "better by +0.029 ± 0.002 over 2 runs")
    for run, value in enumerate((0.9735, 0.9725, 0.9731, 0.9729), start=3):
        events += repeat(2, run, value, FRESH)
    events += tried(3, (0.9720, 0.9718, 0.9724, 0.9727))
    reason = "indecisive: +0.000775 ± 0.0008 over 4 runs and no repeats left"
    events += verdict(3, Verdict.DISCARD, 0.000775, reason, indecisive=True)
    return events


def closed(workspace: Path) -> list[ev.AnyEvent]:
    """Return the same session with its closing measurement."""
    events = night(workspace)
    for number, run, value in ((1, 4, 1.0005), (2, 7, 0.9728), (1, 5, 0.9995), (2, 8, 0.9732)):
        events += repeat(number, run, value, CLOSING)
    return events


def session(events: Sequence[ev.AnyEvent]) -> Session:
    """Return the session that the events give."""
    return fold(numbered(list(events)))
