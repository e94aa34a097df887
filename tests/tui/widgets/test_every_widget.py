"""Properties of every widget: any size, any text, any theme, and no needless repaint."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.geometry import Size
from textual.widget import Widget

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind
from engine.core.reducer import apply
from engine.core.session import Session
from tests.hostile import ATTACK
from tests.tui.widgets.widget_scenes import Host, segments_of, session_of, text_of, view_of
from tui.view import LinkState, View
from tui.widgets.agent_panel import AgentPanel
from tui.widgets.devices_panel import DevicesPanel
from tui.widgets.edit_panel import EditPanel
from tui.widgets.log_view import LogView
from tui.widgets.painted import Painted
from tui.widgets.progress_chart import ProgressChart
from tui.widgets.results_table import ResultsTable
from tui.widgets.status_line import StatusLine

KINDS: list[type[Painted]] = [
    StatusLine,
    AgentPanel,
    EditPanel,
    LogView,
    DevicesPanel,
    ProgressChart,
    ResultsTable,
]
SIZES = [(80, 24), (120, 40), (40, 8), (1, 1), (3, 2), (13, 4), (250, 70)]


def show(widget: Widget, view: View) -> None:
    method: Callable[[View], None] = widget.show  # type: ignore[attr-defined]
    method(view)


def hostile_view(workspace: Path) -> View:
    patch = "\n".join(["@@ -1,2 +1,2 @@ " + ATTACK.replace("\n", ""), f"-{ATTACK}", f"+{ATTACK}x"])
    session = session_of(5, text=ATTACK, patch=patch, workspace=str(workspace))
    run = session.running
    assert run is not None
    folder = workspace / run.directory
    folder.mkdir(parents=True)
    log = (
        ATTACK.encode("utf-8", "surrogatepass") * 3
        + b"\n\xff\xfe\x9b31m\x85\xc2\x9b2J\n\x00\x1b]0;t"
    )
    (folder / "run.log").write_bytes(log)
    session = apply(session, ev.AlarmRaised(kind=AlarmKind.OTHER, message=ATTACK, at=session.at))
    session = apply(session, ev.Paused(by=Actor.ENGINE, reason=ATTACK, todo=ATTACK, at=session.at))
    return view_of(session, text=ATTACK)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
async def test_a_widget_paints_at_any_size(kind: type[Painted], size: tuple[int, int]) -> None:
    widget = kind()
    async with Host(widget).run_test(size=size) as pilot:
        for view in (
            View(),
            view_of(session_of(1)),
            view_of(session_of(60)),
            view_of(session_of(3)),
        ):
            show(widget, view)
            await pilot.pause()
            for line in text_of(widget).split("\n"):
                assert len(line) <= size[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_hostile_text_is_painted_as_text(
    kind: type[Painted], size: tuple[int, int], tmp_path: Path
) -> None:
    widget = kind()
    async with Host(widget).run_test(size=size) as pilot:
        show(widget, hostile_view(tmp_path))
        await pilot.pause()
        segments = segments_of(widget)
        assert segments
        for segment in segments:
            segment.text.encode()
            assert not segment.control
            for character in segment.text:
                assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), repr(
                    segment.text
                )
            assert segment.style is None or not segment.style.meta
        if kind in (AgentPanel, ResultsTable, EditPanel):
            assert "[bold]" in text_of(widget) or "title" in text_of(widget)


@pytest.mark.parametrize("kind", [k for k in KINDS if k is not LogView])
async def test_the_same_view_repaints_nothing(kind: type[Painted]) -> None:
    class Counted(kind):  # type: ignore[misc, valid-type]
        refreshed = 0

        def refresh(self, *args: object, **options: object) -> Widget:
            self.refreshed += 1
            result: Widget = super().refresh(*args, **options)
            return result

    widget = Counted()
    session = session_of(20)
    async with Host(widget).run_test(size=(80, 24)) as pilot:
        show(widget, view_of(session))
        await pilot.pause()
        before = widget.refreshed
        show(widget, view_of(session))
        show(widget, view_of(apply(session, ev.RowWritten(experiment=3, file="x", at=session.at))))
        assert widget.refreshed == before


@pytest.mark.parametrize("kind", KINDS)
async def test_a_widget_paints_in_every_theme(kind: type[Painted]) -> None:
    widget = kind()
    app = Host(widget)
    async with app.run_test(size=(80, 24)) as pilot:
        show(widget, view_of(session_of(20)))
        for theme in ("textual-light", "ansi-dark", "textual-dark"):
            app.theme = theme
            await pilot.pause()
            assert segments_of(widget)


async def test_marks_are_visible_with_sixteen_colours() -> None:
    table, edit = ResultsTable(), EditPanel()
    app = Host(table, edit)
    async with app.run_test(size=(80, 40)) as pilot:
        app.theme = "ansi-dark"
        session = session_of(5)
        table.show(view_of(session))
        edit.show(view_of(session))
        table.focus()
        await pilot.pause()
        cursor = [s for s in segments_of(table) if s.style is not None and s.style.reverse]
        assert "6" in "".join(s.text for s in cursor)
        word = [s.text for s in segments_of(edit) if s.style is not None and s.style.reverse]
        assert word == ["5", "7"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_widget_follows_a_change_of_size(kind: type[Painted]) -> None:
    widget = kind()
    app = Host(widget)
    async with app.run_test(size=(120, 40)) as pilot:
        show(widget, view_of(session_of(20)))
        for width, height in ((40, 8), (200, 50), (1, 1), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert app.size == Size(width, height)
            assert all(len(line) <= width for line in text_of(widget).split("\n"))


@pytest.mark.parametrize("link", list(LinkState))
async def test_the_status_line_shows_every_link_state(link: LinkState) -> None:
    widget = StatusLine()
    async with Host(widget).run_test(size=(80, 24)) as pilot:
        show(widget, View(session=Session(), link=link))
        await pilot.pause()
        assert text_of(widget).strip()
