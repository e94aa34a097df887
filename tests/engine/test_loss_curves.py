"""The loss curve of each run lies in a file beside its log."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.core.config import ResearchConfig
from engine.core.curves.curve import encode
from engine.core.layout import Layout
from engine.loop import run_monitor
from engine.loop.run_monitor import RunMonitor
from engine.store.curve_file import curve_of_log, read_curve
from tests.engine.test_ratchet import run, session_of

pytestmark = pytest.mark.usefixtures("engines")


def test_each_run_has_its_curve_at_full_rate(repository: Path) -> None:
    run(repository, "--max", "2", "--budget", "0.5")
    for number in (1, 2):
        directory = Layout(repository, "t").run(number, 1)
        curve = read_curve(directory)
        assert encode(curve.points) == encode(curve_of_log(directory / "run.log").points)
        track = curve.by_share()
        assert track is not None
        assert track.end == 1.0
        recorded = session_of(repository).experiment(number).runs[0].curve
        assert len(curve) >= len(recorded)


class Following:
    """A monitor of a log that the test writes, under a clock that the test moves."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, started: float) -> None:
        self.now = 1_000.0
        times = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now)
        monkeypatch.setattr(run_monitor, "time", times)
        self.log = directory / "run.log"
        self.directory = directory
        handle: Any = SimpleNamespace(
            directory=directory,
            started_at=started,
            open_log=lambda: os.open(self.log, os.O_RDONLY),
        )
        self.monitor = RunMonitor(
            handle,
            ResearchConfig(budget_seconds=10.0),
            deadline_seconds=10**6,
            on_progress=lambda _: None,
            on_alarm=lambda message: None,
            on_report_waits=lambda: None,
        )

    def prints(self, step: int) -> None:
        with self.log.open("a") as file:
            file.write(f"iter {step}: loss 3.5\n")

    def shares(self) -> list[float]:
        self.monitor._read(None)
        track = read_curve(self.directory).by_share()
        return [] if track is None else list(track.positions)


def test_the_clock_tells_the_share_of_a_script_that_prints_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = Following(tmp_path, monkeypatch, started=1_000.0)
    following.prints(1)
    following.now += 60  # the model compiles
    assert following.shares() == [0.0]
    following.prints(2)
    following.now += 4
    assert following.shares() == [0.0, 0.4]
    following.prints(3)
    following.now += 400
    assert following.shares() == [0.0, 0.4, 1.0]


def test_an_engine_that_adopts_a_run_infers_the_shares_of_earlier_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = Following(tmp_path, monkeypatch, started=995.0)
    for step in (1, 2):
        following.prints(step)
    assert following.shares() == []
    following.prints(4)
    following.now += 3
    assert following.shares() == [0.2, 0.4, 0.8]
