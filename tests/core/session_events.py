"""The events that begin a session and a run, with defaults for what a test does not depend on."""

from __future__ import annotations

from datetime import datetime

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import RunPurpose


def session_started(
    config: ResearchConfig | None = None, *, at: datetime = ev.EPOCH
) -> ev.SessionStarted:
    """Return the beginning of a session."""
    return ev.SessionStarted(
        at=at,
        version="1",
        workspace="/w",
        branch="b",
        base_commit="0" * 40,
        config=config or ResearchConfig(),
        results_file="results.tsv",
    )


def run_started(
    number: int,
    run: int = 1,
    purpose: RunPurpose = RunPurpose.TRIAL,
    *,
    at: datetime = ev.EPOCH,
) -> ev.RunStarted:
    """Return the beginning of a run of an experiment."""
    return ev.RunStarted(
        at=at,
        experiment=number,
        run=run,
        slot=0,
        command="x",
        directory=".",
        deadline_seconds=1.0,
        purpose=purpose,
    )
