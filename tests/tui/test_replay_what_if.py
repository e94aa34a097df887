"""Which keeps of a replay would have stood: the key W, its line, and the marks it makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.pilot import Pilot

from engine.core.analysis.counterfactual import Fate, Kept, known_spread, what_if
from engine.core.config import ResearchConfig
from engine.replay.source import open_source
from tests.tui.seeing import text_of, until
from tui.app import ExitInfo
from tui.commands.verbs import cli
from tui.replay.app import ReplayApp
from tui.replay.what_if import sigma_of
from tui.replay.what_if_line import WhatIfLine, line_texts

SIZES = [(80, 24), (160, 45)]
TABLE = """\
commit\tval_bpb\tmemory_gb\tstatus\tdescription
a1b2c3d\t0.997900\t44.0\tkeep\tbaseline
b1b2c3d\t0.986041\t43.9\tkeep\thalve batch
c1b2c3d\t0.985041\t43.9\tkeep\twarmdown
d1b2c3d\t0.990000\t60.2\tdiscard\tadd warmup
e1b2c3d\t0.984941\t43.9\tkeep\tinit scale
"""
REPEATS = "".join(f"f1b2c3d\t0.{n}\t43.9\tdiscard\tidea\n" for n in (9900, 9904, 9908, 9902, 9906))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "any.tsv"
    path.write_text(TABLE)
    return path


def app_of(path: Path) -> ReplayApp:
    return ReplayApp(open_source(str(path)))


def fates(app: ReplayApp) -> dict[int, Fate]:
    answer = app.view.what_if
    return answer.fates if answer is not None else {}


def told(app: ReplayApp) -> str:
    return " | ".join(note.message for note in app._notifications)


def sigma(app: ReplayApp) -> float:
    question = app.feed.question
    assert question is not None
    return question.spread.sigma


async def ask(app: ReplayApp, pilot: Pilot[ExitInfo], text: str) -> None:
    """Type σ on the card that W opens."""
    await pilot.press("W")
    await until(pilot, lambda: "σ of a single run" in text_of(app))
    await pilot.press(*text, "enter")


@pytest.mark.parametrize("size", SIZES)
async def test_marks_and_the_supported_gain(table: Path, size: tuple[int, int]) -> None:
    app = app_of(table)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "✓ keep" in text_of(app))
        await ask(app, pilot, "0.0004")
        await until(pilot, lambda: fates(app) != {})
        assert fates(app) == {2: Fate.STANDS, 3: Fate.REPEATED, 5: Fate.DISCARDED}
        shown = text_of(app)
        for text in ("✓ stands", "? repeat", "↓ discard", "σ 0.0004 ›", "0.0119 ± 0.0011 of 0.013"):
            assert text in shown
        assert "0.0119 ± 0.0011 of 0.013 ± 0.0011" in shown or size[0] == 80
        if size[0] == 80:
            await pilot.press("5")
            await until(pilot, lambda: "● stands ? repeat ↓ discard" in text_of(app))
        await pilot.press("W")
        await until(pilot, lambda: not fates(app))
        assert "stands" not in text_of(app)
        assert not app.screen.query_one(WhatIfLine).display


async def test_the_arrows_change_sigma_and_rule_while_the_line_has_the_focus(table: Path) -> None:
    app = app_of(table)
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(app, pilot, "0.0004")
        await until(pilot, lambda: fates(app) != {})
        assert "← → σ" in text_of(app)
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: sigma(app) == pytest.approx(0.0004 * 1.26**3, rel=0.01))
        assert len(app.view.session.experiments) == 5  # time stands still
        await pilot.press("left", "left", "left", "left")
        await until(pilot, lambda: fates(app)[5] is Fate.DISCARDED and sigma(app) < 0.0004)
        await pilot.press("down")
        await until(pilot, lambda: set(fates(app).values()) == {Fate.STANDS})
        assert "greedy" in text_of(app)
        await pilot.press("up")
        await until(pilot, lambda: " confirm ‹" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "σ of a single run" in text_of(app))
        await pilot.press(*["backspace"] * 12, *"0.5", "enter")
        await until(pilot, lambda: set(fates(app).values()) == {Fate.DISCARDED})
        await pilot.press("escape")
        await until(pilot, lambda: not fates(app))
        await pilot.press("left")
        await until(pilot, lambda: len(app.view.session.experiments) == 4)


async def test_the_answer_is_of_the_moment_that_is_shown(table: Path) -> None:
    app = app_of(table)
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(app, pilot, "0.0004")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: len(fates(app)) == 2)
        await pilot.press("home")
        await until(pilot, lambda: "nothing kept yet" in text_of(app) or not fates(app))
        await pilot.press("tab", "end")
        await until(pilot, lambda: len(fates(app)) == 3)


@pytest.mark.parametrize("text", ["0", "-1", "abc", "nan", "inf"])
async def test_a_sigma_that_is_none_changes_nothing(table: Path, text: str) -> None:
    app = app_of(table)
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(app, pilot, text)
        await until(pilot, lambda: "is not a number above 0" in told(app))
        assert app.feed.question is None
        assert "✓ keep" in text_of(app)


async def test_sigma_from_repeated_commits_is_used_without_a_question(table: Path) -> None:
    table.write_text(TABLE + REPEATS)
    app = app_of(table)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("W")
        await until(pilot, lambda: "‹ σ ≈0.000316 ›" in text_of(app))


async def test_a_metric_of_few_values_is_named(tmp_path: Path) -> None:
    path = tmp_path / "any.tsv"
    rows = ["0.50\tkeep", "0.51\tkeep", "0.50\tdiscard", "0.52\tkeep", "0.51\tdiscard"]
    lines = [f"{number}1b2c3d\t{row}" for number, row in enumerate(rows)]
    path.write_text("\n".join(["commit\taccuracy\tstatus", *lines]))
    app = app_of(path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(app, pilot, "0.001")
        await until(pilot, lambda: "only 3 distinct values" in told(app))


async def test_the_screen_and_the_verb_agree(table: Path) -> None:
    table.write_text(TABLE + REPEATS)
    words = ["results", str(table), "--what-if", "confirm", "--json"]
    facts = json.loads(CliRunner().invoke(cli, words).output)["what_if"]
    app = app_of(table)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("W")
        await until(pilot, lambda: fates(app) != {})
        assert {k["experiment"]: k["fate"] for k in facts["keeps"]} == fates(app)
        assert app.view.what_if is not None
        assert app.view.what_if.half_width(Fate.STANDS) == facts["stands"]["half_width"]


@given(st.lists(st.floats(-1e6, 1e6), max_size=30), st.floats(1e-12, 1e12), st.booleans())
def test_the_line_fits_in_any_terminal(values: list[float], noise: float, focus: bool) -> None:
    keeps = [Kept(number, (value,)) for number, value in enumerate(values, start=1)]
    answer = what_if(keeps, ResearchConfig(), known_spread(noise))
    for width in (100, 160, 240):
        texts = line_texts(answer, width, has_focus=focus)
        assert sum(cell_len(text) for text, _ in texts) <= width


@given(st.text(max_size=12))
def test_any_text_is_a_sigma_above_0_or_none(text: str) -> None:
    found = sigma_of(text)
    assert found is None or 0 < found < float("inf")
