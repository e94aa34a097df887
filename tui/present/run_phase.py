"""Determines the current run's phase and elapsed time from its newest sample."""

from __future__ import annotations

from engine.core.enums import Phase
from engine.protocol.messages import Progress
from tui.view import View

_SILENT_SECONDS = 5.0
"""Seconds without progress after which a run without a time budget is in the phase `RUNNING`."""


def sample_of(view: View) -> Progress | None:
    """Return the newest progress sample of the current experiment; None while there is none."""
    progress, current = view.progress, view.session.active
    if progress is None or current is None or progress.experiment != current.number:
        return None
    return progress


def elapsed_of(view: View) -> float:
    """Return the seconds since the current run started, even without samples; 0 without a run."""
    run, sample = view.session.running, sample_of(view)
    if run is None:
        return 0.0
    since = (view.now - run.started_at).total_seconds()
    return max(since, sample.elapsed_seconds if sample is not None else 0.0)


def phase_of(view: View) -> Phase:
    """Return the phase of the current run as its log shows it; `STARTING` without any sample.

    A run without a time budget that stays silent for some seconds is in the phase `RUNNING`.
    """
    sample = sample_of(view)
    phase = sample.phase if sample is not None else Phase.STARTING
    silent = phase is Phase.STARTING and (sample is None or sample.step is None)
    endless = view.session.config.budget_seconds is None
    return Phase.RUNNING if silent and endless and elapsed_of(view) >= _SILENT_SECONDS else phase
