"""The agent `mix`: a search over knobs and an agent that thinks, in turn.

The search is cheap and thorough where a number is to be found; the other brings what no knob holds.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.agents.base import Agent, Ensemble, make_agent, speaker
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError


class Mix:
    """Every k-th proposal is the thinker's, the others are the search's.

    Args:
        search: The knob search.
        thinker: Who proposes every k-th time.
        every: k, at least 1.
    """

    name = "mix"

    def __init__(self, search: Agent, thinker: Agent, every: int) -> None:
        self._search = search
        self._thinker = thinker
        self._every = every

    def thinker(self) -> Agent:
        """Who works out a hypothesis of the person's."""
        return self._thinker

    def turn(self, number: int) -> Agent:
        """Whose turn an experiment is."""
        return self._thinker if number % self._every == 0 else self._search


def make(config: ResearchConfig, workspace: Path) -> Ensemble:
    """The agent for a config.

    Raises:
        AgentError: `mix_with` is no agent to mix with, or cannot be made.
    """
    if config.mix_with in ("mix", "search"):
        raise AgentError(
            f"The agent mix cannot be mixed with {config.mix_with!r}.",
            "It is the knob search and one that thinks, in turn.",
            'Set mix_with to "llm" or "acp" in the research config.',
        )
    made = [
        make_agent(msgspec.structs.replace(config, agent=name), workspace)
        for name in ("search", config.mix_with)
    ]
    search, thinker = (speaker(agent, 1) for agent in made)
    return Mix(search, thinker, config.mix_every)
