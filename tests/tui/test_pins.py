"""Pins, bans and notes: what the cards show, what they send, and what hostile text does to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import OptionList

from engine.core import events as ev
from engine.core.enums import Actor, Outcome, Verdict
from engine.protocol.commands import (
    AddNote,
    BanDirection,
    EditPin,
    LiftBan,
    MovePin,
    PinHypothesis,
    RemoveNote,
    RemovePin,
)
from engine.protocol.messages import Reply
from tests.hostile import ATTACK
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed, Tried, beginning
from tests.tui.test_bursts import burst
from tests.tui.test_keys import told
from tui.app import ExitInfo, SupervisorApp
from tui.screens.ask_text import AskText
from tui.screens.instruction_list import BansScreen, NotesScreen
from tui.screens.main_screen import MainScreen
from tui.screens.pins import PinsScreen

SIZES = [(120, 40), (80, 24)]


def pinned(*texts: str) -> list[ev.AnyEvent]:
    return [
        ev.HypothesisPinned(pin=number, text=text, by=Actor.SCREEN)
        for number, text in enumerate(texts, start=1)
    ]


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("p", PinHypothesis(text="MATRIX_LR=0.05")),
        ("b", BanDirection(text="MATRIX_LR=0.05")),
        ("n", AddNote(text="MATRIX_LR=0.05")),
    ],
)
async def test_with_nothing_said_the_key_goes_straight_to_the_line(
    app: SupervisorApp, feed: MemoryFeed, key: str, command: PinHypothesis
) -> None:
    feed.answer = Reply(id=0, ok=True, message="It is done next.")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert isinstance(app.screen, AskText)
        await pilot.press(*"MATRIX_LR=0.05", "enter")
        await until(pilot, lambda: feed.sent == [command])
        await until(pilot, lambda: "It is done next." in told(app))
        assert isinstance(app.screen, MainScreen)


async def test_esc_pins_nothing(app: SupervisorApp, feed: MemoryFeed) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p", "x", "escape")
        assert isinstance(app.screen, MainScreen)
        assert feed.sent == []


@pytest.mark.parametrize("size", SIZES)
async def test_the_list_says_what_waits_and_what_became_of_the_rest(
    app: SupervisorApp, feed: MemoryFeed, size: tuple[int, int]
) -> None:
    became = beginning(22, Tried(Verdict.KEEP, 0, 0, "GQA"))
    feed.happen(*pinned("GQA with 4 KV heads", "wider MLP", "longer warm-up", "MATRIX_LR=0.05"))
    feed.happen(
        ev.PinRemoved(pin=3, by=Actor.ENGINE, reason="no knob has that name"),
        *feed_until_verdict(21),
        _of_pin(became[0], 1),
    )
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app, "p")
        shown = text_of(app)
        assert "Each runs next. With the knob search, name knobs and values" in shown
        lines = [
            line for line in shown.split("\n") if any(w in line for w in ("MLP", "LR=", "GQA"))
        ]
        joined = "\n".join(lines)
        assert "1  wider MLP" in joined
        assert "2  MATRIX_LR=0.05" in joined
        assert "GQA with 4 KV heads  → became #22" in joined
        assert "longer warm-up  → no knob has that name" in shown
        assert shown.index("pin another") < shown.index("longer warm-up")
        assert shown.index("MATRIX_LR=0.05", shown.index("wider")) < shown.index("pin another")


def feed_until_verdict(number: int) -> list[ev.AnyEvent]:
    return [
        ev.RunEnded(experiment=number, run=1, outcome=Outcome.CODE_CRASH, seconds=1.0),
        ev.VerdictGiven(experiment=number, verdict=Verdict.CRASH, reason="x", gain=None),
    ]


def _of_pin(event: ev.AnyEvent, pin: int) -> ev.AnyEvent:
    from msgspec.structs import replace

    return replace(event, pin=pin)


async def opened(pilot: Pilot[ExitInfo], app: SupervisorApp, key: str) -> None:
    await until(pilot, lambda: app.view.session.seq > 0)
    await pilot.press(key)
    await until(pilot, lambda: app.screen.query(OptionList))
    await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 0)


async def test_adding_rewording_removing(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.happen(*pinned("first", "second"))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app, "p")
        await pilot.press("e", *" idea", "enter")
        await until(pilot, lambda: feed.sent == [EditPin(pin=1, text="first idea")])
        await pilot.press("down", "d")
        await until(pilot, lambda: feed.sent[1:] == [RemovePin(pin=2)])
        await until(pilot, lambda: "Press a to pin it again." in text_of(app))
        await pilot.press("down", "enter", *"third", "enter")
        await until(pilot, lambda: feed.sent[2:] == [PinHypothesis(text="third")])
        await pilot.press("a", *"fourth", "enter")
        await until(pilot, lambda: feed.sent[3:] == [PinHypothesis(text="fourth")])
        assert isinstance(app.screen, PinsScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_a_word_left_as_it_was_sends_nothing(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.happen(*pinned("first"))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, "p")
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert feed.sent == []


async def test_moving_in_a_burst_counts_every_key(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.happen(*pinned("first", "second", "third", "fourth"))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, "p")
        await burst(pilot, "J", "J", "shift+down", "J")
        await until(pilot, lambda: len(feed.sent) >= 3)
        assert feed.sent == [MovePin(pin=1, place=place) for place in (1, 2, 3)]


async def test_the_cursor_stays_with_what_moved(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.happen(*pinned("first", "second", "third"))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, "p")
        feed.happen(ev.PinMoved(pin=1, place=2, by=Actor.COMMAND_LINE))
        await until(pilot, lambda: "3  first" in text_of(app))
        await pilot.press("K")
        await until(pilot, lambda: feed.sent == [MovePin(pin=1, place=1)])
        await pilot.press("d")
        await until(pilot, lambda: feed.sent[1:] == [RemovePin(pin=1)])


async def test_what_is_done_with_cannot_be_changed(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.happen(*pinned("first"), ev.PinRemoved(pin=1, by=Actor.SCREEN))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, "p")
        await pilot.press("down", "d")
        await until(pilot, lambda: "It is done:" in text_of(app))
        assert feed.sent == []


async def test_a_refusal_is_told_in_the_card(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.happen(*pinned("first"))
    feed.answer = Reply(id=0, ok=False, message=f"No such pin {ATTACK}")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, "p")
        await pilot.press("d")
        await until(pilot, lambda: "No such pin" in text_of(app))
        assert "\x1b" not in text_of(app)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", ["p", "b", "n"])
async def test_hostile_text_is_text(
    app: SupervisorApp, feed: MemoryFeed, key: str, size: tuple[int, int]
) -> None:
    text = f"bad {ATTACK} " + "x" * 100_000
    feed.happen(
        ev.HypothesisPinned(pin=1, text=text, by=Actor.SCREEN),
        ev.HypothesisPinned(pin=2, text=text, by=Actor.SCREEN),
        ev.PinRemoved(pin=2, by=Actor.ENGINE, reason=text),
        ev.DirectionBanned(ban=1, text=text, by=Actor.SCREEN),
        ev.NoteAdded(note=1, text=text, by=Actor.SCREEN),
    )
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "bad" in text_of(app) or size[0] == 80)
        await opened(pilot, app, key)
        shown = text_of(app)
        assert "bad" in shown
        assert "[/red][@click=app.quit]go[/]" in shown
        assert not set(shown) & set("\x1b\x07\x9d\u202e")


@pytest.mark.parametrize("keys", [["p"], ["p", "a"]])
async def test_a_huge_paste_with_escapes(
    app: SupervisorApp, feed: MemoryFeed, keys: list[str]
) -> None:
    if len(keys) > 1:
        feed.happen(*pinned("first"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.view.session.seq == feed.session.seq)
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, AskText))
        app.screen.focused.post_message(Paste(f"{ATTACK}\nyes " + "long " * 20_000))  # type: ignore[union-attr]
        await until(pilot, lambda: "The text was cut:" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: feed.sent)
        (command,) = feed.sent
        assert isinstance(command, PinHypothesis)
        assert "yes long" in command.text
        assert len(command.text) <= 2000
        assert not set(command.text) & set("\x1b\x07\x9d\u202e\n")


async def test_bans_and_notes_are_taken_back(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.happen(
        ev.DirectionBanned(ban=3, text="no MoE", by=Actor.SCREEN),
        ev.NoteAdded(note=5, text="memory is free", by=Actor.SCREEN),
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.view.session.bans)
        await opened(pilot, app, "b")
        assert isinstance(app.screen, BansScreen)
        assert "no MoE" in text_of(app)
        await pilot.press("delete")
        await until(pilot, lambda: feed.sent == [LiftBan(ban=3)])
        await pilot.press("escape")
        await opened(pilot, app, "n")
        assert isinstance(app.screen, NotesScreen)
        await pilot.press("d", "a", *"hi", "enter")
        await until(pilot, lambda: feed.sent[1:] == [RemoveNote(note=5), AddNote(text="hi")])


async def test_the_agent_panel_tells_what_was_said(
    app: SupervisorApp, feed: MemoryFeed, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 60)) as pilot:
        feed.happen(
            *pinned("one", "two", "three", "four", "five"),
            ev.NoteAdded(note=1, text="old", by=Actor.SCREEN),
            ev.NoteAdded(note=2, text="memory is free", by=Actor.SCREEN),
            ev.DirectionBanned(ban=1, text="no MoE", by=Actor.SCREEN),
            ev.ProgramEdited(key="a", experiment=1),
            ev.ProgramEdited(key="b", experiment=22, diff="+x"),
        )
        await until(pilot, lambda: "banned ▸ 1 direction" in text_of(app))
        shown = text_of(app)
        assert "pinned ▸ one" in shown
        assert "pinned ▸ three  (2 more)" in shown
        assert "four" not in shown
        assert "note ▸ memory is free  (1 more)" in shown
        assert "program.md changed ▸ in force from #22" in shown
