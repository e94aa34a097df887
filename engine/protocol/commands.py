"""Defines the commands that a client sends to the engine; each but `Hello` gets one reply."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.core.enums import Autonomy, StopMode, Verdict
from engine.core.errors import AutoresearchError
from engine.core.text import INSTRUCTION_CHARACTERS


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all commands that a client sends to the engine."""

    id: int = 0
    """A number chosen by the client, which the engine's reply repeats; 0: none chosen."""


class Hello(Command, frozen=True, kw_only=True):
    """The first command of a connection; the engine answers with `Welcome`."""

    version: str
    follow: bool = True
    """True to receive the session's state and all later events; False only to send commands."""
    sender: Literal["screen", "command line"] = "screen"
    """Where the user gives the commands of this connection, as the journal records it."""


class PauseLoop(Command, frozen=True, kw_only=True):
    """Pause the session's loop after the current run is finished and recorded."""


class ResumeLoop(Command, frozen=True, kw_only=True):
    """Continue the session's loop after a pause."""


class StopSession(Command, frozen=True, kw_only=True):
    """End the session, after the current run or at once by killing it."""

    mode: StopMode = StopMode.AFTER_RUN
    reason: str = ""
    """Why the session is to end; empty: the user asked for it."""


class CancelStop(Command, frozen=True, kw_only=True):
    """Withdraw a requested stop before the session has ended."""


class KillRun(Command, frozen=True, kw_only=True):
    """Kill the current training run, with or without a veto of its idea; the loop continues."""

    experiment: int
    """The number of the run's experiment, so that a late command does not kill the next run."""
    reason: str = ""
    """Why the user vetoes the idea itself, for the agent; empty: no veto, only the run ends."""


class SkipExperiment(Command, frozen=True, kw_only=True):
    """End an experiment that is not finished, whatever it waits for; it counts as a crash."""

    experiment: int
    reason: str = ""


class ApproveProposal(Command, frozen=True, kw_only=True):
    """Approve the queued proposal with exactly this patch_id, so that it runs next."""

    patch_id: str


class VetoProposal(Command, frozen=True, kw_only=True):
    """Veto the queued proposal with this patch_id and edits equivalent to it.

    The agent gets the reason in its next briefing.
    """

    patch_id: str
    reason: str


class EditProposal(Command, frozen=True, kw_only=True):
    """Replace the edit of a queued proposal; it is assessed and the user asked about it again."""

    patch_id: str
    """The hash of the proposal's patch before the user's edit."""
    source: str
    """The text of the whole editable file after the user's edit."""
    base: str = ""
    """The hash of the commit whose file the user edited; empty: the current frontier."""


class SetAutonomy(Command, frozen=True, kw_only=True):
    """Set which edits run without approval, in force from the next proposal on."""

    autonomy: Autonomy


class PinHypothesis(Command, frozen=True, kw_only=True):
    """Pin a hypothesis, to be tried after the pins that wait already."""

    text: str


class EditPin(Command, frozen=True, kw_only=True):
    """Change the text of a waiting pin."""

    pin: int
    text: str


class MovePin(Command, frozen=True, kw_only=True):
    """Move a waiting pin to another place in the order of trying."""

    pin: int
    place: int
    """The new place among the waiting pins, from 0."""


class RemovePin(Command, frozen=True, kw_only=True):
    """Remove a waiting pin, so that it is not tried."""

    pin: int


class BanDirection(Command, frozen=True, kw_only=True):
    """Ban a direction of research; the agent gets the ban in its next briefing."""

    text: str


class LiftBan(Command, frozen=True, kw_only=True):
    """Lift a ban on a direction of research."""

    ban: int


class AddNote(Command, frozen=True, kw_only=True):
    """Add a note that goes into the agent's briefings from the next one on."""

    text: str


class RemoveNote(Command, frozen=True, kw_only=True):
    """Remove a note from the agent's briefings."""

    note: int


class AcceptProgram(Command, frozen=True, kw_only=True):
    """Use a text of program.md from the next proposal on, once the file on the disk has it."""

    digest: str
    """The SHA-256 of the text as hexadecimal digits, see `engine.store.program_file`."""


class RefuseProgram(Command, frozen=True, kw_only=True):
    """Keep the version of program.md in force, and do not ask about the changed one again."""

    digest: str
    """The SHA-256 of the text that the user was asked about."""


class OverruleVerdict(Command, frozen=True, kw_only=True):
    """Replace the keep rule's verdict on a finished experiment by the user's own."""

    experiment: int
    verdict: Verdict
    reason: str


class ReviveExperiment(Command, frozen=True, kw_only=True):
    """Re-apply a finished experiment's patch to the frontier, and ask the user to approve it."""

    experiment: int


class ConfirmExperiment(Command, frozen=True, kw_only=True):
    """Run a finished experiment's commit once more, unchanged."""

    experiment: int


class PreviewPrompt(Command, frozen=True, kw_only=True):
    """Show the prompt that the agent would be sent next; the reply's message is that text."""


ClientCommand = (
    PauseLoop
    | ResumeLoop
    | StopSession
    | CancelStop
    | KillRun
    | SkipExperiment
    | ApproveProposal
    | VetoProposal
    | EditProposal
    | SetAutonomy
    | PinHypothesis
    | EditPin
    | MovePin
    | RemovePin
    | BanDirection
    | LiftBan
    | AddNote
    | RemoveNote
    | AcceptProgram
    | RefuseProgram
    | OverruleVerdict
    | ReviveExperiment
    | ConfirmExperiment
    | PreviewPrompt
)
"""Every command but `Hello`, the first of a connection."""

AnyCommand = Hello | ClientCommand


def required_text(text: str, what: str) -> str:
    """Return a text that the user wrote for the agent, without surrounding white space.

    Args:
        text: The text as the user typed it.
        what: What the text is for, as the error names it: `pin`, `veto` …

    Raises:
        AutoresearchError: The text is empty, or longer than `INSTRUCTION_CHARACTERS`.
    """
    text = text.strip()
    if not text:
        raise AutoresearchError(
            f"A {what} needs a text.", "The agent learns from it.", "Write one sentence."
        )
    if len(text) > INSTRUCTION_CHARACTERS:
        raise AutoresearchError(
            f"A {what} may have {INSTRUCTION_CHARACTERS:,} characters; this has {len(text):,}.",
            "It goes into every briefing.",
            "Shorten it, or write it into program.md.",
        )
    return text
