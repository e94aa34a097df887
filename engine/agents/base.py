"""Defines the agent protocol: an agent gets a briefing, and yields thoughts and then one draft.

Agents are found through the entry-point group `autoresearch_tui.agents`, so another package can
provide one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from engine.core.config import ResearchConfig
from engine.core.enums import Outcome, Verdict
from engine.core.errors import AgentError
from engine.core.events import Platform
from engine.entry_points import entry_points

ENTRY_POINT_GROUP = "autoresearch_tui.agents"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A finished experiment in a briefing; those that the machine made fail are left out."""

    number: int
    base: str
    """The commit the experiment started from."""
    commit: str
    hypothesis: str
    category: str
    verdict: Verdict
    outcome: Outcome | None
    metric: float | None
    gain: float | None
    """Gain over the incumbent of its time, in metric units; positive is better, None is unknown."""
    patch_id: str
    source_key: str = ""
    """A hash of the edited file's syntax tree; empty if not known."""
    rationale: str = ""
    reason: str = ""
    """Why the verdict was given, as a sentence."""
    detail: str = ""
    """The end of the traceback of a run that failed, else empty. Untrusted text."""
    seconds: float = 0.0
    """Seconds that the experiment's last run took; 0 without a run."""
    memory_gb: float | None = None
    curve: tuple[tuple[float, float], ...] = ()
    """Loss curve of the last run: at most 20 points (share of the budget, loss)."""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Old and new literal of each knob the edit changes, by knob name."""


@dataclass(frozen=True, kw_only=True)
class AgentSpending:
    """Tokens and dollars that a session's language model calls have used so far."""

    tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0
    """Number of calls without a known price; they are not in `dollars`."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """An experiment without a verdict: one that runs, or a draft that is queued to run."""

    number: int
    base: str
    hypothesis: str
    category: str
    patch_id: str
    source_key: str = ""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Old and new literal of each knob the edit changes, by knob name."""
    in_question: bool = False
    """Whether the user was asked about it and has not answered."""


@dataclass(frozen=True, kw_only=True)
class Veto:
    """An edit the user refused, with the user's reason."""

    hypothesis: str
    reason: str
    patch: str
    patch_id: str
    source_key: str = ""
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Old and new literal of each knob the edit changes, by knob name."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An edit by the agent that crashed, to be repaired within the same experiment."""

    hypothesis: str
    source: str
    """Text of the edited file that crashed."""
    detail: str
    """The end of the crash's traceback. Untrusted text."""


@dataclass(frozen=True, kw_only=True)
class Briefing:
    """Everything an agent is given to make one proposal."""

    number: int
    """Number of the experiment that is to be proposed."""
    source: str
    """Text of the editable file at the frontier, which the edit starts from.

    Of several files, the texts are joined by `engine.core.patches.file_parts`, as in all edits."""
    base: str
    """Hash of the frontier: the commit with the best result so far."""
    program: str
    """Text of program.md, the user's research instructions."""
    config: ResearchConfig
    platform: Platform | None
    history: tuple[Attempt, ...]
    """All finished experiments, oldest first, including the baseline."""
    context: dict[str, str] = field(default_factory=dict)
    """Text of the files that define the task, by name: locked code, dependencies and README."""
    failure: Failure | None = None
    """The crashed edit of the agent's that it is asked to repair; None to propose a new one."""
    earlier: str = ""
    """Results from before this session: of other sessions of the workspace, or of a time without a
    journal. Untrusted text; empty if there are none."""
    pending: tuple[Pending, ...] = ()
    """Experiments without a verdict; the proposal assumes that all of them are discarded."""
    candidate: int = 0
    """Number of measured discards in a row, including the pending experiments."""
    direction: str = ""
    """The engine's advice after many discards or several crashes in a row; else empty."""
    repeated_error: str = ""
    """The error in which the latest experiments ended, where the direction is about crashes.
    Untrusted text; else empty."""
    pinned: str = ""
    """The user's own hypothesis, which the proposal must implement exactly; empty if none."""
    banned: tuple[str, ...] = ()
    """Directions the user has banned, as text; nothing of the kind may be proposed."""
    notes: tuple[str, ...] = ()
    """Notes from the user to the agent."""
    vetoes: tuple[Veto, ...] = ()
    """Edits the user refused, oldest first; neither they nor similar ones may be proposed."""
    worktree: Path | None = None
    """Scratch worktree of the base commit, for agents with `needs_worktree`: the directory that
    corresponds to the workspace. Only the editable files are read back from it. None for
    other agents."""
    shorten: int = 0
    """Number of times the provider found this proposal's prompt too long, at first 0.

    The agent halves its prompt's limit that many times.
    """
    spent: AgentSpending = field(default_factory=AgentSpending)
    """Tokens and dollars this session's calls have used so far, to be checked against the caps."""


@dataclass(frozen=True)
class Notice:
    """Something about the agent's call that the user has to know, as a sentence."""

    text: str


@dataclass(frozen=True)
class Thought:
    """A piece of an agent's reasoning as text, shown to the user as it arrives."""

    text: str


@dataclass(frozen=True)
class PromptSent:
    """The whole prompt a model is sent for one proposal, as text; kept with the experiment.

    Yielded before the first call, and again, complete, before each call that sends more.
    """

    text: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens and dollars of one language model call, yielded when it ends, even if it failed."""

    model: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Number of the prompt's tokens that the provider had cached."""
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    """Number of the completion's tokens that are hidden reasoning."""
    dollars: float | None = None
    """Price of the call in US dollars; None if it is not known."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A proposed edit: the complete new text of the editable files, and the reasons for it."""

    source: str
    hypothesis: str
    rationale: str = ""
    expected: str = ""
    category: str = "other"
    knobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Old and new literal of each knob the edit changes, by knob name."""


AgentItem = Thought | PromptSent | Usage | Notice | Draft
"""What an agent yields while it makes a proposal."""


class Agent(Protocol):
    """Proposes one edit at a time.

    `propose` may be cancelled at any await, and may run twice at once: for the repair of one edit
    and for the next proposal. A missing boolean attribute counts as false.
    """

    name: str
    repairs: bool
    """Whether the agent can repair an edit of its own that crashed."""
    looks_ahead: bool
    """Whether the agent may be asked while the experiment before is still training."""
    needs_worktree: bool
    """Whether the agent edits files itself, in the briefing's scratch worktree."""

    def propose(self, briefing: Briefing) -> AsyncIterator[AgentItem]:
        """Yield prompts, thoughts and usage as they occur, then exactly one draft.

        Raises:
            AgentError: No proposal can be made. The class of the error decides whether the engine
                waits, asks again with a shorter briefing, or pauses. No experiment is used up.
        """
        ...


@runtime_checkable
class PromptPreview(Protocol):
    """An agent that can show the user its prompt before it is asked."""

    async def preview(self, briefing: Briefing) -> str:
        """Return what `propose` would base its proposal on; for a language model, the whole prompt.

        No model is called.

        Raises:
            AgentError: The reason why `propose` would fail.
        """
        ...


class Ensemble(Protocol):
    """Several agents that take turns to propose, such as those of the agent `mix`."""

    name: str

    def thinker(self) -> Agent:
        """Return the agent that implements the user's own hypotheses."""
        ...

    def turn(self, number: int) -> Agent:
        """Return the agent that proposes experiment `number` and repairs it if it crashes."""
        ...


class AgentFactory(Protocol):
    """Makes an agent; the entry points of `autoresearch_tui.agents` name such callables."""

    def __call__(self, config: ResearchConfig, workspace: Path) -> Agent | Ensemble: ...


def agent_for(agent: Agent | Ensemble, number: int, *, pinned: bool = False) -> Agent:
    """Return the agent that proposes an experiment.

    Args:
        agent: The session's agent, or several that take turns.
        number: The number of the experiment.
        pinned: Whether the proposal implements a hypothesis of the user's.
    """
    thinker = getattr(agent, "thinker", None)
    if pinned and thinker is not None:
        return cast(Agent, thinker())
    turn = getattr(agent, "turn", None)
    return cast(Agent, turn(number) if turn is not None else agent)


def agent_names() -> list[str]:
    """Return the names of all installed agents, as `--agent` takes them, sorted."""
    return sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)})


def make_agent(config: ResearchConfig, workspace: Path) -> Agent | Ensemble:
    """Make the agent that `config.agent` names.

    Args:
        config: The session's research config.
        workspace: The directory of the workspace, which may hold a `.env` with keys.

    Raises:
        AgentError: No agent of that name is installed.
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
