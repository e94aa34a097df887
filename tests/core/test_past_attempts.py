"""A row that a session took over: everything it says, and nothing that it does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.core import events as ev
from engine.core.analysis.takeover import ResolvedCommit, history_of
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Direction, Outcome, Verdict
from engine.core.imported_attempt import PastAttempt, Unknown
from engine.core.reducer import apply
from engine.core.session import Session
from engine.core.table import read_table
from engine.core.table.model import RowVerdict
from engine.core.table.session_table import ADOPTED, full_table, past_table, table_of

A, B = "a1" * 20, "b2" * 20
NOW = datetime(2026, 11, 21, 3, 4, 5, tzinfo=UTC)
WHOLE = (
    b"commit\taccuracy\tmemory_gb\tstatus\tcategory\ttime\tdescription\n"
    b"a1a1a1a\t0.50\t4.0\tkeep\tdata\t2026-11-21T03:04:05Z\tbaseline\n"
    b"b2b2b2b\t0.75\t5.0\tkeep\tdata\t2026-11-21T03:04:05Z\tbetter\n"
    b"ffffff1\t0.25\t\tdiscard\tdata\t2026-11-21T03:04:05Z\tworse\n"
)


def test_a_row_becomes_an_attempt_with_all_it_says() -> None:
    table = read_table(WHOLE, metric="accuracy")
    known = {"a1a1a1a": ResolvedCommit(commit=A, on_branch=True)}
    history = history_of(table, known, [A], "autoresearch/x")
    assert (history.metric, history.direction, history.bad_rows) == ("accuracy", Direction.MAX, 0)
    first, second, third = history.attempts
    assert first == PastAttempt(
        row=1,
        description="baseline",
        status="keep",
        verdict=Verdict.KEEP,
        metric=0.5,
        gain=None,
        memory_gb=4.0,
        category="data",
        at=NOW,
        commit=A,
        named="",
        on_branch=True,
        unknown=(),
    )
    assert (second.commit, second.named, second.on_branch) == ("", "b2b2b2b", False)
    assert (second.gain, second.unknown) == (0.25, (Unknown.EDIT,))
    # The gain is against the last keep, and a discard is not one.
    assert (third.gain, third.verdict) == (-0.5, Verdict.DISCARD)
    assert third.unknown == (Unknown.EDIT, Unknown.MEMORY)


def test_the_notes_of_a_whole_table_say_only_what_no_table_can_know() -> None:
    table = read_table(WHOLE.replace(b"ffffff1", b"b2b2b2b"), metric="accuracy")
    known = {
        "a1a1a1a": ResolvedCommit(commit=A, on_branch=True),
        "b2b2b2b": ResolvedCommit(commit=B, on_branch=True),
    }
    notes = history_of(table, known, [A, B], "autoresearch/x").notes
    assert len(notes) == 2
    assert notes[0].startswith("Higher is better")
    assert "not recorded" in notes[1]


def test_kept_rows_off_the_branch_are_named_up_to_five() -> None:
    lines = [b"commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"]
    lines += [b"%07x\t%.2f\t4.0\tkeep\tidea\n" % (0xA000000 + n, 2 - n / 10) for n in range(7)]
    table = read_table(b"".join(lines))
    known = {
        f"{0xA000000 + n:07x}": ResolvedCommit(commit=f"{n:040x}", on_branch=False)
        for n in range(7)
    }
    notes = history_of(table, known, [], "autoresearch/x").notes
    (off,) = (note for note in notes if "not on autoresearch/x" in note)
    assert "1, 2, 3, 4, 5;" in off


# ---- a session as the table it would write


def session() -> Session:
    """Return a session that took one row over and finished two experiments of three."""
    attempt = PastAttempt(
        row=4,
        description="old",
        status="kept",
        verdict=Verdict.KEEP,
        metric=2.0,
        memory_gb=3.0,
        category="data",
        at=NOW,
        commit=A,
        named="",
    )
    lost = PastAttempt(row=5, description="lost", status="?", named="zzz")
    found = Session()
    for event in (
        ev.SessionStarted(
            version="1",
            workspace="/w",
            branch="b",
            base_commit="base",
            config=ResearchConfig(metric="loss"),
            results_file="results.tsv",
        ),
        ev.HistoryImported(file="results.tsv", branch="b", tip=A, attempts=(attempt, lost)),
        ev.ProposalDrafted(
            experiment=1,
            base="base",
            proposal=ev.Proposal(patch_id="p", hypothesis="baseline", category="other"),
            patch="",
        ),
        ev.CandidateCommitted(experiment=1, commit=B, ref="r"),
        ev.RunStarted(experiment=1, run=1, slot=0, command="x", directory="d", deadline_seconds=9),
        ev.RunEnded(experiment=1, run=1, outcome=Outcome.FINISHED, seconds=12.34),
        ev.Measured(experiment=1, run=1, measurement=ev.Measurement(metric=1.5, memory_gb=40.0)),
        ev.VerdictGiven(at=NOW, experiment=1, verdict=Verdict.KEEP, reason=""),
        ev.ProposalDrafted(
            experiment=2,
            base=B,
            proposal=ev.Proposal(patch_id="q", hypothesis="deeper", category="architecture"),
            patch="",
        ),
        ev.Measured(experiment=2, run=1, measurement=ev.Measurement(metric=9.0)),
        ev.VerdictGiven(experiment=2, verdict=Verdict.CRASH, reason=""),
        ev.ProposalDrafted(
            experiment=3,
            base=B,
            proposal=ev.Proposal(patch_id="r", hypothesis="running"),
            patch="",
        ),
    ):
        found = apply(found, event)
    return found


def test_an_experiment_with_a_verdict_is_a_row() -> None:
    table = table_of(session())
    assert (table.metric, table.direction) == ("loss", Direction.MIN)
    assert [column.name for column in table.columns] == [
        *("commit", "loss", "memory_gb", "status", "description", "category")
    ]
    first, second = table.rows
    assert (first.number, first.line, first.commit) == (1, 2, "b2b2b2b")
    assert (first.value, first.value_text, first.memory_gb) == (1.5, "1.5", 40.0)
    assert (first.status, first.verdict, first.at) == ("keep", RowVerdict.KEEP, NOW)
    assert (first.description, first.category) == ("baseline", "other")
    assert first.extras == {
        "experiment": "1",
        "category": "other",
        "outcome": "finished",
        "seconds": "12.3",
        "runs": "1",
        "values": "1.5",
        "sigma": "",
        "indecisive": "",
    }
    # A crash has no value, whatever was measured before it.
    assert (second.value, second.value_text, second.memory_gb) == (None, "", None)
    assert (second.verdict, second.line) == (RowVerdict.CRASH, 3)
    assert second.extras["seconds"] == second.extras["outcome"] == ""


def test_rows_taken_over_keep_their_numbers_and_stand_first_in_the_whole_table() -> None:
    past, lost = past_table(session()).rows
    assert (past.number, past.line, past.commit, past.status) == (4, 5, "a1a1a1a", "kept")
    assert (past.value, past.value_text, past.memory_gb) == (2.0, "2.0", 3.0)
    assert (past.verdict, past.description, past.category, past.at) == (
        RowVerdict.KEEP,
        "old",
        "data",
        NOW,
    )
    assert (lost.commit, lost.verdict, lost.value, lost.value_text) == (
        "zzz",
        RowVerdict.OTHER,
        None,
        "",
    )
    whole = full_table(session()).rows
    assert [(row.number, row.line) for row in whole] == [(1, 2), (2, 3), (3, 4), (4, 5)]
    assert [row.extras.get(ADOPTED, "") for row in whole] == [ADOPTED, ADOPTED, "", ""]
    assert [row.description for row in whole] == ["old", "lost", "baseline", "deeper"]


def test_without_rows_taken_over_the_whole_table_is_the_sessions_own() -> None:
    own = apply(
        Session(),
        ev.SessionStarted(
            version="1",
            workspace="/w",
            branch="b",
            base_commit="base",
            config=ResearchConfig(metric="loss"),
            results_file="results.tsv",
        ),
    )
    assert full_table(own) == table_of(own)
    assert table_of(own).rows == ()


@pytest.mark.parametrize("verdict", [Verdict.KEEP, Verdict.DISCARD])
def test_the_users_verdict_counts_and_the_rows_word_stays(verdict: Verdict) -> None:
    overruled = apply(
        session(), ev.Overruled(experiment=1, verdict=verdict, by=Actor.SCREEN, reason="")
    )
    row = table_of(overruled).rows[0]
    assert (row.status, row.verdict) == ("keep", RowVerdict(verdict.value))
