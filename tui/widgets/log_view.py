"""Shows a run's log of any size, read from its file while that grows, with a search."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.cells import cell_len
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from engine.core.text import plural
from engine.store.log_file import LogFile
from tui.present.text import clean_line
from tui.view import View
from tui.widgets.log_lines import LogLines
from tui.widgets.log_search import LogSearch
from tui.widgets.painted import Painted, strip_of

_SLICE_SECONDS = 0.012


class LogView(Painted):
    """A panel that shows a log file, and follows its end until the user scrolls up.

    Args:
        poll_seconds: Seconds between two reads of the file, each with at most one repaint.
    """

    COMPONENT_CLASSES = {"--match", "--here"}

    DEFAULT_CSS = """
    LogView { overflow-x: auto; scrollbar-gutter: stable; }
    LogView > .--match { background: $warning 40%; text-style: bold; }
    LogView > .--here { background: $warning; color: auto; text-style: bold; }
    LogView:ansi > .--match, LogView:nocolor > .--match {
        background: initial;
        text-style: underline bold;
    }
    LogView:ansi > .--here, LogView:nocolor > .--here {
        background: initial;
        text-style: reverse bold;
    }
    """

    @dataclass
    class Searched(Message):
        """Posted when a search in a worker has ended; `found` is True if a line has the text."""

        text: str
        found: bool

    def __init__(
        self,
        poll_seconds: float = 0.25,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.no_log_note = "No run yet."
        """The text shown while `follow` was given no file."""
        self._poll_seconds = poll_seconds
        self._timer: Timer | None = None
        self._log: LogFile | None = None
        self._generation = 0
        self._count = 0
        self._following = True
        self._seen_count = 0
        self._lines = LogLines(self)
        self._filling = False

    # ---- what is shown ---------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Show the log of the view's newest run, also while the next experiment has none yet."""
        if (active := view.session.running) is not None:
            self.follow(Path(view.session.workspace) / active.directory / "run.log")
            return
        for experiment in (view.session.experiments[-1:], view.session.experiments[-2:-1]):
            if experiment and (run := experiment[0].run) is not None:
                self.follow(Path(view.session.workspace) / run.directory / "run.log")
                return
        self.follow(None)

    def follow(self, path: Path | None) -> None:
        """Show a log file from now on, which need not exist yet; None for no log.

        Naming the same file again changes nothing.
        """
        if path == self.path:
            return
        if self._log is not None:
            self._log.close()
        self._log = None if path is None else LogFile(path)
        self._start_over()
        if self.is_mounted:
            self._poll_file()

    @property
    def path(self) -> Path | None:
        """The log file that is shown; None for no log."""
        return self._log.path if self._log is not None else None

    @property
    def following(self) -> bool:
        """True while the panel keeps the newest line in view."""
        return self._following

    @property
    def line_count(self) -> int:
        """The number of the file's lines that are indexed so far."""
        return self._count

    def set_poll(self, seconds: float) -> None:
        """Change the seconds between two reads of the log file."""
        if seconds == self._poll_seconds:
            return
        self._poll_seconds = seconds
        if self._timer is not None:
            self._timer.stop()
            self._timer = self.set_interval(seconds, self._poll_file)

    def caption(self) -> str:
        """Return the title in the panel's border: `run.log · 1,234 lines`; `Run log` for no log."""
        if self._log is None:
            return "Run log"
        return f"{clean_line(self._log.path.name)} · {self._count:,} lines"

    def _start_over(self) -> None:
        self._lines.forget()
        self._generation = self._log.generation if self._log is not None else 0
        self._count = self._seen_count = self._lines.widest = 0
        self._following = True
        self._lines.hit = None
        self.virtual_size = Size(0, 0)
        if self.is_mounted:
            self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

    def notify_style_update(self) -> None:
        """Discard the painted lines: the theme or a pseudo-class changed. Called by Textual."""
        super().notify_style_update()
        self._lines.forget()

    # ---- following the file ----------------------------------------------------------------------

    def on_mount(self) -> None:
        self._timer = self.set_interval(self._poll_seconds, self._poll_file)
        self._poll_file()

    def on_unmount(self) -> None:
        if self._log is not None:
            self._log.close()

    def _poll_file(self) -> None:
        """Read how the log file has grown; index for 12 ms now, and the rest in a worker."""
        log = self._log
        if log is None or self._filling:
            return
        top = self._top_offset()
        cuts = log.cuts
        if not log.poll() and not log.behind:
            # Lines painted since the last read may be wider than any before.
            self._fit_size(log)
            return
        if log.generation != self._generation:
            self._start_over()
        if self._index_slice(log):
            self._filling = True
            self.run_worker(self._fill(log), group="fill", exclusive=True, exit_on_error=True)
        if log.cuts != cuts:
            self._lines.forget()
            if not self._following and top is not None:
                self._fit_size(log)
                self.scroll_to(y=log.line_at(top), animate=False, force=True)
        self._show_growth(log)

    def _index_slice(self, log: LogFile) -> bool:
        end = perf_counter() + _SLICE_SECONDS
        while log.advance():
            if perf_counter() > end:
                return True
        return False

    async def _fill(self, log: LogFile) -> None:
        """Index the rest of a large file in slices of 12 ms, so that keys are handled between."""
        shown = perf_counter()
        try:
            while log is self._log and self._index_slice(log):
                if perf_counter() - shown > self._poll_seconds:
                    self._show_growth(log)
                    shown = perf_counter()
                await asyncio.sleep(0.001)
        finally:
            self._filling = False
        if log is self._log:
            self._show_growth(log)

    def _show_growth(self, log: LogFile) -> None:
        """Show the lines indexed so far, with one repaint; scroll to the end while following."""
        self._count = len(log)
        self._fit_size(log)
        if self._following:
            self._seen_count = self._count
            self._to_end()
        self.refresh()

    def _fit_size(self, log: LogFile) -> None:
        size = Size(self._lines.widest, len(log))
        if size != self.virtual_size:
            self.virtual_size = size

    def _to_end(self) -> None:
        bottom = self.max_scroll_y
        if self.scroll_y != bottom:
            self.scroll_to(y=bottom, animate=False, force=True)

    def _top_offset(self) -> int | None:
        top = int(self.scroll_offset.y)
        return self._log.offset(top) if self._log is not None and top < len(self._log) else None

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        at_end = new_value >= self.max_scroll_y
        if at_end != self._following:
            self._following = at_end
            self._seen_count = self._count
            self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        if self._following:
            self._to_end()

    # ---- painting --------------------------------------------------------------------------------

    def line(self, y: int) -> Strip:
        log = self._log
        if log is None or not self._count:
            return strip_of(self.runs([(self._empty_note(), "--dim")] if y == 0 else []))
        row = y + int(self.scroll_offset.y)
        return self._lines.strip(log, row) if 0 <= row < len(log) else Strip.blank(0)

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if self._following or not self._count or y != self.inner.height - 1:
            return strip
        note = self._below_note()
        room = self.inner.width - cell_len(note)
        if room < 0:
            return strip
        note_strip = strip_of([(note, self.style_of("--attention"))]).apply_style(self.rich_style)
        return Strip.join([strip.crop(0, room), note_strip])

    def _below_note(self) -> str:
        new = self._count - self._seen_count
        lines = f"{plural(new, 'new line')} · " if new > 0 else ""
        return f" ▼ {lines}end to follow "

    def _empty_note(self) -> str:
        if self._log is None:
            return self.no_log_note
        if not self._log.exists:
            return f"Waiting for {clean_line(str(self._log.path.name))} …"
        return "No output yet."

    # ---- search ----------------------------------------------------------------------------------

    def search(self, text: str, *, forward: bool = True) -> bool:
        """Go to the next (or previous) line that contains a text, wrapping around the file.

        Args:
            text: The text, in any case; "" ends the search.
            forward: False to go to the previous line.

        Returns:
            False if no line contains it. True if one was found, or if the file is so large that a
            worker continues the search and then posts `Searched`.
        """
        needle = clean_line(text).lower()
        if not needle:
            self.clear_search()
            return False
        if needle != self._lines.needle:
            self._lines.needle, self._lines.hit = needle, None
            self._lines.forget()
            self.refresh()
        log = self._log
        if log is None or not len(log):
            return False
        search = LogSearch(log, needle, self._from_line(log, forward), forward)
        while not search.done:
            search.step()
            if search.slice_seconds > 2 * _SLICE_SECONDS and not search.done:
                self.run_worker(self._search_on(search), group="search", exclusive=True)
                return True
        return self._searched(search)

    def clear_search(self) -> None:
        """Cancel the search in the worker, and remove the marks from the matches."""
        self.workers.cancel_group(self, "search")
        if self._lines.needle:
            self._lines.needle, self._lines.hit = "", None
            self._lines.forget()
            self.refresh()

    def _from_line(self, log: LogFile, forward: bool) -> int:
        """Return the number of the line to begin a search at; the present match is left out."""
        if self._lines.hit is not None:
            return self._lines.hit + (1 if forward else 0)
        top = int(self.scroll_offset.y)
        return top if forward else min(len(log), top + self.inner.height)

    async def _search_on(self, search: LogSearch) -> None:
        while not search.done:
            search.slice_seconds = 0.0
            while not search.done and search.slice_seconds < _SLICE_SECONDS:
                search.step()
            await asyncio.sleep(0.001)
            if search.log is not self._log or search.needle != self._lines.needle:
                return
        self.post_message(self.Searched(search.needle, self._searched(search)))

    def _searched(self, search: LogSearch) -> bool:
        if search.hit is None:
            return False
        self._lines.hit = search.hit
        height = max(1, self.inner.height)
        top = int(self.scroll_offset.y)
        if not top <= search.hit < top + height - 1:
            y = max(0, search.hit - height // 2)
            self._following = False
            self._seen_count = self._count
            self.scroll_to(y=y, animate=False, force=True)
        self.refresh()
        return True

    # ---- actions ---------------------------------------------------------------------------------

    def action_scroll_end(self) -> None:
        """Go to the last line, and follow the end of the log again."""
        self._following = True
        self._seen_count = self._count
        self._to_end()
        self.refresh()

    def action_scroll_home(self) -> None:
        """Go to the first line of the log."""
        self.scroll_to(0, 0, animate=False, force=True)
