"""What a person says, beside pausing and stopping: each becomes an event, or a clear refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from msgspec.structs import replace

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Autonomy, DecisionKind, Origin, Verdict
from engine.core.errors import AutoresearchError
from engine.core.layout import RefNames
from engine.core.patches.knobs import KnobError, find_knobs, is_literal
from engine.core.patches.patch import make_patch, patch_id, refit_patch, reverse_patch
from engine.core.patches.proposal_edit import with_edit
from engine.core.records import Experiment, Pin
from engine.core.text import INSTRUCTION_CHARACTERS
from engine.loop.context import SessionContext
from engine.loop.experiment import ExperimentSteps
from engine.loop.proposer import Made, looks_like_settings
from engine.loop.review import required
from engine.protocol import commands

_MEANS = {
    Autonomy.AUTO: "everything runs unasked but what no autonomy lets through",
    Autonomy.ASK_RISKY: "edits with findings wait for you, others run",
    Autonomy.ASK_ALL: "every edit waits for you",
}


class _NothingToDo(AutoresearchError):
    """The branch is as the person wants it already."""


class Steering:
    """Takes a person's words.

    Args:
        around: Of the session.
        proposer: Holds the queue and the open questions.
    """

    def __init__(self, context: SessionContext, proposer: ExperimentSteps) -> None:
        self._context = context
        self._proposer = proposer
        self._reviewer = proposer.reviewer
        self._tasks: set[asyncio.Task[None]] = set()

    def obey(self, command: commands.AnyCommand) -> str:
        """Do what a command says, and what to tell the person.

        Raises:
            AutoresearchError: It cannot be done; nothing was changed.
        """
        by = command.by
        match command:
            case commands.ApproveProposal():
                return self._reviewer.approve(by, command.patch_id)
            case commands.VetoProposal():
                return self._reviewer.veto(by, command.patch_id, command.reason)
            case commands.EditProposal():
                return self._edit(by, command)
            case commands.SetAutonomy():
                return self._set_autonomy(by, command.autonomy)
            case (
                commands.PinHypothesis()
                | commands.EditPin()
                | commands.MovePin()
                | commands.RemovePin()
            ):
                return self._pin(by, command)
            case (
                commands.BanDirection()
                | commands.LiftBan()
                | commands.AddNote()
                | commands.RemoveNote()
            ):
                return self._say(by, command)
            case commands.OverruleVerdict():
                return self._overrule(by, command)
            case commands.ReviveExperiment():
                return self._revive(by, self._finished(command.experiment))
            case commands.ConfirmExperiment():
                return self._confirm(by, self._finished(command.experiment))
            case _:
                raise AutoresearchError(f"{type(command).__name__} is not understood here.")

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- proposals

    def _edit(self, by: Actor, command: commands.EditProposal) -> str:
        edit = self._reviewer.edit(by, command)
        self._later(self._reviewer.edited(edit))
        return f"Taken as patch {patch_id(edit.patch)}; it is assessed and asked about again."

    def _set_autonomy(self, by: Actor, autonomy: Autonomy) -> str:
        if autonomy is self._context.session.autonomy:
            return f"It is {autonomy.value} already: {_MEANS[autonomy]}."
        self._context.note(ev.AutonomySet(autonomy=autonomy, by=by))
        return f"{autonomy.value}, from the next proposal on: {_MEANS[autonomy]}."

    # ---- pins, bans, notes

    def _pin(
        self,
        by: Actor,
        command: commands.PinHypothesis | commands.EditPin | commands.MovePin | commands.RemovePin,
    ) -> str:
        if isinstance(command, commands.PinHypothesis):
            text = required(command.text, "pin", INSTRUCTION_CHARACTERS)
            self._check_settings(text)
            number = len(self._context.session.pins) + 1
            self._context.note(ev.HypothesisPinned(pin=number, text=text, by=by))
            before = len(self._context.session.waiting_pins) - 1
            when = "It is done next" if not before else f"It is done after {before} other(s)"
            return f"Pinned as number {number}. {when}."
        pin = self._waiting_pin(command.pin)
        match command:
            case commands.EditPin():
                text = required(command.text, "pin", INSTRUCTION_CHARACTERS)
                self._check_settings(text)
                self._context.note(ev.PinEdited(pin=pin.number, text=text, by=by))
                return f"Pin {pin.number} says otherwise now."
            case commands.MovePin():
                last = len(self._context.session.waiting_pins) - 1
                place = max(0, min(command.place, last))
                self._context.note(ev.PinMoved(pin=pin.number, place=place, by=by))
                return f"Pin {pin.number} is number {place + 1} in line."
            case commands.RemovePin():
                self._context.note(ev.PinRemoved(pin=pin.number, by=by))
                return f"Pin {pin.number} is taken back."

    def _check_settings(self, text: str) -> None:
        """Refuse knobs and values that cannot be set; a sentence is no matter of ours."""
        config = self._context.session.config
        try:
            knobs = find_knobs(self._proposer.briefer.source(self._context.session.frontier))
        except KnobError:
            return
        names = {knob.name for knob in knobs}
        for name, value in looks_like_settings(text).items():
            if name not in names:
                raise AutoresearchError(
                    f"{config.file} has no knob {name}.",
                    f"It has: {', '.join(sorted(names)[:12])}.",
                    "Correct the pin, or say it in a sentence.",
                )
            if not is_literal(value):
                raise AutoresearchError(
                    f"{value!r} is no value for {name}.", "", "Write a number, a text or a tuple."
                )

    def _waiting_pin(self, number: int) -> Pin:
        for pin in self._context.session.pins:
            if pin.number == number and pin.waits:
                return pin
            if pin.number == number:
                became = f"it became experiment {pin.experiment}" if pin.experiment else pin.removed
                raise AutoresearchError(f"Pin {number} does not wait any more: {became}.")
        raise AutoresearchError(f"There is no pin {number}.", "", "`pin --list` shows them.")

    def _say(
        self,
        by: Actor,
        command: commands.BanDirection | commands.LiftBan | commands.AddNote | commands.RemoveNote,
    ) -> str:
        session = self._context.session
        match command:
            case commands.BanDirection():
                text = required(command.text, "ban", INSTRUCTION_CHARACTERS)
                number = session.banned_ever + 1
                self._context.note(ev.DirectionBanned(ban=number, text=text, by=by))
                return f"Banned as number {number}; the agent is told with its next briefing."
            case commands.AddNote():
                text = required(command.text, "note", INSTRUCTION_CHARACTERS)
                number = session.noted_ever + 1
                self._context.note(ev.NoteAdded(note=number, text=text, by=by))
                return f"Noted as number {number}; the agent is told with its next briefing."
            case commands.LiftBan():
                if all(ban.number != command.ban for ban in session.bans):
                    raise AutoresearchError(f"There is no ban {command.ban}.")
                self._context.note(ev.BanLifted(ban=command.ban, by=by))
                return f"Ban {command.ban} is lifted."
            case commands.RemoveNote():
                if all(note.number != command.note for note in session.agent_notes):
                    raise AutoresearchError(f"There is no note {command.note}.")
                self._context.note(ev.NoteRemoved(note=command.note, by=by))
                return f"Note {command.note} is removed."

    # ---- earlier experiments

    def _finished(self, number: int) -> Experiment:
        experiments = self._context.session.experiments
        if not 1 <= number <= len(experiments) or experiments[number - 1].verdict is None:
            raise AutoresearchError(f"There is no finished experiment {number}.")
        return experiments[number - 1]

    def _texts(self, experiment: Experiment) -> tuple[str, str]:
        """The editable file before and after an experiment."""
        source = self._proposer.briefer.source
        return source(experiment.base), source(experiment.commit)

    def _refit(self, experiment: Experiment, *, reverse: bool = False) -> str:
        """The frontier's file with an experiment's change made, or taken back.

        Raises:
            AutoresearchError: It does not fit any more, or changes nothing.
        """
        before, after = self._texts(experiment)
        patch = make_patch(self._context.session.config.file, before, after)
        now = self._proposer.briefer.source(self._context.session.frontier)
        forth, back = patch, reverse_patch(patch)
        if reverse:
            forth, back = back, forth
        edited = refit_patch(now, forth)
        if edited is None and refit_patch(now, back) is not None:
            has = "does not have" if reverse else "has"
            already = "" if reverse else " already"
            raise _NothingToDo(
                f"The frontier {has} the change of experiment {experiment.number}{already}."
            )
        if edited is None:
            raise AutoresearchError(
                f"The change of experiment {experiment.number} does not fit the frontier any more.",
                "The lines it touches were changed since.",
                "Pin its idea instead; the agent works it out anew.",
            )
        return edited

    def _made_of(
        self, by: Actor, old: Experiment, edited: str, origin: Origin, said: str
    ) -> tuple[Made, str]:
        """A proposal that takes an earlier one up again, not assessed; and the text before it."""
        frontier = self._context.session.frontier
        now = self._proposer.briefer.source(frontier)
        patch = make_patch(self._context.session.config.file, now, edited)
        words = f"{said} of #{old.number}: {old.proposal.hypothesis}"
        proposal = with_edit(old.proposal, patch, edited, hypothesis=words, agent=by)
        return Made(frontier, proposal, patch, "", (), origin, 0, ""), now

    async def _queue(
        self, old: Experiment, made: Made, now: str, edited: str, forced: Verdict | None = None
    ) -> None:
        findings = await self._reviewer.assess(now, edited)
        self._proposer.lookahead.queue(
            made._replace(findings=findings), of=old.number, forced=forced
        )

    def _revive(self, by: Actor, experiment: Experiment) -> str:
        if experiment.is_baseline:
            raise AutoresearchError("The baseline changes nothing; there is nothing to revive.")
        edited = self._refit(experiment)
        made, now = self._made_of(by, experiment, edited, Origin.REVIVE, "revival")
        if self._context.session.waiting_patch(made.proposal.patch_id) is not None:
            raise AutoresearchError(
                f"The change of experiment {experiment.number} waits already, "
                f"as patch {made.proposal.patch_id}."
            )
        self._later(self._queue(experiment, made, now, edited))
        return f"The change of experiment {experiment.number} fits; look at it, then approve it."

    def _confirm(self, by: Actor, experiment: Experiment) -> str:
        session = self._context.session
        if experiment.measurement is None:
            raise AutoresearchError(
                f"Experiment {experiment.number} has no measurement to confirm.",
                "",
                "Revive it to try its idea again.",
            )
        before, after = self._texts(experiment)
        proposal = replace(
            experiment.proposal,
            hypothesis=f"confirmation of #{experiment.number}: {experiment.proposal.hypothesis}",
            agent=by,
        )
        self._context.note(
            ev.ProposalQueued(
                queued=session.queued_ever + 1,
                base=experiment.base,
                proposal=proposal,
                patch=make_patch(session.config.file, before, after),
                after=len(session.experiments),
                origin=Origin.CONFIRM,
                of=experiment.number,
                findings=experiment.findings,
            )
        )
        return f"Experiment {experiment.number} is run once more, next."

    def _overrule(self, by: Actor, command: commands.OverruleVerdict) -> str:
        old = self._finished(command.experiment)
        reason = required(command.reason, "verdict of your own", INSTRUCTION_CHARACTERS)
        number, wanted = old.number, command.verdict
        if wanted is Verdict.CRASH or old.measurement is None:
            raise AutoresearchError(
                f"Experiment {number} cannot be made a {wanted.value}.",
                "Only what was measured can be kept or discarded.",
                "Revive it to try its idea again.",
            )
        if old.effective_verdict is wanted:
            raise AutoresearchError(f"Experiment {number} is a {wanted.value} already.")
        if old.is_baseline:
            raise AutoresearchError("The baseline is what all is compared with; it stays.")
        if old.origin is Origin.CONFIRM:
            raise AutoresearchError(
                f"Experiment {number} is a confirmation of #{old.of}.",
                "",
                f"Overrule #{old.of} itself.",
            )
        session = self._context.session
        if number != session.incumbent and number not in session.pending_overrules:
            self._refit(old, reverse=wanted is Verdict.DISCARD)  # whether it can be done at all
        self._context.note(ev.Overruled(experiment=number, verdict=wanted, by=by, reason=reason))
        when = f", once the session goes on with --max {session.suggested_limit}"
        when = (
            when if session.is_used_up and number in self._context.session.pending_overrules else ""
        )
        return f"Experiment {number} is a {wanted.value} by your word; the branch follows{when}."

    # ---- what a person's verdict asks of the branch

    async def settle(self) -> None:
        """Have the branch follow the next verdict of a person's; only between two experiments.

        Raises:
            WorkspaceError: The branch cannot be moved.
        """
        session = self._context.session
        if not session.pending_overrules:
            return
        old = session.experiment(session.pending_overrules[0])
        said_at = max(d.at for d in old.decisions if d.kind is DecisionKind.OVERRULED)
        for queued in session.queue:
            if queued.of == old.number and queued.origin is Origin.OVERRULE and queued.at < said_at:
                reason = "you decided otherwise since"
                self._context.note(ev.ProposalDropped(queued=queued.number, reason=reason))
        try:
            if any(
                queued.of == old.number and queued.origin is Origin.OVERRULE
                for queued in self._context.session.queue
            ):
                how = "it is measured, then kept"  # an engine was killed right after it was queued
            elif old.overruled is Verdict.KEEP:
                how = await self._keep(old)
            else:
                how = await self._take_back(old)
        except _NothingToDo as nothing:
            how = f"nothing was to be done: {nothing.what}"
        except AutoresearchError as error:
            if type(error) is not AutoresearchError:
                raise
            how = f"it could not be done: {error.what}"
            self._context.note(
                ev.AlarmRaised(kind=AlarmKind.OVERRULE, message=f"#{old.number}: {how}")
            )
        self._context.note(ev.OverruleSettled(experiment=old.number, how=how))

    async def _keep(self, old: Experiment) -> str:
        session, workspace = self._context.session, self._context.workspace
        before, after = self._texts(old)
        frontier = self._proposer.briefer.source(session.frontier)
        if frontier == after:
            raise _NothingToDo(f"The frontier has the change of experiment {old.number} already.")
        if frontier != before:
            edited = self._refit(old)
            made, now = self._made_of(Actor.PERSON, old, edited, Origin.OVERRULE, "keep")
            await self._queue(old, made, now, edited, Verdict.KEEP)
            return "the frontier moved since: it is measured on it, then kept"
        tag, commit = session.config.tag, old.commit
        if session.frontier != old.base:
            commit = workspace.commit_once(
                session.frontier,
                session.config.file,
                after,
                f"{old.proposal.hypothesis}\n\nKept by the person: experiment {old.number}",
                RefNames(tag).kept(old.number),
            )
        workspace.advance_branch(tag, commit, session.frontier)
        self._context.note(ev.FrontierAdvanced(experiment=old.number, commit=commit))
        return "the branch has it now"

    async def _take_back(self, old: Experiment) -> str:
        session, workspace = self._context.session, self._context.workspace
        if session.incumbent != old.number:
            edited = self._refit(old, reverse=True)
            made, now = self._made_of(Actor.PERSON, old, edited, Origin.OVERRULE, "removal")
            await self._queue(old, made, now, edited, Verdict.KEEP)
            return "later keeps stand on it: the file without it is measured, then kept"
        before, _ = self._texts(old)
        tag = session.config.tag
        commit = workspace.commit_once(
            session.frontier,
            session.config.file,
            before,
            f"Take back experiment {old.number}: {old.proposal.hypothesis}",
            RefNames(tag).taken_back(old.number),
        )
        workspace.advance_branch(tag, commit, session.frontier)
        self._context.note(
            ev.FrontierReverted(experiment=old.number, commit=commit, incumbent=old.against or 1)
        )
        return "the branch took it back by a new commit"
