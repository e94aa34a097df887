"""The keeps of a table or a session with all runs of their commits, and σ from repeats."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.analysis.counterfactual import Kept
from engine.core.analysis.kept_runs import keeps_of_session, keeps_of_table, spread_of_table
from engine.core.enums import Verdict
from engine.core.reducer import fold
from engine.core.table import Table, read_table
from tests.report.nights import Night


def table_of(*rows: str) -> Table:
    text = "\n".join(["commit\tval_bpb\tmemory_gb\tstatus\tdescription", *rows])
    return read_table(text.encode())


PLAIN = table_of(
    "a1b2c3d\t1.00\t4.0\tkeep\tbaseline",
    "b1b2c3d\t0.90\t4.0\tkeep\thalve batch",
    "c1b2c3d\t0.95\t4.0\tdiscard\twarmup",
    "d1b2c3d\t0.00\t0.0\tcrash\tbatch 131K",
    "e1b2c3d\t0.80\t4.0\tkeep\tdepth 9",
)


def test_keeps_of_single_runs() -> None:
    assert keeps_of_table(PLAIN) == [Kept(1, (1.0,)), Kept(2, (0.9,)), Kept(5, (0.8,))]
    assert spread_of_table(PLAIN) is None


def test_a_row_that_repeats_a_commit_is_another_run_of_it() -> None:
    table = table_of(
        "a1b2c3d\t1.00\t4.0\tkeep\tbaseline",
        "a1b2c3d\t1.02\t4.0\tdiscard\tBaseline",
        "b1b2c3d\t0.90\t4.0\tkeep\thalve batch",
        "b1b2c3d\t0.94\t4.0\tkeep\thalve batch, re-run with seed 2",
    )
    assert keeps_of_table(table) == [Kept(1, (1.0, 1.02)), Kept(3, (0.9, 0.94))]
    spread = spread_of_table(table)
    assert spread is not None
    assert (spread.runs, spread.commits, spread.degrees) == (4, 2, 2)
    assert spread.sigma == pytest.approx(((0.02**2 / 2 + 0.04**2 / 2) / 2) ** 0.5)


@pytest.mark.parametrize(
    ("commit", "again", "value", "description"),
    [
        ("b1b2c3d", "b1b2c3d", "0.85", "warmup 5 %"),  # another edit, on that commit
        ("reverted", "reverted", "0.85", "halve batch"),
        ("b1b2c3d-dirty", "b1b2c3d-dirty", "0.85", "halve batch"),
        ("b1b2c3d", "b1b2c3d", "0.9", "halve batch"),  # a copy of the line
        ("b1b2c3d", "b1b2c3d", "N/A", "halve batch"),
    ],
)
def test_rows_that_are_not_repeats(commit: str, again: str, value: str, description: str) -> None:
    table = table_of(
        "a1b2c3d\t1.00\t4.0\tkeep\tbaseline",
        f"{commit}\t0.9\t4.0\tkeep\thalve batch",
        f"{again}\t{value}\t4.0\tdiscard\t{description}",
    )
    assert spread_of_table(table) is None
    assert keeps_of_table(table)[1].number == 2


def test_a_baseline_with_a_status_of_its_own_comes_first() -> None:
    table = table_of("a1b2c3d\t1.00\t4.0\tstart\tas it is", "b1b2c3d\t0.90\t4.0\tkeep\thalve batch")
    assert [kept.number for kept in keeps_of_table(table)] == [1, 2]


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.data())
def test_each_value_of_a_keep_is_in_the_table_once(names: list[str], data: st.DataObject) -> None:
    rows = [
        f"{name}1b2c3d\t{data.draw(st.integers(1, 9))}\t4.0\t"
        f"{data.draw(st.sampled_from(['keep', 'discard', 'crash']))}\t"
        f"{data.draw(st.sampled_from(['x', 'y', 'x again']))}"
        for name in names
    ]
    keeps = keeps_of_table(table_of(*rows))
    assert sum(len(kept.values) for kept in keeps) <= len(rows)
    assert [kept.number for kept in keeps] == sorted({kept.number for kept in keeps})


def test_the_repeats_of_a_session_are_runs_of_one_keep(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, Verdict.KEEP, "baseline")
    kept = night.experiment(0.9, Verdict.KEEP, "halve batch")
    night.experiment(0.95, Verdict.DISCARD, "warmup")
    night.experiment(0.94, Verdict.DISCARD, "halve batch", of=kept)
    night.experiment(0.8, Verdict.KEEP, "depth 9")
    night.experiment(None, Verdict.CRASH, "batch 131K")
    keeps = keeps_of_session(fold(night.events()))
    assert [(k.number, k.values) for k in keeps] == [(1, (1.0,)), (2, (0.9, 0.94)), (5, (0.8,))]
