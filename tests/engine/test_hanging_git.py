"""While git hangs, the engine answers clients, and then acts on what was decided meanwhile."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from engine.client.sessions import engine_pid
from engine.core.enums import Verdict
from engine.core.events import (
    FrontierAdvanced,
    FrontierReverted,
    OverruleSettled,
    Paused,
    Resumed,
    RunStarted,
)
from engine.core.layout import Layout
from engine.protocol import commands
from tests.engine.test_decisions import at_rest, check_books, ended, events, say, session_of
from tests.git_wrapper import wrap_git
from tests.journals import read_journal
from tests.warm import run_warm
from tests.world import Gate, wait_for

pytestmark = pytest.mark.usefixtures("engines")


class HangingGit:
    """A git whose commands of one name hang until the test lets them go on."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._hang, self._hung = directory / "hang", directory / "hung"
        script = (
            f'if [ -e {self._hang} ]; then case " $* " in *" $(cat {self._hang}) "*)\n'
            f"touch {self._hung}; while [ -e {self._hang} ]; do sleep 0.02; done;; esac; fi\n"
            'exec "$GIT" "$@"'
        )
        wrap_git(directory / "bin", script, monkeypatch)

    def hang(self, command: str) -> None:
        """Let commands of a name hang from now on, such as `read-tree`."""
        (self._hang.with_suffix(".new")).write_text(command)
        (self._hang.with_suffix(".new")).rename(self._hang)

    def wait(self) -> None:
        """Wait until a command hangs."""
        wait_for(self._hung.exists, "a git command that hangs")

    def release(self) -> None:
        """Let all commands go on."""
        self._hang.unlink()
        self._hung.unlink()


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HangingGit:
    """Return a git that can hang, which the engines of the test use."""
    return HangingGit(tmp_path, monkeypatch)


def kinds(workspace: Path) -> list[type]:
    return [type(e) for e in read_journal(Layout(workspace, "t").journal)]


def running_experiment(workspace: Path) -> int:
    session = session_of(workspace)
    return session.current.number if session.running and session.current else 0


def test_the_engine_answers_while_a_checkout_hangs_and_a_pause_then_holds(
    repository: Path, hanging: HangingGit
) -> None:
    session = ended(repository)
    # Its texts are read by git again, because others were read since.
    old = next(e for e in session.experiments if e.verdict is Verdict.DISCARD)
    hanging.hang("read-tree")
    say(repository, commands.ResumeLoop())
    hanging.wait()
    assert session_of(repository).running is None
    assert say(repository, commands.PauseLoop()) == "Paused."
    assert run_warm("status", repository).returncode == 0
    assert "already" in say(repository, commands.PauseLoop())
    hanging.release()
    # Git commands do not overtake each other: this one is answered after the checkout.
    say(repository, commands.ConfirmExperiment(experiment=old.number))
    say(repository, commands.ResumeLoop())
    wait_for(
        lambda: session_of(repository).counts.total > session.counts.total, "another experiment"
    )
    order = [k for k in kinds(repository) if k in (Paused, Resumed, RunStarted)]
    paused = len(order) - 1 - order[::-1].index(Paused)
    assert order[paused + 1] is Resumed
    say(repository, commands.PauseLoop())
    at_rest(repository)
    check_books(repository)


def test_sigterm_ends_an_engine_whose_git_hangs(repository: Path, hanging: HangingGit) -> None:
    ended(repository)
    hanging.hang("read-tree")
    say(repository, commands.ResumeLoop())
    hanging.wait()
    pid = engine_pid(repository)
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    hanging.release()


def test_an_overrule_during_an_overrule_is_carried_out_after_it(
    repository: Path, tmp_path: Path, hanging: HangingGit
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    gate.let_pass(1)
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--autonomy", "auto", "--lookahead", "0")
    worse = ("--first-hypothesis", "MATRIX_LR=5")
    assert run_warm("start", repository, *words, *worse).returncode == 0
    wait_for(lambda: running_experiment(repository) == 2, "the second run")
    say(repository, commands.PinHypothesis(text="MATRIX_LR=6"))
    gate.let_pass(2)
    wait_for(lambda: running_experiment(repository) == 3, "the third run")
    say(repository, commands.PauseLoop())
    gate.open()
    session = at_rest(repository)
    lost = session.experiment(2)
    assert lost.verdict is Verdict.DISCARD
    assert (session.current, session.frontier) == (None, lost.base)
    hanging.hang("update-ref")
    keep = commands.OverruleVerdict(
        experiment=lost.number, verdict=Verdict.KEEP, reason="I like it"
    )
    say(repository, keep)
    hanging.wait()
    again = commands.OverruleVerdict(experiment=lost.number, verdict=Verdict.DISCARD, reason="no")
    say(repository, again)
    hanging.release()
    settled = wait_for(
        lambda: s if not (s := session_of(repository)).pending_overrules else None, "the branch"
    )
    assert settled.experiment(lost.number).effective_verdict is Verdict.DISCARD
    assert settled.incumbent == session.incumbent
    moves = [k for k in kinds(repository) if k in (FrontierAdvanced, FrontierReverted)]
    assert moves[-2:] == [FrontierAdvanced, FrontierReverted]
    assert len(events(repository, OverruleSettled)) == 1
    check_books(repository)
