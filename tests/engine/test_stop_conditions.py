"""Stop conditions for real: the plan resolves them, and an engine ends where one is reached."""

from __future__ import annotations

import os
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core.enums import RunPurpose
from engine.core.errors import UsageError
from engine.protocol import commands
from engine.setup.config_file import load_config
from engine.setup.plan import Plan, StartFlags, make_plan, save_plan
from tests.engine.test_confirmed_keeps import night
from tests.engine.test_ratchet import check_books, run, session_of, start, until
from tests.warm import run_warm
from tests.world import Gate, wait_for
from tui.commands.plan_lines import numbered_lines

NOW = datetime(2026, 11, 29, 22, 15, tzinfo=UTC).astimezone()
FLAGS = ("--budget", "0.05", "--autonomy", "auto")


def plan_of(workspace: Path, now: datetime = NOW, **settings: object) -> Plan:
    return make_plan(workspace, StartFlags(settings=settings), date(2026, 11, 29), now=now)


def test_the_plan_holds_the_moment_and_shows_all_conditions(repository: Path) -> None:
    plan = plan_of(repository, until="07:30", patience=20, target=0.97, max_experiments=9)
    at = datetime.fromisoformat(plan.config.until)
    assert (at.hour, at.minute) == (7, 30) and timedelta(0) < at - NOW <= timedelta(days=1)
    (line,) = (line for line in numbered_lines(plan) if line.label == "ends")
    assert line.value == (
        f"after 9 experiments, or at {at:%Y-%m-%d} 07:30, or at val_bpb 0.97, or after 20 "
        "experiments in a row without a keep"
    )
    save_plan(repository, plan)
    # The next day it is still the same moment, and no new session takes it over.
    later = plan_of(repository, NOW + timedelta(hours=1), tag="other")
    assert later.config.until == plan.config.until
    over = plan_of(repository, NOW + timedelta(days=1), tag="other")
    assert over.config.until == "" and over.config.patience == 20
    assert any("`until` in config.toml is over" in note for note in over.notes)


def test_a_time_written_into_the_config_is_resolved_in_the_plan(repository: Path) -> None:
    save_plan(repository, plan_of(repository))
    config = load_config(repository)
    path = repository / ".autoresearch/config.toml"
    path.write_text(path.read_text().replace('until = ""', 'until = "07:30"'))
    resolved = datetime.fromisoformat(plan_of(repository, tag=config.tag).config.until)
    assert (resolved.hour, resolved.minute) == (7, 30) and resolved.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2001-01-01T00:00", "is over: 2001-01-01T00:00"),
        ("soon", "Invalid value for --until: 'soon'"),
        ("25:00", "a time such as 07:30"),
    ],
)
def test_a_time_that_is_over_or_none_is_refused(repository: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_of(repository, until=text)
    refused = run_warm("start", repository, "--yes", "--tag", "t", "--until", text)
    assert refused.returncode == 2 and message.split(":")[0] in refused.stderr
    assert not (repository / ".autoresearch/t/journal.jsonl").exists()


@pytest.mark.usefixtures("engines")
def test_a_session_ends_at_its_target_or_without_keeps_and_goes_on(repository: Path) -> None:
    run(repository, *FLAGS, "--target", "5", "--patience", "3")
    session = session_of(repository)
    assert session.ended is not None and session.ended.startswith(
        "the target 5 is reached: val_bpb"
    )
    assert session.counts.total == 1
    refused = run_warm("start", repository, "--yes", "--tag", "t")
    assert refused.returncode == 2 and "has reached its target 5" in refused.stderr
    run(repository, "--target", "none", "--autonomy", "auto")
    session = session_of(repository)
    assert session.ended == "3 experiments in a row brought no keep"
    check_books(repository)
    done = session.counts.total
    # Continued, it counts from 0 again.
    run(repository, "--max", str(done + 3))
    session = session_of(repository)
    assert session.counts.total in range(done + 1, done + 4)
    facts = run_warm("status", repository, "--json").stdout
    assert '"patience": 3' in facts and '"experiments_without_keep"' in facts


def give_time(workspace: Path, pid: int) -> None:
    """Kill the engine during a run; the next one takes over the run, with little time left."""
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: engine_pid(workspace) is None, "the engine's end")
    start(workspace, "--for", "1s")


@pytest.mark.usefixtures("engines")
def test_a_session_ends_after_its_time_once_its_run_is_finished(
    repository: Path, tmp_path: Path
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    pid = start(repository, *FLAGS, "--no-probe")
    until(repository, lambda s: s.running, "the run")
    give_time(repository, pid)
    wait_for(lambda: _is_over(repository), "the end of the time")
    assert "Ends after 1.0 s (for 1.0 s" in run_warm("status", repository).stdout
    gate.open()
    session = until(repository, lambda s: s.ended, "the end")
    assert session.ended == "its time is over: for 1.0 s"
    assert session.counts.total == 1 and session.incumbent == 1
    check_books(repository)


@pytest.mark.usefixtures("engines")
def test_a_paused_session_ends_with_its_time_and_goes_on_later(
    repository: Path, tmp_path: Path
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    pid = start(repository, *FLAGS, "--no-probe")
    until(repository, lambda s: s.running, "the run")
    send_command(repository, commands.PauseLoop())
    give_time(repository, pid)
    gate.open()
    session = until(repository, lambda s: s.ended, "the end")
    paused = "its time is over: for 1.0 s; it was paused: paused from the command line"
    assert session.ended == paused
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    start(repository, "--for", "none", "--max", "2")
    send_command(repository, commands.ResumeLoop())
    session = until(repository, lambda s: s.ended, "the end")
    assert session.ended == "all 2 experiments are done"


def _is_over(workspace: Path) -> bool:
    since = session_of(workspace).limits_since
    return since is not None and datetime.now(UTC) - since > timedelta(seconds=1)


@pytest.mark.usefixtures("engines")
def test_the_closing_measurement_comes_before_the_end_at_a_target(tmp_path: Path) -> None:
    effect = "abs(MATRIX_LR - 0.08) + abs(EMBEDDING_LR - 1.2)"
    session = night(tmp_path, effect, "--target", "1.639")
    best = session.best
    assert session.ended is not None and best is not None and not best.is_baseline
    assert session.ended.startswith("the target 1.639 is reached")
    for experiment in (session.experiments[0], best):
        assert len(experiment.values(RunPurpose.CLOSING)) == 2
