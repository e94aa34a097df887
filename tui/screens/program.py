"""The charter: read, changed, saved; and what became of it on the disk meanwhile."""

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
from engine.store.program_file import Program, ProgramChangedError, read_program, write_program
from tui.actions.steering import CHARTER
from tui.present.lines import TextLine
from tui.present.text import clean_line
from tui.screens.action_screen import ActionScreen, Severity, bindings_of
from tui.screens.confirm import ConfirmScreen
from tui.screens.footer import ActionFooter
from tui.screens.link_line import LinkLine
from tui.screens.program_area import CharterArea
from tui.screens.program_conflict import ConflictScreen, Way
from tui.screens.program_draft import ProgramDraft, forget_draft, keep_draft, kept_draft, set_aside
from tui.screens.text_page import TextPage
from tui.terminal.suspend import suspend_and_edit
from tui.view import View

_LOOK_SECONDS = 1.0
_BESIDE_CELLS = 110


class ProgramScreen(ActionScreen[None]):
    """Edits the file in the workspace and nothing else; what is unsaved is kept beside it.

    Args:
        program: The charter as it lies on the disk.
        outside: Begin with the person's own editor.
    """

    CSS_PATH = "program.tcss"
    ACTIONS = CHARTER
    BINDINGS = bindings_of(CHARTER, priority=frozenset(action.name for action in CHARTER))

    def __init__(self, program: Program, outside: bool = False) -> None:
        super().__init__()
        self._disk = program
        self._seen = program.key
        """Of the version that the text began from."""
        self._clean = ""
        """The text as it was when it was last that of the disk."""
        self._outside = outside
        self._kept = ""
        """The unsaved text that lies beside it by now."""
        self._wanted = True
        """Whether unsaved text is to be kept when the screen closes."""
        self._area = CharterArea(id="charter")
        self._theirs = TextPage(id="theirs")

    def compose(self) -> ComposeResult:
        yield Static(id="charter-head")
        yield Static(id="charter-message")
        with Container(id="charter-parts"):
            yield self._area
            yield self._theirs
        yield ActionFooter(CHARTER, id="charter-footer")

    # ---- what is seen ----------------------------------------------------------------------------

    def on_mount(self) -> None:
        """The text at once, with what was left unsaved last time."""
        self._theirs.border_title = Content("what changed on the disk   esc closes")
        self._area.dress()
        self._take(self._disk)
        if not self._disk.key:
            self.tell("There is no program.md yet; saving makes one.")
        draft = kept_draft(self._workspace)
        if draft is not None and draft.text != self._area.text:
            self._seen = draft.seen
            self._area.show_text(draft.text)
            self.tell("These are your unsaved changes of last time; esc drops them.", "warning")
        self._area.focus()
        self.set_interval(_LOOK_SECONDS, self._look)
        self._paint()
        if self._outside:
            self.call_after_refresh(self.action_outside)

    def on_resize(self, event: events.Resize) -> None:
        """Side by side only where there is room for both."""
        self.set_class(event.size.width < _BESIDE_CELLS, "-narrow")

    def on_unmount(self) -> None:
        """The window closes; what is unsaved stays."""
        if self._wanted and self.unsaved:
            keep_draft(self._workspace, ProgramDraft(self._seen, self._area.text))

    def show(self, view: View) -> None:
        """Which version is in force may have changed."""
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
        self.query_one("#charter-head", Static).update(head)

    def tell(self, message: str, severity: Severity = "information") -> None:
        """Above the text, until the next word: a toast would lie over it."""
        told = self.query_one("#charter-message", Static)
        style = "" if severity == "information" else "$warning bold"
        told.update(Content.styled(clean_line(message), style))
        told.set_class(bool(message), "-open")

    def on_link_line_clicked(self, event: LinkLine.Clicked) -> None:
        """A word of the footer."""
        self.run_worker(self.action_do(event.name))

    # ---- the text and the disk -------------------------------------------------------------------

    @property
    def _workspace(self) -> Path:
        return self.shell.feed.workspace

    @property
    def unsaved(self) -> bool:
        """Whether the text is another one than the disk's when it was last taken."""
        return self._area.text != self._clean

    def _take(self, program: Program) -> None:
        self._disk, self._seen = program, program.key
        self._area.show_text(program.text)
        self._clean = self._area.text
        self._close_theirs()

    async def _look(self) -> None:
        """Keep what is unsaved, and see whether somebody else wrote the file."""
        text = self._area.text
        if self.unsaved and text != self._kept:
            self._kept = text
            await asyncio.to_thread(keep_draft, self._workspace, ProgramDraft(self._seen, text))
        try:
            disk = await asyncio.to_thread(read_program, self._workspace)
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        if disk.key == self._disk.key:
            return
        self._disk = disk
        if disk.key == self._seen:
            self.tell("The file is again as you began with it.")
        elif not disk.key:
            self._seen = self._clean = ""
            self.tell("program.md was deleted on the disk; ctrl+s writes it again.", "warning")
        elif not self.unsaved:
            self._take(disk)
            self.tell("The file was changed elsewhere; this is the new one.")
        else:
            self.tell(
                "The file was changed elsewhere while you type. ctrl+s shows the ways out.",
                "warning",
            )
        self._paint()

    def action_save(self) -> None:
        """Write the file, once the area has had the keys that were typed before."""
        self._area.call_later(lambda: self.run_worker(self._save_seen()))

    async def _save_seen(self) -> None:
        """Write the file, if it is still the one the person began with."""
        if not self.unsaved:
            self.tell("Nothing is unsaved.")
            return
        await self._save(self._seen)

    async def _save(self, seen: str, before: str = "") -> None:
        text = self._area.text
        try:
            program = await asyncio.to_thread(write_program, self._workspace, text, seen)
        except ProgramChangedError:
            self.app.push_screen(ConflictScreen(self.shell.clock), self._go)
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

    def _go(self, way: Way | None) -> None:
        """One way out of a conflict."""
        if way is Way.LOOK:
            self.run_worker(self._open_theirs())
        elif way is Way.OVERWRITE:
            self.run_worker(self._overwrite())
        elif way is Way.TAKE:
            self.run_worker(self._drop())

    async def _overwrite(self) -> None:
        try:
            theirs = await asyncio.to_thread(read_program, self._workspace)
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        path = set_aside(self._workspace, theirs.key, theirs.text) if theirs.key else None
        await self._save(theirs.key, f" What was there lies in {path}" if path else "")

    async def _drop(self) -> None:
        try:
            theirs = await asyncio.to_thread(read_program, self._workspace)
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        mine = set_aside(self._workspace, "mine", self._area.text)
        self._take(theirs)
        forget_draft(self._workspace)
        self.tell(f"This is the file as it lies there.{f' Yours is in {mine}' if mine else ''}")
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

    # ---- elsewhere -------------------------------------------------------------------------------

    async def action_outside(self) -> None:
        """The file itself in the person's editor; then it is looked at again."""
        if self.unsaved:
            self.tell("Save first (ctrl+s): your editor opens the file on the disk.", "warning")
            return
        before = self._disk.key
        trouble = suspend_and_edit(self.app, self._workspace / PROGRAM)
        self.tell("")
        await self._look()
        if trouble:
            self.tell(trouble, "warning")
        elif self._disk.key not in (before, ""):
            self.tell(f"As your editor left it. {takes_effect(self.view.session, 'It')}")

    def action_back(self) -> None:
        """Back; asks once where something is unsaved."""
        if self._theirs.has_class("-open"):
            self._close_theirs()
            self._area.focus()
            return
        if not self.unsaved:
            self.dismiss(None)
            return

        def answered(meant: bool | None) -> None:
            if meant:
                self._wanted = False
                forget_draft(self._workspace)
                self.dismiss(None)

        self.app.push_screen(
            ConfirmScreen(
                "Drop your unsaved changes?",
                "program.md stays as it lies on the disk.",
                "drop them",
                "keep editing",
                self.shell.clock,
            ),
            answered,
        )


def takes_effect(session: Session, what: str = "A change") -> str:
    """When a change is followed."""
    if session.ended is not None:
        return "The session has ended; the next one begins with it."
    return f"{what} takes effect at the next proposal: #{len(session.experiments) + 1}."


def in_force(session: Session, key: str) -> str:
    """Which version the agent follows now, and from when on it follows the one on the disk."""
    if not session.programs:
        return takes_effect(session)
    last = session.programs[-1]
    if last.key == key:
        word = "since" if last.experiment <= len(session.experiments) else "from"
        return f"In force {word} #{last.experiment}. {takes_effect(session)}"
    follows = f"this one follows at the next proposal: #{len(session.experiments) + 1}."
    if session.ended is not None:
        follows = "the next session begins with this one."
    return f"In force is the version since #{last.experiment}; {follows}"


def _differences(old: str, new: str) -> tuple[TextLine, ...]:
    styles = {"+": "--keep", "-": "--crash", "@": "--accent"}
    diff = list(
        unified_diff(sanitize(old).split("\n"), sanitize(new).split("\n"), lineterm="", n=3)
    )[2:]
    return tuple((line, styles.get(line[:1], "")) for line in diff) or (("No line differs.", ""),)
