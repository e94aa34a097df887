"""Files stored through a git filter whose program is missing or fails, such as git-lfs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from engine.core.errors import EnvironmentProblem, WorkspaceError
from engine.store.filters import check_readable, filter_note
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.world import git

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    f"oid sha256:{hashlib.sha256(b'all the data').hexdigest()}\nsize 12\n"
)
MISSING = {
    "filter.lfs.process": "git-lfs-that-is-not-here filter-process",
    "filter.lfs.smudge": "git-lfs-that-is-not-here smudge -- %f",
}


@pytest.fixture
def stored(repository: Path) -> Path:
    """Return a repository with files stored through the filters lfs and upper, which works."""
    (repository / ".gitattributes").write_text("*.bin filter=lfs\n*.txt filter=upper\n")
    for name in ("data/a.bin", "data/b.bin", "eval.bin"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(POINTER)
    (repository / "notes.txt").write_text("abc\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "data")
    git(repository, "config", "filter.upper.smudge", "tr a-z A-Z")
    git(repository, "config", "filter.lfs.required", "true")
    # As `git lfs pull` left it on a machine that has git-lfs.
    (repository / "data/a.bin").write_text("all the data")
    (repository / "data/b.bin").write_text("not what the pointer names")
    return repository


@pytest.mark.parametrize(
    "settings",
    [
        MISSING,
        {"filter.lfs.smudge": MISSING["filter.lfs.smudge"]},
        {"filter.lfs.process": "sh -c 'echo the repository is locked >&2; exit 1'"},
        {"filter.lfs.smudge": "sh -c 'echo the repository is locked >&2; exit 1'"},
    ],
    ids=["missing", "missing smudge", "failing process", "failing smudge"],
)
def test_a_filter_that_cannot_run_is_switched_off_and_others_are_not(
    stored: Path, settings: dict[str, str]
) -> None:
    for name, value in settings.items():
        git(stored, "config", name, value)
    workspace, slot = Workspace(stored, confirmed=True), stored / ".autoresearch/w"
    for _ in range(2):
        check_out(workspace, slot, workspace.head, ("train.py", "prepare.py", "*.yaml"))
        assert (slot / "train.py").is_file()
        assert (slot / "notes.txt").read_text() == "ABC\n"
        assert (slot / "data/a.bin").read_text() == "all the data"
        assert (slot / "data/b.bin").read_text() == POINTER
    assert list(workspace.broken_filters) == ["lfs"]
    note = filter_note("lfs", workspace.broken_filters["lfs"])
    assert "Install git-lfs" in note
    (slot / "data/a.bin").write_text("spoilt")
    assert (stored / "data/a.bin").read_text() == "all the data"


@pytest.mark.parametrize("needed", ["eval.bin", "*.bin", "data/*"])
def test_a_needed_file_names_the_filter_and_the_remedy(stored: Path, needed: str) -> None:
    for name, value in MISSING.items():
        git(stored, "config", name, value)
    workspace = Workspace(stored, confirmed=True)
    with pytest.raises(
        EnvironmentProblem, match=r"\.bin is stored through the git filter 'lfs'"
    ) as e:
        check_out(workspace, stored / ".autoresearch/w", workspace.head, ("train.py", needed))
    assert "git lfs pull" in e.value.todo
    assert "not found" in e.value.why


def test_a_filter_without_a_program_writes_what_git_stores(stored: Path) -> None:
    workspace = Workspace(stored, confirmed=True)
    place = check_out(workspace, stored / ".autoresearch/w", workspace.head)
    assert (place / "eval.bin").read_text() == POINTER
    assert not workspace.broken_filters


def test_an_editable_file_that_git_stores_as_a_pointer_or_cipher_is_refused(
    stored: Path,
) -> None:
    workspace = Workspace(stored)
    check_readable(workspace, ("train.py",), ("*.py", "absent/*"))
    with pytest.raises(WorkspaceError, match=r"eval\.bin is stored through the git filter 'lfs'"):
        check_readable(workspace, ("eval.bin",), ())
    git(stored, "config", "filter.lfs.required", "false")
    (stored / "secret.py").write_bytes(b"\0GITCRYPT\0\1\2\3")
    git(stored, "add", "secret.py")
    git(stored, "commit", "-qm", "cipher")
    workspace = Workspace(stored)
    with pytest.raises(WorkspaceError, match="through the git filter 'git-crypt'"):
        check_readable(workspace, ("secret.py",), ())
    with pytest.raises(WorkspaceError, match=r"secret\.py is encrypted by git-crypt") as caught:
        check_readable(workspace, ("train.py",), ("*.py",))
    assert "git-crypt unlock" in caught.value.todo


@pytest.mark.parametrize("confirmed", [True, False])
def test_files_of_a_filter_that_does_not_run_are_not_said_to_be_changed(
    stored: Path, confirmed: bool
) -> None:
    for name, value in {**MISSING, "filter.lfs.clean": "git-lfs-that-is-not-here clean"}.items():
        git(stored, "config", name, value)
    (stored / "data/a.bin").write_text("other data of another length")
    (stored / "train.py").write_text("changed = 1\n")
    assert Workspace(stored, confirmed=confirmed).look().dirty == ("train.py",)


def test_such_files_of_a_workspace_below_the_top_are_not_said_to_be_changed(stored: Path) -> None:
    (stored / "data" / "own.py").write_text("x = 1\n")
    (stored / ".gitattributes").write_text("/data/*.bin filter=lfs\n")
    for words in (("add", "data/own.py", ".gitattributes"), ("commit", "-qm", "own")):
        git(stored, "-c", "filter.lfs.required=false", *words)
    (stored / "data" / "own.py").write_text("changed = 1\n")
    assert Workspace(stored / "data").look().dirty == ("data/own.py",)
