"""The example of docs/adding-an-agent.md works as it is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.packages import install_example
from tests.journals import read_session
from tests.world import run_command, wait_for

pytestmark = pytest.mark.usefixtures("engines")


def test_the_installed_agent_proposes(repository: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    environment = install_example("adding-an-agent.md", package)
    done = run_command(
        *("start", repository, "--yes", "--agent", "halving", "--budget", "0.05", "--max", "3"),
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    session = wait_for(
        lambda: s if (s := read_session(repository)).ended is not None else None, "the end"
    )
    assert [e.proposal.hypothesis for e in session.experiments[1:]] == [
        "Half of MATRIX_LR is better.",
        "Half of EMBEDDING_LR is better.",
    ]
    assert session.experiments[1].proposal.knobs == {"MATRIX_LR": ("0.04", "0.02")}
    assert all(e.verdict is not None for e in session.experiments)
