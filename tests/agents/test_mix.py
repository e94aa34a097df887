"""The mix: whose turn it is, and what cannot be mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.agents.base import agent_for, agent_names, make_agent
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError


def test_every_third_proposal_is_the_reasoning_agents(tmp_path: Path) -> None:
    assert "mix" in agent_names()
    config = ResearchConfig(agent="mix", mix_every=3, model="openai/some")
    agent = make_agent(config, tmp_path)
    turns = [agent_for(agent, number) for number in range(2, 8)]
    assert [t.name for t in turns] == ["search", "llm", "search", "search", "llm", "search"]
    # A draft ahead is worth it for what takes its time, and not for the search.
    assert [t.looks_ahead for t in turns[:2]] == [False, True]


@pytest.mark.parametrize("partner", ["mix", "search", "unknown"])
def test_agents_that_cannot_be_mixed_are_refused(tmp_path: Path, partner: str) -> None:
    with pytest.raises(AgentError, match=partner):
        make_agent(ResearchConfig(agent="mix", mix_with=partner, model="openai/some"), tmp_path)
