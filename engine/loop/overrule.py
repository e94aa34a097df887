"""Overrules, revives and confirms finished experiments; makes the branch follow an overrule."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from engine.core import events as ev
from engine.core.candidate import Candidate
from engine.core.enums import Actor, AlarmKind, DecisionKind, Origin, Verdict
from engine.core.errors import AutoresearchError
from engine.core.layout import RefNames
from engine.core.patches.patch import apply_patch, make_patch
from engine.core.patches.proposal_edit import with_edit
from engine.core.patches.refit import refit
from engine.core.records import Experiment
from engine.core.text import short_id
from engine.loop.context import SessionContext
from engine.loop.proposal_queue import ProposalQueue
from engine.loop.review import Reviewer
from engine.loop.source_cache import SourceCache
from engine.protocol.commands import OverruleVerdict, required_text


class _NothingToDoError(AutoresearchError):
    """The frontier already has, or already lacks, the change as the user wants it."""


class _SupersededError(AutoresearchError):
    """The user overruled the experiment again while an earlier overrule was carried out."""


class EarlierExperiments:
    """Overrules, revives and confirms finished experiments on the user's command.

    Args:
        context: The session's journal, workspace, files and agent.
        sources: Reads the editable file as of a commit.
        reviewer: Runs the risk check on edits that are run again.
        queue: Takes the proposals made from earlier experiments.
    """

    def __init__(
        self,
        context: SessionContext,
        sources: SourceCache,
        reviewer: Reviewer,
        queue: ProposalQueue,
    ) -> None:
        self._context = context
        self._sources = sources
        self._reviewer = reviewer
        self._queue = queue

    # ---- commands

    async def revive(self, by: Actor, number: int) -> str:
        """Re-apply a finished experiment's change to the frontier and ask the user about it.

        Returns:
            The answer to show to the user.

        Raises:
            AutoresearchError: There is no such change, it does not fit the frontier, or it waits in
                the queue already.
        """
        experiment = self._finished(number)
        if experiment.is_baseline:
            raise AutoresearchError("The baseline changes nothing; there is nothing to revive.")
        edited = await self._refit(experiment)
        candidate = await self._candidate(by, experiment, edited, Origin.REVIVE, "revival")
        if self._context.session.waiting_patch(candidate.proposal.patch_id) is not None:
            raise AutoresearchError(
                f"The change of experiment {number} waits already, "
                f"as patch {short_id(candidate.proposal.patch_id)}."
            )
        await self._assess_and_enqueue(candidate)
        return f"The change of experiment {number} fits; look at it, then approve it."

    async def confirm(self, by: Actor, number: int) -> str:
        """Queue a finished experiment's commit to be run once more, unchanged.

        Returns:
            The answer to show to the user.

        Raises:
            AutoresearchError: The experiment is not finished or was not measured.
        """
        experiment = self._finished(number)
        if experiment.measurement is None:
            raise AutoresearchError(
                f"Experiment {number} has no measurement to confirm.",
                "",
                "Revive it to try its idea again.",
            )
        patch = make_patch(self._context.session.config.file, *await self._texts(experiment))
        session = self._context.session
        hypothesis = f"confirmation of #{number}: {experiment.proposal.hypothesis}"
        self._context.record(
            ev.ProposalQueued(
                queued=session.queued_ever + 1,
                base=experiment.base,
                proposal=replace(experiment.proposal, hypothesis=hypothesis, agent=by),
                patch=patch,
                after=len(session.experiments),
                origin=Origin.CONFIRM,
                of=number,
                findings=experiment.findings,
            )
        )
        if experiment.indecisive and experiment.base == session.frontier:
            return f"The test of experiment {number} goes on, next; it may be kept."
        return f"Experiment {number} is run once more, next."

    async def overrule(self, by: Actor, command: OverruleVerdict) -> str:
        """Record the user's verdict in place of the keep rule's; `settle` moves the branch later.

        Returns:
            The answer to show to the user.

        Raises:
            AutoresearchError: The verdict is impossible for this experiment, or in force already.
        """
        number, wanted = command.experiment, command.verdict
        reason = required_text(command.reason, "verdict of your own")
        experiment = self._overrulable(number, wanted)
        if experiment.held and wanted is Verdict.DISCARD:
            answer = ev.Overruled(experiment=number, verdict=wanted, by=by, reason=reason)
            self._context.record(answer)
            return f"Experiment {number} stays discarded."
        session = self._context.session
        if number != session.incumbent and number not in session.pending_overrules:
            # Raises an error where it is impossible.
            await self._refit(experiment, reverse=wanted is Verdict.DISCARD)
            self._overrulable(number, wanted)  # another client may have been faster
            session = self._context.session
        self._context.record(ev.Overruled(experiment=number, verdict=wanted, by=by, reason=reason))
        when = f", once the session goes on with --max {session.suggested_limit}"
        must_wait = session.is_used_up and number in self._context.session.pending_overrules
        return (
            f"Experiment {number} is a {wanted.value} by your decision; the branch follows"
            f"{when if must_wait else ''}."
        )

    def _overrulable(self, number: int, wanted: Verdict) -> Experiment:
        """Return a finished experiment whose verdict the user may replace by another.

        Raises:
            AutoresearchError: The verdict is impossible for this experiment, or in force already.
        """
        experiment = self._finished(number)
        if wanted is Verdict.CRASH or experiment.measurement is None:
            raise AutoresearchError(
                f"Experiment {number} cannot become a {wanted.value}.",
                "Only an experiment with a measurement can be kept or discarded.",
                "Revive it to try its idea again.",
            )
        if experiment.effective_verdict is wanted and not experiment.held:
            raise AutoresearchError(f"Experiment {number} is a {wanted.value} already.")
        if experiment.is_baseline:
            raise AutoresearchError("The baseline is what all is compared with; it stays.")
        if experiment.origin is Origin.CONFIRM:
            raise AutoresearchError(
                f"Experiment {number} is a confirmation of #{experiment.of}.",
                "",
                f"Overrule #{experiment.of} itself.",
            )
        return experiment

    # ---- the branch follows a verdict

    async def settle(self) -> None:
        """Make the branch follow the oldest pending overrule; call this between two experiments.

        Moves the branch where a commit suffices, else queues a run. An overrule that cannot be
        carried out becomes an alarm. Does nothing where no overrule is pending.

        Raises:
            WorkspaceError: The branch cannot be moved.
        """
        session = self._context.session
        if not session.pending_overrules:
            return
        experiment = session.experiment(session.pending_overrules[0])
        number = experiment.number
        decided_at = _overruled_at(experiment)
        for queued in session.queue:
            mine = queued.of == number and queued.origin is Origin.OVERRULE
            if mine and queued.at < decided_at:
                reason = "you decided otherwise since"
                self._context.record(ev.ProposalDropped(queued=queued.number, reason=reason))
        try:
            if any(
                queued.of == number and queued.origin is Origin.OVERRULE
                for queued in self._context.session.queue
            ):
                how = "it is measured, then kept"  # an engine was killed right after queueing it
            elif experiment.overruled is Verdict.KEEP:
                how = await self._keep(experiment)
            else:
                how = await self._revert(experiment)
        except _SupersededError:
            return
        except _NothingToDoError as error:
            how = f"nothing was to be done: {error.what}"
        except AutoresearchError as error:
            if type(error) is not AutoresearchError:
                raise
            how = f"it could not be done: {error.what}"
            self._context.alarm(AlarmKind.OVERRULE, f"#{number}: {how}")
        if not self._is_superseded(experiment):
            self._context.record(ev.OverruleSettled(experiment=number, how=how))

    def _is_superseded(self, experiment: Experiment) -> bool:
        """Return whether the user has overruled an experiment again since it was looked up."""
        now = self._context.session.experiment(experiment.number)
        return _overruled_at(now) != _overruled_at(experiment)

    async def _move_branch(self, experiment: Experiment, commit: str) -> None:
        """Move the branch to a commit for an overrule, unless the user has overruled it again.

        Raises:
            WorkspaceError: The branch cannot be moved.
        """
        if self._is_superseded(experiment):
            raise _SupersededError("The user has decided again.")
        session = self._context.session
        await self._context.in_git_thread(
            self._context.workspace.advance_branch, session.config.tag, commit, session.frontier
        )

    async def _keep(self, experiment: Experiment) -> str:
        session, number = self._context.session, experiment.number
        if session.pending_overrules.count(number) % 2 == 0:
            # It was kept, discarded and kept again before the branch could follow.
            raise _NothingToDoError(f"The frontier has never lost the change of #{number}.")
        before, after = await self._texts(experiment)
        frontier = await self._sources.at(session.frontier)
        if frontier == after:
            raise _NothingToDoError(f"The frontier has the change of experiment {number} already.")
        if frontier != before:
            await self._rerun(experiment, await self._refit(experiment), "keep")
            return "the frontier moved since: it is measured on it, then kept"
        commit = experiment.commit
        if session.frontier != experiment.base:
            message = f"{experiment.proposal.hypothesis}\n\nKept by the user: experiment {number}"
            names = RefNames(session.config.tag)
            commit = await self._commit(after, message, names.kept(number))
        await self._move_branch(experiment, commit)
        self._context.record(ev.FrontierAdvanced(experiment=number, commit=commit))
        return "the branch has it now"

    async def _revert(self, experiment: Experiment) -> str:
        session, number = self._context.session, experiment.number
        if session.incumbent != number:
            without = await self._refit(experiment, reverse=True)
            await self._rerun(experiment, without, "removal")
            return "later keeps depend on it: the file without it is measured, then kept"
        before, _ = await self._texts(experiment)
        message = f"Revert experiment {number}: {experiment.proposal.hypothesis}"
        names = RefNames(session.config.tag)
        commit = await self._commit(before, message, names.taken_back(number))
        await self._move_branch(experiment, commit)
        incumbent = experiment.against or 1
        self._context.record(
            ev.FrontierReverted(experiment=number, commit=commit, incumbent=incumbent)
        )
        return "the branch reverted it by a new commit"

    async def _commit(self, text: str, message: str, ref: str) -> str:
        session = self._context.session
        return await self._context.in_git_thread(
            self._context.workspace.commit_once,
            *(session.frontier, session.config.files, text, message, ref),
        )

    async def _rerun(self, experiment: Experiment, edited: str, what: str) -> None:
        candidate = await self._candidate(Actor.PERSON, experiment, edited, Origin.OVERRULE, what)
        await self._assess_and_enqueue(replace(candidate, forced=Verdict.KEEP))

    # ---- candidates made of earlier experiments

    def _finished(self, number: int) -> Experiment:
        experiments = self._context.session.experiments
        if not 1 <= number <= len(experiments) or experiments[number - 1].verdict is None:
            raise AutoresearchError(f"There is no finished experiment {number}.")
        return experiments[number - 1]

    async def _texts(self, experiment: Experiment) -> tuple[str, str]:
        """Return the editable file's text before and after an experiment's edit."""
        return await self._sources.at(experiment.base), await self._sources.at(experiment.commit)

    async def _refit(self, experiment: Experiment, *, reverse: bool = False) -> str:
        """Return the frontier's editable file with an experiment's change applied, or reverted.

        Args:
            experiment: The finished experiment with the change.
            reverse: Revert the change instead of applying it.

        Raises:
            AutoresearchError: The change does not fit the frontier, or the frontier has (or, with
                `reverse`, lacks) it already.
        """
        number, (before, after) = experiment.number, await self._texts(experiment)
        now = await self._sources.at(self._context.session.frontier)
        if reverse:
            before, after = after, before
        edited = refit(before, after, now)
        if edited is None and refit(after, before, now) is not None:
            has, already = ("does not have", "") if reverse else ("has", " already")
            raise _NothingToDoError(
                f"The frontier {has} the change of experiment {number}{already}."
            )
        if edited is None:
            raise AutoresearchError(
                f"The change of experiment {number} no longer fits the frontier.",
                "The lines it touches, or those around them, were changed since.",
                "Pin its idea instead; the agent works it out again.",
            )
        return edited

    async def _candidate(
        self, by: Actor, experiment: Experiment, edited: str, origin: Origin, what: str
    ) -> Candidate:
        """Return a candidate at the frontier made from an earlier experiment, not assessed yet.

        Args:
            by: Who asked for it.
            experiment: The earlier experiment.
            edited: The text of the editable file to run.
            origin: The kind of command that it comes from.
            what: The first word of its hypothesis, such as `revival`.
        """
        frontier = self._context.session.frontier
        before = await self._sources.at(frontier)
        file = self._context.session.config.file
        patch = make_patch(file, before, edited)
        hypothesis = f"{what} of #{experiment.number}: {experiment.proposal.hypothesis}"
        proposal = with_edit(
            experiment.proposal, before, edited, file, hypothesis=hypothesis, agent=by
        )
        return Candidate(
            base=frontier, proposal=proposal, patch=patch, origin=origin, of=experiment.number
        )

    async def _assess_and_enqueue(self, candidate: Candidate) -> None:
        before = await self._sources.at(candidate.base)
        findings = await self._reviewer.assess(before, apply_patch(before, candidate.patch))
        self._queue.enqueue(replace(candidate, findings=findings))


def _overruled_at(experiment: Experiment) -> datetime:
    """Return when the user last overruled an experiment that was overruled."""
    return max(d.at for d in experiment.decisions if d.kind is DecisionKind.OVERRULED)
