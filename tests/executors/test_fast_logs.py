"""A log that grows faster than it is parsed: parts are skipped, and yet no value is missed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.core.config import ResearchConfig
from engine.loop import log_follower
from engine.loop.run_monitor import FinishedRun, RunMonitor
from tests.executors.test_supervisor import begin

CODE = """
for number in range(400):
    print("x" * 500)
print("val_bpb: 0.25" if "{where}" == "early" else "")
for number in range(4000):
    print("y" * 500)
print("val_bpb: 0.75" if "{where}" != "never" else "")
"""


def follow(tmp_path: Path, where: str, pick: str) -> FinishedRun:
    handle = begin(tmp_path, CODE.format(where=where))
    return asyncio.run(
        RunMonitor(
            handle,
            ResearchConfig(metric_pick=pick),
            deadline_seconds=3600,
            on_progress=lambda _: None,
            on_alarm=lambda message: None,
            on_report_waits=lambda: None,
        ).follow()
    )


@pytest.mark.parametrize(
    ("where", "pick", "value"),
    [
        ("early", "last", 0.75),
        ("early", "best", 0.25),
        ("early", "first", 0.25),
        ("early", "mean of last 2", 0.5),
        ("late", "best", 0.75),
        ("never", "last", None),
    ],
)
def test_a_value_in_a_skipped_part_counts_by_the_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, pick: str, value: float | None
) -> None:
    monkeypatch.setattr(log_follower, "_SKIP_BEHIND_BYTES", 50_000)
    monkeypatch.setattr(log_follower, "_CHUNK_BYTES", 20_000)
    finished = follow(tmp_path, where, pick)
    assert finished.log.metric_value == value
    assert "y" * 500 in finished.log.tail
