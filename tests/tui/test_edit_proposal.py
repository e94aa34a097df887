"""A proposal edited by hand: nothing that was written is lost, nothing is sent unasked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.client.candidate import CandidateFile
from engine.core import events as ev
from engine.core.enums import Actor, ReviewAnswer
from engine.core.errors import WorkspaceError
from engine.protocol.commands import EditProposal
from engine.protocol.messages import Reply
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed, question
from tests.tui.test_keys import Clock, told
from tui.app import SupervisorApp
from tui.screens.code_area import CodeArea
from tui.screens.confirm import ConfirmScreen
from tui.screens.edit_proposal import EditProposalScreen
from tui.screens.main_screen import MainScreen

SOURCE = "import torch\n\n\ndef lr(step):\n    return 0.7  # [b]warm[/b]\n"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked(feed: MemoryFeed, clock: Clock) -> SupervisorApp:
    feed.happen(*question())
    feed.candidate_file = CandidateFile("", SOURCE, "")
    return SupervisorApp(feed, feed.session, clock=clock)


def area(app: SupervisorApp) -> CodeArea:
    return app.screen.query_one(CodeArea)


def editing(app: SupervisorApp) -> bool:
    return isinstance(app.screen, EditProposalScreen) and bool(area(app).text)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_whole_file_is_sent(
    asked: SupervisorApp, feed: MemoryFeed, size: tuple[int, int]
) -> None:
    feed.answer = Reply(id=0, ok=True, message="Taken as patch beef.")
    async with asked.run_test(size=size) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: editing(asked))
        assert "return 0.7  # [b]warm[/b]" in text_of(asked)
        await pilot.press("ctrl+s")
        assert "Nothing is changed yet" in text_of(asked)
        area(asked).move_cursor((0, 0))
        await pilot.press(*"#q", "enter")
        await until(pilot, lambda: "● not sent yet" in text_of(asked))
        await pilot.press("ctrl+s")
        sent = EditProposal(patch_id="c0ffee000001", source="#q\n" + SOURCE)
        await until(pilot, lambda: feed.sent == [sent])
        await until(pilot, lambda: isinstance(asked.screen, MainScreen))
        await until(pilot, lambda: "Taken as patch beef." in told(asked))


async def test_what_is_refused_stays(asked: SupervisorApp, feed: MemoryFeed) -> None:
    feed.answer = Reply(
        id=0, ok=False, message="The edited train.py is not valid Python: line 1 [b]."
    )
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: editing(asked))
        area(asked).move_cursor((0, 0))
        await pilot.press("(", "ctrl+s")
        await until(pilot, lambda: "not valid Python: line 1 [b]" in text_of(asked))
        assert "Your text is still here" in text_of(asked)
        assert area(asked).text == "(" + SOURCE


async def test_leaving_asks_where_something_would_be_lost(
    asked: SupervisorApp, feed: MemoryFeed, clock: Clock
) -> None:
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: editing(asked))
        await pilot.press("x", "escape")
        await until(pilot, lambda: isinstance(asked.screen, ConfirmScreen))
        clock.seconds += 1
        await pilot.press("enter")
        await until(pilot, lambda: editing(asked))
        assert "x" in area(asked).text
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(asked.screen, ConfirmScreen))
        clock.seconds += 1
        await pilot.press("y")
        await until(pilot, lambda: isinstance(asked.screen, MainScreen))
        assert feed.sent == []


async def test_a_decision_elsewhere_is_told_and_the_text_stays(
    asked: SupervisorApp, feed: MemoryFeed
) -> None:
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: editing(asked))
        await pilot.press("x")
        feed.happen(ev.ProposalParked(queued=1, reason="not answered"))
        await until(pilot, lambda: asked.view.session.parked)
        assert "!" not in text_of(asked)
        feed.happen(
            ev.ReviewDecided(
                queued=1,
                patch_id="c0ffee000001",
                decision=ReviewAnswer.VETO,
                by=Actor.COMMAND_LINE,
                reason="no",
            )
        )
        await until(pilot, lambda: "! It was vetoed meanwhile" in text_of(asked))
        assert "x" in area(asked).text


async def test_a_base_that_is_gone_is_told(asked: SupervisorApp, feed: MemoryFeed) -> None:
    feed.candidate_file = WorkspaceError("Its base is gone.", "", "Veto it.")
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: "Its base is gone." in told(asked))


async def test_a_file_that_lines_would_be_lost_of_is_not_edited_here(
    asked: SupervisorApp, feed: MemoryFeed
) -> None:
    feed.candidate_file = CandidateFile("", "a = 1\n\x0cb = 2\n", "")
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: "only your own editor keeps" in text_of(asked))
        await pilot.press("x", "escape")
        await until(pilot, lambda: isinstance(asked.screen, MainScreen))


@pytest.mark.parametrize(
    ("editor", "words", "lent"),
    [
        (None, "neither $VISUAL nor $EDITOR is set", False),
        ("/nowhere/vi", "was not found", True),
        ("/", "could not be started: Permission denied", True),
        ("false", "ended with exit code 1", True),
        ("'open", "cannot be read", False),
        ("true", "Your editor changed nothing.", True),
    ],
)
async def test_an_editor_that_fails_loses_nothing(
    asked: SupervisorApp,
    monkeypatch: pytest.MonkeyPatch,
    editor: str | None,
    words: str,
    lent: bool,
) -> None:
    taken_back = []

    @contextlib.contextmanager
    def suspend() -> Iterator[None]:
        yield
        taken_back.append(True)  # as Textual does it: not after an error

    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    if editor is not None:
        monkeypatch.setenv("EDITOR", editor)
    monkeypatch.setattr(asked, "suspend", suspend)
    async with asked.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: editing(asked))
        await pilot.press("x", "ctrl+e")
        await until(pilot, lambda: words in text_of(asked))
        assert "x" in area(asked).text.replace("xt", "")
        assert bool(taken_back) is lent


async def test_an_editor_outside(
    asked: SupervisorApp, feed: MemoryFeed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "my editor"
    editor.write_text(
        f'#!/bin/sh\nstat -c "%a %n" "$1" > {tmp_path}/seen\nprintf "print(1)\\n" > "$1"\n'
    )
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{editor}'")
    monkeypatch.setattr(asked, "suspend", contextlib.nullcontext)
    async with asked.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: editing(asked))
        await pilot.press("ctrl+e")
        await until(pilot, lambda: area(asked).text == "print(1)\n")
        mode, name = (tmp_path / "seen").read_text().split(maxsplit=1)
        assert (mode, Path(name.strip()).suffix) == ("600", ".py")
        assert not Path(name.strip()).exists()
        assert feed.sent == []
        await pilot.press("ctrl+s")
        sent = EditProposal(patch_id="c0ffee000001", source="print(1)\n")
        await until(pilot, lambda: feed.sent == [sent])
