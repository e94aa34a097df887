"""The person's own hypotheses, in the order they are to be done."""

from __future__ import annotations

from textual.binding import Binding

from engine.core.records import Pin
from engine.core.session import Session
from engine.protocol import commands
from tui.screens.instruction_list import InstructionList, InstructionRow


class PinsScreen(InstructionList):
    """Those that wait, in their order; below them what became of the others."""

    BINDINGS = [
        Binding("e", "edit", "Reword", show=False),
        Binding("K,shift+up", "move(-1)", "Sooner", show=False),
        Binding("J,shift+down", "move(1)", "Later", show=False),
    ]

    heading = "Pinned hypotheses"
    explanation = "Each is done next. With the knob search, name knobs and values: MATRIX_LR=0.05"
    another = "pin another hypothesis"
    keys = "a add   e, enter reword   d remove   K J move   esc back"
    question = "Pin a hypothesis"
    removed = "Removed. It can be pinned again with a."

    def __init__(self) -> None:
        super().__init__()
        self._wished: dict[int, int] = {}
        """Where a pin is on its way to, until the engine has answered."""

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
            InstructionRow(pin.number, "", pin.text, _fate(pin))
            for pin in session.pins
            if not pin.waits
        ]
        return [*waiting, *reversed(done)]

    def entered(self) -> None:
        """Enter rewords."""
        self.action_edit()

    def action_edit(self) -> None:
        """Say the chosen one otherwise."""
        row = self.chosen_waiting()
        if row is None:
            return

        def answered(text: str | None) -> None:
            if text and text != row.text:
                self.command(commands.EditPin(pin=row.number, text=text))

        self.app.push_screen(self.asking(row.text, yes="reword"), answered)

    def action_move(self, step: int) -> None:
        """Sooner or later."""
        row = self.chosen_waiting()
        if row is None:
            return
        order = [pin.number for pin in self.view.session.waiting_pins]
        if row.number not in order:
            return
        now = self._wished.get(row.number, order.index(row.number))
        place = max(0, min(len(order) - 1, now + step))
        if place == now:
            self.tell("It is the first already." if step < 0 else "It is the last already.")
            return
        self._wished[row.number] = place
        self.command(
            commands.MovePin(pin=row.number, place=place), f"It is number {place + 1} now."
        )

    async def _send(self, command: commands.AnyCommand, done: str) -> None:
        await super()._send(command, done)
        if isinstance(command, commands.MovePin) and self._wished.get(command.pin) == command.place:
            del self._wished[command.pin]


def _fate(pin: Pin) -> str:
    return f"became #{pin.experiment}" if pin.experiment else pin.removed
