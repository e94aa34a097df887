"""Holds what all parts of the loop share: the session's journal, workspace, files and agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from engine.agents.base import Agent, Ensemble
from engine.core.enums import Actor, AlarmKind
from engine.core.events import AlarmRaised, AnyEvent, Paused
from engine.core.layout import Layout
from engine.core.session import Session
from engine.loop.waits import Waits
from engine.protocol.messages import AnyMessage
from engine.store.journal import Journal
from engine.store.workspace import Workspace
from engine.thread_pool import started_pool

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SessionContext:
    """One session's journal, git repository, file layout and agent."""

    journal: Journal
    workspace: Workspace
    layout: Layout
    agent: Agent | Ensemble
    environ: Mapping[str, str]
    """The environment variables of the engine."""
    publish: Callable[[AnyMessage], None]
    """Sends a live message, such as run progress or reasoning, to all subscribed clients."""
    waits: Waits
    """Measures the waits that the journal dates."""
    submodules: tuple[str, ...] = ()
    """Paths of the repository's git submodules, relative to its top level."""

    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)
    _git_thread: ThreadPoolExecutor = field(
        # One thread, so that git commands never overtake each other.
        default_factory=lambda: started_pool(1, "git"),
        init=False,
        repr=False,
    )

    @property
    def session(self) -> Session:
        """The session's state, up to the newest event of the journal."""
        return self.journal.session

    def record(self, event: AnyEvent) -> None:
        """Append an event to the journal; the caller acts on the event only afterwards.

        Raises:
            JournalError: The journal cannot be written; nothing was recorded.
        """
        self.journal.append(event)

    def alarm(self, kind: AlarmKind, message: str, *, experiment: int | None = None) -> None:
        """Record an alarm: something that needs the user's attention.

        Args:
            kind: The subject of the alarm.
            message: What happened, as the user reads it.
            experiment: The number of the experiment that it is about; None: about none.
        """
        self.record(AlarmRaised(kind=kind, message=message, experiment=experiment))

    def pause(self, reason: str, todo: str) -> None:
        """Pause the loop on behalf of the engine.

        Where it is already paused for another reason, an alarm is recorded instead.

        Args:
            reason: Why the loop cannot continue, as the user reads it.
            todo: What the user can do about it, as a sentence.
        """
        if self.session.pause is None:
            self.record(Paused(by=Actor.ENGINE, reason=reason, todo=todo))
        elif self.session.pause.reason != reason:
            self.alarm(AlarmKind.PAUSE, f"{reason} {todo}".strip())

    async def in_git_thread(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Call a function that runs git in the session's thread for it, and return its result.

        Git may hang, and the event loop must go on answering clients. Commands may be recorded
        meanwhile: the caller reads the session again afterwards.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._git_thread, partial(function, *args, **named))

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run a coroutine in the background and keep a reference to its task until it ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
