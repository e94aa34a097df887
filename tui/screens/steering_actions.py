"""Provides the main screen's actions that steer the agent: pins, bans, notes and program.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import AutoresearchError
from engine.protocol.commands import AcceptProgram, RefuseProgram
from tui.actions.action import needs_engine
from tui.screens.action_screen import ActionScreen

if TYPE_CHECKING:
    from tui.screens.instruction_list import InstructionList


class SteeringActions(ActionScreen[None]):
    """A base class of the main screen that opens the user's instructions and program.md."""

    def action_pins(self) -> None:
        """Open the card of pinned hypotheses, or ask for the first pin if there is none."""
        from tui.screens.pins import PinsScreen

        self._open_list(PinsScreen())

    def action_bans(self) -> None:
        """Open the card of banned directions, or ask for the first ban if there is none."""
        from tui.screens.instruction_list import BansScreen

        self._open_list(BansScreen())

    def action_notes(self) -> None:
        """Open the card of notes to the agent, or ask for the first note if there is none."""
        from tui.screens.instruction_list import NotesScreen

        self._open_list(NotesScreen())

    def _open_list(self, card: InstructionList) -> None:
        if card.rows_of(self.view.session):
            self.shell.open_once(card)
            return

        def answered(text: str | None) -> None:
            if text:
                self.shell.send(card.adds(text))

        self.shell.open_once(card.asking(), answered)

    def action_program(self) -> None:
        """Ask about a changed program.md where there is a question, else open its editor."""
        question = self.view.session.program_question
        if question is None or needs_engine(self.view) is not None:
            self._open_program(outside=False)
            return
        from tui.screens.program_question import Answer, ProgramQuestionScreen

        def answered(answer: Answer | None) -> None:
            match answer:
                case Answer.ACCEPT:
                    self.shell.send(AcceptProgram(digest=question.digest))
                case Answer.REFUSE:
                    self.shell.send(RefuseProgram(digest=question.digest))
                case Answer.EDIT:
                    self._open_program(outside=False)
                case _:
                    pass

        self.shell.open_once(ProgramQuestionScreen(question, self.shell.clock), answered)

    def action_program_outside(self) -> None:
        """Open the screen of program.md, and at once the user's own editor."""
        self._open_program(outside=True)

    def _open_program(self, outside: bool) -> None:
        from engine.store.program_file import read_program
        from tui.screens.program import ProgramScreen

        try:
            program = read_program(self.shell.feed.workspace)
        except AutoresearchError as error:
            self.tell(str(error), "error")
            return
        self.shell.open_once(ProgramScreen(program, outside))
