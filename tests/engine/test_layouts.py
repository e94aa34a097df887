"""Tests that the layouts of other tools are recognised by looking at their files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core.enums import Direction
from engine.core.errors import UsageError
from engine.setup.detect import DetectedSettings, detect_settings
from engine.setup.documented_command import documented_command
from engine.setup.pi_layout import find_pi_layout

TRAIN = 'print(f"val_loss: {1:.4f}")\n'


def workspace(path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return path


def detect(
    path: Path,
    files: dict[str, str],
    *,
    file: str | None = None,
    metric: str | None = None,
    command: str | None = None,
) -> DetectedSettings:
    workspace(path, files)
    environ = {"PATH": "/nonexistent"}
    return detect_settings(path, file=file, metric=metric, command=command, environ=environ)


PI = {
    "autoresearch.sh": 'set -e\npython3 train.py\necho "METRIC val_bpb=$(cat b)"\n'
    'echo "METRIC seconds=3"\n',
    "autoresearch.checks.sh": "python3 -m pytest -q\n",
    "autoresearch.md": """\
# Autoresearch: speed

## Metrics
- **Primary**: `val_bpb` (bits, lower is better) — on the held-out set
- **Secondary**: `seconds`

## How to Run
`./autoresearch.sh`

## Files in Scope
- `train.py` — the loop
- **src/model.py**: the model
- `autoresearch.sh`
- `missing.py` — gone
- `src/` — all

## Off Limits
- `eval.py` — as it is
""",
    "train.py": "import eval\n",
    "src/model.py": "WIDTH = 3\n",
    "eval.py": "x = 1\n",
}


def test_a_session_of_pi_autoresearch(tmp_path: Path) -> None:
    found = detect(tmp_path, PI)
    assert (found.file, found.more_files) == ("train.py", ("src/model.py",))
    assert found.command == "bash autoresearch.sh && bash autoresearch.checks.sh"
    assert (found.metric, found.direction) == ("val_bpb", Direction.MIN)
    assert found.locked == ("eval.py", "autoresearch.sh", "autoresearch.checks.sh")
    assert found.why["command"] == "there is an autoresearch.sh"


def test_a_table_of_files_and_the_settings_of_its_log_are_read(tmp_path: Path) -> None:
    notes = (
        "## Files in Scope\n| File | Purpose |\n|---|---|\n| `a.jl` | all |\n| `data/` | data |\n"
    )
    first = json.dumps({"type": "config", "metricName": "corr", "bestDirection": "higher"})
    files = {
        "autoresearch.sh": "julia a.jl\n",
        "autoresearch.md": notes,
        "autoresearch.jsonl": f'{first}\n{{"run":1}}\n',
        "a.jl": "x = 1\n",
    }
    layout = find_pi_layout(workspace(tmp_path, files))
    assert layout is not None
    assert (layout.files, layout.metric, layout.direction) == (("a.jl",), "corr", Direction.MAX)
    assert layout.command == "bash autoresearch.sh"


@pytest.mark.parametrize(
    "primary",
    [
        "**Primary** (higher is better):\n\n- `total_score` — the sum\n",
        "- **Primary metric**: **total_score**\n",
        "Primary (points): total_score\n",
    ],
)
def test_the_primary_metric_is_read_in_other_forms(tmp_path: Path, primary: str) -> None:
    script = "echo METRIC total_score=$A\necho METRIC rest=$B\n"
    files = {"autoresearch.sh": script, "autoresearch.md": f"## Metrics\n{primary}"}
    layout = find_pi_layout(workspace(tmp_path, files))
    assert layout is not None
    assert layout.metric == "total_score"


def test_a_command_that_names_a_file_yet_to_be_written_is_left_out(tmp_path: Path) -> None:
    readme = (
        "```\npython run.py ideas/my_idea.py\npython run.py conf/base.yaml --out new.json\n```\n"
    )
    files = {"README.md": readme, "run.py": TRAIN, "other.py": "", "conf/base.yaml": ""}
    assert detect(tmp_path / "a", files).command == "python3 run.py conf/base.yaml --out new.json"
    files["ideas/my_idea.py"] = ""
    assert detect(tmp_path / "b", files).command == "python3 run.py ideas/my_idea.py"


def test_what_the_user_names_counts_before_the_layout(tmp_path: Path) -> None:
    found = detect(tmp_path, PI, file="src/model.py", metric="seconds", command="python3 train.py")
    assert (found.file, found.more_files) == ("src/model.py", ())
    assert (found.metric, found.command) == ("seconds", "python3 train.py")


GOLF = """\
# Golf
```bash
python3 data/get.py --variant sp1024
RUN_ID=mlx ITERATIONS=200 \\
python3 train_gpt_mlx.py
```
Edit `train_gpt.py`; `train_gpt.py` has everything.
```bash
RUN_ID=base DATA_PATH=./data/sp1024/ torchrun --standalone --nproc_per_node=8 train_gpt.py
cd missing && torchrun train_gpt.py
RUN_ID=base \\
DATA_PATH=./data/sp1024/ \\
torchrun --standalone --nproc_per_node=1 train_gpt.py
```
"""


def test_the_script_and_the_launcher_are_those_of_the_readme(tmp_path: Path) -> None:
    files = {
        "README.md": GOLF,
        "train_gpt.py": TRAIN,
        "train_gpt_mlx.py": TRAIN,
        "data/get.py": "",
    }
    found = detect(tmp_path, files)
    assert found.file == "train_gpt.py"
    assert found.command == (
        "RUN_ID=base DATA_PATH=./data/sp1024/ torchrun --standalone --nproc_per_node=1 train_gpt.py"
    )
    assert found.why["command"] == "from README.md"


@pytest.mark.parametrize(
    ("document", "command"),
    [
        ("```sh\n$ python train.py\n```\n", "python3 train.py"),
        (
            "```\npython train.py --config conf/a.yaml\n```\n",
            "python3 train.py --config conf/a.yaml",
        ),
        (
            "Run `OMP_NUM_THREADS=4 python3 ./train.py > run.log 2>&1`.\n",
            "OMP_NUM_THREADS=4 python3 train.py",
        ),
        ("```\npython train.py --data path/to/data\n```\n", "python3 train.py"),
        ("```\npython train.py --lr <LR>\n```\n", "python3 train.py"),
        ("```\nbash run.sh && python train.py | cat\n```\n", "python3 train.py"),
        ("```python\nimport train\n```\n", "python3 train.py"),
        (
            "```\npython train.py --help\npython train.py --eval_only=1 --x\n```\n",
            "python3 train.py",
        ),
    ],
)
def test_arguments_of_the_documented_command_are_kept(
    tmp_path: Path, document: str, command: str
) -> None:
    assert detect(tmp_path, {"program.md": document, "train.py": TRAIN}).command == command


def test_a_launcher_of_the_projects_environment_is_used(tmp_path: Path) -> None:
    files = {"README.md": "`torchrun train.py`\n", "train.py": TRAIN, ".venv/pyvenv.cfg": ""}
    for name in ("python", "torchrun"):
        path = workspace(tmp_path, {f".venv/bin/{name}": ""}) / ".venv" / "bin" / name
        path.chmod(0o755)
    assert detect(tmp_path, files).command == ".venv/bin/torchrun train.py"


def test_documents_are_only_read(tmp_path: Path) -> None:
    document = "```\n$(touch made) python train.py\npython train.py `touch made`\n```\n"
    path = workspace(tmp_path, {"README.md": document, "train.py": TRAIN})
    assert documented_command(path, "train.py") is None
    assert not (path / "made").exists()


MAKE = (
    "ARGS = x\n\ntrain: data\n\t@$(PYTHON) src/train.py \\\n\t\t--config base.yaml\n\ndata:\n\tls\n"
)


def test_a_training_target_of_a_makefile_is_the_command(tmp_path: Path) -> None:
    found = detect(tmp_path, {"Makefile": MAKE, "src/train.py": TRAIN, "src/other.py": ""})
    assert (found.file, found.command) == ("src/train.py", "make -s train")
    assert found.why["file"] == "the script that Makefile runs"
    plain = detect(tmp_path / "b", {"Makefile": "train:\n\tpython train.py\n", "train.py": TRAIN})
    assert plain.command == "python3 train.py"


JUST = (
    "set dotenv-load\nlr := '3e-4'\n\ndata:\n    python data.py\n\n"
    "@train size='small': data\n    python src/train.py --size {{size}}\n\ntest:\n    pytest\n"
)
DVC = (
    "stages:\n  prepare:\n    cmd: python src/prepare.py data\n"
    "  train:\n    deps:\n    - data\n\n    cmd: python src/train.py data/features model.pkl\n"
    "    outs:\n    - model.pkl\n  evaluate:\n    cmd: python src/evaluate.py\n"
)


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("justfile", JUST, "just train"),
        ("Justfile", "train:\n    python src/train.py\n", "python3 src/train.py"),
        (".justfile", "train:\n\tpython -m src.train\n", "python3 -m src.train"),
        ("dvc.yaml", DVC, "python3 src/train.py data/features model.pkl"),
        ("dvc.yaml", "stages:\n  train:\n    cmd: python src/train.py\n", "python3 src/train.py"),
        ("dvc.yaml", "stages:\n  train:\n    cmd: python src/train.py ${a}\n", ""),
    ],
)
def test_the_recipes_of_just_and_the_stages_of_dvc_are_read(
    tmp_path: Path, name: str, text: str, command: str
) -> None:
    files = {name: text, "src/train.py": TRAIN, "src/prepare.py": "", "src/evaluate.py": ""}
    found = detect(tmp_path, files)
    assert found.file == "src/train.py"
    assert found.command == (command or "python3 src/train.py")
    assert found.why["file"] == (f"the script that {name} runs" if command else ONLY_TRAIN)


ONLY_TRAIN = "the only train.py here"


def test_a_module_is_run_as_the_documents_run_it(tmp_path: Path) -> None:
    files = {"README.md": "`python -m scripts.fit --lr 1`", "scripts/fit.py": TRAIN, "b.py": ""}
    found = detect(tmp_path, {**files, "a.py": ""})
    assert (found.file, found.command) == ("scripts/fit.py", "python3 -m scripts.fit --lr 1")


@pytest.mark.parametrize("name", ["test.py", "test_all.py", "noxfile.py", "setup.py"])
def test_a_script_that_tests_or_builds_is_not_the_only_script(tmp_path: Path, name: str) -> None:
    files = {name: "", "src/fit.py": TRAIN, "src/train.py": TRAIN}
    assert detect(tmp_path, files).file == "src/train.py"


def test_the_only_train_py_of_the_directories_is_found(tmp_path: Path) -> None:
    files = {"src/app/train.py": TRAIN, ".venv/lib/x/train.py": "", "a.py": "", "b.py": ""}
    assert detect(tmp_path, files).file == "src/app/train.py"


@pytest.mark.parametrize(
    ("file", "files", "command"),
    [
        ("run.sh", {}, "bash run.sh"),
        ("a.jl", {}, "julia --project a.jl"),
        ("a.jl", {"README.md": "`A=1 julia -t 4 a.jl`"}, "A=1 julia -t 4 a.jl"),
        ("a.cu", {"Makefile": "train:\n\tnvcc a.cu -o a && ./a\n"}, "make -s train"),
        ("a.cu", {"ev.py": ""}, "python3 ev.py"),
    ],
)
def test_code_of_other_languages_is_run_by_its_own_means(
    tmp_path: Path, file: str, files: dict[str, str], command: str
) -> None:
    assert detect(tmp_path, {file: "", **files}, file=file, metric="x").command == command


def test_a_file_that_nothing_runs_needs_a_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"command that runs a\.cu is not known"):
        detect(tmp_path, {"a.cu": ""}, file="a.cu", metric="x")


def test_the_script_that_reads_an_editable_settings_file_is_locked(tmp_path: Path) -> None:
    files = {"conf/a.yaml": "lr: 0.1\n", "train.py": f"import model\n{TRAIN}", "model.py": ""}
    found = detect(tmp_path, files, file="conf/a.yaml")
    assert (found.file, found.locked) == ("conf/a.yaml", ("train.py", "model.py"))
    assert (found.command, found.metric) == ("python3 train.py", "val_loss")
    command = "A=1 python3 model.py > run.log"
    named = detect(tmp_path, files, file="conf/a.yaml", command=command, metric="x")
    assert named.locked == ("model.py",)
    assert named.why["locked"] == "model.py, which reads it, and what that imports"
    other = detect(tmp_path, files, file="conf/a.yaml", command="g++ a.cc && ./a", metric="x")
    assert other.locked == ()
