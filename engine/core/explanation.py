"""Explains what a log says about its run: how it ended, its metric, and the lines that show it."""

from __future__ import annotations

import signal as signals

import msgspec

from engine.core.curves.comparison import spikes
from engine.core.enums import Outcome, Phase
from engine.core.outcome import classify, ending_of, is_evidence
from engine.core.run_log.metric_lines import TEXT_CHARACTERS
from engine.core.run_log.reader import RunLog
from engine.core.text import plural

_EVIDENCE_LINES = 12
_LAST_LINES = 5


class LogLine(msgspec.Struct, frozen=True):
    """A line of a log with its number, from 1."""

    line: int
    text: str


class Candidate(msgspec.Struct, frozen=True):
    """A place in the log where the metric is named, and what was made of it."""

    line: int
    text: str
    value: float | None
    """The value that is printed there; None where none is read."""
    counts: bool
    """Whether the metric's value is this one, or among those it is made of."""
    reason: str
    """How the value was read, or why it does not count; empty for a plain value that counts."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What a log says about its run."""

    outcome: Outcome | None
    """How the run ended; None where the log does not tell."""
    exit_code: int | None
    exit_code_given: bool
    """Whether the user gave the exit code; else it is what the log suggests."""
    detail: str
    todo: str
    evidence: tuple[LogLine, ...]
    """The lines that show how the run ended."""
    metric: str
    metric_rule: str
    value: float | None
    reason: str
    """Which of the candidates counts, or why none does."""
    candidates: tuple[Candidate, ...]
    """The newest places where the metric is named, in the order of the log."""
    summaries: int
    """The number of summaries, as karpathy's train.py prints one."""
    summary: dict[str, str]
    progress: str
    """The last progress, as text; empty where the log shows none."""
    curve: str = ""
    """The loss curve that the progress lines make, as text; empty where they make none."""


def explain(log: RunLog, exit_code: int | None, *, asks_metric: bool = True) -> Explanation:
    """Explain a log that was read to its end.

    Args:
        log: The parsed log.
        exit_code: The exit code of its run, negative for a signal; None: what the log suggests.
        asks_metric: Whether the user named the metric, so that a run without it has failed.
    """
    given = exit_code is not None
    code = exit_code if given else suggested_exit_code(log)
    choice = log.choice
    outcome, detail, todo = (
        None,
        "the log ends while the run trains; its exit code would tell how it ended",
        "",
    )
    if code is not None:
        signal = -code if code < 0 else None
        ended = classify(
            ending_of(
                log,
                exit_code=None if signal else code,
                signal=signal,
                killed_by=None,
                base_works=False,
            )
        )
        outcome, detail, todo = ended.outcome, ended.detail, ended.todo
        if code == 0 and choice.value is None and not asks_metric:
            outcome, detail = Outcome.FINISHED, "no metric was asked for"
    return Explanation(
        outcome=outcome,
        exit_code=code,
        exit_code_given=given,
        detail=detail,
        todo=todo,
        evidence=_evidence(log, outcome, failed=code != 0),
        metric=log.metric,
        metric_rule=log.metric_reader.rule.text(),
        value=choice.value,
        reason=choice.reason,
        candidates=_candidates(log),
        summaries=log.separators,
        summary=dict(log.summary),
        progress=_progress(log),
        curve=_curve(log),
    )


def suggested_exit_code(log: RunLog) -> int | None:
    """Return the exit code that the end of a log suggests; None where the run seems to go on."""
    last = log.last_lines[-1][1] if log.last_lines else ""
    if last.endswith("command not found"):
        return 127
    if log.saw_fail or log.failure.ends_the_log:
        return 1
    if any(is_evidence(Outcome.INTERRUPTED, line) for _, line in list(log.last_lines)[-3:]):
        return 128 + signals.SIGTERM
    trains = log.progress.phase is Phase.TRAINING and log.is_progress(last)
    return None if trains and log.metric_value is None else 0


def _evidence(log: RunLog, outcome: Outcome | None, *, failed: bool) -> tuple[LogLine, ...]:
    lines = list(log.last_lines)
    found = [item for item in lines if outcome is not None and is_evidence(outcome, item[1])]
    if outcome is Outcome.FINISHED:
        chosen = log.choice.chosen
        found = [(chosen.line, chosen.text)] if chosen is not None else []
    elif not found and failed:
        found = list(log.failure.evidence)
    if not found:
        found = lines[-_LAST_LINES:]
    return tuple(
        LogLine(number, text.strip()[:TEXT_CHARACTERS]) for number, text in found[-_EVIDENCE_LINES:]
    )


def _candidates(log: RunLog) -> tuple[Candidate, ...]:
    reader, choice = log.metric_reader, log.choice
    counted = {id(found) for found in choice.counted}
    mean_of = reader.rule.mean_of
    parts = {id(found) for found in choice.counted[-mean_of:]} if mean_of else set()
    found = [
        Candidate(
            o.line,
            o.text,
            o.value.number,
            o is choice.chosen or id(o) in parts,
            o.value.note if id(o) in counted else _why_not(o.spelling, o.label),
        )
        for o in reader.occurrences
    ]
    found += [Candidate(r.line, r.text, None, False, r.reason) for r in reader.refusals]
    return tuple(sorted(found, key=lambda candidate: candidate.line))


def _why_not(spelling: int, label: str) -> str:
    if spelling:
        return "the name is spelled in another way"
    return f"it is that of {label}" if label else "a percent and a share are not compared"


def _curve(log: RunLog) -> str:
    points = log.curve.points
    if len(points) < 2:
        return ""
    first, last = points[0], points[-1]
    axis = "step" if last.share is None else "share of the budget"
    text = f"{len(points)} points by {axis}, loss {first.loss:g} to {last.loss:g}"
    jumps = len(spikes(points))
    return f"{text}, {plural(jumps, 'spike')}" if jumps else text


def _progress(log: RunLog) -> str:
    progress = log.progress
    parts = [
        f"step {progress.step:,}" if progress.step is not None else "",
        f"{progress.share:.1%}" if progress.share is not None else "",
        f"loss {progress.loss:g}" if progress.loss is not None else "",
        f"{progress.tokens_per_second:,.0f} tokens/s" if progress.tokens_per_second else "",
        f"{progress.remaining_seconds:g} s remain" if progress.remaining_seconds else "",
    ]
    shown = ", ".join(filter(None, parts))
    return f"{progress.phase.value}: {shown}" if shown else ""
