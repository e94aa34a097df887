"""The contract of an agent: a briefing goes in; thoughts, then one draft, come out.

Agents are found through the entry-point group `autoresearch_tui.agents`, so another package can
bring one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from engine.core.config import ResearchConfig
from engine.core.enums import Outcome, Verdict
from engine.core.errors import AgentError
from engine.core.events import Platform

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
    source_key: str = ""
    """A hash of the edited file's syntax tree; empty where it is not known."""
    rationale: str = ""
    reason: str = ""
    """Why the verdict was given, in words."""
    detail: str = ""
    """Of a run that failed: the end of its traceback. Untrusted."""
    seconds: float = 0.0
    """How long its last run lived."""
    memory_gb: float | None = None
    curve: tuple[tuple[float, float], ...] = ()
    """(share of the budget, loss) of its last run, at most 20 points."""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AgentSpending:
    """Tokens and dollars of a session."""

    tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0
    """Calls whose price nobody knows; they are not in `dollars`."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """An experiment that is being run, or drafted ahead to be run, and has no verdict yet."""

    number: int
    base: str
    hypothesis: str
    category: str
    patch_id: str
    source_key: str = ""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Veto:
    """An edit the person did not want."""

    hypothesis: str
    reason: str
    patch: str
    patch_id: str
    source_key: str = ""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An edit of the agent's that crashed, to be repaired within the same experiment."""

    hypothesis: str
    source: str
    """The edited file that crashed."""
    detail: str
    """The end of the traceback. Untrusted."""


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
    context: dict[str, str] = field(default_factory=dict)
    """Read-only files that define the task (the locked ones), name to text."""
    failure: Failure | None = None
    """Set when the agent is to repair its own edit and not to propose another."""
    earlier: str = ""
    """What was found before this session: by others of the workspace, or before it had a journal.
    Untrusted."""
    pending: tuple[Pending, ...] = ()
    """Experiments before this one that have no verdict yet; it is drafted for the case that all of
    them are discarded."""
    candidate: int = 0
    """How many experiments in a row brought nothing, the pending ones counted."""
    direction: str = ""
    """After many experiments without a keep: where the agent is asked to look, in words."""
    pinned: str = ""
    """The person's own hypothesis: this proposal is to work out exactly that."""
    banned: tuple[str, ...] = ()
    """Directions the person does not want."""
    notes: tuple[str, ...] = ()
    """What the person wants the agent to know."""
    vetoes: tuple[Veto, ...] = ()
    """Edits the person refused, oldest first; none of them, nor one like it, is to come again."""
    worktree: Path | None = None
    """A scratch worktree of the base, for agents with `needs_worktree`; the directory that
    corresponds to the workspace. Nothing but the editable file's text is taken from it."""
    shorten: int = 0
    """How often the provider found the prompt too long: each time it is to be cut by half."""
    spent: AgentSpending = field(default_factory=AgentSpending)
    """What this session's proposals have used so far."""


@dataclass(frozen=True)
class Thought:
    """A piece of reasoning, to be shown as it comes."""

    text: str


@dataclass(frozen=True)
class PromptSent:
    """All that a model is sent for this proposal, as text; kept with the experiment. Yielded before
    the first call, and again, whole, before each that sends more."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one call of a language model used. Yielded when the call ends, also when it failed."""

    model: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's tokens, those the provider had cached."""
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    """Of the completion's tokens, those of hidden reasoning."""
    dollars: float | None = None
    """None: the price is not known."""


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
    """Proposes one edit at a time. May be cancelled at any await, and asked twice at once: for the
    repair of one edit and for the next.

    An agent that lacks one of the three traits below is taken not to have it.
    """

    name: str
    repairs: bool
    """Whether it can be asked to repair an edit of its own that crashed."""
    looks_ahead: bool
    """Whether it is worth asking while the experiment before still trains."""
    needs_worktree: bool
    """Whether it edits files itself, in the scratch worktree of the briefing."""

    def propose(self, briefing: Briefing) -> AsyncIterator[Thought | PromptSent | Usage | Draft]:
        """Yield what it sends, thoughts and usage as they come, then exactly one draft.

        Raises:
            AgentError: It cannot. The kind of error says what the engine does: wait, ask again with
                a shorter briefing, or pause. No experiment is used up.
        """
        ...


@runtime_checkable
class PromptPreview(Protocol):
    """An agent that can show what it would be told, so that a person can read it beforehand."""

    async def memory(self, briefing: Briefing) -> str:
        """What `propose` would go by for this briefing; of a language model, every word it would be
        sent. Asks nobody.

        Raises:
            AgentError: It would refuse to propose, for this reason.
        """
        ...


class Ensemble(Protocol):
    """Several agents that take turns."""

    name: str

    def thinker(self) -> Agent:
        """Who works out a hypothesis of the person's."""
        ...

    def turn(self, number: int) -> Agent:
        """Whose turn an experiment is, its repairs included."""
        ...


class AgentFactory(Protocol):
    """What an entry point names."""

    def __call__(self, config: ResearchConfig, workspace: Path) -> Agent | Ensemble: ...


def speaker(agent: Agent | Ensemble, number: int, *, pinned: bool = False) -> Agent:
    """The one that proposes experiment `number`, or works out a person's hypothesis for it."""
    thinker = getattr(agent, "thinker", None)
    if pinned and thinker is not None:
        return cast(Agent, thinker())
    turn = getattr(agent, "turn", None)
    return cast(Agent, turn(number) if turn is not None else agent)


def agent_names() -> list[str]:
    """The agents installed here."""
    return sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)})


def make_agent(config: ResearchConfig, workspace: Path) -> Agent | Ensemble:
    """The agent the config names.

    Args:
        config: Of the session.
        workspace: Where a `.env` with keys may lie.

    Raises:
        AgentError: None of that name is installed.
    """
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == config.agent:
            factory: AgentFactory = point.load()
            return factory(config, workspace)
    raise AgentError(
        f"There is no agent called {config.agent!r}.",
        f"Installed: {', '.join(agent_names()) or 'none'}.",
        "Choose one with --agent.",
    )
