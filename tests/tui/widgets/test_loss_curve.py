"""The panel with the loss curves of the current run, the incumbent and chosen experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from engine.core import events as ev
from engine.core.curves.curve import CurvePoint, encode
from engine.core.enums import Verdict
from engine.core.layout import CURVE_NAME
from engine.core.reducer import fold
from engine.core.session import Session
from engine.store.curve_file import CurveFile
from tests.tui.synthetic import Tried, attempt, beginning, numbered, opening
from tests.tui.widgets.widget_scenes import Host, text_of
from tui.view import LinkState, Replayed, View
from tui.widgets.loss_curve import LossCurve

KEPT = Tried(Verdict.KEEP, 0.9, 44.0, "kept")
WORSE = Tried(Verdict.DISCARD, 0.95, 44.0, "worse")


def events(finished: int = 6) -> list[ev.AnyEvent]:
    """A kept baseline, experiments that were discarded, and one more that runs."""
    history = [*opening(Path("/nowhere")), *attempt(1, KEPT)]
    for number in range(2, finished + 1):
        history += attempt(number, WORSE, best=0.9)
    return numbered([*history, *beginning(finished + 1, WORSE)])


def session(finished: int = 6) -> Session:
    return fold(events(finished))


class Files:
    """The curve files of runs, below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, experiment: int, run: int) -> CurveFile:
        return CurveFile(self.directory / f"{experiment}-{run}")

    def write(
        self,
        experiment: int,
        above: float = 0.0,
        until: float = 1.0,
        *,
        shares: bool = True,
        spike: int = -1,
        lower: float = 0.0,
    ) -> None:
        points = [
            CurvePoint(
                n / 100 if shares else None,
                n,
                4 - n / 50 - lower + above * (1 - n / 200) + 2.0 * (n == spike),
            )
            for n in range(int(until * 100) + 1)
        ]
        directory = self.directory / f"{experiment}-1"
        directory.mkdir(exist_ok=True)
        (directory / CURVE_NAME).write_bytes(encode(points))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.write(1)
    for number in range(2, 7):
        made.write(number, above=number / 50)
    return made


async def drawn(widget: LossCurve, view: View, size: tuple[int, int] = (80, 20), *keys: str) -> str:
    async with Host(widget).run_test(size=size) as pilot:
        widget.show(view)
        await pilot.pause()
        return text_of(widget)


async def test_the_run_is_drawn_over_the_incumbent_with_its_finish(files: Files) -> None:
    files.write(7, above=0.2, until=0.4)
    text = await drawn(LossCurve(files), View(session=session()))
    assert "─ #7 3.3600 at 40 %  ┄ best #1 +0.1620" in text
    assert "finish ≈ 2.2120" in text
    assert "by 5 runs" in text
    assert "◇" in text
    assert "100 %" in text


async def test_few_finished_runs_give_no_band(files: Files) -> None:
    files.write(3, above=0.2, until=0.4)
    text = await drawn(LossCurve(files), View(session=session(2)))
    assert "no band before 5 runs have finished" in text
    assert "░" not in text


async def test_a_curve_without_a_budget_is_drawn_by_step_and_not_projected(files: Files) -> None:
    files.write(7, until=0.4, shares=False)
    text = await drawn(LossCurve(files), View(session=session()))
    assert "─ #7 3.2000 at step 40" in text
    assert "so its finish is not projected" in " ".join(text.split())
    assert "step 100" in text


async def test_spikes_and_stalls_are_marked(files: Files) -> None:
    files.write(7, until=0.6, spike=30)
    text = await drawn(LossCurve(files), View(session=session()))
    assert "▲ 1 spike, the last at 30 %" in text
    points = [CurvePoint(n / 100, n, 3.0) for n in (*range(30), *range(50, 60))]
    (files.directory / "7-1" / CURVE_NAME).write_bytes(encode(points))
    text = await drawn(LossCurve(files), View(session=session()))
    assert "no step from 29 % to 50 %" in text


async def test_a_run_too_far_behind_says_so_with_its_evidence(files: Files) -> None:
    files.write(7, above=5, until=0.4)
    found = ev.RunFellBehind(
        experiment=7, run=1, against=1, share=0.4, gap=4.0, limit=0.3, curves=5, hindsight_stopped=1
    )
    behind = fold([*events(), with_fields(found, seq=999)])
    text = await drawn(LossCurve(files), View(session=behind), (120, 20))
    assert "is too far behind to recover: at 40% its loss is 4 above that of #1" in text
    assert "1 of them would have been stopped, no keep among them" in " ".join(text.split())


async def test_a_chosen_experiment_is_drawn_too_and_again_not(files: Files) -> None:
    files.write(7, until=0.4)
    widget = LossCurve(files)
    view = View(session=session())
    async with Host(widget).run_test(size=(80, 20)) as pilot:
        widget.show(view)
        assert widget.choose(3)
        await pilot.pause()
        assert "╌ #3" in text_of(widget)
        assert not widget.choose(3)
        await pilot.pause()
        assert "╌ #3" not in text_of(widget)


async def test_a_logarithmic_scale_needs_losses_above_zero(files: Files) -> None:
    files.write(7, until=0.4)
    widget = LossCurve(files)
    async with Host(widget).run_test(size=(80, 20)) as pilot:
        widget.show(View(session=session()))
        linear = text_of(widget)
        widget.toggle_scale()
        await pilot.pause()
        assert widget.caption() == "Loss · #7 · log"
        assert text_of(widget) != linear
        files.write(7, until=0.5, lower=3.5)
        widget.show(View(session=session()))
        assert widget.caption() == "Loss · #7 · linear, as some are not above 0"


async def test_the_curve_grows_with_its_file(files: Files) -> None:
    widget = LossCurve(files)
    async with Host(widget).run_test(size=(80, 20)) as pilot:
        widget.show(View(session=session()))
        await pilot.pause()
        assert text_of(widget).strip() == "The log of #7 shows no loss yet."
        for share in (0.2, 0.4):
            files.write(7, until=share)
            widget.show(View(session=session()))
            await pilot.pause()
            assert f"at {share:.0%}".replace("%", " %") in text_of(widget)


async def test_a_replay_shows_the_curve_as_far_as_it_was(files: Files) -> None:
    files.write(7)
    replay = Replayed(
        playing=False, joined=False, from_table=False, diff_note="", speed=1.0, step=1, events=9
    )
    view = View(link=LinkState.REPLAY, replay=replay)
    point = ev.RunProgressed(experiment=7, run=1, share=0.25, loss=3.5)
    middle = fold([*events(), with_fields(point, seq=999)])
    assert "at 25 %" in await drawn(LossCurve(files), replace(view, session=middle))
    begun = await drawn(LossCurve(files), replace(view, session=session()))
    assert begun.strip() == "The log of #7 shows no loss yet."
    table = replace(view, session=session(), replay=replace(replay, from_table=True))
    assert "not recorded" in await drawn(LossCurve(lambda e, r: None), table)


async def test_the_log_of_an_earlier_release_is_read_without_blocking(files: Files) -> None:
    directory = files.directory / "7-1"
    directory.mkdir()
    lines = [f"step {n:06} ({n / 40:.3f}%) | loss: 3.5 | dt: 9ms | mfu: 40%\n" for n in range(3000)]
    (directory / "run.log").write_text("".join(lines))
    widget = LossCurve(files)
    async with Host(widget).run_test(size=(80, 20)) as pilot:
        widget.show(View(session=session()))
        assert "Reading the log …" in text_of(widget)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert "at 75 %" in text_of(widget)


@pytest.mark.parametrize("size", [(20, 3), (1, 1), (40, 5), (200, 60)])
async def test_any_size_is_painted(files: Files, size: tuple[int, int]) -> None:
    files.write(7, until=0.4, spike=20)
    assert await drawn(LossCurve(files), View(session=session()), size)
