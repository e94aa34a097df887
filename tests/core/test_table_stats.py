"""The figures of a table: best, incumbents, trend."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.core.table import RowVerdict, read_table, summarise
from engine.core.table.plain_values import table_facts
from engine.core.table.stats import TableCounts


def stats(metric: str, *rows: tuple[str, str]) -> Any:
    lines = [f"commit\t{metric}\tmemory_gb\tstatus\tdescription"]
    lines += [f"a{i}b2c3d\t{value}\t1.0\t{status}\tx" for i, (value, status) in enumerate(rows)]
    return summarise(read_table("\n".join(lines).encode()))


NIGHT = (
    ("1.00", "keep"),
    ("0.98", "keep"),
    ("0.0", "crash"),
    ("0.90", "discard"),
    ("0.97", "keep"),
    ("0.99", "discard"),
    ("N/A", "crash"),
    ("0.98", "discard"),
    ("0.98", "discard"),
)


def test_a_night() -> None:
    s = stats("val_bpb", *NIGHT)
    assert s.baseline.number == 1
    assert (s.best.number, s.best.value) == (5, 0.97)
    assert s.incumbents == (1, 2, 2, 2, 5, 5, 5, 5, 5)
    assert [(k.number, k.gain) for k in s.keeps] == [
        (1, None),
        (2, pytest.approx(0.02)),
        (5, pytest.approx(0.01)),
    ]
    c = s.counts
    assert (c.keep, c.discard, c.crash, c.other, c.total) == (3, 4, 2, 0, 9)
    assert s.keep_rate == pytest.approx(3 / 9)
    assert (s.since_keep, s.plateau) == (4, 3)
    assert s.trend.keeps_before == 3
    assert s.trend.keeps_recent == 0
    assert not s.trend.improving


def test_no_row_is_counted_before_one_is_read() -> None:
    assert msgspec.structs.astuple(TableCounts()) == (0, 0, 0, 0, 0)


def test_a_maximised_metric() -> None:
    s = stats("accuracy", ("0.5", "keep"), ("0.9", "discard"), ("0.6", "keep"), ("0", "crash"))
    assert s.best.value == 0.6
    assert s.keeps[-1].gain == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("metric", "value", "status", "is_best"),
    [
        ("val_bpb", "0.000000", "crash", False),
        ("val_bpb", "0.5", "crash", False),
        ("val_bpb", "0.5", "discard", False),
        ("val_bpb", "0.000000", "skip", False),
        ("val_bpb", "0.000000", "keep", False),  # no text has zero bits per byte
        ("val_bpb", "-1.0", "run", False),
        ("val_bpb", "nan", "keep", False),
        ("val_bpb", "-inf", "keep", False),
        ("val_bpb", "0.5", "run", True),
        ("val_bpb", "0.5", "keep", True),
        ("error_rate", "0.0", "keep", True),
        ("error_rate", "0.0", "", False),
        ("nll", "-1.5", "keep", True),
    ],
)
def test_what_can_be_a_best(metric: str, value: str, status: str, is_best: bool) -> None:
    s = stats(metric, ("0.9", "keep"), (value, status))
    assert (s.best.number == 2) is is_best


def test_the_incumbent_of_a_table_without_keeps_is_the_best_so_far() -> None:
    s = stats("score", ("0.8", ""), ("-1.0", ""), ("0.7", ""), ("0.9", ""))
    assert s.incumbents == (1, 1, 1, 4)
    assert s.counts.other == 4
    assert s.keep_rate is None
    assert s.best.value == 0.9


def test_a_table_without_a_row() -> None:
    s = stats("val_bpb")
    assert (s.best, s.baseline, s.keep_rate, s.trend.gain) == (None, None, None, None)
    assert (s.incumbents, s.keeps, s.plateau) == ((), (), 0)


def test_a_crashed_first_row_is_not_the_baseline() -> None:
    s = stats("val_bpb", ("N/A", "crash"), ("4.0", "kept"), ("3.8", "baseline"))
    assert s.baseline.number == 2


def test_the_trend_of_the_last_third() -> None:
    falling = [(f"{1 - i / 100:.2f}", "keep") for i in range(9)]
    s = stats("val_bpb", *falling)
    assert s.trend.before == pytest.approx(0.95)
    assert s.trend.recent == pytest.approx(0.92)
    assert s.trend.improving


def test_the_facts_are_complete() -> None:
    text = (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.9\t1.0\tkept\tx\nnoise\n\nmore"
    )
    facts = table_facts(read_table(text.encode()))
    assert facts["metric"] == "val_bpb"
    assert facts["direction"] == "min"
    assert facts["counts"] == {"keep": 1, "discard": 0, "crash": 0, "other": 0, "total": 1}
    assert (facts["best"], facts["best_row"], facts["baseline"]) == (0.9, 1, 0.9)
    assert facts["bad_rows"] == [{"line": 5, "reason": "text between the rows", "text": "more"}]
    assert facts["rows"][0]["verdict"] == RowVerdict.KEEP.value
    assert facts["rows"][0]["status"] == "kept"
    assert set(facts) >= {"trend", "keep_rate", "plateau", "notes", "columns"}
