"""Git where the file system refuses symbolic links, as exFAT, SMB and some FUSE mounts do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.core.errors import EnvironmentProblem
from engine.store.run_files import point_run_log
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.world import git


@pytest.fixture(autouse=True)
def no_symlinks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_source: object, target: object, *_: object, **_named: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(target))

    monkeypatch.setattr(os, "symlink", refuse)


def test_a_usual_repository_can_be_read_and_checked_out(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://example.org/a.git")
    git(repository, "config", "branch.main.remote", "origin")
    git(repository, "config", "--global", "user.name", "Somebody")
    workspace = Workspace(repository)
    place = check_out(workspace, repository / ".autoresearch/w", workspace.head)
    assert (place / "train.py").is_file()
    assert workspace.git.run("config", "user.name") == "Somebody"
    assert workspace.checked_out_at("refs/heads/main") == str(repository)


@pytest.mark.parametrize(
    "name", ["core.fsmonitor", "filter.a.smudge", "include.path", "remote.origin.uploadpack"]
)
def test_a_setting_that_runs_a_program_is_refused_by_its_name(repository: Path, name: str) -> None:
    git(repository, "config", name, "/tmp/program")
    with pytest.raises(EnvironmentProblem, match=name):
        Workspace(repository)


def test_a_setting_made_later_is_refused_too(repository: Path) -> None:
    workspace = Workspace(repository)
    workspace.look()
    git(repository, "config", "core.sshCommand", "touch /tmp/marker")
    with pytest.raises(EnvironmentProblem, match=r"core\.sshcommand"):
        workspace.look()


def test_the_link_to_the_log_is_left_out(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = repository / ".autoresearch/t/run-1/run.log"
    point_run_log(repository, log)
    assert not (repository / "run.log").exists()
    assert "run.log could not be pointed to" in caplog.text
