"""The verbs that only show something, status and diff; prints JSON and diffs for other verbs."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.client.sessions import details, engine_pid, find_workspace, read_session
from engine.core.analysis.end_forecast import end_forecast
from engine.core.analysis.forecast import forecast
from engine.core.analysis.stop_conditions import conditions_text, experiments_without_keep
from engine.core.errors import EngineGoneError, UsageError
from engine.core.keep_rule.certainty import (
    Difference,
    closing_difference,
    resolution,
    runs_behind,
    total_difference,
)
from engine.core.keep_rule.from_session import spread_of
from engine.core.keep_rule.repeated_run import repeated_run_now
from engine.core.session import Session
from engine.core.spread import Spread
from engine.core.text import one_line, sanitize
from tui.commands.options import json_option, tag_option, workspace_argument, workspace_option
from tui.commands.output import echo, print_json, style
from tui.present.certainty import noise_sentences, repeat_text
from tui.present.end_forecast import end_text
from tui.present.summary import show_change, summary_lines

if TYPE_CHECKING:
    from engine.client.request import EngineState


def print_diff(diff: str) -> None:
    """Print a sanitized diff with additions, removals and hunk headers in colour."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in diff.split("\n"):
        echo(style(sanitize(line), fg=colours.get(line[:1])))


def read_now(path: Path) -> EngineState:
    """Return the session's state, the current run's progress and the engine's pid.

    They come from the engine; from the journal, without progress, where no engine answers.

    Args:
        path: The workspace, or a directory in it.

    Raises:
        AutoresearchError: There is no session, or its journal cannot be read.
    """
    from engine.client.request import EngineState, ask_state

    workspace = find_workspace(path)
    if engine_pid(workspace) is not None:
        try:
            return ask_state(workspace)
        except EngineGoneError:
            pass  # it ended in the meantime; the journal has everything
    return EngineState(read_session(workspace), None, engine_pid(workspace))


@click.command()
@workspace_argument
@json_option
def status(path: Path, as_json: bool) -> None:
    """Show what the session does now and its best result so far."""
    now = read_now(path)
    session, pid = now.session, now.pid
    facts = status_facts(now)
    if as_json:
        print_json(facts)
        return
    alive = f" · engine {pid}" if pid is not None else ""
    echo(f"{facts['state']}{alive} · session {session.config.tag} · {session.config.agent}")
    current = session.active
    if current is not None:
        doing = facts["phase"] or "not running"
        left = f", {facts['elapsed_seconds']:.0f} s" if facts["elapsed_seconds"] is not None else ""
        if pid is None and session.running is not None:
            doing, left = "left to its run supervisor; the next engine takes it over", ""
        repeat = repeated_run_now(session)
        again = f" (run {len(current.runs)})" if session.running and len(current.runs) > 1 else ""
        if repeat is not None:
            again = f" ({repeat_text(repeat)})"
        echo(
            f"#{current.number} {doing}{again}{left}: {one_line(current.proposal.hypothesis, 100)}"
        )
    for index, queued in enumerate(session.ready):
        number = len(session.experiments) + 1 + index
        echo(f"next: #{number} (draft): {one_line(queued.proposal.hypothesis, 100)}")
    if now.stalled:
        echo(f"Waiting: {one_line(now.stalled)} It goes on by itself; nothing is lost.")
    if session.pause is not None:
        why = one_line(session.pause.reason).rstrip(".")
        echo(f"Paused: {why}. {one_line(session.pause.todo)}".rstrip())
    for line in summary_lines(session):
        echo(line)
    if session.incumbent is not None:
        for line in noise_sentences(session):
            echo(line)
    if session.ended is None and (ends := conditions_text(session.config)):
        left = end_text(session, datetime.now(UTC))
        echo(f"Ends {one_line(ends)}{f' ({left})' if left else ''}.")
    for alarm in session.alarms[-3:]:
        echo(f"Attention ({alarm.kind}): {one_line(alarm.message)}")


def spending_facts(session: Session) -> dict[str, Any]:
    """Return the language models' cost so far and to come, for JSON; None for what is not known."""
    spent, view = session.spending, forecast(session)
    return {
        "calls": spent.calls,
        "tokens": spent.tokens,
        "cached_tokens": spent.cached_tokens,
        "reasoning_tokens": spent.reasoning_tokens,
        "dollars": spent.dollars if spent.calls > spent.unpriced else None,
        "unpriced_calls": spent.unpriced,
        **view._asdict(),
    }


def noise_facts(session: Session, spread: Spread | None) -> dict[str, Any] | None:
    """Return the noise of the metric and the smallest gains to be seen, for JSON; None without it.

    Args:
        session: The session.
        spread: Its noise, from `spread_of`.
    """
    if spread is None:
        return None
    low, high = spread.interval
    seen = resolution(spread, session.config)
    return {
        "known": spread.is_known,
        "sigma": spread.sigma,
        "interval": [low, high] if math.isfinite(high) else None,
        "degrees_of_freedom": spread.degrees,
        "runs": spread.runs,
        "experiments": spread.commits,
        "left_out": spread.left_out,
        "smallest_gain": seen.gain if seen is not None else None,
        "more_repeats": seen.more_repeats if seen is not None else None,
        "smallest_gain_with_more_repeats": seen.gain_with_more if seen is not None else None,
    }


def _difference_facts(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {
        "gain": difference.gain,
        "half_width": difference.half_width,
        "runs": difference.runs,
        "baseline_runs": difference.runs_before,
    }


def status_facts(now: EngineState) -> dict[str, Any]:
    """Return what the session does and its best result, as plain values for JSON; times in seconds.

    Args:
        now: The session's state, as its engine or its journal reports it.
    """
    session, progress, pid = now.session, now.progress, now.pid
    best, current, run = session.best, session.active, session.running
    spread, repeat = spread_of(session), repeated_run_now(session)
    total = total_difference(session, spread)
    state = session.state.value if pid is not None or session.ended else "no engine"
    end = end_forecast(session, datetime.now(UTC)) if session.ended is None else None
    elapsed = (datetime.now(UTC) - run.started_at).total_seconds() if run is not None else None
    return {
        "engine_pid": pid,
        "state": state,
        "waits_for": now.stalled or None,
        "workspace": session.workspace,
        "tag": session.config.tag,
        "branch": session.branch,
        "frontier": session.frontier,
        "agent": session.config.agent,
        "sandbox": session.platform.sandbox if session.platform is not None else "none",
        "experiment": current.number if current is not None else None,
        "repeat": None
        if repeat is None
        else {
            "reason": repeat.reason.value,
            "run": repeat.place,
            "most": repeat.most or None,
            "text": repeat_text(repeat),
        },
        "phase": progress.phase.value if progress is not None else ("start-up" if run else None),
        "elapsed_seconds": elapsed,
        "share": progress.share if progress is not None else None,
        "loss": progress.loss if progress is not None else None,
        "metric": session.config.metric,
        "direction": session.direction.value,
        "best": None
        if best is None
        else {
            "experiment": best.number,
            "metric": session.best_metric,
            "commit": best.commit,
            "gain": session.total_gain,
            "half_width": total.half_width if total is not None else None,
            "runs": runs_behind(best),
        },
        "noise": noise_facts(session, spread),
        "closing": _difference_facts(closing_difference(session, spread)),
        "counts": {
            "keep": session.counts.keep,
            "discard": session.counts.discard,
            "crash": session.counts.crash,
            "total": session.counts.total,
        },
        "max_experiments": session.config.max_experiments,
        "until": session.config.until or None,
        "for_seconds": session.config.for_seconds,
        "target": session.config.target,
        "patience": session.config.patience,
        "experiments_without_keep": experiments_without_keep(session),
        "end_forecast": end._asdict() if end is not None else None,
        "guards": list(session.config.guards),
        "pause": None
        if session.pause is None
        else {"by": session.pause.by, "reason": session.pause.reason, "todo": session.pause.todo},
        "next": [
            {
                "hypothesis": q.proposal.hypothesis,
                "category": q.proposal.category,
                "patch_id": q.proposal.patch_id,
            }
            for q in session.ready
        ],
        "spending": spending_facts(session),
        "stopping": session.stop.value if session.stop is not None else None,
        "ended": session.ended,
        "alarms": [a.message for a in session.alarms],
        "results_file": session.results_file,
    }


@click.command()
@click.argument("number", type=click.IntRange(1))
@workspace_option
@tag_option
def diff(number: int, path: Path, tag: str | None) -> None:
    """Show what experiment NUMBER changed."""
    workspace = find_workspace(path)
    session = read_session(workspace, tag)
    try:
        experiment = session.experiment(number)
    except KeyError:
        raise UsageError(
            f"There is no experiment {number}.", f"The session has {len(session.experiments)}."
        ) from None
    patch = details(workspace, session.config.tag, number).patch
    state = experiment.verdict.value if experiment.verdict is not None else "open"
    change = show_change(session, experiment.gain)
    echo(f"#{number} {state} {change} {one_line(experiment.proposal.hypothesis)}")
    if not patch:
        echo(
            f"The baseline: {session.config.file_names} as it is."
            if number == 1
            else "No patch is recorded."
        )
        return
    print_diff(patch)
