"""Provides the cards that list the user's instructions to the agent, to add and remove them."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import ClassVar, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from engine.core.errors import AutoresearchError
from engine.core.session import Session
from engine.protocol import commands, messages
from tui.present.text import clean_line
from tui.screens.action_screen import ActionScreen, Severity
from tui.screens.ask_text import AskText
from tui.view import View
from tui.widgets.marked_list import MarkedList
from tui.widgets.wrapped import wrapped

_MARK_CELLS = 5
_SHOWN_CHARACTERS = 2_000
_ADD = "add"


class InstructionRow(NamedTuple):
    """One instruction of the list: a pin, a ban or a note."""

    number: int
    """The number of the instruction in the session, by which commands name it."""
    mark: str
    """The mark before the text: a pin's position in the queue, or the sign of a ban or note."""
    text: str
    """The text of the instruction, not sanitized yet."""
    after: str = ""
    """The outcome of an instruction that is done; "" while it is in effect or waits."""


class InstructionList(ModalScreen[None], ActionScreen[None]):
    """A base class of cards that list instructions; each change is a command to the engine."""

    CSS_PATH = ["card.tcss", "instruction_list.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a,plus", "add", "Add", show=False),
        Binding("d,delete", "remove", "Remove", show=False),
        Binding("escape,q", "dismiss", "Back", show=False),
    ]

    heading: ClassVar[str]
    explanation: ClassVar[str]
    """One sentence about what the instructions do, above the list."""
    another: ClassVar[str]
    """The label of the line that adds an instruction."""
    keys: ClassVar[str] = "a add   d remove   esc back"
    question: ClassVar[str]
    """The title of the card that asks for the text of an instruction."""
    removed: ClassVar[str]
    """The message that is shown after an instruction was removed."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[InstructionRow] = []
        self._width = 0
        self._option_id: str | None = None
        """The id of the list's line under the cursor; None before there is one."""
        self._sending = asyncio.Lock()
        self._list = MarkedList()

    @classmethod
    def asking(cls, initial: str = "", yes: str = "add") -> AskText:
        """Return a card that asks for the text of an instruction.

        Args:
            initial: The text that the field starts with.
            yes: The label of the key that finishes the text.
        """
        return AskText(cls.question, cls.explanation, initial, yes=yes)

    @classmethod
    @abstractmethod
    def adds(cls, text: str) -> commands.AnyCommand:
        """Return the command that adds an instruction with this text."""

    @abstractmethod
    def removes(self, number: int) -> commands.AnyCommand:
        """Return the command that removes the instruction with this number."""

    @classmethod
    @abstractmethod
    def rows_of(cls, session: Session) -> list[InstructionRow]:
        """Return the session's instructions as rows: those waiting or in effect come first."""

    # ---- painting --------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="card") as card:
            card.border_title = Content(self.heading)
            yield Static(Content(self.explanation), classes="explanation")
            yield self._list
            yield Static(classes="message")
            yield Static(Content(self.keys), classes="hint")

    def on_mount(self) -> None:
        """Focus the list, so that it receives the keys."""
        self._list.focus()

    def on_resize(self, event: events.Resize) -> None:
        """Wrap the list's lines again for the new width."""
        self.call_after_refresh(lambda: self.show(self.view))

    def show(self, view: View) -> None:
        """Paint the list if its instructions or width have changed; the cursor keeps its line."""
        rows, width = self.rows_of(view.session), self._list.scrollable_content_region.width - 2
        if not self.is_mounted or (rows == self._rows and width == self._width):
            return
        first, chosen, index = not self._width, self._chosen(), self._list.highlighted or 0
        self._rows, self._width = rows, width
        waiting = [self._line(row) for row in rows if not row.after]
        done = [self._line(row) for row in rows if row.after]
        add = (_ADD, Content.styled(f" + {self.another}", "$text-muted"))
        self._list.set_lines([*waiting, add, *done])
        kept = "" if chosen is None else str(chosen.number)
        ids = [option.id for option in self._list.options]
        if kept in ids:
            self._list.highlighted = ids.index(kept)
        else:
            self._list.highlighted = 0 if first else min(index, len(waiting))

    def _line(self, row: InstructionRow) -> tuple[str, Content]:
        text = clean_line(row.text[: 2 * _SHOWN_CHARACTERS])
        cut = text[:_SHOWN_CHARACTERS] + ("…" if len(text) > _SHOWN_CHARACTERS else "")
        after = f"  → {clean_line(row.after)}" if row.after else ""
        lines = wrapped(cut + after, max(8, self._width - _MARK_CELLS)) or [""]
        shown = ("\n" + " " * _MARK_CELLS).join(lines)
        style = "$text-muted" if row.after else ""
        mark = (f"{row.mark:>{_MARK_CELLS - 3}}  ", "$accent" if not row.after else style)
        return str(row.number), Content.assemble(mark, (shown, style))

    def tell(self, message: str, severity: Severity = "information") -> None:
        """Show a message in the card, since a toast would appear only after the card is closed."""
        style = "" if severity == "information" else "$warning bold"
        self.query_one(".message", Static).update(Content.styled(clean_line(message), style))

    # ---- what is done ----------------------------------------------------------------------------

    def _chosen(self) -> InstructionRow | None:
        index = self._list.highlighted
        if index is None:
            return None
        number = self._list.get_option_at_index(index).id
        return next((row for row in self._rows if str(row.number) == number), None)

    def chosen_waiting(self) -> InstructionRow | None:
        """Return the instruction under the cursor, or show a message and return None.

        The result is None if no instruction is under the cursor, or if it is done.
        """
        row = self._chosen()
        if row is None:
            self.tell("No line is chosen; a adds one.", "warning")
        elif row.after:
            self.tell(f"It is done: {row.after}.", "warning")
        else:
            return row
        return None

    def command(self, command: commands.AnyCommand, done: str = "") -> None:
        """Send a command to the engine in the background, and show its reply in the card.

        Args:
            command: The command; commands are sent in the order of the calls.
            done: The message to show on success; "" shows the engine's reply.
        """
        self.tell("…")
        self.run_worker(self._send(command, done))

    async def _send(self, command: commands.AnyCommand, done: str) -> None:
        async with self._sending:  # in the order they were pressed
            try:
                reply = await self.shell.feed.send(command)
            except AutoresearchError as error:
                self.tell(str(error), "error")
                return
        if self.is_attached:
            self.tell(done if reply.ok and done else reply.message, _severity(reply))

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        """Clear the message of the card when the cursor moves, but not when the list is rebuilt."""
        if event.option_id != self._option_id:
            self._option_id = event.option_id
            self.tell("")

    @on(OptionList.OptionSelected)
    def _enter(self, event: OptionList.OptionSelected) -> None:
        if event.option_id == _ADD:
            self.action_add()
        else:
            self.entered()

    def entered(self) -> None:
        """Act on the enter key over an instruction; does nothing unless a subclass overrides it."""

    def action_add(self) -> None:
        """Ask the user for the text of an instruction, and send the command that adds it."""

        def answered(text: str | None) -> None:
            if text:
                self.command(self.adds(text))

        self.app.push_screen(self.asking(), answered)

    def action_remove(self) -> None:
        """Remove the instruction under the cursor, without asking, since it can be added again."""
        row = self.chosen_waiting()
        if row is not None:
            self.command(self.removes(row.number), self.removed)


def _severity(reply: messages.Reply) -> Severity:
    return "information" if reply.ok else "warning"


class BansScreen(InstructionList):
    """The card that lists the directions that the agent must avoid."""

    heading = "Banned directions"
    explanation = "The agent must avoid these from its next proposal on."
    another = "ban another direction"
    question = "Ban a direction"
    removed = "Lifted. It can be banned again with a."

    @classmethod
    def adds(cls, text: str) -> commands.AnyCommand:
        return commands.BanDirection(text=text)

    def removes(self, number: int) -> commands.AnyCommand:
        return commands.LiftBan(ban=number)

    @classmethod
    def rows_of(cls, session: Session) -> list[InstructionRow]:
        return [InstructionRow(ban.number, "✗", ban.text) for ban in session.bans]


class NotesScreen(InstructionList):
    """The card that lists the notes that the agent gets with each prompt."""

    heading = "Notes to the agent"
    explanation = "The agent gets these with every prompt until you remove them."
    another = "add another note"
    question = "Note to the agent"
    removed = "Removed from the next prompt on. It can be added again with a."

    @classmethod
    def adds(cls, text: str) -> commands.AnyCommand:
        return commands.AddNote(text=text)

    def removes(self, number: int) -> commands.AnyCommand:
        return commands.RemoveNote(note=number)

    @classmethod
    def rows_of(cls, session: Session) -> list[InstructionRow]:
        return [InstructionRow(note.number, "▸", note.text) for note in session.agent_notes]
