"""Git runs nothing of a repository that the user has not confirmed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.core.errors import AutoresearchError
from engine.replay.source import open_source
from engine.setup.doctor import examine
from engine.setup.plan import StartFlags, make_plan
from engine.store.workspace import Workspace
from tests.git.hostile_repositories import HOSTILE, Repository
from tui.commands.verbs import cli


def look_at(hostile: Repository) -> None:
    """Do everything that reads a repository before the user confirmed it."""
    with contextlib.suppress(AutoresearchError):
        workspace = Workspace(hostile.path)
        workspace.look()
        workspace.read(workspace.head, "train.py")
        workspace.is_tracked("train.py")
        workspace.has_refs("t")
        workspace.checked_out_at("refs/heads/main")
    with contextlib.suppress(AutoresearchError):
        examine(hostile.path)
    with contextlib.suppress(AutoresearchError):
        make_plan(hostile.path, StartFlags(), date(2026, 1, 1))
    with contextlib.suppress(AutoresearchError):
        source = open_source(str(hostile.table))
        for number in range(1, len(source.recording.moments)):
            source.diff(number, 0)
    report = hostile.path.parent / "report"
    CliRunner().invoke(
        cli, ["report", str(hostile.table), "--out", str(report), "--format", "md,html"]
    )


@pytest.mark.parametrize("build", HOSTILE.values(), ids=HOSTILE)
def test_nothing_of_a_hostile_repository_is_run(
    build: Callable[[Repository], None], tmp_path: Path
) -> None:
    hostile = Repository(tmp_path)
    build(hostile)
    look_at(hostile)
    assert not hostile.marker.exists(), hostile.marker.read_text()
