"""Untracked data of the user's checkout: all of it reaches a run, and no run changes it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.core.config import ResearchConfig
from engine.core.errors import WorkspaceError
from engine.store import bringing
from engine.store.run_data import RunData, choose_data
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.world import git, make_repository


@pytest.fixture
def workspace(repository: Path) -> Workspace:
    return Workspace(repository)


@pytest.fixture
def slot(repository: Path) -> Path:
    return repository / ".autoresearch/t/worktrees/slot-0"


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def bring(
    workspace: Workspace, slot: Path, link: tuple[str, ...] = ("auto",), *modules: str
) -> set[str]:
    """Make a worktree with the data, and return the paths of the files that the commit has not."""
    place = check_out(workspace, slot, workspace.head)
    RunData(workspace, slot).bring(choose_data(workspace, ResearchConfig(link=link)), modules)
    found = (
        os.path.relpath(os.path.join(top, name), place)
        for top, _, names in os.walk(slot)
        for name in names
    )
    return set(found) - {".git", "../.git", "../../.git", "train.py", "prepare.py"}


LEFT_OUT = [
    *(".hidden", ".env", "__pycache__/x.pyc", "cached.pyc", "lib.egg-info", "x.egg", "venv/x"),
    *("env/x", "node_modules/x", "worktrees/x", "build/x", "dist/x", "wandb/x"),
    *("id_rsa", "id_rsa.pub", "key.pem", "tls.key", "my_secret.txt", "credentials.json"),
    *("results.tsv", "results-2.tsv", "run.log", "other.log", "nohup.out", "x.tmp"),
    *("model.pt", "model.pth", "model.ckpt", "model.safetensors", "checkpoint_3/x", "ckpt-1/x"),
    *("out/x", "output/x", "outputs/x", "runs/x", "logs/x", "lightning_logs/x", "mlruns/x"),
    *("plot.png", "plot.svg", "notes.ipynb"),
]


def test_secrets_caches_and_outputs_are_left_out_and_listed(
    workspace: Workspace, slot: Path, repository: Path
) -> None:
    for name in LEFT_OUT:
        write(repository / name)
    write(repository / "tokens.bin")
    assert bring(workspace, slot) == {"tokens.bin"}
    listed = choose_data(workspace, ResearchConfig()).left_out
    assert {name for name in listed if name != "results.tsv"} == {
        name.split("/")[0] for name in LEFT_OUT if name != "results.tsv"
    }


@pytest.mark.parametrize(
    ("tracked", "untracked"),
    [
        ("data/.gitkeep", [f"data/shard_{n:03}.bin" for n in range(700)]),
        ("data/README.md", [f"data/img_{n}.png" for n in range(5)]),
        ("models/README.md", ["models/base.pt", "models/large/base.safetensors"]),
        ("data/.gitkeep", ["data/train/a/1.bin", "data/train/b/2.bin", "data/val/3.bin"]),
        ("data/train/.gitkeep", ["data/train/1.svg", "data/vocabulary.ckpt", "data/2.log"]),
    ],
)
def test_untracked_files_beside_a_tracked_one_are_all_brought(
    workspace: Workspace, slot: Path, repository: Path, tracked: str, untracked: list[str]
) -> None:
    write(repository / tracked)
    git(repository, "add", tracked)
    git(repository, "commit", "-qm", "placeholder")
    for name in untracked:
        write(repository / name, name)
    workspace = Workspace(repository)
    assert bring(workspace, slot) == {tracked, *untracked}
    assert all((slot / name).read_text() == name for name in untracked)


def test_a_run_changes_nothing_of_the_user_and_nothing_for_the_next_run(
    workspace: Workspace, slot: Path, repository: Path
) -> None:
    write(repository / "tokens.bin", "tokens")
    write(repository / "data/train/shard-0.bin", "shard")
    for _ in range(2):
        assert bring(workspace, slot) == {"tokens.bin", "data/train/shard-0.bin"}
        (slot / "tokens.bin").write_text("spoilt")
        (slot / "data/train/shard-0.bin").write_text("spoilt")
        write(slot / "data/train/cache.bin", "left by a run")
        (slot / "data/train").rename(slot / "data/moved")
    assert (repository / "tokens.bin").read_text() == "tokens"
    assert (repository / "data/train/shard-0.bin").read_text() == "shard"
    assert os.listdir(repository / "data/train") == ["shard-0.bin"]


def test_a_copy_has_the_time_of_the_file(
    workspace: Workspace, slot: Path, repository: Path
) -> None:
    own = write(repository / "tokens.bin")
    bring(workspace, slot)
    assert (slot / "tokens.bin").stat().st_mtime_ns == own.stat().st_mtime_ns
    assert own.stat().st_nlink == 1


@pytest.mark.parametrize(
    ("limit", "value", "linked"),
    [
        ("MAX_COPY_BYTES", 4, [False, True, False]),
        ("MAX_COPIED_BYTES", 8, [False, True, False]),
        ("MAX_COPIES", 1, [False, True, True]),
    ],
)
def test_files_beyond_a_limit_are_linked(
    workspace: Workspace,
    slot: Path,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    linked: list[bool],
) -> None:
    monkeypatch.setattr(bringing, limit, value)
    for name, text in (("a", "1234"), ("b", "12345"), ("c", "1234")):
        write(repository / f"data/{name}.bin", text)
        write(repository / f"{name}.bin", text)
    bring(workspace, slot, ("*.bin",))
    assert [(slot / f"{name}.bin").is_symlink() for name in "abc"] == linked
    assert (slot / "b.bin").read_text() == "12345"


def test_a_directory_with_too_many_files_is_one_link(
    workspace: Workspace, slot: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "MAX_MIRRORED", 4)
    write(repository / "data/.gitkeep")
    git(repository, "add", "data/.gitkeep")
    git(repository, "commit", "-qm", "placeholder")
    for n in range(5):
        write(repository / f"data/many/{n}.bin")
        write(repository / f"data/{n}.bin")
    write(repository / "data/few/0.bin")
    found = bring(Workspace(repository), slot)
    assert os.readlink(slot / "data/many") == str(repository / "data/many")
    assert found == {"data/.gitkeep", "data/few/0.bin", *(f"data/{n}.bin" for n in range(5))}


def test_what_the_commit_has_is_left_and_links_of_it_lead_nothing_out(
    workspace: Workspace, slot: Path, repository: Path, tmp_path: Path
) -> None:
    (repository / "out").symlink_to(tmp_path)
    (repository / "corpus").symlink_to("/nonexistent")
    write(repository / "vocabulary.txt", "of the commit")
    git(repository, "add", "out", "corpus", "vocabulary.txt")
    git(repository, "commit", "-qm", "links")
    # In the checkout of now, other things have these names, and are not tracked.
    git(repository, "rm", "-q", "--cached", "out", "corpus", "vocabulary.txt")
    for name in ("out", "corpus"):
        (repository / name).unlink()
        write(repository / name / "x.bin")
    write(repository / "vocabulary.txt", "of the user")
    bring(Workspace(repository), slot, ("*",))
    assert os.readlink(slot / "corpus") == "/nonexistent"
    assert (slot / "vocabulary.txt").read_text() == "of the commit"
    assert not (tmp_path / "x.bin").exists()


def test_links_of_the_user_are_followed_to_directories_and_kept_where_they_dangle(
    workspace: Workspace, slot: Path, repository: Path, tmp_path: Path
) -> None:
    write(tmp_path / "disk/a/1.bin")
    (tmp_path / "disk/loop").symlink_to(tmp_path / "disk")
    (repository / "data").symlink_to(tmp_path / "disk")
    (repository / "corpus").symlink_to("/mnt/not-mounted")
    bring(workspace, slot)
    assert (slot / "data/a/1.bin").is_file()
    assert not (slot / "data").is_symlink()
    assert os.readlink(slot / "corpus") == str(repository / "corpus")
    write(slot / "data/new.bin")
    assert not (tmp_path / "disk/new.bin").exists()


@pytest.mark.parametrize(
    ("rules", "brought"),
    [
        (("auto",), {"a.bin", "data/x", "data/y/z"}),
        (("*.bin",), {"a.bin"}),
        (("data/",), {"data/x", "data/y/z"}),
        (("data/y",), {"data/y/z"}),
        (("./data/x",), {"data/x"}),
        (("*.pt",), {"model.pt"}),
        (("auto", "*.pt", "out"), {"a.bin", "data/x", "data/y/z", "model.pt", "out/x", "out/y"}),
        (("auto", "out/x"), {"a.bin", "data/x", "data/y/z", "out/x"}),
        (("absent",), set()),
        ((), set()),
        ((".autoresearch*", ".git"), set()),
    ],
)
def test_the_config_says_what_is_brought(
    workspace: Workspace, slot: Path, repository: Path, rules: tuple[str, ...], brought: set[str]
) -> None:
    for name in ("a.bin", "data/x", "data/y/z", "model.pt", "out/x", "out/y"):
        write(repository / name)
    assert bring(workspace, slot, rules) == brought


def test_submodules_without_a_checkout_are_left_out(
    workspace: Workspace, slot: Path, repository: Path
) -> None:
    (repository / "empty").mkdir()
    assert bring(workspace, slot, (), "empty", "absent") == set()
    write(repository / "lib/lib.py")
    write(repository / "lib/.git")
    assert bring(workspace, slot, (), "lib") == {"lib/lib.py"}


@pytest.fixture
def deep(tmp_path: Path) -> Workspace:
    """Return a workspace two directories below the top of its repository."""
    top = make_repository(tmp_path / "mono", {"lab/deep/train.py": "X = 1\n"})
    return Workspace(top / "lab/deep")


def test_data_above_a_workspace_is_brought_to_the_same_place(
    deep: Workspace, tmp_path: Path
) -> None:
    top = tmp_path / "mono"
    for name in ("lab/deep/tokens.bin", "lab/corpus/a.txt", "data/shard.bin", "model.pt", ".env"):
        write(top / name)
    slot = deep.path / ".autoresearch/t/worktrees/slot-0"
    assert bring(deep, slot) == {"tokens.bin", "../corpus/a.txt", "../../data/shard.bin"}
    assert bring(deep, slot, ("../../data",)) == {"../../data/shard.bin"}
    assert set(choose_data(deep, ResearchConfig()).left_out) == {"../../model.pt", "../../.env"}


@pytest.mark.parametrize("name", ["../data", "../data/", "../../far/data", "../data/a*"])
def test_a_path_outside_the_repository_can_be_named_and_is_not_written(
    workspace: Workspace, slot: Path, repository: Path, name: str
) -> None:
    own = Path(os.path.normpath(repository / name.replace("a*", ""))) / "a.txt"
    write(own, "mine")
    for _ in range(2):
        bring(workspace, slot, ("auto", name))
        seen = Path(os.path.normpath(slot / name.replace("a*", ""))) / "a.txt"
        assert seen.read_text() == "mine"
        seen.write_text("spoilt")
        if "*" not in name:
            write(seen.parent / "cache.bin")
    assert own.read_text() == "mine"
    assert os.listdir(own.parent) == ["a.txt"]


@pytest.mark.parametrize("name", ["../../experiments", "..", "../../../../data", "../slot-0"])
def test_a_path_outside_that_has_no_place_beside_the_worktree_is_refused(
    workspace: Workspace, slot: Path, repository: Path, name: str
) -> None:
    (slot.parent.parent / "experiments").mkdir(parents=True)
    Path(os.path.normpath(repository / name)).mkdir(parents=True, exist_ok=True)
    with pytest.raises(WorkspaceError, match=r"cannot be brought to a run"):
        bring(workspace, slot, (name,))


def test_without_symbolic_links_large_files_are_hard_links(
    workspace: Workspace, slot: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_source: object, target: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(target))

    monkeypatch.setattr(bringing, "MAX_COPY_BYTES", 4)
    monkeypatch.setattr(os, "symlink", refuse)
    write(repository / "data/large.bin", "12345")
    assert bring(workspace, slot) == {"data/large.bin"}
    assert (slot / "data/large.bin").samefile(repository / "data/large.bin")


def test_tracked_links_out_of_the_repository_lead_to_the_same_data(
    slot: Path, repository: Path, tmp_path: Path
) -> None:
    write(tmp_path / "shared/data/a/1.bin", "shared")
    write(tmp_path / "shared/vocabulary.txt", "words")
    (repository / "lab").mkdir()
    for name, target in {
        "data": "../shared/data",
        "lab/vocabulary.txt": "../../shared/vocabulary.txt",
        "lab/train.py": "../train.py",
        "absent": "../shared/absent",
    }.items():
        (repository / name).symlink_to(target)
        git(repository, "add", name)
    git(repository, "commit", "-qm", "links")
    workspace = Workspace(repository)
    for _ in range(2):
        bring(workspace, slot)
        assert (slot / "data/a/1.bin").read_text() == "shared"
        assert (slot / "lab/vocabulary.txt").read_text() == "words"
        assert os.readlink(slot / "lab/train.py") == "../train.py"
        assert os.readlink(slot / "absent") == "../shared/absent"
        write(slot / "data/a/1.bin", "spoilt")
        write(slot / "data/a/cache.bin")
    assert (tmp_path / "shared/data/a/1.bin").read_text() == "shared"
    assert os.listdir(tmp_path / "shared/data/a") == ["1.bin"]
