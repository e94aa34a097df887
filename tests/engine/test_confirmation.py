"""The record of what the user confirmed, which every start of an engine is compared with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.config import ResearchConfig
from engine.core.errors import UsageError, WorkspaceError
from engine.setup.config_file import load_config, save_config
from engine.setup.confirmation import (
    confirm,
    differences,
    forget_confirmation,
    require_confirmation,
)
from engine.setup.plan import StartFlags, make_plan, save_plan
from tests.engine.test_detect import TODAY
from tests.warm import run_warm
from tests.world import DEADLINE_SECONDS, git, run_command

CONFIG = ResearchConfig(tag="t")


def records(home: Path) -> list[Path]:
    return sorted((home / ".local/state").rglob("*.json"))


def test_a_confirmed_config_is_recorded_privately_outside_the_workspace(repository: Path) -> None:
    assert "not confirmed" in differences(repository, CONFIG)[0]
    confirm(repository, CONFIG)
    assert differences(repository, CONFIG) == ()
    (record,) = records(Path.home())
    assert record.stat().st_mode & 0o777 == 0o600
    assert record.parent.stat().st_mode & 0o777 == 0o700
    assert not list(repository.rglob("*.json"))


def test_each_setting_that_differs_is_named_with_both_values(repository: Path) -> None:
    confirm(repository, CONFIG)
    changed = replace(CONFIG, command="sh evil.sh", pass_env=("AWS_SECRET_ACCESS_KEY",))
    command, pass_env = differences(repository, changed)
    assert "`command` is 'sh evil.sh'; you confirmed 'python train.py'" in command
    assert "pass_env" in pass_env and "AWS_SECRET_ACCESS_KEY" in pass_env
    with pytest.raises(UsageError, match=r"evil\.sh"):
        require_confirmation(repository, changed)


def test_sessions_are_confirmed_one_by_one(repository: Path) -> None:
    confirm(repository, CONFIG)
    other = replace(CONFIG, tag="u", command="other")
    assert "session 'u'" in differences(repository, other)[0]
    confirm(repository, other)
    assert differences(repository, CONFIG) == differences(repository, other) == ()


def test_changed_addresses_of_notifications_are_a_difference(repository: Path) -> None:
    confirm(repository, CONFIG)
    (repository / ".autoresearch").mkdir()
    file = repository / ".autoresearch/notify.toml"
    file.write_text('urls = ["ntfy://theirs"]\n')
    assert "notify.toml" in differences(repository, CONFIG)[0]
    confirm(repository, CONFIG)
    assert differences(repository, CONFIG) == ()
    file.unlink()
    assert "notify.toml" in differences(repository, CONFIG)[0]


def test_a_moved_or_replaced_directory_is_not_the_confirmed_one(
    repository: Path, tmp_path: Path
) -> None:
    confirm(repository, CONFIG)
    moved = repository.rename(tmp_path / "moved")
    assert "not confirmed" in differences(moved, CONFIG)[0]
    shutil.copytree(moved, repository)
    assert "another directory" in differences(repository, CONFIG)[0]
    confirm(repository, CONFIG)
    assert differences(repository, CONFIG) == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[" * 200_000, b"\xff", b'{"workspace":1}'],
    ids=["empty", "null", "nested", "not text", "of another form"],
)
def test_a_damaged_record_confirms_nothing(repository: Path, content: bytes) -> None:
    confirm(repository, CONFIG)
    (record,) = records(Path.home())
    record.write_bytes(content)
    assert "is damaged" in differences(repository, CONFIG)[0]
    confirm(repository, CONFIG)
    assert differences(repository, CONFIG) == ()


def test_the_record_of_a_deleted_workspace_is_removed(repository: Path) -> None:
    forget_confirmation(repository)  # there is none yet
    confirm(repository, CONFIG)
    forget_confirmation(repository)
    assert records(Path.home()) == []


def test_a_state_directory_that_cannot_be_written_is_an_error(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    with pytest.raises(WorkspaceError, match="XDG_STATE_HOME"):
        confirm(repository, CONFIG)


def test_the_engine_itself_refuses_an_unconfirmed_config(repository: Path) -> None:
    plan = make_plan(repository, StartFlags(), TODAY)
    save_config(repository, replace(plan.config, command="touch marker"))
    command = [sys.executable, "-P", "-m", "engine.server.daemon", str(repository)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert refused.returncode == 2
    assert "error: The research config is not confirmed." in refused.stderr
    assert not (repository / ".autoresearch/engine.log").exists()


# ---- a workspace with a session


def session(repository: Path, *words: str) -> None:
    flags = ("--headless", "--yes", "--tag", "t", "--budget", "0.05")
    done = run_warm("run", repository, *flags, *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("engines")
def test_a_cloned_session_starts_nothing_before_it_is_confirmed(
    repository: Path, tmp_path: Path
) -> None:
    session(repository, "--max", "1")
    theirs = tmp_path / "clone"
    shutil.copytree(repository, theirs, symlinks=True)
    config = load_config(theirs)
    save_config(theirs, replace(config, command=f"touch {tmp_path / 'marker'}", max_experiments=3))
    for verb in (["start"], ["run", "--headless"], ["baseline"], ["start", "--max", "9"]):
        refused = run_warm(verb[0], theirs, *verb[1:])
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert "not confirmed" in refused.stderr and "--yes" in refused.stderr
        assert "touch" in refused.stdout  # the plan is shown
        assert "counts as yours: 1 experiment, 0 queued proposals" in refused.stdout
    assert not (tmp_path / "marker").exists()


@pytest.mark.usefixtures("engines")
def test_a_confirmed_session_continues_without_a_question(repository: Path) -> None:
    session(repository, "--max", "1")
    again = run_warm("run", repository, "--headless", "--max", "2")
    assert again.returncode == 0, again.stderr
    (repository / ".autoresearch/config.toml").write_text(
        (repository / ".autoresearch/config.toml").read_text().replace("= 900.0", "= 901.0")
    )
    edited = run_warm("run", repository, "--headless", "--max", "3")
    assert edited.returncode == 2
    assert "`startup_seconds` is 901.0; you confirmed 900.0" in edited.stdout + edited.stderr
    accepted = run_warm("run", repository, "--headless", "--max", "3", "--yes")
    assert accepted.returncode == 0, accepted.stderr


def test_a_session_that_git_tracks_is_always_asked_about(repository: Path) -> None:
    plan = make_plan(repository, StartFlags(settings={"tag": "t"}), TODAY)
    save_plan(repository, plan)
    assert make_plan(repository, StartFlags(), TODAY).unconfirmed == ()
    git(repository, "add", "-f", ".autoresearch")
    git(repository, "commit", "-qm", "theirs")
    (only,) = make_plan(repository, StartFlags(), TODAY).unconfirmed
    assert "Git tracks .autoresearch" in only
    assert "git rm -r --cached .autoresearch" in run_command("start", repository).stderr


def test_the_keys_of_a_tracked_env_file_are_asked_about_once(repository: Path) -> None:
    (repository / ".env").write_text("ANTHROPIC_API_KEY=theirs\nLD_PRELOAD=/evil.so\n")
    flags = StartFlags(settings={"tag": "t", "model": "anthropic/claude-sonnet-4-5"})
    plan = make_plan(repository, flags, TODAY)
    assert plan.unconfirmed == ()
    assert ".env gives the agent ANTHROPIC_API_KEY." in plan.notes
    assert "left out: LD_PRELOAD" in plan.notes[-1]
    git(repository, "add", ".env")
    (asked,) = make_plan(repository, flags, TODAY).unconfirmed
    assert "Git tracks .env, so its ANTHROPIC_API_KEY may be another person's" in asked
    assert make_plan(repository, StartFlags(), TODAY).unconfirmed == ()  # the search needs no key
    save_plan(repository, make_plan(repository, flags, TODAY))
    assert make_plan(repository, flags, TODAY).unconfirmed == ()
    (repository / ".env").write_text("ANTHROPIC_API_KEY=another\n")
    (asked,) = make_plan(repository, flags, TODAY).unconfirmed
    assert "Git tracks .env" in asked


def test_a_start_request_that_was_not_confirmed_is_ignored_and_refused(repository: Path) -> None:
    flags = StartFlags(settings={"tag": "t"}, first_hypothesis="DEPTH=6")
    save_plan(repository, make_plan(repository, flags, TODAY))
    again = make_plan(repository, StartFlags(), TODAY)  # as after a start that failed
    assert again.start_request.first_hypothesis == "DEPTH=6"
    request = repository / ".autoresearch/t/opening.json"
    request.write_text(request.read_text().replace("DEPTH=6", "DEPTH=9"))
    changed = make_plan(repository, StartFlags(), TODAY)
    assert changed.start_request.first_hypothesis == ""
    assert "opening.json, is ignored" in changed.unconfirmed[-1]
    with pytest.raises(UsageError, match=r"opening\.json"):
        require_confirmation(repository, changed.config)
