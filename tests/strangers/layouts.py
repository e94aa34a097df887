"""Small repositories of our own, laid out as those of strangers are, with what is found in each."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.world import git

KNOBS = "ALPHA = 0.3  # a knob\nWIDTH = 4\n"
LOSS = "(ALPHA - 0.5) ** 2 + (WIDTH - 6) ** 2"
SCRIPT = f'{KNOBS}print(f"val_loss: {{{LOSS}:.6f}}")\n'
MAIN = (
    f'{KNOBS}\n\ndef main():\n    print(f"val_loss: {{{LOSS}:.6f}}")\n'
    '\n\nif __name__ == "__main__":\n    main()\n'
)


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """One repository, and what `autoresearch-tui --yes` is to find in it."""

    name: str
    like: str
    """What is laid out like this, for the table in docs/repositories.md."""
    files: dict[str, str]
    ignored: dict[str, str] = {}
    """Files that git does not track."""
    flags: tuple[str, ...] = ()
    """What its user has to say, because it cannot be found."""
    workspace: str = ""
    """The directory of the repository where the command is used."""
    file: str = "train.py"
    command: str
    """The run command that is found; `{python}` is `python` on the PATH."""
    metric: str = "val_loss"
    direction: str = "min"
    budget: float | None = None
    locked: tuple[str, ...] = ()
    prepare: Callable[[Path], None] | None = None
    """Sets up what is not a file, such as an environment; is given the top of the repository."""
    needs: str = ""
    """A program without which it cannot be tried."""
    slow: bool = False
    """Whether it takes many seconds, so that it is not part of every run of the suite."""

    def make(self, top: Path) -> Path:
        """Make the repository, and return the directory where the command is used."""
        for name, text in {**self.files, **self.ignored}.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            if text.startswith("#!"):
                path.chmod(0o755)
        git(top, "init", "--quiet", "--initial-branch=main")
        git(top, "add", "--", *self.files)
        git(top, "commit", "--quiet", "-m", "start")
        if self.prepare is not None:
            self.prepare(top)
        return top / self.workspace


def environment(path: Path, *modules: str) -> Path:
    """Make a virtual environment with some modules that hold nothing, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    names = {"base": str(path), "platbase": str(path)}
    site = Path(sysconfig.get_path("purelib", vars=names))
    for module in modules:
        (site / f"{module}.py").write_text("")
    return path / "bin" / "python"


def installed_from(source: str) -> Callable[[Path], None]:
    """Return a step that makes `.venv`, in which a directory is installed as editable."""

    def prepare(top: Path) -> None:
        python = environment(top / ".venv", "tinydep")
        names = {"base": str(python.parents[1]), "platbase": str(python.parents[1])}
        site = Path(sysconfig.get_path("purelib", vars=names))
        (site / "_tiny.pth").write_text(f"{top / source}\n")

    return prepare


def _conda(top: Path) -> None:
    environment(top / ".conda", "tinydep")
    (top / ".conda" / "conda-meta").mkdir()


def _submodule(top: Path) -> None:
    other = top.with_name("other")
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    (other / "helper.py").write_text("SCALE = 1.0\n")
    git(other, "add", "helper.py")
    git(other, "commit", "--quiet", "-m", "helper")
    words = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "lib")
    git(top, *words)
    git(top, "commit", "--quiet", "-m", "add lib")


def _lfs(top: Path) -> None:
    """Commit a file as git-lfs stores it, beside the file itself; the filter is not installed."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 4\n"
    words = ("hash-object", "-w", "--no-filters", "--stdin")
    done = subprocess.run(
        ["git", "-C", str(top), *words], input=pointer.encode(), capture_output=True, check=True
    )
    blob = done.stdout.decode().strip()
    git(top, "update-index", "--add", "--cacheinfo", f"100644,{blob},data.bin")
    git(top, "commit", "--quiet", "-m", "data")
    for part in ("clean", "smudge", "process"):
        git(top, "config", f"filter.lfs.{part}", f"git-lfs-is-not-here {part}")
    git(top, "config", "filter.lfs.required", "true")


def _uv(*sources: str) -> Callable[[Path], None]:
    """Return a step that makes uv's lock and environment, with directories in it as editable."""

    def prepare(top: Path) -> None:
        words = ["uv", "sync", "--quiet", "--offline", "--no-install-workspace", "--all-packages"]
        subprocess.run([*words, "--python", sys.executable], cwd=top, check=True)
        names = {"base": str(top / ".venv"), "platbase": str(top / ".venv")}
        site = Path(sysconfig.get_path("purelib", vars=names))
        (site / "tinydep.py").write_text("")
        (site / "_tiny.pth").write_text("".join(f"{top / source}\n" for source in sources))
        git(top, "add", "uv.lock")
        git(top, "commit", "--quiet", "-m", "lock")

    return prepare


def has(program: str) -> bool:
    """Return whether a program is installed, or none is needed."""
    return not program or shutil.which(program) is not None


PROJECT = '[project]\nname = "{name}"\nversion = "0.1"\nrequires-python = ">=3.11"\n'
HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
LAYOUTS = (
    Layout(
        name="plain",
        like="a script, and Python on the PATH",
        files={"train.py": SCRIPT},
        command="{python} train.py",
    ),
    Layout(
        name="karpathy",
        like="karpathy/autoresearch",
        files={
            "train.py": "import prepare\n"
            + KNOBS
            + f'print("---")\nprint(f"val_bpb:          {{{LOSS}:.6f}}")\n'
            + 'print(f"training_seconds: {prepare.TIME_BUDGET:.1f}")\n',
            "prepare.py": "TIME_BUDGET = 1  # seconds\n",
            "pyproject.toml": PROJECT.format(name="autoresearch"),
            "program.md": "Lower is better.\n",
            ".gitignore": ".venv\n",
        },
        prepare=_uv(),
        needs="uv",
        command="uv run train.py",
        metric="val_bpb",
        budget=1,
        locked=("prepare.py",),
    ),
    Layout(
        name="uv package",
        like="`uv init --package`: `src` layout, editable install",
        files={
            "src/tiny/__init__.py": "",
            "src/tiny/train.py": f"import tinydep\n{MAIN}",
            "pyproject.toml": PROJECT.format(name="tiny") + HATCHLING,
            ".gitignore": ".venv\n",
        },
        prepare=_uv("src"),
        needs="uv",
        flags=("--file", "src/tiny/train.py"),
        file="src/tiny/train.py",
        command="uv run python -m tiny.train",
    ),
    Layout(
        name="uv workspace",
        like="a member of a uv workspace; lock and environment are above it",
        files={
            "pyproject.toml": PROJECT.format(name="top")
            + '[tool.uv.workspace]\nmembers = ["lab"]\n',
            "lab/pyproject.toml": PROJECT.format(name="lab"),
            "lab/train.py": f"import tinydep\n{SCRIPT}",
            ".gitignore": ".venv\n",
        },
        prepare=_uv(),
        needs="uv",
        workspace="lab",
        command="uv run train.py",
    ),
    Layout(
        name="venv",
        like="`.venv` beside the script",
        files={"train.py": f"import tinydep\n{SCRIPT}", ".gitignore": ".venv\n"},
        prepare=installed_from("."),
        command=".venv/bin/python train.py",
    ),
    Layout(
        name="flat package",
        like="`pip install -e .` of a package at the top",
        files={
            "tiny/__init__.py": "",
            "tiny/model.py": MAIN,
            "tiny/__main__.py": "from tiny.model import main\n\nmain()\n",
            ".gitignore": ".venv\n",
        },
        prepare=installed_from("."),
        flags=("--file", "tiny/model.py", "--command", ".venv/bin/python -m tiny"),
        file="tiny/model.py",
        command=".venv/bin/python -m tiny",
    ),
    Layout(
        name="poetry",
        like="poetry, its environment in its cache",
        files={
            "pyproject.toml": '[tool.poetry]\nname = "tiny"\nversion = "0.1"\ndescription = ""\n'
            'authors = []\npackage-mode = false\n[tool.poetry.dependencies]\npython = ">=3.11"\n',
            "train.py": SCRIPT,
        },
        prepare=lambda top: _run(top, "poetry", "install", "--quiet", "--no-interaction"),
        needs="poetry",
        command="poetry run python train.py",
        slow=True,
    ),
    Layout(
        name="pdm",
        like="pdm, with `.pdm-python`",
        files={
            "pyproject.toml": PROJECT.format(name="tiny") + "[tool.pdm]\ndistribution = false\n",
            "train.py": SCRIPT,
            ".gitignore": ".venv\n.pdm-python\npdm.lock\n",
        },
        prepare=lambda top: _run(top, "pdm", "install", "--quiet"),
        needs="pdm",
        command="pdm run python train.py",
        slow=True,
    ),
    Layout(
        name="conda prefix",
        like="a conda environment in `.conda`",
        files={"train.py": f"import tinydep\n{SCRIPT}", ".gitignore": ".conda\n"},
        prepare=_conda,
        command=".conda/bin/python train.py",
    ),
    Layout(
        name="torchrun",
        like="torchrun, with a prefix before each line",
        files={"train.py": f'{KNOBS}print(f"[rank0]: val_loss: {{{LOSS}:.6f}}")\n'},
        flags=("--command", "torchrun --standalone --nproc-per-node 1 train.py"),
        needs="torchrun",
        command="torchrun --standalone --nproc-per-node 1 train.py",
        slow=True,
    ),
    Layout(
        name="hydra",
        like="Hydra: the edited file is YAML",
        files={
            "conf/config.yaml": "optimizer:\n  alpha: 0.3  # a knob\n  width: 4\n",
            "main.py": "import re\n"
            "text = open('conf/config.yaml').read()\n"
            "alpha = float(re.search(r'alpha: ([\\d.]+)', text)[1])\n"
            "width = float(re.search(r'width: ([\\d.]+)\\s*$', text, re.M)[1])\n"
            "print(f'val_loss: {(alpha - 0.5) ** 2 + (width - 6) ** 2:.6f}')\n",
        },
        flags=("--file", "conf/config.yaml", "--command", "python main.py"),
        file="conf/config.yaml",
        command="python main.py",
        locked=("main.py",),
    ),
    Layout(
        name="lightning",
        like="Lightning: the metric stands in a table",
        files={
            "train.py": KNOBS
            + 'print("\u2500" * 40)\n'
            + f'print(f"\u2502        val_loss        \u2502   {{{LOSS}:.6f}}   \u2502")\n'
            + 'print("\u2500" * 40)\n'
        },
        command="{python} train.py",
    ),
    Layout(
        name="hf trainer",
        like="HF Trainer: Python dicts, one per evaluation",
        files={
            "train.py": KNOBS
            + f"for epoch in (1.0, 2.0):\n    print({{'eval_loss': {LOSS} + 2 - epoch, "
            + "'eval_runtime': 0.1, 'epoch': epoch})\n"
        },
        command="{python} train.py",
        metric="eval_loss",
    ),
    Layout(
        name="nanogpt",
        like="karpathy/nanoGPT: `step 250: train loss 2.1, val loss 2.2`",
        files={
            "train.py": f'{KNOBS}print(f"step 250: train loss 2.1000, val loss {{{LOSS}:.4f}}")\n',
            "configurator.py": "",
        },
        command="{python} train.py",
        metric="val loss",
    ),
    Layout(
        name="parameter golf",
        like="parameter-golf: `train_gpt.py`, `step:… val_loss:… val_bpb:…`",
        files={
            "train_gpt.py": KNOBS
            + f'print(f"step:10/10 val_loss:{{{LOSS}:.4f}} val_bpb:{{{LOSS} / 2:.4f}} "\n'
            + '      "train_time:10ms step_avg:1.00ms")\n',
            "README.md": "torchrun --standalone --nproc_per_node=8 train_gpt.py\n",
        },
        flags=("--command", "python train_gpt.py"),
        file="train_gpt.py",
        command="python train_gpt.py",
        metric="val_bpb",
    ),
    Layout(
        name="pi-autoresearch",
        like="pi-autoresearch: `autoresearch.sh` prints `METRIC name=value`",
        files={
            "autoresearch.sh": "#!/bin/bash\nset -e\npython train.py\n",
            "train.py": f'{KNOBS}print(f"METRIC val_loss={{{LOSS}:.6f}}")\n',
        },
        command="bash autoresearch.sh",
        locked=("autoresearch.sh",),
    ),
    Layout(
        name="makefile",
        like="a target of a Makefile",
        files={
            "Makefile": "train:\n\tOMP_NUM_THREADS=1 python train.py --quick\n",
            "train.py": SCRIPT,
        },
        needs="make",
        command="make -s train",
    ),
    Layout(
        name="shell entry",
        like="a shell script that changes to its own directory",
        files={
            "run.sh": '#!/bin/sh\ncd "$(dirname "$0")" && exec python src/train.py\n',
            "src/train.py": SCRIPT,
        },
        flags=("--file", "src/train.py", "--command", "./run.sh"),
        file="src/train.py",
        command="./run.sh",
        locked=("run.sh",),
    ),
    Layout(
        name="strategy and backtest",
        like="an autoresearch for trading: program.md names the edited file and a fixed script",
        files={
            "strategy.py": KNOBS,
            "backtest.py": f'from strategy import *\nprint(f"score: {{-({LOSS}):.6f}}")\n',
            "prepare.py": 'print("directory: data")\n',
            "program.md": (
                "- Modify `strategy.py` — this is the only file you edit.\n"
                "- Get the highest `score`.\n\n"
                "1. `python backtest.py > run.log 2>&1`\n"
            ),
        },
        file="strategy.py",
        command="{python} backtest.py",
        metric="score",
        direction="max",
        locked=("backtest.py", "prepare.py"),
    ),
    Layout(
        name="src without a package",
        like="`PYTHONPATH=src python -m train`",
        files={"src/train.py": f"import helper\n{SCRIPT}", "src/helper.py": ""},
        flags=("--file", "src/train.py", "--command", "PYTHONPATH=src python -m train"),
        file="src/train.py",
        command="PYTHONPATH=src python -m train",
        locked=("src/helper.py",),
    ),
    Layout(
        name="monorepo",
        like="a subdirectory of a large repository",
        files={"README.md": "", "other/train.py": "raise SystemExit(1)\n", "lab/train.py": SCRIPT},
        workspace="lab",
        command="{python} train.py",
    ),
    Layout(
        name="data above",
        like="untracked data at the top, the workspace below",
        files={
            "lab/train.py": "open('../data/tokens.bin', 'rb').read()\n" + SCRIPT,
            "data/.gitkeep": "",
            ".gitignore": "data/*\n!data/.gitkeep\n",
        },
        ignored={"data/tokens.bin": "1234"},
        workspace="lab",
        command="{python} train.py",
    ),
    Layout(
        name="submodule",
        like="code in a submodule",
        files={"train.py": f"import sys\nsys.path.append('lib')\nimport helper\n{SCRIPT}"},
        prepare=_submodule,
        command="{python} train.py",
    ),
    Layout(
        name="git-lfs",
        like="data in git-lfs, which is not installed",
        files={
            "train.py": "assert open('data.bin').read() == 'data'\n" + SCRIPT,
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
        },
        ignored={"data.bin": "data"},
        prepare=_lfs,
        command="{python} train.py",
    ),
    Layout(
        name="two metrics",
        like="a results.tsv of another tool, with two metrics",
        files={
            "train.py": SCRIPT,
            "results.tsv": "commit\tval_loss\taccuracy\tstatus\tdescription\n"
            "a1b2c3d\t4.040000\t0.51\tkeep\tbaseline\nb2c3d4e\t4.100000\t0.62\tdiscard\twider\n",
        },
        flags=("--results-file", "results-own.tsv"),
        command="{python} train.py",
    ),
    Layout(
        name="windows paths",
        like="a fork for MLX or Windows, with paths such as `.\\train.py` in its notes",
        files={
            "train.py": SCRIPT,
            "program.md": "Run `.\\.venv\\Scripts\\python.exe .\\train.py`. Lower is better.\n",
        },
        command="{python} train.py",
    ),
    Layout(
        name="accuracy",
        like="a metric for which higher is better",
        files={"fit.py": f'{KNOBS}print(f"test_accuracy: {{1 / (1 + {LOSS}):.4f}}")\n'},
        file="fit.py",
        command="{python} fit.py",
        metric="test_accuracy",
        direction="max",
    ),
)


def _run(top: Path, *words: str) -> None:
    subprocess.run(words, cwd=top, check=True, stdout=subprocess.DEVNULL)


def table() -> str:
    """Return the table of the layouts in docs/repositories.md, as Markdown."""
    lines = ["| repository | flags to give | run command |", "|---|---|---|"]
    for layout in LAYOUTS:
        flags = shlex.join(layout.flags)
        command = layout.command.replace("{python}", "python")
        cells = (layout.like, f"`{flags}`" if flags else "none", f"`{command}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
