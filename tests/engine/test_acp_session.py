"""A coding-agent CLI proposes through the whole engine: scratch worktree, diff, run, verdict."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.client.sessions import details, engine_pid
from engine.core.enums import Verdict
from tests.engine.test_ratchet import check_books
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import Gate, git, wait_for

pytestmark = pytest.mark.usefixtures("engines")


TOP = Path(__file__).parents[2]


def test_a_cli_reads_the_version_of_program_md_in_force(repository: Path, tmp_path: Path) -> None:
    text = (repository / "train.py").read_text().replace("MATRIX_LR", "RATE")
    (repository / "train.py").write_text(text)
    (repository / "program.md").write_text("of the branch\n")
    git(repository, "add", "program.md", "train.py")
    git(repository, "commit", "-qm", "the name the scripted agent looks for")
    gate = Gate(repository, tmp_path / "gate")
    cli = f"{sys.executable} {TOP / 'tests' / 'acp_agent.py'} --scenario charter"
    done = run_warm(
        *("start", repository, "--yes", "--tag", "t", "--agent", "acp", "--cli", cli),
        *("--max", "2", "--budget", "0.1"),
        env={"PYTHONPATH": str(TOP)},
    )
    assert done.returncode == 0, done.stderr
    wait_for(lambda: read_session(repository, "t").queue, "a proposal of the old version")
    (repository / "program.md").write_text("of a run, perhaps\n")
    wait_for(lambda: read_session(repository, "t").program_question, "the question")
    new = tmp_path / "new.md"
    new.write_text("accepted\n")
    assert run_warm("program", "-C", repository, "--set", new).returncode == 0
    # The branch gets the accepted version after the run that holds it up.
    wait_for(lambda: read_session(repository, "t").dropped, "the old proposal to be dropped")
    wait_for(lambda: read_session(repository, "t").queue, "a proposal of the new version")
    gate.open()
    wait_for(lambda: engine_pid(repository) is None, "the end")
    reasoning = details(repository, "t", 2).reasoning
    assert "accepted" in reasoning
    assert "of a run" not in reasoning


def test_a_cli_proposes_from_a_worktree_of_its_own(repository: Path) -> None:
    text = (repository / "train.py").read_text().replace("MATRIX_LR", "RATE")
    (repository / "train.py").write_text(text)
    git(repository, "commit", "-qam", "the name the scripted agent looks for")
    (repository / "train.py").write_text(text + "# mine\n")
    dirty = git(repository, "status", "--porcelain"), (repository / "train.py").read_bytes()
    cli = f"{sys.executable} {TOP / 'tests' / 'acp_agent.py'} --scenario good"
    done = run_warm(
        *("run", repository, "--headless", "--yes", "--tag", "t", "--agent", "acp", "--cli", cli),
        *("--max", "2", "--budget", "0.1"),
        env={"PYTHONPATH": str(TOP)},
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
