"""Shows the diff of an experiment, with syntax colours, side by side or unified."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from rich.style import Style
from textual.strip import Strip

from engine.core.patches.language import Language, language_of
from engine.core.patches.patch import file_patches
from tui.present.diff_rows import DiffRow, Side, counts, file_names, rows_of
from tui.present.risk import risk_of
from tui.present.text import clean_line
from tui.view import View
from tui.widgets.painted import Run, Sheet, strip_of
from tui.widgets.python_colour import Span, has_lexer, spans_of
from tui.widgets.wrapped import wrapped

_SIDE_BY_SIDE_CELLS = 100
_BETWEEN = "│"
_COLOURED_ROWS = 500
"""The most rows of a diff that get syntax colours, which cost about 0.1 ms each."""


class EditPanel(Sheet):
    """A panel that shows one diff: side by side from a width of 100 cells, else unified."""

    COMPONENT_CLASSES = {
        "--added",
        "--removed",
        "--added-word",
        "--removed-word",
        "--heading",
        "--keyword",
        "--string",
        "--comment",
        "--number",
        "--definition",
    }

    DEFAULT_CSS = """
    EditPanel > .--added { background: $success 14%; }
    EditPanel > .--removed { background: $error 14%; }
    EditPanel > .--added-word { background: $success 38%; text-style: bold; }
    EditPanel > .--removed-word { background: $error 38%; text-style: bold; }
    EditPanel:ansi > .--added, EditPanel:nocolor > .--added {
        color: $success;
        background: initial;
    }
    EditPanel:ansi > .--removed, EditPanel:nocolor > .--removed {
        color: $error;
        background: initial;
    }
    EditPanel:ansi > .--added-word, EditPanel:nocolor > .--added-word {
        color: $success;
        background: initial;
        text-style: bold reverse;
    }
    EditPanel:ansi > .--removed-word, EditPanel:nocolor > .--removed-word {
        color: $error;
        background: initial;
        text-style: bold reverse;
    }
    EditPanel > .--heading { color: $accent; }
    EditPanel > .--keyword { color: $primary; text-style: bold; }
    EditPanel > .--string { color: $text-success; }
    EditPanel > .--comment { color: $text-muted; text-style: italic; }
    EditPanel > .--number { color: $text-warning; }
    EditPanel > .--definition { color: $text-accent; }
    """

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._patch = ""
        self._caption = "Edit"
        self._note = "No edit yet."
        self._risk = ""
        self._rows: list[DiffRow] = []
        self._spans: dict[Side, list[Span]] = {}
        self._is_python = True

    def show(self, view: View) -> None:
        """Show the patch of the view's newest experiment, or why there is none."""
        session = view.session
        file = file_names(session.latest_patch, session.config)
        if not session.experiments:
            self._set("", "Edit", "No edit yet.")
            return
        newest = session.experiments[-1]
        if view.replay is not None and view.replay.from_table:
            why = clean_line(view.replay.diff_note)
            suffix = f" · {why}" if session.latest_patch and why else ""
            self._set(session.latest_patch, f"#{newest.number} {file}", why, suffix)
            return
        if newest.is_baseline and not session.latest_patch:
            self._set("", f"#1 {file} · baseline", baseline_note(file))
            return
        caption = f"#{newest.number} {file}"
        risk = f" · risk: {risk_of(newest.findings)}"
        self._set(session.latest_patch, caption, "This edit changes nothing.", risk)

    def show_patch(
        self, patch: str, caption: str, note: str = "No diff is recorded.", risk: str = ""
    ) -> None:
        """Show a unified diff that the caller provides.

        Args:
            patch: The diff.
            caption: The title of the border, before the numbers of lines.
            note: The text to show if the diff is empty.
            risk: The end of the title.
        """
        self._set(patch, clean_line(caption), clean_line(note), risk)

    def caption(self) -> str:
        """Return the title in the panel's border: `#14 train.py +3 −1 · risk: ask (2)`."""
        added, removed = counts(self._rows)
        lines = f" +{added} −{removed}" if self._rows else ""
        return f"{self._caption}{lines}{self._risk}"

    def _set(self, patch: str, caption: str, note: str, risk: str = "") -> None:
        now = (self._patch, self._caption, self._note, self._risk)
        if (patch, caption, note, risk) == now:
            return
        if (patch, caption) != (self._patch, self._caption):
            self._patch = patch
            self._rows = rows_of(patch, caption)
            self._spans = {}
            names = [part.name for part in file_patches(patch)]
            self._is_python = all(language_of(n) is Language.PYTHON for n in names)
        self._caption, self._note, self._risk = caption, note, risk
        self.repaint()
        if self.is_mounted:
            self.scroll_to(0, 0, animate=False, force=True)

    # ---- painting --------------------------------------------------------------------------------

    def paint(self, width: int) -> list[Strip]:
        if not self._rows:
            dim = self.style_of("--dim")
            return [strip_of([(line, dim)]) for line in wrapped(self._note, width)]
        if not self._spans and self._is_python:
            if has_lexer():
                self._colour()
            else:
                self.call_after_refresh(self._colour_afterwards)
        digits = len(str(max(_numbers(self._rows), default=0)))
        if width >= _SIDE_BY_SIDE_CELLS:
            return list(self._side_by_side(width, digits))
        return list(self._unified(width, digits))

    def _colour(self) -> None:
        rows = self._rows[:_COLOURED_ROWS]
        for side in ([r.old for r in rows if r.old], [r.new for r in rows if r.new]):
            self._spans.update(zip(side, spans_of([s.text for s in side]), strict=True))

    def _colour_afterwards(self) -> None:
        """Add syntax colours after the first frame, which loading the lexer would delay."""
        if self._rows and not self._spans:
            self._colour()
            self.repaint()

    def _side_by_side(self, width: int, digits: int) -> Iterable[Strip]:
        room = (width - 1) // 2
        between = strip_of([(_BETWEEN, self.style_of("--dim"))])
        for row in self._rows:
            if row.heading:
                yield self._heading(row, width)
                continue
            left = self._side(row.old, "-" if row.changed else " ", room, digits)
            right = self._side(row.new, "+" if row.changed else " ", width - 1 - room, digits)
            for index in range(max(len(left), len(right))):
                first = left[index] if index < len(left) else Strip.blank(room)
                second = right[index] if index < len(right) else Strip.blank(width - 1 - room)
                yield Strip.join([first, between, second])

    def _unified(self, width: int, digits: int) -> Iterable[Strip]:
        changed: list[DiffRow] = []
        for row in [*self._rows, DiffRow()]:
            if row.changed:
                changed.append(row)
                continue
            for each in changed:
                yield from self._side(each.old, "-", width, digits)
            for each in changed:
                yield from self._side(each.new, "+", width, digits)
            changed.clear()
            if row.heading:
                yield self._heading(row, width)
            else:
                yield from self._side(row.new, " ", width, digits)

    def _heading(self, row: DiffRow, width: int) -> Strip:
        line = "━" if row.is_file else "─"
        text = f"{line * 2} {row.heading} "
        style = self.style_of("--heading") + Style(bold=row.is_file)
        return strip_of([(text + line * max(0, width - len(text)), style)])

    def _side(self, side: Side | None, sign: str, width: int, digits: int) -> list[Strip]:
        """Return the strips of one line of a file, several if it is too long; [] for None.

        Args:
            side: The line; None where the other file has no counterpart.
            sign: `+`, `-` or a space, which also decides the background.
            width: Cells of the strips.
            digits: Cells of the line numbers.
        """
        if side is None:
            return []
        name = {"+": "--added", "-": "--removed"}.get(sign)
        base = self.style_of(name) if name else Style()
        gutter = strip_of([(f"{side.number:>{digits}} {sign} ", base + self.style_of("--dim"))])
        room = max(1, width - gutter.cell_length)
        code = strip_of(self._code(side, base, name))
        follow = Strip.blank(gutter.cell_length, base)
        strips = []
        for start in range(0, max(1, code.cell_length), room):
            piece = code.crop_extend(start, start + room, base)
            strips.append(Strip.join([follow if start else gutter, piece]))
        return strips

    def _code(self, side: Side, base: Style, name: str | None) -> list[Run]:
        word = base + self.style_of(f"{name}-word") if name else base
        # A changed line without a background is known by its colour, so it gets no others.
        spans = self._spans.get(side, ()) if base.bgcolor or not name else ()
        edges = {0, len(side.text)}
        for start, end, _ in spans:
            edges |= {start, end}
        for start, end in side.marks:
            edges |= {start, end}
        cuts = sorted(edges)
        runs: list[Run] = []
        for start, end in pairwise(cuts):
            style = base
            for first, last, token in spans:
                if first <= start < last:
                    style = base + self.style_of(token)
                    break
            if any(first <= start < last for first, last in side.marks):
                style = style + Style(bgcolor=word.bgcolor, bold=word.bold, reverse=word.reverse)
            runs.append((side.text[start:end], style))
        return runs


def baseline_note(file: str) -> str:
    """Return the text shown in place of the baseline's diff: `the baseline: train.py as it is`."""
    return f"the baseline: {file} as it is"


def _numbers(rows: list[DiffRow]) -> Iterable[int]:
    for row in rows:
        for side in (row.old, row.new):
            if side is not None:
                yield side.number
