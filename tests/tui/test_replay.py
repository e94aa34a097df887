"""The screen of a replay: moving in time, and what it says that it does not know."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from textual.events import Key
from textual.pilot import Pilot

from engine.core import events as ev
from engine.core.enums import Verdict
from engine.core.machine import MachineSample
from engine.core.reducer import fold
from engine.replay.commits import Diff
from engine.replay.recording import Recording
from engine.replay.source import open_source
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import attempt, made_up, numbered, opening
from tui.app import ExitInfo
from tui.replay.app import ReplayApp
from tui.replay.detail import ReplayDetail
from tui.replay.left_out import LeftOutScreen
from tui.replay.player import SPEEDS, Player
from tui.replay.screen import ReplayScreen
from tui.replay.time_line import cell_of, kept_cells
from tui.replay.total import TotalScreen
from tui.screens.panel_grid import PanelGrid

SIZES = [(80, 24), (120, 40)]
COUNT = 30


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def night(workspace: Path, count: int = COUNT) -> list[ev.AnyEvent]:
    events = opening(workspace)
    best: float | None = None
    for number, tried in enumerate(made_up(count), start=1):
        events += attempt(number, tried, best=best)
        best = tried.value if tried.verdict is Verdict.KEEP else best
    return numbered(events)


KEPT = [n for n, tried in enumerate(made_up(COUNT), start=1) if tried.verdict is Verdict.KEEP]


def append(path: Path, events: list[ev.AnyEvent]) -> None:
    with open(path, "ab") as file:
        file.write(b"".join(msgspec.json.encode(event) + b"\n" for event in events))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "work" / ".autoresearch" / "nov20" / "journal.jsonl"
    path.parent.mkdir(parents=True)
    append(path, night(path.parents[2]))
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(journal: Path, clock: Clock) -> ReplayApp:
    return ReplayApp(open_source(str(journal)), clock=clock)


@pytest.fixture
def bare(tmp_path: Path) -> ReplayApp:
    path = tmp_path / "results.tsv"
    path.write_text(
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\twatts\n"
        "aaaaaaa\t1.0\t44.0\tkeep\tbaseline\t300\n"
        "bbbbbbb\t0.9\t44.0\tNEW_BEST\t[b]warm-down[/b] \x1b[31m0.7\t310\n"
        "ccccccc\t0.000000\t0.0\tcrash\ttoo wide\t\n"
        "ddddddd\t0.95\t44.0\tpending\tnot decided\t305\n"
    )
    return ReplayApp(open_source(str(path)))


def number(app: ReplayApp) -> int:
    return len(app.view.session.experiments)


async def from_the_first(app: ReplayApp, pilot: Pilot[ExitInfo]) -> None:
    """To the moment the first experiment was settled; a replay opens at its end."""
    await pilot.press("home", "right")
    await until(pilot, lambda: number(app) == 1)


def told(app: ReplayApp) -> str:
    return " | ".join(note.message for note in app._notifications)


def test_a_view_needs_git_nothing(bare: ReplayApp, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.feed._diffs.clear()
    monkeypatch.setattr(bare.feed.source, "needs_git", lambda number: True)
    view = bare._follower.view(bare.view.now)  # where no event loop runs, no task can start
    assert view.replay is not None
    assert view.replay.diff_note == "Looking for its commit …"


async def test_the_newest_diff_comes_from_git_once(
    bare: ReplayApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def diff(number: int, step: int) -> Diff:
        asked.append(number)
        return Diff("the patch", "from git")

    bare.feed._diffs.clear()
    monkeypatch.setattr(bare.feed.source, "needs_git", lambda number: True)
    monkeypatch.setattr(bare.feed.source, "diff", diff)
    async with bare.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bare.view.session.latest_patch == "the patch")
        assert bare.view.replay is not None
        assert bare.view.replay.diff_note == "from git"
        assert asked == [number(bare)]


# ---- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_steps_jumps_and_keeps(app: ReplayApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        assert isinstance(app.screen, ReplayScreen)
        assert f"‖ REPLAY #{COUNT}" in text_of(app)
        assert f"#{COUNT} of {COUNT}" in text_of(app)
        assert app.view.session == fold(app.feed.player.recording.events)
        await from_the_first(app, pilot)
        for _ in range(3):
            await pilot.press("right")
        await until(pilot, lambda: number(app) == 4)
        await pilot.press("left")
        await until(pilot, lambda: number(app) == 3)
        later = [n for n in KEPT if n > 3]
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: number(app) == later[0])
        await pilot.press("shift+right")
        await until(pilot, lambda: number(app) == later[1])
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: number(app) == later[0])
        await pilot.press("end")
        await until(pilot, lambda: number(app) == COUNT)
        assert app.view.session == fold(app.feed.player.recording.events)
        await pilot.press("right_square_bracket")
        assert "There is no later keep." in told(app)
        await pilot.press("home")
        await until(pilot, lambda: number(app) == 0)
        assert f"start of {COUNT}" in text_of(app)
        assert "RUNNING" not in text_of(app)
        assert "PROPOSING" not in text_of(app)


async def test_everything_is_as_it_stood(app: ReplayApp) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.press("g", *"12", "enter")
        await until(pilot, lambda: number(app) == 12)
        await pilot.pause()
        shown = text_of(app)
        tried = made_up(COUNT)
        assert tried[11].hypothesis[:20] in shown
        assert tried[12].hypothesis[:20] not in shown
        assert "WARMDOWN_RATIO = 0.7" in shown
        assert "not recorded" in shown  # the devices
        assert app.view.now == app.view.session.at
        kept = max(n for n in KEPT if n <= 12)
        assert app.view.session.incumbent == kept
        await pilot.press("g", *"99", "enter")
        assert "There is no settled experiment 99." in told(app)
        assert number(app) == 12


async def test_playing_shows_what_is_between_and_stops_at_the_end(
    app: ReplayApp, clock: Clock
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        player = app.feed.player
        await pilot.press("space")
        await until(pilot, lambda: "▶ REPLAY" in text_of(app))
        assert player.place == 0, "at the end there is nothing to play, so from the beginning"
        await from_the_first(app, pilot)
        assert "space pause" in text_of(app)
        clock.seconds += 0.25
        await until(pilot, lambda: number(app) == 2)
        assert app.view.session.current is not None
        clock.seconds += 1.25
        await until(pilot, lambda: player.place == 4)
        await pilot.press("plus")
        assert player.speed == SPEEDS[SPEEDS.index(2.0) + 1]
        await pilot.press("minus", "minus")
        assert player.speed == 1.0
        await pilot.press("space")
        await until(pilot, lambda: "‖ REPLAY" in text_of(app))
        clock.seconds += 1000
        app._advance()
        assert player.place == 4
        await pilot.press("space")
        clock.seconds += 1000
        await until(pilot, lambda: player.at_end and not player.playing)
        await until(pilot, lambda: number(app) == COUNT)


async def test_search_finds_what_is_still_to_come(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await from_the_first(app, pilot)
        await pilot.press("slash", *"step", "space", *"17", "left", "home", "end")
        assert number(app) == 1, "the arrows belong to what is typed"
        assert "1 match" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: number(app) == 17)
        await pilot.press("slash", "ctrl+u", *"nonsense", "enter")
        assert "Not found: nonsense" in told(app)
        assert number(app) == 17


async def test_what_needs_an_engine_says_why_not(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("s", "x", "p", "b", "n", "m", "A", "K", "r", "v"):
            await pilot.press(key)
            assert "This is a replay; no engine is asked." in told(app), key
            assert isinstance(app.screen, ReplayScreen)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplayDetail))
        await pilot.press("K")
        assert "This is a replay" in told(app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_session_that_goes_on_is_followed_from_its_end(
    journal: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.replay.app._READ_SECONDS", 0.01)
    monkeypatch.setattr("engine.replay.source.engine_pid", lambda workspace: 4242)
    events = night(journal.parents[2], COUNT + 3)
    mine = len(night(journal.parents[2]))
    app = ReplayApp(open_source(str(journal)))
    async with app.run_test(size=size) as pilot:
        await from_the_first(app, pilot)
        append(journal, events[mine : mine + 9])
        await until(pilot, lambda: app.feed.player.places == COUNT + 1)
        assert number(app) == 1, "who looks at the past is left there"
        await until(pilot, lambda: f"of {COUNT + 1}" in text_of(app))
        await pilot.press("end")
        await until(pilot, lambda: number(app) >= COUNT + 1)
        append(journal, events[mine + 9 :])
        await until(pilot, lambda: number(app) == COUNT + 3)
        assert app.view.session == fold(events)
        await pilot.press("left")
        steps = len(app.feed.player.recording)
        append(journal, [ev.SessionEnded(seq=len(events) + 1, reason="done")])
        await until(pilot, lambda: len(app.feed.player.recording) > steps)
        await pilot.pause()
        assert app.view.session.ended is None


async def test_a_damaged_journal_is_shown_and_said(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:40], b"garbage\n", *lines[41:-1], lines[-1][:9]]))
    source = open_source(str(journal))
    assert [(bad.line, bad.text) for bad in source.left_out] == [(41, "garbage")]
    app = ReplayApp(source)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Line 41 cannot be read" in told(app))
        assert "ends in the middle of a line" in told(app)
        await pilot.press("end")
        await until(pilot, lambda: number(app) == COUNT)


async def test_a_number_typed_faster_than_the_card_opens(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("g", "1", "7", "enter"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: number(app) == 17)
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))
        assert app.screen.query_one(PanelGrid).active == 6, "no digit went to a part"


async def test_what_a_file_has_that_is_no_row_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "results.tsv"
    path.write_text(
        "commit\tval_bpb\tstatus\tdescription\n"
        "aaaaaaa\t1.0\tkeep\tbaseline\n"
        "2026-03-26 13:10:21\t20274\t112.63\t180.0\ttrue\tnull\t[b]oh\x1b[31m no[/b]\n"
        "bbbbbbb\t0.9\tkeep\tbetter\n"
    )
    app = ReplayApp(open_source(str(path)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "u shows them" in told(app))
        assert number(app) == 2
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, LeftOutScreen))
        await until(pilot, lambda: "line 3:" in text_of(app))
        assert "1 line is left out of results.tsv" in text_of(app)
        assert "[b]oh no[/b]" in text_of(app)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))


async def test_a_journal_without_a_flaw_has_nothing_left_out(app: ReplayApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("u")
        assert "Every line of journal.jsonl could be read" in told(app)


async def test_a_jump_too_far_to_wait_for_is_on_its_way(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.replay.player.FOLDED_AT_ONCE", 40)
    monkeypatch.setattr("engine.replay.recording.EVERY", 20)
    app = ReplayApp(open_source(str(journal)))
    player = app.feed.player
    assert (player.place, player.target) == (1, len(player.recording))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: number(app) == COUNT)
        assert player.target is None
        assert app.view.session == fold(player.recording.events)
    late = Player(Recording(night(Path("/nowhere"))), lambda: 0.0)
    late.go_to_place(1)
    assert (late.place, late.target) == (1, None), "the newest word counts"
    assert not late.arrive()


# ---- a bare table --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_bare_table_invents_nothing(bare: ReplayApp, size: tuple[int, int]) -> None:
    async with bare.run_test(size=size) as pilot:
        await from_the_first(bare, pilot)
        await pilot.press("1", "z")
        assert "A replay of results.tsv alone" in text_of(bare)
        await pilot.press("right")
        await until(pilot, lambda: number(bare) == 2)
        await pilot.pause()
        shown = text_of(bare)
        assert "[b]warm-down[/b]" in shown
        assert "\x1b" not in shown
        assert "its row says “NEW_BEST”" in shown
        assert "Reasoning not recorded" in shown
        assert "watts: 310" in shown
        assert "time not recorded" in shown
        assert "ask-risky" not in shown
        await pilot.press("z")
        await pilot.press("2")
        await until(pilot, lambda: "no git repository is around" in text_of(bare))
        assert "risk" not in text_of(bare)
        await pilot.press("3")
        assert "not recorded" in text_of(bare)
        await pilot.press("4")
        assert "not recorded" in text_of(bare)
        await pilot.press("6", "end")
        await until(pilot, lambda: number(bare) == 4)
        await until(pilot, lambda: "– pending" in text_of(bare))
        assert "✗ crash" in text_of(bare)
        await pilot.press("enter", "5")
        await until(pilot, lambda: "Runs, risk and decisions are not recorded" in text_of(bare))
        assert "1970" not in text_of(bare)


async def test_all_changes_of_a_table_without_a_repository(bare: ReplayApp) -> None:
    async with bare.run_test(size=(120, 40)) as pilot:
        await pilot.press("end", "D")
        await until(pilot, lambda: isinstance(bare.screen, TotalScreen))
        await until(pilot, lambda: "no git repository is around" in text_of(bare))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(bare.screen, ReplayScreen))


# ---- parts ---------------------------------------------------------------------------------------


def test_keeps_lie_where_the_position_will_be() -> None:
    recording = Recording(night(Path("/nowhere")))
    for cells in (1, 7, 30, 200):
        marks = kept_cells(recording.moments, cells)
        assert all(0 <= cell < cells for cell in marks)
        assert {cell_of(n, COUNT, cells) for n in KEPT} == marks


def test_a_player_of_nothing_stays_where_it_is() -> None:
    player = Player(Recording(), lambda: 0.0)
    for move in (player.home, player.end, player.toggle, player.tick):
        move()
    player.step_by(1)
    player.step_by(-1)
    assert (player.step, player.place, player.playing) == (0, 0, False)
    assert not player.step_by_keep(1)
    assert not player.go_to_number(1)


def test_back_from_an_end_is_the_experiment_before() -> None:
    ended = ev.SessionEnded(seq=len(night(Path("/nowhere"))) + 1, reason="done")
    player = Player(Recording([*night(Path("/nowhere")), ended]), lambda: 0.0)
    assert player.at_end
    player.step_by(-1)
    assert player.place == COUNT - 1


def test_back_from_between_two_is_the_one_that_is_settled() -> None:
    player = Player(Recording(night(Path("/nowhere"))), lambda: 0.0)
    player.go_to_place(5)
    player.go_to_step(player.step + 3)
    player.step_by(-1)
    assert player.step == player.recording.moments[4].step
    player.step_by(-1)
    assert player.step == player.recording.moments[3].step


async def test_no_engine_can_be_asked(app: ReplayApp) -> None:
    from engine.core.errors import EngineGoneError
    from engine.protocol.commands import PauseLoop

    with pytest.raises(EngineGoneError, match="replay"):
        await app.feed.send(PauseLoop())
    await asyncio.sleep(0)


async def test_the_machine_is_shown_as_it_was_recorded(journal: Path, clock: Clock) -> None:
    events = night(journal.parents[2])
    sample = MachineSample(cores=26, cpu_percent=12.0, ram_total_bytes=2**37, run_processes=3)
    places = [(i, e.experiment) for i, e in enumerate(events) if isinstance(e, ev.RunEnded)]
    for index, number in reversed(places[:2]):
        share = msgspec.structs.replace(sample, cpu_percent=10.0 * number)
        events.insert(index, ev.DevicesSampled(experiment=number, run=1, sample=share))
    journal.write_bytes(b"")
    append(journal, numbered([msgspec.structs.replace(e, seq=0) for e in events]))
    app = ReplayApp(open_source(str(journal)), clock=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("home", "4", "z")
        await until(pilot, lambda: "not recorded" in text_of(app))
        await pilot.press("right")
        await until(pilot, lambda: "CPU  10%" in text_of(app))
        assert "sampled at 22:0" in text_of(app)
        await pilot.press("right")
        await until(pilot, lambda: "CPU  20%" in text_of(app))


async def test_its_own_keys_are_told_first(app: ReplayApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: "In a replay" in text_of(app))
        assert "Play the recording, or pause it." in text_of(app)


async def test_of_a_table_the_value_to_beat_need_not_be_the_best(tmp_path: Path) -> None:
    path = tmp_path / "results.tsv"
    rows = ["a1b2c3d\t1.0\tkeep\tone", "b1b2c3d\t0.8\tkeep\ttwo", "c1b2c3d\t0.9\tkeep\tthree"]
    path.write_text("commit\tval_bpb\tstatus\tdescription\n" + "\n".join(rows) + "\n")
    app = ReplayApp(open_source(str(path)))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "last kept 0.9" in text_of(app))
        await pilot.press("left")
        await until(pilot, lambda: "best 0.8" in text_of(app))
