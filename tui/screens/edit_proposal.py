"""Provides the editor in which the user changes the file that a proposal would produce."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static, TextArea

from engine.core.errors import AutoresearchError
from engine.core.patches.file_parts import split_files
from engine.core.patches.patch import file_patches
from engine.core.records import Queued
from engine.protocol.commands import EditProposal
from tui.actions.review import EDITOR
from tui.present.diff_rows import rows_of
from tui.present.proposal import change_since
from tui.present.text import clean_line
from tui.screens.action_screen import ActionScreen, Severity, bindings_of
from tui.screens.code_area import CodeArea
from tui.screens.confirm import ConfirmScreen
from tui.screens.footer import ActionFooter
from tui.terminal.external_editor import decode_text, delete_copy, private_copy
from tui.terminal.suspend import suspend_and_edit
from tui.view import View


def open_editor(screen: ActionScreen[None], queued: Queued) -> None:
    """In the background, read the file that a proposal would produce, then open its editor.

    Shows a warning instead if the file cannot be read or the proposal was decided meanwhile.

    Args:
        screen: The screen on which the user asked for the editor.
        queued: The proposal to edit.
    """
    app, shell = screen.app, screen.shell

    async def opening() -> None:
        try:
            found = await shell.feed.candidate(shell.view.session, queued)
        except AutoresearchError as error:
            app.notify(str(error), severity="warning")
            return
        if gone := change_since(shell.view.session, queued, same_state=False):
            app.notify(gone, severity="warning")
        elif not app.screen.is_modal and not isinstance(app.screen, EditProposalScreen):
            app.push_screen(EditProposalScreen(queued, found.after, found.base))

    app.run_worker(opening(), group="edit", exclusive=True)


class EditProposalScreen(ActionScreen[None]):
    """Lets the user edit a proposal's file, and keeps the text until the engine has accepted it.

    Args:
        queued: The proposal as the user saw it.
        source: The whole editable file as the proposal would produce it.
        base: The commit that the text is based on.
    """

    CSS_PATH = "edit_proposal.tcss"
    ACTIONS = EDITOR
    BINDINGS = bindings_of(EDITOR, priority=frozenset(action.name for action in EDITOR))
    AUTO_FOCUS = "#source"

    def __init__(self, queued: Queued, source: str, base: str = "") -> None:
        super().__init__()
        self._queued = queued
        self._source = source
        self._base = base
        self._gone = ""
        """Why the proposal can no longer be decided on, as a sentence; "" while it can."""
        self._sending = False
        self._area = CodeArea(id="source")

    def compose(self) -> ComposeResult:
        yield Static(id="edit-head")
        yield Static(id="edit-message")
        yield self._area
        yield ActionFooter(EDITOR, id="edit-footer")

    def on_mount(self) -> None:
        """Load the file, with the cursor on the first line that the proposal changes."""
        self._area.apply_theme()
        if not self._area.load_source(self._source):
            self.tell("This file has line ends that only your own editor keeps: ctrl+e.", "warning")
        changed = [row.new.number for row in rows_of(self._queued.patch) if row.changed and row.new]
        if changed:
            line = changed[0] + self._lines_above()
            self._area.move_cursor((min(line, self._area.document.line_count) - 1, 0))
            self._area.scroll_cursor_visible(center=True)
        self.show(self.view)

    def _lines_above(self) -> int:
        """Return how many lines of the text are above the first file that the proposal changes."""
        names = [part.name for part in file_patches(self._queued.patch)]
        for part in split_files(self._source, self.view.session.config.file):
            if part.name in names[:1]:
                return self._source.count("\n", 0, part.start)
        return 0

    @property
    def unsent(self) -> bool:
        """Return whether the user has changed the text; a sent text closes the screen."""
        return not self._area.read_only and self._area.text != self._source

    def show(self, view: View) -> None:
        """Paint the footer and the head, with a warning if the proposal was decided elsewhere."""
        self.query_one(ActionFooter).show(view)
        # A parked proposal can be edited as well as one that is asked about.
        self._gone = change_since(view.session, self._queued, same_state=False)
        self._paint()

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._paint()

    def _paint(self) -> None:
        file = clean_line(self.view.session.config.file_names)
        mark = ("  ● not sent yet", "$warning bold") if self.unsent else ("", "")
        gone = (f"\n! {clean_line(self._gone)}", "$warning") if self._gone else ("", "")
        head = Content.assemble(
            (f"{file} as proposal {self._queued.number} makes it", "bold"),
            mark,
            (f"\n{clean_line(self._queued.proposal.hypothesis)}", "$text-muted"),
            gone,
        )
        self.query_one("#edit-head", Static).update(head)

    def tell(self, message: str, severity: Severity = "information") -> None:
        """Show a message above the text area, since a toast would cover the text."""
        line = self.query_one("#edit-message", Static)
        style = "" if severity == "information" else "$warning bold"
        line.update(Content.styled(clean_line(message), style))
        line.set_class(bool(message), "-open")

    # ---- what the keys do ------------------------------------------------------------------------

    def _after_keys(self, then: Callable[[], object]) -> None:
        """Call a function once the text area has applied the keys typed so far."""
        self._area.call_later(then)

    def action_send(self) -> None:
        """Send the changed text to the engine in place of the proposal; a refused text stays here.

        An unchanged text is not sent.
        """
        self._after_keys(lambda: self.run_worker(self._send()))

    async def _send(self) -> None:
        if self._sending:
            return
        if not self.unsent:
            self.tell("Nothing is changed yet; a in the card approves it as it is.")
            return
        patch = self._queued.proposal.patch_id
        self._sending = True
        try:
            command = EditProposal(patch_id=patch, source=self._area.text, base=self._base)
            reply = await self.shell.feed.send(command)
        except AutoresearchError as error:
            self.tell(f"{error} Your text is still here.", "warning")
            return
        finally:
            self._sending = False
        if not reply.ok:
            self.tell(f"{reply.message} Your text is still here.", "warning")
            return
        self.dismiss()
        self.app.notify(reply.message)

    def action_outside(self) -> None:
        """Edit a private copy of the text in the user's own editor, and take over what it leaves.

        The terminal is handed to that editor until it exits.
        """
        self._after_keys(self._edit_outside)

    def _edit_outside(self) -> None:
        before = self._source if self._area.read_only else self._area.text
        path = private_copy(before, self.view.session.config.file)
        path.chmod(0o600)
        problem = suspend_and_edit(self.app, path)
        try:
            after = decode_text(path.read_bytes(), "What your editor left")
        except AutoresearchError as error:
            self.tell(f"{error} It is in {path}; the text here is as it was.", "warning")
            return
        except OSError as error:
            self.tell(f"{path} cannot be read: {error.strerror}.", "warning")
            return
        delete_copy(path)
        if after != before:
            self._area.read_only = False
            self._area.replace_all(after)
        self.tell(problem or ("" if after != before else "Your editor changed nothing."), "warning")

    def action_back(self) -> None:
        """Close the editor; ask for confirmation first if the text has unsent changes."""
        self._after_keys(self._leave)

    def _leave(self) -> None:
        if not self.unsent:
            self.dismiss()
            return

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.dismiss()

        self.app.push_screen(
            ConfirmScreen(
                "Leave without sending your edit?",
                "What you changed is lost; the proposal stays as it was.",
                "drop it",
                "keep editing",
                self.shell.clock,
            ),
            answered,
        )
