"""The verb `check --log`: the end of the engine's log, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.core.errors import WorkspaceError
from engine.core.layout import engine_log
from tests.world import make_repository
from tui.commands.verbs import cli


def write_log(workspace: Path, text: str) -> Path:
    log = engine_log(workspace)
    log.parent.mkdir()
    log.write_text(text, "utf-8")
    return log


def test_the_last_lines_are_shown_without_control_characters(tmp_path: Path) -> None:
    text = "".join(f"{n} INFO engine: line \x1b[31mred\x1b[0m {n}\n" for n in range(100))
    log = write_log(tmp_path, text)
    done = CliRunner().invoke(cli, ["check", "--log", str(tmp_path)])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [f"{n} INFO engine: line red {n}" for n in range(60, 100)]
    assert str(log) in done.stderr
    facts = json.loads(CliRunner().invoke(cli, ["check", str(tmp_path), "--log", "--json"]).stdout)
    assert facts == {"path": str(log), "lines": done.stdout.splitlines()}


def test_of_a_large_log_only_whole_lines_are_shown(tmp_path: Path) -> None:
    write_log(tmp_path, "".join(f"{n:04} {'é' * 2000}\n" for n in range(100)))
    shown = CliRunner().invoke(cli, ["check", "--log", str(tmp_path)]).stdout.splitlines()
    assert 0 < len(shown) < 40
    assert shown == [f"{n:04} {'é' * 2000}" for n in range(100 - len(shown), 100)]


def test_a_workspace_without_a_log_says_what_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["check", "--log", str(tmp_path)])
    assert isinstance(done.exception, WorkspaceError)
    assert "There is no engine log" in str(done.exception)
    assert "autoresearch-tui start" in str(done.exception)


def test_a_log_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    engine_log(tmp_path).mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="cannot be read"):
        CliRunner().invoke(cli, ["check", "--log", str(tmp_path)], catch_exceptions=False)


def test_check_lists_the_variables_that_a_run_does_not_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASS", "hunter22")
    done = CliRunner().invoke(cli, ["check", str(tmp_path)])
    line = next(x for x in done.stdout.splitlines() if "not passed to a run" in x)
    assert "DB_PASS" in line
    assert "PATH" not in line.replace(",", "").split()
    assert "hunter22" not in done.stdout
    assert "--pass-env NAME" in done.stdout
    make_repository(tmp_path, {"train.py": ""})
    (tmp_path / ".autoresearch").mkdir()
    (tmp_path / ".autoresearch" / "config.toml").write_text('pass_env = ["DB_PASS"]\n')
    assert "DB_PASS" not in CliRunner().invoke(cli, ["check", str(tmp_path)]).stdout
