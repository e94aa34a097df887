"""Journals of other people: their values never reach git as options, and are of this repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core.errors import AutoresearchError, JournalError
from engine.core.layout import Layout
from engine.devices.sampler import DeviceSampler
from engine.setup.open_session import open_session
from engine.store.journal import fold_journal, session_tags
from engine.store.workspace import Workspace
from tests.engine.past_session import Past
from tests.world import git

COMMITS = (
    ("SessionStarted", "base_commit"),
    ("ProposalDrafted", "base"),
    ("CandidateCommitted", "commit"),
    ("FrontierAdvanced", "commit"),
)
"""Kinds of events with the field of each that holds a commit."""

NOT_HASHES = (
    "--output=/tmp/x",
    "HEAD",
    "HEAD~1",
    "main:train.py",
    ":/fix",
    "@{-1}",
    "abc1234",
    "A" * 40,
    "0" * 41,
    "0" * 40 + "\n",
    "^" + "0" * 39,
)


def rewritten(journal: Path, kind: str, **fields: object) -> None:
    """Change fields of the last event of a kind in a journal."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    next(line for line in reversed(lines) if line["type"] == kind).update(fields)
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


@pytest.fixture
def past(repository: Path) -> Past:
    past = Past(repository, "t")
    past.keep("DEPTH = 4", "DEPTH = 6", 0.9)
    past.end()
    past.journal.close()
    return past


def test_what_is_not_a_full_hash_is_a_damaged_line(past: Past) -> None:
    journal = past.journal.path
    before = journal.read_bytes()
    for text in NOT_HASHES:
        for kind, field in (*COMMITS, ("CandidateCommitted", "ref")):
            rewritten(journal, kind, **{field: text})
            with pytest.raises(JournalError, match="is damaged"):
                fold_journal(journal)
            journal.write_bytes(before)
    fold_journal(journal)


def opened(workspace: Path) -> None:
    past = fold_journal(Layout(workspace, "t").journal)
    platform = DeviceSampler(disk=workspace).platform()
    journal, _ = open_session(Workspace(workspace), Layout(workspace, "t"), past.config, platform)
    journal.close()


def test_a_commit_that_the_repository_does_not_have_keeps_the_session_closed(past: Past) -> None:
    workspace, journal = past.path, past.journal.path
    opened(workspace)
    before = journal.read_bytes()
    for missing in ("0123456789" * 4, git(workspace, "rev-parse", "HEAD:train.py")):
        for kind, field in COMMITS:
            rewritten(journal, kind, **{field: missing})
            written = journal.read_bytes()
            with pytest.raises(JournalError, match=missing[:12]):
                opened(workspace)
            assert journal.read_bytes() == written
            journal.write_bytes(before)


def test_a_results_table_outside_the_workspace_keeps_the_session_closed(past: Past) -> None:
    rewritten(past.journal.path, "SessionStarted", results_file="../../victim")
    with pytest.raises(AutoresearchError, match="victim"):
        opened(past.path)


def test_directories_with_impossible_tags_are_not_sessions(past: Past) -> None:
    home = past.path / ".autoresearch"
    for name in ("-x", "a b", "a..b", "x.lock", "\x1b[2J"):
        (home / name).mkdir()
        (home / name / "journal.jsonl").write_bytes(past.journal.path.read_bytes())
    assert session_tags(past.path) == ["t"]
