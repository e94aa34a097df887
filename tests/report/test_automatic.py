"""The summaries that an engine writes by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Verdict
from engine.report import automatic
from engine.report.automatic import Reports
from tests.report.nights import Night


async def test_a_report_every_ten_experiments_and_at_the_end(tmp_path: Path) -> None:
    night = Night(tmp_path)
    reports = Reports(night.layout)
    reports.attach(night.journal)
    for number in range(1, 13):
        verdict = Verdict.KEEP if number in (1, 10) else Verdict.DISCARD
        night.experiment(1 - number / 100, verdict, f"idea {number}", gain=0.01)
    night.say(ev.SessionEnded(reason="enough"))
    await reports.close()
    home = night.layout.session
    progress = (home / "report" / "progress-0010.md").read_text()
    assert progress.startswith("# Progress after 10 experiments: night")
    # The tenth was kept, and the branch had moved when this was written.
    assert "0.90 (\\#10" in progress
    assert "idea 12" not in progress
    summary = (home / "autoresearch-summary.md").read_text()
    assert summary.startswith("# Summary: night") and "12 experiments" in summary
    assert [path.name for path in (home / "report").iterdir()] == ["progress-0010.md"]
    assert {path.name for path in tmp_path.iterdir()} == {".autoresearch"}


async def test_a_failure_is_reported_once_and_does_not_stop_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = Night(tmp_path, report_every=1)
    reports = Reports(night.layout)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(automatic, "write_durably", full)
    reports.attach(night.journal)
    for _ in range(3):
        night.experiment(1.0, Verdict.DISCARD)
    night.say(ev.SessionEnded(reason="enough"))
    await reports.close()
    alarms = [alarm for alarm in night.journal.session.alarms if alarm.kind == "report"]
    assert len(alarms) == 1
    assert "No space left on device" in alarms[0].message
    assert "autoresearch-tui report" in alarms[0].message


async def test_reports_can_be_turned_off(tmp_path: Path) -> None:
    night = Night(tmp_path, report_every=0)
    reports = Reports(night.layout)
    reports.attach(night.journal)
    night.experiment(1.0, Verdict.KEEP)
    await reports.close()
    assert not list(night.layout.session.rglob("*.md"))
