"""results.tsv stays readable for everybody's tools."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.core.enums import Verdict
from engine.core.results_row import ResultsRow, format_row
from engine.store.results_tsv import append_row, header, is_ours
from tests.hostile import CORPUS, unsafe_in


def row(description: str = "baseline", commit: str = "0123456789") -> ResultsRow:
    return ResultsRow(
        commit=commit, metric=0.9979, memory_gb=44.04, status=Verdict.KEEP, description=description
    )


def test_the_schema_is_the_usual_one(tmp_path: Path) -> None:
    path = tmp_path / "results.tsv"
    append_row(path, "val_bpb", row())
    assert path.read_text() == (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n0123456\t0.997900\t44.0\tkeep\tbaseline\n"
    )
    assert is_ours(path, "val_bpb")


@given(st.one_of(st.text(), st.sampled_from(CORPUS)))
def test_no_description_breaks_the_table(description: str) -> None:
    line = format_row(row(description))
    assert line.count("\t") == 4
    assert len(line.splitlines()) == 1
    assert not unsafe_in(line, allowed="\t")


def test_a_file_without_its_last_newline_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "results.tsv"
    path.write_text(header("val_bpb") + "\nabcdefg\t1.0\t1.0\tkeep\tx")
    append_row(path, "val_bpb", row())
    assert len(path.read_text().splitlines()) == 3


def test_other_schemas_are_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "results.tsv"
    for text in ("commit\tval_rmse\tx\n", "a,b,c\n", header("val_bpb").replace("\t", "\\t") + "\n"):
        path.write_text(text)
        assert not is_ours(path, "val_bpb")
    path.write_text("")
    assert is_ours(path, "val_bpb")
    assert is_ours(tmp_path / "absent.tsv", "val_bpb")
