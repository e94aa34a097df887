"""Deciding in a real terminal: approve, veto, edit, overrule, revive; and somebody else decides."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from engine.core.enums import QueueState, Verdict
from engine.core.records import Queued
from engine.core.session import Session
from engine.core.text import short_id
from tests.journals import read_session
from tests.model_server import ModelServer, knob_edit
from tests.terminal import Window
from tests.warm import run_warm
from tests.world import git, wait_for

pytestmark = pytest.mark.usefixtures("engines")


@pytest.fixture
def workspace(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A workspace with uncommitted work of the user, and a home directory of this test alone."""
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    with open(repository / "train.py", "a") as file:
        file.write("# not committed\n")
    git(repository, "commit", "--quiet", "--all", "-m", "mine")
    with open(repository / "prepare.py", "a") as file:
        file.write("# dirty\n")
    return repository


def begin(workspace: Path, server: ModelServer, size: tuple[int, int], *words: str) -> Window:
    model = ("--agent", "llm", "--model", "openai/test", "--api-base", server.openai)
    options = ("--yes", "--tag", "t", "--budget", "0.4", *model, *words)
    window = Window(workspace, *options, columns=size[0], rows=size[1])
    window.wait_for("q leave")
    return window


def session_of(workspace: Path) -> Session:
    return read_session(workspace)


def first_asked(workspace: Path) -> Queued:
    return wait_for(lambda: next(iter(session_of(workspace).asked), None), "a question")


def open_card(window: Window, patch: str) -> None:
    """Open the card of a patch, and wait until it hears: its first moment is deaf."""
    wait_for(lambda: _opened(window, patch), f"the card of {patch}")
    hears = time.monotonic() + 1
    wait_for(lambda: time.monotonic() > hears, "the card to hear")


def _opened(window: Window, patch: str) -> bool:
    window.press("a")
    if f"patch {short_id(patch)}" in window.wait_for("Does this run?"):
        return True
    # What was decided a moment ago is still what the window knows of.
    wait_for(lambda: _closed(window), "the end of the card")
    return False


def _closed(window: Window) -> bool:
    if "Does this run?" not in window.read():
        return True
    window.press("\x1b")
    return False


def approve(window: Window, workspace: Path, patch: str) -> int:
    """Approve what waits first; the number of the experiment it becomes."""
    open_card(window, patch)
    window.press("a")

    def became() -> int | None:
        for experiment in session_of(workspace).experiments:
            if experiment.proposal.patch_id == patch and experiment.verdict is not None:
                return experiment.number
        return None

    return wait_for(became, "the experiment that was approved")


@pytest.mark.parametrize(
    "size",
    [pytest.param((80, 24), marks=pytest.mark.torture), (160, 45)],
    ids=["80x24", "160x45"],
)
def test_a_person_decides(workspace: Path, size: tuple[int, int]) -> None:
    before = {path: path.read_bytes() for path in workspace.glob("*.py")}
    with ModelServer([knob_edit]) as server:
        window = begin(workspace, server, size, "--autonomy", "ask-all")
        window.wait_for("needs you")

        # Nothing runs unasked; what is approved runs, and is said to have been.
        asked = first_asked(workspace)
        assert len(session_of(workspace).experiments) == 1
        number = approve(window, workspace, asked.proposal.patch_id)
        decided = [(d.text, d.by) for d in session_of(workspace).experiment(number).decisions]
        assert decided == [("asked", "policy"), ("approved", "screen")]

        # A veto needs a reason, and the agent gets it.
        asked = first_asked(workspace)
        window.press("v")
        window.wait_for("why?")
        window.press("\r")
        window.wait_for("The text is empty")
        window.press("never below the grid\r")
        vetoed = wait_for(lambda: session_of(workspace).vetoed, "the veto")
        assert vetoed[0].proposal.patch_id == asked.proposal.patch_id
        wait_for(
            lambda: any("never below the grid" in r.prompt for r in server.requests),
            "a briefing with the reason",
        )

        # An edit is sent whole; one that is not valid Python stays in the editor.
        asked = first_asked(workspace)
        open_card(window, asked.proposal.patch_id)
        window.press("e")
        window.wait_for("makes it")
        window.press("(")
        window.wait_for("not sent yet")
        window.press("\x13")  # ctrl+s
        window.wait_for("not valid Python")
        window.press("\x7f# by hand\r\x13")
        edited = wait_for(
            lambda: next(
                (
                    q
                    for q in session_of(workspace).asked
                    if q.number == asked.number and q.patch != asked.patch
                ),
                None,
            ),
            "the edited proposal to be asked about",
        )
        window.wait_for("decide")
        number = approve(window, workspace, edited.proposal.patch_id)
        source = git(workspace, "show", f"refs/autoresearch/t/{number}:train.py")
        assert "# by hand" in source

        # Somebody else decides while the card is open.
        asked = first_asked(workspace)
        open_card(window, asked.proposal.patch_id)
        done = run_warm("approve", short_id(asked.proposal.patch_id), "-C", workspace)
        assert done.returncode == 0, done.stderr
        window.wait_for("meanwhile")
        window.press("a\x1b")
        wait_for(lambda: "Does this run?" not in window.read(), "the card to close")

        # The verdict of an earlier experiment: no knob of this file is better alone.
        window.press("6\x1b[H\x1b[B")  # the second row
        window.press("K")
        window.wait_for("Keep experiment 2, which was discarded?")
        window.press("I know better\r")
        overruled = wait_for(
            lambda: session_of(workspace).experiment(2).overruled, "the user's verdict"
        )
        assert overruled is Verdict.KEEP
        window.wait_for("by you")
        window.press("q")
        assert window.wait_for_end()[0] == 0
    assert {path: path.read_bytes() for path in workspace.glob("*.py")} == before
    assert git(workspace, "status", "--porcelain") == " M prepare.py"


def test_what_nobody_answers_is_parked_and_can_be_gone_through(workspace: Path) -> None:
    with ModelServer([knob_edit]) as server:
        config = workspace / ".autoresearch" / "config.toml"
        config.parent.mkdir()
        config.write_text("review_timeout_seconds = 1.0\n")
        window = begin(workspace, server, (80, 24), "--autonomy", "ask-all")
        parked = wait_for(
            lambda: next(iter(session_of(workspace).parked), None), "a proposal to be parked"
        )
        assert parked.state is QueueState.PARKED
        assert len(session_of(workspace).experiments) == 1  # it never ran
        told = json.loads(run_warm("queue", "--json", "-C", workspace).stdout)
        assert parked.proposal.patch_id in json.dumps(told)
        window.press("w")
        window.wait_for("‖ parked")
        window.press("\x1b[F")  # the last one is a parked one
        window.press("v")
        window.wait_for("why?")
        window.press("overnight\r")
        wait_for(lambda: session_of(workspace).vetoed, "the veto")
        assert session_of(workspace).vetoed[0].reason == "overnight"
        window.wait_for("Waiting for you")
        window.press("\x1b")
        window.wait_for("q leave")
        window.press("q")
        assert window.wait_for_end()[0] == 0
