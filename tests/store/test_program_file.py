"""program.md as a file of the workspace: read as text, written only over the version seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.core.errors import WorkspaceError
from engine.store import program_file
from engine.store.program_file import (
    ProgramChangedError,
    program_key,
    read_program,
    write_program,
)


def test_a_workspace_without_a_program_has_an_empty_one(tmp_path: Path) -> None:
    assert read_program(tmp_path) == ("", "")


def test_a_program_is_its_text_and_a_key_that_changes_with_it(tmp_path: Path) -> None:
    (tmp_path / "program.md").write_text("Be bold – 日本.\r\n", newline="")
    program = read_program(tmp_path)
    assert program.text == "Be bold – 日本.\r\n"
    assert program.key == program_key(program.text)
    assert len(program.key) == 12
    assert program_key("Be bold.") != program.key


@pytest.mark.parametrize("data", [b"caf\xe9\n", b"a\0b\n"])
def test_a_file_that_is_not_text_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "program.md").write_bytes(data)
    with pytest.raises(WorkspaceError, match=r"program\.md is no"):
        read_program(tmp_path)


def test_a_directory_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "program.md").mkdir()
    with pytest.raises(WorkspaceError, match=r"program\.md"):
        read_program(tmp_path)


@pytest.mark.parametrize(("size", "fits"), [(64, True), (65, False)])
def test_a_file_over_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, fits: bool
) -> None:
    monkeypatch.setattr(program_file, "_LARGEST_PROGRAM", 64)
    (tmp_path / "program.md").write_text("x" * size)
    if fits:
        assert len(read_program(tmp_path).text) == size
    else:
        with pytest.raises(WorkspaceError, match="larger than"):
            read_program(tmp_path)


def test_a_file_that_may_not_be_read_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "program.md").write_text("x")

    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(WorkspaceError, match="cannot be read") as caught:
        read_program(tmp_path)
    assert "Permission denied" in caught.value.why


def test_it_is_written_over_the_version_seen_and_over_no_other(tmp_path: Path) -> None:
    written = write_program(tmp_path, "one\n", "")
    assert written == read_program(tmp_path) == ("one\n", program_key("one\n"))
    (tmp_path / "program.md").write_text("theirs\n")
    with pytest.raises(ProgramChangedError) as caught:
        write_program(tmp_path, "two\n", written.key)
    assert "Nothing was written" in caught.value.why
    assert (tmp_path / "program.md").read_text() == "theirs\n"
    write_program(tmp_path, "two\n", read_program(tmp_path).key)
    assert (tmp_path / "program.md").read_text() == "two\n"


def test_a_link_stays_and_the_file_behind_it_changes(tmp_path: Path) -> None:
    shared = tmp_path / "shared.md"
    shared.write_text("one\n")
    work = tmp_path / "work"
    work.mkdir()
    (work / "program.md").symlink_to(shared)
    write_program(work, "two\n", read_program(work).key)
    assert (work / "program.md").is_symlink()
    assert shared.read_text() == "two\n"


def test_a_disk_that_is_full_is_named_and_the_old_version_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_program(tmp_path, "one\n", "")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WorkspaceError, match="cannot be written") as caught:
        write_program(tmp_path, "two\n", written.key)
    assert "No space left" in caught.value.why
    assert (tmp_path / "program.md").read_text() == "one\n"
