"""Every key does what the registry says, or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from engine.core.enums import Actor, RunPurpose, StopMode
from engine.core.events import KillRequested, Paused, SessionEnded, StopRequested
from engine.protocol.commands import CancelStop, KillRun, PauseLoop, ResumeLoop, StopSession
from engine.protocol.messages import Reply
from tests import repeated
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed, attempt, made_up, session_of
from tui.actions.registry import ALL
from tui.app import ExitInfo, SupervisorApp
from tui.screens.confirm import ConfirmScreen
from tui.screens.main_screen import MainScreen
from tui.settings import load_settings

WIDE = (120, 40)


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def supervisor(app: SupervisorApp) -> MainScreen:
    assert isinstance(app.screen, MainScreen)
    return app.screen


def told(app: SupervisorApp) -> str:
    return " | ".join(note.message for note in app._notifications)


# ---- the loop ------------------------------------------------------------------------------------


async def test_space_pauses_and_resumes(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.answer = Reply(id=0, ok=True, message="Pausing [b]after[/b] this run.")
    async with app.run_test(size=WIDE) as pilot:
        assert "space pause" in text_of(app)
        await pilot.press("space")
        await until(pilot, lambda: feed.sent == [PauseLoop()])
        await until(pilot, lambda: "Pausing [b]after[/b]" in told(app))
        feed.happen(Paused(by=Actor.PERSON, reason="you asked"))
        await until(pilot, lambda: app.view.session.pause is not None)
        assert "space resume" in text_of(app)
        await pilot.press("space")
        await until(pilot, lambda: feed.sent[1:] == [ResumeLoop()])


async def test_s_asks_then_stops_and_s_again_goes_on(feed: MemoryFeed) -> None:
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("s")
        assert isinstance(app.screen, ConfirmScreen)
        clock.seconds += 1
        await pilot.press("y")
        await until(pilot, lambda: feed.sent == [StopSession()])
        feed.happen(StopRequested(by=Actor.SCREEN, mode=StopMode.AFTER_RUN))
        await until(pilot, lambda: app.view.session.stop is not None)
        assert "s don't stop" in text_of(app)
        await pilot.press("s")
        await until(pilot, lambda: feed.sent[1:] == [CancelStop()])


@pytest.mark.parametrize("keys", [["enter"], ["escape"], ["n"], ["right", "left", "enter"]])
async def test_the_safe_answer_is_the_first_one(feed: MemoryFeed, keys: list[str]) -> None:
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("x")
        clock.seconds += 1
        await pilot.press(*keys)
        assert isinstance(app.screen, MainScreen)
        assert feed.sent == []


async def test_keys_typed_into_an_opening_card_are_ignored(feed: MemoryFeed) -> None:
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("x")
        clock.seconds += 0.29
        await pilot.press("y", "enter", "escape", "tab", "enter")
        assert isinstance(app.screen, ConfirmScreen)
        assert feed.sent == []
        clock.seconds += 0.02
        await pilot.press("tab", "enter")
        await until(pilot, lambda: feed.sent == [KillRun(experiment=21)])


async def test_what_cannot_be_done_says_why(app: SupervisorApp, feed: MemoryFeed) -> None:
    async with app.run_test(size=WIDE) as pilot:
        feed.happen(KillRequested(by=Actor.SCREEN, experiment=21, run=1))
        await until(
            pilot, lambda: app.view.session.running and app.view.session.running.kill_requested
        )
        await pilot.press("x")
        assert "already being killed" in told(app)
        feed.happen(*attempt(21, made_up(30)[20])[3:])
        await until(pilot, lambda: app.view.session.running is None)
        await pilot.press("x")
        assert "Nothing runs just now" in told(app)
        feed.happen(SessionEnded(reason="200 experiments"))
        await until(pilot, lambda: app.view.session.ended)
        for key in ("space", "s"):
            await pilot.press(key)
            assert told(app).count("The session has ended: 200 experiments") == 1
        assert feed.sent == []


async def test_an_empty_session_explains_itself(tmp_path: Path) -> None:
    feed = MemoryFeed(session_of(tmp_path, [], running=False), tmp_path)
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=WIDE) as pilot:
        for key in ("o", "f", "y"):
            await pilot.press(key)
            assert "There is no experiment yet." in told(app)
        await pilot.press("enter", "slash", "escape", "z", "z", "f3")
        assert isinstance(app.screen, MainScreen)


# ---- parts ---------------------------------------------------------------------------------------


async def test_tab_goes_around(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        panels = supervisor(app).panels
        assert panels.active == 6
        visited = []
        for _ in range(7):
            await pilot.press("tab")
            visited.append(panels.active)
            assert app.focused is panels.active_part
        assert visited == [7, 1, 2, 3, 4, 5, 6]
        await pilot.press("shift+tab")
        assert panels.active == 5


async def test_zoom_and_back(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2", "z")
        assert app.screen.query_one("#edit").size.width > 110
        assert not app.screen.query_one("#results").size.area
        await pilot.press("tab")
        assert app.screen.query_one("#log").size.width > 110
        await pilot.press("z")
        assert app.screen.query_one("#results").size.area


async def test_the_mouse_reaches_tabs_parts_and_footer(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click("#tabs", offset=(12, 0))
        assert supervisor(app).panels.active == 2
        await pilot.click("#footer", offset=(3, 0))
        await until(pilot, lambda: feed.sent == [PauseLoop()])
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        await pilot.click("#log", offset=(5, 3))
        assert supervisor(app).panels.active == 3


# ---- looking closer ------------------------------------------------------------------------------


async def test_sort_and_filter_show_in_the_title(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("1", "f", "o")
        assert supervisor(app).panels.active == 6
        assert "kept only · by metric" in text_of(app)


async def test_search_in_the_table(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("slash")
        prompt = app.screen.query_one("#prompt", Input)
        assert app.focused is prompt
        await pilot.press(*"step 7", "enter")
        assert supervisor(app).panels.results.selected == 7
        assert supervisor(app).panels.results.has_focus
        assert not prompt.display
        await pilot.press("slash", *"[nothing", "enter")
        assert "Not found: [nothing" in told(app)
        await pilot.press("slash", "q", "escape")
        assert supervisor(app).panels.results.has_focus


async def test_search_in_the_log_both_ways(app: SupervisorApp, feed: MemoryFeed) -> None:
    path = feed.log_path(21, 1)
    assert path is not None
    path.write_text("".join(f"line {n} {'needle' if n % 10 == 0 else ''}\n" for n in range(100)))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: supervisor(app).panels.log_view.line_count >= 100)
        await pilot.press("3", "slash", *"needle", "enter")
        await pilot.press("f3", "f3", "shift+f3")
        assert told(app) == ""
        await pilot.press("slash", *"absent", "enter")
        await until(pilot, lambda: "Not found: absent" in told(app))


async def test_copy_says_by_which_ways(app: SupervisorApp, feed: MemoryFeed, home: Path) -> None:
    copied = home / "cache" / "autoresearch-tui" / "copied.txt"
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("home", "y")
        await until(pilot, copied.exists)
        assert copied.read_text().split("\t")[3:] == ["keep", "baseline"]
        await until(pilot, lambda: "Row 1 copied" in told(app) and "OSC 52" in told(app))
        await pilot.press("2", "y")
        await until(pilot, lambda: copied.read_text().startswith("--- a/train.py"))
        assert copied.stat().st_mode & 0o777 == 0o600


# ---- the program ---------------------------------------------------------------------------------


async def test_theme_is_previewed_kept_and_remembered(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("t", "down")
        assert app.theme == "light"
        await pilot.press("escape")
        assert app.theme == "dark"
        await pilot.press("t", "down", "down", "enter")
        assert app.theme == "colour-blind"
    assert load_settings()[0].theme == "colour-blind"


@pytest.mark.parametrize("theme", ["dark", "light", "colour-blind", "sixteen", "no-colour"])
async def test_every_theme_paints_every_screen(feed: MemoryFeed, theme: str) -> None:
    app = SupervisorApp(feed, feed.session, theme)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("question_mark", "escape", "x", "t", "enter")
        assert "RUNNING" in text_of(app)


async def test_help_names_every_key(app: SupervisorApp) -> None:
    async with app.run_test(size=(120, 160)) as pilot:
        await pilot.press("question_mark")
        shown = text_of(app)
        for action in ALL:
            if action.key and not action.key.isdigit():
                assert action.keys in shown
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_the_palette_finds_and_does(app: SupervisorApp, feed: MemoryFeed) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+p", *"pause or")
        await until(pilot, lambda: "Pause or resume" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: feed.sent == [PauseLoop()])


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_leaving_leaves_at_once(app: SupervisorApp, feed: MemoryFeed, key: str) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press(key)
    assert app.return_value == ExitInfo("left")
    assert feed.closed
    assert feed.sent == []


async def test_leaving_an_ended_session_says_so(app: SupervisorApp, feed: MemoryFeed) -> None:
    async with app.run_test(size=WIDE) as pilot:
        feed.happen(SessionEnded(reason="the user stopped it"))
        await until(pilot, lambda: app.view.session.ended)
        await pilot.press("q")
    assert app.return_value == ExitInfo("ended", "the user stopped it")


async def test_ctrl_c_says_how_to_leave(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+c")
        assert "q leaves; the engine goes on" in told(app)
        assert isinstance(app.screen, MainScreen)


async def test_redraw_is_harmless(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+l")
        assert "RUNNING" in text_of(app)


async def test_a_repeat_can_be_killed_and_a_veto_of_it_says_why_not() -> None:
    events = [*repeated.calibrated(Path("/nowhere")), *repeated.tried(2, (0.99,))]
    feed = MemoryFeed(repeated.session([*events, repeated.started(1, 4, RunPurpose.FRESH)]))
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("v")
        assert "This run repeats #1, which has its verdict" in told(app)
        await pilot.press("x")
        assert isinstance(app.screen, ConfirmScreen)
        clock.seconds += 1
        await pilot.press("tab", "enter")
        await until(pilot, lambda: feed.sent == [KillRun(experiment=1)])
