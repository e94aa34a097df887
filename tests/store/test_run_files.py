"""The files around a run: data brought in, locked files hashed, leftovers taken away."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from engine.core.config import ResearchConfig
from engine.store import run_files
from engine.store.locked_files import hash_locked
from engine.store.run_files import link_data, point_run_log, take_leftovers
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.world import git, make_repository


@pytest.fixture
def workspace(repository: Path) -> Workspace:
    git(
        repository,
        "config",
        "core.excludesFile",
        str(write(repository / ".git/ignored", "cache/\n")),
    )
    return Workspace(repository, confirmed=True)


@pytest.fixture
def place(workspace: Workspace, repository: Path) -> Path:
    """The directory of a worktree where runs start."""
    return check_out(workspace, repository / ".autoresearch/w", workspace.head)


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


NEVER = [
    ".hidden",
    "__pycache__/x.pyc",
    "cached.pyc",
    "lib.egg-info",
    "venv/x",
    "env/x",
    "node_modules/x",
    "results.tsv",
    "results-2.tsv",
    "run.log",
    "other.log",
    "nohup.out",
    "worktrees/x",
    "build/x",
    "dist/x",
    "wandb/x",
    "id_rsa",
    "id_rsa.pub",
    "key.pem",
    "tls.key",
    "my_secret.txt",
    "credentials.json",
    "model.pt",
    "model.pth",
    "model.ckpt",
    "model.safetensors",
    "checkpoint_3/x",
    "ckpt-1/x",
    "out/x",
    "output/x",
    "outputs/x",
    "runs/x",
    "logs/x",
    "lightning_logs/x",
    "mlruns/x",
    "x.egg",
    "x.tmp",
    "plot.png",
    "plot.svg",
    "notes.ipynb",
]


def test_secrets_caches_and_what_runs_write_are_never_brought(
    workspace: Workspace, place: Path, repository: Path
) -> None:
    for name in NEVER:
        write(repository / name)
    write(repository / "tokens.bin")
    assert link_data(workspace, place, ResearchConfig(), ()) == 1
    names = {p.relative_to(place).as_posix() for p in place.rglob("*")}
    assert names - {".git"} == {"train.py", "prepare.py", "tokens.bin"}


def test_a_file_is_copied_and_a_directory_linked(
    workspace: Workspace, place: Path, repository: Path
) -> None:
    write(repository / "tokens.bin", "tokens")
    write(repository / "data/shard-0.bin")
    assert link_data(workspace, place, ResearchConfig(), ()) == 2
    assert not (place / "tokens.bin").is_symlink()
    assert (place / "tokens.bin").stat().st_mtime_ns == (
        repository / "tokens.bin"
    ).stat().st_mtime_ns
    assert os.readlink(place / "data") == str(repository / "data")
    assert (repository / "tokens.bin").stat().st_nlink == 1


def test_a_file_over_the_limit_is_linked_instead_of_copied(
    workspace: Workspace, place: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "MAX_COPY_BYTES", 4)
    write(repository / "small.bin", "1234")
    write(repository / "large.bin", "12345")
    link_data(workspace, place, ResearchConfig(), ())
    assert not (place / "small.bin").is_symlink()
    assert (place / "large.bin").is_symlink()


def test_files_beyond_the_limit_together_are_linked(
    workspace: Workspace, place: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "MAX_COPIED_BYTES", 8)
    for name in ("a.bin", "b.bin", "c.bin"):
        write(repository / name, "1234")
    assert link_data(workspace, place, ResearchConfig(), ()) == 3
    assert [(place / f"{name}.bin").is_symlink() for name in "abc"] == [False, False, True]


def test_what_the_commit_has_is_left_and_links_of_it_lead_nothing_out(
    workspace: Workspace, repository: Path, tmp_path: Path
) -> None:
    (repository / "out").symlink_to(tmp_path)
    (repository / "corpus").symlink_to("/nonexistent")
    write(repository / "vocabulary.txt", "of the commit")
    git(repository, "add", "out", "corpus", "vocabulary.txt")
    git(repository, "commit", "-qm", "links")
    commit = git(repository, "rev-parse", "HEAD")
    # In the checkout of now, other things have these names, and are not tracked.
    git(repository, "rm", "-q", "--cached", "out", "corpus", "vocabulary.txt")
    for name in ("out", "corpus"):
        (repository / name).unlink()
        write(repository / name / "x.bin")
    write(repository / "vocabulary.txt", "of the user")
    place = check_out(workspace, repository / ".autoresearch/w", commit)
    assert link_data(workspace, place, ResearchConfig(link=("*",)), ()) == 0
    assert os.readlink(place / "corpus") == "/nonexistent"
    assert (place / "vocabulary.txt").read_text() == "of the commit"
    assert not (tmp_path / "x.bin").exists()


def test_a_dangling_link_of_the_user_is_linked_as_it_is(
    workspace: Workspace, place: Path, repository: Path
) -> None:
    (repository / "corpus").symlink_to("/mnt/not-mounted")
    assert link_data(workspace, place, ResearchConfig(), ()) == 1
    assert os.readlink(place / "corpus") == str(repository / "corpus")


@pytest.mark.parametrize(
    ("rules", "brought"),
    [
        (("auto",), {"a.bin", "data"}),
        (("*.bin",), {"a.bin"}),
        (("data/",), {"data"}),
        (("*.pt",), {"model.pt"}),
        (("auto", "*.pt"), {"a.bin", "data", "model.pt"}),
        ((), set()),
        ((".autoresearch*",), set()),
    ],
)
def test_the_config_says_what_is_brought(
    workspace: Workspace, place: Path, repository: Path, rules: tuple[str, ...], brought: set[str]
) -> None:
    write(repository / "a.bin")
    write(repository / "data/x")
    write(repository / "model.pt")
    assert link_data(workspace, place, ResearchConfig(link=rules), ()) == len(brought)
    assert {p.name for p in place.iterdir()} - {".git", "train.py", "prepare.py"} == brought


def test_no_more_than_the_limit_is_brought(
    workspace: Workspace, place: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "MAX_LINKS", 3)
    for n in range(5):
        write(repository / f"{n}.bin")
    assert link_data(workspace, place, ResearchConfig(), ()) == 3
    assert len(list(place.glob("*.bin"))) == 3


def test_a_submodule_without_a_checkout_is_left_out(
    workspace: Workspace, place: Path, repository: Path
) -> None:
    (repository / "empty").mkdir()
    assert link_data(workspace, place, ResearchConfig(link=()), ("empty", "absent")) == 0
    write(repository / "lib/lib.py")
    (place / "lib").mkdir()
    assert link_data(workspace, place, ResearchConfig(link=()), ("lib",)) == 1
    assert (place / "lib").is_symlink()


def test_data_of_a_workspace_below_the_top_is_brought_to_the_same_place(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "mono", {"lab/deep/train.py": "X = 1\n"})
    write(top / "lab/deep/tokens.bin")
    write(top / "lib/lib.py")
    workspace = Workspace(top / "lab/deep")
    place = check_out(workspace, top / ".autoresearch/w", workspace.head)
    assert link_data(workspace, place, ResearchConfig(), ("lib",)) == 2
    assert (place / "tokens.bin").exists()
    assert (top / ".autoresearch/w/lib/lib.py").exists()


def test_locked_files_are_hashed_without_directories_and_without_the_editable_file(
    repository: Path,
) -> None:
    write(repository / "pkg/data.py", "Y = 1\n")
    found = hash_locked(repository, ("*.py", "pkg", "pkg/*.py", "absent"), "train.py")
    assert found == {
        "prepare.py": hashlib.sha256(b"DATA = 1\n").hexdigest(),
        "pkg/data.py": hashlib.sha256(b"Y = 1\n").hexdigest(),
    }


def test_the_run_log_is_a_relative_link_that_follows_the_newest_run(repository: Path) -> None:
    first = write(repository / ".autoresearch/t/run-1/run.log", "one")
    second = write(repository / ".autoresearch/t/run-2/run.log", "two")
    point_run_log(repository, first)
    assert os.readlink(repository / "run.log") == ".autoresearch/t/run-1/run.log"
    write(repository / f".run.log.{os.getpid()}", "left by a crash")
    point_run_log(repository, second)
    assert (repository / "run.log").read_text() == "two"
    assert not list(repository.glob(".run.log.*"))
    second.unlink()
    point_run_log(repository, first)  # a dangling link is ours all the same
    assert (repository / "run.log").read_text() == "one"


# ---- leftovers


def test_files_of_a_run_are_moved_and_what_was_brought_or_ignored_is_not(
    workspace: Workspace, place: Path, repository: Path
) -> None:
    write(repository / "tokens.bin")
    link_data(workspace, place, ResearchConfig(), ())
    write(place / "model.pt", "weights")
    write(place / "deep/plot.png", "plot")
    write(place / "cache/x")
    write(place / "__pycache__/train.pyc")
    (place / "latest").symlink_to("model.pt")
    run = repository / ".autoresearch/run-1"
    assert take_leftovers(workspace, place, workspace.head, run, ("auto",)) == 2
    assert (run / "files/model.pt").read_text() == "weights"
    assert (run / "files/deep/plot.png").read_text() == "plot"
    assert not (place / "model.pt").exists()
    assert (place / "tokens.bin").exists()
    assert (place / "train.py").exists()
    assert sorted(p.name for p in run.rglob("*")) == ["deep", "files", "model.pt", "plot.png"]


def test_files_beyond_the_limit_are_named_and_not_kept(
    workspace: Workspace, place: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "MAX_KEPT_BYTES", 10)
    write(place / "a.bin", "123456")
    write(place / "b.bin", "12345")
    write(place / "c.bin", "1234")
    run = repository / ".autoresearch/run-1"
    assert take_leftovers(workspace, place, workspace.head, run, ()) == 2
    assert sorted(p.name for p in (run / "files").iterdir()) == ["a.bin", "c.bin"]
    assert (run / "not-kept.txt").read_text() == "b.bin\t5 bytes\n"


def test_a_file_of_a_run_that_only_has_the_name_of_unwanted_data_is_moved(
    workspace: Workspace, place: Path, repository: Path
) -> None:
    write(repository / "model.pt", "the user's own, never brought")
    write(place / "model.pt", "the run's")
    run = repository / ".autoresearch/r"
    assert take_leftovers(workspace, place, workspace.head, run, ("auto",)) == 1
    assert (repository / "model.pt").read_text() == "the user's own, never brought"
