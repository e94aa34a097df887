"""Provides the card of the user's pinned hypotheses, in the order in which they will run."""

from __future__ import annotations

from textual.binding import Binding

from engine.core.records import Pin
from engine.core.session import Session
from engine.protocol import commands
from tui.screens.instruction_list import InstructionList, InstructionRow


class PinsScreen(InstructionList):
    """Lists the waiting pins in order, and below them the finished ones with their outcome."""

    BINDINGS = [
        Binding("e", "edit", "Reword", show=False),
        Binding("K,shift+up", "move(-1)", "Sooner", show=False),
        Binding("J,shift+down", "move(1)", "Later", show=False),
    ]

    heading = "Pinned hypotheses"
    explanation = "Each runs next. With the knob search, name knobs and values: MATRIX_LR=0.05"
    another = "pin another hypothesis"
    keys = "a add   e, enter reword   d remove   K J move   esc back"
    question = "Pin a hypothesis"
    removed = "Removed. Press a to pin it again."

    def __init__(self) -> None:
        super().__init__()
        self._target_places: dict[int, int] = {}
        """By pin number, its new index among the waiting pins, until the engine has answered."""

    @classmethod
    def adds(cls, text: str) -> commands.AnyCommand:
        return commands.PinHypothesis(text=text)

    def removes(self, number: int) -> commands.AnyCommand:
        return commands.RemovePin(pin=number)

    @classmethod
    def rows_of(cls, session: Session) -> list[InstructionRow]:
        waiting = [
            InstructionRow(pin.number, str(place), pin.text)
            for place, pin in enumerate(session.waiting_pins, start=1)
        ]
        done = [
            InstructionRow(pin.number, "", pin.text, _outcome(pin))
            for pin in session.pins
            if not pin.waits
        ]
        return [*waiting, *reversed(done)]

    def entered(self) -> None:
        """Ask for a new text of the pin under the cursor; called for the enter key."""
        self.action_edit()

    def action_edit(self) -> None:
        """Ask for a new text of the pin under the cursor, and send it to the engine."""
        row = self.chosen_waiting()
        if row is None:
            return

        def answered(text: str | None) -> None:
            if text and text != row.text:
                self.command(commands.EditPin(pin=row.number, text=text))

        self.app.push_screen(self.asking(row.text, yes="reword"), answered)

    def action_move(self, step: int) -> None:
        """Move the pin under the cursor in the queue.

        Args:
            step: -1 to run it one place sooner, 1 to run it one place later.
        """
        row = self.chosen_waiting()
        if row is None:
            return
        order = [pin.number for pin in self.view.session.waiting_pins]
        if row.number not in order:
            return
        now = self._target_places.get(row.number, order.index(row.number))
        place = max(0, min(len(order) - 1, now + step))
        if place == now:
            self.tell(
                "This pin is already the first." if step < 0 else "This pin is already the last."
            )
            return
        self._target_places[row.number] = place
        self.command(
            commands.MovePin(pin=row.number, place=place), f"This pin is number {place + 1} now."
        )

    async def _send(self, command: commands.AnyCommand, done: str) -> None:
        await super()._send(command, done)
        if (
            isinstance(command, commands.MovePin)
            and self._target_places.get(command.pin) == command.place
        ):
            del self._target_places[command.pin]


def _outcome(pin: Pin) -> str:
    return f"became #{pin.experiment}" if pin.experiment else pin.removed
