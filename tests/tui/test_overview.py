"""The whole session in five views."""

from __future__ import annotations

import typing
from pathlib import Path

import msgspec
import pytest

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Direction, Verdict
from engine.core.reducer import fold
from engine.protocol.commands import PreviewPrompt
from engine.protocol.messages import Reply
from tests.hostile import ATTACK
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed, Tried, attempt, events_of, made_up
from tui.actions.overview import VIEW_NAMES
from tui.app import SupervisorApp
from tui.overview.activity import ActivitySection, EventFilter, event_lines
from tui.overview.screen import OverviewScreen
from tui.present.events import TOPICS, EventTopic, event_text
from tui.screens.detail import DetailScreen
from tui.screens.main_screen import MainScreen
from tui.widgets.row_list import RowList

WIDE = (140, 40)


def whole(app: SupervisorApp) -> OverviewScreen:
    assert isinstance(app.screen, OverviewScreen)
    return app.screen


def rows(app: SupervisorApp) -> RowList:
    return whole(app).section.query_one(RowList)


def caption(app: SupervisorApp) -> str:
    return whole(app).section.caption()


# ---- getting there -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), WIDE, (40, 10), (250, 60)])
async def test_every_view_at_any_size(app: SupervisorApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: rows(app).rows > 100)
        for number in "12345":
            await pilot.press(number)
            await pilot.pause()
            assert all(len(line) <= size[0] for line in text_of(app).split("\n"))
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_tab_goes_round(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i")
        seen = []
        for _ in VIEW_NAMES:
            seen.append(type(whole(app).section).__name__)
            await pilot.press("tab")
        assert len(set(seen)) == len(VIEW_NAMES)
        assert type(whole(app).section).__name__ == seen[0]
        await pilot.press("shift+tab")
        assert type(whole(app).section).__name__ == seen[-1]


async def test_nothing_has_happened_yet(tmp_path: Path) -> None:
    feed = MemoryFeed(fold([]), tmp_path)
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i")
        for number in "12345":
            await pilot.press(number)
            await pilot.pause()
            await pilot.press("f", "o", "down", "enter", "y", "z")
        assert isinstance(app.screen, OverviewScreen)


async def test_hostile_words_are_text(tmp_path: Path) -> None:
    tried = [Tried(Verdict.KEEP, 1.0, 1.0, ATTACK, ATTACK), *made_up(3)]
    events = events_of(tmp_path, tried)
    events.append(ev.AlarmRaised(seq=len(events) + 1, kind=AlarmKind.OTHER, message=ATTACK))
    feed = MemoryFeed(
        fold(events), tmp_path, history=events, answer=Reply(id=0, ok=True, message=ATTACK)
    )
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: rows(app).rows > 10)
        for number in "12345":
            await pilot.press(number, "home")
            await pilot.pause()
            shown = text_of(app)
            assert not {c for c in shown if c < " " and c != "\n"}
            assert "\u202e" not in shown


# ---- activity ------------------------------------------------------------------------------------


def test_every_kind_of_event_has_words_and_a_kind() -> None:
    kinds = typing.get_args(ev.AnyEvent)
    assert set(TOPICS) == set(kinds)


def every_event() -> list[ev.AnyEvent]:
    """One of each kind, with made-up values in its fields."""
    return [msgspec.convert(_filled(kind), kind) for kind in TOPICS]


def _filled(kind: type) -> dict[str, object]:
    return {
        field.encode_name: _value(field.type)
        for field in typing.cast(msgspec.inspect.StructType, msgspec.inspect.type_info(kind)).fields
        if field.required
    }


def _value(kind: msgspec.inspect.Type) -> object:
    match kind:
        case msgspec.inspect.StrType(pattern=None):
            return "words"
        case msgspec.inspect.StrType():
            return ""  # the patterns, of commits and refs, allow for none
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return 7
        case msgspec.inspect.DateTimeType():
            return "2026-11-20T22:00:00Z"
        case msgspec.inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case msgspec.inspect.StructType(cls=cls):
            return _filled(cls)
        case msgspec.inspect.VarTupleType():
            return []
        case msgspec.inspect.DictType():
            return {}
        case msgspec.inspect.UnionType() if kind.includes_none:
            return None
    raise AssertionError(kind)


@pytest.mark.parametrize("event", every_event(), ids=lambda e: type(e).__name__)
def test_event_text(event: ev.AnyEvent) -> None:
    text = event_text(event)
    assert text.what and text.line() and type(event) in TOPICS
    assert text.experiment == (7 if hasattr(event, "experiment") and event.experiment else 0)
    head = event_lines(event)[0][0]
    assert head.startswith(type(event).__name__)


def test_an_improvement_points_the_way_of_the_metric() -> None:
    better = ev.VerdictGiven(experiment=2, verdict=Verdict.KEEP, reason="better", gain=0.5)
    assert "▼−0.5" in event_text(better, Direction.MIN).line()
    assert "▲+0.5" in event_text(better, Direction.MAX).line()


async def test_the_filter_keeps_the_place_and_goes_round(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    feed.happen(ev.HypothesisPinned(pin=1, text="try GQA", by=Actor.SCREEN))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: rows(app).rows > 100)
        before = rows(app).rows
        await pilot.press("f")
        assert EventFilter.DECISIONS in caption(app)
        assert rows(app).rows == 1 and "try GQA" in text_of(app)
        for _ in list(EventFilter)[1:]:
            await pilot.press("f")
        assert rows(app).rows == before
        section = whole(app).section
        assert isinstance(section, ActivitySection)
        assert rows(app).at == before - 1


async def test_what_happens_now_is_there_at_once(app: SupervisorApp, feed: MemoryFeed) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: rows(app).rows > 100)
        feed.happen(ev.AlarmRaised(kind=AlarmKind.DISK, message="nearly full"))
        await until(pilot, lambda: "nearly full" in text_of(app))
        await pilot.press("home")
        feed.happen(ev.NoteAdded(note=1, text="think small", by=Actor.SCREEN))
        await until(pilot, lambda: rows(app).rows > 120 and rows(app).at == 0)


async def test_search_and_open(app: SupervisorApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: rows(app).rows > 100)
        await pilot.press("slash", *"#7", "enter")
        await pilot.pause()
        assert whole(app).section.experiment == 7
        await pilot.press("enter")
        assert isinstance(app.screen, DetailScreen) and app.screen.number == 7
        await pilot.press("escape")
        await pilot.press("slash", *"no such words", "enter")
        assert "Not found" in " ".join(note.message for note in app._notifications)


# ---- leaderboard, edits --------------------------------------------------------------------------


async def test_the_leaderboard_is_in_order_and_its_filter_leaves_keeps(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i", "2")
        assert feed.session.incumbent == whole(app).section.experiment
        everything = rows(app).rows
        await pilot.press("f")
        assert 0 < rows(app).rows < everything and "kept only" in caption(app)


async def test_the_edits_search_looks_into_the_changed_lines(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    special = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-OLD_WORD = 1\n+NEW_WORD = 2\n"
    feed.patches[22] = special
    async with app.run_test(size=WIDE) as pilot:
        feed.happen(*attempt(22, Tried(Verdict.KEEP, 0.9, 1.0, "rename it"), special)[:3])
        await until(pilot, lambda: len(app.view.session.experiments) == 22)
        await pilot.press("i", "3", "home")
        await until(pilot, lambda: whole(app).section.count("new_word") == 1)
        await pilot.press("slash", *"new_word", "enter")
        await until(pilot, lambda: "NEW_WORD = 2" in text_of(app))
        assert whole(app).section.experiment == 22
        assert whole(app).section.count("train.py") == 0  # a file's name is not a changed line


async def test_zoom_shows_the_diff_alone_then_the_list_alone(app: SupervisorApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("i", "3")
        section = whole(app).section
        below, above = section.query_one(".below"), section.query_one(".list")
        await until(pilot, lambda: "WARMDOWN_RATIO = 0.7" in text_of(app))
        for expected in ((True, False), (False, True), (True, True)):
            await pilot.press("z")
            await pilot.pause()
            assert (below.display, above.display) == expected


# ---- memory --------------------------------------------------------------------------------------


async def test_the_memory_is_what_the_engine_answers(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.answer = Reply(id=0, ok=True, message="━━ user ━━\n\n# Request\n\nPropose experiment 22.")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i", "4")
        await until(pilot, lambda: "Propose experiment 22." in text_of(app))
        assert any(isinstance(command, PreviewPrompt) for command in feed.sent)
        asked = len(feed.sent)
        feed.happen(ev.RunProgressed(experiment=21, run=1, share=0.5, loss=3.0))
        await until(pilot, lambda: app.view.session.seq == feed.session.seq)
        assert len(feed.sent) == asked  # nothing the agent is told has changed
        feed.answer = Reply(id=0, ok=True, message="with the new note")
        feed.happen(ev.NoteAdded(note=1, text="think small", by=Actor.SCREEN))
        await until(pilot, lambda: "with the new note" in text_of(app))


async def test_without_an_engine_it_is_what_was_told_last(tmp_path: Path) -> None:
    events = events_of(tmp_path, made_up(3), running=False)
    events = [
        msgspec.structs.replace(e, prompt_key="abc123")
        if isinstance(e, ev.ProposalDrafted) and e.experiment == 2
        else e
        for e in events
    ]
    events.append(ev.SessionEnded(seq=len(events) + 1, reason="done"))
    feed = MemoryFeed(fold(events), tmp_path, prompts={"abc123": "what number two was told"})
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i", "4")
        await until(pilot, lambda: "what number two was told" in text_of(app))
        assert "for #2" in caption(app) and not feed.sent
        await pilot.press("escape", "home", "down", "enter", "6")
        await pilot.pause()
        assert "what number two was told" in text_of(app)
        await pilot.press("right")
        await pilot.pause()
        assert "No prompt is recorded" in text_of(app)


async def test_a_refusal_is_told(app: SupervisorApp, feed: MemoryFeed) -> None:
    feed.answer = Reply(id=0, ok=False, message="The cap is reached.")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i", "4")
        await until(pilot, lambda: "The cap is reached." in text_of(app))
        assert "not recorded" in caption(app)


# ---- health --------------------------------------------------------------------------------------


async def test_health_counts_what_the_session_has(app: SupervisorApp, feed: MemoryFeed) -> None:
    counts = feed.session.counts
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("i", "5")
        await pilot.pause()
        shown = text_of(app)
        assert f"{counts.keep - 1} of {counts.total - 1} kept" in shown
        assert shown.count("never tried") == 6
        await pilot.press("slash", *"novelty", "enter")
        assert not app._notifications


def test_samples_are_the_only_ones_left_out_at_first() -> None:
    left_out = [kind for kind, about in TOPICS.items() if about is EventTopic.SAMPLE]
    assert left_out == [ev.RunProgressed, ev.DevicesSampled]
