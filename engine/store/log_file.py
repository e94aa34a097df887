"""Indexes and reads the lines of a log file, however large it is and while it still grows.

Only the offsets of the lines are kept, eight bytes each; a line is read on demand. Indexing works
in steps of bounded size, so that the caller stays responsive.

Progress updates separated by `\\r` are one line: the last of them, as a terminal would show.
"""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate
from pathlib import Path

from engine.untrusted_files import open_regular

STEP_BYTES = 512 * 1024
LINE_BYTES = 4096
_FINGERPRINT_BYTES = 64
_BREAK = re.compile(rb"\r(?=[^\r\n])|\n")
_LINE_END = re.compile(rb"[\r\n]")
_UTF16_GUESS = re.compile(rb"(?:[\t\n\r -~]\x00){2}|(?:\x00[\t\n\r -~]){2}")


class LogFile:
    """The lines of a file that may grow, be truncated or replaced, get holes, or not exist yet.

    A link, a pipe, a directory or a device in its place counts as a file that does not exist.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generation = 0
        """Counter that grows when the file was replaced or truncated: all line numbers are void."""
        self.size = 0
        """Bytes in the file at the last `poll`."""
        self.indexed = 0
        """Bytes of the file that `advance` has indexed so far, from its beginning."""
        self.encoding = "utf-8"
        self._fd = -1
        self._identity = (0, 0)
        self._starts = array("Q", [0])
        self._break_pending = False
        self._fingerprint = b""
        self._holes: list[tuple[int, int]] = []
        self.cuts = 0
        """Counter that grows when a hole replaced lines: the lines after it have new numbers."""

    # ---- the file ------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """True if the file existed at the last `poll`."""
        return self._fd >= 0

    @property
    def behind(self) -> bool:
        """True while the file has bytes that `advance` has not indexed yet."""
        return self.indexed < self.size - (self.size % self._unit)

    def poll(self) -> bool:
        """Check the file's size and identity on the disk, and return whether anything changed.

        It indexes nothing; a file that was replaced or truncated is forgotten first.
        """
        before = self._state
        try:
            stat = os.lstat(self.path)
        except OSError:
            if self._fd >= 0:
                self.close()
                self._forget()
            return before != self._state
        if self._fd < 0 or (stat.st_dev, stat.st_ino) != self._identity:
            self._open()
        if self._fd < 0:
            return before != self._state
        status = os.fstat(self._fd)
        self.size, blocks = status.st_size, status.st_blocks
        if self.size < self.indexed or not self._same_bytes():
            self._forget()
            self.size = status.st_size
        if self.indexed < 4 <= self.size or self.indexed == 0:
            encoding = self._detect()
            if encoding != self.encoding:
                self._forget()
                self.size, self.encoding = status.st_size, encoding
        if blocks * 512 < self.size:
            self._find_holes()
        return before != self._state

    @property
    def _state(self) -> tuple[int, int, int, bool]:
        return self.generation, self.size, self.cuts, self.exists

    def close(self) -> None:
        """Close the file; a later `poll` opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self.close()
        if self.indexed or self.size:
            self._forget()
        try:
            self._fd = open_regular(self.path)
            stat = os.fstat(self._fd)
        except OSError:
            return
        self._identity = (stat.st_dev, stat.st_ino)

    def _forget(self) -> None:
        self.generation += 1
        self.size = self.indexed = 0
        self.encoding = "utf-8"
        self._starts = array("Q", [0])
        self._break_pending = False
        self._fingerprint = b""
        self._holes = []

    def _read(self, count: int, offset: int) -> bytes:
        try:
            return os.pread(self._fd, count, offset) if self._fd >= 0 else b""
        except OSError:
            return b""

    def _same_bytes(self) -> bool:
        """Return whether the last indexed bytes are unchanged; false if the file was rewritten."""
        old = self._fingerprint
        if not old:
            return True
        new = self._read(len(old), self.indexed - len(old))
        return new == old or not new.strip(b"\0")

    def _detect(self) -> str:
        head = self._read(4, 0)
        if head.startswith(b"\xff\xfe"):
            return "utf-16-le"
        if head.startswith(b"\xfe\xff"):
            return "utf-16-be"
        if _UTF16_GUESS.fullmatch(head):
            return "utf-16-le" if head[0] else "utf-16-be"
        return "utf-8"

    @property
    def _unit(self) -> int:
        return 1 if self.encoding == "utf-8" else 2

    # ---- the index -----------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of lines indexed so far, including an unfinished last one."""
        return len(self._starts) - (self._starts[-1] >= self.indexed)

    def advance(self, limit: int = STEP_BYTES) -> bool:
        """Index at most `limit` more bytes of the file, and return whether more are left."""
        count = min(limit, self.size - self.indexed)
        hole = self._hole_from(self.indexed)
        if hole is not None:
            if hole[0] <= self.indexed:
                self._skip_hole(hole)
                return self.behind
            count = min(count, hole[0] - self.indexed)
        chunk = self._read(count, self.indexed)
        chunk = chunk[: len(chunk) - len(chunk) % self._unit]
        if not chunk:
            return False
        self._index(chunk)
        self.indexed += len(chunk)
        self._fingerprint = chunk[-_FINGERPRINT_BYTES:]
        return self.behind

    def _index(self, chunk: bytes) -> None:
        base, unit, starts = self.indexed, self._unit, self._starts
        units = chunk if unit == 1 else _low_bytes(chunk, self.encoding)
        if self._break_pending and units[0] not in b"\r\n":
            starts[-1] = base
        self._break_pending = units[-1] == 13
        if b"\r" in units:
            for match in _BREAK.finditer(units):
                offset = base + match.end() * unit
                if units[match.start()] == 10:
                    starts.append(offset)
                else:
                    starts[-1] = offset
            return
        lines = units.splitlines(keepends=True)
        if units[-1] != 10:
            lines.pop()
        if unit == 1:
            ends = accumulate(map(len, lines), initial=base)
        else:
            ends = accumulate((len(line) * unit for line in lines), initial=base)
        next(ends)
        starts.extend(ends)

    # ---- holes: the log's cap gives the middle of a huge log back to the disk ------------------

    def _hole_from(self, offset: int) -> tuple[int, int] | None:
        """Return start and end of the first hole that ends after `offset`; None without one."""
        return next((hole for hole in self._holes if hole[1] > offset), None)

    def _find_holes(self) -> None:
        holes: list[tuple[int, int]] = []
        position = 0
        try:
            while position < self.size and len(holes) < 64:
                start = os.lseek(self._fd, position, os.SEEK_HOLE)
                if start >= self.size:
                    break
                try:
                    position = os.lseek(self._fd, start, os.SEEK_DATA)
                except OSError:  # nothing but the hole up to the end
                    position = self.size
                holes.append((start, position))
        except OSError:
            return
        if holes != self._holes:
            self._holes = holes
            self.cuts += 1
            for start, end in holes:
                self._cut_out(start, end)

    def _cut_out(self, start: int, end: int) -> None:
        """Make one line of all lines inside a new hole, from byte `start` to byte `end`."""
        if start >= self.indexed:
            return
        starts = self._starts
        first, last = bisect_left(starts, start), bisect_left(starts, end)
        tail = starts[last:]
        if end < self.indexed and (not tail or tail[0] != end):
            tail.insert(0, end)
        self._starts = starts[:first]
        self._starts.append(start)
        self._starts.extend(tail)
        if end >= self.indexed:
            self.indexed = min(end, self.size)
            if self._starts[-1] != self.indexed:
                self._starts.append(self.indexed)
            self._break_pending = False
            self._fingerprint = b""

    def _skip_hole(self, hole: tuple[int, int]) -> None:
        start, end = hole
        if self._starts[-1] < start:
            self._starts.append(start)
        self._starts.append(end)
        self.indexed = min(end, self.size)
        self._break_pending = False
        self._fingerprint = b""

    # ---- lines ---------------------------------------------------------------------------------

    def offset(self, line: int) -> int:
        """Return the byte offset in the file at which line number `line`, from 0, begins."""
        return self._starts[line]

    def line_at(self, offset: int) -> int:
        """Return the number of the last line that begins at or before a byte offset."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def dropped(self, line: int) -> int:
        """Return how many bytes the log's cap dropped at a line's place; 0 for a line of text."""
        start = self._starts[line]
        for begin, end in self._holes:
            if begin <= start < end:
                return end - start
        return 0

    def raw(self, line: int) -> bytes:
        """Read the bytes of line `line` from the file, at most 4,096, without the line end."""
        data = self._read(LINE_BYTES, self._starts[line])
        if self._unit == 1:
            end = _LINE_END.search(data)
            return data[: end.start()] if end else data
        data = data[: len(data) - len(data) % 2]
        end = _LINE_END.search(_low_bytes(data, self.encoding))
        return data[: end.start() * 2] if end else data

    def text(self, line: int) -> str:
        """Read line `line` as text, at most 4,096 bytes of it; it may hold terminal escapes."""
        text = self.raw(line).decode(self.encoding, "replace")
        return text.removeprefix("\ufeff").replace("\0", "")

    # ---- search --------------------------------------------------------------------------------

    def find(self, text: str, start: int, stop: int, *, forward: bool = True) -> int | None:
        """Return the number of the first or last line that shows a text; None if no line does.

        Args:
            text: The text to find; case is ignored for A to Z.
            start: First byte of the file to search.
            stop: End of the range of bytes; keep it small, since the range is read at once.
            forward: Whether the first line is returned; else the last.
        """
        needle = text.lower().encode(self.encoding, "replace")
        if not needle or not len(self):
            return None
        data = self._read(stop - start + len(needle) - 1, start).lower()
        low, high = 0, len(data)
        while low < high:
            at = data.find(needle, low, high) if forward else data.rfind(needle, low, high)
            if at < 0:
                return None
            line = self.line_at(start + at)
            begin = self._starts[line]
            shown = begin + len(self.raw(line))
            aligned = (start + at) % self._unit == 0
            if aligned and begin <= start + at and start + at + len(needle) <= shown:
                return line
            # An update that a later one of the same line overwrites is skipped.
            if start + at < shown:
                low, high = (at + 1, high) if forward else (low, at + len(needle) - 1)
            elif forward:
                following = self._starts[line + 1] if line + 1 < len(self._starts) else self.size
                low = max(at + 1, following - start)
            else:
                high = min(at + len(needle) - 1, shown - start)
        return None


def _low_bytes(chunk: bytes, encoding: str) -> bytes:
    """Return one byte for each UTF-16 unit: its character if below 256, else `x`."""
    low, high = (
        (chunk[0::2], chunk[1::2]) if encoding == "utf-16-le" else (chunk[1::2], chunk[0::2])
    )
    if not high.strip(b"\0"):
        return low
    return bytes(a if not b else 120 for a, b in zip(low, high, strict=True))
