"""What is asked of a person before a proposal runs, and what their word does to it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import NamedTuple

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Autonomy, Origin, QueueState, ReviewAnswer
from engine.core.errors import AutoresearchError
from engine.core.finding import Finding, Weight
from engine.core.patches.patch import make_patch, refit_patch
from engine.core.patches.proposal_edit import with_edit
from engine.core.records import Queued
from engine.core.risk import RiskContext, assess
from engine.core.text import INSTRUCTION_CHARACTERS, duration
from engine.loop.briefing import Briefer
from engine.loop.context import SessionContext
from engine.plugins import load_rules
from engine.protocol import commands


class Edited(NamedTuple):
    """A person's edit that can be taken."""

    by: Actor
    queued: Queued
    base: str
    """The frontier it was fitted to."""
    before: str
    source: str
    patch: str


class Reviewer:
    """Assesses edits, asks where autonomy wants that, and takes the answers.

    Args:
        around: Of the session.
        briefer: Has the texts.
    """

    def __init__(self, context: SessionContext, briefer: Briefer) -> None:
        self._context = context
        self._briefer = briefer
        self._rules = load_rules()

    # ---- what is asked

    async def assess(self, base: str, candidate: str) -> tuple[Finding, ...]:
        """What is risky about an edit, in a thread: a large file takes a while.

        Args:
            base: The text of the file it starts from.
            candidate: The edited text.
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
            program=self._briefer.program(),
            memory_gb=best.measurement.memory_gb if best and best.measurement else None,
            memory_limit_gb=min((g.memory_bytes for g in gpus), default=0) / 2**30 or None,
        )
        before, after = (text.replace("\r\n", "\n") for text in (base, candidate))
        return await asyncio.to_thread(assess, before, after, setting, self._rules)

    def why_asked(self, findings: tuple[Finding, ...]) -> str:
        """Why a person must say yes before this runs; empty where nobody must."""
        autonomy = self._context.session.autonomy
        blocks = [f for f in findings if f.weight is Weight.BLOCK]
        asks = [f for f in findings if f.weight is Weight.ASK]
        if blocks:
            return f"never run unasked: {blocks[0].message}"
        if asks and autonomy is not Autonomy.AUTO:
            return asks[0].message
        return "every edit is asked about" if autonomy is Autonomy.ASK_ALL else ""

    def ask(self, queued: int, patch: str, why: str) -> None:
        """Put a queued proposal before a person."""
        limit = timedelta(seconds=self._context.session.config.review_timeout_seconds)
        self._context.note(
            ev.ReviewRequested(
                queued=queued, patch_id=patch, why=why, until=datetime.now(UTC) + limit
            )
        )

    def park_overdue(self) -> None:
        """Set aside what nobody answered in time."""
        now = datetime.now(UTC)
        for queued in self._context.session.asked:
            if queued.until is not None and queued.until <= now:
                seconds = self._context.session.config.review_timeout_seconds
                reason = f"nobody answered within {duration(seconds)}"
                self._context.note(ev.ProposalParked(queued=queued.number, reason=reason))

    def seconds_to_parking(self) -> float | None:
        """Until the first open question is set aside; None where none is open."""
        times = [q.until for q in self._context.session.asked if q.until is not None]
        if not times:
            return None
        return max(0.0, (min(times) - datetime.now(UTC)).total_seconds())

    # ---- what a person says

    def approve(self, by: Actor, patch: str) -> str:
        """Let exactly this patch run.

        Raises:
            AutoresearchError: It is not in question, or no longer.
        """
        queued = self._in_question(patch)
        paused = self._context.session.pause is not None
        self._context.note(
            ev.ReviewDecided(
                queued=queued.number, patch_id=patch, decision=ReviewAnswer.APPROVE, by=by
            )
        )
        return "Approved; it runs next, once you resume." if paused else "Approved; it runs next."

    def veto(self, by: Actor, patch: str, reason: str) -> str:
        """Refuse this patch and what is like it.

        Raises:
            AutoresearchError: No reason is given, or it is not in question.
        """
        reason = required(reason, "veto", INSTRUCTION_CHARACTERS)
        queued = self._find(patch)
        if queued is None:
            raise self._gone(patch)
        if queued.approved:
            raise AutoresearchError(
                f"The patch {patch} was approved already, from the {queued.decisions[-1].by}.",
                "The first decision counts; it runs next.",
                "Veto its run once it is on.",
            )
        self._context.note(
            ev.ReviewDecided(
                queued=queued.number,
                patch_id=patch,
                decision=ReviewAnswer.VETO,
                by=by,
                reason=reason,
            )
        )
        return "Vetoed; the agent is told why with its next briefing."

    def edit(self, by: Actor, command: commands.EditProposal) -> Edited:
        """Check a person's own edit of a proposal; `edited` records it.

        Raises:
            AutoresearchError: It is not in question, no Python, changes nothing, or the frontier
                moved under it.
        """
        queued = self._in_question(command.patch_id)
        session = self._context.session
        file, frontier = session.config.file, session.frontier
        try:
            compile(command.source, file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise AutoresearchError(
                f"The edited {file} is not valid Python: {error or type(error).__name__}.",
                "Nothing was changed.",
                "Correct it and send it again.",
            ) from None
        now = self._briefer.source(frontier)
        seen = self._briefer.source(command.base) if command.base else now
        source: str | None = command.source
        if seen != now:
            # What was kept while the editor was open must not be taken back by the way.
            source = refit_patch(now, make_patch(file, seen, command.source))
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
        return Edited(by, queued, frontier, now, source, changed)

    async def edited(self, edit: Edited) -> None:
        """Record a person's edit under its new patch_id, and ask about it again."""
        findings = await self.assess(edit.before, edit.source)
        asked_about = edit.queued.proposal.patch_id
        current = self._find(asked_about)
        if current is None or current.state is QueueState.READY:
            message = (
                f"your edit of the patch {asked_about} came too late: it was decided meanwhile"
            )
            self._context.note(ev.AlarmRaised(kind=AlarmKind.EDIT_TOO_LATE, message=message))
            return
        proposal = with_edit(current.proposal, edit.patch, edit.source, knobs={})
        self._context.note(
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
        """The proposal a person means: one that is in question before one that is not."""
        found = [
            q
            for q in self._context.session.queue
            # A confirmation has the patch of what it confirms, and is no question.
            if q.proposal.patch_id == patch and q.origin is not Origin.CONFIRM
        ]
        return min(found, key=lambda q: q.state is QueueState.READY, default=None)

    def _in_question(self, patch: str) -> Queued:
        queued = self._find(patch)
        if queued is None:
            raise self._gone(patch)
        if queued.state is QueueState.READY:
            word = "approved already" if queued.approved else "not in question; it runs by itself"
            raise AutoresearchError(f"The patch {patch} is {word}.", "Nothing was changed.")
        return queued

    def _gone(self, patch: str) -> AutoresearchError:
        session = self._context.session
        for veto in session.vetoed:
            if veto.proposal.patch_id == patch:
                return AutoresearchError(
                    f"The patch {patch} was vetoed already, from the {veto.by}.",
                    "The first decision counts.",
                )
        for experiment in reversed(session.experiments):
            if experiment.proposal.patch_id == patch:
                return AutoresearchError(
                    f"The patch {patch} is experiment {experiment.number} already.",
                    "The first decision counts.",
                    "To stop it, veto its run." if session.running else "",
                )
        others = ", ".join(q.proposal.patch_id for q in session.queue) or "none"
        return AutoresearchError(
            f"No proposal with the patch {patch} waits for a decision.",
            "It was edited, dropped or decided meanwhile.",
            f"Waiting now: {others}.",
        )


def required(text: str, what: str, most: int) -> str:
    """A person's words, trimmed.

    Raises:
        AutoresearchError: There are none, or far too many.
    """
    text = text.strip()
    if not text:
        raise AutoresearchError(
            f"A {what} needs words.", "The agent learns from them.", "Say it in one sentence."
        )
    if len(text) > most:
        raise AutoresearchError(
            f"A {what} may have {most:,} characters; this has {len(text):,}.",
            "It goes into every briefing.",
            "Say it shorter, or write it into program.md.",
        )
    return text
