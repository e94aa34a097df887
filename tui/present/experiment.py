"""Formats one experiment as styled lines, for the sections of its detail screen."""

from __future__ import annotations

from engine.core.enums import DecisionKind, Origin
from engine.core.keep_rule.repeated_run import repeated_run
from engine.core.records import Experiment, Run
from engine.core.session import Session
from engine.core.text import one_line, sanitize
from tui.present.certainty import count_text, noise_sentences
from tui.present.decisions import reason_text, record_text
from tui.present.events import PURPOSES
from tui.present.lines import TextLine
from tui.present.numbers import clock, cost, gain_text, memory, metric, size
from tui.present.proposal import origin_text
from tui.present.risk import heaviest_first, line_numbers, risk_of, weight_style, weight_text
from tui.present.verdict_marks import OPEN, category_of, is_unattended, rule_verdict, verdict_of


def header_lines(session: Session, experiment: Experiment) -> tuple[TextLine, ...]:
    """Return the lines above the sections: number, verdict, figures, hypothesis and reason."""
    unfinished = OPEN if is_unattended(session) else ("… open", "--attention")
    verdict, style = verdict_of(experiment) or unfinished
    parts = [f"#{experiment.number} {verdict}"]
    if experiment.number == session.incumbent:
        parts.append("the best so far")
    measured = experiment.measurement
    if measured is not None:
        counted = f" {count}" if (count := count_text(experiment)) else ""
        parts.append(f"{session.config.metric} {metric(experiment.value)}{counted}")
        if change := gain_text(experiment.gain, session.direction):
            parts.append(f"Δ {change}")
        if measured.memory_gb > 0:
            parts.append(memory(measured.memory_gb))
    if (run := experiment.run) is not None and run.ended_at is not None:
        parts.append(clock(run.seconds))
    if experiment.outcome is not None and measured is None:
        parts.append(experiment.outcome.value)
    if experiment.commit:
        parts.append(experiment.commit[:7])
    lines: list[TextLine] = [
        (" · ".join(parts), style),
        (one_line(experiment.proposal.hypothesis), "--strong"),
    ]
    if experiment.overruled is not None and experiment.verdict is not None:
        decision = next(
            (d for d in reversed(experiment.decisions) if d.kind is DecisionKind.OVERRULED), None
        )
        why = reason_text(one_line(decision.reason)) if decision is not None else ""
        rule = experiment.verdict.value
        lines.append((f"your own verdict; the keep rule's was {rule}{why}", "--attention"))
    elif experiment.verdict_reason:
        lines.append((one_line(experiment.verdict_reason), "--dim"))
    return tuple(lines)


def reasoning_lines(experiment: Experiment, reasoning: str) -> tuple[TextLine, ...]:
    """Return the lines of the section Reasoning: the proposal's texts, its knobs, the reasoning.

    Args:
        experiment: The experiment that was proposed.
        reasoning: The agent's saved reasoning; "" where there is none.
    """
    proposal = experiment.proposal
    lines: list[TextLine] = []
    for title, text in (
        ("Hypothesis", proposal.hypothesis),
        ("Why", proposal.rationale),
        ("Expected", proposal.expected),
        ("Category", category_of(proposal)),
        ("Agent", proposal.agent),
        ("Reasoning", reasoning),
    ):
        if text.strip():
            lines += [(title, "--accent"), (text, ""), ("", "")]
    if proposal.knobs:
        lines.append(("Knobs", "--accent"))
        lines += [(f"{name}: {old} → {new}", "") for name, (old, new) in proposal.knobs.items()]
    return tuple(lines)


def prompt_lines(experiment: Experiment, text: str | None) -> tuple[TextLine, ...]:
    """Return the lines of the section Prompt: the prompt sent to the agent, or why there is none.

    Args:
        experiment: The experiment that the agent proposed.
        text: The saved prompt; None where none was saved, or its file is missing.
    """
    if text is not None:
        return tuple((line, prompt_line_style(line)) for line in sanitize(text).split("\n"))
    if experiment.prompt_key:
        return (("The file of the agent's prompt is missing.", "--attention"),)
    if experiment.is_baseline:
        return (("The baseline has no prompt: it is the file as it is.", "--dim"),)
    return (("No prompt is recorded: no language model was asked.", "--dim"),)


def prompt_line_style(line: str) -> str:
    """Return the style of one line of a prompt: `--accent` for a heading, "" for other lines."""
    return "--accent" if line.startswith(("# ", "━━ ")) else ""


def measurement_lines(session: Session, experiment: Experiment) -> tuple[TextLine, ...]:
    """Return the lines of the section Measurement: doubts, guardrails and figures, or why none."""
    lines: list[TextLine] = []
    measured = experiment.measurement
    for doubt in experiment.doubts:
        lines.append((f"Doubt: {doubt}", "--attention"))
    for breach in experiment.breaches:
        lines.append((f"Guardrail broken: {breach}.", "--attention"))
    for surprise in experiment.surprises:
        lines.append((f"Held for you, because {surprise}.", "--attention"))
    if measured is not None:
        rows: list[tuple[str, str]] = [
            (session.config.metric, metric(experiment.value)),
            ("peak memory", memory(measured.memory_gb)),
            ("training", _clock(measured.training_seconds)),
            ("in all", _clock(measured.total_seconds)),
        ]
        if measured.steps is not None:
            rows.append(("steps", f"{measured.steps:,}"))
        if measured.tokens_millions is not None:
            rows.append(("tokens", f"{measured.tokens_millions:,.1f} M"))
        if measured.params_millions is not None:
            rows.append(("parameters", f"{measured.params_millions:,.1f} M"))
        lines += _table(rows)
        lines += _repeat_lines(session, experiment)
        if measured.summary:
            lines += [("", ""), ("As the run printed it", "--accent")]
            lines += _table(list(measured.summary.items()))
        return tuple(lines)
    run = experiment.run
    if run is None and (experiment.verdict is not None or experiment.row_status):
        lines.append(("Nothing was measured; why is not recorded.", "--dim"))
    elif run is None or run.outcome is None:
        lines.append(("Nothing is measured yet.", "--dim"))
    else:
        lines.append((f"Nothing was measured: {run.outcome}.", "--crash"))
        if run.detail:
            lines += [("", ""), (run.detail, "")]
    return tuple(lines)


def _repeat_lines(session: Session, experiment: Experiment) -> list[TextLine]:
    """Return every run with its purpose, value and time, and what is known of the noise.

    [] where the experiment was run once.
    """
    if len(experiment.runs) < 2:
        return []
    rows = [("run", "value       time     made for")]
    for run in experiment.runs:
        value = "not trusted" if run.doubted else metric(run.metric)
        repeat = repeated_run(session, experiment, run)
        why = repeat.reason.value if repeat is not None else "first run"
        if run.metric is None and run.outcome is not None:
            why = f"{why}: {run.outcome}"
        taken = clock(run.seconds) if run.outcome is not None else "runs"
        rows.append((f"{run.number}", f"{value:<11} {taken:<8} {why}"))
    lines: list[TextLine] = [("", ""), ("Runs", "--accent"), *_table(rows)]
    return lines + [(text, "--dim") for text in noise_sentences(session)]


def history_lines(experiment: Experiment) -> tuple[TextLine, ...]:
    """Return the lines of the section History: proposal, decisions, runs, verdict, in order."""
    lines: list[TextLine] = [
        (f"{experiment.drafted_at:%Y-%m-%d %H:%M:%S} UTC  drafted on {experiment.base[:7]}", ""),
    ]
    if experiment.rebased:
        lines.append(("made ahead for an earlier frontier, and re-applied", "--dim"))
    elif experiment.queued:
        lines.append(("made ahead, while the experiment before it ran", "--dim"))
    if experiment.origin is not Origin.AGENT:
        lines.append((origin_text(experiment), "--dim"))
    if experiment.spending.calls:
        spent = experiment.spending
        text = f"language model: {cost(spent)}, {spent.tokens:,} tokens in {spent.calls} calls"
        lines.append((text, "--dim"))
    if experiment.commit:
        lines.append((f"commit {experiment.commit}", ""))
        lines.append((f"kept at {experiment.ref}", "--dim"))
    lines += _finding_lines(experiment)
    lines += _decision_lines(experiment)
    for run in experiment.runs:
        lines += _run_lines(run)
    verdict = rule_verdict(experiment)
    if verdict is not None and experiment.ended_at is not None:
        word, style = verdict
        lines += [
            ("", ""),
            (f"{experiment.ended_at:%H:%M:%S}  {word}: {experiment.verdict_reason}", style),
        ]
        if experiment.row_written:
            lines.append(("its row is in the results file", "--dim"))
    return tuple(lines)


def _finding_lines(experiment: Experiment) -> list[TextLine]:
    """Return what the risk assessment found in the experiment's patch; [] for the baseline."""
    if experiment.is_baseline:
        return []
    lines: list[TextLine] = [("", ""), (f"Risk: {risk_of(experiment.findings)}", "--accent")]
    for finding in heaviest_first(experiment.findings):
        where = ", ".join(filter(None, (line_numbers(finding.lines), finding.rule)))
        line = f"{weight_text(finding.weight)}  {one_line(finding.message)} ({where})"
        lines.append((line, weight_style(finding.weight)))
    return lines


def _decision_lines(experiment: Experiment) -> list[TextLine]:
    """Return the decisions about the experiment, with who decided and why; [] without any."""
    if not experiment.decisions:
        return []
    lines: list[TextLine] = [("", ""), ("Decisions", "--accent")]
    for decision in experiment.decisions:
        line = f"{decision.at:%H:%M:%S}  {record_text(decision)}"
        lines.append((line, "--attention" if decision.kind is DecisionKind.OVERRULED else ""))
    return lines


def _run_lines(run: Run) -> list[TextLine]:
    lines: list[TextLine] = [
        ("", ""),
        (f"Run {run.number} on slot {run.slot}{_purpose(run)}", "--accent"),
        (f"{run.started_at:%H:%M:%S}  started, at most {clock(run.deadline_seconds)}", ""),
    ]
    if run.adopted:
        lines.append((f"taken over by a new engine, {run.adopted}×", "--dim"))
    if run.kill_requested:
        vetoed = f": {one_line(run.veto)}" if run.veto else ""
        word = "vetoed and killed" if run.veto else "killed"
        lines.append((f"{word} by you{vetoed}", "--attention"))
    if run.ended_at is not None and run.outcome is not None:
        code = f", exit code {run.exit_code}" if run.exit_code is not None else ""
        by = f", signal {run.signal}" if run.signal is not None else ""
        peak = f", at most {size(run.peak_rss_bytes)} of memory" if run.peak_rss_bytes else ""
        line = f"{run.ended_at:%H:%M:%S}  {run.outcome} after {clock(run.seconds)}{code}{by}{peak}"
        lines.append((line, ""))
        if run.detail:
            lines.append((run.detail, ""))
    lines.append((f"files: {run.directory}", "--dim"))
    return lines


def _purpose(run: Run) -> str:
    purpose = PURPOSES[run.purpose]
    return f": {purpose}" if purpose else ""


def _table(rows: list[tuple[str, str]]) -> list[TextLine]:
    width = max(len(name) for name, _ in rows)
    return [(f"{name:<{width}}  {value}", "") for name, value in rows]


def _clock(seconds: float | None) -> str:
    return "-" if seconds is None else clock(seconds)
