"""Steering through a real terminal: what the user asks for is done next, or reaches the agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.client.request import send_command
from engine.client.sessions import details
from engine.protocol import commands
from tests.journals import read_session
from tests.model_server import ModelServer, knob_edit
from tests.terminal import Window
from tests.world import Gate, git, wait_for

pytestmark = pytest.mark.usefixtures("engines")

CHARTER = "# Charter\n\nTry what you like.\n"


@pytest.fixture
def workspace(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """With a charter, and a home of this test's own for what the screen keeps."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (repository / "program.md").write_text(CHARTER)
    git(repository, "add", "program.md")
    git(repository, "commit", "--quiet", "-m", "charter")
    return repository


def say(window: Window, key: str, card: str, words: str) -> None:
    """Open a line with a key, write into it, and be done."""
    window.press(key)
    window.wait_for(card)
    window.press(words)
    window.wait_for(words)
    window.press("\r")


def test_a_pinned_knob_is_done_next(workspace: Path, tmp_path: Path) -> None:
    gate = Gate(workspace, tmp_path / "gate")
    window = Window(workspace, "--yes", "--tag", "t", "--budget", "0.05", columns=80, rows=24)
    window.wait_for("RUNNING #1")
    say(window, "p", "Pin a hypothesis", "MATRIX_LR=0.05")
    wait_for(lambda: read_session(workspace).pins, "the pin")
    for number in range(1, 4):
        gate.let_pass(number)
    became = wait_for(lambda: read_session(workspace).pins[0].experiment, "its experiment")
    assert became <= 3  # at most one was drafted before it
    window.wait_for("RUNNING #4")
    wait_for(lambda: "+MATRIX_LR = 0.05" in details(workspace, "t", became).patch, "its patch")
    window.press("p")
    window.wait_for(f"became #{became}")
    window.press("\x1b")
    wait_for(lambda: f"became #{became}" not in window.read(), "the list to close")
    window.press("q")
    assert window.wait_for_end()[0] == 0


def test_what_is_said_reaches_the_next_question(workspace: Path) -> None:
    with ModelServer([knob_edit]) as server:
        words = ("--model", "openai/test", "--api-base", server.openai)
        window = Window(
            *(workspace, "--yes", "--tag", "t", "--budget", "1.5", *words), columns=120, rows=40
        )
        window.wait_for("RUNNING #")
        say(window, "b", "Ban a direction", "no mixture of experts")
        wait_for(lambda: read_session(workspace).bans, "the ban")
        say(window, "n", "Note to the agent", "memory is free")
        wait_for(lambda: read_session(workspace).agent_notes, "the note")
        say(window, "p", "Pin a hypothesis", "a wider MLP")
        wait_for(
            lambda: any(
                all(said in request.prompt for said in ("mixture of experts", "memory is free"))
                and "a wider MLP" in request.prompt
                for request in server.requests
            ),
            "a question with all three",
        )
        window.press("1")
        window.wait_for("banned ▸ 1 direction")

        # program.md in the built-in editor: the next prompt has it.
        window.press("m")
        window.wait_for("Try what you like.")
        window.press("Only the schedule. ")
        window.wait_for("unsaved")
        window.press("\x13")  # ctrl+s
        window.wait_for("Saved.")
        assert (workspace / "program.md").read_text() == "Only the schedule. " + CHARTER
        wait_for(lambda: "Only the schedule." in server.requests[-1].prompt, "the new charter")
        window.wait_for("In force")

        # And from outside, while the screen shows it.
        (workspace / "program.md").write_text("# By another editor\n")
        window.wait_for("By another editor")
        window.press("\x13")  # ctrl+s: no run wrote that
        wait_for(lambda: "By another editor" in server.requests[-1].prompt, "the other charter")
        wait_for(
            lambda: (
                len(read_session(workspace).programs) == 3
                and read_session(workspace).programs[-1].commit
            ),
            "the third version on the branch",
        )
        assert git(workspace, "show", "autoresearch/t:program.md") == "# By another editor"
        assert git(workspace, "status", "--porcelain") == " M program.md"
        window.press("\x1b")
        window.wait_for("q leave")
        window.press("q")
        assert window.wait_for_end()[0] == 0


@pytest.mark.parametrize(
    "size",
    [(80, 24), pytest.param((160, 45), marks=pytest.mark.torture)],
    ids=["80x24", "160x45"],
)
def test_the_whole_session_while_it_runs(
    workspace: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    columns, rows = size
    gate = Gate(workspace, tmp_path / "gate")
    gate.let_pass(1)
    gate.let_pass(2)
    window = Window(
        workspace, "--yes", "--tag", "t", "--budget", "0.05", columns=columns, rows=rows
    )
    window.wait_for("RUNNING #3")
    window.press("i")
    window.wait_for("1 Activity")
    window.wait_for("run 1 started")
    window.press("2")
    window.wait_for("1.")
    window.wait_for("baseline")
    window.press("4")
    window.wait_for("No language model is asked")
    note = commands.BanDirection(text="leave DEPTH as it is")
    assert send_command(workspace, note).ok
    window.wait_for("leave DEPTH as it is")
    window.press("5")
    window.wait_for("Category coverage")
    window.press("1f")
    window.wait_for("banned (1), command line: leave DEPTH as it is")
    window.press("q")
    window.wait_for("RUNNING #3")
    window.press("q")
    assert window.wait_for_end()[0] == 0
