"""What an engine acts on is on the disk first: promise 2, seen from outside a real engine.

The engine runs with a `sitecustomize` module that writes down, in their order, its writes to the
journal, its syncs and the processes it starts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.core.enums import Verdict
from engine.store.journal import fold_journal
from tests.world import run_command

pytestmark = pytest.mark.usefixtures("engines")

RECORDER = """
import json, os, sys

_write, _fsync, _file = os.write, os.fsync, os.open({file!r}, os.O_WRONLY | os.O_APPEND)

def _record(**entry):
    _write(_file, json.dumps({{"pid": os.getpid(), **entry}}).encode() + b"\\n")

def _path(descriptor):
    return os.readlink(f"/proc/self/fd/{{descriptor}}")

def write(descriptor, data):
    if _path(descriptor).endswith("/journal.jsonl"):
        _record(act="write", what=json.loads(data)["type"], path=_path(descriptor))
    return _write(descriptor, data)

def fsync(descriptor):
    descriptor = descriptor if isinstance(descriptor, int) else descriptor.fileno()
    _fsync(descriptor)
    _record(act="fsync", path=_path(descriptor))

def audit(event, args):
    if event == "subprocess.Popen":
        _record(act="start", what=[os.fsdecode(word) for word in args[1]])

os.write, os.fsync = write, fsync
sys.addaudithook(audit)
"""


class Recording:
    """The acts of one engine, oldest first."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        engine = next(e["pid"] for e in entries if e["act"] == "write")
        self.entries = [e for e in entries if e["pid"] == engine]

    def written(self, kind: str, occurrence: int = 0) -> int:
        """Return the place of the journal line of a kind of event."""
        found = [n for n, e in enumerate(self.entries) if e["act"] == "write" and e["what"] == kind]
        return found[occurrence]

    def synced(self, path: str, after: int) -> int:
        """Return the place of the next sync of a file whose path ends so."""
        return next(
            n
            for n, e in enumerate(self.entries)
            if n > after and e["act"] == "fsync" and e["path"].endswith(path)
        )

    def started(self, word: str, after: int) -> int:
        """Return the place of the next start of a process with a word in its command."""
        return next(
            n
            for n, e in enumerate(self.entries)
            if n > after and e["act"] == "start" and any(word in w for w in e["what"])
        )


def record(repository: Path, tmp_path: Path) -> Recording:
    """Run five experiments and return what their engine did."""
    file, directory = tmp_path / "acts.jsonl", tmp_path / "site"
    file.touch()
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(RECORDER.format(file=str(file)))
    done = run_command(
        *("run", repository, "--headless", "--yes", "--tag", "t", "--max", "5", "--budget", "0.05"),
        env={"PYTHONPATH": str(directory)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Recording([json.loads(line) for line in file.read_text().splitlines()])


def check_that_every_act_follows_the_sync_of_its_event(
    recording: Recording, repository: Path
) -> None:
    entries = recording.entries
    journal = repository / ".autoresearch" / "t" / "journal.jsonl"
    writes = [n for n, e in enumerate(entries) if e["act"] == "write"]
    assert len(writes) == len(journal.read_bytes().splitlines())
    for n in writes:
        # Nothing stands between an event's write and its sync.
        following = entries[n + 1]
        assert (following["act"], following["path"]) == ("fsync", entries[n]["path"])

    session = fold_journal(journal)
    runs = [e for e in session.experiments if e.runs]
    assert len(runs) == 5
    for number in range(len(runs)):
        said = recording.written("RunStarted", number)
        process = recording.started("supervisor", said)
        assert recording.synced("/journal.jsonl", said) < process
        # The process is that of this run: it started before the next run was announced.
        assert number == len(runs) - 1 or process < recording.written("RunStarted", number + 1)


def check_that_the_row_is_synced_before_the_branch_and_the_branch_before_its_event(
    recording: Recording, repository: Path
) -> None:
    session = fold_journal(repository / ".autoresearch" / "t" / "journal.jsonl")
    kept = 0
    for place, experiment in enumerate(session.experiments):
        verdict = recording.written("VerdictGiven", place)
        row = recording.synced("/results.tsv", verdict)
        row_said = recording.written("RowWritten", place)
        assert recording.synced("/journal.jsonl", verdict) < row < row_said
        if experiment.verdict is not Verdict.KEEP:
            continue
        moved_said = recording.written("FrontierAdvanced", kept)
        kept += 1
        if experiment.number > 1:  # the baseline is where the branch began
            moved = recording.started("update-ref", row_said)
            assert recording.synced("/journal.jsonl", row_said) < moved
            assert moved < recording.synced("/refs/heads/autoresearch", moved) < moved_said
    assert kept >= 2, "the session kept something beside its baseline"


def check_that_a_commit_is_synced_before_the_journal_names_it(recording: Recording) -> None:
    for place in range(4):
        drafted = recording.written("ProposalDrafted", place + 1)
        commit = recording.started("fast-import", drafted)
        named = recording.written("CandidateCommitted", place + 1)
        assert recording.synced("/journal.jsonl", drafted) < commit
        assert commit < recording.synced("/refs/autoresearch/t", commit) < named


def check_that_git_syncs_objects_and_refs_whatever_the_user_configured(
    recording: Recording,
) -> None:
    commands = [e["what"] for e in recording.entries if e["act"] == "start"]
    moves = [c for c in commands if os.path.basename(c[0]) == "git" and "update-ref" in c]
    assert moves
    for command in moves:
        assert "core.fsync=loose-object,pack,reference" in command
        assert "core.fsyncMethod=fsync" in command


def test_what_an_engine_acts_on_is_on_the_disk_first(repository: Path, tmp_path: Path) -> None:
    recording = record(repository, tmp_path)
    check_that_every_act_follows_the_sync_of_its_event(recording, repository)
    check_that_a_commit_is_synced_before_the_journal_names_it(recording)
    check_that_the_row_is_synced_before_the_branch_and_the_branch_before_its_event(
        recording, repository
    )
    check_that_git_syncs_objects_and_refs_whatever_the_user_configured(recording)
