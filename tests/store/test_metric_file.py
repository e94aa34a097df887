"""The file that holds a run's metric: read only if the run wrote it, and never through a link."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store.metric_file import MOST_BYTES, keep_metric_file, mark_unwritten, read_kept

NAME = "out/results.json"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A worktree with a directory `out`, beside a directory for the run's files."""
    (tmp_path / "tree" / "out").mkdir(parents=True)
    (tmp_path / "run-1").mkdir()
    return tmp_path / "tree"


def kept(place: Path) -> str:
    keep_metric_file(place, NAME, place.parent / "run-1")
    return read_kept(place.parent / "run-1")


def test_a_file_that_the_run_writes_is_read(place: Path) -> None:
    mark_unwritten(place, NAME)
    (place / NAME).write_text('{"x": 1}')
    assert kept(place) == '{"x": 1}'


@pytest.mark.parametrize("change", [Path.write_text, None])
def test_a_file_that_was_there_before_counts_only_once_it_is_written(
    place: Path, change: Callable[[Path, str], int] | None
) -> None:
    (place / NAME).write_text('{"x": 1}')
    mark_unwritten(place, NAME)
    if change is None:
        with pytest.raises(OSError, match="there before the run") as raised:
            kept(place)
        assert raised.value.strerror
    else:
        change(place / NAME, '{"x": 2}')
        assert kept(place) == '{"x": 2}'


def test_a_file_that_is_replaced_counts(place: Path) -> None:
    (place / NAME).write_text("1")
    mark_unwritten(place, NAME)
    (place / "new").write_text("2")
    os.replace(place / "new", place / NAME)
    assert kept(place) == "2"


def swap(place: Path, make: Callable[[Path], None]) -> None:
    """Put something else in the place of the file's directory."""
    (place / "out").rmdir()
    make(place / "out")


NOT_FILES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda place: None,
    "a pipe": lambda place: os.mkfifo(place / NAME),
    "a directory": lambda place: (place / NAME).mkdir(),
    "a link to a file": lambda place: (place / NAME).symlink_to("/etc/hostname"),
    "a link to a device": lambda place: (place / NAME).symlink_to("/dev/zero"),
    "below a link": lambda place: swap(place, lambda path: path.symlink_to("/etc")),
    "below a file": lambda place: swap(place, lambda path: path.touch()),
    "too large": lambda place: (place / NAME).write_bytes(b" " * (MOST_BYTES + 1)),
}


@pytest.mark.parametrize("kind", NOT_FILES)
def test_anything_but_a_small_regular_file_is_refused_with_the_reason(
    place: Path, kind: str
) -> None:
    NOT_FILES[kind](place)
    with pytest.raises(OSError) as raised:
        kept(place)
    assert raised.value.strerror
    mark_unwritten(place, NAME)  # of none of them anything is changed


def test_bytes_that_are_not_text_do_not_hide_the_rest(place: Path) -> None:
    (place / NAME).write_bytes(b'\xef\xbb\xbf{"x": \xff}')
    assert kept(place) == '{"x": \ufffd}'
