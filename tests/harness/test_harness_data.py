"""Which text is for training and which for validation, and how it is stored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import constants
import numpy as np
import prepare
import pytest

from tests.world import DEADLINE_SECONDS

HARNESS = Path(prepare.__file__).parent


def write_files(folder: Path, count: int) -> list[tuple[str, Path]]:
    """Text files with distinct content, as (name, path)."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for i in range(count):
        path = folder / f"file{i}.txt"
        path.write_text(f"text number {i} " * 20, "utf-8")
        files.append((path.name, path))
    return files


def test_split_is_disjoint_and_does_not_depend_on_order(tmp_path: Path) -> None:
    """Every file is in one half, the same one whatever the directory listing's order."""
    files = write_files(tmp_path, 200)
    train, val = prepare.split_of_files(files)
    assert len(train) + len(val) == 200
    assert not set(train) & set(val)
    assert 8 <= len(val) <= 35
    assert prepare.split_of_files(files[::-1]) == (train, val)


def test_split_of_a_file_is_fixed() -> None:
    """The rule itself: pinned, because a changed rule makes all results incomparable."""
    names = [f"module{i}.py" for i in range(50)]
    expected = ["9", "17", "44"]
    assert [n[6:-3] for n in names if prepare.is_validation(n)] == expected


def test_a_copy_of_a_validation_file_is_not_trained_on(tmp_path: Path) -> None:
    """The same content under another name would be training on validation data."""
    names = [f"f{i}.txt" for i in range(200)]
    val_name = next(name for name in names if prepare.is_validation(name))
    train_name = next(name for name in names if not prepare.is_validation(name))
    files = []
    for name in (train_name, val_name):
        path = tmp_path / name
        path.write_text("the same text", "utf-8")
        files.append((name, path))
    assert prepare.split_of_files(files) == ([], [b"the same text"])


def test_files_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, and files that are empty or gone."""
    files = write_files(tmp_path, 1)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_bytes(b"")
    strange = [(name, tmp_path / name) for name in ("binary", "empty", "gone")]
    train, val = prepare.split_of_files(files + strange)
    assert len(train + val) == 1


def test_byte_split_puts_a_bos_before_each_document() -> None:
    """Tokens are the bytes themselves, 256 marks where a document begins."""
    split = prepare.byte_split([b"ab", "é".encode()])
    assert split.tokens.tolist() == [256, 97, 98, 256, 0xC3, 0xA9]
    assert split.starts.tolist() == [0, 3]


def test_stdlib_needs_no_preparation_and_is_stored_once(cache: Path) -> None:
    """First use builds it; the next start maps the same tokens from disk."""
    first = prepare.load_data()
    assert len(first.train.tokens) > 5_000_000
    assert len(first.val.tokens) > constants.EVAL_TOKENS
    assert isinstance(first.train.tokens, np.ndarray)
    prepare._loaded.clear()
    second = prepare.load_data()
    assert isinstance(second.train.tokens, np.memmap)
    assert np.array_equal(first.val.tokens, second.val.tokens)
    assert np.array_equal(first.train.starts, second.train.starts)
    assert not [p for p in (cache / "data").iterdir() if p.name.startswith(".")]


def test_stdlib_without_a_writable_cache_is_held_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sandbox the home directory may be read-only."""
    (tmp_path / "a file").write_text("", "utf-8")
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "a file" / "cache"))
    assert len(prepare.load_data().train.tokens) > 5_000_000
    assert "Cache not writable" in capsys.readouterr().out


@pytest.mark.parametrize("start", ["~", "$HOME", "${HOME}"])
def test_the_home_directory_is_expanded_in_paths(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AUTORESEARCH_CACHE", f"{start}/cache")
    assert prepare.cache_dir() == tmp_path / "cache"
    (tmp_path / "a.txt").write_text("a", "utf-8")
    assert prepare.globbed_files(f"{start}/*.txt") == [
        ((tmp_path / "a.txt").resolve().as_posix(), tmp_path / "a.txt")
    ]


def small_data() -> prepare.Data:
    tokenizer = prepare.Tokenizer.bytelevel()
    train, val = prepare.byte_split([b"training text"]), prepare.byte_split([b"validation"])
    return prepare.Data(train, val, tokenizer.token_bytes, tokenizer.bos, pack_documents=False)


def test_a_rival_that_stored_first_wins(tmp_path: Path) -> None:
    """Two first starts at once: the later one leaves the earlier one's data alone."""
    target = tmp_path / "data"
    prepare.store(small_data(), target, prepare.Tokenizer.bytelevel())
    (target / "mark").touch()
    prepare.store(small_data(), target, prepare.Tokenizer.bytelevel())
    assert (target / "mark").exists()
    assert [p.name for p in tmp_path.iterdir() if "data" in p.name] == ["data"]


def test_broken_stored_data_is_replaced(tmp_path: Path) -> None:
    """A truncated array (a full disk, a copy cut short) is noticed by its size."""
    target = tmp_path / "data"
    prepare.store(small_data(), target, prepare.Tokenizer.bytelevel())
    os.truncate(target / "train.bin", 4)
    assert prepare.load_stored(target) is None
    prepare.store(small_data(), target, prepare.Tokenizer.bytelevel())
    loaded = prepare.load_stored(target)
    assert loaded is not None
    assert loaded.train.tokens.tolist() == small_data().train.tokens.tolist()


def test_two_processes_building_at_once(tmp_path: Path) -> None:
    """Both end with the same whole data."""
    code = "import prepare; d = prepare.load_data(); print(d.train.tokens.sum(dtype='int64'))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=HARNESS, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    sums = {process.communicate(timeout=DEADLINE_SECONDS)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0]
    assert len(sums) == 1


def test_missing_data_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source that must be prepared, and a source that does not exist."""
    for source in ("climbmix", "files", "no such source"):
        monkeypatch.setattr(constants, "DATA_SOURCE", source)
        with pytest.raises(prepare.DataNotFoundError, match=r"data not found.*prepare\.py"):
            prepare.load_data()


def run_prepare(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line of a workspace's own prepare.py."""
    command = [sys.executable, "prepare.py", *arguments]
    return subprocess.run(
        command, cwd=workspace, capture_output=True, text=True, timeout=DEADLINE_SECONDS
    )


def copy_workspace(folder: Path) -> Path:
    folder.mkdir()
    for name in ("constants.py", "prepare.py", "shards.py", "device.py", "train.py"):
        (folder / name).write_text((HARNESS / name).read_text("utf-8"), "utf-8")
    return folder


def test_own_files_as_a_source(tmp_path: Path, cache: Path) -> None:
    """prepare.py --source files --glob … --write, and what it sets."""
    write_files(tmp_path / "texts" / "deep", 200)
    workspace = copy_workspace(tmp_path / "workspace")
    pattern = str(tmp_path / "texts" / "**" / "*.txt")
    told = run_prepare(workspace, "--source", "files", "--glob", pattern)
    assert told.returncode == 0, told.stderr
    assert f"DATA_GLOB = {json.dumps(pattern)}" in told.stdout
    assert 'DATA_SOURCE = "stdlib"' in (workspace / "constants.py").read_text("utf-8")

    written = run_prepare(workspace, "--source", "files", "--glob", pattern, "--write")
    assert "Already prepared" in written.stdout
    text = (workspace / "constants.py").read_text("utf-8")
    assert 'DATA_SOURCE = "files"  # stdlib |' in text
    assert f"DATA_GLOB = {json.dumps(pattern)}  # for" in text
    assert len(list((cache / "data").glob("files-*"))) == 1


def test_a_glob_that_finds_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In one line, with which the process ends."""
    for name in ("DATA_SOURCE", "DATA_GLOB"):  # which main sets
        monkeypatch.setattr(constants, name, getattr(constants, name))
    words = ("--source", "files", "--glob", str(tmp_path / "no" / "*"))
    monkeypatch.setattr(sys, "argv", ["prepare.py", *words])
    with pytest.raises(SystemExit, match=r"^data not found: 0 files") as end:
        prepare.main()
    assert isinstance(end.value.code, str)
    assert len(end.value.code.strip().splitlines()) == 1
