"""What the user may name, intact or damaged; and a real session from its journal and from its table
alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.core.enums import Direction
from engine.core.errors import AutoresearchError, JournalError, UsageError, WorkspaceError
from engine.core.layout import Layout
from engine.core.patches.file_order import split_files
from engine.replay.source import JournalSource, ReplaySource, TableSource, open_source
from tests.warm import run_warm
from tests.world import git, make_repository

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


def ratchet(path: Path, *steps: tuple[str, str, bool]) -> list[str]:
    """Commits as a loop makes them: each on the last one kept; the others lose their branch.

    Args:
        path: A repository.
        steps: A date, the text of train.py, and whether it is kept.
    """
    hashes = []
    for date, text, kept in steps:
        (path / "train.py").write_text(text)
        env = {**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
        words = ["git", "-C", str(path), "commit", "-qam", f"try {text[:10]!r}"]
        subprocess.run(words, check=True, env=env)
        hashes.append(git(path, "rev-parse", "HEAD"))
        if not kept:
            git(path, "update-ref", f"refs/kept/{len(hashes)}", "HEAD")
            git(path, "checkout", "-q", "-B", "main", "HEAD~1")
    return hashes


def table(path: Path, *rows: str) -> Path:
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def last(source: ReplaySource):  # type: ignore[no-untyped-def]
    return source.recording.session_at(len(source.recording))


# ---- a real session ------------------------------------------------------------------------------


@pytest.mark.usefixtures("engines")
def test_journal_and_table_agree_on_what_a_table_records(repository: Path) -> None:
    flags = ("--yes", "--headless", "--tag", "t", "--budget", "0.01", "--max", "9", "--seed", "3")
    done = run_warm("run", repository, *flags, "--autonomy", "auto")
    assert done.returncode == 0, done.stderr
    before = git(repository, "status", "--porcelain"), git(repository, "for-each-ref")
    whole = open_source(str(repository))
    bare = open_source(str(repository / "results.tsv"))
    assert isinstance(whole, JournalSource)
    assert isinstance(bare, TableSource)
    assert bare.notes == ()
    assert [m.number for m in whole.recording.moments] == list(range(1, 10))
    for known, told in zip(whole.recording.moments, bare.recording.moments, strict=True):
        assert (known.number, known.kept) == (told.number, told.kept)
        one, two = whole.recording.session_at(known.step), bare.recording.session_at(told.step)
        assert (one.counts, one.incumbent, one.frontier) == (
            two.counts,
            two.incumbent,
            two.frontier,
        )
        assert (one.config.metric, one.direction) == (two.config.metric, two.direction)
        for a, b in zip(one.experiments, two.experiments, strict=True):
            assert (a.commit, a.verdict, a.advanced) == (b.commit, b.verdict, b.advanced)
            assert " ".join(a.proposal.hypothesis.split()) == b.proposal.hypothesis
            assert (a.measurement is None) == (b.measurement is None)
            if a.measurement is not None and b.measurement is not None:
                assert b.measurement.metric == pytest.approx(a.measurement.metric, abs=5e-7)
                assert b.measurement.memory_gb == pytest.approx(a.measurement.memory_gb, abs=0.06)
            if a.gain is not None and b.gain is not None:
                assert b.gain == pytest.approx(a.gain, abs=1.1e-6)
            assert a.number == 1 or a.base == b.base
        # The same change, by the engine's own patch and by git's diff of the commits.
        theirs = whole.diff(known.number, known.step).patch
        ours = bare.diff(told.number, told.step).patch
        assert changed(theirs) == changed(ours)
    assert last(whole).counts.keep > 1
    assert whole.cumulative(last(whole)).patch == bare.cumulative(last(bare)).patch != ""
    assert whole.log_path(2, 1) is not None
    assert bare.log_path(2, 1) is None
    after = git(repository, "status", "--porcelain"), git(repository, "for-each-ref")
    assert before == after

    moved = repository.parent / "elsewhere.jsonl"
    shutil.copy(Layout(repository, "t").journal, moved)
    alone = open_source(str(moved))
    assert last(alone) == last(whole)
    assert alone.reasoning(2, 10**6) == whole.reasoning(2, 10**6)
    assert "not recorded" in alone.cumulative(last(alone)).note


def changed(patch: str) -> list[str]:
    return [
        line
        for line in patch.splitlines()
        if line[:1] in "+-" and not line.startswith(("+++", "---"))
    ]


# ---- commits and times ---------------------------------------------------------------------------


@pytest.fixture
def four(tmp_path: Path) -> tuple[Path, list[str]]:
    """A baseline, a discard, a keep, another keep; ten minutes apart."""
    path = make_repository(tmp_path / "repo", {"train.py": "A = 1\nB = 1\n"})
    hashes = ratchet(
        path,
        ("2026-03-01T10:00:00Z", "A = 2\nB = 1\n", True),
        ("2026-03-01T10:10:00Z", "A = 2\nB = 9\n", False),
        ("2026-03-01T10:20:00Z", "A = 3\nB = 1\n", True),
        ("2026-03-01T10:50:00Z", "A = 4\nB = 1\n", True),
    )
    rows = (
        f"{hashes[0][:7]}\t1.0\t1.0\tkeep\tbaseline",
        f"{hashes[1][:7]}\t1.1\t1.0\tdiscard\tB up",
        f"{hashes[2][:7]}\t0.9\t1.0\tkeep\tA up",
        "reverted\t0.000000\t0.0\tcrash\tno commit of its own",
        "abcdef0\t1.2\t1.0\tdiscard\ta commit that is gone",
        f"{hashes[3][:7]}\t0.8\t1.0\tkeep\tA up again",
    )
    table(path / "results.tsv", *rows)
    return path, hashes


def test_diffs_come_by_hash_against_the_best_of_their_time(four: tuple[Path, list[str]]) -> None:
    path, _ = four
    source = open_source(str(path / "results.tsv"))
    diffs = {n: source.diff(n, 0) for n in range(1, 7)}
    assert changed(diffs[2].patch) == ["-B = 1", "+B = 9"]
    assert changed(diffs[3].patch) == ["-A = 2", "+A = 3"]
    assert changed(diffs[6].patch) == ["-A = 3", "+A = 4"]
    assert "names no commit" in diffs[4].note
    assert "abcdef0 is not in the repository" in diffs[5].note
    assert not diffs[4].patch
    assert changed(source.cumulative(last(source)).patch) == ["-A = 2", "+A = 4"]
    assert "4 of the 5 commits" in " ".join(last(source).notes)


@pytest.mark.parametrize("lines", [3, 300_000])
def test_a_tracked_table_comes_last_in_a_diff_over_several_files(
    tmp_path: Path, lines: int
) -> None:
    path = make_repository(
        tmp_path / "r", {"train.py": "LR = 1\n", "model.py": "D = 1\n", "results.tsv": HEADER}
    )
    first = git(path, "rev-parse", "HEAD")
    (path / "train.py").write_text("LR = 2\n")
    (path / "model.py").write_text("D = 2\n")
    table(path / "results.tsv", *("x\ty" for _ in range(lines)))
    git(path, "commit", "-qam", "several")
    second = git(path, "rev-parse", "HEAD")
    rows = (f"{first[:7]}\t0.9\t1.0\tkeep\ta", f"{second[:7]}\t0.8\t1.0\tkeep\tb")
    source = open_source(str(table(path / "results.tsv", *rows)))
    found = source.diff(2, 0)
    names = ["model.py", "train.py"] + (["results.tsv"] if lines == 3 else [])
    assert [part.name for part in split_files(found.patch)] == names
    assert ("tables and logs" in found.note) == (lines > 3)


def test_times_between_commits_are_marked_as_estimated(
    four: tuple[Path, list[str]],
) -> None:
    path, _ = four
    recording = open_source(str(path)).recording
    whens = [recording.time_at(moment.step) for moment in recording.moments]
    minutes = [when.at.hour * 60 + when.at.minute for when in whens if when.at is not None]
    assert minutes == [600, 610, 620, 630, 640, 650]
    assert [when.estimated for when in whens] == [False, False, False, True, True, False]


def test_a_rebased_branch_is_not_confused_with_the_old_one(four: tuple[Path, list[str]]) -> None:
    path, hashes = four
    # The baseline was made again: later commits have a base that the table does not name.
    git(path, "checkout", "-q", "--orphan", "other")
    git(path, "commit", "-qm", "A = 2 again, by the same message")
    (path / "train.py").write_text("A = 4\nB = 5\n")
    git(path, "commit", "-qam", "B up")
    new = git(path, "rev-parse", "--short=7", "HEAD")
    file = table(
        path / "rebased.tsv",
        f"{hashes[0][:7]}\t1.0\t1.0\tkeep\tbaseline",
        f"{new}\t0.9\t1.0\tkeep\tB up",
    )
    source = open_source(str(file))
    found = source.diff(2, 0)
    assert changed(found.patch) == ["-B = 1", "+B = 5"]
    assert "against its own parent" in found.note
    assert "rebuilt" in source.cumulative(last(source)).note


def test_a_shallow_clone_says_so(four: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, hashes = four
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{path}", str(clone))
    source = open_source(str(path / "results.tsv"), repo=clone)
    assert "not in the repository" in source.diff(3, 0).note
    assert "shallow" in source.diff(6, 0).note
    assert "The clone is shallow." in " ".join(last(source).notes)
    assert hashes[3]


def test_a_table_without_a_repository_says_so(four: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, _ = four
    lone = tmp_path / "lone.tsv"
    shutil.copy(path / "results.tsv", lone)
    source = open_source(str(lone))
    assert "no git repository" in source.diff(2, 0).note
    assert "Times are not recorded." in last(source).notes
    assert source.recording.time_at(len(source.recording)).at is None
    with pytest.raises(WorkspaceError, match="not in a git repository"):
        open_source(str(lone), repo=tmp_path)
    assert open_source(str(lone), repo=path).diff(2, 0).patch


def test_a_table_without_verdicts_shows_its_best(tmp_path: Path) -> None:
    file = tmp_path / "scores.tsv"
    file.write_text("commit\tscore\tstatus\tdescription\naaaaaaa\t1\t\tx\nbbbbbbb\t3\trun\ty\n")
    session = last(open_source(str(file)))
    assert session.counts.other == session.counts.total == 2
    assert [e.row_status for e in session.experiments] == ["not recorded", "run"]
    assert (session.incumbent, session.best_metric) == (2, 3.0)
    lower = last(open_source(str(file), direction=Direction.MIN))
    assert lower.incumbent == 1


# ---- what may be named ---------------------------------------------------------------------------


def bad(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    match name:
        case "binary.tsv":
            path.write_bytes(bytes(range(256)) * 40)
        case "empty.tsv":
            path.touch()
        case "prose.tsv":
            path.write_text("Dear diary,\nnothing was kept today.\n")
        case "garbage.jsonl":
            path.write_text("garbage\n" * 3)
        case "empty.jsonl":
            path.touch()
        case "directory":
            path.mkdir()
            (path / "scores.tsv").write_text(HEADER)
        case "locked.tsv":
            path.symlink_to(path)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("binary.tsv", UsageError, "binary"),
        ("empty.tsv", UsageError, "empty"),
        ("prose.tsv", UsageError, "not a results table"),
        ("garbage.jsonl", JournalError, "is an event"),
        ("empty.jsonl", JournalError, "is an event"),
        ("directory", WorkspaceError, "scores.tsv"),
        ("locked.tsv", WorkspaceError, ""),
        ("nothing", WorkspaceError, "no file, directory or session"),
    ],
)
def test_an_unreadable_source_says_why(
    tmp_path: Path, name: str, kind: type[AutoresearchError], words: str
) -> None:
    path = bad(tmp_path, name)
    with pytest.raises(kind) as caught:
        open_source(str(path))
    assert words in str(caught.value)


def test_a_huge_file_is_read_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.table_files.MOST_BYTES", 4096)
    file = table(tmp_path / "results.tsv", *(f"{n:07x}\t1.0\t1\tkeep\tx" for n in range(500)))
    session = last(open_source(str(file)))
    assert 50 < len(session.experiments) < 500
    assert any("were read" in note for note in session.notes)


def test_a_huge_journal_is_read_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.engine.test_replay_recording import night, write

    monkeypatch.setattr("engine.store.tolerant_reader.MOST_BYTES", 8192)
    path = tmp_path / "journal.jsonl"
    write(path, night(30))
    source = open_source(str(path))
    assert 2 < len(source.recording.moments) < 30
    assert any("Only its first" in note for note in source.notes)
    assert not source.refresh()


def test_a_tag_and_a_directory_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.engine.test_replay_recording import night, write

    for tag, count in (("one", 3), ("two", 5)):
        journal = Layout(tmp_path, tag).journal
        journal.parent.mkdir(parents=True)
        write(journal, night(count))
    monkeypatch.chdir(tmp_path)
    assert len(open_source("one").recording.moments) == 3
    assert len(open_source(None).recording.moments) == 5
    assert len(open_source(".autoresearch/one").recording.moments) == 3
    (tmp_path / "one").mkdir()
    table(tmp_path / "one" / "results.tsv", "aaaaaaa\t1.0\t1\tkeep\tx")
    with pytest.raises(WorkspaceError, match="The sessions here are"):
        open_source("three")
    with pytest.raises(UsageError, match="knows its own"):
        open_source("two", metric="val_bpb")
    shutil.rmtree(tmp_path / ".autoresearch" / "two")
    source = open_source("one")
    assert "the directory is shown" in source.notes[0]
    assert len(source.recording.moments) == 1


def test_git_is_never_asked_to_write(
    four: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = four
    asked: list[str] = []
    real = subprocess.Popen

    def spy(command: list[str], **more: Any) -> subprocess.Popen[bytes]:
        asked.extend(w for w in command if w in ("fetch", "gc", "checkout", "reset", "update-ref"))
        return real(command, **more)

    monkeypatch.setattr(subprocess, "Popen", spy)
    source = open_source(str(path / "results.tsv"))
    for number in range(1, 7):
        source.diff(number, 0)
    source.cumulative(last(source))
    assert asked == []
