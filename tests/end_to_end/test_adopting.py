"""A session of the original loop, without a journal, continued by a real engine."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from engine.core.enums import Verdict
from engine.core.events import AnyEvent, HistoryImported
from engine.core.imported_attempt import Unknown
from engine.core.layout import Layout
from engine.core.session import Session
from engine.devices.sampler import DeviceSampler
from engine.setup.open_session import open_session
from engine.setup.plan import StartFlags, make_plan, save_plan
from engine.store.journal import Journal
from engine.store.workspace import Workspace
from tests.journals import read_journal, read_session
from tests.model_server import ModelServer, knob_edit
from tests.terminal import Window
from tests.warm import run_warm
from tests.world import TRAIN, git

pytestmark = pytest.mark.usefixtures("engines")

TAG = "mar5"
OURS = ("results.tsv", "run.log")
"""Files that the loop writes beside the user's, ignored by git."""


def depth(number: int) -> str:
    return TRAIN.replace("DEPTH = 4", f"DEPTH = {number}")


@pytest.fixture
def work(repository: Path) -> Path:
    """A session of the original loop: a keep, discards that were reset away, one of them still in
    the reflog and one deleted by git, a crash that was never committed; and a checkout in which the
    user has continued to work.
    """
    git(repository, "switch", "-q", "-c", f"autoresearch/{TAG}")
    rows = ["commit\tval_bpb\tmemory_gb\tstatus\tdescription"]

    def tried(number: int, value: float, status: str) -> None:
        (repository / "train.py").write_text(depth(number))
        git(repository, "commit", "-qam", f"depth {number}")
        name = git(repository, "rev-parse", "--short=7", "HEAD")
        rows.append(f"{name}\t{value:.6f}\t0.5\t{status}\tdepth {number}")
        if status == "discard":
            git(repository, "reset", "-q", "--hard", "HEAD~")

    head = git(repository, "rev-parse", "--short=7", "HEAD")
    rows.append(f"{head}\t1.250000\t0.5\tkeep\tbaseline")
    tried(9, 1.31, "discard")
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "-q", "--prune=now")
    tried(5, 1.23, "keep")
    tried(12, 1.33, "discard")
    rows.append("0000000\t0.000000\t0.0\tcrash\tdepth 400: out of memory")
    (repository / "results.tsv").write_text("\n".join(rows) + "\n")
    git(repository, "switch", "-q", "main")
    (repository / "prepare.py").write_text("DATA = 1  # edited by the user\n")
    git(repository, "add", "prepare.py")
    (repository / "train.py").write_text(TRAIN + "# and here\n")
    (repository / "notes.txt").write_text("mine\n")
    return repository


def checkout(work: Path) -> dict[str, str]:
    """Return the state of the user's checkout: files, index and HEAD."""
    paths = [p for p in work.iterdir() if p.is_file() and p.name not in OURS]
    paths += [work / ".git/index", work / ".git/HEAD"]
    found = {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
    return {**found, "main": git(work, "rev-parse", "main")}


def adopt(work: Path, *flags: str) -> str:
    words = ("--headless", "--yes", "--adopt", TAG, "--budget", "0.05", *flags)
    done = run_warm("run", work, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def session_of(work: Path) -> Session:
    return read_session(work, TAG)


def test_rows_become_history_and_the_baseline_is_measured_again(work: Path) -> None:
    table, tip = (work / "results.tsv").read_bytes(), git(work, "rev-parse", f"autoresearch/{TAG}")
    before = checkout(work)
    said = adopt(work, "--max", "3")
    session = session_of(work)

    # What is unknown is printed before anything starts, and recorded in the session.
    for words in ("5 rows of results.tsv become the history", "The edits of 2 of 5 rows"):
        assert words in said
    assert any("The edits of 2 of 5 rows" in note for note in session.notes)
    assert [past.verdict for past in session.past] == [
        *(Verdict.KEEP, Verdict.DISCARD, Verdict.KEEP, Verdict.DISCARD, Verdict.CRASH)
    ]
    assert [bool(past.commit) for past in session.past] == [True, False, True, True, False]
    assert [past.on_branch for past in session.past] == [True, False, True, False, False]
    assert Unknown.EDIT in session.past[1].unknown
    assert session.past[1].named in table.decode()

    # The tip of the branch is the baseline, measured here; its old value does not count.
    first = session.experiment(1)
    assert (session.base_commit, first.commit) == (tip, tip)
    assert first.measurement is not None
    assert first.measurement.metric != pytest.approx(1.23)
    assert session.counts.total == 3

    # The table continues below its old rows, the branch above its old commits.
    after = (work / "results.tsv").read_bytes()
    assert after.startswith(table)
    added = after[len(table) :].decode().splitlines()
    assert [line.split("\t")[0] for line in added] == [e.commit[:7] for e in session.experiments]
    assert git(work, "merge-base", "--is-ancestor", tip, f"autoresearch/{TAG}") == ""
    assert checkout(work) == before

    # On the screen the rows are shown, and an old one can be opened.
    window = Window("--look", work, columns=160, rows=45)
    window.wait_for("5 before the journal")
    window.press("6\x1b[Z\t")  # to the table
    window.press("o")
    window.wait_for("by metric")
    window.press("q")
    window.wait_for_end()

    # Continued once more, it is a session like any other.
    again = ("--headless", "--yes", "--tag", TAG, "--max", "4")
    done = run_warm("run", work, *again)
    assert done.returncode == 0, done.stderr
    assert session_of(work).past == session.past
    assert session_of(work).counts.total == 4
    refused = run_warm("run", work, "--headless", "--yes", "--adopt", TAG)
    assert refused.returncode != 0
    assert "has a journal" in refused.stderr
    assert checkout(work) == before


def test_the_agent_gets_the_imported_rows(work: Path) -> None:
    (work / ".env").write_text("OPENAI_API_KEY=sk-none\n")
    with ModelServer([knob_edit]) as server:
        words = ("--model", "openai/test-model", "--api-base", server.openai, "--lookahead", "0")
        adopt(work, "--max", "2", *words)
        prompts = [request.prompt for request in server.requests]
    assert prompts
    for told in ("depth 9 → discard, 1.31", "depth 5 → keep, 1.23", "out of memory → crash"):
        assert told in prompts[0]
    assert "before it had a journal" in prompts[0]


def test_a_rebased_branch_is_continued_as_it_is(work: Path) -> None:
    # The user rebased the branch onto a newer main: the kept commit has another hash now.
    old = git(work, "rev-parse", f"autoresearch/{TAG}")
    tree = git(work, "rev-parse", f"{old}^{{tree}}")
    newer = git(work, "commit-tree", "-p", "main", "-m", "newer", "main^{tree}")
    tip = git(work, "commit-tree", "-p", newer, "-m", "depth 5, rebased", tree)
    git(work, "update-ref", f"refs/heads/autoresearch/{TAG}", tip)
    before = checkout(work)
    said = adopt(work, "--max", "2")
    session = session_of(work)
    assert "Kept rows that are not on autoresearch/mar5: 3" in said
    assert "commit(s) that no row names" in said
    assert session.base_commit == tip
    assert [past.on_branch for past in session.past] == [True, False, False, False, False]
    assert checkout(work) == before
    assert read_journal(work / f".autoresearch/{TAG}/journal.jsonl")


def test_the_history_is_imported_after_the_engine_was_killed_at_its_start(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"max_experiments": 1, "budget_seconds": 0.05, "rule": "greedy"}
    flags = StartFlags(adopt=TAG, settings=settings)
    plan = make_plan(work, flags, date(2026, 11, 21))
    save_plan(work, plan)
    append = Journal.append

    def killed(self: Journal, event: AnyEvent) -> AnyEvent:
        if isinstance(event, HistoryImported):
            raise KeyboardInterrupt
        return append(self, event)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Journal, "append", killed)
        open_session(
            Workspace(work),
            Layout(work, TAG),
            plan.config,
            DeviceSampler(disk=work).platform(),
        )
    assert not read_session(work, TAG).past
    done = run_warm("run", work, "--headless", "--yes")
    assert done.returncode == 0, done.stderr
    assert len(read_session(work, TAG).past) == 5
