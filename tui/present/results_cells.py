"""Formats the cells of the results table, and searches its rows."""

from __future__ import annotations

from engine.core.analysis.counterfactual import Fate
from engine.core.enums import Phase, Verdict
from engine.core.imported_attempt import PastAttempt
from engine.core.records import Experiment
from engine.core.session import Session
from tui.present.certainty import count_text
from tui.present.lines import TextLine
from tui.present.numbers import clock, gain_text, metric
from tui.present.results_order import seconds_of
from tui.present.text import clean_line
from tui.present.verdict_marks import OPEN, is_unattended, past_status, verdict_of
from tui.present.what_if import MARKS

PAST_MARK = "·"
"""Precedes the row number of an imported attempt, to distinguish it from an experiment's number."""


def experiment_cell(
    title: str,
    experiment: Experiment,
    session: Session,
    phase: Phase | None,
    apart: int = 0,
    sigma: float | None = None,
    fate: Fate | None = None,
) -> TextLine:
    """Return the text and style of one cell in an experiment's row.

    Args:
        title: The title of the column; an unknown one is taken for the metric's.
        experiment: The experiment of the row.
        session: The session with the experiment.
        phase: The phase of the current run; None if it is not known.
        apart: The decimal places that tell the metrics of the session apart.
        sigma: The value that σ is below with 95 % probability; None where it is not known.
        fate: What would have become of a keep, in place of its status; None for that.
    """
    proposal, measurement = experiment.proposal, experiment.measurement
    best = experiment.number == session.incumbent
    match title:
        case "#":
            return f"{'★' if best else ''}{experiment.number}", "--keep" if best else "--dim"
        case "commit":
            return clean_line(experiment.commit[:7]) or "-", "--dim"
        case "runs":
            return _runs(experiment, session), "--dim"
        case "Δ":
            return _delta(experiment, session)
        case "σ":
            return _sigmas(experiment, sigma), "--dim"
        case "mem":
            return (_memory(measurement.memory_gb) if measurement else ""), ""
        case "status":
            return MARKS[fate] if fate is not None else _status(experiment, session, phase)
        case "":
            text, style = MARKS[fate] if fate is not None else _status(experiment, session, phase)
            return text[:1], style
        case "category":
            return clean_line(proposal.category), ""
        case "time":
            seconds = seconds_of(experiment)
            return (clock(seconds) if seconds is not None else ""), ""
        case "hypothesis":
            return clean_line(proposal.hypothesis), "--strong" if best else ""
    if measurement is None or experiment.effective_verdict is Verdict.CRASH:
        return "", "--dim"
    # A value of an earlier evaluation epoch is not comparable with the others.
    style = "--dim" if experiment.epoch != session.epoch else "--keep" if best else ""
    return metric(experiment.value, apart=apart), style


def past_cell(title: str, attempt: PastAttempt, session: Session, apart: int = 0) -> TextLine:
    """Return the text and style of one cell in an imported attempt's row.

    All are dim, because the figures of an imported table were not checked.

    Args:
        title: The title of the column; an unknown one is taken for the metric's.
        attempt: The imported attempt of the row.
        session: The session that imported it.
        apart: The decimal places that tell the metrics of the session apart.
    """
    dim = "--dim"
    match title:
        case "#":
            return f"{PAST_MARK}{attempt.row}", dim
        case "commit":
            return clean_line((attempt.commit or attempt.named)[:7]) or "-", dim
        case "Δ":
            gain = attempt.gain
            return (gain_text(gain, session.direction) if gain is not None else ""), dim
        case "mem":
            return (_memory(attempt.memory_gb) if attempt.memory_gb is not None else ""), dim
        case "status":
            return past_status(attempt), dim
        case "":
            return past_status(attempt)[:1], dim
        case "category":
            return clean_line(attempt.category), dim
        case "time":
            return "", dim
        case "hypothesis":
            return clean_line(attempt.description), dim
    return (metric(attempt.metric, apart=apart) if attempt.metric is not None else ""), dim


def experiment_matches(experiment: Experiment, needle: str) -> bool:
    """Return whether an experiment's hypothesis, category or commit contains a text.

    Args:
        experiment: The experiment to search.
        needle: The text, in lower case.
    """
    proposal = experiment.proposal
    return any(
        needle in text.lower()
        for text in (proposal.hypothesis, proposal.category, experiment.commit)
    )


def past_matches(attempt: PastAttempt, needle: str) -> bool:
    """Return whether an imported attempt's description, category or commit contains a text.

    Args:
        attempt: The imported attempt to search.
        needle: The text, in lower case.
    """
    texts = (attempt.description, attempt.category, attempt.commit or attempt.named)
    return any(needle in text.lower() for text in texts)


def _delta(experiment: Experiment, session: Session) -> TextLine:
    """Return the cell Δ: the metric's change against the incumbent at the time, "" if unknown."""
    gain = experiment.gain
    if gain is None or experiment.effective_verdict is Verdict.CRASH:
        return "", ""
    return gain_text(gain, session.direction), "--keep" if gain > 0 else "--discard"


def _runs(experiment: Experiment, session: Session) -> str:
    """Return the cell of the run count: `×3`, with … while the experiment is run again."""
    one = session.in_training
    again = one is not None and one.number == experiment.number and experiment.run_count > 0
    return f"{count_text(experiment) or ('×1' if again else '')}{'…' if again else ''}"


def _sigmas(experiment: Experiment, sigma: float | None) -> str:
    """Return the cell σ: the gain in units of σ's upper bound, "" where either is unknown."""
    gain = experiment.gain
    if gain is None or not sigma or experiment.effective_verdict is Verdict.CRASH:
        return ""
    ratio = abs(gain) / sigma
    return f"{ratio:.1f}" if ratio < 100 else "≥100"


def _status(experiment: Experiment, session: Session, phase: Phase | None) -> TextLine:
    if (verdict := verdict_of(experiment)) is not None:
        return verdict
    if is_unattended(session):
        return OPEN
    active = session.in_training
    if active is not None and active.number != experiment.number:
        return "… in doubt", "--attention"
    return f"… {phase.value}" if phase is not None else "…", "--accent"


def _memory(gib: float) -> str:
    if not gib > 0:
        return "-"
    return f"{gib:.1f}" if gib >= 0.1 else "<0.1"
