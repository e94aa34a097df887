"""Settings that are detected in a repository, and the errors where they are not."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from engine.core.enums import Direction
from engine.core.errors import ConfigError, UsageError, WorkspaceError
from engine.core.layout import Layout
from engine.devices.sampler import DeviceSampler
from engine.setup.config_file import config_path, save_config
from engine.setup.detect import detect_settings, propose_tag
from engine.setup.installed_packages import has_package
from engine.setup.open_session import open_session
from engine.setup.plan import StartFlags, make_plan, save_plan
from engine.setup.start_request import StartRequest, read_start_request
from engine.store.workspace import Workspace
from tests.world import TRAIN, git, make_repository

TODAY = date(2026, 11, 21)

KARPATHY_TRAIN = """\
import torch
from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, make_dataloader, evaluate_bpb

MATRIX_LR = 0.04
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {total_training_time:.1f}")
"""
KARPATHY_PREPARE = (
    "MAX_SEQ_LEN = 2048\nTIME_BUDGET = 300        # training time budget in seconds\n"
)


def test_a_karpathy_clone_needs_no_flag_at_all(tmp_path: Path) -> None:
    workspace = make_repository(
        tmp_path / "w",
        {
            "train.py": KARPATHY_TRAIN,
            "prepare.py": KARPATHY_PREPARE,
            "uv.lock": "",
            "program.md": "x",
        },
    )
    config = make_plan(workspace, StartFlags(), TODAY).config
    assert config.command == "uv run train.py"
    assert (config.file, config.locked) == ("train.py", ("prepare.py", "uv.lock"))
    assert (config.metric, config.direction) == ("val_bpb", Direction.MIN)
    assert config.budget_seconds == 300
    assert config.tag == "nov21"


def test_a_budget_that_the_script_does_not_read_only_sets_deadlines(tmp_path: Path) -> None:
    workspace = make_repository(
        tmp_path / "w", {"train.py": KARPATHY_TRAIN, "prepare.py": KARPATHY_PREPARE, "uv.lock": ""}
    )
    notes = make_plan(workspace, StartFlags(settings={"budget_seconds": 60}), TODAY).notes
    assert any("TIME_BUDGET = 300" in note for note in notes)
    assert make_plan(workspace, StartFlags(), TODAY).notes == ()


@pytest.mark.parametrize(
    ("printed", "metric", "direction"),
    [
        ('print(f"accuracy: {a}")', "accuracy", Direction.MAX),
        ('print("test_loss:", x)', "test_loss", Direction.MIN),
        ('print(f"loss: {l}"); print(f"val_loss: {v}")', "val_loss", Direction.MIN),
        ('print("tokens_per_s: %f" % t)', "tokens_per_s", Direction.MAX),
        ('print(f"val_bpb: {b}"); print(f"val_loss: {l}")', "val_bpb", Direction.MIN),
    ],
)
def test_metrics_are_found_where_they_are_printed(
    tmp_path: Path, printed: str, metric: str, direction: Direction
) -> None:
    workspace = make_repository(tmp_path / "w", {"script.py": f"{printed}\n"})
    found = detect_settings(workspace)
    assert (found.file, found.metric, found.direction) == ("script.py", metric, direction)


def test_an_ambiguous_metric_must_be_named(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": 'print(f"a_loss: {x} b_loss: {y}")\n'})
    workspace = make_repository(
        tmp_path / "v", {"train.py": 'print(f"a_loss: {x}")\nprint(f"b_loss: {y}")\n'}
    )
    with pytest.raises(UsageError, match="--metric"):
        detect_settings(workspace)


def test_no_script_and_too_many_scripts(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="no script at all"):
        detect_settings(make_repository(tmp_path / "a", {"x.txt": ""}))
    with pytest.raises(WorkspaceError, match=r"one\.py, two\.py"):
        detect_settings(make_repository(tmp_path / "b", {"one.py": "", "two.py": ""}))
    below = {"src/pkg/data.py": "", "src/pkg/fine_train.py": "", "tests/train.py": ""}
    with pytest.raises(WorkspaceError, match=r"2 scripts: src/pkg/fine_train\.py, src/pkg/data"):
        detect_settings(make_repository(tmp_path / "c", below))


def test_a_copy_of_a_past_run_is_not_the_script(tmp_path: Path) -> None:
    files = {"runs-a/may15/train.py": "", "archive/train.py": "", "src/train.py": TRAIN}
    assert detect_settings(make_repository(tmp_path / "a", files)).file == "src/train.py"
    del files["src/train.py"]
    with pytest.raises(WorkspaceError, match="no script at all"):
        detect_settings(make_repository(tmp_path / "b", files))


def test_the_metric_and_its_direction_are_those_of_the_goal(tmp_path: Path) -> None:
    files = {
        "train.py": 'print(f"{prefix}win_loss_ratio: {a}")\nprint(f"min_test_pnl: {b}")\n'
        'print(f"val_drift: {c}")\nprint(f"test_loss: {d}")\n',
        "program.md": "Maximize `min_test_pnl`.\n",
    }
    found = detect_settings(make_repository(tmp_path / "w", files))
    assert (found.metric, found.direction) == ("min_test_pnl", Direction.MAX)
    assert found.why["metric"] == 'program.md says "Maximize `min_test_pnl`."'


def test_the_workspaces_own_environment_runs_the_script(repository: Path) -> None:
    python = repository / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/usr/bin/env")
    (repository / ".venv/pyvenv.cfg").touch()
    assert detect_settings(repository).command == ".venv/bin/python train.py"


def test_a_saved_config_is_used_and_an_invalid_one_is_an_error(repository: Path) -> None:
    plan = make_plan(repository, StartFlags(settings={"tag": "mine", "max_experiments": 7}), TODAY)
    save_config(repository, plan.config)
    again = make_plan(repository, StartFlags(), TODAY).config
    assert (again.max_experiments, again.metric) == (7, "val_bpb")
    config_path(repository).write_text("direction = 3\n")
    with pytest.raises(ConfigError, match="line 1"):
        make_plan(repository, StartFlags(), TODAY)


def test_a_file_that_git_does_not_track(repository: Path) -> None:
    (repository / "new.py").write_text(TRAIN)
    with pytest.raises(WorkspaceError, match=r"git add new\.py"):
        make_plan(repository, StartFlags(settings={"file": "new.py"}), TODAY)


def test_a_used_tag_is_not_proposed_again(repository: Path) -> None:
    assert propose_tag(TODAY, {"nov21", "nov21-2"}) == "nov21-3"
    git(repository, "branch", "autoresearch/nov21")
    assert make_plan(repository, StartFlags(), TODAY).config.tag == "nov21-2"


def test_the_notes_of_a_plan_are_recorded_when_its_session_is_opened(repository: Path) -> None:
    (repository / "train.py").write_text(f"{TRAIN}# not committed\n")
    plan = make_plan(repository, StartFlags(first_hypothesis="DEPTH=6"), TODAY)
    save_plan(repository, plan)
    assert "Uncommitted changes (train.py)" in plan.notes[0]
    layout = Layout(repository, plan.config.tag)
    platform = DeviceSampler(disk=repository).platform()
    for _ in range(2):  # the second engine finds everything recorded
        journal, _ = open_session(Workspace(repository), layout, plan.config, platform)
        assert journal.session.notes == plan.notes
        assert [pin.text for pin in journal.session.pins] == ["DEPTH=6"]
        journal.close()
    assert read_start_request(layout) == StartRequest()


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("python train.py --lr $LR | cat", "A shell runs the command, because of `$LR` in it."),
        (
            "python train.py --lr $LR; echo ${A:-3} $HOME",
            "Not set here, so empty in the runs: $LR.",
        ),
        (
            "python train.py > a.log 2>&1",
            "The output of a run goes to the run's own log instead of a.log.",
        ),
        (
            "python train.py > a.log && cat a.log",
            "What the command writes to a.log is copied to the run's log.",
        ),
        (
            "sbatch train.sh",
            "`sbatch` ends before the training does, so that a run would have no result. Use a "
            "command that waits and prints, such as srun.",
        ),
        (
            "nohup python train.py &",
            "`&` and `nohup` of the command: left out, as a run is watched until it ends.",
        ),
    ],
)
def test_the_plan_says_how_the_command_is_run(
    repository: Path, monkeypatch: pytest.MonkeyPatch, command: str, note: str
) -> None:
    monkeypatch.delenv("LR", raising=False)
    plan = make_plan(repository, StartFlags(settings={"command": command}), TODAY)
    assert note in plan.notes


def test_a_command_of_one_program_needs_no_note(repository: Path) -> None:
    settings = {"command": "cd . && CUDA_VISIBLE_DEVICES=0 python train.py"}
    assert make_plan(repository, StartFlags(settings=settings), TODAY).notes == ()


def test_a_command_that_changes_to_a_missing_directory_is_refused(repository: Path) -> None:
    settings = {"command": "cd missing && python train.py"}
    with pytest.raises(WorkspaceError, match=r"changes to missing, which is not a directory"):
        make_plan(repository, StartFlags(settings=settings), TODAY)


def test_the_plan_names_variables_that_the_script_reads_and_does_not_get(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "train.py").write_text(f'{TRAIN}\nimport os\nos.environ["DATA_ROOT"]\n')
    monkeypatch.setenv("DATA_ROOT", "/data")
    monkeypatch.setenv("OTHER_ROOT", "/data")
    notes = " ".join(make_plan(repository, StartFlags(), TODAY).notes)
    assert "DATA_ROOT. To pass it: --pass-env DATA_ROOT" in notes
    assert "OTHER_ROOT" not in notes
    passed = StartFlags(settings={"pass_env": ("DATA_ROOT",)})
    assert "DATA_ROOT" not in " ".join(make_plan(repository, passed, TODAY).notes)


def test_looking_for_torch_runs_no_interpreter(tmp_path: Path) -> None:
    files = {"train.py": KARPATHY_TRAIN, "prepare.py": KARPATHY_PREPARE}
    workspace = make_repository(tmp_path / "w", files)
    python = workspace / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    python.chmod(0o755)
    path = tmp_path / "bin"
    path.mkdir()
    (path / "python3").symlink_to(python)
    environ = {"VIRTUAL_ENV": str(workspace / ".venv"), "PATH": str(path)}
    found = detect_settings(workspace, environ=environ)
    assert str(workspace) not in found.command
    package = workspace / ".venv/lib/python3.12/site-packages/torch"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (workspace / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    assert detect_settings(workspace, environ=environ).command == ".venv/bin/python train.py"
    assert not (tmp_path / "ran").exists()


def test_packages_are_found_by_their_files(tmp_path: Path) -> None:
    base, venv = tmp_path / "base", tmp_path / "venv"
    for prefix in (base, venv):
        (prefix / "bin").mkdir(parents=True)
        (prefix / "bin/python").touch()
    python = venv / "bin/python"
    (base / "lib/python3/dist-packages/torch-2.0.dist-info").mkdir(parents=True)
    assert has_package(base / "bin/python", "torch")
    assert not has_package(python, "torch")
    settings = venv / "pyvenv.cfg"
    settings.write_text(f"home = {base / 'bin'}\ninclude-system-site-packages = false\n")
    assert not has_package(python, "torch")
    settings.write_text(f"home = {base / 'bin'}\ninclude-system-site-packages = true\n")
    assert has_package(python, "torch")
    (venv / "lib64/python3.11/site-packages/jax").mkdir(parents=True)
    assert not has_package(python, "jax")  # a directory that is not a package
    (venv / "lib64/python3.11/site-packages/jax/__init__.py").touch()
    assert has_package(python, "jax")
    settings.unlink()
    os.mkfifo(settings)  # is not waited for
    assert has_package(python, "jax")


@pytest.mark.parametrize(
    "content",
    ["[", '{"base": "--all"}', '{"unknown": 1}', "[" * 99_999],
    ids=["cut off", "an option", "an unknown key", "nested"],
)
def test_a_damaged_start_request_is_ignored_and_said(repository: Path, content: str) -> None:
    layout = Layout(repository, "nov21")
    layout.session.mkdir(parents=True)
    (layout.session / "opening.json").write_text(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_start_request(layout)
    plan = make_plan(repository, StartFlags(), TODAY)
    assert "It is ignored." in plan.unconfirmed[-1]
    save_plan(repository, plan)
    assert read_start_request(layout) == StartRequest()


@pytest.mark.parametrize(
    ("metric", "documents", "direction", "reason"),
    [
        ("val_psnr", {}, Direction.MAX, "by the name val_psnr"),
        ("accuracy_loss", {}, Direction.MIN, "by the name accuracy_loss"),
        ("nba_core", {}, None, "neither the name nba_core nor program.md nor a README tells"),
        (
            "nba_core",
            {"README.md": "# NBA\n\nnba_core (higher is better).\n"},
            Direction.MAX,
            'README.md says "nba_core (higher is better)."',
        ),
        (
            "nba_core",
            {"program.md": "Minimize nba_core.", "README.md": "Maximize nba_core."},
            Direction.MIN,
            'program.md says "Minimize nba_core."',
        ),
        ("val_acc", {"program.md": "Maximize val_acc."}, Direction.MAX, "by the name val_acc"),
        (
            "val_acc",
            {"program.md": "Minimize val_acc!"},
            None,
            'program.md says "Minimize val_acc!", but by the name val_acc higher is better',
        ),
    ],
)
def test_the_direction_is_known_by_name_or_document_or_not_at_all(
    tmp_path: Path,
    metric: str,
    documents: dict[str, str],
    direction: Direction | None,
    reason: str,
) -> None:
    script = f'print(f"{metric}: {{x}}")\n'
    workspace = make_repository(tmp_path / "w", {"train.py": script, **documents})
    found = detect_settings(workspace)
    assert (found.direction, found.why["direction"]) == (direction, reason)
    plan = make_plan(workspace, StartFlags(), TODAY)
    assert plan.unknown_direction == ("" if direction is not None else reason)
    if direction is not None:
        assert plan.config.direction is direction
    given = make_plan(workspace, StartFlags(settings={"direction": "max"}), TODAY)
    assert (given.unknown_direction, given.config.direction) == ("", Direction.MAX)


def test_the_saved_direction_is_not_used_for_another_metric(tmp_path: Path) -> None:
    workspace = make_repository(
        tmp_path / "w", {"train.py": 'print(f"val_loss: {x}", f"val_acc: {x}", f"foo: {y}")\n'}
    )
    plan = make_plan(workspace, StartFlags(settings={"metric": "val_loss", "tag": "a"}), TODAY)
    save_config(workspace, plan.config)
    other = make_plan(workspace, StartFlags(settings={"metric": "val_acc", "tag": "b"}), TODAY)
    assert (other.config.direction, other.unknown_direction) == (Direction.MAX, "")
    unknown = make_plan(workspace, StartFlags(settings={"metric": "foo", "tag": "b"}), TODAY)
    assert "foo" in unknown.unknown_direction


def test_the_direction_of_an_adopted_table_is_asked_for_where_nothing_tells_it(
    tmp_path: Path,
) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": 'print(f"clippy: {x}")\n'})
    git(workspace, "branch", "autoresearch/old")
    commit = git(workspace, "rev-parse", "--short=7", "HEAD")
    rows = f"commit\tclippy\tmemory_gb\tstatus\tdescription\n{commit}\t164\t1.0\tkeep\tstart\n"
    (workspace / "results.tsv").write_text(rows)
    plan = make_plan(workspace, StartFlags(adopt="old"), TODAY)
    assert "clippy" in plan.unknown_direction
    given = StartFlags(adopt="old", settings={"direction": "max"})
    known = make_plan(workspace, given, TODAY)
    assert (known.unknown_direction, known.config.direction) == ("", Direction.MAX)
    (workspace / "results.tsv").write_text(rows.replace("clippy", "warnings"))
    (workspace / "train.py").write_text('print(f"warnings: {x}")\n')
    by_name = make_plan(workspace, StartFlags(adopt="old"), TODAY)
    assert (by_name.unknown_direction, by_name.config.direction) == ("", Direction.MIN)


def test_dependencies_and_tokenizer_are_locked_and_relative_imports_followed(
    tmp_path: Path,
) -> None:
    workspace = make_repository(
        tmp_path / "w",
        {
            "train.py": "from .data import batches\nfrom .lib.score import val_bpb\n",
            "data.py": "from . import shards_of_mine\n",
            "shards_of_mine.py": "",
            "lib/__init__.py": "",
            "lib/score.py": "from ..units import BITS\nprint('val_bpb:', 1)\n",
            "units.py": "BITS = 8\n",
            "pyproject.toml": "[project]\nname = 'w'\n",
            "uv.lock": "",
            "tokenizer.json": "{}",
            "tokenizer/merges.txt": "",
            "tokenizer/.hidden": "",
            "README.md": "",
        },
    )
    (workspace / "tokenizer.model").write_bytes(bytes(1000))  # not tracked
    found = detect_settings(workspace)
    assert set(found.locked) == {
        *("data.py", "shards_of_mine.py", "lib/__init__.py", "lib/score.py", "units.py"),
        *("pyproject.toml", "uv.lock", "tokenizer.json", "tokenizer.model"),
        "tokenizer/merges.txt",
    }
    assert found.why["locked"] == "what it imports, and dependencies and tokenizer"
