from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec.structs
import pytest

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Direction, Phase, RunPurpose, StopMode, Verdict
from engine.core.reducer import apply
from tests import repeated
from tests.tui.widgets.widget_scenes import Host, session_of, text_of, view_of
from tui.view import LinkState, View
from tui.widgets.status_line import StatusLine

HERE = Path("/nowhere")


async def line_of(view: View, width: int = 160) -> str:
    widget = StatusLine()
    async with Host(widget).run_test(size=(width, 5)) as pilot:
        widget.show(view)
        await pilot.pause()
        return text_of(widget).rstrip()


async def test_a_wide_line_shows_everything() -> None:
    line = await line_of(view_of(session_of(13)))
    assert "● RUNNING #14 · train 02:12/05:00 · ━━━━━━────────" in line
    assert " · best 0." in line
    assert " −0.0" in line
    assert "keep " in line
    assert line.endswith("search · sandbox: none")


@pytest.mark.parametrize("width", [80, 60, 45, 36])
async def test_state_experiment_and_time_stay(width: int) -> None:
    line = await line_of(view_of(session_of(13)), width)
    assert line.startswith(" ● RUNNING #14 · train 02:12/05:00")
    assert len(line) <= width


async def test_the_least_important_part_is_left_out_first() -> None:
    line = await line_of(view_of(session_of(13)), 80)
    assert "best" in line
    assert "sandbox" not in line


async def test_a_maximised_metric_improves_upwards() -> None:
    line = await line_of(view_of(session_of(30, direction=Direction.MAX)))
    assert " +0.0" in line


async def test_states() -> None:
    session = session_of(13, running=False)
    at = session.at
    assert "● PROPOSING #14" in await line_of(view_of(session))
    paused = apply(session, ev.Paused(by=Actor.ENGINE, reason="the disk is full", at=at))
    assert "‖ PAUSED #13 · the disk is full" in await line_of(view_of(paused), 60)
    ended = apply(session, ev.SessionEnded(reason="13 experiments were asked for", at=at))
    assert "■ ENDED 13 experiments were asked for" in await line_of(view_of(ended))
    running = session_of(13)
    stopping = apply(running, ev.StopRequested(by=Actor.SCREEN, mode=StopMode.AFTER_RUN, at=at))
    assert "stops after this run" in await line_of(view_of(stopping), 80)
    pausing = apply(running, ev.Paused(by=Actor.PERSON, reason="", at=at))
    assert "pauses after this run" in await line_of(view_of(pausing), 80)
    gone = replace(view_of(running), link=LinkState.GONE)
    assert "✗ no engine #14" in await line_of(gone)
    away = replace(view_of(running), link=LinkState.RECONNECTING)
    assert "◌ RECONNECTING #14" in await line_of(away)


async def test_what_is_left_until_the_end_of_the_time_is_forecast() -> None:
    session = session_of(13)
    assert "until" not in await line_of(view_of(session), 240)
    until = (session.at + timedelta(hours=9)).isoformat()
    config = msgspec.structs.replace(session.config, until=until, max_experiments=None)
    timed = apply(session, ev.ConfigChanged(config=config, at=session.at))
    at = session.at + timedelta(hours=9)
    assert f"until {at:%H:%M}: about " in await line_of(view_of(timed), 240)
    assert "until" not in await line_of(view_of(timed), 60)
    ended = apply(timed, ev.SessionEnded(reason="x", at=at))
    assert "about" not in await line_of(view_of(ended), 240)
    assert "start --until none`" in await line_of(view_of(ended), 240)


async def test_the_clock_runs_before_the_first_sample() -> None:
    view = replace(view_of(session_of(3)), progress=None)
    assert "start-up 02:31" in await line_of(view)


async def test_a_run_without_progress_shows_its_time() -> None:
    view = view_of(session_of(3))
    assert view.progress is not None
    plain = msgspec.structs.replace(view.progress, phase=Phase.RUNNING, share=None)
    assert "run 02:31/05:00" in await line_of(replace(view, progress=plain))


async def test_an_alarm_stays_until_an_experiment_ends() -> None:
    session = session_of(13)
    alarm = ev.AlarmRaised(
        kind=AlarmKind.PLATEAU, message="no gain in 20 experiments", at=session.at
    )
    session = apply(session, alarm)
    assert "! no gain in 20 experiments" in await line_of(view_of(session), 80)
    later = session.at + timedelta(minutes=5)
    session = apply(
        session, ev.VerdictGiven(experiment=14, verdict=Verdict.DISCARD, reason="", at=later)
    )
    assert "no gain" not in await line_of(view_of(session))


async def test_the_clock_runs_while_the_run_reports_nothing() -> None:
    view = view_of(session_of(3))
    assert view.progress is not None
    silent = msgspec.structs.replace(
        view.progress, phase=Phase.STARTING, share=None, step=None, elapsed_seconds=0.0
    )
    later = replace(view, progress=silent, now=view.now + timedelta(seconds=1))
    assert "start-up 02:32" in await line_of(later)
    config = msgspec.structs.replace(view.session.config, budget_seconds=None)
    endless = msgspec.structs.replace(view.session, config=config)
    assert "run 02:32" in await line_of(replace(later, session=endless))
    run = endless.running
    assert run is not None
    soon = run.started_at + timedelta(seconds=3)
    for sample in (silent, None):
        begun = replace(later, session=endless, progress=sample, now=soon)
        assert "start-up 00:03" in await line_of(begun)


async def test_a_repeat_names_its_experiment_and_why_it_runs() -> None:
    events = [*repeated.calibrated(HERE), *repeated.tried(2, (0.99,))]
    again = repeated.session([*events, repeated.started(2, 2)])
    assert "● RUNNING #2 · " in await line_of(view_of(again))
    assert " · again 2/4, in doubt · " in await line_of(view_of(again))
    beside = repeated.session([*events, repeated.started(1, 4, RunPurpose.FRESH)])
    line = await line_of(view_of(beside))
    assert "● RUNNING #1 · " in line
    assert " · again, incumbent · " in line


async def test_the_best_has_its_interval_once_sigma_is_known() -> None:
    line = await line_of(view_of(repeated.session(repeated.closed(HERE))))
    assert "best 0.9730 −0.0270 ±0.0010 #2" in line
    assert "σ not known" not in line
    kept = [*repeated.tried(2, (0.9,)), *repeated.verdict(2, Verdict.KEEP, 0.1)]
    line = await line_of(view_of(repeated.session([*repeated.calibrated(HERE), *kept])))
    assert "best 0.9000 −0.1000 #2 · " in line
    assert "σ not known yet" in line
