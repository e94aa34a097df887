"""The loop waits while the machine refuses something, and loses nothing meanwhile."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Actor
from engine.core.errors import EnvironmentProblem, JournalError, WorkspaceError
from engine.loop import stall as module
from engine.loop.stall import Stall, machine_error
from engine.protocol.messages import AnyMessage, Stalled
from engine.store.journal import Journal
from tests.journals import read_journal
from tests.world import eventually

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
COST = ev.CostIncurred(experiment=0, model="m", prompt_tokens=1, dollars=0.5)


def caused_by(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (FULL, errno.ENOSPC),
        (BlockingIOError(errno.EAGAIN, "try again"), errno.EAGAIN),
        (caused_by(JournalError("It failed."), FULL), errno.ENOSPC),
        (caused_by(EnvironmentProblem("It failed."), caused_by(OSError(), FULL)), errno.ENOSPC),
        (WorkspaceError("`git x` failed.", "error: unable to write: Read-only file system"), 30),
        (WorkspaceError("`git x` failed.", "fatal: not something that I can merge"), None),
        (JournalError("The lines contradict each other.", "KeyError: 7."), None),
        (FileNotFoundError(errno.ENOENT, "gone"), None),
        (ValueError("no"), None),
    ],
    ids=str,
)
def test_errors_of_the_machine_are_recognised(error: Exception, number: int | None) -> None:
    assert machine_error(error) == number


class World:
    """A journal whose disk can be full, and what clients were sent."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.journal = Journal(path)
        self.sent: list[AnyMessage] = []
        self.stall = Stall(self.journal, self.sent.append)
        self.full = False
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(descriptor, data)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in read_journal(self.journal.path)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path / "journal.jsonl", monkeypatch)


def test_a_cost_is_recorded_as_soon_as_the_disk_has_space(world: World) -> None:
    async def scenario() -> None:
        world.full = True
        recording = asyncio.ensure_future(world.stall.record(COST))
        await eventually(lambda: world.sent, "the message to the clients")
        assert isinstance(world.sent[0], Stalled)
        assert "No space left on device" in world.sent[0].reason
        assert world.stall.message == world.sent[0]
        assert not recording.done()
        world.full = False
        await recording
        await eventually(lambda: not world.stall.message.reason, "the end of the wait")

    asyncio.run(scenario())
    assert world.kinds() == ["CostIncurred", "AlarmRaised"]
    assert world.sent[1:] == [Stalled()]


def test_a_wait_ends_with_the_first_event_that_can_be_recorded(world: World) -> None:
    async def scenario() -> None:
        world.full = True
        world.stall._tries = 12  # the next wait would be half a minute
        recording = asyncio.ensure_future(world.stall.record(COST))
        await eventually(lambda: world.sent, "the message to the clients")
        world.full = False
        world.journal.append(ev.Paused(by=Actor.PERSON, reason="a command"))
        await recording

    asyncio.run(scenario())
    assert world.kinds()[0] == "Paused"
    assert sorted(world.kinds()[1:]) == ["AlarmRaised", "CostIncurred"]


def test_a_cost_is_recorded_though_its_call_is_cancelled(world: World) -> None:
    async def scenario() -> None:
        world.full = True
        recording = asyncio.ensure_future(world.stall.record(COST))
        await eventually(lambda: world.sent, "the message to the clients")
        world.full = False
        recording.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recording

    asyncio.run(scenario())
    assert world.kinds()[0] == "CostIncurred"


def test_a_limit_of_the_machine_is_waited_for_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    assert world.stall.is_due(busy)
    asyncio.run(world.stall.wait(busy))
    assert world.stall.is_due(busy)
    monkeypatch.setattr(module, "_LIMIT_SECONDS", 0.0)
    assert not world.stall.is_due(busy)
    assert world.stall.is_due(FULL)  # a disk for as long as it takes


def test_an_event_that_can_never_be_recorded_is_an_error(world: World) -> None:
    nan = ev.RunProgressed(experiment=1, run=1, share=float("nan"), loss=1.0)
    with pytest.raises(JournalError, match="cannot be recorded"):
        asyncio.run(world.stall.record(nan))
