"""Adopted rows: in the picture, the page and the summary, but not in the figures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from engine.core import events as ev
from engine.core.enums import Verdict
from engine.core.imported_attempt import PastAttempt
from engine.report.chart import chart_png
from engine.report.markdown import markdown
from engine.report.page import page
from engine.report.plot import plot_of, staircases
from engine.report.question import figures_of
from engine.report.svg import chart_svg
from tests.report.nights import HOSTILE, Night


def taken_over(workspace: Path) -> Night:
    night = Night(workspace)
    rows = [
        ("old baseline", Verdict.KEEP, 1.2),
        ("old idea", Verdict.KEEP, 1.0),
        ("old miss", Verdict.DISCARD, 1.1),
        ("old crash", Verdict.CRASH, None),
        (HOSTILE[0], None, 1.05),
    ]
    attempts = tuple(
        PastAttempt(row=i, description=text, status="x", verdict=verdict, metric=value)
        for i, (text, verdict, value) in enumerate(rows, start=1)
    )
    night.say(ev.HistoryImported(file="results.tsv", branch="b", tip="f" * 40, attempts=attempts))
    night.experiment(1.01, Verdict.KEEP, "baseline again")
    night.experiment(0.9, Verdict.KEEP, "own idea", gain=0.11)
    night.experiment(0.95, Verdict.DISCARD, "own miss", gain=-0.05)
    return night


def test_the_figures_are_the_sessions_own(tmp_path: Path) -> None:
    facts = taken_over(tmp_path).facts()
    assert facts.counts.total == 3 and facts.baseline is not None and facts.baseline.value == 1.01
    assert facts.adopted is not None and facts.adopted.counts.total == 5
    assert facts.adopted.baseline is not None and facts.adopted.baseline.name == "row 1"
    assert facts.adopted.best is not None and facts.adopted.best.name == "row 2"
    assert [p.number for p in facts.adopted.points] == [-4, -3, -2, -1, 0]


def test_the_summary_has_a_section_about_them(tmp_path: Path) -> None:
    facts = taken_over(tmp_path).facts()
    part = markdown(facts).split("## Before this session")[1].split("\n## ")[0]
    assert "5 rows of a results file were adopted" in part
    assert "2 kept, 1 discarded, 1 crashed and 1 other" in part
    assert "| its best | row 2 | 1.00 | old idea |" in part
    assert "Before it, without a journal: 5 rows" in figures_of(facts)


def test_the_page_lists_them_first_as_adopted(tmp_path: Path) -> None:
    html = page(taken_over(tmp_path).facts(), {})
    rows = html.split("<tbody>")[-1].split("</tbody>")[0].strip().split("\n")
    assert len(rows) == 8
    assert all("adopted" in row for row in rows[:5]) and "adopted" not in "".join(rows[5:])
    assert ">row 1<" in rows[0] and 'data-v="-4"' in rows[0] and ">1<" in rows[5]
    assert "<script>alert(1)" not in html


def test_the_pictures_show_where_the_session_begins(tmp_path: Path) -> None:
    facts = taken_over(tmp_path).facts()
    plot = plot_of(facts)
    assert (plot.first, plot.last, plot.border) == (-4, 3, 0.5)
    assert plot.ticks[0] == (-4, "row 1") and plot.ticks[-1] == (3, "3")
    # The best starts again with what was measured here.
    assert plot.steps == ((-4.0, 1.2), (-3.0, 1.0), (1.0, 1.01), (2.0, 0.9))
    assert [len(corners) for corners in staircases(plot)] == [4, 4]
    drawn = ElementTree.fromstring(chart_svg(facts))
    assert "adopted rows" in "".join(drawn.itertext())
    assert chart_png(facts).startswith(b"\x89PNG")


def test_a_session_without_adopted_rows_does_not_mention_any(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, Verdict.KEEP)
    facts = night.facts()
    assert facts.adopted is None and plot_of(facts).border is None
    assert "adopted" not in page(facts, {}) + markdown(facts)
