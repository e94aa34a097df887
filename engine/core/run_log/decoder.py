"""Splits the bytes of a growing log into lines, in any encoding and wherever they are cut."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_MAX_LINE = 16_384


class LineDecoder:
    """Decodes the bytes of a log and splits them into lines.

    An update separated by `\\r` is a line too, with the number of the line in which it stands.
    """

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._pending = ""
        self.count = 0
        """The number of lines so far; the last one may not be finished."""
        self.number = 1
        """The number of the line that is not finished, from 1; `\\n` ends a line."""

    def feed(self, data: bytes) -> Iterator[tuple[int, str]]:
        """Yield the lines that the next bytes of the log complete, with their numbers."""
        if self._decoder is None:
            self._head += data
            if len(self._head) < 4:
                return
            data, self._head = self._head, b""
            self._decoder = codecs.getincrementaldecoder(_encoding(data))(errors="replace")
        yield from self._split(self._decoder.decode(data))

    def finish(self) -> Iterator[tuple[int, str]]:
        """Yield the remaining lines, the last of which may lack its end."""
        if self._decoder is None and self._head:
            self._decoder = codecs.getincrementaldecoder(_encoding(self._head))(errors="replace")
            yield from self._split(self._decoder.decode(self._head))
            self._head = b""
        if self._decoder is not None:
            yield from self._split(self._decoder.decode(b"", True))
        yield from self.skip()

    def skip(self) -> Iterator[tuple[int, str]]:
        """Yield the unfinished line as it is, because the bytes after it are missing."""
        if self._pending:
            pending, self._pending = self._pending, ""
            yield self.number, _clean(pending)

    @property
    def unfinished(self) -> str:
        """The whole words of the unfinished line; the last one may be cut in the middle."""
        if not self._pending or len(self._pending) > _MAX_LINE:
            return ""
        text = _ANSI.sub("", self._pending)
        end = len(text)
        while end and not (text[end - 1].isspace() or text[end - 1] in ")]"):
            end -= 1
        return text[:end]

    def _split(self, text: str) -> Iterator[tuple[int, str]]:
        lines = (self._pending + text.replace("\0", "")).split("\n")
        last = lines.pop()
        for line in lines:
            number = self.number
            self.number += 1
            for update in line.split("\r"):
                if update:
                    yield number, _clean(update)
        self.count = self.number - 1 + bool(last)
        *updates, self._pending = last.split("\r")
        for update in updates:
            if update:
                yield self.number, _clean(update)
        if len(self._pending) > _MAX_LINE:
            self._pending = self._pending[-_MAX_LINE:]


def _clean(line: str) -> str:
    line = line[:_MAX_LINE]
    return (_ANSI.sub("", line) if "\x1b" in line else line).rstrip()


def _encoding(head: bytes) -> str:
    """Return a log's Python encoding by its first bytes: a byte-order mark, or UTF-16's NULs."""
    if head.startswith(b"\xff\xfe"):
        return "utf-16"
    if head.startswith(b"\xfe\xff"):
        return "utf-16"
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    sample = head[:512]
    if len(sample) >= 4 and sample[1::2].count(0) > len(sample) // 4:
        return "utf-16-le"
    if len(sample) >= 4 and sample[0::2].count(0) > len(sample) // 4:
        return "utf-16-be"
    return "utf-8"
