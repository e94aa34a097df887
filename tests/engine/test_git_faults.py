"""Faults of git that pass: the engine waits for their end, and goes on without the user."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from engine.client.request import ask_state
from engine.core.errors import GitBusyError
from engine.core.events import AlarmRaised, CandidateCommitted, Paused
from engine.protocol import commands
from engine.store.workspace import Workspace
from tests.engine.test_decisions import (
    at_rest,
    check_books,
    ended,
    events,
    refused,
    say,
    session_of,
)
from tests.engine.test_hanging_git import HangingGit
from tests.git_wrapper import wrap_git
from tests.world import git, wait_for

pytestmark = pytest.mark.usefixtures("engines")


def go_on(workspace: Path, before: int) -> None:
    """Wait until two more experiments than `before` are finished, and check the books."""
    wait_for(lambda: session_of(workspace).counts.total >= before + 2, "more experiments")
    say(workspace, commands.PauseLoop())
    at_rest(workspace)
    check_books(workspace)
    assert {p.by.value for p in events(workspace, Paused)} == {"person"}


def waits(workspace: Path) -> str:
    return wait_for(lambda: ask_state(workspace).stalled, "a wait")


def test_a_session_goes_on_by_itself_when_git_is_back(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("git", "sh", "env"):
        (tools / name).symlink_to(shutil.which(name) or "")
    (tools / "python3").symlink_to(sys.executable)
    everything = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(tools))
    before = ended(repository).counts.total
    monkeypatch.setenv("PATH", everything)
    (tools / "git").rename(tools / "git.away")
    say(repository, commands.ResumeLoop())
    assert "`git` is missing" in waits(repository)
    (tools / "git.away").rename(tools / "git")
    go_on(repository, before)
    assert any("`git` is missing" in e.message for e in events(repository, AlarmRaised))


def test_a_lock_that_is_held_for_a_while_is_waited_for(repository: Path) -> None:
    before = ended(repository).counts.total
    lock = repository / f".git/refs/autoresearch/t/{before + 2}.lock"
    lock.touch()
    say(repository, commands.ResumeLoop())
    assert "holds a lock" in waits(repository)
    lock.unlink()
    go_on(repository, before)


def test_a_git_that_is_killed_is_started_again(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        f'case " $* " in *" fast-import "*) if [ -e {tmp_path}/kill ]; then\n'
        f'rm {tmp_path}/kill; kill -9 $$; fi;; esac\nexec "$GIT" "$@"'
    )
    wrap_git(tmp_path / "bin", script, monkeypatch)
    before = ended(repository).counts.total
    (tmp_path / "kill").touch()
    say(repository, commands.ResumeLoop())
    wait_for(lambda: not (tmp_path / "kill").exists(), "a killed git")
    go_on(repository, before)


def test_a_commit_that_git_cleaned_up_is_made_again(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = HangingGit(tmp_path, monkeypatch)
    before = ended(repository).counts.total
    hanging.hang("read-tree")
    say(repository, commands.ResumeLoop())
    hanging.wait()
    lost = events(repository, CandidateCommitted)[-1]
    (repository / ".git/objects" / lost.commit[:2] / lost.commit[2:]).unlink()
    hanging.release()
    go_on(repository, before)
    made = [e for e in events(repository, CandidateCommitted) if e.experiment == lost.experiment]
    assert len(made) == 2


def test_a_lock_of_a_killed_engines_git_is_removed_once_it_is_old(repository: Path) -> None:
    workspace = Workspace(repository)
    workspace.start_branch("t", workspace.head)
    lock = repository / ".git/refs/heads/autoresearch/t.lock"
    commit = git(repository, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "next")
    lock.touch()
    with pytest.raises(GitBusyError, match="holds a lock") as caught:
        workspace.advance_branch("t", commit, workspace.head)
    assert "delete" in caught.value.todo
    os.utime(lock, (1, 1))
    workspace.advance_branch("t", commit, workspace.head)
    assert workspace.branch_commit("t") == commit
    assert not lock.exists()


@pytest.mark.parametrize("name", ["refs/heads/other.lock", "packed-refs.lock"])
def test_a_lock_of_the_users_own_files_is_never_removed(repository: Path, name: str) -> None:
    workspace = Workspace(repository)
    git(repository, "branch", "other")
    git(repository, "pack-refs", "--all")
    lock = repository / ".git" / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    os.utime(lock, (1, 1))
    with pytest.raises(GitBusyError):
        workspace.git.run("update-ref", "-d", "refs/heads/other")
    assert lock.exists()


@pytest.mark.parametrize(
    "error",
    [
        "No space left on device",
        "write error. Out of diskspace",
        "update_ref failed for ref 'refs/heads/t': couldn't write 'refs/heads/t.lock'",
    ],
)
def test_a_disk_that_is_full_for_git_is_waited_for(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    script = (
        f'case " $* " in *" fast-import "*) if [ -e {tmp_path}/full ]; then\n'
        f'echo {shlex.quote(error)} >&2; exit 128; fi;; esac\nexec "$GIT" "$@"'
    )
    wrap_git(tmp_path / "bin", script, monkeypatch)
    before = ended(repository).counts.total
    (tmp_path / "full").touch()
    say(repository, commands.ResumeLoop())
    assert error in waits(repository)
    (tmp_path / "full").unlink()
    go_on(repository, before)


def test_secrets_in_messages_are_redacted(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "fatal: https://ada:pass-word-1@host: No space left on device"
    script = f'[ -e {tmp_path}/full ] && echo \'{message}\' >&2 && exit 128\nexec "$GIT" "$@"'
    wrap_git(tmp_path / "bin", script, monkeypatch)
    monkeypatch.setenv("https_proxy", "http://ada:pass-word-1@proxy")
    before = ended(repository).counts.total
    answer = refused(repository, commands.PinHypothesis(text="MATRIX_LR=pass-word-1"))
    assert "Invalid value for MATRIX_LR: ***." in answer
    (tmp_path / "full").touch()
    say(repository, commands.ResumeLoop())
    assert "ada:***@host" in waits(repository)
    (tmp_path / "full").unlink()
    go_on(repository, before)
