"""Tables of results as files: any file is read, none is overwritten unasked."""

from __future__ import annotations

import csv
import importlib
import io
import os
from pathlib import Path

import msgspec
import pytest

from engine.core.enums import Direction
from engine.core.errors import UsageError, WorkspaceError
from engine.store import table_export, table_files
from engine.store.table_files import FORMATS, export_table, read_file

TSV = (
    "commit\tval_bpb\tmemory_gb\tstatus\tdescription\textra\n"
    "aaaaaaa\t1.000000\t44.0\tkeep\tbaseline\t007\n"
    "bbbbbbb\t0.900000\t45.5\tkeep\twider\t12\n"
    "ccccccc\t0.000000\t0.0\tcrash\tdeeper\t\n"
)


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    path = tmp_path / "results.tsv"
    path.write_text(TSV)
    return path


def test_a_table_is_read_with_its_metric_and_rows(table_file: Path) -> None:
    table = read_file(table_file)
    assert [row.value for row in table.rows][:2] == [1.0, 0.9]
    assert table.notes == ()


def test_the_metric_and_its_direction_can_be_named(table_file: Path) -> None:
    table = read_file(table_file, metric="memory_gb", direction=Direction.MAX)
    assert table.metric_reason == "as asked"
    assert [row.value for row in table.rows][:2] == [44.0, 45.5]
    with pytest.raises(UsageError, match="no column 'loss'") as caught:
        read_file(table_file, metric="loss")
    assert "val_bpb" in caught.value.why


def test_a_file_that_is_not_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("just some prose\nand more of it\n")
    with pytest.raises(UsageError, match=r"notes\.txt"):
        read_file(path)


@pytest.mark.parametrize(
    ("kind", "says"),
    [("absent", "no file or directory"), ("directory", "is a directory"), ("device", "a device")],
)
def test_a_path_that_is_not_a_file_is_named_as_what_it_is(
    tmp_path: Path, kind: str, says: str
) -> None:
    path = {"absent": tmp_path / "x", "directory": tmp_path, "device": Path("/dev/null")}[kind]
    with pytest.raises(WorkspaceError, match=says):
        read_file(path)


def test_a_file_that_may_not_be_read_says_why(
    table_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(WorkspaceError, match="cannot be read") as caught:
        read_file(table_file)
    assert "Permission denied" in caught.value.why


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = os.fork()
    if child == 0:
        pipe.write_text(TSV)
        os._exit(0)
    try:
        assert len(read_file(pipe).rows) == 3
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize(("room", "rows"), [(0, 3), (-1, 2)])
def test_a_file_over_the_limit_loses_its_last_row_and_says_so(
    table_file: Path, monkeypatch: pytest.MonkeyPatch, room: int, rows: int
) -> None:
    monkeypatch.setattr(table_files, "MOST_BYTES", len(TSV) + room)
    table = read_file(table_file)
    assert len(table.rows) == rows
    assert any("were read" in note for note in table.notes) is (room < 0)


# ---- export


def test_every_format_holds_every_row(table_file: Path, tmp_path: Path) -> None:
    table = read_file(table_file)
    for kind in ("tsv", "csv", "json"):
        export_table(table, tmp_path / f"out.{kind}")
    tsv = (tmp_path / "out.tsv").read_text()
    commits = [line.split("\t")[0] for line in tsv.splitlines()[1:]]
    assert commits == ["aaaaaaa", "bbbbbbb", "ccccccc"]
    rows = list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert rows[0] == tsv.splitlines()[0].split("\t")
    assert [row[0] for row in rows[1:]] == commits
    raw = (tmp_path / "out.json").read_bytes()
    assert msgspec.json.decode(raw)
    assert b"\n  " in raw and raw.endswith(b"}\n")
    again = read_file(tmp_path / "out.tsv")
    assert [row.value for row in again.rows] == [row.value for row in table.rows]


def test_parquet_has_numbers_where_a_column_holds_nothing_else(
    table_file: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table_file.write_text(
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\tsteps\trate\thash\tmixed\n"
        "aaaaaaa\t1.0\t44.0\tkeep\tbaseline\t10\t1e-3\t007\t1\n"
        "bbbbbbb\t0.9\t45.5\tkeep\twider\t\t2.5\t12\tx\n"
    )
    export_table(read_file(table_file), tmp_path / "out.parquet")
    columns = parquet.read_table(tmp_path / "out.parquet").to_pydict()
    assert columns["val_bpb"] == [1.0, 0.9]
    assert columns["memory_gb"] == [44.0, 45.5]
    assert columns["steps"] == [10, None]
    assert columns["rate"] == [0.001, 2.5]
    assert columns["hash"] == ["007", "12"]  # a leading zero belongs to a name
    assert columns["mixed"] == ["1", "x"]
    assert columns["status"] == ["keep", "keep"]


def test_a_file_that_exists_is_replaced_only_when_asked(table_file: Path, tmp_path: Path) -> None:
    table, target = read_file(table_file), tmp_path / "out.csv"
    target.write_text("mine")
    with pytest.raises(UsageError, match=r"out\.csv") as caught:
        export_table(table, target)
    assert "--force" in caught.value.todo
    assert target.read_text() == "mine"
    export_table(table, target, force=True)
    assert target.read_text() != "mine"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_dangling_link_counts_as_a_file_that_exists(table_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError):
        export_table(read_file(table_file), target)
    assert target.is_symlink()


def test_a_file_that_appears_meanwhile_is_not_replaced(
    table_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, target = read_file(table_file), tmp_path / "out.csv"
    real = os.link

    def raced(source: str, link: Path) -> None:
        target.write_text("theirs")
        real(source, link)

    monkeypatch.setattr(os, "link", raced)
    with pytest.raises(UsageError):
        export_table(table, target)
    assert target.read_text() == "theirs"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "results.tsv"]


@pytest.mark.parametrize("there", [False, True])
def test_without_hard_links_the_file_is_still_written_and_still_not_replaced(
    table_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    table, target = read_file(table_file), tmp_path / "out.csv"

    def refuse(source: str, link: Path) -> None:
        if there:
            target.write_text("theirs")
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    if there:
        with pytest.raises(UsageError):
            export_table(table, target)
        assert target.read_text() == "theirs"
    else:
        export_table(table, target)
        assert len(target.read_text().splitlines()) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "results.tsv"]


def test_any_other_error_of_a_link_is_reported_and_leaves_nothing(
    table_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_file(table_file)

    def full(source: str, link: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(WorkspaceError, match="cannot be written") as caught:
        export_table(table, tmp_path / "out.csv")
    assert "No space left" in caught.value.why
    assert [p.name for p in tmp_path.iterdir()] == ["results.tsv"]


def test_the_permissions_of_a_new_file_are_those_the_user_gives_any_file(
    table_file: Path, tmp_path: Path
) -> None:
    old = os.umask(0o027)
    try:
        export_table(read_file(table_file), tmp_path / "out.csv")
    finally:
        assert os.umask(old) == 0o027, "the umask is put back"
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("out.xlsx", "format"),
        ("out", "format"),
        ("absent/out.csv", "no directory"),
        ("folder.csv", "is a directory"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_before_anything_is(
    table_file: Path, tmp_path: Path, target: str, says: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match=says):
        export_table(read_file(table_file), tmp_path / target)


def test_the_name_chooses_the_format_in_any_case(tmp_path: Path) -> None:
    for kind in FORMATS:
        assert table_export.format_of(tmp_path / f"x.{kind.upper()}") == kind
    with pytest.raises(UsageError) as caught:
        table_export.format_of(tmp_path / "x.txt")
    assert ".tsv, .csv, .json or .parquet" in caught.value.todo


def test_parquet_without_pyarrow_says_what_to_install(
    table_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(UsageError, match="pyarrow") as caught:
        export_table(read_file(table_file), tmp_path / "out.parquet")
    assert "autoresearch-tui[data]" in caught.value.todo
    assert not (tmp_path / "out.parquet").exists()
