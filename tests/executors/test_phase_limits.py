"""Which runs the limits of a phase end: only those whose log says what remains of the budget."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.core.config import ResearchConfig
from engine.executors.local import RunHandle
from engine.loop import run_monitor
from engine.loop.run_monitor import RunMonitor
from tests.executors.test_supervisor import begin, survivors
from tests.world import wait_for

MODEL = """  | Name  | Type | Params
---------------------------
0 | net   | MLP  | 1.2 M
---------------------------
"""
STEP = "step 00005 ({}%) | loss: 2.5 | remaining: {}s  "
LIMITS = ResearchConfig(
    budget_seconds=1.0, startup_seconds=10.0, evaluation_seconds=10.0, silence_seconds=10.0
)


class Clock:
    """The monotonic clock of a monitor, which only moves when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        times = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now)
        monkeypatch.setattr(run_monitor, "time", times)


def killed_by(handle: RunHandle, clock: Clock, config: ResearchConfig) -> str | None:
    """Let a monitor look at a run that prints nothing more, for as long as any limit of a phase."""
    monitor = RunMonitor(
        handle,
        config,
        deadline_seconds=10**6,
        on_progress=lambda _: None,
        on_alarm=lambda message: None,
        on_report_waits=lambda: None,
    )
    try:
        for _ in range(40):
            monitor._read(None)
            monitor._report_progress()
            monitor._enforce()
            clock.now += 9.0
            if handle.kill_requested_at is not None:
                break
        return monitor._killed_by
    finally:
        if handle.kill_requested_at is None:
            handle.kill()
        asyncio.run(handle.wait())
        monitor._follower.read_all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (STEP.format("0.0", 300), "start-up"),
        (STEP.format("50.0", 150), "silence"),
        (STEP.format("100.0", 0), "evaluation"),
        (f"{STEP.format('100.0', 0)}\n---\nval_bpb: 0.9\nnum_steps: 5\n", "evaluation"),
        ("", None),
        (MODEL, None),
        ("Epoch 1\n-------------------------------\n", None),
        ("---\nval_bpb: 0.9\nnum_steps: 5\n", None),
        ("step 5 (50.0%) loss: 2.5 \n", None),
        ("step 5/100 | loss: 2.5 \n", None),
        ("100%|####| 10/10 [00:01<00:00, 9.9it/s, loss=0.21]\n", None),
        (f"{STEP.format('50.0', 150)}\nstep 6 loss: 2.5 \n", None),
    ],
)
def test_a_silent_run_ends_at_the_limit_of_a_phase_only_where_the_phase_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str | None
) -> None:
    code = f"import time; print({text!r}, end='# up', flush=True); time.sleep(3600)"
    handle = begin(tmp_path, code)
    wait_for(lambda: "up" in handle.log.read_text("utf-8", "replace"), "the output")
    assert killed_by(handle, Clock(monkeypatch), LIMITS) == reason
    assert survivors(tmp_path) == []
