"""Files that a run looked for in vain are found in its log, and the line that brings them named."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.config import ResearchConfig
from engine.store.missing_data import find_missing, link_advice
from engine.store.run_data import RunData, choose_data
from engine.store.workspace import Workspace
from engine.store.worktree import check_out
from tests.world import git, make_repository

OWN = ("out/base.pt", "model.ckpt", "my_secret.txt", "data/a.bin", "sub dir/x y.pt")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    top = make_repository(tmp_path / "work", {"train.py": "X = 1\n", "outputs/.gitkeep": ""})
    for name in (*OWN, "outputs/late.bin", "../beside/train.txt", "../.ssh/id"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("x")
    return Workspace(top)


@pytest.fixture
def place(workspace: Workspace) -> Path:
    slot = workspace.path / ".autoresearch/t/worktrees/slot-0"
    check_out(workspace, slot, workspace.head)
    RunData(workspace, slot).bring(choose_data(workspace, ResearchConfig()), ())
    return slot


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: 'out/base.pt'", "out/base.pt"),
        ("FileNotFoundError: [Errno 2] No such file or directory: './model.ckpt'", "model.ckpt"),
        ("No such file or directory: '{place}/out/base.pt'", "out/base.pt"),
        ("OSError: {place}/model.ckpt not found.", "model.ckpt"),
        ("cat: out/base.pt: No such file or directory", "out/base.pt"),
        ("RuntimeError: Error opening file 'model.ckpt': cannot open", "model.ckpt"),
        (
            "Unable to open file (unable to open file: name = 'out/base.pt', errno = 2)",
            "out/base.pt",
        ),
        ("AssertionError: Checkpoint directory out does not exist: `out`", "out"),
        ("FileNotFoundError: Couldn't find any data file at {place}/../beside.", "../beside"),
        ("error: can't open ../beside/train.txt", "../beside/train.txt"),
        ("ValueError: no files found in outputs/", "outputs"),
        ("sh: 1: cannot open sub dir/x y.pt", ""),
        ("No such file: 'sub dir/none.pt'", ""),
        ("No such file: 'my_secret.txt'", "my_secret.txt"),
        ("No such file: 'data/a.bin'", ""),
        ("No such file: '/etc/passwd'", ""),
        ("No such file: '../.ssh/id'", ""),
        ("No such file: '../beside/absent.txt'", ""),
        ("loading out/base.pt", ""),
        ("No such file: 'a\0b' '" + "x" * 399 + "' ''", ""),
    ],
)
def test_a_path_that_the_user_has_and_the_run_has_not_is_found(
    workspace: Workspace, place: Path, line: str, missing: str
) -> None:
    text = f"Traceback\n{line.format(place=place)}\n"
    assert find_missing(text, workspace, place) == ((missing,) if missing else ())


@pytest.mark.parametrize(
    ("name", "rule", "words"),
    [
        ("out/base.pt", "out", "outputs of runs"),
        ("model.ckpt", "model.ckpt", "outputs of runs"),
        ("my_secret.txt", "my_secret.txt", "Runs could read it"),
        ("../beside/train.txt", "../beside", ""),
        ("outputs/late.bin", "outputs/late.bin", "outputs of runs"),
    ],
)
def test_the_advice_names_the_line_that_brings_it(
    workspace: Workspace, place: Path, name: str, rule: str, words: str
) -> None:
    config = ResearchConfig()
    advice = link_advice((name,), choose_data(workspace, config), config)
    assert f'`link = ["auto", "{rule}"]`' in advice
    assert f"--link auto --link {rule}" in advice
    assert words in advice
    check_out(workspace, place, workspace.head)
    data = choose_data(workspace, ResearchConfig(link=("auto", rule)))
    RunData(workspace, place).bring(data, ())
    assert (place / name).exists()


def test_a_workspace_below_the_top_is_searched_by_its_own_paths(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "mono", {"lab/train.py": "X = 1\n"})
    (top / "model.pt").write_text("x")
    git(top, "status")
    workspace = Workspace(top / "lab")
    place = check_out(workspace, top / "lab/.autoresearch/t/worktrees/slot-0", workspace.head)
    for word in ("../model.pt", f"{place}/../model.pt", f"{place.parent}/model.pt"):
        found = find_missing(f"No such file: '{word}'", workspace, place)
        assert found == ("../model.pt",)
