"""The contract of an agent: a briefing goes in; thoughts, then one draft, come out.

Agents are found through the entry-point group `autoresearch_tui.agents`, so another package can
bring one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Protocol

from engine.core.config import ResearchConfig
from engine.core.errors import AgentError
from engine.core.events import Platform
from engine.core.words import Outcome, Verdict

ENTRY_POINT_GROUP = "autoresearch_tui.agents"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A finished experiment as an agent sees it. Environment failures are never among them."""

    number: int
    base: str
    """The commit it started from."""
    commit: str
    hypothesis: str
    category: str
    verdict: Verdict
    outcome: Outcome | None
    metric: float | None
    gain: float | None
    """Against the incumbent of its time, in metric units, positive is better."""
    patch_id: str
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Briefing:
    """Everything an agent may use for one proposal."""

    number: int
    """Of the experiment to come."""
    source: str
    """The editable file at the frontier."""
    base: str
    """The frontier's commit."""
    program: str
    """The charter, program.md, as it stands."""
    config: ResearchConfig
    platform: Platform | None
    history: tuple[Attempt, ...]
    """All finished experiments, oldest first, the baseline among them."""


@dataclass(frozen=True)
class Thought:
    """A piece of reasoning, to be shown as it comes."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The edit: the whole editable file as it should become, and why."""

    source: str
    hypothesis: str
    rationale: str = ""
    expected: str = ""
    category: str = "other"
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)


class Agent(Protocol):
    """Proposes one edit at a time. May be cancelled at any await."""

    name: str

    def propose(self, briefing: Briefing) -> AsyncIterator[Thought | Draft]:
        """Yield thoughts, then exactly one draft.

        Raises:
            AgentError: It cannot; the loop pauses with the reason, no experiment is used up.
        """
        ...


class AgentFactory(Protocol):
    """What an entry point names."""

    def __call__(self, config: ResearchConfig) -> Agent: ...


def agent_names() -> list[str]:
    """The agents installed here."""
    return sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)})


def make_agent(config: ResearchConfig) -> Agent:
    """The agent the config names.

    Raises:
        AgentError: None of that name is installed.
    """
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == config.agent:
            factory: AgentFactory = point.load()
            return factory(config)
    raise AgentError(
        f"There is no agent called {config.agent!r}.",
        f"Installed: {', '.join(agent_names()) or 'none'}.",
        "Choose one with --agent.",
    )
