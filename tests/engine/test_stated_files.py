"""Tests which files the documents and scripts of a workspace say may be edited, and may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.setup.detect import detect_settings
from engine.setup.stated_files import stated_files
from tests.world import make_repository

FILES = ("model.py", "train.py", "prepare.py", "evaluate.py", "conf/run.yaml", "prompt.md")


def _workspace(path: Path, program: str, document: str = "program.md") -> Path:
    for name in FILES:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("x: 1\n" if name.endswith(".yaml") else "", "utf-8")
    (path / document).write_text(program, "utf-8")
    return path


@pytest.mark.parametrize(
    ("program", "editable"),
    [
        ("- Modify `model.py` — this is the only file you edit.", ("model.py",)),
        ("- `model.py` — the file you modify. The network.", ("model.py",)),
        ("- `model.py` -- the single file you modify for each kernel", ("model.py",)),
        ("`model.py` is the only file the agent may edit.", ("model.py",)),
        ("The only file that may be changed is `conf/run.yaml`.", ("conf/run.yaml",)),
        ("model.py        # The ONLY file the agent modifies", ("model.py",)),
        ("- prompt.md (the file you modify)", ("prompt.md",)),
        ("**Only edit `model.py`.** All else is fixed.", ("model.py",)),
        ("- Edit only `model.py`.", ("model.py",)),
        ("- Modify `model.py` only in most experiments.", ("model.py",)),
        ("You may edit:\n\n- `model.py`: the network\n- `README.md`", ("model.py",)),
        ("## Files You May Edit\n\n- `model.py`\n- `train.py`\n", ("model.py", "train.py")),
        ("Editable file:\n- `conf/run.yaml`.", ("conf/run.yaml",)),
        ("**What you CAN modify:**\n- `model.py` — see\n- `prepare.py` — loaders", ("model.py",)),
        ("**What you CAN change** (see `CLAUDE.md`):\n- `model.py` — all", ("model.py",)),
        ("**What you CAN do:**\n- Modify the tuple in `model.py` freely", ("model.py",)),
        ("## What You Modify\n- prompt.md only. It is the prompt.", ("prompt.md",)),
        ("Files you may edit:\n\nPrefer editing:\n- `model.py`\n- `prompt.md`", ("model.py",)),
    ],
)
def test_the_editable_files_are_those_that_a_document_states(
    tmp_path: Path, program: str, editable: tuple[str, ...]
) -> None:
    found = stated_files(_workspace(tmp_path, program))
    assert (found.editable, found.source) == (editable, "program.md")


@pytest.mark.parametrize(
    "program",
    [
        "Read the in-scope files:\n- `model.py`\n- `train.py`",
        "You may read:\n- `model.py`",
        "This is not the only file you edit: `model.py` too.",
        "Do not only edit `model.py`.",
        "Edit `model.py` only when nothing else helps.",
        "What you CANNOT modify:\n- `model.py`",
        "You may edit:\n\n- `absent.py`\n- `../model.py`\n- `/etc/model.py`\n- new helper files",
        "The only file you need is `model.py`.",
        "You can change the depth of `model.py`.",
    ],
)
def test_other_texts_state_no_editable_file(tmp_path: Path, program: str) -> None:
    assert stated_files(_workspace(tmp_path, program)).editable == ()


def test_files_that_must_not_be_edited_are_found(tmp_path: Path) -> None:
    program = (
        "- Modify `model.py` — this is the only file you edit.\n\n"
        "**What you CANNOT do:**\n\n- Modify `prepare.py`, `conf/run.yaml`. They are fixed.\n"
        "- Install packages, as `train.py` says.\n\n"
        "Frozen files:\n- `evaluate.py`\n- `model.py` below the line\n\nNotes:\n- `train.py`\n"
    )
    found = stated_files(_workspace(tmp_path, program, "AGENTS.md"))
    assert found.fixed == ("prepare.py", "conf/run.yaml", "evaluate.py")


@pytest.mark.parametrize(
    "head", ['"""A model. THIS IS THE ONLY FILE THE AGENT EDITS."""', "# The only file you modify."]
)
def test_a_script_may_say_of_itself_that_it_is_edited(tmp_path: Path, head: str) -> None:
    _workspace(tmp_path, "Nothing.")
    (tmp_path / "model.py").write_text(f"{head}\n", "utf-8")
    assert stated_files(tmp_path).editable == ("model.py",)
    (tmp_path / "train.py").write_text(f"{head}\n", "utf-8")
    assert stated_files(tmp_path).editable == ()


@pytest.mark.parametrize(
    ("reader", "program", "entry"),
    [
        ("from model import A\n", "`python evaluate.py > run.log`", "evaluate.py"),
        ("import_module('model')\n", "`python -m evaluate`", "-m evaluate"),
        ("spec('model.py')\n", "```\npython prepare.py\npython evaluate.py\n```", "evaluate.py"),
        ("from model import A\n", "`python evaluate.py` and `python model.py`", "model.py"),
        ("", "`python evaluate.py`", "model.py"),
    ],
)
def test_a_run_starts_the_script_that_reads_the_editable_file(
    tmp_path: Path, reader: str, program: str, entry: str
) -> None:
    workspace = make_repository(
        tmp_path / "w",
        {
            "model.py": 'A = 1\nprint(f"val_loss: {A}")\n',
            "prepare.py": "",
            "evaluate.py": f'{reader}print(f"val_loss: {{A}}")\n',
            "program.md": f"{program}\n",
        },
    )
    found = detect_settings(workspace, file="model.py")
    assert found.command.endswith(f" {entry}")
    assert ("evaluate.py" in found.locked) is (entry != "model.py")


def test_a_module_is_run_by_the_train_script_that_imports_it(tmp_path: Path) -> None:
    files = {"model.py": "A = 1\n", "train.py": 'import model\nprint(f"val_loss: {model.A}")\n'}
    workspace = make_repository(tmp_path / "w", files)
    found = detect_settings(workspace, file="model.py")
    assert found.command.endswith(" train.py")
    assert found.locked == ("train.py",)


@pytest.mark.parametrize(
    ("command", "locked"),
    [
        ("python evaluate.py --file model.py", ("evaluate.py",)),
        (".venv/bin/python evaluate.py", ("evaluate.py",)),
        ("bash run.sh conf.yaml", ("run.sh",)),
        ("python model.py conf.yaml", ()),
        ("python evaluate.py && python model.py", ("evaluate.py",)),
    ],
)
def test_the_script_of_a_given_command_is_locked(
    tmp_path: Path, command: str, locked: tuple[str, ...]
) -> None:
    names = ("model.py", "evaluate.py", "run.sh", "conf.yaml", ".venv/bin/python")
    workspace = make_repository(tmp_path / "w", dict.fromkeys(names, "") | {".venv/x.sh": ""})
    found = detect_settings(workspace, file="model.py", metric="val_loss", command=command)
    assert found.locked == locked
