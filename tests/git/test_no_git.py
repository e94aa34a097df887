"""Without git on the PATH, every verb that needs it says so in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.replay.source import open_source
from tests.engine.past_session import Past
from tests.git_wrapper import wrap_git
from tests.warm import run_warm

MISSING = "error: The command `git` is missing. Install git.\n"


@pytest.fixture
def workspace(repository: Path) -> Path:
    """Return a workspace with a session of two keeps."""
    past = Past(repository)
    past.experiment("better", "MATRIX_LR = 0.05", value=0.9)
    past.journal.close()
    return repository


@pytest.mark.parametrize(
    "words",
    [
        ("start", "--yes"),
        ("run", "--yes"),
        ("baseline", "--yes"),
        ("merge",),
        ("merge", "--how", "squash"),
        ("revert", "2"),
        ("init", "new"),
    ],
    ids=" ".join,
)
def test_a_verb_that_needs_git_says_so(
    workspace: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = run_warm(*words, cwd=workspace, env={"PATH": str(tmp_path / "empty")})
    assert done.stderr.endswith(MISSING)
    assert "Traceback" not in done.stderr
    assert done.returncode == 7


@pytest.mark.parametrize(
    "words",
    [("check",), ("status",), ("results",), ("decisions",), ("report",), ("diff", "2")],
    ids=" ".join,
)
def test_a_verb_that_reads_the_journal_works_without_git(
    workspace: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = run_warm(*words, cwd=workspace, env={"PATH": str(tmp_path / "empty")})
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if words == ("check",) else 0), done.stderr


def test_a_table_is_shown_without_its_diffs(workspace: Path, tmp_path: Path) -> None:
    table = workspace / "results.tsv"
    table.write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabcdef1\t1.0\t1\tkeep\tx\n")
    out = tmp_path / "out"
    done = run_warm(
        *("report", table, "--out", out, "--format", "html"),
        env={"PATH": str(tmp_path / "empty")},
    )
    assert done.returncode == 0, done.stderr
    assert "`git` is missing" in next(out.iterdir()).read_text()


def test_a_table_is_replayed_without_its_diffs(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = workspace / "results.tsv"
    table.write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabcdef1\t1.0\t1\tkeep\tx\n")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    source = open_source(str(table))
    assert any("`git` is missing" in note for note in source.notes)


def test_a_repository_that_git_does_not_trust_is_named_in_a_replay(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = workspace / "results.tsv"
    table.write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabcdef1\t1.0\t1\tkeep\tx\n")
    script = 'GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec $GIT "$@"'
    wrap_git(tmp_path / "bin", script, monkeypatch)
    assert any("safe.directory" in note for note in open_source(str(table)).notes)
