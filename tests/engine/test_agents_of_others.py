"""An agent from another package: found by its entry point; its faults use up no experiment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.client.connection import EngineLink
from engine.client.sessions import engine_pid
from engine.protocol.messages import ReasoningChunk
from tests.journals import read_session
from tests.world import run_command, wait_for

pytestmark = pytest.mark.usefixtures("engines")

AGENT = """\
from engine.agents.base import Draft, Thought


class Odd:
    name = "odd"

    async def propose(self, briefing):
        import asyncio, os

        yield Thought("I shall now ")
        {body}


def make(config, workspace):
    return Odd()
"""


def install(directory: Path, body: str) -> None:
    """Put a package with an agent where Python finds it."""
    (directory / "odd_agent.py").write_text(AGENT.format(body=body))
    facts = directory / "odd_agent-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-agent\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[autoresearch_tui.agents]\nodd = odd_agent:make\n")


def start(workspace: Path, directory: Path, body: str, **env: str) -> None:
    """Start a session with such an agent."""
    plugins = directory / "plugins"
    plugins.mkdir()
    install(plugins, body)
    path = os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")])
    done = run_command(
        *("start", workspace, "--yes", "--agent", "odd", "--budget", "0.05"),
        env={"PYTHONPATH": path, **env},
    )
    assert done.returncode == 0, done.stderr


SPILLING = """key = os.environ["LAB_API_KEY"]
        for half in ("use", key[:5], key[5:], "at once. Then"):
            yield Thought(half)
        await asyncio.sleep(3600)
        yield Draft(source="")"""


async def test_a_secret_in_the_reasoning_is_redacted_however_it_arrives(
    repository: Path, tmp_path: Path
) -> None:
    start(repository, tmp_path, SPILLING, LAB_API_KEY="s3cret-0123456789")

    async def follow() -> str:
        link, text = EngineLink(repository), ""
        await link.start()
        async for message in link.messages():
            if isinstance(message, ReasoningChunk):
                text += message.text
            if text.endswith("Then"):
                break
        await link.close()
        return text

    live, late = await follow(), await follow()
    assert live == late == "I shall now use***at once. Then"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise KeyError('oops')", "KeyError"),
        ("yield Draft(source=briefing.source, hypothesis='nothing')", "proposed no change"),
        ("yield Draft(source='def', hypothesis='broken')", "not valid Python"),
        ("return", "ended without a proposal"),
    ],
)
def test_what_goes_wrong_pauses_with_the_reason(
    repository: Path, tmp_path: Path, body: str, says: str
) -> None:
    start(repository, tmp_path, body)
    session = wait_for(
        lambda: s if (s := read_session(repository)).pause is not None else None, "the pause"
    )
    assert session.pause is not None
    assert says in session.pause.reason
    assert session.pause.by == "engine"
    assert len(session.experiments) == 1
    assert engine_pid(repository) is not None
