"""The file beside a run's log that holds its loss curve."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from engine.core.curves.curve import MOST_POINTS, CurveBuilder, CurvePoint
from engine.core.layout import CURVE_NAME
from engine.store.curve_file import CurveFile, CurveWriter, read_curve
from engine.store.durable import TEMPORARY_MARK


def grown(builder: CurveBuilder, count: int) -> CurveBuilder:
    for _ in range(count):
        step = (builder.points[-1].step or 0) + 1 if builder.points else 0
        builder.add(None, step, 5.0)
    return builder


def test_the_file_follows_the_curve_also_when_that_is_thinned(tmp_path: Path) -> None:
    writer, builder = CurveWriter(tmp_path / CURVE_NAME), CurveBuilder()
    for _ in range(2 * MOST_POINTS // 40):
        grown(builder, 40)
        writer.write(builder)
        assert list(read_curve(tmp_path).points) == builder.points
    assert builder.generation > 0
    assert os.listdir(tmp_path) == [CURVE_NAME]


def test_what_a_kill_leaves_of_it_has_a_name_that_is_tidied_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed: list[str] = []
    monkeypatch.setattr(os, "replace", lambda source, target: renamed.append(source))
    CurveWriter(tmp_path / CURVE_NAME).write(grown(CurveBuilder(), 3))
    (unfinished,) = renamed
    assert TEMPORARY_MARK in Path(unfinished).name


def test_a_second_engine_writes_the_curve_again_over_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / CURVE_NAME
    path.write_bytes(b"[0.1,1,9.0]\n[0.2,2")
    assert read_curve(tmp_path).points == (CurvePoint(0.1, 1, 9.0),)
    writer, builder = CurveWriter(path), grown(CurveBuilder(), 3)
    writer.write(builder)
    assert list(read_curve(tmp_path).points) == builder.points


def test_a_run_of_an_earlier_release_has_the_curve_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text("step 1 (50%) loss: 4.0\nstep 2 (100%) loss: 3.0\n")
    assert read_curve(tmp_path).points == (CurvePoint(0.5, 1, 4.0), CurvePoint(1.0, 2, 3.0))


def test_a_file_is_read_again_only_where_it_changed(tmp_path: Path) -> None:
    writer, builder = CurveWriter(tmp_path / CURVE_NAME), grown(CurveBuilder(), 1)
    file = CurveFile(tmp_path)
    assert not file.poll()
    writer.write(builder)
    assert file.poll()
    assert not file.poll()
    writer.write(grown(builder, 1))
    assert file.poll()
    assert len(file.curve) == 2


def test_a_link_or_pipe_in_the_files_place_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"[0.1,1,9.0]\n")
    (tmp_path / CURVE_NAME).symlink_to(tmp_path / "other")
    assert not read_curve(tmp_path).points
    (tmp_path / CURVE_NAME).unlink()
    os.mkfifo(tmp_path / CURVE_NAME)
    assert not read_curve(tmp_path).points


def test_a_disk_error_is_logged_once_and_the_curve_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "gone"
    writer, builder = CurveWriter(directory / CURVE_NAME), grown(CurveBuilder(), 1)
    with caplog.at_level(logging.WARNING):
        writer.write(builder)
        writer.write(grown(builder, 1))
    assert len(caplog.records) == 1
    directory.mkdir()
    writer.write(grown(builder, 1))
    assert len(read_curve(directory)) == 3
