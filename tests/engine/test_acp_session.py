"""A coding-agent CLI proposes through the whole engine: scratch worktree, diff, run, verdict."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.client.sessions import details, read_session
from engine.core.enums import Verdict
from tests.engine.test_ratchet import check_books
from tests.warm import run_warm
from tests.world import git

pytestmark = pytest.mark.usefixtures("engines")


def test_a_cli_proposes_from_a_worktree_of_its_own(repository: Path) -> None:
    text = (repository / "train.py").read_text().replace("MATRIX_LR", "RATE")
    (repository / "train.py").write_text(text)
    git(repository, "commit", "-qam", "the name the scripted agent looks for")
    (repository / "train.py").write_text(text + "# mine\n")
    dirty = git(repository, "status", "--porcelain"), (repository / "train.py").read_bytes()
    top = Path(__file__).parents[2]
    cli = f"{sys.executable} {top / 'tests' / 'acp_agent.py'} --scenario good"
    done = run_warm(
        *("run", repository, "--headless", "--yes", "--tag", "t", "--agent", "acp", "--cli", cli),
        *("--max", "2", "--budget", "0.1"),
        env={"PYTHONPATH": str(top)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    session = read_session(repository, "t")
    second = session.experiment(2)
    assert second.proposal.agent == "acp"
    assert second.verdict is Verdict.KEEP
    assert details(repository, "t", 2).reasoning
    assert (
        git(repository, "status", "--porcelain"),
        (repository / "train.py").read_bytes(),
    ) == dirty
    check_books(repository)
