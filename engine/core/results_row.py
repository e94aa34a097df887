"""Formats one experiment as a line of the results.tsv table."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.enums import Outcome, Verdict
from engine.core.records import Experiment
from engine.core.text import one_line


@dataclass(frozen=True, kw_only=True)
class ResultsRow:
    """The cells of one line of results.tsv. A crash has metric 0.0 and memory 0.0.

    Other programs leave out crashes; the least value of all other rows may be the best for them.
    """

    commit: str
    metric: float
    memory_gb: float
    status: str
    description: str


def row_of(experiment: Experiment) -> ResultsRow | None:
    """Return the cells of an experiment's line in results.tsv; None before it has a verdict.

    The line is what results.tsv holds, so it gives the keep rule's verdict even where the user
    overruled it. A discarded result that is not trusted stands as a crash if its value is 0, and so
    does a run that was stopped early.
    """
    if experiment.verdict is None and not experiment.row_status:
        return None
    verdict, measured = experiment.verdict, experiment.measurement
    distrusted = bool(experiment.doubts or experiment.surprises)
    if distrusted and verdict is Verdict.DISCARD and measured and not round(measured.metric, 6):
        verdict = Verdict.CRASH
    if verdict is Verdict.DISCARD and experiment.outcome is Outcome.STOPPED_EARLY:
        verdict = Verdict.CRASH  # as a discard, its 0.0 would be the best for other programs
    crashed = verdict is Verdict.CRASH or measured is None
    is_explained = crashed or distrusted or experiment.breaches
    note = f" ({experiment.verdict_reason})" if is_explained else ""
    return ResultsRow(
        commit=experiment.commit or experiment.base,
        metric=0.0 if crashed or measured is None else measured.metric,
        memory_gb=0.0 if crashed or measured is None else measured.memory_gb,
        status=verdict.value if verdict else one_line(experiment.row_status),
        description=experiment.proposal.hypothesis + note,
    )


def format_row(row: ResultsRow) -> str:
    """Return the line's cells joined by tabs, without a newline.

    The commit is shortened to 7 characters; the description is sanitized onto one line.
    """
    return "\t".join(
        (
            row.commit[:7],
            f"{row.metric:.6f}",
            f"{row.memory_gb:.1f}",
            row.status,
            one_line(row.description),
        )
    )
