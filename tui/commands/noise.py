"""Measures the noise of the metric before a night, for the verb `noise`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from engine.client.sessions import read_session
from engine.core.config import CONFIRM
from engine.core.enums import RunPurpose
from engine.core.errors import UsageError
from engine.core.keep_rule.certainty import calibration_warning, coarse_metric, resolution
from engine.core.keep_rule.from_session import spread_of
from engine.core.session import Session
from engine.core.text import duration
from tui.commands.foreground import run_in_foreground
from tui.commands.options import workspace_argument
from tui.commands.output import echo
from tui.commands.session import confirm_plan, refuse_second_engine
from tui.commands.session_options import session_options, start_flags

NIGHT_HOURS = 8
_RUNS_PER_EDIT = 1.4
"""Runs that the rule `confirm` makes for an edit without effect, as docs/trust.md measures."""


@click.command()
@workspace_argument
@click.option(
    "--runs",
    type=click.IntRange(2, 50),
    default=5,
    show_default=True,
    help="How often the file is run as it is.",
)
@session_options
def noise(path: Path, runs: int, yes: bool, **flags: Any) -> None:
    """Measure how much the metric varies, and which gains that hides.

    The file is run as it is several times. These runs are the baseline of the session, which
    `start` continues. A session that has its baseline already is not run again; its noise is shown.
    """
    workspace = path.resolve()
    refuse_second_engine(workspace)
    if flags.get("rule") not in (None, CONFIRM):
        raise UsageError("The noise is measured for the rule confirm.", "", "Leave out --rule.")
    given = start_flags({**flags, "calibrate": runs, "rule": CONFIRM})
    workspace, plan = confirm_plan(path, given, yes=yes)
    past = read_session(workspace, plan.config.tag) if plan.continues else None
    if past is not None and past.incumbent is not None:
        session = past
        echo(f"Session {plan.config.tag} has its baseline already; --tag NEW measures again.")
    else:
        session = run_in_foreground(workspace, screen=False, baseline_only=True)
    for line in noise_lines(session):
        echo(line)


def noise_lines(session: Session) -> Iterator[str]:
    """Yield what is known about the noise of a session's metric, and what it hides."""
    spread, metric = spread_of(session), session.config.metric
    if spread is None:
        yield f"The noise of {metric} is not known: nothing was run twice."
        return
    if spread.sigma == 0:
        yield f"{spread.runs} runs gave exactly the same {metric}: there is no noise to see."
    else:
        low, high = spread.interval
        yield (
            f"Noise of {metric}: σ {spread.sigma:.3g} from {spread.runs} runs (95 % confidence: "
            f"{low:.3g} to {high:.3g})."
        )
    if warning := calibration_warning(session):
        yield f"Attention: {warning}."
    if coarse := coarse_metric(session):
        yield coarse
    seen = resolution(spread, session.config)
    if spread.sigma and seen is not None:
        yield (
            f"Gains below {seen.gain:.2g} cannot be seen on this machine with "
            f"{session.config.repeats} repeats; with {seen.more_repeats}, below "
            f"{seen.gain_with_more:.2g}."
        )
    elif spread.sigma:
        yield "That is too few runs to say which gains can be seen: take --runs 5."
    seconds = [r.seconds for r in session.experiments[0].runs if r.purpose is RunPurpose.TRIAL]
    if seconds and fmean(seconds) > 0:
        edits = int(3600 * NIGHT_HOURS / fmean(seconds) / (_RUNS_PER_EDIT if spread.sigma else 1))
        yield (
            f"A run takes {duration(fmean(seconds))}: about {edits} edits in {NIGHT_HOURS} hours, "
            "repeats included."
        )
