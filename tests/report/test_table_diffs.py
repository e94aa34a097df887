"""The page of a table has the diffs of existing commits, and says which are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.report import patches
from tests.report.nights import table_facts
from tests.report.test_report_verb import done, invoke
from tests.world import git, make_repository

HEAD = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"


def commit(repo: Path, text: str) -> str:
    (repo / "train.py").write_text(text)
    git(repo, "commit", "--quiet", "--all", "-m", "an idea")
    return git(repo, "rev-parse", "--short=9", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with a baseline, a keep, a discard whose commit was reset, and a keep."""
    repo = make_repository(tmp_path / "repo", {"train.py": "lr = 1\n"})
    base = git(repo, "rev-parse", "--short=9", "HEAD")
    kept = commit(repo, "lr = 2\n")
    gone = commit(repo, "lr = '<b>3</b>'\n")
    git(repo, "checkout", "--quiet", "-B", "main", kept)
    last = commit(repo, "lr = 4\n")
    rows = (
        f"{base}\t1.0\t1\tkeep\tbaseline",
        f"{kept}\t0.9\t1\tkeep\tlr 2",
        f"{gone}\t0.95\t1\tdiscard\tlr 3",
        f"{last}\t0.8\t1\tkeep\tlr 4",
        "abcdef0\t0.85\t1\tdiscard\tnever pushed",
        "reverted\t0.86\t1\tdiscard\tno commit",
    )
    (repo / "results.tsv").write_text("\n".join((HEAD, *rows, "")))
    return repo


def told(html: Path) -> str:
    return html.read_text().split("Click a column to sort by it. ")[1].split("</p>")[0]


def test_the_page_has_the_diffs_of_existing_commits(repository: Path) -> None:
    before = git(repository, "status", "--porcelain", "--branch")
    (page,) = done(repository / "results.tsv", "--format", "html", "--out", repository.parent / "r")
    html = page.read_text()
    assert html.count("<details>") == 3
    assert "<del>-lr = 1</del><ins>+lr = 2</ins>" in html
    # Against the best of its time, whether or not it is on the branch still.
    assert "<del>-lr = 2</del><ins>+lr = &#x27;&lt;b&gt;3&lt;/b&gt;&#x27;</ins>" in html
    assert told(page) == (
        "3 of 6 rows have a diff; 1 name a commit that is not in the repository, 1 name none and "
        "1 changed nothing or have no parent."
    )
    assert "3 of 6 rows have a diff" in html.split("How the table was read")[1]
    assert git(repository, "status", "--porcelain", "--branch") == before


def test_another_repository_can_be_named(repository: Path, tmp_path: Path) -> None:
    table = tmp_path / "elsewhere.tsv"
    table.write_text((repository / "results.tsv").read_text())
    words = (table, "--format", "html")
    assert told(done(*words)[0]).startswith("No diffs: no git repository is around the file")
    assert told(done(*words, "--repo", repository)[0]).startswith("3 of 6 rows have a diff")
    other = make_repository(tmp_path / "other", {"train.py": "x = 1\n"})
    assert "none of the 5 commits that the rows name" in told(done(*words, "--repo", other)[0])
    refusal = invoke(*words, "--repo", tmp_path / "nowhere").exception
    assert "There is no directory" in str(refusal)


def test_size_and_time_of_diffs_are_limited(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "_MOST", 2)
    (page,) = done(repository / "results.tsv", "--format", "html", "--out", repository.parent / "r")
    assert "were not looked at, to spare time and room" in told(page)
    # Those of keeps come first.
    assert "<ins>+lr = 4</ins>" in page.read_text() and "&lt;b&gt;3" not in page.read_text()
    facts = table_facts("a1b2c3d\t1.0\t1\tkeep\tx", "b1b2c3d\t0.9\t1\tkeep\ty")
    asked: list[int] = []

    def read(number: int) -> str:
        asked.append(number)
        return "a diff"

    found = patches.select_patches(facts, read, seconds=-1)
    assert found == ({}, 2) and not asked
