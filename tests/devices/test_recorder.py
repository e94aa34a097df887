"""Selection of the machine samples kept for a replay."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.client.sessions import read_session
from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Outcome
from engine.core.layout import Layout
from engine.core.machine import GpuSample, MachineSample
from engine.core.reducer import fold
from engine.core.session import Session
from engine.devices.recorder import MachineRecorder
from engine.store.journal import read_journal
from tests.world import run_command

START = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
CLOCK = 5000.0
"""Seconds of the monotonic clock when the run is first seen."""
SAMPLE = MachineSample(
    gpus=(GpuSample(index=0, name="H100", utilisation_percent=98.0),), cpu_percent=12.0, cores=26
)


def running(budget: float | None, run: int = 1) -> Session:
    """Return a session with a run that started at START."""
    events: list[ev.AnyEvent] = [
        ev.SessionStarted(
            version="1",
            workspace="/w",
            branch="b",
            base_commit="0" * 40,
            config=ResearchConfig(budget_seconds=budget),
            results_file="results.tsv",
        ),
        ev.ProposalDrafted(
            experiment=1, base="", proposal=ev.Proposal(patch_id="", hypothesis="x"), patch=""
        ),
    ]
    for number in range(1, run + 1):
        events.append(
            ev.RunStarted(
                at=START,
                experiment=1,
                run=number,
                slot=0,
                command="",
                directory="",
                deadline_seconds=900.0,
            )
        )
        if number < run:
            events.append(ev.RunEnded(experiment=1, run=number, outcome=Outcome.OUT_OF_MEMORY))
    return fold(events)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (300.0, [10, 70, 130, 190, 250, 310]),
        (60.0, [10, 30, 50, 70]),
        (3.0, [2, 22]),
        (None, [10, 130, 250]),
    ],
)
def test_about_six_samples_of_a_run_are_recorded(budget: float | None, expected: list[int]) -> None:
    recorder, session = MachineRecorder(), running(budget)
    last = expected[-1]
    kept = []
    for second in range(last + 1):
        if recorder.is_due(session, CLOCK + second):
            event = recorder.record(session, SAMPLE, CLOCK + second)
            assert event is not None and (event.experiment, event.run) == (1, 1)
            kept.append(second)
    assert kept == expected


def test_a_new_run_starts_over_and_without_a_run_nothing_is_recorded() -> None:
    recorder = MachineRecorder()
    assert not recorder.is_due(Session(), CLOCK)
    assert not recorder.is_due(running(300.0), CLOCK)
    assert recorder.is_due(running(300.0), CLOCK + 15)
    # It ended meanwhile.
    assert recorder.record(running(300.0, run=2), SAMPLE, CLOCK + 15) is None
    assert not recorder.is_due(running(300.0, run=2), CLOCK + 15)
    assert recorder.is_due(running(300.0, run=2), CLOCK + 25)


@pytest.mark.usefixtures("engines")
def test_a_real_run_is_recorded_without_a_client(repository: Path) -> None:
    words = ("--headless", "--yes", "--tag", "t", "--max", "1", "--budget", "3")
    assert run_command("run", repository, *words).returncode == 0
    events = read_journal(Layout(repository, "t").journal)
    samples = [e.sample for e in events if isinstance(e, ev.DevicesSampled)]
    assert samples and samples[0].run_processes > 0 and samples[0].ram_total_bytes > 0
    machine = read_session(repository).machine
    assert machine is not None and machine.sample == samples[-1]
