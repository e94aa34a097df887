"""Appends lines to a journal's file, and writes it again where another program damaged it.

`git clean`, an editor or a sync program may delete, replace or truncate the file while an engine
has it open. The engine keeps a compressed copy of all lines in memory, about a tenth of their size.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from engine.core.errors import EngineBusyError, JournalError
from engine.file_lock import try_lock
from engine.store.durable import TEMPORARY_MARK, keep_aside, sync_directory
from engine.untrusted_files import make_private, open_private

MOST_LINE_BYTES = 64 * 2**20
_CHUNK_BYTES = 1 << 20


class _Copy:
    """The bytes of a file, compressed in memory."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(level=1)
        self._compressed = bytearray()

    def add(self, data: bytes) -> None:
        self._compressed += self._compressor.compress(data)

    def chunks(self) -> Iterator[bytes]:
        decompressor = zlib.decompressobj()
        for data in (bytes(self._compressed), self._compressor.copy().flush()):
            while data:
                yield decompressor.decompress(data, _CHUNK_BYTES)
                data = decompressor.unconsumed_tail


class JournalFile:
    """A journal's file, open for appending by one process.

    Args:
        path: The file, which is created with its directory if there is none.
    """

    def __init__(self, path: Path) -> None:
        """Open and lock the file, and move an incomplete last line to `journal.torn`.

        Raises:
            EngineBusyError: Another process has the file open for appending.
            JournalError: The last line is longer than that of any event.
            OSError: The file cannot be read or written.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = _open_locked(path)
        try:
            if os.fstat(self._fd).st_size == 0:
                # What is appended and synced later needs a name on the disk: the new file's,
                # and those of `<tag>` and `.autoresearch` above it.
                os.fsync(self._fd)
                self._sync_directories()
            self.recovered_bytes = self._recover_torn_line()
            self._copy = _Copy()
            self._size = 0
            while data := os.pread(self._fd, _CHUNK_BYTES, self._size):
                self._copy.add(data)
                self._size += len(data)
        except BaseException:
            os.close(self._fd)
            raise
        self._changed_at = os.fstat(self._fd).st_mtime_ns
        self._unfinished = False
        """True after an append or a sync failed: what of the file is on the disk is unknown."""

    def append(self, line: bytes) -> None:
        """Write one line and sync it; on failure nothing is appended.

        Raises:
            OSError: The disk is full, read-only or fails.
        """
        try:
            if os.write(self._fd, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._fd)
            self._changed_at = os.fstat(self._fd).st_mtime_ns
        except OSError:
            # Half a line must not remain: the next append would continue it.
            self._unfinished = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._copy.add(line)
        self._size += len(line)

    def restore(self) -> str:
        """Write the file again where another program changed, replaced or removed it.

        The other program's file is kept beside it as `journal.foreign-<n>`.

        Returns:
            What happened to the file, to be put after "the journal"; empty: nothing.

        Raises:
            OSError: The file cannot be written.
        """
        if self._unfinished:
            # The kernel may have dropped what it failed to write.
            os.ftruncate(self._fd, self._size)
            os.fsync(self._fd)
        try:
            named = os.stat(self.path, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            named = None
        mine = os.fstat(self._fd)
        if named is not None and os.path.samestat(named, mine) and mine.st_size == self._size:
            if mine.st_mtime_ns == self._changed_at and not self._unfinished:
                return ""
            if self._holds_copy():
                if self._unfinished:
                    self._sync_directories()
                self._changed_at, self._unfinished = mine.st_mtime_ns, False
                return ""
        if named is None:
            what = "was deleted"
        elif not os.path.samestat(named, mine):
            what = "was replaced"
        else:
            what = "was cut short" if mine.st_size < self._size else "was changed"
        aside = self._write_again()
        return what + (f" (the changed file is kept as {aside.name})" if aside else "")

    def close(self) -> None:
        """Close the file and release its lock."""
        os.close(self._fd)

    def _holds_copy(self) -> bool:
        position = 0
        for chunk in self._copy.chunks():
            if os.pread(self._fd, len(chunk), position) != chunk:
                return False
            position += len(chunk)
        return True

    def _write_again(self) -> Path | None:
        """Write all lines to a new file, give it the journal's name, and keep what had that name.

        Returns:
            The path of what had the name; None where nothing had it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{self.path.name}{TEMPORARY_MARK}"
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=prefix)
        os.close(descriptor)
        descriptor = -1
        try:
            descriptor = _open_locked(Path(name))
            for chunk in self._copy.chunks():
                data = memoryview(chunk)
                while data:
                    data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
            aside = keep_aside(self.path, f"{self.path.stem}.foreign")
            os.replace(name, self.path)
        except BaseException:
            if descriptor >= 0:
                os.close(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        os.close(self._fd)
        self._fd, self._unfinished = descriptor, True
        self._sync_directories()
        self._changed_at, self._unfinished = os.fstat(descriptor).st_mtime_ns, False
        return aside

    def _sync_directories(self) -> None:
        for directory in self.path.parents[:3]:
            sync_directory(directory)

    def _recover_torn_line(self) -> int:
        """Move an incomplete last line to `journal.torn`; return its bytes."""
        position = os.fstat(self._fd).st_size
        torn = b""
        while position > 0:
            start = max(0, position - 65536)
            chunk = os.pread(self._fd, position - start, start)
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                torn = chunk[newline + 1 :] + torn
                position = start + newline + 1
                break
            torn = chunk + torn
            position = start
            if len(torn) >= MOST_LINE_BYTES:
                raise line_too_long(self.path, None)
        if torn:
            with open(self.path.with_suffix(".torn"), "ab", opener=open_private) as file:
                file.write(torn + b"\n")
                file.flush()
                os.fsync(file.fileno())
            sync_directory(self.path.parent)
            os.ftruncate(self._fd, position)
            os.fsync(self._fd)
        return len(torn)


def _open_locked(path: Path) -> int:
    """Open a file for appending, create it if there is none, and lock it for this process.

    Readers of a journal never lock it.

    Raises:
        EngineBusyError: Another process has locked it.
        OSError: It cannot be opened, or is not a regular file.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "It is not a regular file", str(path))
    if not try_lock(descriptor):
        os.close(descriptor)
        raise EngineBusyError(
            f"Another engine writes to {path}.",
            "One session has one engine.",
            "Stop it with `autoresearch-tui stop`.",
        )
    make_private(descriptor)
    return descriptor


def line_too_long(path: Path, number: int | None) -> JournalError:
    """Return the error for a line that no event can have; `number` is None for the last one."""
    which = "the last line" if number is None else f"line {number}"
    return JournalError(
        f"{path}, {which} has more than {MOST_LINE_BYTES:,} bytes.",
        "It is not the line of an event.",
        "Restore the journal from a backup, or start a session with another tag.",
    )
