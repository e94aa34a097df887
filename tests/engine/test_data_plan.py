"""The plan says which untracked data runs get and which they do not, with files and bytes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.core.data_rules import LeftOut
from engine.core.errors import WorkspaceError
from engine.setup import data_summary
from engine.setup.data_summary import DataGroup
from engine.setup.plan import StartFlags, make_plan
from tests.warm import run_warm
from tests.world import make_repository
from tui.commands.plan_lines import data_lines

TODAY = date(2026, 11, 21)
READS = 'x = open("{path}").read()\nprint("val_loss: 0.5")\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    top = make_repository(tmp_path / "work", {"train.py": "X = 1\n", "data/.gitkeep": ""})
    for name, length in (
        *((f"data/{n}.bin", 100) for n in range(5)),
        *((".env", 7), (".venv/lib/a.py", 20), ("out/ckpt.bin", 2048), ("model.pt", 1)),
    ):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("x" * length)
    return top


def groups(workspace: Path, **settings: object) -> tuple[DataGroup, ...]:
    given = {"metric": "val_loss", "direction": "min", "command": "python train.py", **settings}
    return make_plan(workspace, StartFlags(settings=given), TODAY).data


def test_data_and_what_is_left_out_are_counted(workspace: Path) -> None:
    found = {g.reason: (g.paths, g.files, g.size_bytes) for g in groups(workspace)}
    assert found == {
        None: (("data/…",), 5, 500),
        LeftOut.SECRET: ((".env",), 1, 7),
        LeftOut.CACHE: ((".venv/",), 1, 20),
        LeftOut.OUTPUT: (("model.pt", "out/"), 2, 2049),
    }
    lines = dict(data_lines(groups(workspace)[:2]))
    assert lines == {
        "data": "runs get 5 files, 500 B: data/…",
        "left out": "secrets: 1 file, 7 B: .env",
    }


def test_no_data_is_said_to_be_none(workspace: Path) -> None:
    assert groups(workspace, link=("absent",)) == ()
    assert list(data_lines(())) == [("data", "runs get no untracked files")]


def test_a_directory_with_too_many_files_is_said_to_be_linked(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_summary, "MAX_MIRRORED", 2)
    monkeypatch.setattr(data_summary, "_MOST_COUNTED", 4)
    (workspace / "many").mkdir()
    for n in range(6):
        (workspace / f"many/{n}.bin").touch()
    (data,) = [g for g in groups(workspace, link=("many",)) if g.reason is None]
    ((_, text),) = data_lines((data,))
    assert data.linked == ("many",)
    assert text == "runs get more than 6 files: many/; linked as they are: many"


def test_a_path_that_cannot_be_brought_is_refused_before_a_session_starts(workspace: Path) -> None:
    (workspace.parent / "x/y").mkdir(parents=True)
    assert groups(workspace, link=("../x",))[0].paths == ("../x/",)
    with pytest.raises(WorkspaceError, match="cannot be brought"):
        groups(workspace, link=("..",))


@pytest.mark.usefixtures("engines")
@pytest.mark.parametrize(
    ("path", "own", "line"),
    [
        ("../beside/a.txt", "../beside/a.txt", 'link = ["auto", "../beside"]'),
        ("base.pt", "base.pt", 'link = ["auto", "base.pt"]'),
    ],
)
def test_a_failed_baseline_names_the_line_that_brings_the_file(
    tmp_path: Path, path: str, own: str, line: str
) -> None:
    top = make_repository(tmp_path / "work", {"train.py": READS.format(path=path)})
    (top / own).parent.mkdir(exist_ok=True)
    (top / own).write_text("x")
    words = ("run", "-C", top, "--headless", "--yes", "--max", "1", "--direction", "min")
    failed = run_warm(*words)
    assert line in failed.stdout + failed.stderr
    rule = line.split('"')[3]
    done = run_warm(*words, "--link", "auto", "--link", rule)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "keep" in done.stdout
