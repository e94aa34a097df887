"""An agent from another package: found by its entry point; its faults use up no experiment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.client.sessions import engine_pid, read_session
from tests.world import run_command, wait_for

pytestmark = pytest.mark.usefixtures("engines")

AGENT = """\
from engine.agents.base import Draft, Thought


class Odd:
    name = "odd"

    async def propose(self, briefing):
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
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    install(plugins, body)
    done = run_command(
        *("start", repository, "--yes", "--agent", "odd", "--budget", "0.05"),
        env={"PYTHONPATH": os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 0, done.stderr
    session = wait_for(
        lambda: s if (s := read_session(repository)).pause is not None else None, "the pause"
    )
    assert session.pause is not None
    assert says in session.pause.reason
    assert session.pause.by == "engine"
    assert len(session.experiments) == 1
    assert engine_pid(repository) is not None
