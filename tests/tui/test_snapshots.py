"""Pictures of the screens at two sizes, compared with the ones that were looked at and accepted.

`pytest tests/tui/test_snapshots.py --snapshot-update` writes them again; look at each one after it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from engine.core import events as ev
from engine.core.enums import Phase
from engine.core.reducer import fold
from engine.protocol.messages import Progress
from engine.replay.source import open_source
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import RISKY, MemoryFeed, events_of, made_up, question
from tests.tui.test_keys import Clock
from tui.app import ExitInfo, SupervisorApp
from tui.replay.app import ReplayApp
from tui.view import LinkState

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]
Act = Callable[[Pilot[ExitInfo]], Awaitable[None]]

pytestmark = pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])


@pytest.fixture
def supervised(feed: MemoryFeed) -> SupervisorApp:
    """A session of twenty experiments with a run in training, at a moment that does not pass."""
    log = feed.log_path(21, 1)
    assert log is not None
    log.write_text("".join(f"step {n:05} | loss {4 - n / 100:.4f}\n" for n in range(0, 200, 10)))
    now = feed.session.at + timedelta(seconds=95)
    feed.tell(
        Progress(experiment=21, run=1, phase=Phase.TRAINING, elapsed_seconds=95.0, share=0.31)
    )
    return SupervisorApp(feed, feed.session, now=lambda: now, clock=Clock())


def shows(*texts: str, keys: tuple[str, ...] = ()) -> Act:
    """Press keys once the session is connected, and wait until all texts are on the screen."""

    async def act(pilot: Pilot[ExitInfo]) -> None:
        app = pilot.app
        assert isinstance(app, SupervisorApp)
        await until(pilot, lambda: app.view.link is not LinkState.RECONNECTING)
        if app.view.link is LinkState.LIVE:
            await until(pilot, lambda: app.view.progress)
            if app.size.width >= 100:  # the log is visible, and read by a timer
                await until(pilot, lambda: "loss 2.1000" in text_of(app))
        await pilot.press(*keys)
        await until(pilot, lambda: all(text in text_of(app) for text in texts))

    return act


def test_main_screen(
    snap_compare: Compare, supervised: SupervisorApp, size: tuple[int, int]
) -> None:
    assert snap_compare(
        supervised, terminal_size=size, run_before=shows("RUNNING #21", "train 01:33/05:00")
    )


def test_review_card(
    snap_compare: Compare, supervised: SupervisorApp, feed: MemoryFeed, size: tuple[int, int]
) -> None:
    feed.happen(*question(findings=RISKY, why=RISKY[0].message, at=feed.session.at))
    act = shows("Does this run?", "metric-printed", keys=("a",))
    assert snap_compare(supervised, terminal_size=size, run_before=act)


def test_queue(
    snap_compare: Compare, supervised: SupervisorApp, feed: MemoryFeed, size: tuple[int, int]
) -> None:
    at = feed.session.at
    feed.happen(*question(1, at=at), *question(2, patch_id="c0ffee000002", findings=RISKY, at=at))
    feed.happen(ev.ProposalParked(queued=1, reason="not answered in time"))
    act = shows("1 asked, 1 parked", "risk: block", keys=("w",))
    assert snap_compare(supervised, terminal_size=size, run_before=act)


def test_experiment(
    snap_compare: Compare, supervised: SupervisorApp, size: tuple[int, int]
) -> None:
    act = shows("#21 …", "WARMDOWN_RATIO = 0.7", "1 Diff", keys=("end", "enter"))
    assert snap_compare(supervised, terminal_size=size, run_before=act)


def test_overview(snap_compare: Compare, supervised: SupervisorApp, size: tuple[int, int]) -> None:
    act = shows("★#20", "all measured", keys=("i", "2"))
    assert snap_compare(supervised, terminal_size=size, run_before=act)


def test_replay(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    journal = tmp_path / ".autoresearch" / "nov20" / "journal.jsonl"
    journal.parent.mkdir(parents=True)
    events = events_of(tmp_path, made_up(20), running=False)
    journal.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    app = ReplayApp(open_source(str(journal)), clock=Clock())
    assert app.view.session == fold(events)
    act = shows("#12 of 20", keys=("g", "1", "2", "enter"))
    assert snap_compare(app, terminal_size=size, run_before=act)
