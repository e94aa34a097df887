"""Provides the overview's page about the search: keeps, coverage, novelty and cost."""

from __future__ import annotations

from textual.strip import Strip

from engine.core.analysis.health import (
    RECENT,
    CategoryCoverage,
    ExperimentStretch,
    SearchHealth,
    search_health,
)
from engine.core.enums import Direction, Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.vector import Vector
from tui.overview.section import PageSection
from tui.present.numbers import clock, dollars, gain_text
from tui.present.text import clean_line
from tui.screens.text_page import TextPage
from tui.view import View
from tui.widgets.painted import Run, strip_of
from tui.widgets.row_list import cell
from tui.widgets.wrapped import wrapped

_SIGNS = {
    Verdict.KEEP: ("✓", "--keep"),
    Verdict.DISCARD: ("·", "--discard"),
    Verdict.CRASH: ("✗", "--crash"),
    None: ("–", "--dim"),
}
_SIGNS_AT_MOST = 25
"""The most experiments of a stretch that are shown as a sign each; a longer one has a bar."""
_BAR = 20
"""The greatest width of a bar in cells."""


class HealthPage(TextPage):
    """A page with the figures of a search as text and signs, readable without colour."""

    def __init__(self) -> None:
        super().__init__(classes="list")
        self._health = SearchHealth()
        self._direction = Direction.MIN

    def set_health(self, health: SearchHealth, direction: Direction) -> None:
        """Show these figures of the search; `direction` tells which sign of a gain is better."""
        self._health, self._direction = health, direction
        self.repaint()

    def paint(self, width: int) -> list[Strip]:
        h = self._health
        if not h.tried:
            note = "No experiment after the baseline yet."
            return [strip_of([(note, self.style_of("--dim"))])]
        strips: list[Strip] = []
        for title, body in (
            ("At a glance", self._glance(width)),
            ("Keeps over time", self._over_time()),
            ("Category coverage", self._coverage(width)),
            ("Novelty", self._novelty(width)),
            ("Spent per keep", self._spent(width)),
        ):
            strips += [strip_of([(title, self.style_of("--accent"))]), *body, strip_of([])]
        return strips[:-1]

    def _words(self, text: str, width: int, style: str = "") -> list[Strip]:
        rows = wrapped(text, max(1, width - 2))
        return [strip_of(self.runs([(f"  {row}", style)])) for row in rows]

    def _glance(self, width: int) -> list[Strip]:
        h = self._health
        share = f"{100 * h.kept / h.tried:.0f} %"
        crashed = f"{h.crashed} crashed ({100 * h.crashed / h.tried:.0f} %)"
        text = f"{h.kept} of {h.tried} kept ({share}), {crashed}."
        strips = self._words(text, width)
        if not h.kept:
            dry = f"Nothing was kept yet, in {h.since_keep} experiments."
        elif h.since_keep:
            dry = f"Dry spell: {h.since_keep} since #{h.last_keep} was kept."
        else:
            dry = f"The last experiment, #{h.last_keep}, was kept."
        if h.longest > h.since_keep:
            dry += f" The longest dry spell was {h.longest}, until #{h.longest_end}."
        strips += self._words(dry, width, "--attention" if h.advice else "")
        if h.advice:
            strips += self._words(f"The agent's prompt says: {clean_line(h.advice)}", width)
        return strips

    def _over_time(self) -> list[Strip]:
        h = self._health
        first = max(len(_range(s)) for s in h.stretches)
        strips = []
        for stretch in h.stretches:
            gained = gain_text(stretch.gained, self._direction) if stretch.kept else ""
            strips.append(
                strip_of(
                    [
                        (f"  {_range(stretch):<{first}}  ", self.style_of("--dim")),
                        *self._signs(stretch),
                        ("  ", None),
                        (cell(f"{stretch.kept} kept", 8, right=True), None),
                        (cell(gained, 11, right=True), self.style_of("--keep")),
                        (_cost(stretch), self.style_of("--dim")),
                    ]
                )
            )
        return strips

    def _signs(self, stretch: ExperimentStretch) -> list[Run]:
        most = max(len(s.verdicts) for s in self._health.stretches)
        if most <= _SIGNS_AT_MOST:
            runs = self.runs(_SIGNS[verdict] for verdict in stretch.verdicts)
            return [*runs, (" " * (most - len(stretch.verdicts)), None)]
        count = len(stretch.verdicts)
        full, runs, used = round(_BAR * count / most), [], 0
        for verdict in (Verdict.KEEP, Verdict.CRASH):
            part = sum(v is verdict for v in stretch.verdicts)
            cells = min(full - used, max(1, round(full * part / count))) if part else 0
            sign, style = _SIGNS[verdict]
            runs.append((sign * cells, self.style_of(style)))
            used += cells
        return [
            *runs,
            ("·" * (full - used), self.style_of("--discard")),
            (" " * (_BAR - full), None),
        ]

    def _coverage(self, width: int) -> list[Strip]:
        h = self._health
        most = max(c.tried for c in h.covered)
        size = _BAR if width >= 100 else _BAR // 2
        return [self._covered(c, most, size) for c in h.covered]

    def _covered(self, c: CategoryCoverage, most: int, size: int) -> Strip:
        bar = "▇" * max(1, round(size * c.tried / most)) if c.tried else ""
        crashed = f", {c.crashed} crashed" if c.crashed else ""
        text = f"{c.tried} tried, {c.kept} kept{crashed}" if c.tried else "never tried"
        gained = gain_text(c.gained, self._direction) if c.kept else ""
        last = f"last #{c.last}" if c.last and size == _BAR else ""
        return strip_of(
            [
                (f"  {cell(clean_line(c.name), 15)}", None),
                (cell(bar, size), self.style_of("--accent" if c.kept else "--dim")),
                (cell(text, 30), None if c.tried else self.style_of("--attention")),
                (cell(gained, 11, right=True), self.style_of("--keep")),
                (f" {last}", self.style_of("--dim")),
            ]
        )

    def _novelty(self, width: int) -> list[Strip]:
        h = self._health
        strips = self._words(
            f"{h.new} of {h.judged} ideas were unlike any before, by the words of their "
            "hypotheses or the knobs they turn; the others vary an earlier one.",
            width,
        )
        if h.judged > RECENT:
            text = f"Of the last {RECENT}: {h.recent}."
            strips += self._words(text, width, "" if h.recent else "--attention")
        if h.repeated:
            strips += self._words(
                f"{h.repeated} left the file exactly as one before had.", width, "--attention"
            )
        beside = [f"{h.vetoed} vetoed"] if h.vetoed else []
        beside += [f"{h.parked} parked"] if h.parked else []
        if beside:
            strips += self._words(f"Beside them: {', '.join(beside)}.", width)
        return strips

    def _spent(self, width: int) -> list[Strip]:
        h = self._health
        keeps = max(1, h.kept)
        each = "per keep" if h.kept else "so far, and no keep for it"
        parts = [f"{clock(h.seconds / keeps)} of training runs"]
        if h.tokens:
            parts.append(f"{h.tokens / keeps:,.0f} tokens")
        if h.dollars:
            parts.append(dollars(h.dollars / keeps))
        strips = self._words(f"{', '.join(parts)} {each}.", width)
        if h.unpriced:
            strips += self._words(f"{h.unpriced} calls have no known price.", width, "--dim")
        if not h.tokens:
            strips += self._words("No language model was asked.", width, "--dim")
        return strips


def _range(stretch: ExperimentStretch) -> str:
    return (
        f"#{stretch.first}–{stretch.last}" if stretch.last > stretch.first else f"#{stretch.first}"
    )


def _cost(stretch: ExperimentStretch) -> str:
    """Return the cost per keep of a stretch, or its whole cost if none was kept; "" for no cost."""
    keeps = max(1, stretch.kept)
    per = "per keep" if stretch.kept else "without a keep"
    parts = [clock(stretch.seconds / keeps)] if stretch.seconds else []
    if stretch.dollars:
        parts.append(dollars(stretch.dollars / keeps))
    return f"  {', '.join(parts)} {per}" if parts else ""


class HealthSection(PageSection):
    """Shows the page of figures, computed only when the experiments or the spending change."""

    def __init__(self) -> None:
        self._page = HealthPage()
        super().__init__(self._page, id="health")
        self._computed_from: tuple[Vector[Experiment], object] | None = None
        self._health = SearchHealth()

    def show(self, view: View) -> None:
        session: Session = view.session
        source = (session.experiments, session.spending)
        if self._computed_from is None or any(
            a is not b for a, b in zip(source, self._computed_from, strict=True)
        ):
            self._computed_from = source
            self._health = search_health(session)
            self._page.set_health(self._health, session.direction)

    def caption(self) -> str:
        h = self._health
        return f"{h.tried:,} experiments after the baseline, without repeated measurements"

    def copied(self) -> tuple[str, str]:
        return "Search health", self._page.text()
