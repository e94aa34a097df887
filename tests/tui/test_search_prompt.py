"""What is typed after `/` is seen."""

from __future__ import annotations

import pytest

from tests.tui.seeing import text_of, until
from tui.app import SupervisorApp
from tui.screens.detail import DetailScreen
from tui.screens.main_screen import MainScreen
from tui.screens.search_prompt import SearchPrompt
from tui.widgets.log_view import LogView

SIZES = [(160, 45), (80, 24), (40, 10)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_typed_text_and_the_matches_are_seen(
    app: SupervisorApp, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("6", "slash")
        await pilot.pause()
        assert "search in Results" in text_of(app).split("\n")[-2]
        await pilot.press(*"step 1")
        await until(pilot, lambda: "matches" in text_of(app))
        *_, prompt, footer = text_of(app).split("\n")
        assert prompt.strip() == "step 1"
        assert footer.strip() == "10 matches   enter search   esc back"
        await pilot.press(*"9")
        await until(pilot, lambda: "1 match " in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "pause" in text_of(app).split("\n")[-1] or size[0] == 40)
        assert "enter search" not in text_of(app)
        assert "step 19 " not in text_of(app).split("\n")[-2]


@pytest.mark.parametrize("size", SIZES)
async def test_in_an_opened_experiment(app: SupervisorApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("enter", "slash", *"loss 3")
        await until(pilot, lambda: "enter search" in text_of(app))
        assert text_of(app).split("\n")[-2].strip() == "loss 3"
        await pilot.press("enter")
        await until(pilot, lambda: "back" in text_of(app).split("\n")[-1])
        assert "enter search" not in text_of(app)


async def test_going_elsewhere_closes_it(app: SupervisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", "a", "tab")
        await until(pilot, lambda: not app.screen.query_one(SearchPrompt).display)
        assert "space pause" in text_of(app)


async def test_the_match_before_in_the_results(app: SupervisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        assert isinstance(app.screen, MainScreen)
        results = app.screen.panels.results
        await pilot.press("slash", *"step 1", "enter")
        matches = [11, 12, 13, 14, 15, 16, 17, 18, 19, 10]
        assert results.selected in matches
        first = results.selected
        await pilot.press("f3")
        assert results.selected in matches
        assert results.selected != first
        await pilot.press("shift+f3")
        assert results.selected == first


async def test_a_search_of_a_long_log_tells_its_end(app: SupervisorApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DetailScreen))
        log = app.screen.query_one(LogView)
        log.post_message(LogView.Searched("no such text", False))
        await until(
            pilot, lambda: [n.message for n in app._notifications] == ["Not found: no such text"]
        )
