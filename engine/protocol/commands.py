"""Commands from a client to the engine; each gets one reply."""

from __future__ import annotations

import msgspec

from engine.core.enums import Actor, Autonomy, StopMode, Verdict
from engine.core.errors import AutoresearchError
from engine.core.text import INSTRUCTION_CHARACTERS


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all commands. `by` says through what the person spoke: `screen` or `command
    line`.
    """

    id: int = 0
    by: Actor = Actor.SCREEN


class Hello(Command, frozen=True, kw_only=True):
    """The first message of a client."""

    version: str
    follow: bool = True
    """Whether it wants the session and everything that happens."""


class PauseLoop(Command, frozen=True, kw_only=True):
    """Wait at the next safe point: the current run finishes and is recorded."""


class ResumeLoop(Command, frozen=True, kw_only=True):
    """Go on."""


class StopSession(Command, frozen=True, kw_only=True):
    """End the session."""

    mode: StopMode = StopMode.AFTER_RUN
    reason: str = ""
    """Why, where it is not simply the person's wish."""


class CancelStop(Command, frozen=True, kw_only=True):
    """Do not end the session after all."""


class KillRun(Command, frozen=True, kw_only=True):
    """Kill the current run; the experiment counts as interrupted and the loop goes on."""

    experiment: int
    """Named, so that a key pressed too late does not kill the next one."""
    reason: str = ""
    """A veto: the idea itself is not wanted, and the agent is told why."""


class ApproveProposal(Command, frozen=True, kw_only=True):
    """Let exactly this patch run."""

    patch_id: str


class VetoProposal(Command, frozen=True, kw_only=True):
    """Do not run this patch, nor one like it; the agent is told why."""

    patch_id: str
    reason: str


class EditProposal(Command, frozen=True, kw_only=True):
    """Put another edit in this one's place; it is assessed and asked about again."""

    patch_id: str
    """Of the patch the person had before them."""
    source: str
    """The whole editable file as it should become."""
    base: str = ""
    """The commit whose file the person had before them; empty: the frontier's of this moment."""


class SetAutonomy(Command, frozen=True, kw_only=True):
    """How much runs unasked, from the next proposal on."""

    autonomy: Autonomy


class PinHypothesis(Command, frozen=True, kw_only=True):
    """Have this done next, after what is pinned already."""

    text: str


class EditPin(Command, frozen=True, kw_only=True):
    """Say a pin otherwise."""

    pin: int
    text: str


class MovePin(Command, frozen=True, kw_only=True):
    """Change the order of the pins that wait."""

    pin: int
    place: int
    """From 0."""


class RemovePin(Command, frozen=True, kw_only=True):
    """Take a pin back."""

    pin: int


class BanDirection(Command, frozen=True, kw_only=True):
    """Keep the agent from a direction."""

    text: str


class LiftBan(Command, frozen=True, kw_only=True):
    """Allow it again."""

    ban: int


class AddNote(Command, frozen=True, kw_only=True):
    """Tell the agent something, until it is removed."""

    text: str


class RemoveNote(Command, frozen=True, kw_only=True):
    """Do not tell it any more."""

    note: int


class OverruleVerdict(Command, frozen=True, kw_only=True):
    """Keep a discard, or discard a keep."""

    experiment: int
    verdict: Verdict
    reason: str


class ReviveExperiment(Command, frozen=True, kw_only=True):
    """Re-apply an earlier experiment's patch to the frontier, for review."""

    experiment: int


class ConfirmExperiment(Command, frozen=True, kw_only=True):
    """Run an earlier experiment once more, exactly."""

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
