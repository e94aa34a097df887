"""Writes a run's loss curve to a file beside its log, and reads the curve of any run."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from engine.core.curves.curve import Curve, CurveBuilder, decode, encode
from engine.core.layout import CURVE_NAME
from engine.core.run_log.reader import RunLog
from engine.store.durable import write_atomically
from engine.untrusted_files import open_regular, read_regular

_MOST_BYTES = 1 << 20
_LOG_NAME = "run.log"
_MOST_LOG_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20
_QUICK_LOG_BYTES = 64 << 10
_log = logging.getLogger(__name__)


class CurveWriter:
    """Keeps a run's curve file up to date: appends points, or writes all again where some changed.

    The curve can be made again from the run's log, so the file is not synced, and an error of the
    disk only leaves it short.

    Args:
        path: The file. One that is there already is replaced by the first point.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[CurveBuilder, int, int] | None = None
        """The curve that the file holds, with its generation and the number of points."""
        self._has_failed = False

    def write(self, curve: CurveBuilder) -> None:
        """Write the points that the file lacks; the engine's log says where that fails."""
        known, count = 0, len(curve.points)
        if self._written is not None and self._written[:2] == (curve, curve.generation):
            known = self._written[2]
        if count == known:
            return
        try:
            if known:
                flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
                with open(os.open(self._path, flags), "ab") as file:
                    file.write(encode(curve.points[known:]))
            else:
                write_atomically(self._path, encode(curve.points))
        except OSError as error:
            if not self._has_failed:
                _log.warning("%s could not be written: %s", self._path, error.strerror)
            self._written, self._has_failed = None, True
            return
        self._written = curve, curve.generation, count


class CurveFile:
    """The loss curve of one run, read from its curve file, or from its log where it has none.

    Args:
        directory: The directory of the run's files.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._state: tuple[object, ...] = ()
        self.curve = Curve()
        """The curve as of the last `poll`; without points where nothing is known of it."""

    @property
    def is_slow(self) -> bool:
        """Return whether the next `poll` has to read a log, at some 3 MiB a second."""
        if self._state or _state_of(self._directory / CURVE_NAME):
            return False
        try:
            return os.stat(self._directory / _LOG_NAME).st_size > _QUICK_LOG_BYTES
        except OSError:
            return False

    def poll(self) -> bool:
        """Read the curve again if its file has changed, and return whether it has."""
        path = self._directory / CURVE_NAME
        state = _state_of(path)
        if not state:
            path = self._directory / _LOG_NAME
            state = _state_of(path)
        if state == self._state:
            return False
        self._state = state
        try:
            if path.name == CURVE_NAME:
                self.curve = decode(read_regular(path, _MOST_BYTES))
            else:
                self.curve = curve_of_log(path)
        except OSError:
            self.curve = Curve()
        return True


def read_curve(directory: Path) -> Curve:
    """Return the loss curve of a run from the directory of its files; empty where there is none."""
    file = CurveFile(directory)
    file.poll()
    return file.curve


def curve_of_log(path: Path) -> Curve:
    """Return the loss curve that the progress lines of a log make, of its first 64 MiB.

    Raises:
        OSError: There is no such log, or it cannot be read.
    """
    log, left = RunLog(""), _MOST_LOG_BYTES
    with open(open_regular(path), "rb") as file:
        while left > 0 and (data := file.read(min(_CHUNK_BYTES, left))):
            log.feed(data)
            left -= len(data)
    log.finish()
    return Curve(log.curve.points)


def _state_of(path: Path) -> tuple[object, ...]:
    """Return what changes when a file does; empty where there is none."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return ()
    return path.name, found.st_ino, found.st_size, found.st_mtime_ns
