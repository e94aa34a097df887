"""Commands from a client to the engine; each gets one reply."""

from __future__ import annotations

import msgspec

from engine.core.enums import Actor, Autonomy, StopMode, Verdict
from engine.core.errors import AutoresearchError
from engine.core.text import INSTRUCTION_CHARACTERS


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all commands."""

    id: int = 0
    """Set by the client; the reply repeats it."""
    by: Actor = Actor.SCREEN


class Hello(Command, frozen=True, kw_only=True):
    """The first message of a connection."""

    version: str
    follow: bool = True
    """True to receive the session and all later events; False only to send commands."""


class PauseLoop(Command, frozen=True, kw_only=True):
    """Pause at the next safe point; the current run finishes and is recorded first."""


class ResumeLoop(Command, frozen=True, kw_only=True):
    """Continue after a pause."""


class StopSession(Command, frozen=True, kw_only=True):
    """End the session."""

    mode: StopMode = StopMode.AFTER_RUN
    reason: str = ""
    """Why, where it is not simply the user's wish."""


class CancelStop(Command, frozen=True, kw_only=True):
    """Withdraw a stop before the session has ended."""


class KillRun(Command, frozen=True, kw_only=True):
    """Kill the current run; its experiment counts as interrupted and the loop continues."""

    experiment: int
    """Its number, so that a key pressed too late does not kill the next run."""
    reason: str = ""
    """Why the idea itself is vetoed; the agent is told. Empty: only the run ends."""


class ApproveProposal(Command, frozen=True, kw_only=True):
    """Approve exactly this patch."""

    patch_id: str


class VetoProposal(Command, frozen=True, kw_only=True):
    """Veto this patch and edits like it; the agent is told why."""

    patch_id: str
    reason: str


class EditProposal(Command, frozen=True, kw_only=True):
    """Replace the edit of a proposal; it is assessed and asked about again."""

    patch_id: str
    """The patch that the user edited."""
    source: str
    """The whole editable file after the edit."""
    base: str = ""
    """The commit whose file the user edited; empty: the current frontier's."""


class SetAutonomy(Command, frozen=True, kw_only=True):
    """Set the autonomy, in force from the next proposal on."""

    autonomy: Autonomy


class PinHypothesis(Command, frozen=True, kw_only=True):
    """Pin a hypothesis, to be tried after the earlier pins."""

    text: str


class EditPin(Command, frozen=True, kw_only=True):
    """Change the text of a waiting pin."""

    pin: int
    text: str


class MovePin(Command, frozen=True, kw_only=True):
    """Move a waiting pin to another place in line."""

    pin: int
    place: int
    """The new place, from 0."""


class RemovePin(Command, frozen=True, kw_only=True):
    """Remove a waiting pin."""

    pin: int


class BanDirection(Command, frozen=True, kw_only=True):
    """Ban a direction; the agent is told."""

    text: str


class LiftBan(Command, frozen=True, kw_only=True):
    """Lift a ban."""

    ban: int


class AddNote(Command, frozen=True, kw_only=True):
    """Add a note for the agent."""

    text: str


class RemoveNote(Command, frozen=True, kw_only=True):
    """Remove a note."""

    note: int


class OverruleVerdict(Command, frozen=True, kw_only=True):
    """Replace the keep rule's verdict on an experiment."""

    experiment: int
    verdict: Verdict
    reason: str


class ReviveExperiment(Command, frozen=True, kw_only=True):
    """Re-apply an earlier experiment's patch to the frontier, for review."""

    experiment: int


class ConfirmExperiment(Command, frozen=True, kw_only=True):
    """Run an earlier experiment's commit once more, unchanged."""

    experiment: int


class PreviewPrompt(Command, frozen=True, kw_only=True):
    """Show the prompt that the next agent would be sent now; the reply is that text."""


ClientCommand = (
    PauseLoop
    | ResumeLoop
    | StopSession
    | CancelStop
    | KillRun
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
    | OverruleVerdict
    | ReviveExperiment
    | ConfirmExperiment
    | PreviewPrompt
)
"""Every command but the first message of a connection."""

AnyCommand = Hello | ClientCommand


def required_text(text: str, what: str) -> str:
    """Return the user's text without surrounding white space.

    Args:
        text: As typed.
        what: What it is, for the error: `pin`, `veto` …

    Raises:
        AutoresearchError: It is empty, or longer than `INSTRUCTION_CHARACTERS`.
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
