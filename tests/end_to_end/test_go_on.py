"""The question about a session that has ended, in a real terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.client.sessions import engine_pid
from engine.core.enums import Verdict
from tests.journals import read_session
from tests.terminal import Window
from tests.warm import run_warm
from tests.world import git

pytestmark = pytest.mark.usefixtures("engines", "usual_signals")


def run(workspace: Path, verb: str, *words: str) -> str:
    done = run_warm(verb, workspace, *words, "--yes", "--budget", "0.05")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_show_continue_and_start_a_new_session(repository: Path) -> None:
    run(repository, "run", "--headless", "--tag", "t", "--max", "4")
    ended = read_session(repository, "t")
    journal = repository / ".autoresearch/t/journal.jsonl"
    written = journal.read_bytes()

    # Enter is the safe answer: it only shows the session.
    window = Window(repository, columns=100, rows=30)
    window.wait_for("Which?")
    assert "Session t has ended" in window.read()
    window.press("\r")
    window.wait_for("REPLAY")
    assert engine_pid(repository) is None
    window.press("q")
    assert window.wait_for_end()[0] == 0
    window = Window("--look", repository, columns=100, rows=30)
    window.wait_for("REPLAY")
    window.press("q")
    window.wait_for_end()
    assert journal.read_bytes() == written

    # q does nothing.
    window = Window(repository, columns=100, rows=30)
    window.wait_for("Which?")
    window.press("q\r")
    assert window.wait_for_end()[0] == 130

    # A new one from its best: another branch, another journal, the same table.
    before = (repository / "results.tsv").read_text()
    run(repository, "run", "--headless", "--new-from", "best", "--tag", "u", "--max", "2")
    new = read_session(repository, "u")
    assert new.base_commit == ended.frontier
    assert new.experiment(1).commit == ended.frontier
    assert (repository / "results.tsv").read_text().startswith(before)
    assert journal.read_bytes() == written
    assert git(repository, "rev-parse", "autoresearch/t") == ended.frontier

    # Any branch is measured as one experiment of its own.
    git(repository, "branch", "mine", ended.frontier)
    run(repository, "baseline", "--new-from", "mine", "--tag", "check")
    check = read_session(repository, "check")
    assert check.base_commit == git(repository, "rev-parse", "mine")
    assert check.experiment(1).verdict is Verdict.KEEP

    # Continue: the same session continues.
    run(repository, "run", "--headless", "--tag", "t", "--max", "5")
    session = read_session(repository, "t")
    assert session.counts.total == 5
    assert session.base_commit == ended.base_commit


def test_the_branch_of_another_tool_is_continued(repository: Path) -> None:
    text = (repository / "train.py").read_text()
    git(repository, "switch", "-q", "-c", "autoresearch/mar5")
    (repository / "train.py").write_text(text.replace("DEPTH = 4", "DEPTH = 5"))
    git(repository, "commit", "-qam", "depth 5")
    tip = git(repository, "rev-parse", "HEAD")
    rows = (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
        f"{tip[:7]}\t1.140000\t0.5\tkeep\tdepth 5\n"
    )
    (repository / "results.tsv").write_text(rows)
    refused = run_warm("run", repository, "--headless", "--adopt", "mar5", "--yes")
    assert refused.returncode == 3
    assert "switch --detach" in refused.stderr
    git(repository, "switch", "-q", "main")
    run(repository, "run", "--headless", "--adopt", "mar5", "--max", "2")
    session = read_session(repository, "mar5")
    assert session.base_commit == tip
    assert session.experiment(1).commit == tip
    assert (repository / "results.tsv").read_text().startswith(rows)
    assert git(repository, "merge-base", "--is-ancestor", tip, "autoresearch/mar5") == ""


@pytest.mark.parametrize("lost", ["deleted", "moved", "ahead"])
def test_a_moved_branch_is_an_error_before_anything_runs(repository: Path, lost: str) -> None:
    run(repository, "run", "--headless", "--tag", "t", "--max", "3")
    frontier = read_session(repository, "t").frontier
    words = ["-D", "autoresearch/t"]
    if lost == "moved":
        git(repository, "commit", "--quiet", "--allow-empty", "-m", "mine")
        words = ["-f", "autoresearch/t", "HEAD"]
    if lost == "ahead":  # another commit was added to it
        tree = git(repository, "rev-parse", f"{frontier}^{{tree}}")
        mine = git(repository, "commit-tree", tree, "-p", frontier, "-m", "mine")
        words = ["-f", "autoresearch/t", mine]
    git(repository, "branch", *words)
    before = (repository / ".autoresearch/t/journal.jsonl").read_bytes()
    refused = run_warm("run", repository, "--headless", "--tag", "t", "--max", "4", "--yes")
    assert refused.returncode == 3
    assert f"autoresearch/t {frontier[:12]}" in refused.stderr
    assert (repository / ".autoresearch/t/journal.jsonl").read_bytes() == before
    # The suggested limit works.
    git(repository, "branch", "-f", "autoresearch/t", frontier)
    run(repository, "run", "--headless", "--tag", "t", "--max", "4")
    assert read_session(repository, "t").counts.total == 4


def test_an_older_session_continues_with_its_own_config(repository: Path) -> None:
    run(repository, "run", "--headless", "--tag", "t", "--max", "2", "--policy", "random")
    words = ("--new-from", "best", "--tag", "u", "--max", "2", "--policy", "bandit")
    run(repository, "run", "--headless", *words)
    again = run_warm("run", repository, "--headless", "--tag", "t", "--max", "3", "--yes")
    assert again.returncode == 0, again.stderr
    session = read_session(repository, "t")
    assert session.counts.total == 3
    assert session.config.policy == "random"


def test_a_used_up_session_says_how_to_continue(repository: Path) -> None:
    run(repository, "run", "--headless", "--tag", "t", "--max", "2")
    refused = run_warm("start", repository, "--yes")
    assert refused.returncode == 2 and "--max 12" in refused.stderr
    # On a terminal it asks how many more.
    window = Window(repository, columns=100, rows=30)
    window.wait_for("Which?")
    window.press("c\r")
    window.wait_for("How many more?")
    window.press("\x7f\x7f1\r")
    window.wait_for("ENDED")
    assert read_session(repository, "t").counts.total == 3
    window.press("q")
    _, said = window.wait_for_end()
    assert "--max 13" in said and "autoresearch-tui replay" in said


def test_a_session_of_the_original_loop_is_pointed_out(repository: Path) -> None:
    git(repository, "branch", "autoresearch/mar5")
    header = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    (repository / "results.tsv").write_text(f"{header}abc1234\t1.0\t0.5\tkeep\tbaseline\n")
    window = Window(repository, columns=100, rows=40)
    window.wait_for("--adopt mar5")
    window.press("\x03")
    window.wait_for_end()
    assert engine_pid(repository) is None
