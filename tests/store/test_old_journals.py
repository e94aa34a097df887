"""Journals that earlier versions wrote, as they wrote them: they open and are read alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.core.analysis.health import search_health
from engine.core.analysis.leaderboard import leaderboard
from engine.core.layout import Layout
from engine.core.reducer import fold
from engine.protocol.snapshot import decode_session, encode_session
from engine.replay.source import open_source
from engine.report.sources import load_session
from engine.store.journal import Journal, read_journal

JOURNALS = Path(__file__).with_name("journals")
WRITTEN = {
    # By the first version that ran.
    "first": (5, 3, 1.1),
    # Before prompts and samples of the machine were kept: pins, bans, notes, program.md, a queue.
    "steered": (6, 6, 1.0904),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_it_opens_in_every_way(name: str, tmp_path: Path) -> None:
    count, incumbent, best = WRITTEN[name]
    layout = Layout(tmp_path, fold(read_journal(JOURNALS / f"{name}.jsonl")).config.tag)
    layout.session.mkdir(parents=True)
    shutil.copy(JOURNALS / f"{name}.jsonl", layout.journal)
    session = fold(read_journal(layout.journal))
    assert (session.counts.total, session.incumbent, session.best_metric) == (
        count,
        incumbent,
        best,
    )
    assert session.ended and not session.experiment(2).prompt_key and session.machine is None
    assert decode_session(encode_session(session)) == session

    recording = open_source(str(layout.journal)).recording
    assert recording.session_at(len(recording)) == session
    assert [m.number for m in recording.moments] == list(range(1, count + 1))
    assert load_session(tmp_path, session.config.tag).facts.counts.total == count
    assert leaderboard(session).places[0].number == incumbent
    assert search_health(session).tried == count - 1
    # An engine of today takes it up without a word.
    journal = Journal(layout.journal)
    journal.close()
    assert journal.session == session
    assert layout.journal.read_bytes() == (JOURNALS / f"{name}.jsonl").read_bytes()


def test_what_was_said_then_is_still_known() -> None:
    session = fold(read_journal(JOURNALS / "steered.jsonl"))
    assert session.pins[0].text == "MATRIX_LR=0.05" and session.pins[0].experiment
    assert session.agent_notes[0].text == "memory is free"
    assert session.bans[0].text == "leave DEPTH alone"
