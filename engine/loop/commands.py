"""Handles client commands: records an event for each, or says why it cannot be done."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import assert_never

from engine.core import events as ev
from engine.core.enums import Actor, Autonomy, StopMode
from engine.core.errors import AutoresearchError
from engine.core.patches.knob_settings import is_any_literal, parse_settings
from engine.core.patches.knobs import KnobError, find_knobs
from engine.core.patches.place import patch_id
from engine.core.records import Instruction, Pin
from engine.core.text import one_line, short_id
from engine.loop.agent_call import AgentCalls
from engine.loop.context import SessionContext
from engine.loop.overrule import EarlierExperiments
from engine.loop.program_versions import ProgramVersions
from engine.loop.proposer import Proposer
from engine.loop.review import Reviewer
from engine.loop.runner import Runner
from engine.loop.source_cache import SourceCache
from engine.protocol import commands as cmd
from engine.protocol.commands import required_text

_AUTONOMY_MEANING = {
    Autonomy.AUTO: "everything runs unasked but what no autonomy lets through",
    Autonomy.ASK_RISKY: "edits with findings wait for you, others run",
    Autonomy.ASK_ALL: "every edit waits for you",
}


class CommandHandler:
    """Handles every command that a client can send: pause, approve, veto, pin, note and others.

    Args:
        context: The session's journal, workspace, files and agent.
        sources: Reads the editable file as of a commit.
        calls: The agent calls in progress; a pause or a stop cancels them.
        program: Puts an accepted program.md in force.
        proposer: Shows the prompt that the agent would be sent next.
        reviewer: Applies the user's answers about queued proposals.
        runner: Kills the current training run.
        earlier: Overrules, revives and confirms experiments.
    """

    def __init__(
        self,
        context: SessionContext,
        sources: SourceCache,
        calls: AgentCalls,
        program: ProgramVersions,
        proposer: Proposer,
        reviewer: Reviewer,
        runner: Runner,
        earlier: EarlierExperiments,
    ) -> None:
        self._context = context
        self._sources = sources
        self._calls = calls
        self._program = program
        self._proposer = proposer
        self._reviewer = reviewer
        self._runner = runner
        self._earlier = earlier

    def handle(self, command: cmd.ClientCommand, by: Actor) -> str | Awaitable[str]:
        """Carry out a client's command: record its event and start what follows from it.

        Args:
            command: The command.
            by: Where the user gave it.

        Returns:
            The answer to show to the user, or an awaitable of it where it takes a while.

        Raises:
            AutoresearchError: The command cannot be carried out; nothing was changed.
            JournalError: The journal cannot be written.
        """
        match command:
            case cmd.PauseLoop():
                return self._pause(by)
            case cmd.ResumeLoop():
                return self._resume(by)
            case cmd.StopSession():
                return self.stop(by, command.mode, command.reason)
            case cmd.CancelStop():
                return self._cancel_stop(by)
            case cmd.KillRun():
                return self._kill_run(by, command.experiment, command.reason)
            case cmd.SkipExperiment():
                return self._skip(by, command.experiment, command.reason)
            case cmd.ApproveProposal():
                return self._reviewer.approve(by, command.patch_id)
            case cmd.VetoProposal():
                return self._reviewer.veto(by, command.patch_id, command.reason)
            case cmd.EditProposal():
                return self._edit(by, command)
            case cmd.SetAutonomy():
                return self._set_autonomy(by, command.autonomy)
            case cmd.PinHypothesis():
                return self._pin(by, command.text)
            case cmd.EditPin():
                return self._edit_pin(by, command.pin, command.text)
            case cmd.MovePin():
                return self._move_pin(by, command.pin, command.place)
            case cmd.RemovePin():
                return self._remove_pin(by, command.pin)
            case cmd.BanDirection():
                return self._ban(by, command.text)
            case cmd.LiftBan():
                return self._lift_ban(by, command.ban)
            case cmd.AddNote():
                return self._add_note(by, command.text)
            case cmd.RemoveNote():
                return self._remove_note(by, command.note)
            case cmd.AcceptProgram():
                return self._program.accept(by, command.digest)
            case cmd.RefuseProgram():
                return self._program.refuse(by, command.digest)
            case cmd.OverruleVerdict():
                return self._earlier.overrule(by, command)
            case cmd.ReviveExperiment():
                return self._earlier.revive(by, command.experiment)
            case cmd.ConfirmExperiment():
                return self._earlier.confirm(by, command.experiment)
            case cmd.PreviewPrompt():
                return self._proposer.preview_prompt()
            case _:
                assert_never(command)

    # ---- the loop

    def _pause(self, by: Actor) -> str:
        session = self._context.session
        if session.pause is not None:
            return "It is paused already."
        self._context.record(ev.Paused(by=Actor.PERSON, reason=f"paused from the {by}"))
        self._calls.cancel()
        return "It pauses after this run." if session.running else "Paused."

    def _resume(self, by: Actor) -> str:
        if self._context.session.pause is None:
            return "It is not paused."
        self._context.record(ev.Resumed(by=by))
        return "Resumed."

    def stop(self, by: Actor, mode: StopMode, reason: str = "") -> str:
        """Request the end of the session, after the current run or at once by killing it.

        Agent calls in progress are cancelled.

        Args:
            by: Who requested the stop.
            mode: After the current run, or now.
            reason: Why the session ends; empty: the user asked for it.

        Returns:
            The answer to show to the user.
        """
        session = self._context.session
        if session.stop is mode:
            return "It is stopping already."
        self._context.record(ev.StopRequested(by=by, mode=mode, reason=reason))
        self._calls.cancel()
        if mode is StopMode.NOW:
            self._runner.kill()
            return (
                "Stopping now; the experiment stays open and is run again when the session goes on."
            )
        return "Stopping after this run." if session.running else "Stopping."

    def _cancel_stop(self, by: Actor) -> str:
        if self._context.session.stop is None:
            return "No stop was asked for."
        self._context.record(ev.StopCancelled(by=by))
        return "The session goes on."

    def _kill_run(self, by: Actor, number: int, reason: str) -> str:
        current, run = self._context.session.in_training, self._context.session.running
        alive = self._runner.pid is not None
        if current is None or run is None or current.number != number or not alive:
            raise AutoresearchError(f"Experiment {number} is not running.", "Nothing was killed.")
        if run.kill_requested:
            return f"Run #{number} is being killed already."
        reason = one_line(reason)
        if reason and current.is_baseline:
            raise AutoresearchError("The baseline is the file as it is; it cannot be vetoed.")
        if reason and current.verdict is not None:
            raise AutoresearchError(
                f"This run repeats #{number}, which has its verdict.",
                "Nothing was killed.",
                "Overrule the verdict to discard its edit, or kill the run without a reason.",
            )
        self._context.record(
            ev.KillRequested(by=by, experiment=number, run=run.number, reason=reason)
        )
        self._runner.kill()
        return f"Vetoed; run #{number} is killed." if reason else f"Killing run #{number}."

    def _skip(self, by: Actor, number: int, reason: str) -> str:
        current = self._context.session.current
        if current is None or current.number != number:
            raise AutoresearchError(
                f"Experiment {number} is not at work.", "Nothing was skipped.", "See `status`."
            )
        if current.is_baseline:
            raise AutoresearchError(
                "The baseline is what all is compared with; it cannot be skipped.",
                "",
                "Stop the session, correct the script, and start one with another --tag.",
            )
        if current.skipped is not None:
            return f"Experiment {number} is being skipped already."
        self._context.record(
            ev.ExperimentSkipped(by=by, experiment=number, reason=one_line(reason))
        )
        active = self._context.session.in_training
        if active is None or active.number == number:
            self._runner.kill()  # and not a run of the incumbent, which stays of use
        return f"Experiment {number} is skipped; it counts as a crash."

    # ---- proposals

    async def _edit(self, by: Actor, command: cmd.EditProposal) -> str:
        edit = await self._reviewer.check_edit(by, command)
        await self._reviewer.record_edit(edit)
        patch = short_id(patch_id(edit.before, edit.source))
        return f"Taken as patch {patch}; it is assessed and asked about again."

    def _set_autonomy(self, by: Actor, autonomy: Autonomy) -> str:
        meaning = _AUTONOMY_MEANING[autonomy]
        if autonomy is self._context.session.autonomy:
            return f"It is {autonomy.value} already: {meaning}."
        self._context.record(ev.AutonomySet(autonomy=autonomy, by=by))
        return f"{autonomy.value}, from the next proposal on: {meaning}."

    # ---- pins

    async def _pin(self, by: Actor, text: str) -> str:
        text = required_text(text, "pin")
        await self._check_knobs(text)
        session = self._context.session
        number, before = len(session.pins) + 1, len(session.waiting_pins)
        self._context.record(ev.HypothesisPinned(pin=number, text=text, by=by))
        when = "It is done next" if not before else f"It is done after {before} other(s)"
        return f"Pinned as number {number}. {when}."

    async def _edit_pin(self, by: Actor, number: int, text: str) -> str:
        self._waiting_pin(number)
        text = required_text(text, "pin")
        await self._check_knobs(text)
        pin = self._waiting_pin(number)
        self._context.record(ev.PinEdited(pin=pin.number, text=text, by=by))
        return f"Pin {number} updated."

    def _move_pin(self, by: Actor, number: int, place: int) -> str:
        pin = self._waiting_pin(number)
        place = max(0, min(place, len(self._context.session.waiting_pins) - 1))
        self._context.record(ev.PinMoved(pin=pin.number, place=place, by=by))
        return f"Pin {number} is number {place + 1} in line."

    def _remove_pin(self, by: Actor, number: int) -> str:
        pin = self._waiting_pin(number)
        self._context.record(ev.PinRemoved(pin=pin.number, by=by))
        return f"Pin {number} removed."

    async def _check_knobs(self, text: str) -> None:
        """Reject a pin made of `name=value` settings that the editable file cannot take.

        A pin that is a sentence is not checked.

        Raises:
            AutoresearchError: A name is not a knob of the file, or a value is not a literal.
        """
        config = self._context.session.config
        settings = parse_settings(text, config.files)
        if not settings:
            return
        try:
            source = await self._sources.at(self._context.session.frontier)
            knobs = find_knobs(source, config.file)
        except KnobError:
            return
        names = {knob.name for knob in knobs}
        if not any(name in names or not name.islower() for name in settings):
            return  # such as "dropout = 0.2", which is a sentence where no knob has such a name
        for name, value in settings.items():
            if name not in names:
                raise AutoresearchError(
                    f"{config.file_names} has no knob {name}.",
                    f"It has: {', '.join(sorted(names)[:12])}.",
                    "Correct the pin, or write it as a sentence.",
                )
            if not is_any_literal(value):
                raise AutoresearchError(
                    f"Invalid value for {name}: {value}.", "", "Write a number, a text or a tuple."
                )

    def _waiting_pin(self, number: int) -> Pin:
        for pin in self._context.session.pins:
            if pin.number == number and pin.waits:
                return pin
            if pin.number == number:
                became = f"it became experiment {pin.experiment}" if pin.experiment else pin.removed
                raise AutoresearchError(f"Pin {number} no longer waits: {became}.")
        raise AutoresearchError(f"There is no pin {number}.", "", "`pin --list` shows them.")

    # ---- bans and notes

    def _ban(self, by: Actor, text: str) -> str:
        text = required_text(text, "ban")
        number = self._context.session.banned_ever + 1
        self._context.record(ev.DirectionBanned(ban=number, text=text, by=by))
        return f"Banned as number {number}; the agent is told with its next briefing."

    def _lift_ban(self, by: Actor, number: int) -> str:
        _require(self._context.session.bans, number, "ban")
        self._context.record(ev.BanLifted(ban=number, by=by))
        return f"Ban {number} lifted."

    def _add_note(self, by: Actor, text: str) -> str:
        text = required_text(text, "note")
        number = self._context.session.noted_ever + 1
        self._context.record(ev.NoteAdded(note=number, text=text, by=by))
        return f"Noted as number {number}; the agent is told with its next briefing."

    def _remove_note(self, by: Actor, number: int) -> str:
        _require(self._context.session.agent_notes, number, "note")
        self._context.record(ev.NoteRemoved(note=number, by=by))
        return f"Note {number} removed."


def _require(instructions: tuple[Instruction, ...], number: int, what: str) -> None:
    if all(instruction.number != number for instruction in instructions):
        raise AutoresearchError(f"There is no {what} {number}.")
