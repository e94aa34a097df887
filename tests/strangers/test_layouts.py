"""Three experiments in repositories that are laid out as those of strangers."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from engine.client.sessions import read_session
from engine.core import events as ev
from engine.core.layout import Layout as Files
from engine.core.task_files import DEPENDENCIES
from engine.store.journal import read_journal
from tests.engine.test_ratchet import check_books
from tests.strangers.layouts import LAYOUTS, SCRIPT, Layout, has, table
from tests.warm import run_warm
from tests.world import git

pytestmark = pytest.mark.usefixtures("engines")


def contents(top: Path) -> dict[str, str]:
    """Return the hash of each file of a checkout but for those of the engine."""
    found = {}
    for directory, names, files in os.walk(top):
        names[:] = [name for name in names if name not in (".git", ".autoresearch", "__pycache__")]
        for name in files:
            path = Path(directory, name)
            if path.is_symlink() or name.startswith(("results", "run.log")):
                continue
            found[str(path.relative_to(top))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def status_of(top: Path) -> str:
    """Return git's status of a checkout, without the filters of the repository."""
    off = ("clean=", "process=", "smudge=", "required=false")
    words = [word for part in off for word in ("-c", f"filter.lfs.{part}")]
    return git(top, *words, "status", "--short")


def tried(layout: Layout) -> object:
    marks = [pytest.mark.torture] if layout.slow else []
    return pytest.param(layout, id=layout.name, marks=marks)


@pytest.mark.parametrize("layout", [tried(layout) for layout in LAYOUTS])
def test_three_experiments_run_the_edited_code(layout: Layout, tmp_path: Path) -> None:
    if not has(layout.needs):
        pytest.skip(f"{layout.needs} is not installed")
    top = tmp_path / "repository"
    top.mkdir()
    workspace = layout.make(top)
    before, status = contents(top), status_of(top)
    words = ("run", "--headless", "--yes", "--tag", "t", "--max", "3", *layout.flags)
    done = run_warm(*words, cwd=workspace)
    assert done.returncode == 0, done.stdout + done.stderr
    session = read_session(workspace, "t")
    config = session.config
    python = shutil.which("python") or "python"
    found = (config.file, config.command, config.metric, str(config.direction))
    command = layout.command.format(python=python)
    assert found == (layout.file, command, layout.metric, layout.direction)
    dependencies = {name for name in DEPENDENCIES if (workspace / name).is_file()}
    assert set(config.locked) == {*layout.locked, *dependencies}
    assert config.budget_seconds == layout.budget
    assert session.edit_use is not None and session.edit_use.used is True
    assert session.counts.total == 3
    assert all(e.measurement is not None for e in session.experiments), session.experiments
    values = {e.measurement.metric for e in session.experiments if e.measurement is not None}
    assert len(values) == 3, "each edit has a result of its own"
    events = read_journal(Files(workspace, "t").journal)
    assert not [e for e in events if isinstance(e, ev.Measured) and e.doubts]
    assert contents(top) == before
    assert status_of(top) == status
    check_books(workspace)


def test_the_layouts_are_listed_in_the_docs() -> None:
    document = Path(__file__).parents[2] / "docs" / "repositories.md"
    assert table() in document.read_text("utf-8")


def test_a_baseline_that_lacks_a_module_ends_with_sentences_that_name_it(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(f"import absent_of_all\n{SCRIPT}", "utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    done = run_warm("run", "--headless", "--yes", "--max", "2", cwd=tmp_path)
    assert done.returncode == 7
    assert "the module absent_of_all is missing. Install absent_of_all" in done.stderr
