"""The files of a diff, and their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.patches.file_order import records_last, split_files
from tests.world import git, make_repository


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return git's own diff of a commit that changes, adds, removes and renames files."""
    files = {
        "train.py": "LR = 1\n",
        "results.tsv": "commit\tval_bpb\n",
        "old.py": "x\n" * 20,
        "gone.txt": "y\n",
        "sub/model.py": "DEPTH = 2\n",
        "a file.txt": "z\n",
    }
    path: Path = make_repository(tmp_path_factory.mktemp("w") / "r", files)
    (path / "train.py").write_text("LR = 2\ndiff --git a/x b/x\n")
    (path / "results.tsv").write_text("commit\tval_bpb\na1b2c3d\t0.9\n")
    (path / "sub/model.py").write_text("DEPTH = 3\n")
    (path / "a file.txt").write_text("zz\n")
    (path / "image.bin").write_bytes(b"\x00\x01\x02")
    (path / "empty.py").write_text("")
    (path / "gone.txt").unlink()
    (path / "old.py").rename(path / "new.py")
    git(path, "add", "-A")
    git(path, "commit", "-qm", "all")
    return git(path, "diff", "--no-color", "HEAD~1", "HEAD") + "\n"


def test_files_are_named(patch: str) -> None:
    names = [part.name for part in split_files(patch)]
    assert sorted(names) == sorted(
        ["train.py", "results.tsv", "new.py", "gone.txt", "sub/model.py", "a file.txt",
         "image.bin", "empty.py"]
    )  # fmt: skip
    assert "".join(part.text for part in split_files(patch)) == patch


def test_records_come_last(patch: str) -> None:
    ordered = [part.name for part in split_files(records_last(patch))]
    assert ordered[-1] == "results.tsv"
    assert ordered[:-1] == [p.name for p in split_files(patch) if p.name != "results.tsv"]
    assert records_last("") == ""
    assert records_last("no diff at all") == "no diff at all"
    assert split_files("--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n")[0].name == "x.py"
