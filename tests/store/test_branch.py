"""The session's branch and the refs that hold commits, in a real repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.core.errors import EnvironmentProblem, WorkspaceError
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.git_wrapper import wrap_git
from tests.world import git, make_repository


def candidate(workspace: Workspace, text: str, n: int = 2, base: str = "") -> str:
    return workspace.commit_candidate(
        base or workspace.head, "train.py", text, f"idea {n}", f"refs/autoresearch/t/{n}"
    )


@pytest.fixture
def workspace(repository: Path) -> Workspace:
    """A workspace whose session `t` has its branch."""
    found = Workspace(repository)
    found.start_branch("t", found.head)
    return found


def test_a_branch_at_the_frontier_is_in_order(workspace: Workspace) -> None:
    workspace.check_branch("t", workspace.head)


def test_a_branch_that_moved_to_a_held_commit_before_a_crash_is_in_order(
    workspace: Workspace,
) -> None:
    workspace.advance_branch("t", candidate(workspace, "X = 1\n"), workspace.head)
    workspace.check_branch("t", workspace.head)


def test_a_deleted_branch_is_named_with_the_command_that_brings_it_back(
    workspace: Workspace, repository: Path
) -> None:
    git(repository, "branch", "-D", "autoresearch/t")
    with pytest.raises(WorkspaceError, match="is gone") as caught:
        workspace.check_branch("t", workspace.head)
    assert f"git branch autoresearch/t {workspace.head[:12]}" in caught.value.todo
    with pytest.raises(WorkspaceError, match="is gone") as caught:
        workspace.advance_branch("t", candidate(workspace, "X = 1\n"), workspace.head)
    assert f"git branch autoresearch/t {workspace.head[:12]}" in caught.value.todo


def test_a_branch_with_a_commit_of_somebody_else_is_not_continued(
    workspace: Workspace, repository: Path
) -> None:
    git(repository, "checkout", "-q", "autoresearch/t")
    git(repository, "commit", "-q", "--allow-empty", "-m", "mine")
    now = git(repository, "rev-parse", "HEAD")
    with pytest.raises(WorkspaceError) as caught:
        workspace.check_branch("t", workspace.head)
    error = caught.value
    assert now[:7] in error.what
    assert "committed onto it" in error.why
    assert "git switch --detach" in error.todo
    assert f"git branch t-mine {now[:12]}" in error.todo
    assert f"git branch -f autoresearch/t {workspace.head[:12]}" in error.todo


@pytest.mark.parametrize("checked_out", [True, False])
def test_a_keep_has_the_commit_of_somebody_else_kept_before_the_branch_is_put_back(
    workspace: Workspace, repository: Path, checked_out: bool
) -> None:
    left = workspace.head
    kept = candidate(workspace, "X = 1\n")
    git(repository, "checkout", "-q", "autoresearch/t")
    git(repository, "commit", "-q", "--allow-empty", "-m", "mine")
    now = git(repository, "rev-parse", "HEAD")
    if not checked_out:
        git(repository, "checkout", "-q", "--detach")
    git(repository, "branch", "t-mine")  # of an earlier time
    with pytest.raises(WorkspaceError) as caught:
        workspace.advance_branch("t", kept, left)
    error = caught.value
    assert (now[:7] in error.what, "committed onto it" in error.why) == (True, True)
    assert ("git switch --detach" in error.todo) is checked_out
    keep, put_back = error.todo.split("put it back")
    assert f"git branch t-mine-{now[:7]} {now[:12]}" in keep
    assert f"git branch -f autoresearch/t {left[:12]}" in put_back
    assert git(repository, "rev-parse", "autoresearch/t") == now


def test_a_branch_that_was_rebased_is_not_continued(workspace: Workspace, repository: Path) -> None:
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    other = git(repository, "commit-tree", tree, "-m", "unrelated")
    git(repository, "update-ref", "refs/heads/autoresearch/t", other)
    with pytest.raises(WorkspaceError) as caught:
        workspace.check_branch("t", workspace.head)
    assert "rebased or moved" in caught.value.why
    assert "git switch" not in caught.value.todo


def test_a_held_commit_is_found_by_its_ref_and_knows_its_parent(workspace: Workspace) -> None:
    commit = candidate(workspace, "X = 1\n")
    assert workspace.held("refs/autoresearch/t/2") == commit
    assert workspace.held("refs/autoresearch/t/3") is None
    assert workspace.parent(commit) == workspace.head
    assert workspace.parent(workspace.head) is None
    workspace.hold("refs/autoresearch/t/kept", commit)
    assert workspace.held("refs/autoresearch/t/kept") == commit


def test_a_commit_that_is_made_once_is_found_again_only_while_it_is_the_same(
    workspace: Workspace,
) -> None:
    def make(text: str, base: str) -> str:
        return workspace.commit_once(base, "train.py", text, "again", "refs/autoresearch/t/once")

    first = make("X = 1\n", workspace.head)
    # Another message of a commit made a second later would make another hash: it is the same.
    assert make("X = 1\n", workspace.head) == first
    other_text = make("X = 2\n", workspace.head)
    assert workspace.read(other_text, "train.py") == "X = 2\n"
    other_base = make("X = 2\n", first)
    assert workspace.parent(other_base) == first


def test_a_commit_holds_its_message_author_and_file_and_nothing_else(
    workspace: Workspace, repository: Path
) -> None:
    commit = candidate(workspace, "caf\xe9 = '\u65e5\u672c'\n")
    assert git(repository, "log", "-1", "--format=%s|%an|%ae|%cn", commit) == (
        "idea 2|Ada|ada@example.org|Ada"
    )
    assert workspace.read(commit, "train.py") == "caf\xe9 = '\u65e5\u672c'\n"
    assert git(repository, "diff", "--name-only", f"{commit}^", commit) == "train.py"


def test_a_file_that_is_new_to_the_repository_is_an_ordinary_file(
    workspace: Workspace, repository: Path
) -> None:
    commit = workspace.commit_candidate(
        workspace.head, "program.md", "Be bold.\n", "program", "refs/autoresearch/t/p"
    )
    assert git(repository, "ls-tree", commit, "program.md").startswith("100644")
    assert workspace.is_tracked("train.py")
    assert not workspace.is_tracked("program.md")


def test_a_link_is_known_and_replaced_by_a_file_when_it_is_edited(repository: Path) -> None:
    (repository / "link.py").symlink_to("train.py")
    git(repository, "add", "link.py")
    git(repository, "commit", "-qm", "link")
    workspace = Workspace(repository)
    assert workspace.is_link(workspace.head, "link.py")
    assert not workspace.is_link(workspace.head, "train.py")
    commit = workspace.commit_candidate(
        workspace.head, "link.py", "X = 1\n", "edit", "refs/autoresearch/t/2"
    )
    assert not workspace.is_link(commit, "link.py")
    assert git(repository, "ls-tree", commit, "link.py").startswith("100644")


@pytest.mark.parametrize("name", ['a"b\\c.py', "new\nline.py", "sp ace.py"])
def test_a_file_with_an_unusual_name_is_committed_under_that_name(
    workspace: Workspace, name: str
) -> None:
    commit = workspace.commit_candidate(
        workspace.head, name, "X = 1\n", "odd", "refs/autoresearch/t/2"
    )
    assert workspace.read(commit, name) == "X = 1\n"


def test_a_file_that_git_does_not_know_is_an_error_or_nothing(workspace: Workspace) -> None:
    assert workspace.try_read(workspace.head, "absent.py") is None
    assert workspace.try_read(workspace.head, "prepare.py") == "DATA = 1\n"
    with pytest.raises(WorkspaceError, match=r"absent\.py is not in commit") as caught:
        workspace.read(workspace.head, "absent.py")
    assert "git add absent.py" in caught.value.todo


def test_a_repository_of_another_user_names_the_git_setting(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec $GIT "$@"'
    wrap_git(tmp_path / "bin", script, monkeypatch)
    with pytest.raises(WorkspaceError, match="does not trust") as caught:
        Workspace(repository)
    assert f"safe.directory {repository}" in caught.value.todo


def test_variables_of_a_git_hook_do_not_redirect_the_workspace(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(tmp_path / "other", {"a": "b\n"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    monkeypatch.setenv("GIT_PREFIX", "x/")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git/objects"))
    workspace = Workspace(repository)
    assert workspace.top == repository
    assert workspace.head == git(repository, "rev-parse", "main")


# ---- worktrees


def test_a_worktree_of_a_copied_workspace_is_not_taken_for_ours(
    workspace: Workspace, repository: Path, tmp_path: Path
) -> None:
    slot = repository / ".autoresearch/t/worktrees/slot-0"
    check_out(workspace, slot, workspace.head)
    copy = tmp_path / "copy"
    shutil.copytree(repository, copy, symlinks=True)
    copied = Workspace(copy)
    commit = candidate(copied, "X = 7\n")
    place = check_out(copied, copy / ".autoresearch/t/worktrees/slot-0", commit)
    assert (place / "train.py").read_text() == "X = 7\n"
    assert "X = 7" not in (slot / "train.py").read_text()


def test_a_name_is_ignored_once_and_below_the_top_with_its_directory(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "mono", {"lab/train.py": "X = 1\n"})
    exclude = top / ".git/info/exclude"
    exclude.unlink()
    workspace = Workspace(top / "lab")
    workspace.exclude(("results.tsv", "run.log"))
    workspace.exclude(("run.log", "other"))
    assert exclude.read_text() == "/lab/results.tsv\n/lab/run.log\n/lab/other\n"


def test_what_git_says_reaches_the_error(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="`git rev-parse --verify nonsense` failed") as caught:
        workspace.git.run("rev-parse", "--verify", "nonsense")
    assert "fatal" in caught.value.why
    assert "stderr" not in caught.value.why
    assert workspace.git.try_run("rev-parse", "--verify", "nonsense") is None
    assert workspace.git.blob("HEAD:absent") is None
    assert workspace.git.blob("HEAD:prepare.py") == b"DATA = 1\n"


def test_a_machine_without_git_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="`git` is missing") as caught:
        workspace.git.run("status")
    assert caught.value.todo == "Install git."


def test_the_hooks_of_the_user_do_not_run(workspace: Workspace, repository: Path) -> None:
    for name in ("post-checkout", "reference-transaction", "pre-commit"):
        hook = repository / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch '{repository}/hook-ran'\n")
        hook.chmod(0o755)
    commit = candidate(workspace, "X = 1\n")
    check_out(workspace, repository / ".autoresearch/w", commit)
    workspace.advance_branch("t", commit, workspace.head)
    assert not (repository / "hook-ran").exists()
