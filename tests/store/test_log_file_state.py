"""What a log file knows of itself: its size, generation, lines, offsets, holes, and a search."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.log_file import LINE_BYTES, STEP_BYTES, LogFile

_PUNCH_HOLE_KEEP_SIZE = 0x03


def index_all(log: LogFile, limit: int = STEP_BYTES) -> None:
    log.poll()
    while log.advance(limit):
        pass


def texts(log: LogFile) -> list[str]:
    return [log.text(number) for number in range(len(log))]


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "run.log")
    assert not log.poll()
    assert (log.exists, log.size, log.indexed, len(log), log.behind) == (False, 0, 0, 0, False)
    assert (log.generation, log.cuts, log.encoding) == (0, 0, "utf-8")
    assert not log.advance()
    assert log.find("x", 0, 10) is None


def test_a_poll_says_whether_anything_changed(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    log = LogFile(path)
    path.write_bytes(b"")
    assert log.poll()
    assert not log.poll()
    path.write_bytes(b"one\n")
    assert log.poll()
    assert (log.size, log.indexed, log.behind) == (4, 0, True)
    assert not log.poll()
    assert not log.advance()
    assert (log.indexed, log.behind, log.generation) == (4, False, 0)
    path.unlink()
    assert log.poll()
    assert (log.exists, log.generation, log.size) == (False, 1, 0)
    assert not log.poll()
    log.close()


def test_a_step_is_bounded_and_says_whether_more_is_left(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"a\n" * 5)
    log = LogFile(path)
    log.poll()
    assert log.advance(4)
    assert (log.indexed, len(log)) == (4, 2)
    assert log.advance(4)
    assert not log.advance(4)
    assert (log.indexed, len(log)) == (10, 5)
    assert not log.advance(4)
    log.close()


def test_a_line_counts_before_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"one\ntw")
    log = LogFile(path)
    index_all(log)
    assert texts(log) == ["one", "tw"]
    with open(path, "ab") as file:
        file.write(b"o\n")
    index_all(log)
    assert texts(log) == ["one", "two"]
    log.close()


def test_a_replaced_file_begins_another_generation_even_when_it_is_longer(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"one\n")
    log = LogFile(path)
    index_all(log)
    (tmp_path / "new").write_bytes(b"other\nlines\n")
    os.replace(tmp_path / "new", path)
    assert log.poll()
    assert (log.generation, log.indexed, len(log)) == (1, 0, 0)
    index_all(log)
    assert texts(log) == ["other", "lines"]
    # Rewritten in place and grown beyond its old size: seen by its content.
    with open(path, "r+b") as file:
        file.write(b"third\nversion\nof it\n")
    index_all(log)
    assert log.generation == 2
    assert texts(log) == ["third", "version", "of it"]
    log.close()


def test_growing_is_not_another_generation(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    log = LogFile(path)
    for n in range(200):
        with open(path, "ab") as file:
            file.write(b"line %d\n" % n)
        index_all(log)
    assert (log.generation, len(log), log.text(199)) == (0, 200, "line 199")
    log.close()


def test_the_encoding_is_known_from_four_bytes_on_and_may_be_corrected(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    text = "löss\nzwei\n"
    data = b"\xff\xfe" + text.encode("utf-16-le")
    log = LogFile(path)
    for n in range(1, len(data) + 1):
        path.write_bytes(data[:n])
        index_all(log)
    assert log.encoding == "utf-16-le"
    assert texts(log) == ["löss", "zwei"]
    log.close()


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (b"a\0b\0", "utf-16-le"),
        (b"\0a\0b", "utf-16-be"),
        (b"\xfe\xff\0a", "utf-16-be"),
        (b"\xff\xfea\0", "utf-16-le"),
        (b"\xff\xfe", "utf-16-le"),
        (b"ab\0\0", "utf-8"),
        (b"abcd", "utf-8"),
        (b"\xef\xbb\xbfa", "utf-8"),
    ],
)
def test_the_encoding_of_a_head(tmp_path: Path, head: bytes, encoding: str) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(head)
    log = LogFile(path)
    log.poll()
    assert log.encoding == encoding
    log.close()


def test_half_a_unit_of_utf_16_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    data = "one\ntwo\n".encode("utf-16-le")
    path.write_bytes(data[:-1])
    log = LogFile(path)
    index_all(log)
    assert not log.behind
    assert log.indexed == len(data) - 2
    path.write_bytes(data)
    index_all(log)
    assert texts(log) == ["one", "two"]
    log.close()


def test_a_byte_order_mark_and_nul_bytes_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes("\ufeffone\n".encode() + b"t\0wo\xff\n")
    log = LogFile(path)
    index_all(log)
    assert texts(log) == ["one", "two\ufffd"]
    assert log.raw(1) == b"t\0wo\xff"
    log.close()


@given(st.lists(st.sampled_from([b"", b"a", b"bb", b"\xc3\xa4 c"]), max_size=12))
def test_an_offset_and_its_line_belong_together(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.log"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        log = LogFile(path)
        index_all(log)
        assert [log.raw(n) for n in range(len(log))] == lines
        for number, line in enumerate(lines):
            begin = log.offset(number)
            assert begin == sum(len(x) + 1 for x in lines[:number])
            for inside in range(begin, begin + len(line) + 1):
                assert log.line_at(inside) == number
        assert log.line_at(0) == 0
        log.close()


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_long_line_is_cut_at_the_limit(tmp_path: Path, extra: int) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"x" * (LINE_BYTES + extra) + b"\nnext\n")
    log = LogFile(path)
    index_all(log)
    assert len(log.raw(0)) == min(LINE_BYTES, LINE_BYTES + extra)
    assert log.text(1) == "next"
    log.close()


# ---- search


def filled(tmp_path: Path, data: bytes) -> LogFile:
    path = tmp_path / "run.log"
    path.write_bytes(data)
    log = LogFile(path)
    index_all(log)
    return log


def test_a_search_sees_a_match_that_begins_in_its_range_and_ends_after_it(tmp_path: Path) -> None:
    log = filled(tmp_path, b"one needle\ntwo\n")
    at = 4
    assert log.find("needle", 0, at + 1) == 0
    assert log.find("needle", 0, at) is None
    assert log.find("needle", at, at + 1) == 0
    assert log.find("needle", at + 1, log.indexed) is None
    assert log.find("", 0, log.indexed) is None
    log.close()


def test_a_search_does_not_match_across_lines(tmp_path: Path) -> None:
    log = filled(tmp_path, b"one\ntwo\n")
    for forward in (True, False):
        assert log.find("one\ntwo", 0, log.indexed, forward=forward) is None
        assert log.find("two\n", 0, log.indexed, forward=forward) is None
    log.close()


@pytest.mark.parametrize("forward", [True, False])
def test_a_search_passes_over_what_a_later_state_of_the_line_hides(
    tmp_path: Path, forward: bool
) -> None:
    log = filled(
        tmp_path, b"a\rb needle\rshown\n" * 3 + b"with needle\n" + b"a needle\rneedle x\rend\n" * 3
    )
    assert log.find("needle", 0, log.indexed, forward=forward) == 3
    assert log.find("shown", 0, log.indexed, forward=forward) == (0 if forward else 2)
    log.close()


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_search_passes_over_what_a_long_line_does_not_show(tmp_path: Path, end: bytes) -> None:
    log = filled(tmp_path, b"x" * LINE_BYTES + b"a needle\nlast needle" + end)
    assert log.find("needle", 0, log.indexed) == 1
    log.close()


def test_a_search_in_utf_16_ignores_matches_between_units(tmp_path: Path) -> None:
    # The bytes of "a" in UTF-16-LE stand at an odd place of the first line.
    log = filled(tmp_path, "\u6100\u0000\u6100b\nab\n".encode("utf-16"))
    assert log.find("a", 0, log.indexed) == 1
    assert log.find("a", 0, log.indexed, forward=False) == 1
    log.close()


# ---- holes


def punch(path: Path, start: int, length: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "r+b") as file:
        result = libc.fallocate(
            file.fileno(), _PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(start), ctypes.c_long(length)
        )
    if result:
        pytest.skip("this file system cannot punch holes")


BLOCK = 64 * 1024


@pytest.mark.parametrize("before", ["nothing", "half", "all"])
def test_a_hole_at_the_end_of_what_is_indexed_or_beyond_is_one_line(
    tmp_path: Path, before: str
) -> None:
    path = tmp_path / "run.log"
    content = b"".join(b"%015d\n" % n for n in range(4 * BLOCK // 16))
    path.write_bytes(content)
    log = LogFile(path)
    log.poll()
    if before != "nothing":
        log.advance(2 * BLOCK if before == "half" else 4 * BLOCK)
    punch(path, BLOCK, 2 * BLOCK)
    index_all(log)
    count = BLOCK // 16
    dropped = [n for n in range(len(log)) if log.dropped(n)]
    assert dropped == [count]
    assert log.dropped(count) == 2 * BLOCK
    assert log.cuts == 1
    assert log.text(count - 1) == f"{count - 1:015d}"
    assert log.text(count + 1) == f"{3 * count:015d}"
    assert (len(log), log.generation) == (2 * count + 1, 0)
    assert log.dropped(0) == log.dropped(count + 1) == 0
    log.close()


def test_a_hole_up_to_the_end_is_the_last_line_until_the_log_grows(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"".join(b"%015d\n" % n for n in range(2 * BLOCK // 16)))
    log = LogFile(path)
    index_all(log)
    punch(path, BLOCK, BLOCK)
    index_all(log)
    count = BLOCK // 16
    assert [n for n in range(len(log)) if log.dropped(n)] == [count]
    with open(path, "ab") as file:
        file.write(b"after the hole\n")
    index_all(log)
    assert log.text(len(log) - 1) == "after the hole"
    assert [n for n in range(len(log)) if log.dropped(n)] == [count]
    log.close()


def test_a_hole_at_the_beginning_is_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with open(path, "wb") as file:
        file.seek(BLOCK)
        file.write(b"after the hole\n")
    if path.stat().st_blocks * 512 >= BLOCK:
        pytest.skip("this file system has no sparse files")
    log = LogFile(path)
    index_all(log)
    assert (len(log), log.dropped(0), log.text(1)) == (2, BLOCK, "after the hole")
    log.close()
