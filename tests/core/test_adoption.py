"""The history of a session without a journal: known and unknown facts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.analysis.takeover import ResolvedCommit, hashes_in, history_of
from engine.core.enums import Verdict
from engine.core.imported_attempt import Unknown
from engine.core.table import read_table

A, B, C = "a1" * 20, "b2" * 20, "c3" * 20
TABLE = (
    b"commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    b"baseline\t1.000000\t4.0\tkeep\tbaseline\n"
    b"a1a1a1a\t0.990000\t4.0\tkeep\tfirst\n"
    b"b2b2b2b\t1.010000\t4.0\tdiscard\tworse\n"
    b"d4d4d4d\t0.000000\t0.0\tcrash\tout of memory\n"
    b"c3c3c3c\t0.980000\t\tkeep\tsecond\n"
    b"c3c3c3c-dirty\t0.970000\t4.0\tskipped\tnobody knows\n"
)


def test_rows_become_attempts() -> None:
    table = read_table(TABLE)
    assert hashes_in(table) == ["a1a1a1a", "b2b2b2b", "d4d4d4d", "c3c3c3c"]
    known = {
        "a1a1a1a": ResolvedCommit(commit=A, on_branch=True),
        "b2b2b2b": ResolvedCommit(commit=B, on_branch=False),
        "c3c3c3c": ResolvedCommit(commit=C, on_branch=True),
    }
    history = history_of(table, known, [A, C], "autoresearch/x")
    first, kept, lost, crash, second, odd = history.attempts
    assert [a.verdict for a in history.attempts[:5]] == [
        *(Verdict.KEEP, Verdict.KEEP, Verdict.DISCARD, Verdict.CRASH, Verdict.KEEP)
    ]
    assert first.unknown == (Unknown.EDIT, Unknown.TIME)
    assert (kept.commit, kept.on_branch) == (A, True)
    assert (lost.commit, lost.on_branch) == (B, False)
    assert [kept.gain, lost.gain] == [pytest.approx(0.01), pytest.approx(-0.02)]
    assert (crash.metric, crash.gain, crash.commit) == (None, None, "")
    assert Unknown.MEMORY in second.unknown
    assert odd.verdict is None
    assert Unknown.VERDICT in odd.unknown
    assert odd.commit == ""  # what was not committed is not what the commit has
    assert any("3 of 6 rows are unknown" in note for note in history.notes)
    assert any("Run times of the rows" in note for note in history.notes)


def test_a_branch_that_contradicts_the_table_is_noted() -> None:
    table = read_table(TABLE)
    known = {
        "a1a1a1a": ResolvedCommit(commit=A, on_branch=False),
        "c3c3c3c": ResolvedCommit(commit=C, on_branch=True),
    }
    notes = " ".join(history_of(table, known, [C, B], "autoresearch/x").notes)
    assert "not on autoresearch/x: 2" in notes
    assert "has 1 commit(s) that no row names" in notes
    assert "The last kept row is not the end" in notes


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    table = read_table(data)
    known = {name: ResolvedCommit(commit=A, on_branch=True) for name in hashes_in(table)}
    history = history_of(table, known, [A], "b")
    assert len(history.attempts) == len(table.rows)
