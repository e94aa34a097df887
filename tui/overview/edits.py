"""Provides the overview's list of code edits, with the diff of the one under the cursor."""

from __future__ import annotations

import asyncio

from textual.app import ComposeResult

from engine.core.enums import Origin
from engine.core.errors import AutoresearchError
from engine.core.events import ProposalDrafted, ProposalRevised
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.vector import Vector
from tui.overview.section import ListSection
from tui.present.diff_rows import file_names
from tui.present.numbers import gain_text
from tui.present.results_order import Filter
from tui.present.risk import risk_of
from tui.present.text import clean_line
from tui.present.verdict_marks import category_of, verdict_of
from tui.view import View
from tui.widgets.edit_panel import EditPanel, baseline_note
from tui.widgets.painted import Run
from tui.widgets.row_list import RowList, cell

_WIDE = 100
"""Cells of width from which a row shows the verdict as a word, and the category."""


class EditList(RowList):
    """Lists the experiments' edits of the code, one per line, the newest last."""

    def __init__(self) -> None:
        super().__init__(classes="list")
        self.session = Session()
        self.shown = Filter.ALL
        self.patches: dict[int, str] = {}
        """The recorded patches by experiment number; the search looks in their changed lines."""
        self._numbers: list[int] = []

    @property
    def chosen(self) -> int:
        """Return the number of the experiment under the cursor; 0 if there is none."""
        return self._numbers[self.at] if self._numbers else 0

    def set_session(self, session: Session, *, sift: bool = False) -> None:
        """List the edits of a session that pass the filter; the cursor stays on its experiment.

        Args:
            session: The session.
            sift: True after a change of filter: if that hides the experiment under the cursor, the
                cursor moves to the next listed one.
        """
        before, self.session = self.chosen, session
        self._numbers = [e.number for e in session.experiments if self._is_shown(e)]
        at = None
        if sift and before:
            at = next((i for i, n in enumerate(self._numbers) if n >= before), len(self._numbers))
        self.set_rows(len(self._numbers), at)
        self.refresh()

    def _is_shown(self, e: Experiment) -> bool:
        if e.origin is Origin.CONFIRM or (e.is_baseline and self.shown is not Filter.ALL):
            return False
        return self.shown.shows(e.effective_verdict)

    def empty(self) -> str:
        return "No such edit. f changes the filter."

    def row(self, index: int, width: int) -> list[Run]:
        e = self.session.experiment(self._numbers[index])
        word, style = verdict_of(e) or ("…", "--accent")
        dim, p = self.style_of("--dim"), e.proposal
        size = f"+{p.added} −{p.removed}" if p.added or p.removed else ""
        better = e.gain is not None and e.gain > 0
        named = cell(clean_line(category_of(p)), 14)
        category: list[Run] = [(named, None)] if width >= _WIDE else []
        return [
            (cell(f"#{e.number}", 6, right=True), dim),
            *self.runs([(cell(word, 16) if width >= _WIDE else cell(word[:1], 1), style)]),
            (
                cell(gain_text(e.gain, self.session.direction), 12, right=True),
                self.style_of("--keep" if better else "--discard"),
            ),
            (cell(size, 9, right=True), dim),
            *category,
            (clean_line(p.hypothesis), None),
        ]

    def matches(self, index: int, needle: str) -> bool:
        number = self._numbers[index]
        proposal = self.session.experiment(number).proposal
        text = f"#{number} {proposal.hypothesis} {proposal.category}".lower()
        if needle in clean_line(text):
            return True
        changed = (x for x in self.patches.get(number, "").splitlines() if x[:1] in "+-")
        return any(needle in line.lower() for line in changed if line[:3] not in ("+++", "---"))


class EditsSection(ListSection):
    """Shows the list of edits, and below it the diff of the edit under the cursor."""

    DEFAULT_CSS = """
    EditsSection .list { height: 1fr; }
    EditsSection .below { height: 2fr; }
    """

    def __init__(self) -> None:
        self._list = EditList()
        super().__init__(self._list, id="edits")
        self._edit = EditPanel(classes="below")
        self._edit.can_focus = True
        self._experiments: Vector[Experiment] | None = None
        """The experiments that the list was made from; None before the first paint."""
        self._diff_key: tuple[object, ...] = ()
        """The experiment number, patch id and commit of the diff that is shown; () for none."""
        self._patch = ""

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._edit

    def show(self, view: View) -> None:
        if view.session.experiments is not self._experiments:
            self._experiments = view.session.experiments
            self._list.set_session(view.session)
            self.run_worker(self._read(), group="patches", exclusive=True, exit_on_error=False)
        self._diff()

    async def _read(self) -> None:
        """Read the recorded patches from the events, so that the search covers them."""
        try:
            events = await self.shell.feed.events()
        except AutoresearchError:
            return  # the diff under the cursor is read from a file of its own
        for event in events:
            if isinstance(event, ProposalDrafted | ProposalRevised):
                self._list.patches[event.experiment] = event.patch

    def on_row_list_moved(self) -> None:
        """Show the diff of the edit under the cursor, below the list."""
        self._diff()

    def _diff(self) -> None:
        number, session = self._list.chosen, self._list.session
        if not number:
            self._diff_key = ()
            self._edit.show_patch("", "", "No edit.")
            return
        e = session.experiment(number)
        if self._diff_key == (number, e.proposal.patch_id, e.commit):
            return
        self._diff_key = (number, e.proposal.patch_id, e.commit)
        self.run_worker(self._load(e, session), group="diff", exclusive=True, exit_on_error=False)

    async def _load(self, e: Experiment, session: Session) -> None:
        """Read an experiment's diff in a thread, since git may be slow, and show it."""
        details = await asyncio.to_thread(self.shell.feed.details, e.number)
        self._patch = details.patch
        file = file_names(self._patch, session.config)
        note = baseline_note(file) if e.is_baseline else "No diff is recorded."
        known = self.shell.view.replay is None or not self.shell.view.replay.from_table
        risk = f" · risk: {risk_of(e.findings)}" if known and not e.is_baseline else ""
        self._edit.show_patch(details.patch, f"#{e.number} {file}", note, risk)
        self._edit.border_title = self._edit.caption()

    def caption(self) -> str:
        return f"{self._list.rows:,} edits · {self._list.shown}"

    @property
    def experiment(self) -> int:
        return self._list.chosen

    def cycle_filter(self) -> bool:
        kinds = list(Filter)
        self._list.shown = kinds[(kinds.index(self._list.shown) + 1) % len(kinds)]
        self._list.set_session(self._list.session, sift=True)
        self._diff()
        return True

    def copied(self) -> tuple[str, str]:
        return "Diff", self._patch
