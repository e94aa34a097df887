"""Alternates the knob search and a reasoning agent: the agent `mix`.

The search tunes numbers cheaply and thoroughly; the reasoning agent proposes everything else.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.agents.base import Agent, Ensemble, agent_for, make_agent
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError


class Mix:
    """Lets the reasoning agent make every k-th proposal and the search the others.

    Args:
        search: The knob search.
        thinker: The reasoning agent.
        every: The number k, at least 1.
    """

    name = "mix"

    def __init__(self, search: Agent, thinker: Agent, every: int) -> None:
        self._search = search
        self._thinker = thinker
        self._every = every

    def thinker(self) -> Agent:
        """Return the reasoning agent, which implements the user's own hypotheses."""
        return self._thinker

    def turn(self, number: int) -> Agent:
        """Return the reasoning agent for multiples of k, and the knob search otherwise."""
        return self._thinker if number % self._every == 0 else self._search


def make(config: ResearchConfig, workspace: Path) -> Ensemble:
    """Make the agent `mix` with the reasoning agent that `config.mix_with` names.

    Raises:
        AgentError: `mix_with` names an agent that cannot be mixed with the search, or that cannot
            be made.
    """
    if config.mix_with in ("mix", "search"):
        raise AgentError(
            f"The agent mix cannot be mixed with {config.mix_with!r}.",
            "It alternates the knob search and a reasoning agent.",
            'Set mix_with to "llm" or "acp" in the research config.',
        )
    agents = [
        make_agent(msgspec.structs.replace(config, agent=name), workspace)
        for name in ("search", config.mix_with)
    ]
    search, thinker = (agent_for(agent, 1) for agent in agents)
    return Mix(search, thinker, config.mix_every)
