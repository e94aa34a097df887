"""Links in a workspace that would make the engine write to a place elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.core.config import ResearchConfig
from engine.core.errors import WorkspaceError
from engine.core.layout import Layout
from engine.setup.confirmation import confirm, differences
from engine.setup.engine_files import check_engine_files, check_results_file
from engine.setup.plan import StartFlags, make_plan
from engine.store.results_tsv import append_row, is_ours
from tests.engine.test_detect import TODAY
from tests.store.test_session_files import row

CONFIG = ResearchConfig(tag="t")


@pytest.mark.parametrize(
    "name",
    ["engine.log", "engine.out", "t/journal.jsonl", "t/journal.torn", "t", "t/worktrees"],
)
def test_a_link_in_the_place_of_an_engine_file_is_an_error(tmp_path: Path, name: str) -> None:
    layout = Layout(tmp_path / "work", "t")
    check_engine_files(layout)  # nothing is there yet
    path = layout.home / name
    path.parent.mkdir(parents=True)
    for make in (lambda p: p.symlink_to(tmp_path), os.mkfifo):
        make(path)
        with pytest.raises(WorkspaceError, match=name):
            check_engine_files(layout)
        path.unlink()


def test_a_table_behind_a_link_out_of_the_workspace_is_an_error(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (repository / "out").symlink_to(tmp_path / "elsewhere")
    (repository / "loop").symlink_to("loop")
    (repository / "inside").mkdir()
    (repository / "also").symlink_to("inside")
    for name in ("out/results.tsv", "loop/results.tsv"):
        flags = StartFlags(settings={"results_file": name})
        with pytest.raises(WorkspaceError, match="--results-file"):
            make_plan(repository, flags, TODAY)
    check_results_file(repository, "also/results.tsv")


def test_rows_are_not_appended_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n")
    table = tmp_path / "results.tsv"
    table.symlink_to(victim)
    before = victim.read_text()
    assert not is_ours(table, "val_bpb")
    with pytest.raises(OSError):
        append_row(table, "val_bpb", row())
    assert victim.read_text() == before


def test_a_link_in_the_place_of_the_engine_s_directory_is_confirmed(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    home = repository / ".autoresearch"
    home.symlink_to(tmp_path / "elsewhere")
    assert str(tmp_path / "elsewhere") in differences(repository, CONFIG)[1]
    confirm(repository, CONFIG)
    assert differences(repository, CONFIG) == ()
    home.unlink()
    home.symlink_to(tmp_path)
    (changed,) = differences(repository, CONFIG)
    assert f"is a link to {tmp_path}; it was {tmp_path / 'elsewhere'}" in changed
