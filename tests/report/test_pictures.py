"""The chart and the card, and the range of values they show."""

from __future__ import annotations

import itertools
import math
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core.enums import Verdict
from engine.core.errors import EnvironmentProblem
from engine.core.table import read_table
from engine.report.axis import number_ticks, robust_axis
from engine.report.card import card_png
from engine.report.chart import chart_png
from engine.report.plot import Frame, Shape, labels_of, plot_of
from engine.report.sections import headline, lead
from engine.report.svg import chart_file, chart_svg
from engine.report.table_facts import facts_of_table
from engine.report.write import Format, write_report
from tests.report.nights import Night, hostile_facts, table_facts

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(SIGNATURE)
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def night_rows() -> list[str]:
    rows = ["baseline\t0.998000\t44\tkeep\tbaseline"]
    best = 0.998
    for i in range(2, 60):
        if i % 6 == 0:
            best -= 0.02 / i
            rows.append(f"{i:07x}\t{best:.6f}\t44\tkeep\tidea number {i} that helped")
        else:
            rows.append(f"{i:07x}\t{best + i % 5 * 0.0007:.6f}\t44\tdiscard\tidea {i}")
    return rows


def test_one_outlier_does_not_flatten_the_rest() -> None:
    steps = [0.9979, 0.986, 0.9817, 0.9755, 0.9697]
    others = [0.97 + i % 7 * 0.001 for i in range(100)]
    calm = robust_axis(steps, others)
    assert robust_axis(steps, [*others, 3.2, -50.0, 0.2]) == pytest.approx(calm)
    assert calm.low < 0.9697 and 0.9979 < calm.high < 1.01


def test_an_outlying_baseline_lies_at_the_edge_and_the_best_never_does() -> None:
    values = [0.97 + i % 7 * 0.001 for i in range(100)]
    axis = robust_axis([3.2, 0.975, 0.97], values)
    assert axis.high < 1 and axis.beyond(3.2) == 1
    axis = robust_axis([0.98, 0.97, 0.2], values)
    assert axis.low < 0.2


def test_orders_of_magnitude() -> None:
    axis = robust_axis([0.76, 2.7, 120.0, 4713.0], [0.7, 0.0, 150.0])
    assert axis.log
    assert axis.low < 0.76 and axis.high > 4713
    assert 0.4 < axis.share(60.0) < 0.6
    assert axis.share(0.0) == 0.0


@example([1.0, 3.2e291], [])
@example([9e299, 1e-8], [])
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=12),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=12),
)
def test_any_values_have_an_axis(steps: list[float], others: list[float]) -> None:
    steps = [v for v in steps if abs(v) < 1e300]
    axis = robust_axis(steps, [v for v in others if abs(v) < 1e300])
    assert axis.low < axis.high
    assert len(axis.ticks) <= 30
    assert all(math.isfinite(tick) for tick in axis.ticks)
    for value in steps:
        assert 0 <= axis.share(value) <= 1


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 7), (1, 13), (1, 126), (5, 10_000)])
def test_round_numbers_of_experiments(first: int, last: int) -> None:
    ticks = number_ticks(first, last)
    assert 1 <= len(ticks) <= 12
    assert first <= ticks[0] and ticks[-1] <= last
    assert all(a < b for a, b in itertools.pairwise(ticks))


def test_labels_do_not_cross() -> None:
    plot = plot_of(table_facts(*night_rows()), headroom=0.14)
    labels = labels_of(plot, Frame(800, 400, 9, 32))
    assert len(labels) >= 5
    angle = math.radians(32)
    lines = []
    for label in labels:
        px = 800 * (label.x - plot.first) / (plot.last - plot.first)
        py = 400 * plot.axis.share(label.y)
        lines.append(py * math.cos(angle) - px * math.sin(angle))
    labels_end = [label.text for label in labels]
    assert any("baseline" in text for text in labels_end)
    assert len({round(line) for line in lines}) == len(lines)


def test_an_svg_file_stands_alone() -> None:
    facts = table_facts(*night_rows())
    text = chart_file(facts)
    assert "var(--" not in text  # viewers other than browsers do not resolve CSS variables
    root = ElementTree.fromstring(text)
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == headline(facts) and texts[1] == lead(facts)
    inline = ElementTree.fromstring(chart_svg(facts))
    marks = [element.get("d") for element in inline.iter("path")]
    assert [element.get("d") for element in root.iter("{http://www.w3.org/2000/svg}path")] == marks


def test_each_verdict_has_its_mark(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, Verdict.KEEP, fresh=(1.001, 1.0, 1.001))
    night.experiment(1.001, Verdict.DISCARD, of=1)
    night.experiment(1.2, Verdict.DISCARD)
    night.experiment(None, Verdict.CRASH)
    plot = plot_of(night.facts())
    assert [plot.counted(shape) for shape in Shape] == [1, 1, 1, 0, 1]
    # Two of the upper bound: σ of four degrees of freedom may be 2.4 times as large.
    assert plot.band == pytest.approx(2 * (1.2e-6 / 4) ** 0.5 * 2.372, rel=1e-3)


def test_what_is_not_drawn_is_counted_in_the_legend() -> None:
    path = Path(__file__).parents[1] / "tables" / "zeros-of-discards.tsv"
    facts = facts_of_table(read_table(path.read_bytes()), path.name)
    plot = plot_of(facts)
    assert (plot.valueless, len(plot.marks)) == (1, 4)
    assert "not drawn, no value (1)" in chart_svg(facts)
    assert "not drawn" not in chart_svg(table_facts(*night_rows()))


def test_the_files_are_pictures() -> None:
    facts = table_facts(*night_rows())
    assert size_of(chart_png(facts)) == (2100, 1140)
    assert chart_file(facts).startswith("<svg xmlns=") and chart_file(facts) == chart_file(facts)
    assert size_of(card_png(facts)) == (1200, 675)


@pytest.mark.parametrize("rows", [(), ("a1\t0.0\t0\tcrash\tx",), ("a1\t1.0\t1\tkeep\tbaseline",)])
def test_nearly_empty_tables_are_drawn(rows: tuple[str, ...]) -> None:
    facts = table_facts(*rows)
    assert size_of(chart_png(facts))
    assert size_of(card_png(facts))


def test_hostile_text_is_drawn_literally() -> None:
    facts = hostile_facts()
    assert size_of(chart_png(facts)) == (2100, 1140)
    assert size_of(card_png(facts)) == (1200, 675)
    # A formula that matplotlib could not set.
    facts = table_facts("a1\t1.0\t1\tkeep\tx", "a2\t0.9\t1\tkeep\t$\\nosuch{$ and $\\frac$")
    assert size_of(chart_png(facts)) == (2100, 1140)
    assert size_of(card_png(facts)) == (1200, 675)


def test_the_user_s_matplotlib_settings_are_neither_used_nor_changed() -> None:
    import matplotlib

    facts = table_facts(*night_rows())
    usual = card_png(facts)
    made: list[bytes] = []
    with matplotlib.rc_context({"font.size": 40, "text.usetex": True, "axes.facecolor": "red"}):
        before = matplotlib.rcParams.copy()
        thread = threading.Thread(target=lambda: made.append(card_png(facts)))
        thread.start()
        thread.join()
        assert matplotlib.rcParams.copy() == before
    assert made == [usual]
    assert "matplotlib.pyplot" not in sys.modules


def test_without_matplotlib_the_other_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    facts = table_facts(*night_rows())
    written = write_report(facts, {}, tmp_path / "out")
    assert [path.name for path in written.paths] == [
        "autoresearch-summary.md",
        "progress.svg",
        "report.html",
    ]
    assert 'pip install "autoresearch-tui[report]"' in written.error
    with pytest.raises(EnvironmentProblem):
        write_report(facts, {}, tmp_path / "out", [Format.PNG])
