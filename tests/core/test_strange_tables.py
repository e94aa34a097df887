"""Tables of other tools whose columns, rows or format mislead: tests/tables/, one kind each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.core.enums import Direction
from engine.core.table import Role, Table, read_table, summarise

TABLES = Path(__file__).parents[1] / "tables"


class Expected(NamedTuple):
    """What a table says."""

    metric: str | None
    direction: Direction | None
    rows: str
    """Value (– for none) and first letter of the verdict, of each row."""
    best: int
    """Number of the best row, 0 for none."""
    says: str = ""
    """A part of the notes, or of the reason for the metric."""


LOW, HIGH = Direction.MIN, Direction.MAX
EXPECTED = {
    # Names of columns that are taken for a row.
    "header-of-unknown-names.tsv": Expected("payoff_number", None, "0.41o 0.44o 0.39o 0.47o", 0),
    "header-without-rows.tsv": Expected(None, None, "", 0),
    "header-with-a-status-word.tsv": Expected("sum_tok_s", HIGH, "120o 2519o 4342o 5353o", 4),
    # A column that is not the metric, although its name is a metric's or it comes first.
    "verdicts-follow-another-column.tsv": Expected(
        "core_index",
        HIGH,
        "10k 10.4k 9.7d 9.1d 10.9k 10.1d 10.2d 11.3k 11d 11.8k 11.1d 12.6k",
        12,
        "the verdicts follow it",
    ),
    "starting-value-before-the-result.tsv": Expected(
        "val_loss", LOW, "2.9k 2.7k 2.8d 2.6k 2.95d", 4
    ),
    "running-index-first.tsv": Expected("quux_figure", HIGH, "5.1k 5.4k 5.2d 5.9k 5.3d", 4),
    "run-time-beside-the-metric.tsv": Expected("gadget_spread", LOW, "0.66k 0.15k", 2),
    "first-column-and-a-named-one.tsv": Expected(
        "val_blend_mean",
        HIGH,
        "0.001k 0.002k 0.0015d 0.003k 0.0025d 0.004k 0.0012d 0.005k 0.0041d 0.006k 0.0011d",
        10,
        "the verdicts follow it",
    ),
    "sparse-records.jsonl": Expected(
        "win_rate", HIGH, "–o 0.15o 0.2o 0.25o 0.3o 0.35o 0.4o 0.45o 0.5o 0.55o 0.6o 0.65o", 12
    ),
    "names-that-begin-with-baseline.tsv": Expected(
        "val_corr_mean", HIGH, "0.001o 0.002o 0.003o 0.004o 0.005o 0.006o 0.007o", 7
    ),
    "p-values-beside-changes.tsv": Expected("tier_delta_pct", None, "-7.3k -1.9k 0.4d 1.2d", 0),
    "names-of-metrics-in-a-column.tsv": Expected("value", None, "5499k 0.41o 105504o", 0),
    "ideas-beside-a-reason.jsonl": Expected("score_ns", LOW, "2.723e+06k 2.754e+06d 2.698e+06k", 3),
    # Numbers that are taken for commits, and commits for numbers.
    "six-digit-numbers.tsv": Expected("val_loss", LOW, "1.363o 1.359o 1.353o 1.349o", 4),
    "id-before-the-commit.tsv": Expected(
        "success_rate", HIGH, "0.45k 0.5k 0.81k 0.4d –d 0.67o 0.6k", 3
    ),
    "id-before-the-commit-min.tsv": Expected("val_bpb", LOW, "0.99k 1.02k 0.98k", 3),
    # Two tables in one file.
    "two-tables-pasted.tsv": Expected(
        "val_bpb", LOW, "0.99k 0.97k 0.98d –k –k", 2, "2 rows have another metric (accuracy)"
    ),
    "validation-and-test-pasted.tsv": Expected(
        "val_acc", HIGH, "0.8k 0.82k 0.81d –k", 2, "1 row has another metric (test_acc)"
    ),
    "header-below-its-rows.tsv": Expected("val_acc", HIGH, "0.8k 0.82k 0.81d", 2),
    "unknown-header-in-the-middle.tsv": Expected(
        "val_bpb", LOW, "0.99k 0.97k –k –d –k", 2, "3 rows have another metric (blob_count)"
    ),
    # Zeros that stand for no value.
    "zeros-of-discards.tsv": Expected(
        "val_bpb", LOW, "0.99k –d –c 0.97k 0.98d", 4, "the 0 of 1 row"
    ),
    "zeros-of-a-rate.tsv": Expected("error_rate", LOW, "0.3k –d 0.25k –c 0d", 3),
    # Verdicts and rows in other forms.
    "accepted-as-numbers.tsv": Expected("avg_sharpe", HIGH, "0.91k 0.95k 0.8d 0.97k", 4),
    "accepted-as-booleans.csv": Expected("val_f1", HIGH, "0.8k 0.79d 0.83k 0.83d", 3),
    "verdicts-beside-a-sparse-status.jsonl": Expected(
        "bleu", HIGH, "2.35k 2.34d 2.81k 2.58d –d", 3
    ),
    "headings-between-rows.tsv": Expected(
        "val_bpb", LOW, "1.3k 1.27k 1.59d 1.26k", 4, "2 comments"
    ),
    "cells-of-several-lines.tsv": Expected("val_score", HIGH, "0.5k -0.72d 2.2k", 3),
    "short-rows.tsv": Expected("val_loss", LOW, "2.1k 2k 1.2o 2.05d –c 1.95k", 6),
    "soft-words-beside-a-verdict.tsv": Expected("win_rate", HIGH, "0.5k 0.53k 0.4d 0.49d", 2),
    # JSON, JSON Lines and CSV.
    "autoresearch.jsonl": Expected("parse_µs", LOW, "3818k 4063d –c 3500d 3648k", 5, "JSON Lines"),
    "two-segments.jsonl": Expected("bundle_kb", LOW, "–k –k 300k 250k 260d", 4, "total_tests"),
    "trials.jsonl": Expected("val_bpb", LOW, "1.45o 1.41o –c", 2),
    "results.json": Expected("val_acc", HIGH, "0.8k 0.82k 0.81d", 2, "JSON"),
    "pipes-within-cells.csv": Expected(
        "test_corr", HIGH, "0.014o 0.0167o 0.0213o", 3, "separated by commas"
    ),
    "quoted.csv": Expected("val_loss", LOW, "2.5k 2.4k 2.6d", 2),
    # Digits.
    "large-neighbours.tsv": Expected(
        "total_cost", LOW, "3.94321e+06k 3.94318e+06k 3.94319e+06d", 2
    ),
    "close-neighbours.tsv": Expected("val_loss", LOW, "0.996793k 0.996793k 0.996793d", 2),
    # The direction.
    "direction-in-a-column.tsv": Expected("metric_value", HIGH, "0.9k –c", 1),
    "direction-unknown.tsv": Expected("clippy", None, "164k 164k", 0),
}


def read(name: str) -> Table:
    return read_table((TABLES / name).read_bytes())


def test_every_table_is_expected() -> None:
    assert {path.name for path in TABLES.iterdir()} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_table_says(name: str) -> None:
    table, expected = read(name), EXPECTED[name]
    rows = [
        f"{'–' if row.value is None else f'{row.value:g}'}{row.verdict.value[0]}"
        for row in table.rows
    ]
    assert " ".join(rows) == expected.rows
    assert table.metric == expected.metric
    known = getattr(table, "direction_known", True)
    assert (table.direction if known else None) is expected.direction
    best = summarise(table).best
    assert (best.number if best is not None else 0) == expected.best
    assert expected.says in "; ".join((table.metric_reason, *table.notes))
    assert not table.bad


def test_the_cells_of_json_lines_are_those_of_the_records() -> None:
    table = read("autoresearch.jsonl")
    first, second = table.rows[:2]
    assert first.description == 'Baseline: 3,818µs, "as is"'
    assert second.description == "tabs and a new line"
    assert (first.commit, first.line, second.line) == ("c09e722", 2, 3)
    assert first.at is not None
    assert first.extras["allocations"] == "24881"
    assert table.direction_reason == 'the file says "lower"'
    assert read("trials.jsonl").rows[2].extras["error"] == "CUDA out of memory, 5.59 GiB"


def test_a_record_of_very_many_figures_keeps_them_in_few_columns() -> None:
    record = {"val_acc": 0.5, "status": "keep", "deep": {f"a{n}": {"b": n} for n in range(300)}}
    table = read_table(json.dumps([record, {**record, "val_acc": 0.6}]).encode())
    assert (table.metric, [row.value for row in table.rows]) == ("val_acc", [0.5, 0.6])
    assert len(table.columns) < 256
    assert not any(row.flaw for row in table.rows)
    assert json.loads(table.rows[0].description)["a299"] == {"b": 299}


def test_settings_within_records_are_not_the_metric() -> None:
    record = {"env": {"accuracy": 1.0}, "result": {"tokens": 5.0}, "status": "keep"}
    assert read_table(json.dumps([record, record]).encode()).metric == "result.tokens"


def test_a_quoted_cell_has_several_lines() -> None:
    assert [row.description for row in read("quoted.csv").rows] == [
        'start, with "quotes"',
        "a cell\nof three\nlines",
        '5" disks, plain',
    ]


def test_a_shifted_row_keeps_its_commit() -> None:
    assert [row.commit for row in read("id-before-the-commit.tsv").rows] == [
        *("cf2ff00", "444d100", "30053e4", "7c46906", "06cd8a3(reverted)", "5add223", "40e1e00")
    ]


def test_a_commit_is_no_memory_either() -> None:
    assert [row.memory_gb for row in read("id-before-the-commit-min.tsv").rows] == [44, 44.1, 44]


def test_a_column_of_six_digit_numbers_is_no_commit() -> None:
    table = read("six-digit-numbers.tsv")
    assert not table.has_column(Role.COMMIT)
    assert table.rows[0].extras["artifact_total"] == "122658"


def test_a_heading_between_rows_is_not_part_of_a_row() -> None:
    rows = read("headings-between-rows.tsv").rows
    assert [row.description for row in rows] == ["start", "higher rate", "experts", "one expert"]


def test_an_idea_describes_a_row_rather_than_the_reason_of_its_verdict() -> None:
    first = read("ideas-beside-a-reason.jsonl").rows[0]
    assert first.description == "merge the last step into the first layer"
