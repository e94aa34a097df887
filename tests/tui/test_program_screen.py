"""The screen of program.md: saving, conflicts, drafts, and the user's own editor."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from engine.core import events as ev
from engine.protocol.commands import AcceptProgram, AnyCommand, RefuseProgram
from engine.store.program_file import program_digest, program_key
from tests.hostile import ATTACK
from tests.tui.seeing import text_of, until
from tests.tui.synthetic import MemoryFeed
from tests.tui.test_keys import Clock, told
from tests.world import DEADLINE_SECONDS
from tui.app import ExitInfo, SupervisorApp
from tui.screens.confirm import ConfirmScreen
from tui.screens.main_screen import MainScreen
from tui.screens.program import ProgramScreen
from tui.screens.program_area import ProgramArea
from tui.screens.program_conflict import ConflictScreen
from tui.screens.program_draft import ProgramDraft, keep_draft, kept_draft
from tui.screens.program_question import ProgramQuestionScreen
from tui.terminal import suspend as editor

SIZES = [(120, 40), (80, 24)]
TEXT = "# Charter\n\nOnly the optimizer.\n\n- no `MoE`\n"


@pytest.fixture
def charter(feed: MemoryFeed) -> Path:
    path = feed.workspace / "program.md"
    path.write_text(TEXT)
    return path


async def opened(pilot: Pilot[ExitInfo], app: SupervisorApp) -> ProgramScreen:
    await pilot.press("m")
    await until(pilot, lambda: isinstance(app.screen, ProgramScreen))
    assert isinstance(app.screen, ProgramScreen)
    return app.screen


async def looked(screen: ProgramScreen) -> None:
    """What happens each second."""
    await screen._poll()


@pytest.mark.parametrize("size", SIZES)
async def test_typed_saved_and_told_from_when_on(
    app: SupervisorApp, feed: MemoryFeed, charter: Path, size: tuple[int, int]
) -> None:
    feed.happen(ev.ProgramEdited(key=program_key(TEXT), experiment=1))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.view.session.programs)
        await opened(pilot, app)
        shown = text_of(app)
        assert "Only the optimizer." in shown
        assert "In force since #1" in shown
        assert "next proposal: #22" in shown
        assert "unsaved" not in shown
        await pilot.press("ctrl+end", *"- be bold")
        await until(pilot, lambda: "● unsaved" in text_of(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: charter.read_text() == TEXT + "- be bold")
        await until(pilot, lambda: "Saved." in text_of(app))
        assert "unsaved" not in text_of(app)
        assert "In force is the version since #1; this one follows" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_the_headings_have_a_colour(app: SupervisorApp, charter: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app)
        area = screen.query_one(ProgramArea)
        assert area.language == "markdown"
        assert area._highlights[0]


async def test_esc_asks_once_where_something_is_unsaved(feed: MemoryFeed, charter: Path) -> None:
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("x", "escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter", "y")
        assert isinstance(app.screen, ConfirmScreen)
        clock.seconds += 1
        await pilot.press("enter")  # the safe answer
        await until(pilot, lambda: isinstance(app.screen, ProgramScreen))
        assert "● unsaved" in text_of(app)
        await pilot.press("escape")
        clock.seconds += 1
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert charter.read_text() == TEXT
        assert kept_draft(feed.workspace) is None


# ---- somebody else writes it ---------------------------------------------------------------------


async def test_a_change_on_the_disk_is_taken_where_nothing_is_unsaved(
    app: SupervisorApp, charter: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        charter.write_text("# Theirs\n")
        await looked(screen)
        await until(pilot, lambda: "# Theirs" in text_of(app))
        await until(pilot, lambda: "changed on the disk" in text_of(app))
        assert "unsaved" not in text_of(app)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", ["edit", "look", "overwrite", "take"])
async def test_a_conflict_loses_nothing(
    feed: MemoryFeed, charter: Path, way: str, size: tuple[int, int], home: Path
) -> None:
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+end", *"mine")
        charter.write_text(TEXT + "theirs\n")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConflictScreen))
        assert charter.read_text() == TEXT + "theirs\n"
        downs = {"edit": 0, "look": 1, "overwrite": 2, "take": 3}[way]
        await pilot.press("down", "down", "enter")
        assert isinstance(app.screen, ConflictScreen), "deaf at first"
        await pilot.press("up", "up")
        clock.seconds += 1
        await pilot.press(*["down"] * downs, "enter")
        await until(pilot, lambda: isinstance(app.screen, ProgramScreen))
        aside = home / "cache" / "autoresearch-tui" / "unsaved"
        if way == "edit":
            assert screen.unsaved
        elif way == "look":
            await until(pilot, lambda: "+theirs" in text_of(app))
            assert screen.unsaved
            await pilot.press("escape")
            await until(pilot, lambda: "+theirs" not in text_of(app))
            assert isinstance(app.screen, ProgramScreen)
        elif way == "overwrite":
            await until(pilot, lambda: charter.read_text() == TEXT + "mine")
            await until(pilot, lambda: not screen.unsaved)
            assert [p.read_text() for p in aside.glob("*.md")] == [TEXT + "theirs\n"]
        else:
            await until(pilot, lambda: "theirs" in text_of(app) and not screen.unsaved)
            assert [p.read_text() for p in aside.glob("*.md")] == [TEXT + "mine"]
        if way in ("edit", "look"):
            assert charter.read_text() == TEXT + "theirs\n"


async def test_deleted_meanwhile_it_can_be_written_again(app: SupervisorApp, charter: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        charter.unlink()
        await looked(screen)
        await until(pilot, lambda: "was deleted" in text_of(app))
        assert "● unsaved" in text_of(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: charter.exists())
        assert charter.read_text() == TEXT


async def test_made_binary_meanwhile_nothing_is_lost(app: SupervisorApp, charter: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("x")
        charter.write_bytes(b"\xff\x00\x01")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "program.md is not UTF-8 text" in text_of(app))
        assert screen.unsaved
        assert charter.read_bytes() == b"\xff\x00\x01"


async def test_a_binary_one_is_refused_and_a_missing_one_begins_empty(
    app: SupervisorApp, feed: MemoryFeed
) -> None:
    path = feed.workspace / "program.md"
    path.write_bytes(b"\x80\x81")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("m")
        await until(pilot, lambda: "program.md is not UTF-8 text" in told(app))
        assert isinstance(app.screen, MainScreen)
        path.unlink()
        await opened(pilot, app)
        assert "There is no program.md yet" in text_of(app)
        await pilot.press(*"go", "ctrl+s")
        await until(pilot, lambda: path.exists() and path.read_text() == "go")


async def test_a_lost_window_keeps_what_was_unsaved(feed: MemoryFeed, charter: Path) -> None:
    app = SupervisorApp(feed, feed.session)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press(*"kept ")
        app.terminal_lost()
    again = SupervisorApp(MemoryFeed(feed.session, feed.workspace), feed.session)
    async with again.run_test(size=(80, 24)) as pilot:
        await opened(pilot, again)
        assert "kept # Charter" in text_of(again)
        assert "unsaved changes from last time" in text_of(again)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: charter.read_text() == "kept " + TEXT)
        await until(pilot, lambda: kept_draft(feed.workspace) is None)


async def test_a_draft_written_while_the_text_is_saved_is_forgotten(
    app: SupervisorApp, feed: MemoryFeed, charter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, saved, kept = threading.Event(), threading.Event(), threading.Event()

    def keep_late(workspace: Path, draft: ProgramDraft) -> None:
        begun.set()
        saved.wait(DEADLINE_SECONDS)
        keep_draft(workspace, draft)
        kept.set()

    monkeypatch.setattr("tui.screens.program._POLL_SECONDS", 0.01)
    monkeypatch.setattr("tui.screens.program.keep_draft", keep_late)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("x")
        await until(pilot, begun.is_set)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Saved." in text_of(app))
        saved.set()
        await until(pilot, kept.is_set)
        await until(pilot, lambda: kept_draft(feed.workspace) is None)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_text_is_text(
    app: SupervisorApp, feed: MemoryFeed, size: tuple[int, int]
) -> None:
    path = feed.workspace / "program.md"
    path.write_bytes(f"bad {ATTACK}\n".replace("\x00", "").encode(errors="ignore"))
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, app)
        assert "bad" in text_of(app)
        assert not set(text_of(app)) & set("\x1b\x07\x9d")
        screen.query_one(ProgramArea).post_message(Paste(f"pasted {ATTACK}" + "y" * 10_000))
        await until(pilot, lambda: screen.unsaved)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "pasted" in path.read_text())
        assert path.read_text().count("\x1b") == f"bad {ATTACK}".count("\x1b"), "not by the paste"


async def test_a_large_one_has_no_colours_to_compute_at_each_key(
    app: SupervisorApp, charter: Path
) -> None:
    charter.write_text(TEXT * 5000)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app)
        assert screen.query_one(ProgramArea).language is None
        await pilot.press(*"0123456789")
        assert screen.unsaved
        await pilot.press("ctrl+s")
        await until(pilot, lambda: charter.read_text().startswith("0123456789#"))


# ---- the user's own editor -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", "No editor is set"),
        ("'", "cannot be read"),
        ("/nowhere/ed", "was not found"),
        ("false", "ended with exit code 1"),
        ("sh -c 'kill -9 $$'", "ended with signal 9"),
    ],
)
async def test_an_editor_that_fails_says_so(
    app: SupervisorApp,
    charter: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    words: str,
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", command)
    lent(monkeypatch)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+e")
        await until(pilot, lambda: words in " ".join(text_of(app).split()))
        assert charter.read_text() == TEXT


def lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no terminal to lend in a test without one; the rest is as it is."""
    from contextlib import nullcontext

    monkeypatch.setattr(SupervisorApp, "suspend", lambda self: nullcontext())


async def test_what_the_editor_wrote_is_seen(
    app: SupervisorApp, charter: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "ed with blanks"
    script.write_text('#!/bin/sh\nprintf "# by the editor" > "$1"\n')
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{script}'")
    lent(monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("x", "ctrl+e")
        await until(pilot, lambda: "Save first" in text_of(app))
        await pilot.press("backspace", "ctrl+e")
        await until(pilot, lambda: "# by the editor" in text_of(app))
        assert "unsaved" not in text_of(app)


async def test_without_a_terminal_to_lend_it_says_so(
    app: SupervisorApp, charter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    async with app.run_test(size=(80, 24)):
        assert "cannot be opened" in editor.suspend_and_edit(app, charter)


# ---- a change while a run trained ----------------------------------------------------------------


ASKED = ev.ProgramQuestioned(
    digest="d" * 64, experiment=21, diff=f"--- a\n+++ b\n@@ -1 +1,2 @@\n # Charter\n+{ATTACK}\n"
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        (("enter",), []),
        (("escape",), []),
        (("down", "enter"), [AcceptProgram(digest="d" * 64)]),
        (("down", "down", "enter"), [RefuseProgram(digest="d" * 64)]),
    ],
)
async def test_one_key_shows_what_changed_and_asks_whether_to_use_it(
    feed: MemoryFeed,
    charter: Path,
    keys: tuple[str, ...],
    sent: list[AnyCommand],
    size: tuple[int, int],
) -> None:
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=size) as pilot:
        feed.happen(ASKED)
        await until(pilot, lambda: "program.md changed (m)" in text_of(app))
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ProgramQuestionScreen))
        shown = text_of(app)
        assert "while #21 ran: by you, or by the run" in shown
        assert "+" in shown and "\x1b" not in shown
        await pilot.press("down", "enter")  # meant for what the card covers
        await pilot.press("up")
        assert isinstance(app.screen, ProgramQuestionScreen)
        clock.seconds += 1
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        await until(pilot, lambda: feed.sent == sent)


async def test_the_file_can_be_opened_from_the_question_and_accepted_as_it_is(
    feed: MemoryFeed, charter: Path
) -> None:
    clock = Clock()
    app = SupervisorApp(feed, feed.session, clock=clock)
    async with app.run_test(size=(80, 24)) as pilot:
        feed.happen(ASKED)
        await until(pilot, lambda: app.view.session.program_question)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ProgramQuestionScreen))
        clock.seconds += 1
        await pilot.press("up", "enter")
        await until(pilot, lambda: isinstance(app.screen, ProgramScreen))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: feed.sent == [AcceptProgram(digest=program_digest(TEXT))])
        await until(pilot, lambda: "Accepted as it is." in text_of(app))
        await pilot.press("x", "ctrl+s")
        await until(pilot, lambda: "Saved." in text_of(app))
        assert feed.sent[1:] == [AcceptProgram(digest=program_digest("x" + TEXT))]


async def test_invisible_characters_are_shown_as_marks_and_saved_as_they_are(
    app: SupervisorApp, feed: MemoryFeed, charter: Path
) -> None:
    hidden = "be\u200b bold\u202e\U000e0041\n\x1b[2J\n"
    charter.write_text(hidden)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app)
        shown = text_of(app)
        assert "be⟨U+200B⟩ bold⟨U+202E⟩⟨U+E0041⟩" in shown
        assert "⟨U+001B⟩[2J" in shown
        assert "unsaved" not in shown
        area = screen.query_one(ProgramArea)
        area.set_language(None)
        assert area.text == hidden
        await pilot.press("ctrl+end", "x", "ctrl+s")
        await until(pilot, lambda: charter.read_text() == hidden + "x")
        await pilot.press("ctrl+home", *["right"] * 2, *["delete"] * len("⟨U+200B⟩"), "ctrl+s")
        await until(pilot, lambda: charter.read_text().startswith("be bold\u202e"))
