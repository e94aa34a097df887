"""The files of a session: where they lie, what is kept of an experiment, rows, whole writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind
from engine.core.errors import JournalError
from engine.core.layout import Layout
from engine.core.results_row import ResultsRow
from engine.store.artifacts import keep_proposal
from engine.store.durable import write_durably
from engine.store.journal import Journal, fold_journal, read_journal, session_tags
from engine.store.results_tsv import append_row, header, is_ours, size


def test_the_paths_of_a_session_are_those_the_documentation_shows(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "t")
    paths = {
        layout.home: ".autoresearch",
        layout.session: ".autoresearch/t",
        layout.journal: ".autoresearch/t/journal.jsonl",
        layout.worktree(0): ".autoresearch/t/worktrees/slot-0",
        layout.scratch("agent"): ".autoresearch/t/worktrees/agent",
        layout.experiment(7): ".autoresearch/t/experiments/0007",
        layout.run(12, 2): ".autoresearch/t/experiments/0012/run-2",
    }
    assert {path.relative_to(tmp_path).as_posix() for path in paths} == set(paths.values())
    for path, expected in paths.items():
        assert path == tmp_path / expected


def test_sessions_are_listed_by_their_journals_the_newest_last(tmp_path: Path) -> None:
    assert session_tags(tmp_path) == []
    for age, tag in enumerate(["newest", "middle", "oldest"]):
        journal = Layout(tmp_path, tag).journal
        journal.parent.mkdir(parents=True)
        journal.write_text("")
        os.utime(journal, (1000 - age, 1000 - age))
    (tmp_path / ".autoresearch/no-journal").mkdir()
    assert session_tags(tmp_path) == ["oldest", "middle", "newest"]


def test_what_is_kept_of_a_proposal_is_text_for_people(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "t")
    proposal = ev.Proposal(
        patch_id="abc",
        hypothesis="wider",
        rationale="more room",
        expected="−0.01",
        category="architecture",
        agent="llm",
        added=3,
        removed=1,
    )
    keep_proposal(layout, 4, proposal, "the \udcff patch", "thoughts")
    directory = layout.experiment(4)
    assert (directory / "proposal.md").read_text() == (
        "# Experiment 4: wider\n\n- category: architecture\n- agent: llm\n"
        "- patch: abc (+3 −1)\n- expected: −0.01\n\nmore room\n"
    )
    assert (directory / "patch.diff").read_bytes() == b"the \xff patch"
    assert (directory / "reasoning.md").read_text() == "thoughts"
    plain = ev.Proposal(patch_id="abc", hypothesis="wider")
    keep_proposal(layout, 5, plain, "", "")
    text = (layout.experiment(5) / "proposal.md").read_text()
    assert "expected" not in text
    assert text.endswith("- patch: abc (+0 −0)\n")
    assert not (layout.experiment(5) / "reasoning.md").exists()
    keep_proposal(layout, 4, proposal, "revised", "")  # after a repair
    assert (directory / "patch.diff").read_text() == "revised"


# ---- whole writes


@pytest.mark.parametrize("data", ["text \udce9\n", b"bytes \xe9\n"])
def test_a_file_is_replaced_whole(tmp_path: Path, data: str | bytes) -> None:
    path = tmp_path / "file"
    write_durably(path, "old and longer than the new one")
    write_durably(path, data)
    assert path.read_bytes().endswith(b"\xe9\n")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# ---- results.tsv


def row(description: str = "baseline") -> ResultsRow:
    return ResultsRow(
        commit="0123456789",
        metric=0.9,
        memory_gb=44.0,
        status="keep",
        description=description,
    )


def test_a_row_that_cannot_be_synced_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.tsv"
    append_row(path, "val_bpb", row())
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            append_row(path, "val_bpb", row("second"))
    assert path.read_bytes() == before
    append_row(path, "val_bpb", row("second"))
    assert len(path.read_text().splitlines()) == 3


def test_a_table_that_is_not_there_has_no_size(tmp_path: Path) -> None:
    path = tmp_path / "results.tsv"
    assert size(path) == 0
    append_row(path, "val_bpb", row())
    assert size(path) == len(path.read_bytes())


def test_a_table_that_cannot_be_read_is_not_ours(tmp_path: Path) -> None:
    assert not is_ours(tmp_path, "val_bpb")
    path = tmp_path / "results.tsv"
    path.write_text(header("val_bpb") + "\r\n")
    assert is_ours(path, "val_bpb")
    assert not is_ours(path, "val_loss")


# ---- the journal


def test_half_a_character_from_a_path_or_a_model_is_recorded_as_a_question_mark(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "j")
    stamped = journal.append(
        ev.AlarmRaised(kind=AlarmKind.DISK, message="caf\udce9 \ud83d", experiment=2)
    )
    assert stamped.message == "caf? ?"
    nested = journal.append(
        ev.ProposalQueued(
            queued=1,
            after=0,
            base="b" * 40,
            proposal=ev.Proposal(
                patch_id="p", hypothesis="h\udc80", knobs={"K\udc80": ("1", "2\udc80")}
            ),
            patch="x",
        )
    )
    assert nested.proposal.knobs == {"K?": ("1", "2?")}
    journal.close()
    first, second = read_journal(tmp_path / "j")
    assert first == stamped
    assert second == nested


def test_an_event_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    bad = ev.Measured(experiment=1, run=1, measurement=ev.Measurement(metric=float("nan")))
    with pytest.raises(JournalError, match="Measured cannot be recorded"):
        journal.append(bad)
    assert (tmp_path / "j").read_bytes() == b""
    assert journal.session.seq == 0
    journal.close()


def test_lines_that_contradict_each_other_are_an_error_that_names_the_journal(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"type":"RowWritten","seq":1,"experiment":7,"file":"results.tsv"}\n')
    with pytest.raises(JournalError, match="contradict each other") as caught:
        fold_journal(path)
    assert "Error: 6." in caught.value.why
    assert f"replay {path}" in caught.value.todo


def test_a_very_long_torn_line_is_moved_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(ev.Resumed(by=Actor.SCREEN))
    journal.close()
    whole = path.read_bytes()
    torn = b"x" * 200_000
    path.write_bytes(whole + torn)
    journal = Journal(path)
    assert journal.recovered_bytes == len(torn)
    assert journal.append(ev.Resumed(by=Actor.SCREEN)).seq == 2
    journal.close()
    assert path.with_suffix(".torn").read_bytes() == torn + b"\n"
    path.write_bytes(torn)
    journal = Journal(path)
    assert (journal.session.seq, path.read_bytes()) == (0, b"")
    assert path.with_suffix(".torn").read_bytes() == (torn + b"\n") * 2
    journal.close()
