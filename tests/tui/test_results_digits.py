"""The digits of metrics in the results table."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.table import read_table
from engine.replay.from_table import TableHistory
from tui.present.results_cells import experiment_cell
from tui.present.results_columns import columns_for, metric_format

TABLES = Path(__file__).parents[1] / "tables"


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("large-neighbours.tsv", ["3943210", "3943185", "3943190"]),
        ("close-neighbours.tsv", ["0.9967928529", "0.9967928511", "0.9967928520"]),
    ],
)
def test_neighbours_look_different_and_fit_their_column(name: str, texts: list[str]) -> None:
    path = TABLES / name
    recording = TableHistory(read_table(path.read_bytes()), path, None).recording()
    session = recording.session_at(len(recording))
    apart, cells = metric_format(session)
    title = session.config.metric
    shown = [experiment_cell(title, e, session, None, apart)[0] for e in session.experiments]
    assert shown == texts
    (column,) = (c for c in columns_for(session, 120, 10, cells) if c.title == title)
    assert column.width >= max(map(len, texts))
