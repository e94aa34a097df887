"""One experiment whole."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed, Tried, attempt, made_up, session_of
from tui.app import SupervisorApp
from tui.present.experiment import measurement_lines, reasoning_lines
from tui.screens.detail import DetailScreen
from tui.screens.main_screen import MainScreen

WIDE = (120, 40)


def detail(app: SupervisorApp) -> DetailScreen:
    assert isinstance(app.screen, DetailScreen)
    return app.screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10)])
async def test_enter_opens_the_selected_one_and_esc_closes_it(
    app: SupervisorApp, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("home", "down", "enter")
        await pilot.pause()
        assert detail(app).number == 2
        assert "WARMDOWN_RATIO" in text_of(app) or size[1] < 20
        assert "esc back" in text_of(app)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_enter_works_from_every_part(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        for key in "123456":
            await pilot.press(key, "enter")
            assert detail(app).number == 21
            await pilot.press("q")


async def test_every_section(app: SupervisorApp, feed: MemoryFeed) -> None:
    path = feed.log_path(1, 1)
    assert path is not None
    path.write_text("the first log\n")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("home", "enter")
        expected = (
            "the baseline: train.py as it is",
            "Reasoning",
            "the first log",
            "num_steps",
            "slot 0",
            "The baseline has no prompt",
        )
        for key, words in zip("123456", expected, strict=True):
            await pilot.press(key)
            await until(pilot, partial(lambda told: told in text_of(app), words))
        await pilot.press("tab")
        assert "the baseline: train.py as it is" in text_of(app)
        await pilot.press("shift+tab")
        assert "The baseline has no prompt" in text_of(app)


async def test_arrows_turn_the_pages_even_over_a_scrolling_part(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("home", "enter", "left")
        assert detail(app).number == 1
        assert "This is the first." in " ".join(n.message for n in app._notifications)
        await pilot.press("3", "right", "right")
        assert detail(app).number == 3
        assert "#3 " in text_of(app)


async def test_a_crash_shows_its_traceback_as_text(tmp_path: Path) -> None:
    trace = (
        "Traceback (most recent call last):\n  [/red] File 'train.py'\nValueError: \x1b]0;x\x07 no"
    )
    feed = MemoryFeed(
        session_of(tmp_path, [*made_up(2), Tried(Verdict.CRASH, 0, 0, "[b]bad[/b]", detail=trace)]),
        tmp_path,
    )
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("up", "enter", "4")
        shown = text_of(app)
        assert "Nothing was measured: out of memory." in shown
        assert "[/red] File 'train.py'" in shown
        assert "[b]bad[/b]" in shown
        assert "✗ crash" in shown


async def test_it_stays_true_while_the_experiment_goes_on(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("enter", "4")
        assert "Nothing is measured yet." in text_of(app)
        feed.happen(*attempt(21, Tried(Verdict.KEEP, 0.9, 44, "x"), best=0.95)[3:])
        await until(pilot, lambda: "0.900000" in text_of(app))
        assert "✓ keep" in text_of(app)


async def test_search_and_copy(app: SupervisorApp, feed: MemoryFeed, home: Path) -> None:
    copied = home / "cache" / "autoresearch-tui" / "copied.txt"
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("enter", "y")
        await until(pilot, lambda: copied.exists() and copied.read_text().startswith("--- a/"))
        await pilot.press("5", "y")
        await until(pilot, lambda: copied.read_text() == "a" * 40)
        await pilot.press("slash", *"absent", "enter")
        assert "Not found: absent" in " ".join(n.message for n in app._notifications)
        assert "Log" in text_of(app)


async def test_figures_are_those_of_the_table(tmp_path: Path) -> None:
    rows = [Tried(Verdict.KEEP, 1.0, 0.0, "baseline"), Tried(Verdict.KEEP, 0.75, 0.0508, "better")]
    feed = MemoryFeed(session_of(tmp_path, rows, running=False), tmp_path)
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=(160, 45)) as pilot:
        table = text_of(app)
        assert "▼−0.250000   <0.1" in table
        await pilot.press("end", "enter", "4")
        await until(pilot, lambda: "52.0 MiB" in text_of(app).split("peak memory")[-1])
        assert "#2 ✓ keep · the best so far · val_bpb 0.750000 · Δ ▼−0.250000 · 52.0 MiB" in (
            text_of(app)
        )
        await pilot.press("left")
        await until(pilot, lambda: "peak memory  -" in text_of(app))
        assert "GiB" not in text_of(app)


def test_unknown_times_are_a_dash() -> None:
    measured = ev.Measurement(metric=1.0)
    experiment = Experiment(
        number=1,
        proposal=ev.Proposal(patch_id="x", hypothesis="Baseline", category="baseline"),
        base="",
        drafted_at=ev.EPOCH,
        measurement=measured,
    )
    shown = [text.split() for text, _ in measurement_lines(Session(), experiment)]
    assert shown[1:4] == [["peak", "memory", "-"], ["training", "-"], ["in", "all", "-"]]
    assert "Category" not in [text for text, _ in reasoning_lines(experiment, "")]
