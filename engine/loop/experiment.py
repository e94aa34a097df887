"""Begins and commits an experiment; changes its edit after a crash or lack of memory."""

from __future__ import annotations

from msgspec.structs import replace

from engine.agents.base import Failure
from engine.core import events as ev
from engine.core.candidate import Candidate, ProposalRecord, copied_fields
from engine.core.enums import DecisionKind, Origin, Outcome
from engine.core.layout import RefNames
from engine.core.patches.knobs import Knob, KnobError, find_knobs, set_knobs
from engine.core.patches.language import key_of
from engine.core.patches.patch import apply_patch, make_patch
from engine.core.patches.place import patch_id
from engine.core.patches.proposal_edit import with_edit
from engine.core.records import Experiment
from engine.loop.agent_call import AgentCalls
from engine.loop.context import SessionContext
from engine.loop.program_versions import ProgramVersions
from engine.loop.proposal_queue import ProposalQueue
from engine.loop.proposer import Proposer
from engine.loop.review import Reviewer
from engine.loop.source_cache import SourceCache
from engine.loop.stall import Stall
from engine.store.artifacts import keep_proposal

MEMORY_KNOB = "DEVICE_BATCH_SIZE"
"""The constant of the editable file that is halved after a run ran out of memory.

Halving it halves the memory of activations and, with gradient accumulation, changes nothing else.
"""
_MAX_REPAIRS = 2


class ExperimentSteps:
    """The steps of an experiment before each of its runs: begin, commit, repair, halve the batch.

    Args:
        context: The session's journal, workspace, files and agent.
        program: Commits a changed program.md before an experiment begins.
        sources: Reads the editable file as of a commit.
        calls: Asks the agent to repair a crashed edit.
        proposer: Asks the agent for a proposal where the queue has none.
        queue: Holds the proposals that are ready, and those the user is asked about.
        reviewer: Runs the risk check on changed edits.
        stall: Waits while an edit of the agent cannot be recorded.
    """

    def __init__(
        self,
        context: SessionContext,
        program: ProgramVersions,
        sources: SourceCache,
        calls: AgentCalls,
        proposer: Proposer,
        queue: ProposalQueue,
        reviewer: Reviewer,
        stall: Stall,
    ) -> None:
        self._context = context
        self._program = program
        self._sources = sources
        self._calls = calls
        self._proposer = proposer
        self._queue = queue
        self._reviewer = reviewer
        self._stall = stall

    async def begin_next(self) -> None:
        """Record the next experiment's beginning, from the queue or a new proposal of the agent.

        The first experiment is the baseline, the editable file unchanged.

        No experiment begins where the user is asked first or paused meanwhile, or where the agent
        must not be asked for a while.

        Raises:
            AgentError: The agent failed; no experiment is used up.
        """
        self._program.refresh()
        await self._program.commit()
        number = len(self._context.session.experiments) + 1
        if number == 1:
            baseline = await self._baseline()
            if not self._is_held_up():
                self._context.record(_beginning(1, baseline))
            return
        queued = await self._queue.next_candidate()
        if queued is not None:
            if not self._is_held_up():
                self._context.record(_beginning(number, queued))
            return
        session = self._context.session
        if self._is_held_up() or session.is_full_of_questions:
            return
        if self._context.waits.for_agent() > 0:
            return  # a call ahead failed; the agent is asked again later
        candidate = await self._proposer.propose(number)
        if candidate is None:
            return
        if self._reviewer.why_asked(candidate.findings):
            self._queue.enqueue(candidate)
        else:
            await self._stall.record(_beginning(number, candidate))

    def _is_held_up(self) -> bool:
        return self._context.session.pause is not None or self._context.session.stop is not None

    async def _baseline(self) -> Candidate:
        base = self._context.session.frontier
        proposal = ev.Proposal(
            patch_id=patch_id("", ""),
            hypothesis="baseline",
            category="baseline",
            source_key=key_of(await self._sources.at(base), self._context.session.config.file),
        )
        return Candidate(base=base, proposal=proposal, patch="")

    async def repair(self, experiment: Experiment) -> bool:
        """Ask the agent to repair its own edit after a code crash, within the same experiment.

        Returns:
            True where the changed edit will run; False where the agent does not repair edits or has
            reached the limit, the user is asked about the repair, or they paused meanwhile.

        Raises:
            AgentError: The agent failed.
        """
        run = experiment.run
        if experiment.is_baseline or run is None or experiment.origin is Origin.CONFIRM:
            return False
        agent = self._calls.next_agent(thinks=True)
        if agent.name != experiment.proposal.agent or not getattr(agent, "repairs", False):
            return False
        crashes = [r for r in experiment.runs if r.outcome is Outcome.CODE_CRASH]
        changed = len(crashes) < 2 or _last_line(crashes[-1].detail) != _last_line(
            crashes[-2].detail
        )
        if len(crashes) > _MAX_REPAIRS or not changed:
            return False
        before = await self._sources.at(experiment.base)
        broken = apply_patch(before, self._context.session.latest_patch)
        failure = Failure(
            hypothesis=experiment.proposal.hypothesis, source=broken, detail=run.detail
        )
        repair = await self._calls.ask(experiment.number, experiment.base, failure)
        if repair is None:
            return False  # the user paused or stopped meanwhile
        repaired = apply_patch(before, repair.patch)
        if repaired == broken or self._proposer.matching_veto(repair) is not None:
            return False
        reason = f"repaired after {_last_line(run.detail)}"
        return await self._change(
            experiment, repaired, reason, experiment.proposal, repair.reasoning, repair.prompt_key
        )

    async def halve_batch(self, experiment: Experiment) -> bool:
        """Halve `DEVICE_BATCH_SIZE` in an edit that ran out of memory, within the same experiment.

        Returns:
            True where the changed edit will run; False where the edit was changed before, there is
            nothing to halve, or the user is asked first.
        """
        session = self._context.session
        repeated = experiment.origin is Origin.CONFIRM
        if experiment.is_baseline or repeated or experiment.revised_after:
            return False
        before = await self._sources.at(experiment.base)
        candidate = apply_patch(before, session.latest_patch)
        file = session.config.file
        knob = _memory_knob(candidate, file)
        if knob is None:
            return False
        half = str(int(knob.value) // 2)  # type: ignore[arg-type]
        smaller = set_knobs(candidate, {MEMORY_KNOB: half}, file)
        if smaller == before:
            return False
        was, old = _memory_knob(before, file), experiment.proposal
        first = was.literal if was is not None else knob.literal
        knobs = {**old.knobs, MEMORY_KNOB: (first, half)}
        if first == half:  # the edit had doubled it
            del knobs[MEMORY_KNOB]
        change = f"{MEMORY_KNOB} {knob.literal} → {half}"
        hypothesis = f"{old.hypothesis} [with {change}, as it ran out of memory]"
        proposal = replace(old, hypothesis=hypothesis, knobs=knobs)
        return await self._change(experiment, smaller, "out of memory", proposal)

    async def _change(
        self,
        experiment: Experiment,
        source: str,
        reason: str,
        proposal: ev.Proposal,
        reasoning: str = "",
        prompt_key: str = "",
    ) -> bool:
        """Record a changed edit to run in the same experiment, or queue it to ask the user first.

        Args:
            experiment: The experiment whose run failed.
            source: The text of the editable file with the changed edit.
            reason: Why the edit was changed.
            proposal: The description of the edit, without the new patch.
            reasoning: The agent's reasoning about the change; empty: none.
            prompt_key: The key of the prompt sent for the change; empty: none was sent.

        Returns:
            True where the changed edit runs in this experiment; False where it waits in the queue,
            put there now or before.
        """
        before = await self._sources.at(experiment.base)
        findings = await self._reviewer.assess(before, source)
        patch = make_patch(self._context.session.config.file, before, source)
        revised = with_edit(proposal, before, source, self._context.session.config.file)
        if self._context.session.waiting_patch(revised.patch_id) is not None:
            return False  # an engine that was killed right here has asked already
        approved = any(d.kind is DecisionKind.APPROVED for d in experiment.decisions)
        if not approved and not self._reviewer.why_asked(findings):
            # The commit that ran stays reachable under its run's number.
            await self._context.in_git_thread(
                self._context.workspace.hold,
                *(f"{experiment.ref}-run-{len(experiment.runs)}", experiment.commit),
            )
        # Asked again: the autonomy may have been changed while git ran.
        if approved or self._reviewer.why_asked(findings):
            # An approval is for one patch; this is another. The pin, if any, is done by now.
            pinned = experiment.origin is Origin.PIN
            candidate = Candidate(
                **copied_fields(experiment, ProposalRecord)
                | {
                    "proposal": replace(revised, hypothesis=f"{proposal.hypothesis} [{reason}]"),
                    "origin": Origin.AGENT if pinned else experiment.origin,
                    "pin": 0,
                    "findings": findings,
                    "rebased": False,
                    "prompt_key": prompt_key,
                },
                patch=patch,
                reasoning=reasoning,
            )
            why = f"you approved this edit before it was changed: {reason}"
            self._queue.enqueue(candidate, why=why)
            return False
        await self._stall.record(
            ev.ProposalRevised(
                experiment=experiment.number,
                reason=reason,
                proposal=revised,
                patch=patch,
                reasoning=reasoning,
                findings=findings,
                prompt_key=prompt_key,
            )
        )
        return True

    async def commit(self, experiment: Experiment) -> None:
        """Commit the experiment's patch, keep the commit under a private ref, and record both.

        The baseline and confirmations use the commit that exists already.

        Raises:
            WorkspaceError: The commit cannot be made.
        """
        session, number = self._context.session, experiment.number
        ref = RefNames(session.config.tag).experiment(number)
        keep_proposal(
            self._context.layout,
            number,
            experiment.proposal,
            session.latest_patch,
            session.latest_reasoning,
        )
        if experiment.origin is Origin.CONFIRM:
            commit = session.experiment(experiment.of).commit
            await self._context.in_git_thread(self._context.workspace.hold, ref, commit)
        elif experiment.is_baseline:
            commit = experiment.base
            await self._context.in_git_thread(self._context.workspace.hold, ref, commit)
        else:
            before = await self._sources.at(experiment.base)
            content = apply_patch(before, session.latest_patch)
            message = (
                f"{experiment.proposal.hypothesis}\n\n"
                f"Experiment: {number}\nSession: {session.config.tag}\n"
                f"Patch-Id: {experiment.proposal.patch_id}\n"
            )
            commit = await self._context.in_git_thread(
                self._context.workspace.commit_candidate,
                *(experiment.base, session.config.files, content, message, ref),
            )
        self._context.record(ev.CandidateCommitted(experiment=number, commit=commit, ref=ref))


def _beginning(number: int, candidate: Candidate) -> ev.ProposalDrafted:
    return ev.ProposalDrafted(experiment=number, **copied_fields(candidate, ev.ProposalDrafted))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else ""


def _memory_knob(source: str, file: str) -> Knob | None:
    try:
        knobs = find_knobs(source, file)
    except KnobError:
        return None
    for knob in knobs:
        if knob.name == MEMORY_KNOB and isinstance(knob.value, int) and knob.value >= 2:
            return knob
    return None
