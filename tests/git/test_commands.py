"""Git in a repository: which settings and variables reach it, and which never do."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.errors import GitBusyError, WorkspaceError
from engine.git.commands import Git
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.git_wrapper import wrap_git
from tests.world import git, make_repository


@pytest.fixture
def filtered(repository: Path) -> Path:
    """Return a repository whose filter writes *.bin files in upper case, as git-lfs writes data."""
    git(repository, "config", "filter.upper.smudge", "tr a-z A-Z")
    git(repository, "config", "filter.upper.clean", "tr A-Z a-z")
    (repository / ".gitattributes").write_text("*.bin filter=upper\n")
    (repository / "data.bin").write_text("abc\n")
    git(repository, "add", ".gitattributes", "data.bin")
    git(repository, "commit", "-qm", "data")
    return repository


def test_filters_of_a_confirmed_workspace_fill_the_worktree(filtered: Path) -> None:
    workspace = Workspace(filtered, confirmed=True)
    place = check_out(workspace, filtered / ".autoresearch/w", workspace.head)
    assert (place / "data.bin").read_text() == "ABC\n"


def test_filters_of_another_workspace_are_not_run(filtered: Path) -> None:
    workspace = Workspace(filtered)
    place = check_out(workspace, filtered / ".autoresearch/w", workspace.head)
    assert (place / "data.bin").read_text() == "abc\n"


def test_a_configuration_that_changes_later_has_no_effect(filtered: Path, tmp_path: Path) -> None:
    workspace, marker = Workspace(filtered, confirmed=True), tmp_path / "marker"
    place = check_out(workspace, filtered / ".autoresearch/w", workspace.head)
    for name in ("filter.upper.smudge", "filter.upper.clean", "core.fsmonitor"):
        git(filtered, "config", name, f"touch {marker}; cat")
    (filtered / ".git/hooks").mkdir(exist_ok=True)
    hook = filtered / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    (place / "data.bin").unlink()
    check_out(workspace, filtered / ".autoresearch/w", workspace.head)
    workspace.look()
    assert (place / "data.bin").read_text() == "ABC\n"
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user.name", 'A "quoted" \\ name; # here'),
        ("user.name", "two\nlines and a\ttab"),
        ("user.name", " spaces around "),
        ("user.name", ""),
        ("filter.a.b c=d.clean", "cat"),
        ('filter.with "quotes" and \\.clean', "cat"),
    ],
)
def test_a_copied_setting_has_the_same_value(repository: Path, name: str, value: str) -> None:
    git(repository, "config", name, value)
    assert Git(repository, confirmed=True).run("config", name) == value


def test_a_setting_without_a_value_is_copied(repository: Path) -> None:
    with open(repository / ".git/config", "a") as file:
        file.write("[core]\n\tignorecase\n")
    assert Git(repository).run("config", "--type=bool", "core.ignorecase") == "true"


def test_a_checkout_elsewhere_is_one_clear_error(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "core.worktree", str(tmp_path))
    with pytest.raises(WorkspaceError, match="names a checkout elsewhere") as caught:
        Workspace(repository)
    assert "core.worktree" in caught.value.todo
    git(repository, "config", "core.worktree", str(repository))
    assert Workspace(repository).top == repository
    git(repository, "config", "core.worktree", str(tmp_path / "absent"))
    with pytest.raises(WorkspaceError, match=r"cannot use|elsewhere"):
        Workspace(repository)


def test_a_submodule_is_a_workspace(tmp_path: Path, repository: Path) -> None:
    other = make_repository(tmp_path / "lib", {"train.py": "Z = 1\n"})
    allowed = ("-c", "protocol.file.allow=always")
    git(repository, *allowed, "submodule", "--quiet", "add", str(other), "lib")
    workspace = Workspace(repository / "lib")
    assert workspace.top == repository / "lib"
    place = check_out(workspace, repository / "lib/.autoresearch/w", workspace.head)
    assert (place / "train.py").read_text() == "Z = 1\n"


def test_a_linked_worktree_of_the_user_is_a_workspace(tmp_path: Path, repository: Path) -> None:
    linked = tmp_path / "linked"
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(linked))
    workspace = Workspace(linked)
    workspace.start_branch("t", workspace.head)
    assert git(repository, "rev-parse", "autoresearch/t") == workspace.head
    assert workspace.checked_out_at("refs/heads/main") == str(repository)
    assert workspace.checked_out_at("refs/heads/other") == str(linked)


def test_refs_that_were_packed_can_be_moved_and_deleted(repository: Path) -> None:
    workspace = Workspace(repository)
    workspace.start_branch("t", workspace.head)
    git(repository, "pack-refs", "--all")
    workspace.hold("refs/autoresearch/t/1", workspace.head)
    git(repository, "pack-refs", "--all")
    workspace.git.run("update-ref", "-d", "refs/autoresearch/t/1")
    assert workspace.held("refs/autoresearch/t/1") is None
    assert workspace.branch_commit("t") == git(repository, "rev-parse", "autoresearch/t")
    assert (repository / ".git/packed-refs").is_file()
    assert not (repository / ".git/packed-refs").is_symlink()


def test_git_goes_on_after_its_private_directory_was_removed(repository: Path) -> None:
    workspace = Workspace(repository)
    shutil.rmtree(workspace.git.repository.environment()["GIT_COMMON_DIR"])
    assert workspace.held("HEAD") == workspace.head


def test_the_private_directory_is_removed_and_the_repository_stays(repository: Path) -> None:
    workspace = Workspace(repository)
    private = Path(workspace.git.repository.environment()["GIT_COMMON_DIR"])
    assert private.stat().st_mode & 0o777 == 0o700
    del workspace
    gc.collect()
    assert not private.exists()
    assert git(repository, "status", "--porcelain") == ""


def test_variables_of_the_user_do_not_reach_git(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap_git(tmp_path / "bin", f'env | grep ^GIT_ >>{tmp_path}/seen; exec $GIT "$@"', monkeypatch)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "evil")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.fsmonitor'='evil'")
    Workspace(repository).look()
    seen = (tmp_path / "seen").read_text()
    assert "evil" not in seen
    assert "GIT_ALLOW_PROTOCOL=none" in seen
    assert "GIT_ALLOW_PROTOCOL=ext" not in seen


def test_a_large_output_is_cut_and_git_is_ended(repository: Path) -> None:
    data, cut = Git(repository).read("cat-file", "blob", "HEAD:train.py", most_bytes=10)
    assert (len(data), cut) == (10, True)
    data, cut = Git(repository).read("cat-file", "blob", "HEAD:prepare.py", most_bytes=100)
    assert (data, cut) == (b"DATA = 1\n", False)
    with pytest.raises(WorkspaceError, match="failed"):
        Git(repository).read("cat-file", "blob", "HEAD:absent", most_bytes=100)


def test_a_forked_process_leaves_its_parents_directory(repository: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom engine.store.workspace import Workspace\n"
        "workspace = Workspace(Path(sys.argv[1]))\n"
        "if os.fork() == 0:\n    sys.exit()\n"
        "os.wait()\nprint(workspace.held('HEAD'), os.path.isdir("
        "workspace.git.repository.environment()['GIT_COMMON_DIR']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(repository)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [git(repository, "rev-parse", "HEAD"), "True"]


@pytest.mark.parametrize("error", ["Cannot allocate memory", "Too many open files"])
def test_what_the_machine_refuses_git_is_no_answer(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    here = Git(repository)
    assert here.try_run("rev-parse", "--verify", "absent") is None
    wrap_git(tmp_path / "bin", f"echo 'fatal: mmap failed: {error}' >&2; exit 128", monkeypatch)
    for ask in (lambda: here.blob("HEAD:train.py"), lambda: here.try_run("rev-parse", "HEAD")):
        with pytest.raises(GitBusyError, match=error):
            ask()
