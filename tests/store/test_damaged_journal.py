"""A damaged or growing journal is shown as far as it can be read, and what is left out is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import NOT_RECORDED
from engine.core.errors import JournalError, WorkspaceError
from engine.store import tolerant_reader
from engine.store.tolerant_reader import JournalTail


def line(event: Any, seq: int) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(event, seq=seq)) + b"\n"


def started() -> ev.SessionStarted:
    return ev.SessionStarted(
        version="1",
        workspace="/w",
        branch="b",
        base_commit="b" * 40,
        config=ResearchConfig(tag="t"),
        results_file="results.tsv",
    )


def drafted(number: int) -> ev.ProposalDrafted:
    proposal = ev.Proposal(patch_id=f"p{number}", hypothesis=f"idea {number}")
    return ev.ProposalDrafted(experiment=number, base="b" * 40, proposal=proposal, patch="x")


def committed(number: int) -> ev.CandidateCommitted:
    return ev.CandidateCommitted(experiment=number, commit=f"{number:040x}", ref="")


def lines(*events: Any) -> list[bytes]:
    return [line(event, seq) for seq, event in enumerate(events, start=1)]


WHOLE = lines(started(), drafted(1), committed(1), drafted(2), committed(2))


def read(path: Path, data: bytes) -> tuple[JournalTail, list[ev.AnyEvent]]:
    path.write_bytes(data)
    reader = JournalTail(path)
    return reader, reader.read_new()


def test_a_whole_journal_is_read_without_a_note(tmp_path: Path) -> None:
    reader, events = read(tmp_path / "j", b"".join(WHOLE))
    assert [e.seq for e in events] == [1, 2, 3, 4, 5]
    assert (reader.notes, reader.left_out, reader.unfinished) == ([], [], False)
    assert reader.read_new() == []


def test_what_is_appended_is_read_once_and_half_a_line_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "j"
    reader, events = read(path, b"".join(WHOLE[:2]) + WHOLE[2][:10])
    assert [e.seq for e in events] == [1, 2]
    assert reader.unfinished
    assert reader.read_new() == []
    with open(path, "ab") as file:
        file.write(WHOLE[2][10:] + WHOLE[3])
    assert [e.seq for e in reader.read_new()] == [3, 4]
    assert not reader.unfinished
    assert reader.read_new() == []
    assert reader.notes == []


def test_a_line_that_cannot_be_read_is_left_out_and_numbered(tmp_path: Path) -> None:
    data = b"".join([*WHOLE[:2], b"{torn\n", *WHOLE[3:]])
    reader, events = read(tmp_path / "j", data)
    assert [e.seq for e in events] == [1, 2, 4, 5]
    assert [(bad.line, bad.text) for bad in reader.left_out] == [(3, "{torn")]
    assert reader.left_out[0].reason.startswith("not an event")
    assert reader.notes == ["Line 3 cannot be read and is left out."]


def test_a_blank_line_is_not_damage(tmp_path: Path) -> None:
    reader, events = read(tmp_path / "j", b"".join([WHOLE[0], b"\n", b"  \n", *WHOLE[1:]]))
    assert [e.seq for e in events] == [1, 2, 3, 4, 5]
    assert (reader.notes, reader.left_out) == ([], [])


def test_missing_lines_are_noted_once(tmp_path: Path) -> None:
    more = [line(committed(2), 9)]
    reader, events = read(tmp_path / "j", b"".join([*WHOLE[:2], *WHOLE[3:], *more]))
    assert [e.seq for e in events] == [1, 2, 4, 5, 9]
    assert reader.notes == ["Lines are missing before line 3."]
    assert reader.left_out == []


def test_a_repeated_line_is_left_out(tmp_path: Path) -> None:
    reader, events = read(tmp_path / "j", b"".join([*WHOLE[:3], WHOLE[2], *WHOLE[3:]]))
    assert [e.seq for e in events] == [1, 2, 3, 4, 5]
    assert [bad.line for bad in reader.left_out] == [4]
    assert "repeats an earlier one" in reader.notes[0]


def test_a_second_session_in_the_file_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "j"
    reader, events = read(path, b"".join([*WHOLE, *WHOLE]))
    assert [e.seq for e in events] == [1, 2, 3, 4, 5]
    assert "Another session begins at line 6" in reader.notes[0]
    with open(path, "ab") as file:
        file.write(line(committed(1), 6))
    assert reader.read_new() == []


def test_a_lost_beginning_is_noted_and_its_experiments_are_there(tmp_path: Path) -> None:
    reader, events = read(tmp_path / "j", b"".join(WHOLE[4:]))
    assert reader.notes[0] == "The beginning is lost."
    kinds = [type(e).__name__ for e in events]
    assert kinds == ["ProposalDrafted", "ProposalDrafted", "CandidateCommitted"]
    first, second = (e for e in events if isinstance(e, ev.ProposalDrafted))
    assert (first.experiment, second.experiment) == (1, 2)
    assert first.proposal.hypothesis.startswith(NOT_RECORDED)
    assert (first.reasoning, first.seq) == (NOT_RECORDED, 5)


def test_a_lost_proposal_is_stood_in_for_before_the_next_one(tmp_path: Path) -> None:
    data = b"".join([WHOLE[0], line(drafted(3), 2), line(committed(3), 3)])
    _, events = read(tmp_path / "j", data)
    numbers = [e.experiment for e in events if isinstance(e, ev.ProposalDrafted)]
    assert numbers == [1, 2, 3]
    hypotheses = [e.proposal.hypothesis for e in events if isinstance(e, ev.ProposalDrafted)]
    assert hypotheses[2] == "idea 3"
    assert all(text.startswith(NOT_RECORDED) for text in hypotheses[:2])


def test_the_cost_of_a_draft_may_name_an_experiment_that_has_not_begun(tmp_path: Path) -> None:
    data = [line(ev.CostIncurred(experiment=1, model="m"), 2), line(drafted(1), 3)]
    _, events = read(tmp_path / "j", b"".join([WHOLE[0], *data]))
    assert [type(e).__name__ for e in events] == [
        "SessionStarted",
        "CostIncurred",
        "ProposalDrafted",
    ]


def test_an_experiment_that_begins_twice_is_left_out_the_second_time(tmp_path: Path) -> None:
    data = [*WHOLE[:3], line(drafted(1), 4), line(drafted(2), 5)]
    reader, events = read(tmp_path / "j", b"".join(data))
    assert [e.seq for e in events] == [1, 2, 3, 5]
    assert [bad.line for bad in reader.left_out] == [4]
    assert "repeats experiment 1" in reader.notes[0]


def test_an_experiment_number_far_out_of_range_is_left_out(tmp_path: Path) -> None:
    data = [*WHOLE[:2], b"damage\n", line(committed(500_000), 3), line(committed(1), 4)]
    reader, events = read(tmp_path / "j", b"".join(data))
    assert [e.seq for e in events] == [1, 2, 4]
    assert [bad.line for bad in reader.left_out] == [3, 4]


def test_only_the_first_flaws_are_named(tmp_path: Path) -> None:
    data = b"".join([WHOLE[0], *(b"bad\n" for _ in range(9)), WHOLE[1]])
    reader, events = read(tmp_path / "j", data)
    assert [e.seq for e in events] == [1, 2]
    assert len(reader.left_out) == 9
    assert len(reader.notes) == 6
    assert reader.notes[4] == "Line 6 cannot be read and is left out."
    assert reader.notes[5] == "More of it is damaged."


def test_a_long_line_that_is_left_out_is_kept_in_part(tmp_path: Path) -> None:
    reader, _ = read(tmp_path / "j", b"".join([WHOLE[0], b"\xff" * 5000 + b"\n"]))
    assert reader.left_out[0].text == "\ufffd" * 2000


def test_a_file_that_shrinks_is_read_no_further(tmp_path: Path) -> None:
    path = tmp_path / "j"
    reader, _ = read(path, b"".join(WHOLE))
    path.write_bytes(WHOLE[0])
    assert reader.read_new() == []
    assert reader.notes == ["It was cut short while it was read."]
    path.write_bytes(b"".join(WHOLE) * 2)
    assert reader.read_new() == []


def test_a_file_over_the_limit_is_read_in_part_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = len(b"".join(WHOLE[:2])) + 5
    monkeypatch.setattr(tolerant_reader, "MOST_BYTES", limit)
    reader, events = read(tmp_path / "j", b"".join(WHOLE))
    assert [e.seq for e in events] == [1, 2]
    assert "are shown" in reader.notes[0]
    assert reader.read_new() == []


def test_a_file_of_exactly_the_limit_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"".join(WHOLE)
    monkeypatch.setattr(tolerant_reader, "MOST_BYTES", len(data))
    reader, events = read(tmp_path / "j", data)
    assert len(events) == 5
    assert reader.notes == []


@pytest.mark.parametrize("data", [b"", b"\n\n", b"not a journal\n", b'{"type":"Nonsense"}\n'])
def test_a_file_without_an_event_is_not_a_journal(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(JournalError) as caught:
        read(tmp_path / "j", data)
    assert str(tmp_path / "j") in caught.value.what
    assert "results.tsv" in caught.value.todo


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be read") as caught:
        JournalTail(tmp_path / "absent").read_new()
    assert "No such file" in caught.value.why


def test_a_carriage_return_in_a_damaged_line_divides_no_line(tmp_path: Path) -> None:
    damaged = [*WHOLE[:2], b"bro\rken\n", *WHOLE[2:]]
    reader, events = read(tmp_path / "j", b"".join(damaged))
    assert [e.seq for e in events] == [1, 2, 3, 4, 5]
    assert reader.notes == ["Line 3 cannot be read and is left out."]
    assert len(reader.left_out) == 1
