"""Paths that begin with `~`, `$HOME` or `/`, in config.toml, in flags and on the command line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.core.errors import ConfigError
from engine.setup.config_file import config_path, load_config
from engine.setup.plan import StartFlags, make_plan
from tui.commands.results import results

TABLE = b"commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.9\t4.0\tkeep\tbaseline\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home directory; the repository is its directory `work`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write_config(repository: Path, text: str) -> None:
    path = config_path(repository)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("start", ["~", "$HOME", "${HOME}", "absolute"])
def test_paths_of_the_workspace_in_config_toml_are_made_relative(
    repository: Path, home: Path, start: str
) -> None:
    place = f"{home if start == 'absolute' else start}/work"
    write_config(
        repository,
        f'file = "{place}/train.py"\nlocked = ["{place}/*.py", "b.py"]\nmetric = "~/work/x"\n',
    )
    config = load_config(repository)
    assert config.file == "train.py"
    assert config.locked == ("*.py", "b.py")
    assert config.metric == "~/work/x"  # not a path


def test_a_path_through_a_link_to_the_workspace_is_in_it(repository: Path, home: Path) -> None:
    (home / "link").symlink_to(repository)
    write_config(repository, 'file = "~/link/train.py"\n')
    assert load_config(repository).file == "train.py"


@pytest.mark.parametrize(
    "path", ["~/elsewhere.py", "$HOME", "~/work/../elsewhere.py", "~/workshop/a"]
)
def test_a_path_outside_of_the_workspace_is_rejected_as_it_expands(
    repository: Path, home: Path, path: str
) -> None:
    write_config(repository, f'file = "{path}"\n')
    with pytest.raises(ConfigError, match="a path inside the workspace"):
        load_config(repository)


def test_flags_and_answers_are_expanded_too(repository: Path, home: Path) -> None:
    (repository / "other.py").write_text((repository / "train.py").read_text())
    flags = StartFlags(settings={"file": "$HOME/work/train.py", "locked": ("~/work/other.py",)})
    plan = make_plan(repository, flags, date(2026, 11, 29), {"results_file": "~/work/night.tsv"})
    assert plan.config.file == "train.py"
    assert plan.config.locked == ("other.py",)
    assert plan.config.results_file == "night.tsv"


@pytest.mark.parametrize("start", ["~", "$HOME", "${HOME}"])
def test_a_path_on_the_command_line_is_expanded(home: Path, start: str) -> None:
    (home / "night.tsv").write_bytes(TABLE)
    # No shell expands what follows the `=`.
    done = CliRunner().invoke(results, [f"{start}/night.tsv", f"--export={start}/clean.csv"])
    assert done.exit_code == 0, done.output
    assert "baseline" in (home / "clean.csv").read_text()
