"""What the parts of the ratchet share: the journal, the workspace, and whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.agents.base import Agent, Ensemble
from engine.core.events import AnyEvent
from engine.core.layout import Layout
from engine.core.session import Session
from engine.protocol.messages import AnyMessage
from engine.store.journal import Journal
from engine.store.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class SessionContext:
    """One session's journal, repository and agent."""

    journal: Journal
    workspace: Workspace
    layout: Layout
    agent: Agent | Ensemble
    environ: Mapping[str, str]
    publish: Callable[[AnyMessage], None]
    """Takes live messages (progress, thoughts) for whoever watches."""
    submodules: tuple[str, ...] = ()

    @property
    def session(self) -> Session:
        """As the journal has it now."""
        return self.journal.session

    def note(self, event: AnyEvent) -> None:
        """Put an event into the journal, before anything is done about it."""
        self.journal.append(event)
