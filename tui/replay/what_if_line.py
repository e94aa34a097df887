"""Shows in one line of a replay which keeps would have stood, with a slider for σ."""

from __future__ import annotations

import math

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip

from engine.core.analysis.counterfactual import Fate, WhatIf
from tui.present.lines import TextLine
from tui.present.what_if import gain_of
from tui.view import View
from tui.widgets.painted import Painted, strip_of

WHAT_IF_KEYS = "← → σ   ↑ ↓ rule   enter type σ   tab leave   esc close"
_SLIDER_CELLS, _SLIDER_DECADES = 13, 3
"""The slider reaches from the largest gain of a keep down to a thousandth of it."""


class WhatIfLine(Painted, can_focus=True):
    """Shows rule, σ and which keeps stand in one line; with the focus, the arrows change them."""

    DEFAULT_CSS = """
    WhatIfLine {
        display: none; height: 1; overflow: hidden hidden; scrollbar-gutter: auto;
        background: $panel;
        &.-open { display: block; }
    }
    """
    BINDINGS = [
        Binding("left", "sigma(-1)", show=False),
        Binding("right", "sigma(1)", show=False),
        Binding("up", "rule(-1)", show=False),
        Binding("down", "rule(1)", show=False),
        Binding("enter", "type", show=False),
        Binding("escape", "close", show=False),
    ]

    class Moved(Message):
        """Posted when the user changed σ by steps of the slider."""

        def __init__(self, steps: int) -> None:
            super().__init__()
            self.steps = steps

    class RuleMoved(Message):
        """Posted when the user chose the next rule, or the previous one (-1)."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Asked(Message):
        """Posted when the user wants to type σ."""

    class Closed(Message):
        """Posted when the user closes the line."""

    class Focused(Message):
        """Posted when the line got or lost the focus."""

        def __init__(self, has_focus: bool) -> None:
            super().__init__()
            self.has_focus = has_focus

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._answer: WhatIf | None = None

    def show(self, view: View) -> None:
        """Paint the answer of the view; the line is hidden where there is none."""
        if view.what_if is not self._answer:
            self._answer = view.what_if
            self.set_class(view.what_if is not None, "-open")
            self.refresh()

    def line(self, y: int) -> Strip:
        if self._answer is None:
            return Strip.blank(0)
        width = self.inner.width
        texts = line_texts(self._answer, width, has_focus=self.has_focus)
        return strip_of(self.runs(texts))

    def action_sigma(self, steps: int) -> None:
        """Post that σ is to be changed."""
        self.post_message(self.Moved(steps))

    def action_rule(self, by: int) -> None:
        """Post that another rule is chosen."""
        self.post_message(self.RuleMoved(by))

    def action_type(self) -> None:
        """Post that σ is to be typed."""
        self.post_message(self.Asked())

    def action_close(self) -> None:
        """Post that the line is to be closed."""
        self.post_message(self.Closed())

    def on_focus(self) -> None:
        """Post that the arrows change σ now."""
        self.post_message(self.Focused(True))
        self.refresh()

    def on_blur(self) -> None:
        """Post that the arrows move in time again."""
        self.post_message(self.Focused(False))
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Take the focus."""
        self.focus()


def line_texts(answer: WhatIf, width: int, *, has_focus: bool) -> list[TextLine]:
    """Return the line's texts with their component classes: the longest form that fits.

    Args:
        answer: The keeps and their fates.
        width: The width of the line in cells.
        has_focus: Whether the arrow keys change σ.
    """
    forms = (_long(answer, has_focus), _short(answer, has_focus))
    fitting = (form for form in forms if sum(cell_len(text) for text, _ in form) <= width)
    return next(fitting, forms[-1])


def _long(answer: WhatIf, has_focus: bool) -> list[TextLine]:
    if not answer.judged:
        return [*_head(answer, has_focus, bar=True), ("  nothing was kept after the baseline", "")]
    return [
        *_head(answer, has_focus, bar=True),
        (f"  {answer.count(Fate.STANDS)} of {len(answer.judged)} keeps stand", "--keep"),
        (f", {answer.count(Fate.REPEATED)} would be run again", "--attention"),
        (f", {answer.count(Fate.DISCARDED)} discarded", "--discard"),
        (f"; supported gain {gain_of(answer, Fate.STANDS)} of {gain_of(answer, *Fate)}", ""),
    ]


def _short(answer: WhatIf, has_focus: bool) -> list[TextLine]:
    if not answer.judged:
        return [*_head(answer, has_focus), ("  nothing kept yet", "")]
    return [
        *_head(answer, has_focus),
        (f"  ✓ {answer.count(Fate.STANDS)} of {len(answer.judged)}", "--keep"),
        (f"  ? {answer.count(Fate.REPEATED)}", "--attention"),
        (f"  ↓ {answer.count(Fate.DISCARDED)}", "--discard"),
        (f"  supported {gain_of(answer, Fate.STANDS)} of {answer.gain(*Fate):.3g}", ""),
    ]


def _head(answer: WhatIf, has_focus: bool, *, bar: bool = False) -> list[TextLine]:
    spread = answer.spread
    assert spread is not None  # a question of a replay has a σ
    sign = "" if math.isinf(spread.degrees) else "≈"
    slider = f" {_slider(answer, spread.sigma)}" if bar else ""
    style = "--accent" if has_focus else ""
    return [
        (f" {answer.config.rule}", "--strong"),
        (f" ‹{slider} σ {sign}{spread.sigma:.3g} ›", style),
    ]


def _slider(answer: WhatIf, sigma: float) -> str:
    """Return a bar with a mark at σ, on a logarithmic scale up to the largest gain of a keep."""
    largest = max((abs(one.gain) for one in answer.judged), default=0.0) or sigma
    share = 1 + math.log10(sigma / largest) / _SLIDER_DECADES
    at = round(min(max(share, 0.0), 1.0) * (_SLIDER_CELLS - 1))
    return "─" * at + "●" + "─" * (_SLIDER_CELLS - 1 - at)
