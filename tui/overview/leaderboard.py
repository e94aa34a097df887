"""Provides the overview's leaderboard: measured experiments, best first, with details of one."""

from __future__ import annotations

from textual.app import ComposeResult

from engine.core.analysis.leaderboard import Leaderboard, Place, leaderboard
from engine.core.enums import Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.vector import Vector
from tui.overview.section import ListSection
from tui.present.lines import TextLine
from tui.present.numbers import gain_text, metric
from tui.present.text import clean_line
from tui.present.verdict_marks import category_of, verdict_of
from tui.screens.text_page import TextPage
from tui.view import View
from tui.widgets.painted import Run
from tui.widgets.row_list import RowList, cell

_WIDE = 110
"""The width in cells from which the commit and the category are shown."""
_NARROW = 100
"""The width in cells below which the status is only a sign and the runs are not shown."""


class PlaceList(RowList):
    """Lists the places of the leaderboard, one per line, the best first."""

    def __init__(self) -> None:
        super().__init__(classes="list")
        self.session = Session()
        self.kept_only = False
        self._places: tuple[Place, ...] = ()

    @property
    def place(self) -> Place | None:
        """Return the place under the cursor; None if the list is empty."""
        return self._places[self.at] if self._places else None

    def set_places(self, session: Session, places: tuple[Place, ...]) -> None:
        """List these places; a cursor on the first row stays there, any other on its experiment.

        Args:
            session: The session whose experiments the places name.
            places: The places to list, the best first.
        """
        before = self.place
        self.session, self._places = session, places
        numbers = [place.number for place in places]
        # On the first row the cursor stays there, so that the best is always in view.
        stays = self.at > 0 and before is not None and before.number in numbers
        self.set_rows(len(places), numbers.index(before.number) if before and stays else 0)
        self.refresh()

    def header(self, width: int) -> str:
        name = clean_line(self.session.config.metric)
        wide = [cell("commit", 8), cell("category", 14)] if width >= _WIDE else []
        status = [cell("runs", 4, right=True), " ", cell("status", 16)]
        return "".join(
            [
                cell("", 5),
                cell("#", 6, right=True),
                cell(name[:12], 12, right=True),
                cell("Δ baseline", 12, right=True),
                cell("σ", 6, right=True),
                *([cell("", 1)] if width < _NARROW else status),
                *wide,
                "hypothesis",
            ]
        )

    def empty(self) -> str:
        return "No experiment was kept." if self.kept_only else "No experiment is measured yet."

    def row(self, index: int, width: int) -> list[Run]:
        place, e = self._places[index], self._of(index)
        best = e.number == self.session.incumbent
        word, style = verdict_of(e) or ("", "")
        dim, gain = self.style_of("--dim"), gain_text(place.gain, self.session.direction)
        better = place.gain is not None and place.gain > 0
        status = [(cell(word[:1], 1), style)]
        if width >= _NARROW:
            runs = cell(str(place.runs), 4, right=True)
            status = [(runs, "--dim"), (" ", ""), (cell(word, 16), style)]
        wide: list[Run] = []
        if width >= _WIDE:
            commit, category = e.commit[:7], category_of(e.proposal)
            wide = [(cell(clean_line(commit), 8), dim), (cell(clean_line(category), 14), None)]
        return [
            (cell(f"{place.rank}.", 5), dim),
            (cell(f"{'★' if best else ''}#{e.number}", 6, right=True), self.style_of("--strong")),
            (cell(metric(place.value), 12, right=True), self.style_of("--keep") if best else None),
            (cell(gain, 12, right=True), self.style_of("--keep" if better else "--discard")),
            (cell(_sigmas(place), 6, right=True), dim),
            *self.runs(status),
            *wide,
            (clean_line(e.proposal.hypothesis), self.style_of("--strong") if best else None),
        ]

    def matches(self, index: int, needle: str) -> bool:
        e = self._of(index)
        texts = (e.proposal.hypothesis, e.proposal.category, e.commit, f"#{e.number}")
        return any(needle in clean_line(text).lower() for text in texts)

    def _of(self, index: int) -> Experiment:
        return self.session.experiment(self._places[index].number)


def _sigmas(place: Place) -> str:
    return "" if place.sigmas is None else f"{place.sigmas:.1f}".replace("-", "−")


class LeaderboardSection(ListSection):
    """Shows the leaderboard, and below it the details of the place under the cursor."""

    def __init__(self) -> None:
        self._list = PlaceList()
        super().__init__(self._list, id="leaderboard")
        self._about = TextPage(classes="below")
        self._board = Leaderboard()
        self._from_table = False
        """True if only a results table is known, so that runs of one commit cannot be compared."""
        self._replayed = False
        self._experiments: Vector[Experiment] | None = None
        """The experiments that the leaderboard was made from; None before the first paint."""

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._about

    def show(self, view: View) -> None:
        session = view.session
        if session.experiments is not self._experiments:
            self._experiments = session.experiments
            self._replayed = view.replay is not None
            self._from_table = view.replay is not None and view.replay.from_table
            self._board = leaderboard(session, rows=self._from_table)
            self._fill(session)

    def _fill(self, session: Session) -> None:
        places = self._board.places
        if self._list.kept_only:
            kept = (
                p for p in places if session.experiment(p.number).effective_verdict is Verdict.KEEP
            )
            places = tuple(kept)
        self._list.set_places(session, places)
        self._show_place()

    def on_row_list_moved(self) -> None:
        """Show the experiment under the cursor, and the noise of the metric, below the list."""
        self._show_place()

    def _show_place(self) -> None:
        place, session = self._list.place, self._list.session
        if place is None:
            self._about.set_lines(())
            return
        e = session.experiment(place.number)
        lines: list[TextLine] = [(f"#{e.number} {e.proposal.hypothesis}", "--strong")]
        if e.verdict_reason:
            lines.append((f"{(verdict_of(e) or ('', ''))[0]}: {e.verdict_reason}", ""))
        if e.proposal.rationale:
            lines.append((e.proposal.rationale, "--dim"))
        if place.runs > 1:
            mean = (
                "the value is the mean of the runs after the first, which was chosen for its value"
            )
            lines.append((f"Measured {place.runs} times; {mean}.", "--dim"))
        self._about.set_lines((*lines, ("", ""), (self._noise(), "--dim")))

    def _noise(self) -> str:
        noise = self._board.noise
        if self._from_table:
            return "A table does not record how much runs of one commit differ: σ is not known."
        if noise is None:
            again = "" if self._replayed else " On the main screen, r runs an experiment again."
            return f"σ is not known yet: too few runs were repeated.{again}"
        runs = f"{noise.runs} runs of {noise.commits} commits"
        return f"σ is at most {metric(noise.upper)}, from {runs}. Gains are in units of that."

    def caption(self) -> str:
        unplaced = f" · {self._board.unplaced} without a value" if self._board.unplaced else ""
        listed = "kept only" if self._list.kept_only else "all measured"
        return f"{self._list.rows:,} places{unplaced} · {listed}"

    @property
    def experiment(self) -> int:
        place = self._list.place
        return place.number if place is not None else 0

    def cycle_filter(self) -> bool:
        self._list.kept_only = not self._list.kept_only
        self._fill(self._list.session)
        return True

    def copied(self) -> tuple[str, str]:
        place = self._list.place
        return "Commit", "" if place is None else self._list.session.experiment(place.number).commit
