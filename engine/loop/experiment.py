"""From the frontier to a candidate commit: a proposal made now or ahead, recorded, committed,
mended after a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from engine.agents.base import Failure
from engine.core import events as ev
from engine.core.enums import DecisionKind, Origin, Outcome
from engine.core.errors import AgentError
from engine.core.layout import RefNames
from engine.core.patches.knobs import Knob, KnobError, find_knobs, set_knobs
from engine.core.patches.patch import apply_patch, make_patch, patch_id
from engine.core.patches.proposal_edit import key_of, with_edit
from engine.core.records import Experiment
from engine.loop.agent_call import Drafter
from engine.loop.briefing import Briefer
from engine.loop.context import SessionContext
from engine.loop.proposal_queue import Lookahead, Taken
from engine.loop.proposer import Made, Maker
from engine.loop.review import Reviewer
from engine.store.artifacts import keep_proposal

MEMORY_KNOB = "DEVICE_BATCH_SIZE"
"""Halving it halves the activations and, with gradient accumulation, changes nothing else."""
_MOST_REPAIRS = 2


class ExperimentSteps:
    """Finds and commits one experiment at a time.

    Args:
        around: Of the session.
        bear: Does what a failure of an agent asked ahead means.
    """

    def __init__(
        self, context: SessionContext, on_agent_error: Callable[[AgentError], None]
    ) -> None:
        self._context = context
        self.briefer = Briefer(context)
        self.drafter = Drafter(context, self.briefer)
        self.reviewer = Reviewer(context, self.briefer)
        self.maker = Maker(context, self.briefer, self.drafter, self.reviewer)
        self.lookahead = Lookahead(
            context, self.briefer, self.drafter, self.maker, self.reviewer, on_agent_error
        )

    async def propose(self) -> None:
        """Record the next experiment; the first is the file as it is. Nothing is recorded where a
        person is asked first, paused meanwhile, or the agent is to be left alone for a while.

        Raises:
            AgentError: The agent could not; no experiment is used up.
        """
        self.briefer.charter.look()
        self.briefer.charter.commit()
        number = len(self._context.session.experiments) + 1
        if number == 1:
            self._begin_with_baseline(self._context.session.frontier)
            return
        taken = await self.lookahead.take()
        if taken is not None:
            if not self._held_up():
                self._begin(number, taken)
            return
        session = self._context.session
        if self._held_up() or session.is_full_of_questions:
            return
        if session.seconds_to_wait(datetime.now(UTC)) > 0:
            return  # it was asked ahead, and is to be left alone for a while
        made = await self.maker.make(number)
        if made is None:
            return
        if self.reviewer.why_asked(made.findings):
            self.lookahead.queue(made)
            return
        self._context.note(
            ev.ProposalDrafted(
                experiment=number,
                base=made.base,
                proposal=made.proposal,
                patch=made.patch,
                reasoning=made.reasoning,
                origin=made.origin,
                pin=made.pin,
                findings=made.findings,
                prompt_key=made.prompt_key,
            )
        )

    def _held_up(self) -> bool:
        return self._context.session.pause is not None or self._context.session.stop is not None

    def _begin(self, number: int, taken: Taken) -> None:
        queued = taken.queued
        self._context.note(
            ev.ProposalDrafted(
                experiment=number,
                base=taken.base,
                proposal=taken.proposal,
                patch=taken.patch,
                reasoning=queued.reasoning,
                queued=queued.number,
                rebased=taken.rebased,
                origin=queued.origin,
                pin=queued.pin,
                of=queued.of,
                forced=queued.forced,
                findings=taken.findings,
                prompt_key=queued.prompt_key,
            )
        )

    def _begin_with_baseline(self, base: str) -> None:
        source = self.briefer.source(base)
        proposal = ev.Proposal(
            patch_id=patch_id(""),
            hypothesis="baseline",
            category="baseline",
            source_key=key_of(source),
        )
        self._context.note(ev.ProposalDrafted(experiment=1, base=base, proposal=proposal, patch=""))

    async def repair(self, experiment: Experiment) -> bool:
        """After a code crash: have the agent mend its own edit, as a changed experiment.

        Returns:
            False where the agent does not repair, or has had its turn.
        """
        run = experiment.run
        if experiment.is_baseline or run is None or experiment.origin is Origin.CONFIRM:
            return False
        maker = self.drafter.next_agent(pinned=True)
        if maker.name != experiment.proposal.agent or not getattr(maker, "repairs", False):
            return False
        crashes = [r for r in experiment.runs if r.outcome is Outcome.CODE_CRASH]
        changed = len(crashes) < 2 or _last_line(crashes[-1].detail) != _last_line(
            crashes[-2].detail
        )
        if len(crashes) > _MOST_REPAIRS or not changed:
            return False
        base = self.briefer.source(experiment.base)
        broken = apply_patch(base, self._context.session.latest_patch)
        failure = Failure(
            hypothesis=experiment.proposal.hypothesis, source=broken, detail=run.detail
        )
        drafted = await self.drafter.ask(experiment.number, experiment.base, failure)
        if drafted is None:
            return False  # a person paused or stopped meanwhile
        if drafted.source in (base, broken):
            return False
        if self.maker.veto_of(drafted) is not None:
            return False
        return await self._change(
            experiment,
            base,
            drafted.source,
            reason=f"repaired after {_last_line(run.detail)}",
            proposal=experiment.proposal,
            reasoning=drafted.reasoning,
            prompt_key=drafted.prompt_key,
        )

    async def _change(
        self,
        experiment: Experiment,
        base: str,
        source: str,
        *,
        reason: str,
        proposal: ev.Proposal,
        reasoning: str = "",
        prompt_key: str = "",
    ) -> bool:
        """Run another edit in the same experiment; or, where a person must see it first, put it
        before them and let the experiment end.

        Returns:
            Whether it is run.
        """
        findings = await self.reviewer.assess(base, source)
        patch = make_patch(self._context.session.config.file, base, source)
        revised = with_edit(proposal, patch, source)
        if self._context.session.waiting_patch(revised.patch_id) is not None:
            return False  # an engine that was killed right here has asked already
        why = self.reviewer.why_asked(findings)
        approved = any(d.kind is DecisionKind.APPROVED for d in experiment.decisions)
        if why or approved:
            # An approval is for one patch; this is another.
            self.lookahead.queue(
                Made(
                    base=experiment.base,
                    proposal=msgspec.structs.replace(
                        revised, hypothesis=f"{proposal.hypothesis} [{reason}]"
                    ),
                    patch=patch,
                    reasoning=reasoning,
                    findings=findings,
                    # Its pin has become an experiment, and waits no more.
                    origin=Origin.AGENT if experiment.origin is Origin.PIN else experiment.origin,
                    pin=0,
                    basis="",
                    prompt_key=prompt_key,
                ),
                of=experiment.of,
                forced=experiment.forced,
                why=f"you approved this edit before it was changed: {reason}",
            )
            return False
        # What ran stays held under its run's number.
        self._context.workspace.hold(
            f"{experiment.ref}-run-{len(experiment.runs)}", experiment.commit
        )
        self._context.note(
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

    def commit(self, experiment: Experiment) -> None:
        """Make the experiment's commit from its recorded patch, and hold it by a private ref."""
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
            self._context.workspace.hold(ref, commit)
        elif experiment.is_baseline:
            commit = experiment.base
            self._context.workspace.hold(ref, commit)
        else:
            content = apply_patch(self.briefer.source(experiment.base), session.latest_patch)
            message = (
                f"{experiment.proposal.hypothesis}\n\n"
                f"Experiment: {number}\nSession: {session.config.tag}\n"
                f"Patch-Id: {experiment.proposal.patch_id}\n"
            )
            commit = self._context.workspace.commit_candidate(
                experiment.base, session.config.file, content, message, ref
            )
        self._context.note(ev.CandidateCommitted(experiment=number, commit=commit, ref=ref))

    async def save_memory(self, experiment: Experiment) -> bool:
        """After an out-of-memory end: the same idea with half the device batch, as a changed
        experiment.

        Returns:
            False where there is nothing to halve, or it was halved before.
        """
        session = self._context.session
        once_more = experiment.origin is Origin.CONFIRM
        if experiment.is_baseline or once_more or experiment.revised_after:
            return False
        base = self.briefer.source(experiment.base)
        candidate = apply_patch(base, session.latest_patch)
        knob = _memory_knob(candidate)
        if knob is None:
            return False
        half = str(int(knob.value) // 2)  # type: ignore[arg-type]
        smaller = set_knobs(candidate, {MEMORY_KNOB: half})
        if smaller == base:
            return False
        was, old = _memory_knob(base), experiment.proposal
        before = was.literal if was is not None else knob.literal
        knobs = {**old.knobs, MEMORY_KNOB: (before, half)}
        if before == half:  # the edit had doubled it
            del knobs[MEMORY_KNOB]
        change = f"{MEMORY_KNOB} {knob.literal} → {half}"
        hypothesis = f"{old.hypothesis} [with {change}, as it ran out of memory]"
        return await self._change(
            experiment,
            base,
            smaller,
            reason="out of memory",
            proposal=msgspec.structs.replace(old, hypothesis=hypothesis, knobs=knobs),
        )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else ""


def _memory_knob(source: str) -> Knob | None:
    try:
        knobs = find_knobs(source)
    except KnobError:
        return None
    for knob in knobs:
        if knob.name == MEMORY_KNOB and isinstance(knob.value, int) and knob.value >= 2:
            return knob
    return None
