"""Reviews edits: runs the risk check, asks the user about some, and applies their answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import PurePosixPath
from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Autonomy, Origin, QueueState, ReviewAnswer
from engine.core.errors import AutoresearchError
from engine.core.finding import Finding, Weight
from engine.core.patches.knobs import knob_changes
from engine.core.patches.language import edit_problem
from engine.core.patches.patch import make_patch
from engine.core.patches.proposal_edit import with_edit
from engine.core.patches.refit import refit
from engine.core.records import Queued
from engine.core.risk import RiskContext, assess_files
from engine.core.text import duration, short_id
from engine.loop.context import SessionContext
from engine.loop.program_versions import ProgramVersions
from engine.loop.source_cache import SourceCache
from engine.plugins import load_rules
from engine.protocol.commands import EditProposal, required_text


class CheckedEdit(NamedTuple):
    """The user's own edit of a queued proposal, checked but not recorded yet."""

    by: Actor
    queued: Queued
    base: str
    """The hash of the frontier's commit that the edit was fitted to."""
    before: str
    """The text of the editable file at commit `base`."""
    source: str
    """The text of the editable file after the user's edit."""
    patch: str


class Reviewer:
    """Runs the risk check, asks the user where the autonomy requires it, and applies the answers.

    Args:
        context: The session's journal, workspace, files and agent.
        program: Holds the version of program.md in force.
        sources: Reads the editable file as of a commit.
    """

    def __init__(
        self, context: SessionContext, program: ProgramVersions, sources: SourceCache
    ) -> None:
        self._context = context
        self._program = program
        self._sources = sources
        self._rules = load_rules()

    # ---- asking

    async def assess(self, base: str, candidate: str) -> tuple[Finding, ...]:
        """Return the findings of the risk check on an edit; it runs in a thread, as it may be slow.

        Args:
            base: The text of the editable files before the edit.
            candidate: The text of the editable files after the edit.
        """
        session = self._context.session
        best = session.best
        gpus = session.platform.gpus if session.platform is not None else ()
        setting = RiskContext(
            metric=session.config.metric,
            file=session.config.file,
            harness=tuple(
                PurePosixPath(name).stem for name in session.config.locked if name.endswith(".py")
            ),
            program=self._program.text,
            memory_gb=best.measurement.memory_gb if best and best.measurement else None,
            memory_limit_gb=min((b for g in gpus if (b := g.memory_bytes)), default=0) / 2**30
            or None,
        )
        before, after = (text.replace("\r\n", "\n") for text in (base, candidate))
        return await asyncio.to_thread(assess_files, before, after, setting, self._rules)

    def why_asked(self, findings: tuple[Finding, ...]) -> str:
        """Return why the user must approve an edit with these findings; "" where they need not."""
        autonomy = self._context.session.autonomy
        blocks = [f for f in findings if f.weight is Weight.BLOCK]
        asks = [f for f in findings if f.weight is Weight.ASK]
        if blocks:
            return f"never run unasked: {blocks[0].message}"
        if asks and autonomy is not Autonomy.AUTO:
            return asks[0].message
        return "every edit is asked about" if autonomy is Autonomy.ASK_ALL else ""

    def ask(self, queued: int, patch_id: str, why: str) -> None:
        """Record a question to the user about a queued proposal, with its time limit.

        Args:
            queued: The number of the queued proposal.
            patch_id: The hash of its patch.
            why: Why the user is asked.
        """
        limit = timedelta(seconds=self._context.session.config.review_timeout_seconds)
        self._context.record(
            ev.ReviewRequested(
                queued=queued, patch_id=patch_id, why=why, until=self._context.waits.now() + limit
            )
        )

    def park_overdue(self) -> None:
        """Park the proposals whose question was not answered within `review_timeout_seconds`."""
        for queued in self._context.session.asked:
            if self._context.waits.for_answer(queued) == 0:
                seconds = self._context.session.config.review_timeout_seconds
                reason = f"not answered within {duration(seconds)}"
                self._context.record(ev.ProposalParked(queued=queued.number, reason=reason))

    def seconds_to_parking(self) -> float | None:
        """Return the seconds until the first open question is parked; None where none is open."""
        waits = [self._context.waits.for_answer(q) for q in self._context.session.asked]
        return min((seconds for seconds in waits if seconds is not None), default=None)

    # ---- answers

    def approve(self, by: Actor, patch: str) -> str:
        """Approve the queued proposal with exactly this patch_id.

        Returns:
            The answer to show to the user.

        Raises:
            AutoresearchError: No proposal with this patch waits for the user's answer.
        """
        queued = self._waiting(patch)
        paused = self._context.session.pause is not None
        self._context.record(
            ev.ReviewDecided(
                queued=queued.number, patch_id=patch, decision=ReviewAnswer.APPROVE, by=by
            )
        )
        return "Approved; it runs next, once you resume." if paused else "Approved; it runs next."

    def veto(self, by: Actor, patch: str, reason: str) -> str:
        """Veto the queued proposal with this patch_id, and edits equivalent to it.

        Returns:
            The answer to show to the user.

        Raises:
            AutoresearchError: The reason is missing or too long, or the patch does not wait.
        """
        reason = required_text(reason, "veto")
        queued = self._find(patch)
        if queued is None:
            raise self._gone(patch)
        if queued.approved:
            raise AutoresearchError(
                f"The patch {short_id(patch)} was approved already, "
                f"from the {queued.decisions[-1].by}.",
                "The first decision counts; it runs next.",
                "Veto its run once it is on.",
            )
        self._context.record(
            ev.ReviewDecided(
                queued=queued.number,
                patch_id=patch,
                decision=ReviewAnswer.VETO,
                by=by,
                reason=reason,
            )
        )
        return "Vetoed; the agent is told why with its next briefing."

    async def check_edit(self, by: Actor, command: EditProposal) -> CheckedEdit:
        """Check the user's own edit of a queued proposal; `record_edit` then records it.

        Raises:
            AutoresearchError: No open question is about the patch, the edit is not valid Python or
                changes nothing, or the frontier moved and the edit does not fit it.
        """
        queued = self._waiting(command.patch_id)
        session = self._context.session
        file, frontier = session.config.file, session.frontier
        now = await self._sources.at(frontier)
        if problem := edit_problem(now, command.source, file):
            raise AutoresearchError(
                problem, "Nothing was changed.", "Correct it and send it again."
            )
        seen = await self._sources.at(command.base) if command.base else now
        source: str | None = command.source
        if seen != now:
            # An edit kept while the editor was open must not be reverted by this one.
            source = refit(seen, command.source, now)
        if source is None:
            raise AutoresearchError(
                f"Meanwhile #{session.incumbent} was kept, and your edit does not fit it.",
                "Nothing was changed.",
                "Open the proposal again and edit it as it is now.",
            )
        changed = make_patch(file, now, source)
        if not changed:
            raise AutoresearchError(
                f"The edited {file} is the frontier's: nothing is left to try.",
                "",
                "Veto the proposal instead.",
            )
        return CheckedEdit(by, queued, frontier, now, source, changed)

    async def record_edit(self, edit: CheckedEdit) -> None:
        """Assess and record the user's edit under its new patch_id, and ask about it again.

        Raises an alarm instead where the proposal was decided meanwhile.
        """
        file = self._context.session.config.file
        findings = await self.assess(edit.before, edit.source)
        asked_about = edit.queued.proposal.patch_id
        current = self._find(asked_about)
        if current is None or current.state is QueueState.READY:
            message = (
                f"your edit of the patch {short_id(asked_about)} came too late: "
                "it was decided meanwhile"
            )
            self._context.alarm(AlarmKind.EDIT_TOO_LATE, message)
            return
        proposal = with_edit(
            current.proposal,
            edit.before,
            edit.source,
            file,
            knobs=knob_changes(edit.before, edit.source, file),
        )
        self._context.record(
            ev.ProposalEdited(
                queued=current.number,
                by=edit.by,
                base=edit.base,
                proposal=proposal,
                patch=edit.patch,
                findings=findings,
            )
        )
        why = self.why_asked(findings) or "you edited it: approve it as it is now"
        self.ask(current.number, proposal.patch_id, why)

    def _find(self, patch: str) -> Queued | None:
        """Return the queued proposal with this patch_id, preferably one with an open question, or
        None.
        """
        found = [
            q
            for q in self._context.session.queue
            # A confirmation repeats a patch and is never asked about.
            if q.proposal.patch_id == patch and q.origin is not Origin.CONFIRM
        ]
        return min(found, key=lambda q: q.state is QueueState.READY, default=None)

    def _waiting(self, patch: str) -> Queued:
        queued = self._find(patch)
        if queued is None:
            raise self._gone(patch)
        if queued.state is QueueState.READY:
            word = "approved already" if queued.approved else "not in question; it runs by itself"
            raise AutoresearchError(
                f"The patch {short_id(patch)} is {word}.", "Nothing was changed."
            )
        return queued

    def _gone(self, patch: str) -> AutoresearchError:
        session = self._context.session
        for veto in session.vetoed:
            if veto.proposal.patch_id == patch:
                return AutoresearchError(
                    f"The patch {short_id(patch)} was vetoed already, from the {veto.by}.",
                    "The first decision counts.",
                )
        for experiment in reversed(session.experiments):
            if experiment.proposal.patch_id == patch:
                return AutoresearchError(
                    f"The patch {short_id(patch)} is experiment {experiment.number} already.",
                    "The first decision counts.",
                    "To stop it, veto its run." if session.running else "",
                )
        others = ", ".join(short_id(q.proposal.patch_id) for q in session.queue) or "none"
        return AutoresearchError(
            f"No proposal with the patch {short_id(patch)} waits for a decision.",
            "It was edited, dropped or decided meanwhile.",
            f"Waiting now: {others}.",
        )
