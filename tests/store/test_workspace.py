"""The user's repository in various states; the user's files stay the same byte for byte."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from engine.core.config import ResearchConfig
from engine.core.errors import WorkspaceError
from engine.store.locked_files import hash_locked
from engine.store.run_data import RunData, choose_data
from engine.store.run_files import directory_times, point_run_log, take_leftovers
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.world import TRAIN, git, make_repository


def fingerprint(directory: Path) -> dict[str, str]:
    """Return hashes of a checkout's files, index, HEAD and branches, without `.autoresearch`."""
    found = {"HEAD": (directory / ".git/HEAD").read_text()}
    found["branches"] = git(directory, "for-each-ref", "refs/heads/main", "refs/tags")
    found["index"] = git(directory, "ls-files", "--stage")
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and not name.startswith((".git/", ".autoresearch/")):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def candidate(workspace: Workspace, text: str, n: int = 2) -> str:
    return workspace.commit_candidate(
        workspace.head, "train.py", text, f"idea {n}", f"refs/autoresearch/t/{n}"
    )


def test_a_candidate_changes_one_file_and_nothing_of_the_users(repository: Path) -> None:
    (repository / "train.py").write_text("half an idea of mine\n")
    (repository / "prepare.py").write_text("staged\n")
    git(repository, "add", "prepare.py")
    (repository / "notes.txt").write_text("untracked\n")
    before = fingerprint(repository)
    workspace = Workspace(repository)
    commit = candidate(workspace, "NEW = 1\n")
    place = check_out(workspace, repository / ".autoresearch/t/worktrees/slot-0", commit)
    assert (place / "train.py").read_text() == "NEW = 1\n"
    assert (place / "prepare.py").read_text() == "DATA = 1\n"
    assert git(repository, "diff", "--name-only", workspace.head, commit) == "train.py"
    assert git(repository, "rev-parse", "refs/autoresearch/t/2") == commit
    assert fingerprint(repository) == before


def test_the_worktree_is_put_back_after_a_run_that_changed_it(repository: Path) -> None:
    workspace = Workspace(repository)
    slot = repository / ".autoresearch/t/worktrees/slot-0"
    place = check_out(workspace, slot, workspace.head)
    (place / "prepare.py").write_text("tampered\n")
    (place / "model.pt").write_text("weights")
    run = repository / ".autoresearch/run"
    assert take_leftovers(workspace, slot, workspace.head, run) == 1
    assert (repository / ".autoresearch/run/files/model.pt").read_text() == "weights"
    check_out(workspace, slot, candidate(workspace, "NEW = 1\n"))
    assert (place / "prepare.py").read_text() == "DATA = 1\n"
    assert not (place / "model.pt").exists()


def wait_for_the_next_file_time(directory: Path) -> None:
    """A run starts later than that; two calls in a test may fall into the same tick."""
    now = directory.stat().st_ctime_ns
    while directory.stat().st_ctime_ns == now:
        (directory / "tick").touch()
        (directory / "tick").unlink()


def test_leftovers_are_found_in_any_directory_that_changed(repository: Path) -> None:
    (repository / "lib").mkdir()
    (repository / "lib" / "model.py").write_text("X = 1\n")
    git(repository, "add", "lib")
    git(repository, "commit", "--quiet", "-m", "lib")
    workspace = Workspace(repository)
    slot = repository / ".autoresearch" / "slot"
    check_out(workspace, slot, git(repository, "rev-parse", "HEAD"))
    before = directory_times(slot)
    run = repository / ".autoresearch" / "run"

    assert take_leftovers(workspace, slot, workspace.head, run, before) == 0
    wait_for_the_next_file_time(repository)
    (slot / "lib" / "weights.bin").write_bytes(b"left")
    assert take_leftovers(workspace, slot, workspace.head, run, before) == 1
    assert (run / "files" / "lib" / "weights.bin").read_bytes() == b"left"


def test_a_worktree_whose_head_a_power_cut_emptied_is_made_again(repository: Path) -> None:
    workspace = Workspace(repository)
    slot, head = repository / ".autoresearch" / "slot", git(repository, "rev-parse", "HEAD")
    check_out(workspace, slot, head)
    Path(git(slot, "rev-parse", "--absolute-git-dir"), "HEAD").write_bytes(b"")

    check_out(workspace, slot, head)

    assert git(slot, "rev-parse", "HEAD") == head
    assert git(slot, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["with two  spaces", "ünïcode-日本", "q" * 190, "a'b\"c"])
def test_paths(tmp_path: Path, name: str) -> None:
    path = make_repository(tmp_path / name, {"train.py": TRAIN})
    workspace = Workspace(path)
    place = check_out(
        workspace, path / ".autoresearch/t/worktrees/slot-0", candidate(workspace, "X = 1\n")
    )
    assert (place / "train.py").read_text() == "X = 1\n"


def test_a_workspace_below_the_top_of_its_repository(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "mono", {"lab/train.py": TRAIN, "other.py": "Y = 1\n"})
    workspace = Workspace(top / "lab")
    commit = candidate(workspace, "X = 1\n")
    place = check_out(workspace, top / "lab/.autoresearch/t/worktrees/slot-0", commit)
    assert place.name == "lab"
    assert (place / "train.py").read_text() == "X = 1\n"
    assert workspace.read(commit, "train.py") == "X = 1\n"
    workspace.exclude((".autoresearch/",))
    assert git(top, "status", "--porcelain") == ""


def test_an_executable_script_stays_executable(repository: Path) -> None:
    git(repository, "update-index", "--chmod=+x", "train.py")
    git(repository, "commit", "-qm", "executable")
    workspace = Workspace(repository)
    assert git(repository, "ls-tree", candidate(workspace, "X\n"), "train.py").startswith("100755")


def test_bytes_that_are_not_text_survive(repository: Path) -> None:
    (repository / "train.py").write_bytes(b"# caf\xe9\r\nX = 1\n")
    git(repository, "commit", "-qam", "latin")
    workspace = Workspace(repository)
    text = workspace.read(workspace.head, "train.py")
    commit = candidate(workspace, text.replace("X = 1", "X = 2"))
    place = check_out(workspace, repository / ".autoresearch/w", commit)
    assert (place / "train.py").read_bytes() == b"# caf\xe9\r\nX = 2\n"


def test_a_commit_that_an_engine_left_half_done_is_made_again(repository: Path) -> None:
    workspace = Workspace(repository)
    candidate(workspace, "X = 1\n")
    again = candidate(workspace, "X = 2\n")
    assert workspace.read(again, "train.py") == "X = 2\n"


def test_the_state_of_a_repository_is_read(repository: Path) -> None:
    (repository / "train.py").write_text("changed")
    git(repository, "checkout", "-q", "--detach")
    found = Workspace(repository).look()
    assert found.detached
    assert found.dirty == ("train.py",)
    assert found.identity == ("Ada", "ada@example.org")


def test_commits_without_an_identity(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text("")
    workspace = Workspace(repository)
    assert workspace.look().identity is None
    author = git(repository, "log", "-1", "--format=%an", candidate(workspace, "X = 1\n"))
    assert author == "autoresearch-tui"


def test_an_existing_branch_is_not_taken_over(repository: Path) -> None:
    git(repository, "branch", "autoresearch/t")
    with pytest.raises(WorkspaceError, match="exists already"):
        Workspace(repository).start_branch("t", "HEAD")
    git(repository, "branch", "-D", "autoresearch/t")
    git(repository, "branch", "autoresearch")
    with pytest.raises(WorkspaceError, match="in the way"):
        Workspace(repository).start_branch("t", Workspace(repository).head)


def test_the_branch_moves_only_from_where_it_was_left(repository: Path) -> None:
    workspace = Workspace(repository)
    workspace.start_branch("t", workspace.head)
    first = candidate(workspace, "X = 1\n")
    workspace.advance_branch("t", first, workspace.head)
    assert workspace.branch_commit("t") == first
    workspace.advance_branch("t", first, workspace.head)  # again, as after a crash
    second = candidate(workspace, "X = 2\n", 3)
    with pytest.raises(WorkspaceError, match="not where this session left it"):
        workspace.advance_branch("t", second, workspace.head)
    git(repository, "checkout", "-q", "autoresearch/t")
    with pytest.raises(WorkspaceError, match="checked out"):
        Workspace(repository).advance_branch("t", second, first)


def test_a_branch_that_another_program_moves_at_the_same_moment_stays_there(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(repository)
    workspace.start_branch("t", workspace.head)
    kept, theirs = candidate(workspace, "X = 1\n"), candidate(workspace, "X = 2\n", 3)

    def moved_meanwhile(ref: str) -> str:
        git(repository, "update-ref", ref, theirs)
        return ""

    monkeypatch.setattr(workspace, "checked_out_at", moved_meanwhile)
    with pytest.raises(WorkspaceError, match="not where this session left it"):
        workspace.advance_branch("t", kept, workspace.head)
    assert workspace.branch_commit("t") == theirs


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("absent", "no directory"),
        ("plain", "not in a git"),
        ("empty", "no commit"),
        ("bare", "bare"),
    ],
)
def test_directories_that_cannot_be_workspaces_are_refused(
    tmp_path: Path, state: str, says: str
) -> None:
    path = tmp_path / "x"
    if state != "absent":
        path.mkdir()
    if state == "empty":
        git(path, "init", "-q")
    if state == "bare":
        git(path, "init", "-q", "--bare")
    with pytest.raises(WorkspaceError, match=says):
        Workspace(path)


def test_files_of_submodules_are_brought(tmp_path: Path, repository: Path) -> None:
    other = make_repository(tmp_path / "lib", {"lib.py": "Z = 1\n"})
    git(
        repository,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(other),
        "lib",
    )
    git(repository, "commit", "-qm", "submodule")
    workspace = Workspace(repository)
    modules = workspace.look().submodules
    assert modules == ("lib",)
    slot = repository / ".autoresearch/w"
    for _ in range(2):
        place = check_out(workspace, slot, workspace.head)
        RunData(workspace, slot).bring(choose_data(workspace, ResearchConfig()), modules)
        assert (place / "lib/lib.py").read_text() == "Z = 1\n"
        (place / "lib/lib.py").write_text("spoilt")
        (place / "lib/cache.bin").write_text("left")
        assert not (place / "lib/.git").exists()
    assert not (repository / "lib/cache.bin").exists()
    assert (repository / "lib/lib.py").read_text() == "Z = 1\n"


def test_locked_files_are_hashed_by_content(repository: Path) -> None:
    before = hash_locked(repository, ("*.py", "absent.py"), "other.py")
    assert sorted(before) == ["prepare.py", "train.py"]
    (repository / "prepare.py").write_text("DATA = 2\n")
    assert hash_locked(repository, ("*.py",), "other.py")["prepare.py"] != before["prepare.py"]
    assert list(hash_locked(repository, ("*.py",), "train.py")) == ["prepare.py"]


def test_the_users_own_run_log_is_left_alone(repository: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("live")
    point_run_log(repository, log)
    point_run_log(repository, log)
    assert (repository / "run.log").read_text() == "live"
    (repository / "run.log").unlink()
    (repository / "run.log").write_text("mine")
    point_run_log(repository, log)
    assert (repository / "run.log").read_text() == "mine"


def test_ignoring_goes_through_no_tracked_file(repository: Path) -> None:
    workspace = Workspace(repository)
    (repository / ".git/info/exclude").write_text("mine")
    workspace.exclude(("results.tsv",))
    workspace.exclude(("results.tsv",))
    assert (repository / ".git/info/exclude").read_text() == "mine\n/results.tsv\n"


def test_a_worktree_of_the_users_that_is_away_stays_registered(
    repository: Path, tmp_path: Path
) -> None:
    away = tmp_path / "on-a-disk-that-is-not-mounted"
    git(repository, "worktree", "add", "--detach", str(away))
    away.rename(tmp_path / "elsewhere")
    workspace = Workspace(repository)
    check_out(workspace, repository / ".autoresearch/w", workspace.head)
    assert str(away) in git(repository, "worktree", "list", "--porcelain")


def test_a_worktree_whose_directory_is_gone_is_made_again(repository: Path) -> None:
    workspace, worktree = Workspace(repository), repository / ".autoresearch/w"
    check_out(workspace, worktree, workspace.head)
    shutil.rmtree(worktree)
    assert (check_out(workspace, worktree, workspace.head) / "train.py").is_file()


def test_a_file_with_the_name_of_a_ref_is_not_a_branch(repository: Path) -> None:
    workspace = Workspace(repository)
    (repository / "refs/heads").mkdir(parents=True)
    (repository / "refs/heads/autoresearch").write_text("")
    workspace.start_branch("t", workspace.head)
    assert workspace.branch_commit("t") == workspace.head


def test_git_never_asks_at_the_terminal(repository: Path) -> None:
    shown = Workspace(repository).git.run("-c", "alias.show-environment=!env", "show-environment")
    assert "GIT_TERMINAL_PROMPT=0" in shown.splitlines()
