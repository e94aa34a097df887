"""The prompt for a few words takes any paste and gives back plain text."""

from __future__ import annotations

import pytest
from textual import events

from tests.tui.seeing import text_of, until
from tui.app import SupervisorApp
from tui.screens.ask_text import AskText


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_line_is_asked_for_and_given(app: SupervisorApp, size: tuple[int, int]) -> None:
    given: list[str | None] = []
    async with app.run_test(size=size) as pilot:
        app.push_screen(AskText("Why [b]not[/b]?", "The agent is told."), given.append)
        await until(pilot, lambda: "Why [b]not[/b]?" in text_of(app))
        await pilot.press("enter")
        assert "The text is empty" in text_of(app)
        await pilot.press(*"too risky", "space", "enter")
        await until(pilot, lambda: given == ["too risky"])


async def test_esc_says_nothing(app: SupervisorApp) -> None:
    given: list[str | None] = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(AskText("A note", "For the agent.", "as it was"), given.append)
        await pilot.press("x", "escape")
        await until(pilot, lambda: given == [None])


async def test_several_lines(app: SupervisorApp) -> None:
    given: list[str | None] = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(AskText("A note", "For the agent.", required=False, lines=5), given.append)
        await pilot.press("a", "enter", "b", "ctrl+s")
        await until(pilot, lambda: given == ["a\nb"])


async def test_a_large_hostile_paste_is_cleaned_and_cut(app: SupervisorApp) -> None:
    given: list[str | None] = []
    paste = "\x1b]0;title\x07[b]risky[/b]\x1b[2J \u202eline\r\nnext\x00 " + "x" * 100_000
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(AskText("Why not?", "The agent is told.", limit=2000), given.append)
        await until(pilot, lambda: isinstance(app.screen, AskText))
        await pilot.pause()
        assert app.focused is not None
        app.focused.post_message(events.Paste(paste))
        await until(
            pilot, lambda: "The text was cut: at most 2,000 characters fit." in text_of(app)
        )
        await pilot.press("enter")
        await until(pilot, lambda: given)
    assert given[0] is not None
    assert given[0].startswith("[b]risky[/b] line next x")
    assert len(given[0]) == 2000
    assert given[0].isprintable()


async def test_a_burst_of_keys_is_taken_in_its_order(app: SupervisorApp) -> None:
    given: list[str | None] = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(AskText("Why not?", "The agent is told."), given.append)
        await until(pilot, lambda: app.focused is not None and app.focused.is_attached)
        for key in ("t", "e", "backspace", "o", "home", "n", "o", "t", "space", "enter"):
            character = {"space": " "}.get(key, key if len(key) == 1 else None)
            app.post_message(events.Key(key, character))
        await until(pilot, lambda: given == ["not to"])
