"""Provides the screen that edits program.md and notices changes on the disk."""

from __future__ import annotations

import asyncio
from difflib import unified_diff
from pathlib import Path

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static, TextArea

from engine.core.enums import PROGRAM
from engine.core.errors import AutoresearchError
from engine.core.session import Session
from engine.core.text import sanitize
from engine.protocol.commands import AcceptProgram
from engine.store.program_file import (
    Program,
    ProgramChangedError,
    program_digest,
    read_program,
    write_program,
)
from tui.actions.action import needs_engine
from tui.actions.steering import PROGRAM_FILE
from tui.present.lines import TextLine
from tui.present.text import clean_line
from tui.screens.action_screen import ActionScreen, Severity, bindings_of
from tui.screens.confirm import ConfirmScreen
from tui.screens.footer import ActionFooter
from tui.screens.program_area import ProgramArea
from tui.screens.program_conflict import ConflictScreen, Resolution
from tui.screens.program_draft import ProgramDraft, forget_draft, keep_draft, kept_draft, set_aside
from tui.screens.text_page import TextPage
from tui.terminal.suspend import suspend_and_edit
from tui.view import View

_POLL_SECONDS = 1.0
_BESIDE_CELLS = 110


class ProgramScreen(ActionScreen[None]):
    """Lets the user edit program.md; unsaved text is kept as a draft in the cache directory.

    Args:
        program: program.md as it is on the disk.
        outside: Open the user's own editor at once.
    """

    CSS_PATH = "program.tcss"
    ACTIONS = PROGRAM_FILE
    BINDINGS = bindings_of(PROGRAM_FILE, priority=frozenset(action.name for action in PROGRAM_FILE))

    def __init__(self, program: Program, outside: bool = False) -> None:
        super().__init__()
        self._disk = program
        self._seen = program.key
        """The key (a hash) of the version on the disk that the text began from; "" for no file."""
        self._clean = ""
        """The text when it was last loaded or saved; "" if program.md was deleted since."""
        self._outside = outside
        self._kept = ""
        """The unsaved text that was last kept as a draft; "" if none was."""
        self._keep_unsaved = True
        """True if unsaved text is kept as a draft on closing; False once the user drops it."""
        self._area = ProgramArea(id="program-text")
        self._theirs = TextPage(id="theirs")

    def compose(self) -> ComposeResult:
        yield Static(id="program-head")
        yield Static(id="program-message")
        with Container(id="program-parts"):
            yield self._area
            yield self._theirs
        yield ActionFooter(PROGRAM_FILE, id="program-footer")

    # ---- painting --------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Show the file, or the draft left unsaved last time, and start polling the disk."""
        self._theirs.border_title = Content("what changed on the disk   esc closes")
        self._area.apply_theme()
        self._take(self._disk)
        if not self._disk.key:
            self.tell("There is no program.md yet; saving creates it.")
        draft = kept_draft(self._workspace)
        if draft is not None and draft.text != self._area.text:
            self._seen = draft.seen
            self._area.show_text(draft.text)
            self.tell("These are your unsaved changes from last time; esc drops them.", "warning")
        self._area.focus()
        self.set_interval(_POLL_SECONDS, self._poll)
        self._paint()
        if self._outside:
            self.call_after_refresh(self.action_outside)

    def on_resize(self, event: events.Resize) -> None:
        """Show the text and the changes on the disk side by side only on a wide terminal."""
        self.set_class(event.size.width < _BESIDE_CELLS, "-narrow")

    def on_unmount(self) -> None:
        """Keep the unsaved text as a draft, unless the user has dropped it."""
        if self._keep_unsaved and self.unsaved:
            keep_draft(self._workspace, ProgramDraft(self._seen, self._area.text))

    def show(self, view: View) -> None:
        """Paint the footer, and the line about which version of program.md is in force."""
        if self.is_mounted:
            self.query_one(ActionFooter).show(view)
            self._paint()

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._paint()

    def _paint(self) -> None:
        mark = ("  ● unsaved", "$warning bold") if self.unsaved else ("", "")
        lines = self._area.document.line_count
        head = Content.assemble(
            (PROGRAM, "bold"),
            mark,
            (f"   {lines:,} lines\n", "$text-muted"),
            (in_force(self.view.session, self._disk.key), "$text-muted"),
        )
        self.query_one("#program-head", Static).update(head)

    def tell(self, message: str, severity: Severity = "information") -> None:
        """Show a message above the text area, since a toast would cover the text."""
        line = self.query_one("#program-message", Static)
        style = "" if severity == "information" else "$warning bold"
        line.update(Content.styled(clean_line(message), style))
        line.set_class(bool(message), "-open")

    # ---- the text and the disk -------------------------------------------------------------------

    @property
    def _workspace(self) -> Path:
        return self.shell.feed.workspace

    @property
    def unsaved(self) -> bool:
        """Return whether the text differs from the one last read from or written to the disk."""
        return self._area.text != self._clean

    def _take(self, program: Program) -> None:
        self._disk, self._seen = program, program.key
        self._area.show_text(program.text)
        self._clean = self._area.text
        self._close_theirs()

    async def _poll(self) -> None:
        """Keep the unsaved text as a draft, and check whether program.md was changed on the disk.

        A changed file replaces the text only if nothing is unsaved; else the user gets a warning.
        """
        text = self._area.text
        if self.unsaved and text != self._kept:
            self._kept = text
            await asyncio.to_thread(keep_draft, self._workspace, ProgramDraft(self._seen, text))
            if not self.unsaved:  # saved while the draft was being written
                forget_draft(self._workspace)
                self._kept = ""
        try:
            disk = await asyncio.to_thread(read_program, self._workspace)
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        if disk.key == self._disk.key:
            return
        self._disk = disk
        if disk.key == self._seen:
            self.tell("The file on the disk is again the version you began with.")
        elif not disk.key:
            self._seen = self._clean = ""
            self.tell("program.md was deleted on the disk; ctrl+s writes it again.", "warning")
        elif not self.unsaved:
            self._take(disk)
            self.tell("The file was changed on the disk; this is the new text. Use it: ctrl+s.")
        else:
            self.tell(
                "The file was changed on the disk while you typed. ctrl+s asks what to do.",
                "warning",
            )
        self._paint()

    def action_save(self) -> None:
        """Write the text to program.md, once the text area has applied the keys typed so far."""
        self._area.call_later(lambda: self.run_worker(self._save_seen()))

    async def _save_seen(self) -> None:
        """Write the unsaved text, if the file on the disk is still the version it began from.

        A file that was changed in the meantime opens the card that resolves the conflict.
        """
        if self.unsaved:
            await self._save(self._seen)
        elif self._accept(self._disk.text):
            self.tell(f"Accepted as it is. {takes_effect(self.view.session, 'It')}")
        else:
            self.tell("Nothing is unsaved.")

    async def _save(self, seen: str, before: str = "") -> None:
        text = self._area.text
        self._accept(text)
        try:
            program = await asyncio.to_thread(write_program, self._workspace, text, seen)
        except ProgramChangedError:
            self.app.push_screen(ConflictScreen(self.shell.clock), self._resolve)
            return
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        self._disk, self._seen, self._clean = program, program.key, text
        forget_draft(self._workspace)
        self._kept = ""
        self._close_theirs()
        self.tell(f"Saved. {takes_effect(self.view.session, 'It')}{before}")
        self._paint()

    def _accept(self, text: str) -> bool:
        """Tell the engine that a text is the user's, and no change of the file by a run.

        Returns:
            Whether there was anything to tell: the text is not in force yet, and an engine runs.
        """
        digest, versions = program_digest(text), self.view.session.programs
        in_force = bool(versions) and versions[-1].has(digest)
        if in_force or (not self._disk.key and not text) or needs_engine(self.view) is not None:
            return False
        self.shell.send(AcceptProgram(digest=digest))
        return True

    def _resolve(self, choice: Resolution | None) -> None:
        """Compare, overwrite or take the text on the disk, as the user chose on the card."""
        if choice is Resolution.COMPARE:
            self.run_worker(self._open_theirs())
        elif choice is Resolution.OVERWRITE:
            self.run_worker(self._overwrite())
        elif choice is Resolution.TAKE:
            self.run_worker(self._drop())

    async def _overwrite(self) -> None:
        try:
            theirs = await asyncio.to_thread(read_program, self._workspace)
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        path = set_aside(self._workspace, theirs.key, theirs.text) if theirs.key else None
        await self._save(theirs.key, f" The overwritten text is in {path}" if path else "")

    async def _drop(self) -> None:
        try:
            theirs = await asyncio.to_thread(read_program, self._workspace)
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        mine = set_aside(self._workspace, "mine", self._area.text)
        self._take(theirs)
        forget_draft(self._workspace)
        self.tell(f"This is the file on the disk.{f' Your text is in {mine}' if mine else ''}")
        self._paint()

    async def _open_theirs(self) -> None:
        try:
            self._disk = await asyncio.to_thread(read_program, self._workspace)
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        lines = await asyncio.to_thread(_differences, self._clean, self._disk.text)
        self._theirs.set_lines(lines)
        self._theirs.add_class("-open")
        self.tell("Beside your text: what changed on the disk. ctrl+s asks again.", "warning")

    def _close_theirs(self) -> None:
        self._theirs.remove_class("-open")

    # ---- leaving and the user's own editor -------------------------------------------------------

    async def action_outside(self) -> None:
        """Open program.md in the user's own editor, then read it; refused with unsaved changes."""
        if self.unsaved:
            self.tell("Save first (ctrl+s): your editor opens the file on the disk.", "warning")
            return
        before = self._disk.key
        error = suspend_and_edit(self.app, self._workspace / PROGRAM)
        self.tell("")
        await self._poll()
        if error:
            self.tell(error, "warning")
        elif self._disk.key not in (before, ""):
            self._accept(self._disk.text)
            self.tell(f"As your editor left it. {takes_effect(self.view.session, 'It')}")

    def action_back(self) -> None:
        """Close the changes on the disk if they are shown, else the screen.

        Asks for confirmation first if changes are unsaved; confirming deletes the draft.
        """
        if self._theirs.has_class("-open"):
            self._close_theirs()
            self._area.focus()
            return
        if not self.unsaved:
            self.dismiss(None)
            return

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._keep_unsaved = False
                forget_draft(self._workspace)
                self.dismiss(None)

        self.app.push_screen(
            ConfirmScreen(
                "Drop your unsaved changes?",
                "program.md stays as it is on the disk.",
                "drop them",
                "keep editing",
                self.shell.clock,
            ),
            answered,
        )


def takes_effect(session: Session, what: str = "A change") -> str:
    """Return one sentence about when a change of program.md takes effect.

    Args:
        session: The session that reads program.md.
        what: The subject of the sentence.
    """
    if session.ended is not None:
        return "The session has ended; the next one starts with it."
    return f"{what} takes effect at the next proposal: #{len(session.experiments) + 1}."


def in_force(session: Session, key: str) -> str:
    """Return in words which version of program.md is in force, and when the saved one will be.

    Args:
        session: The session that reads program.md.
        key: The key (a hash) of the version on the disk.
    """
    if not session.programs:
        return takes_effect(session)
    last = session.programs[-1]
    if last.key == key:
        word = "since" if last.experiment <= len(session.experiments) else "from"
        return f"In force {word} #{last.experiment}. {takes_effect(session)}"
    follows = f"this one follows at the next proposal: #{len(session.experiments) + 1}."
    if session.ended is not None:
        follows = "the next session starts with this one."
    return f"In force is the version since #{last.experiment}; {follows}"


def _differences(old: str, new: str) -> tuple[TextLine, ...]:
    styles = {"+": "--keep", "-": "--crash", "@": "--accent"}
    diff = list(
        unified_diff(sanitize(old).split("\n"), sanitize(new).split("\n"), lineterm="", n=3)
    )[2:]
    return tuple((line, styles.get(line[:1], "")) for line in diff) or (("No line differs.", ""),)
