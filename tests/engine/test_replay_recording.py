"""Any moment of a recording equals folding up to it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import events as ev
from engine.core.enums import Verdict
from engine.core.errors import JournalError
from engine.core.reducer import fold
from engine.replay.recording import EVERY, Recording
from engine.store.tolerant_reader import JournalTail
from tests.tui.synthetic import attempt, made_up, numbered, opening

WHERE = Path("/nowhere")


def night(count: int, seed: int = 1) -> list[ev.AnyEvent]:
    """Return a session with a number of experiments."""
    events = opening(WHERE)
    best: float | None = None
    for number, tried in enumerate(made_up(count, seed), start=1):
        events += attempt(number, tried, best=best)
        best = tried.value if tried.verdict is Verdict.KEEP else best
    return numbered(events)


EVENTS = night(120)


@given(st.lists(st.integers(-5, len(EVENTS) + 5), max_size=12), st.integers(0, len(EVENTS)))
def test_a_jump_equals_folding(steps: list[int], grown_at: int) -> None:
    assert len(EVENTS) > 3 * EVERY
    recording = Recording(EVENTS[:grown_at])
    for step in steps[: len(steps) // 2]:
        assert recording.session_at(step) == fold(EVENTS[: min(max(step, 0), grown_at)])
    recording.extend(EVENTS[grown_at:])
    for step in steps:
        assert recording.session_at(step) == fold(EVENTS[: max(step, 0)])


@given(st.integers(1, 40), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_at_its_moment_an_experiment_is_complete_and_the_next_has_not_begun(
    count: int, seed: int
) -> None:
    recording = Recording(night(count, seed))
    assert [moment.number for moment in recording.moments] == list(range(1, count + 1))
    for moment in recording.moments:
        session = recording.session_at(moment.step)
        experiment = session.experiment(moment.number)
        assert len(session.experiments) == moment.number
        assert experiment.row_written
        assert moment.kept is (experiment.verdict is Verdict.KEEP) is experiment.advanced


def test_patch_and_reasoning_are_those_of_the_moment() -> None:
    events = night(2)
    at = next(i for i, e in enumerate(events) if isinstance(e, ev.RunEnded) and e.experiment == 2)
    old = next(e for e in events if isinstance(e, ev.ProposalDrafted) and e.experiment == 2)
    revised = ev.ProposalRevised(
        experiment=2, reason="repaired", proposal=old.proposal, patch="new", reasoning="more"
    )
    events = numbered([*events[: at + 1], revised, *events[at + 1 :]])
    recording = Recording(events)
    assert recording.proposal_text(2, at + 1) == (old.patch, old.reasoning)
    assert recording.proposal_text(2, at + 2) == ("new", f"{old.reasoning}\n\nmore")
    assert recording.proposal_text(2, 1) == ("", "")


# ---- journals ------------------------------------------------------------------------------------


def write(path: Path, events: list[ev.AnyEvent]) -> list[bytes]:
    lines = [msgspec.json.encode(event) + b"\n" for event in events]
    path.write_bytes(b"".join(lines))
    return lines


def test_appended_events_are_read_once_and_completely(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    events = night(5)
    lines = write(path, events[:10])
    tail = JournalTail(path)
    assert tail.read_new() == events[:10]
    assert tail.read_new() == []
    rest = b"".join(msgspec.json.encode(event) + b"\n" for event in events[10:])
    path.write_bytes(b"".join(lines) + rest[:-7])
    some = tail.read_new()
    assert tail.unfinished
    path.write_bytes(b"".join(lines) + rest)
    assert some + tail.read_new() == events[10:]
    assert tail.notes == []


@given(st.integers(0, 60), st.sampled_from([b"garbage\n", b"", b"\xff\xfe\x00\n", b"{}\n", b"[\n"]))
def test_a_damaged_line_loses_only_that_line(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("j") / "journal.jsonl"
    events = night(12)
    lines = write(path, events)
    at = min(at, len(lines) - 1)
    path.write_bytes(b"".join([*lines[:at], junk, *lines[at + 1 :]]))
    tail = JournalTail(path)
    recording = Recording(tail.read_new())
    session = recording.session_at(len(recording))
    assert tail.notes or (at == len(lines) - 1 and not junk)
    assert [e.number for e in session.experiments] == list(range(1, 13))
    unharmed = recording.session_at(at)
    assert at == 0 or unharmed == fold(events[:at])
    lost = events[at]
    for experiment in session.experiments:
        if getattr(lost, "experiment", 0) != experiment.number:
            whole = fold(events).experiment(experiment.number)
            for name in (
                "proposal",
                "commit",
                "runs",
                "measurement",
                "verdict",
                "gain",
                "advanced",
            ):
                assert getattr(experiment, name) == getattr(whole, name)


@given(st.integers(1, 5000))
@settings(max_examples=30, deadline=None)
def test_a_journal_cut_anywhere_shows_the_lines_before(
    tmp_path_factory: pytest.TempPathFactory, size: int
) -> None:
    path = tmp_path_factory.mktemp("j") / "journal.jsonl"
    events = night(6)
    lines = write(path, events)
    data = b"".join(lines)[:size]
    path.write_bytes(data)
    whole = data.count(b"\n")
    tail = JournalTail(path)
    if not whole:
        with pytest.raises(JournalError, match="No line"):
            tail.read_new()
        return
    assert tail.read_new() == events[:whole]
    assert tail.unfinished is not data.endswith(b"\n")


def test_two_sessions_in_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first, second = night(3), night(4, seed=2)
    lines = write(path, first)
    write(path, second)
    path.write_bytes(b"".join(lines) + path.read_bytes())
    tail = JournalTail(path)
    assert tail.read_new() == first
    assert "Another session begins at line" in tail.notes[0]


def test_a_journal_cut_short_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = write(path, night(3))
    tail = JournalTail(path)
    tail.read_new()
    path.write_bytes(b"".join(lines[:4]))
    assert tail.read_new() == []
    assert "cut short" in tail.notes[0]
