from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.log_file import LINE_BYTES, LogFile

_PUNCH_HOLE_KEEP_SIZE = 0x03
MIB = 2**20


def index_all(log: LogFile, limit: int = 512 * 1024) -> None:
    log.poll()
    while log.advance(limit):
        pass


def lines_of(log: LogFile) -> list[bytes]:
    return [log.raw(number) for number in range(len(log))]


def expected(data: bytes) -> list[bytes]:
    """What a terminal would show of each line: the last state that is not empty."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [([state for state in line.split(b"\r") if state] or [b""])[-1] for line in lines]


PIECES = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"step 1", b"x", b"\xc3\xa4", b"\x1b[31mred", b"a b"]),
    max_size=40,
)


@given(PIECES, st.data())
def test_appended_in_pieces_is_the_same_as_at_once(
    pieces: list[bytes], data: st.DataObject
) -> None:
    content = b"log:" + b"".join(pieces)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.log"
        grown = LogFile(path)
        position = 0
        while position < len(content):
            count = data.draw(st.integers(1, len(content) - position))
            with open(path, "ab") as file:
                file.write(content[position : position + count])
            position += count
            index_all(grown, data.draw(st.integers(1, 9)))
        at_once = LogFile(path)
        index_all(at_once)
        assert lines_of(at_once) == expected(content)
        assert lines_of(grown) == lines_of(at_once)
        assert grown.generation == 0
        grown.close()
        at_once.close()


@given(st.binary(max_size=200), st.integers(1, 7))
def test_any_bytes_are_lines(noise: bytes, limit: int) -> None:
    content = b"log:" + noise
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.log"
        path.write_bytes(content)
        log = LogFile(path)
        index_all(log, limit)
        assert lines_of(log) == expected(content)
        for number in range(len(log)):
            log.text(number)
        log.close()


def test_a_hundred_updates_without_a_newline_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"start\n" + b"".join(b"\rstep %d" % n for n in range(100)))
    log = LogFile(path)
    index_all(log)
    assert lines_of(log) == [b"start", b"step 99"]
    with open(path, "ab") as file:
        file.write(b"\r")
    index_all(log)
    assert log.text(1) == "step 99"
    with open(path, "ab") as file:
        file.write(b"step 100\n---\n")
    index_all(log)
    assert lines_of(log) == [b"start", b"step 100", b"---"]
    log.close()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [True, False])
def test_utf_16_is_recognised(tmp_path: Path, encoding: str, mark: bool) -> None:
    text = "step 1\r\nlöss 中文 ĊĊ\r\n\rone\rtwo\n"
    path = tmp_path / "run.log"
    path.write_bytes((("\ufeff" if mark else "") + text).encode(encoding))
    log = LogFile(path)
    index_all(log, 10)
    assert [log.text(n) for n in range(len(log))] == ["step 1", "löss 中文 ĊĊ", "two"]
    log.close()


def test_a_file_may_come_late_and_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    log = LogFile(path)
    assert not log.poll()
    assert not log.exists
    path.write_bytes(b"one\n")
    index_all(log)
    assert lines_of(log) == [b"one"]
    other = tmp_path / "other"
    other.write_bytes(b"two\nthree\n")
    other.rename(path)
    index_all(log)
    assert lines_of(log) == [b"two", b"three"]
    assert log.generation > 0
    path.unlink()
    assert log.poll()
    assert (len(log), log.exists) == (0, False)


def test_a_truncated_file_is_read_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"one\ntwo\n")
    log = LogFile(path)
    index_all(log)
    path.write_bytes(b"new\n")
    index_all(log)
    assert lines_of(log) == [b"new"]
    path.write_bytes(b"rewritten, and longer than before\n")
    index_all(log)
    assert lines_of(log) == [b"rewritten, and longer than before"]
    log.close()


def test_a_pipe_in_the_place_of_the_file_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    os.mkfifo(path)
    log = LogFile(path)
    log.poll()
    assert not log.advance()
    log.close()


def test_a_line_of_a_megabyte_is_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"a" * MIB + b"\nshort\n")
    log = LogFile(path)
    index_all(log)
    assert [len(line) for line in lines_of(log)] == [LINE_BYTES, 5]
    log.close()


def punch(path: Path, start: int, length: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "r+b") as file:
        result = libc.fallocate(
            file.fileno(), _PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(start), ctypes.c_long(length)
        )
    if result:
        pytest.skip("this file system cannot punch holes")


def numbered(count: int) -> bytes:
    return b"".join(b"line %07d %s\n" % (n, b"." * 86) for n in range(count))


@pytest.mark.parametrize("indexed_before", [True, False])
def test_a_hole_is_one_line_that_says_so(tmp_path: Path, indexed_before: bool) -> None:
    path = tmp_path / "run.log"
    content = numbered(40_000)
    path.write_bytes(content)
    log = LogFile(path)
    if indexed_before:
        index_all(log)
        assert len(log) == 40_000
    punch(path, MIB, MIB)
    index_all(log)
    dropped = [n for n in range(len(log)) if log.dropped(n)]
    assert len(dropped) == 1
    assert log.dropped(dropped[0]) == MIB
    assert log.raw(0) == content.split(b"\n")[0]
    assert log.raw(len(log) - 1) == content.split(b"\n")[-2]
    assert log.raw(dropped[0] + 2).startswith(b"line ")
    assert len(log) == pytest.approx(40_000 - MIB / 100, abs=3)
    # It grows with the log.
    punch(path, MIB, 2 * MIB)
    with open(path, "ab") as file:
        file.write(b"the last\n")
    index_all(log)
    assert [log.dropped(n) for n in range(len(log)) if log.dropped(n)] == [2 * MIB]
    assert log.text(len(log) - 1) == "the last"
    log.close()


def found(log: LogFile, text: str, *, forward: bool = True) -> int | None:
    return log.find(text, 0, log.indexed, forward=forward)


def test_find_goes_both_ways_and_ignores_case(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"alpha\nLoss: 3\nbeta\nloss: 4\ngamma\n")
    log = LogFile(path)
    index_all(log)
    assert found(log, "LOSS") == 1
    assert found(log, "loss", forward=False) == 3
    assert found(log, "delta") is None
    assert log.find("loss", log.offset(2), log.indexed) == 3
    log.close()


def test_find_sees_only_what_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"needle 1\rneedle 2\rlast\nneedle 3\rlast\nhere a needle\n\rneedle\rlast")
    log = LogFile(path)
    index_all(log)
    assert found(log, "needle") == 2
    assert found(log, "needle", forward=False) == 2
    assert found(log, "last") == 0
    assert found(log, "last", forward=False) == 3
    log.close()


def test_find_in_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes("one\ntwo löss\nthree\n".encode("utf-16"))
    log = LogFile(path)
    index_all(log)
    assert found(log, "Löss") == 1
    log.close()
