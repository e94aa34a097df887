"""What the current run does, and since when: its last sample may be old."""

from __future__ import annotations

from engine.core.enums import Phase
from engine.protocol.messages import Progress
from tui.view import View

_SILENT_SECONDS = 5.0
"""So long a run without a budget may say nothing before it counts as one that never will."""


def sample_of(view: View) -> Progress | None:
    """The newest sample of the current run; None while there is none."""
    progress, current = view.progress, view.session.current
    if progress is None or current is None or progress.experiment != current.number:
        return None
    return progress


def elapsed_of(view: View) -> float:
    """Seconds since the current run started. A script that says nothing sends no samples."""
    run, sample = view.session.running, sample_of(view)
    if run is None:
        return 0.0
    since = (view.now - run.started_at).total_seconds()
    return max(since, sample.elapsed_seconds if sample is not None else 0.0)


def phase_of(view: View) -> Phase:
    """What the current run does, as far as its log tells."""
    sample = sample_of(view)
    phase = sample.phase if sample is not None else Phase.STARTING
    silent = phase is Phase.STARTING and (sample is None or sample.step is None)
    endless = view.session.config.budget_seconds is None
    return Phase.RUNNING if silent and endless and elapsed_of(view) >= _SILENT_SECONDS else phase
