"""Worktrees of the user whose directory is away for a while, as on a volume that is not mounted."""

from __future__ import annotations

import ast
import re
from itertools import islice
from pathlib import Path

import pytest

from engine.core.layout import RefNames
from engine.store.temporary_files import delete_temporary_files
from engine.store.workspace import Workspace
from engine.store.worktree import check_out, remove_worktree
from tests.world import git

ENGINE = Path(__file__).parents[2] / "engine"
DOCUMENT = ENGINE.parent / "docs/git.md"
STARTERS = {"run", "try_run", "_run", "read", "run_git", "start_git"}
"""Functions and methods whose first argument is the name of a git command."""


def first_words(path: Path) -> set[str]:
    """Return the first string among the arguments of each call of a function above."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in STARTERS:
            words = (n for arg in node.args for n in ast.walk(arg) if isinstance(n, ast.Constant))
            found |= {str(word.value) for word in islice(words, 1)}
    return found


@pytest.fixture
def away(repository: Path, tmp_path: Path) -> Path:
    """Return git's record of a worktree with a staged file and a commit of its own, moved away."""
    volume = tmp_path / "volume"
    git(repository, "worktree", "add", "--quiet", "--detach", str(volume / "paper"))
    (volume / "paper/draft.md").write_text("staged, not committed\n")
    git(volume / "paper", "add", "draft.md")
    git(volume / "paper", "commit", "--quiet", "-m", "only that worktree's HEAD leads here")
    (volume / "paper/more.md").write_text("staged\n")
    git(volume / "paper", "add", "more.md")
    volume.rename(tmp_path / "unmounted")
    return repository / ".git/worktrees/paper"


def content(directory: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("reftable", [False, True])
def test_records_of_other_worktrees_stay_when_ours_are_made_and_removed(
    repository: Path, away: Path, reftable: bool
) -> None:
    if reftable:
        (repository / ".git/reftable").mkdir()  # then git itself adds the worktree
    before = content(away)
    workspace = Workspace(repository)
    slot = repository / ".autoresearch/t/worktrees/slot-0"
    for _ in range(2):
        check_out(workspace, slot, workspace.head)
    workspace.start_branch("t", workspace.head)
    commit = workspace.commit_candidate(
        workspace.head, "train.py", "X = 1\n", "idea", RefNames("t").experiment(2)
    )
    check_out(workspace, slot, commit)
    workspace.advance_branch("t", commit, workspace.head)
    remove_worktree(workspace, slot)
    merge = repository / ".autoresearch/t/worktrees/merge"
    workspace.git.add_worktree(merge, commit)
    workspace.git.remove_worktree(merge)
    delete_temporary_files(workspace)
    assert content(away) == before


def test_every_git_command_is_listed_with_why_it_is_safe() -> None:
    commands = set(git(ENGINE, "--list-cmds=builtins").split())
    used = {w for p in ENGINE.rglob("*.py") for w in first_words(p)} & commands
    assert {"read-tree", "update-ref", "status", "cherry-pick", "worktree", "log"} <= used
    listed = set(re.findall(r"`git ([a-z-]+)", DOCUMENT.read_text("utf-8")))
    assert used <= listed, f"not in docs/git.md: {sorted(used - listed)}"
    assert not used & {"gc", "prune", "repack", "clean", "reset", "push", "stash", "reflog"}


def test_no_command_removes_records_of_worktrees_that_are_away() -> None:
    for path in ENGINE.rglob("*.py"):
        assert not re.search(r'"worktree",\s*"(?:prune|repair|move)"', path.read_text("utf-8"))
