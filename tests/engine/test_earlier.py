"""Earlier sessions of a workspace, and sessions of other tools without a journal."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Actor, Direction, Verdict
from engine.core.errors import UsageError, WorkspaceError
from engine.core.layout import Layout
from engine.loop.earlier_sessions import earlier_sessions
from engine.setup.config_file import save_config
from engine.setup.plan import StartFlags, make_plan
from engine.setup.start_point import ended_session
from engine.setup.takeover import branches_without_journal, find_adoption
from engine.store.table_files import read_file
from engine.store.workspace import Workspace
from tests.engine.past_session import TRAIN, Past
from tests.world import git, make_repository

TODAY = date(2026, 11, 21)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "work", {"train.py": TRAIN, "prepare.py": "DATA = 1\n"})


def gpu(name: str) -> ev.PlatformDetected:
    platform = ev.Platform(
        system="L", python="3", cpu="x", cores=2, ram_bytes=1, gpus=(ev.Gpu(name, 80 * 2**30),)
    )
    return ev.PlatformDetected(platform=platform)


def test_the_prompt_names_earlier_sessions_and_their_results(work: Path) -> None:
    assert earlier_sessions(work, "new") == ""
    past = Past(work, "first")
    past.note(gpu("H100"))
    past.keep("DEPTH = 4", "DEPTH = 6", 0.9)
    past.confirm(2, *(0.91, 0.89, 0.91, 0.89, 0.9))
    for rate in (1, 2, 3):
        past.discard("MATRIX_LR = 0.04", f"MATRIX_LR = {rate}", 2.0 + rate, "schedule")
    past.experiment("a\nhostile \x1b[2Jidea", "X = 1\n", value=None, verdict=Verdict.CRASH)
    past.note(ev.DirectionBanned(ban=1, text="no\nlonger runs", by=Actor.SCREEN))
    other = Past(work, "second")
    other.note(gpu("H100"))
    other.note(ev.SessionEnded(reason="done"))
    text = earlier_sessions(work, "new")
    assert "noise on H100: σ of val_bpb is 0.01 (5 runs of 1 commit(s), 300 s a run)" in text
    assert "baseline 1, best 0.9" in text
    assert "optimizer: DEPTH = 4 becomes DEPTH = 6 → 0.9, gain +0.1" in text
    assert "Categories without a keep: schedule (3 tried)" in text
    assert "a hostile" in text
    assert "\x1b" not in text
    assert "- no longer runs" in text
    assert text.index("Session second") < text.index("Session first")
    assert "Session first" not in earlier_sessions(work, "first")


def test_the_text_is_bounded_and_names_a_damaged_journal(work: Path) -> None:
    for n in range(8):
        past = Past(work, f"s{n}")
        past.discard("DEPTH = 4", "DEPTH = 6", 1.5)
        for i in range(6):
            past.experiment("w" * 5000, f"X = {i}\n", value=1.6, verdict=Verdict.DISCARD)
    journal = Layout(work, "s7").journal
    lines = journal.read_bytes().splitlines(True)
    journal.write_bytes(b"".join([*lines[:12], b"garbage\n", *lines[13:]]))
    text = earlier_sessions(work, "new")
    assert len(text) <= 6000
    assert "read in part" in text
    assert max(map(len, text.splitlines())) < 400
    journal.write_bytes(b"\x00\xff\n")
    assert "Session s6" in earlier_sessions(work, "new")


# ---- continuing


def test_a_new_session_from_the_best_or_from_a_commit(work: Path) -> None:
    past = Past(work, "t")
    past.keep("DEPTH = 4", "DEPTH = 6", 0.9)
    session = past.end()
    save_config(work, session.config)
    ended = ended_session(work)
    assert ended is not None
    assert ended.frontier == session.frontier
    best = make_plan(work, StartFlags(new_from="best"), TODAY)
    assert not best.continues
    assert (best.start_request.base, best.config.tag) == (session.frontier, "nov21")
    assert "best of session t" in best.notes[0]
    assert best.config.budget_seconds == 300
    base = make_plan(work, StartFlags(new_from="base", settings={"tag": "again"}), TODAY)
    assert (base.start_request.base, base.config.tag) == (session.base_commit, "again")
    some = make_plan(work, StartFlags(new_from="autoresearch/t~"), TODAY)
    assert some.start_request.base == session.base_commit
    assert make_plan(work, StartFlags(settings={"max_experiments": 9}), TODAY).continues
    for wishes in (
        StartFlags(new_from="nowhere"),
        StartFlags(new_from="--all"),
        StartFlags(new_from="best", settings={"tag": "t"}),
        StartFlags(new_from="best", adopt="t"),
        StartFlags(adopt="t"),
        StartFlags(adopt="other"),
    ):
        with pytest.raises((UsageError, WorkspaceError)):
            make_plan(work, wishes, TODAY)


def test_a_session_without_an_end_is_not_asked_about(work: Path) -> None:
    assert ended_session(work) is None
    with pytest.raises(UsageError, match="no earlier session"):
        make_plan(work, StartFlags(new_from="best"), TODAY)
    past = Past(work, "t")
    save_config(work, past.session.config)
    assert ended_session(work) is None
    Layout(work, "t").journal.write_bytes(b"garbage\n")
    assert ended_session(work) is None


# ---- sessions without a journal


def karpathy(work: Path, tag: str = "mar5") -> list[str]:
    """A session as the original loop leaves it: in the user's own checkout."""
    git(work, "switch", "-q", "-c", f"autoresearch/{tag}")
    rows = ["commit\tval_bpb\tmemory_gb\tstatus\tdescription"]
    commits = [git(work, "rev-parse", "HEAD")]
    rows.append(f"{commits[0][:7]}\t1.000000\t4.0\tkeep\tbaseline")
    for depth, value, word in ((5, 0.9, "keep"), (6, 1.1, "discard"), (7, 0.8, "keep")):
        text = (work / "train.py").read_text()
        (work / "train.py").write_text(TRAIN.replace("DEPTH = 4", f"DEPTH = {depth}"))
        git(work, "commit", "-qam", f"depth {depth}")
        commits.append(git(work, "rev-parse", "HEAD"))
        rows.append(f"{commits[-1][:7]}\t{value:.6f}\t4.0\t{word}\tdepth {depth}")
        if word == "discard":
            git(work, "update-ref", f"refs/heads/autoresearch/{tag}", "HEAD~")
            (work / "train.py").write_text(text)
            git(work, "add", "train.py")
    rows.append("0123456\t0.000000\t0.0\tcrash\tnever committed")
    (work / "results.tsv").write_text("\n".join(rows) + "\n")
    return commits


def test_a_session_of_the_original_loop_is_found(work: Path) -> None:
    commits = karpathy(work)
    table = read_file(work / "results.tsv")
    workspace = Workspace(work)
    assert branches_without_journal(workspace) == ["mar5"]
    with pytest.raises(WorkspaceError, match="switch --detach"):
        find_adoption(workspace, "mar5", table, "results.tsv")
    git(work, "switch", "-q", "main")
    found = find_adoption(workspace, "mar5", table, "results.tsv")
    assert found.tip == commits[-1]
    attempts = found.history.attempts
    assert [a.commit for a in attempts] == [*commits, ""]
    assert [a.on_branch for a in attempts] == [True, True, False, True, False]
    assert not any("no row names" in note for note in found.history.notes)
    # The loop discarded it; git no longer has the commit.
    git(work, "reflog", "expire", "--expire=now", "--all")
    git(work, "gc", "--quiet", "--prune=now")
    attempts = find_adoption(workspace, "mar5", table, "results.tsv").history.attempts
    assert [bool(a.commit) for a in attempts] == [True, True, False, True, False]


def test_an_adoption_is_planned(work: Path) -> None:
    commits = karpathy(work)
    git(work, "switch", "-q", "main")
    plan = make_plan(work, StartFlags(adopt="mar5"), TODAY)
    assert not plan.continues
    assert plan.config.tag == "mar5"
    assert plan.config.direction is Direction.MIN
    assert (plan.start_request.base, plan.start_request.adopts) == (commits[-1], True)
    assert "5 rows of results.tsv become the history" in plan.notes[0]
    (work / "results.tsv").unlink()
    with pytest.raises(WorkspaceError, match=r"no results.tsv"):
        make_plan(work, StartFlags(adopt="mar5"), TODAY)
