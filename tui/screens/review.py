"""Provides the approval card: all that the user needs to see before a proposal may run."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Static

from engine.core.records import Queued
from engine.core.session import Session
from engine.core.text import sanitize, short_id
from engine.protocol.commands import ApproveProposal, VetoProposal
from tui.actions.review import CARD
from tui.present.diff_rows import file_names
from tui.present.proposal import LabelledLine, change_since, review_lines, waiting_text
from tui.present.text import clean_line
from tui.screens.action_screen import ActionScreen, Severity, bindings_of
from tui.screens.confirm import IGNORE_SECONDS
from tui.screens.link_line import Label, LinkLine
from tui.view import View
from tui.widgets.edit_panel import EditPanel
from tui.widgets.painted import strip_of
from tui.widgets.wrapped import wrapped

_NO_APPROVAL_SECONDS = 0.8
"""Seconds after the card opened in which it does not approve.

The key that opens the card is also the one that approves: held down, or pressed twice over a slow
connection, it would approve a proposal that the user has not seen.
"""
_LABEL_CELLS = 9
_ROOMY = (110, 36)
"""Columns and rows of a terminal from which the screen stays visible around the card."""


class ReviewPage(EditPanel):
    """Shows the facts about a proposal, and its diff below them, as one page to scroll."""

    def __init__(self) -> None:
        super().__init__(id="page")
        self._facts: list[LabelledLine] = []

    def show_proposal(self, session: Session, queued: Queued) -> None:
        """Show the facts and the diff of this proposal."""
        self._facts = review_lines(session, queued)
        file = file_names(queued.patch, session.config)
        self.show_patch(queued.patch, file, "This edit changes nothing.")

    def paint(self, width: int) -> list[Strip]:
        strips: list[Strip] = []
        for fact in self._facts:
            strips += self._labelled(fact, width)
        caption = f"── {self.caption()} "
        rule = (caption + "─" * max(0, width - cell_len(caption)), self.style_of("--accent"))
        return [*strips, strip_of([]), strip_of([rule]), *super().paint(width)]

    def _labelled(self, fact: LabelledLine, width: int) -> list[Strip]:
        room = max(1, width - _LABEL_CELLS)
        label = f"{fact.label:<{_LABEL_CELLS}}"
        strips = []
        for part in sanitize(fact.text).split("\n"):
            for row in wrapped(part, room) or [""]:
                strips.append(strip_of(self.runs([(label, fact.label_style), (row, fact.style)])))
                label = " " * _LABEL_CELLS
        return strips


class ReviewCard(ModalScreen[None], ActionScreen[None]):
    """Asks the user whether a proposal's patch may run; disabled once that patch was decided on.

    Args:
        queued: The proposal as it waits for the user.
        veto: Ask for the reason of a veto at once.
    """

    CSS_PATH = "review.tcss"
    ACTIONS = CARD
    BINDINGS = bindings_of(CARD)
    AUTO_FOCUS = "#page"

    def __init__(self, queued: Queued, veto: bool = False) -> None:
        super().__init__()
        self._queued = queued
        self._veto_first = veto
        self._gone = ""
        """Why the proposal can no longer be decided on, as a sentence; "" while it can."""
        self._ignores_until = 0.0
        self._approves_from = 0.0
        self._page = ReviewPage()

    def compose(self) -> ComposeResult:
        with Vertical(id="review") as card:
            card.border_title = Content("Does this run?")
            yield self._page
            yield Static(id="wait")
            yield Static(id="note")
            yield _Answers(id="answers")

    def on_mount(self) -> None:
        """Show the proposal, and ignore keys for a moment: they were meant for the screen below."""
        now = self.shell.clock()
        self._ignores_until, self._approves_from = now + IGNORE_SECONDS, now + _NO_APPROVAL_SECONDS
        self._fit(self.app.size.width, self.app.size.height)
        proposal, session = self._queued.proposal, self.view.session
        title = (
            f"Does this run? · proposal {self._queued.number} · patch {short_id(proposal.patch_id)}"
        )
        self.query_one("#review").border_title = Content(clean_line(title))
        self._page.show_proposal(session, self._queued)
        self.show(self.view)
        if self._veto_first:
            self.call_after_refresh(self.action_veto)

    def on_resize(self, event: events.Resize) -> None:
        """Let the card cover nearly the whole of a small terminal."""
        self._fit(event.size.width, event.size.height)

    def _fit(self, width: int, height: int) -> None:
        self.set_class(width < _ROOMY[0] or height < _ROOMY[1], "-tight")

    def show(self, view: View) -> None:
        """Paint the time left to answer, or why the proposal can no longer be decided on."""
        if not self._gone:
            self._gone = change_since(view.session, self._queued)
            if not self._gone and view.session.ended is not None:
                self._gone = f"The session has ended: {view.session.ended}"
            self.query_one(_Answers).show(gone=bool(self._gone))
            self.set_class(bool(self._gone), "-gone")
        if self._gone:
            text, style = f"! {self._gone}", "$warning"
        else:
            text, style = waiting_text(self._queued, view.now)
            style = {"--accent": "$accent"}.get(style, "$warning")
        self.query_one("#wait", Static).update(Content.styled(clean_line(text), style))

    def tell(self, message: str, severity: Severity = "information") -> None:
        """Show a message on the card, since toasts wait until no card is open."""
        self.query_one("#note", Static).update(Content(clean_line(message)))

    # ---- what the keys do ------------------------------------------------------------------------

    async def action_do(self, name: str) -> None:
        """Do an action by its name, unless its key came too soon or the proposal was decided.

        For a moment after the card opened all keys are ignored, and approval for longer.
        """
        now = self.shell.clock()
        if name == "approve" and now < self._approves_from:
            # A repeating key stays ignored until it is released.
            self._approves_from = max(self._approves_from, now + IGNORE_SECONDS)
            self.tell("Look first, then press a once more to approve.")
            return
        if now < self._ignores_until:
            return
        if self._gone and name not in ("later", "copy"):
            self.tell("Nothing was done: the proposal no longer waits. esc goes back.")
            return
        await super().action_do(name)

    def action_approve(self) -> None:
        """Approve exactly the patch that is shown, so that it may run, and close the card."""
        self.shell.send(ApproveProposal(patch_id=self._queued.proposal.patch_id))
        self.dismiss()

    def action_veto(self) -> None:
        """Ask for the reason of a veto; the proposal is vetoed once the user has given one."""
        from tui.screens.ask_text import AskText

        if self._gone or self.app.screen is not self:
            return
        self.app.push_screen(
            AskText(
                "Veto this proposal: why?",
                "The agent gets your reason with its next prompt, and this patch and similar "
                "ones are not proposed again.",
                yes="veto it",
            ),
            self._vetoed,
        )

    def _vetoed(self, reason: str | None) -> None:
        if not reason:
            return
        if self._gone:
            self.tell("Nothing was sent: the proposal no longer waits. esc goes back.")
            return
        self.shell.send(VetoProposal(patch_id=self._queued.proposal.patch_id, reason=reason))
        self.dismiss()

    def action_edit_proposal(self) -> None:
        """Close the card and open the editor for the file that the proposal would produce."""
        from tui.screens.edit_proposal import open_editor

        open_editor(self, self._queued)
        self.dismiss()

    async def action_copy(self) -> None:
        """Copy the proposal's diff to the clipboard, and show on the card how it was copied."""
        from tui.clipboard import copy

        outcome = await copy(self._queued.patch, self.app.copy_to_clipboard)
        self.tell(f"Diff {outcome}")

    def action_later(self) -> None:
        """Close the card without a decision; the proposal keeps waiting for the user."""
        self.dismiss()


class _Answers(LinkLine):
    """The answers of the approval card and their keys in one line, the safe one marked."""

    def show(self, gone: bool) -> None:
        """Paint the answers.

        Args:
            gone: True if the proposal can no longer be decided on; its answers are then dim.
        """
        key = "$text-muted dim" if gone else "bold $footer-key-foreground"
        label = "$text-muted dim" if gone else ""
        leave = "back" if gone else "decide later"
        labels = [Label(((f"[ esc {leave} ]", "bold reverse"), ("  ", "")), "later")]
        labels += [
            Label(((action.key, key), (f" {action.title.lower()}   ", label)), action.name)
            for action in CARD[:3]
        ]
        labels += [
            Label((("y", "bold $footer-key-foreground"), (" copy diff   ", "")), "copy"),
            Label((("↑↓ scroll", "$text-muted"),), ""),
        ]
        self.set_labels(tuple(labels))
