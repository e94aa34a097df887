"""The rule of an early stop on the loss curves that real sessions of the harness left."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench_early_stop import CURVES, read_curves, replay

SETS = sorted(CURVES.glob("*.json.gz"))


def test_there_are_sets_of_at_least_twenty_runs() -> None:
    assert len(SETS) >= 3
    assert all(len(read_curves(path)) >= 20 for path in SETS)


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.name)
def test_no_keep_of_a_recorded_session_is_lost(path: Path) -> None:
    found = replay(read_curves(path))
    assert found.keeps > 0
    assert found.lost == []


def test_hopeless_runs_of_the_recorded_sessions_are_stopped() -> None:
    assert sum(len(replay(read_curves(path)).stopped) for path in SETS) >= 20
