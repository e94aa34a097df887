"""Guardrails for real: an engine discards what breaks one, and says where none can be checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core.enums import StopMode, Verdict
from engine.protocol import commands
from tests.engine.test_ratchet import rows, run, session_of, start, until
from tests.warm import run_warm
from tests.world import TRAIN, make_repository, wait_for

pytestmark = pytest.mark.usefixtures("engines")

GROWS = TRAIN.replace('print("peak_vram_mb:     512.0")', 'print(f"peak_vram_mb: {128 * DEPTH}.0")')
FLAGS = ("--budget", "0.05", "--autonomy", "auto")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "w", {"train.py": GROWS})


def test_a_breach_is_a_discard_with_its_reason_until_the_user_keeps_it(workspace: Path) -> None:
    guards = ("--guard", "peak_vram_mb <= 600", "--guard", "num_steps >= 0.01x")
    start(workspace, *FLAGS, *guards, "--max", "2", "--first-hypothesis", "DEPTH=5")
    session = until(workspace, lambda s: s.ended, "the end")
    second = session.experiment(2)
    broken = "peak_vram_mb is 640, against `peak_vram_mb <= 600`"
    assert second.verdict is Verdict.DISCARD and second.gain is not None and second.gain > 0
    assert second.breaches == (broken,)
    assert second.verdict_reason == f"better by {second.gain:.6g}, but {broken}"
    assert rows(workspace)[1][3] == "discard" and broken in rows(workspace)[1][4]
    assert session.incumbent == 1 and not session.held
    assert run_warm("report", workspace).returncode == 0
    (summary,) = (workspace / ".autoresearch/t/report").glob("*-summary.md")
    told = "Guardrails: peak_vram_mb <= 600 and num_steps >= 0.01x; 1 experiment broke one."
    assert told in summary.read_text().replace("\\", "")
    wait_for(lambda: engine_pid(workspace) is None, "the engine's end")
    start(workspace, "--max", "500")
    keep = commands.OverruleVerdict(experiment=2, verdict=Verdict.KEEP, reason="it fits")
    send_command(workspace, keep)
    session = until(workspace, lambda s: not s.pending_overrules, "the verdict of the user")
    assert session.experiment(2).effective_verdict is Verdict.KEEP


def test_a_figure_that_is_never_printed_pauses_after_the_baseline(workspace: Path) -> None:
    start(workspace, *FLAGS, "--guard", "vram <= 600", "--max", "3")
    session = until(workspace, lambda s: s.pause, "the pause")
    assert session.pause is not None
    assert session.pause.reason.startswith(
        "the baseline prints no figure of that name for the guardrail `vram <= 600`. It gives: "
        "val_bpb, training_seconds, peak_vram_mb, num_steps"
    )
    assert session.counts.total == 1 and session.incumbent == 1
    send_command(workspace, commands.StopSession(mode=StopMode.NOW))
    wait_for(lambda: engine_pid(workspace) is None, "the engine's end")
    words = ("start", workspace, "--yes", "--tag", "t")
    refused = run_warm(*words, "--guard", "vram <= 1")
    assert refused.returncode == 2
    assert "did not print" in refused.stderr and "peak_vram_mb" in refused.stderr
    wrong = run_warm(*words, "--guard", "vram = 1")
    assert wrong.returncode != 0 and "peak_vram_mb <= 39000" in wrong.stderr
    run(workspace, "--guard", "none")
    session = session_of(workspace)
    assert session.counts.total == 3 and session.config.guards == ()


def test_a_baseline_that_breaks_a_guardrail_is_told(workspace: Path) -> None:
    run(workspace, *FLAGS, "--guard", "peak_vram_mb <= 500", "--max", "2")
    session = session_of(workspace)
    (alarm,) = (a for a in session.alarms if a.kind == "guardrail")
    assert alarm.message == (
        "the baseline breaks a guardrail: peak_vram_mb is 512, against `peak_vram_mb <= 500`. "
        "Only edits within it are kept"
    )
    assert session.pause is None and session.experiment(1).verdict is Verdict.KEEP
    assert "· breach" not in run_warm("results", workspace).stdout
