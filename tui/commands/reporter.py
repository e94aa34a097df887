"""Prints a session's events as plain lines, for a pipe, a log file or a bare terminal."""

from __future__ import annotations

import shutil
from typing import TextIO

from engine.core import events as ev
from engine.core.session import Session
from engine.protocol.messages import Progress
from tui.commands.output import clean
from tui.present.plain_log import log_lines

_BAR_CELLS = 24


class Reporter:
    """Prints a line per noteworthy event and, on a terminal, a progress bar for the current run."""

    def __init__(self, out: TextIO, *, terminal: bool) -> None:
        self._out = out
        self._terminal = terminal
        self._bar = False
        self.broken = False
        """True once the reader of the output, such as `head`, is gone; nothing more is printed."""

    def _write(self, text: str) -> None:
        if self.broken:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            self.broken = True

    def line(self, text: str) -> None:
        """Print a line of text; the progress bar is erased first."""
        self._clear()
        self._write(clean(text) + "\n")

    def event(self, event: ev.AnyEvent, session: Session) -> None:
        """Print the lines that describe an event; nothing for events of no interest to the user.

        Args:
            event: The event.
            session: The session's state with the event applied.
        """
        width = shutil.get_terminal_size((120, 24)).columns if self._terminal else 240
        for line in log_lines(event, session, width):
            self.line(line)

    def progress(self, progress: Progress) -> None:
        """Draw the progress bar of the current run; nothing where there is no terminal."""
        if not self._terminal:
            return
        share = progress.share or 0.0
        filled = round(share * _BAR_CELLS)
        parts = [
            f"#{progress.experiment} {progress.phase.value}",
            "━" * filled + "─" * (_BAR_CELLS - filled),
        ]
        parts.append(f"{share:4.0%}")
        if progress.loss is not None:
            parts.append(f"loss {progress.loss:.4f}")
        if progress.tokens_per_second is not None:
            parts.append(f"{progress.tokens_per_second:,.0f} tok/s")
        if progress.remaining_seconds is not None:
            parts.append(f"{progress.remaining_seconds:.0f} s left")
        width = shutil.get_terminal_size((120, 24)).columns - 1
        self._write("\r\x1b[K" + "  ".join(parts)[:width])
        self._bar = True

    def _clear(self) -> None:
        if self._bar:
            self._write("\r\x1b[K")
            self._bar = False
