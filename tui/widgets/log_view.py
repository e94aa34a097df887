"""The training run's log: any size, while it grows, painted from the file."""

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
from engine.store.log_file import LINE_BYTES, LogFile
from tui.present.numbers import size
from tui.present.text import clean_line
from tui.view import View
from tui.widgets.ansi_colour import runs_of
from tui.widgets.log_search import LogSearch
from tui.widgets.painted import Painted, Run, strip_of

_SLICE_SECONDS = 0.012
_CACHED_LINES = 512


class LogView(Painted):
    """A log that follows its end until the person scrolls up.

    Args:
        poll_seconds: How often the file is looked at; there is at most one repaint each time.
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
        """A search that took longer than one slice came to its end."""

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
        """What stands where there is no file."""
        self._poll_seconds = poll_seconds
        self._timer: Timer | None = None
        self._log: LogFile | None = None
        self._generation = 0
        self._count = 0
        self._following = True
        self._seen_count = 0
        self._widest = 0
        self._cache: dict[tuple[int, int], Strip] = {}
        self._needle = ""
        self._hit: int | None = None
        self._filling = False

    # ---- what is shown ---------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Follow the log of the newest run."""
        for experiment in (view.session.experiments[-1:], view.session.experiments[-2:-1]):
            if experiment and (run := experiment[0].run) is not None:
                self.follow(Path(view.session.workspace) / run.directory / "run.log")
                return
        self.follow(None)

    def follow(self, path: Path | None) -> None:
        """Show another file, or none; the same file again changes nothing."""
        if path == self.path:
            return
        if self._log is not None:
            self._log.close()
        self._log = None if path is None else LogFile(path)
        self._start_over()
        if self.is_mounted:
            self._look()

    @property
    def path(self) -> Path | None:
        """The file shown."""
        return self._log.path if self._log is not None else None

    @property
    def following(self) -> bool:
        """Whether the newest line is kept in view."""
        return self._following

    @property
    def line_count(self) -> int:
        """Lines known so far."""
        return self._count

    def set_poll(self, seconds: float) -> None:
        """Look at the file at another interval."""
        if seconds == self._poll_seconds:
            return
        self._poll_seconds = seconds
        if self._timer is not None:
            self._timer.stop()
            self._timer = self.set_interval(seconds, self._look)

    def caption(self) -> str:
        """What the border says: the file's name and how long it is."""
        if self._log is None:
            return "Run log"
        return f"{clean_line(self._log.path.name)} · {self._count:,} lines"

    def _start_over(self) -> None:
        self._cache.clear()
        self._generation = self._log.generation if self._log is not None else 0
        self._count = self._seen_count = self._widest = 0
        self._following = True
        self._hit = None
        self.virtual_size = Size(0, 0)
        if self.is_mounted:
            self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

    def notify_style_update(self) -> None:
        """The theme or a pseudo-class changed."""
        super().notify_style_update()
        self._cache.clear()

    # ---- following the file ----------------------------------------------------------------------

    def on_mount(self) -> None:
        self._timer = self.set_interval(self._poll_seconds, self._look)
        self._look()

    def on_unmount(self) -> None:
        if self._log is not None:
            self._log.close()

    def _look(self) -> None:
        """See what has become of the file; index a slice now and the rest in a worker."""
        log = self._log
        if log is None or self._filling:
            return
        top = self._top_offset()
        cuts = log.cuts
        if not log.poll() and not log.behind:
            # Lines seen since the last look may have been wider than any before.
            self._sized(log)
            return
        if log.generation != self._generation:
            self._start_over()
        if self._index_slice(log):
            self._filling = True
            self.run_worker(self._fill(log), group="fill", exclusive=True, exit_on_error=True)
        if log.cuts != cuts:
            self._cache.clear()
            if not self._following and top is not None:
                self._sized(log)
                self.scroll_to(y=log.line_at(top), animate=False, force=True)
        self._grown(log)

    def _index_slice(self, log: LogFile) -> bool:
        end = perf_counter() + _SLICE_SECONDS
        while log.advance():
            if perf_counter() > end:
                return True
        return False

    async def _fill(self, log: LogFile) -> None:
        """Index a large file in slices; keys are answered between them."""
        shown = perf_counter()
        try:
            while log is self._log and self._index_slice(log):
                if perf_counter() - shown > self._poll_seconds:
                    self._grown(log)
                    shown = perf_counter()
                await asyncio.sleep(0.001)
        finally:
            self._filling = False
        if log is self._log:
            self._grown(log)

    def _grown(self, log: LogFile) -> None:
        """Show the lines there are now, with one repaint."""
        self._count = len(log)
        self._sized(log)
        if self._following:
            self._seen_count = self._count
            self._to_end()
        self.refresh()

    def _sized(self, log: LogFile) -> None:
        whole = Size(self._widest, len(log))
        if whole != self.virtual_size:
            self.virtual_size = whole

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
        return self._paint(log, row) if 0 <= row < len(log) else Strip.blank(0)

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

    def _paint(self, log: LogFile, row: int) -> Strip:
        finished = row < len(log) - 1
        key = (log.offset(row), int(row == self._hit))
        if finished and (cached := self._cache.get(key)) is not None:
            return cached
        dropped = log.dropped(row)
        if dropped:
            runs = self.runs([(f"… {size(dropped)} of output dropped …", "--attention")])
        else:
            text = log.text(row)
            runs = runs_of(text)
            if len(text) >= LINE_BYTES // 2 and len(log.raw(row)) >= LINE_BYTES:
                runs.append((" … the rest of this line is not shown", self.style_of("--dim")))
            if self._needle:
                runs = self._marked(runs, row == self._hit)
        strip = strip_of(runs)
        self._widest = max(self._widest, strip.cell_length)
        if finished:
            if len(self._cache) >= _CACHED_LINES:
                self._cache.clear()
            self._cache[key] = strip
        return strip

    def _marked(self, runs: list[Run], here: bool) -> list[Run]:
        shown = "".join(text for text, _ in runs)
        plain = shown.lower()
        if len(plain) != len(shown):  # a few capitals have small forms of two characters
            plain = shown
        if self._needle not in plain:
            return runs
        mark = self.style_of("--here" if here else "--match")
        marked: list[Run] = []
        at = plain.find(self._needle)
        position = 0
        for text, style in runs:
            start = 0
            while start < len(text):
                end_of_hit = at + len(self._needle)
                if at < 0 or position + start < at:
                    stop = len(text) if at < 0 else min(len(text), at - position)
                    marked.append((text[start:stop], style))
                else:
                    stop = min(len(text), end_of_hit - position)
                    marked.append((text[start:stop], style + mark if style else mark))
                    if position + stop >= end_of_hit:
                        at = plain.find(self._needle, end_of_hit)
                start = stop
            position += len(text)
        return marked

    # ---- search ----------------------------------------------------------------------------------

    def search(self, text: str, *, forward: bool = True) -> bool:
        """Go to the next (or previous) line that shows `text`, once around the file.

        Returns:
            False if it is certain that there is none. True if it was found, or if the file is so
            large that a worker looks on; it then posts `Searched`.
        """
        needle = clean_line(text).lower()
        if not needle:
            self.clear_search()
            return False
        if needle != self._needle:
            self._needle, self._hit = needle, None
            self._cache.clear()
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
        """No more highlights."""
        self.workers.cancel_group(self, "search")
        if self._needle:
            self._needle, self._hit = "", None
            self._cache.clear()
            self.refresh()

    def _from_line(self, log: LogFile, forward: bool) -> int:
        """The line where the search begins; not the one it is at."""
        if self._hit is not None:
            return self._hit + (1 if forward else 0)
        top = int(self.scroll_offset.y)
        return top if forward else min(len(log), top + self.inner.height)

    async def _search_on(self, search: LogSearch) -> None:
        while not search.done:
            search.slice_seconds = 0.0
            while not search.done and search.slice_seconds < _SLICE_SECONDS:
                search.step()
            await asyncio.sleep(0.001)
            if search.log is not self._log or search.needle != self._needle:
                return
        self.post_message(self.Searched(search.needle, self._searched(search)))

    def _searched(self, search: LogSearch) -> bool:
        if search.hit is None:
            return False
        self._hit = search.hit
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
        """Follow the end again."""
        self._following = True
        self._seen_count = self._count
        self._to_end()
        self.refresh()

    def action_scroll_home(self) -> None:
        """Go to the first line."""
        self.scroll_to(0, 0, animate=False, force=True)
