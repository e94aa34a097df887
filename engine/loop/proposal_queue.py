"""Queues proposals: drafts ahead while a run trains, drops stale ones, hands out the next.

Most runs are discarded (about five in six), so the next proposal is drafted on the assumption that
the current one will be. Where it is kept instead, the edit is re-applied to the new frontier if it
fits exactly, else dropped and drafted again. So a run need not wait for a language model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from engine.core import events as ev
from engine.core.analysis.forecast import affords_ahead
from engine.core.analysis.stop_conditions import has_room
from engine.core.candidate import Candidate, copied_fields
from engine.core.enums import Actor, AlarmKind, Origin, QueueState
from engine.core.errors import (
    AgentError,
    AutoresearchError,
    BudgetSpentError,
    ContextTooLongError,
    JournalError,
    OverloadedError,
    RateLimitedError,
)
from engine.core.patches.language import key_of
from engine.core.patches.patch import apply_patch, make_patch
from engine.core.patches.proposal_edit import with_edit
from engine.core.patches.refit import refit
from engine.core.records import Queued
from engine.loop.agent_call import AgentCalls
from engine.loop.context import SessionContext
from engine.loop.program_versions import ProgramVersions
from engine.loop.proposer import Proposer
from engine.loop.review import Reviewer
from engine.loop.source_cache import SourceCache
from engine.loop.stall import Stall

_CHECK_SECONDS = 1.0
"""Seconds between two checks for a changed program.md and for overdue questions."""
_REVIVED = "you revived it: look at it as it is now"


class ProposalQueue:
    """Keeps up to `config.lookahead` proposals ready to run; drafting them may cost money.

    Args:
        context: The session's journal, workspace, files and agent.
        program: Holds the version of program.md in force.
        sources: Reads the editable file as of a commit.
        calls: The agent calls in progress; stale ones are cancelled.
        proposer: Drafts proposals from pins or by asking the agent.
        reviewer: Asks the user about proposals.
        on_agent_error: Called with a rate limit, an overload or a prompt too long, to record a wait
        or to shorten the next briefing.
        stall: Waits while a draft cannot be recorded.
    """

    def __init__(
        self,
        context: SessionContext,
        program: ProgramVersions,
        sources: SourceCache,
        calls: AgentCalls,
        proposer: Proposer,
        reviewer: Reviewer,
        on_agent_error: Callable[[AgentError], None],
        stall: Stall,
    ) -> None:
        self._context = context
        self._program = program
        self._sources = sources
        self._calls = calls
        self._proposer = proposer
        self._reviewer = reviewer
        self._on_agent_error = on_agent_error
        self._stall = stall
        self._changed = asyncio.Event()
        self._appended = asyncio.Event()
        self._drafting: asyncio.Task[None] | None = None
        self._given_up_at = 0
        """The number of the newest experiment when drafting ahead failed; 0: it did not fail.

        It is not tried again during that experiment.
        """
        context.journal.listen(self._on_event)

    def _on_event(self, event: ev.AnyEvent) -> None:
        self._changed.set()
        self._appended.set()

    async def run(self) -> None:
        """Draft a proposal ahead whenever one is needed during a run, until cancelled.

        Raises:
            JournalError: The journal cannot be written.
        """
        try:
            while True:
                self._changed.clear()
                self._update()
                if self._drafting is not None and self._drafting.done():
                    self._drafting.result()
                    self._drafting = None
                if self._drafting is None and self._needs_draft():
                    self._drafting = asyncio.ensure_future(self._draft_ahead())
                await self._wait()
        finally:
            if self._drafting is not None:
                self._drafting.cancel()
                self._drafting = None

    async def _wait(self) -> None:
        """Wait for a recorded event or the end of a draft.

        At most a second where a proposal is queued, a run trains or an agent is called.
        """
        session = self._context.session
        active = session.queue or session.running is not None or self._calls.busy
        change = asyncio.ensure_future(self._changed.wait())
        waiting: set[asyncio.Task[Any]] = {change}
        if self._drafting is not None:
            waiting.add(self._drafting)
        try:
            await asyncio.wait(
                waiting,
                timeout=_CHECK_SECONDS if active else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            change.cancel()

    async def next_candidate(self) -> Candidate | None:
        """Return the next queued proposal that is not stale, fitted to the frontier.

        Waits for a draft in progress where nothing is ready; drops proposals that no longer fit.

        Returns:
            The proposal, still in the queue; None where nothing may run: the queue is empty, the
            user is asked first, or the loop was paused or stopped meanwhile.
        """
        while (
            self._drafting is not None
            and not self._drafting.done()
            and not self._context.session.ready
        ):
            self._appended.clear()
            appended = asyncio.ensure_future(self._appended.wait())
            await asyncio.wait({self._drafting, appended}, return_when=asyncio.FIRST_COMPLETED)
            appended.cancel()
        self._update()
        seen: set[int] = set()
        while queued := next(
            (q for q in self._context.session.ready if q.number not in seen), None
        ):
            seen.add(queued.number)
            fitted = await self._fit(queued)
            session = self._context.session
            if queued not in session.ready:
                continue  # vetoed, dropped or edited meanwhile
            if session.pause is not None or session.stop is not None:
                return None
            if fitted is None:
                best = session.incumbent
                since = f"#{best} was kept" if best else "the branch moved"
                reason = (
                    f"its place in the file is not certain since {since}: "
                    "your approval was for another"
                    if queued.approved
                    else f"it no longer fits since {since}"
                )
                self._drop(queued, reason)
            elif (
                fitted.proposal.patch_id == queued.approved
                or queued.origin is Origin.CONFIRM
                or not self._is_asked_about(queued, fitted)
            ):
                return fitted
        return None

    def _is_asked_about(self, queued: Queued, fitted: Candidate) -> bool:
        """Ask the user about a proposal where its fitted patch or the autonomy now requires it.

        Args:
            queued: The proposal as queued.
            fitted: The proposal fitted to the frontier.

        Returns:
            True where the user was asked, so that it must not run yet.
        """
        why = self._reviewer.why_asked(fitted.findings)
        if queued.approved:
            why = "you approved it, but the best version changed since, and its patch with it"
        elif queued.origin is Origin.REVIVE:
            why = why or _REVIVED
        if not why:
            return False
        if fitted.proposal.patch_id != queued.proposal.patch_id:
            self._context.record(
                ev.ProposalEdited(
                    queued=queued.number,
                    by=Actor.ENGINE,
                    base=fitted.base,
                    proposal=fitted.proposal,
                    patch=fitted.patch,
                    findings=fitted.findings,
                )
            )
        self._reviewer.ask(queued.number, fitted.proposal.patch_id, why)
        return True

    async def _fit(self, queued: Queued) -> Candidate | None:
        """Return a queued proposal fitted to the frontier; None where its patch no longer fits.

        A changed patch is assessed again.
        """
        session, file = self._context.session, self._context.session.config.file
        candidate = Candidate(**copied_fields(queued, Candidate))
        if queued.base == session.frontier or queued.origin is Origin.CONFIRM:
            return candidate
        before = await self._sources.at(queued.base)
        now = await self._sources.at(session.frontier)
        if now == before:
            return replace(candidate, base=session.frontier)
        edited = refit(before, apply_patch(before, queued.patch), now)
        if edited is None:
            return None
        key = key_of(edited, file)
        if not key or key == key_of(now, file):
            return None
        patch = make_patch(file, now, edited)
        findings = await self._reviewer.assess(now, edited)
        return replace(
            candidate,
            base=session.frontier,
            proposal=with_edit(queued.proposal, now, edited, file),
            patch=patch,
            findings=findings,
            rebased=True,
        )

    def _drop(self, queued: Queued, reason: str) -> None:
        self._context.record(ev.ProposalDropped(queued=queued.number, reason=reason))

    def _update(self) -> None:
        """Park overdue questions, and drop what began under earlier instructions of the user.

        Agent calls are cancelled, and queued proposals dropped unless the user approved them.
        """
        session = self._context.session
        if session.running is not None or session.queue or self._calls.busy:
            self._program.refresh()
        self._reviewer.park_overdue()
        basis = self._program.steering_basis
        self._calls.cancel_stale(basis)
        for queued in self._context.session.queue:
            if queued.approved:
                continue  # approved by the user: never dropped as stale
            if queued.origin is Origin.PIN:
                if queued.basis != self._proposer.pin_basis(queued.pin):
                    self._drop(queued, "its pin was removed or changed")
            elif queued.basis and queued.state is QueueState.READY and queued.basis != basis:
                self._drop(queued, _what_changed(queued.basis, basis))
        for queued in self._context.session.asked:
            if queued.until is None:  # an engine was killed before it could ask
                why = queued.why or "its patch was changed"
                self._reviewer.ask(queued.number, queued.proposal.patch_id, why)

    # ---- drafting

    @property
    def _next_number(self) -> int:
        """The number that the proposal to draft will have if all proposals before it are run."""
        session = self._context.session
        return len(session.experiments) + len(session.ready) + len(session.asked) + 1

    def _needs_draft(self) -> bool:
        session = self._context.session
        config = session.config
        return (
            session.running is not None
            and session.pause is None
            and session.stop is None
            and self._context.waits.for_agent() == 0
            and len(session.ready) < config.lookahead
            and not session.is_full_of_questions
            and has_room(session, self._next_number)
            and not self._context.waits.is_time_over()
            and self._given_up_at != len(session.experiments)
            and self._proposer.looks_ahead()
            and affords_ahead(session)
        )

    async def _draft_ahead(self) -> None:
        during = len(self._context.session.experiments)
        try:
            candidate = await self._proposer.propose(self._next_number, worktree="ahead")
        except (RateLimitedError, OverloadedError, ContextTooLongError) as error:
            self._on_agent_error(error)
            return
        except JournalError:
            raise
        except (AutoresearchError, OSError) as error:
            # The loop handles it when the proposal is really needed; the run goes on.
            self._given_up_at = during
            if not isinstance(error, BudgetSpentError):
                message = f"nothing could be drafted ahead: {error}".strip()
                self._context.alarm(AlarmKind.LOOKAHEAD, message)
            return
        while candidate is not None:
            try:
                self.enqueue(candidate)
                return
            except JournalError as error:
                if not self._stall.is_due(error):
                    raise
                await self._stall.wait(error)
                if self._context.session.waiting_patch(candidate.proposal.patch_id) is not None:
                    return  # it is queued; `_update` asks the question that was not recorded

    def enqueue(self, candidate: Candidate, *, why: str = "") -> None:
        """Put a candidate into the queue, and ask the user about it where that is required.

        Args:
            candidate: A candidate that the risk check has assessed.
            why: Why the user is asked in any case; empty: they are asked only where the autonomy or
            the risk findings require it.
        """
        session = self._context.session
        number = session.queued_ever + 1
        why = self._reviewer.why_asked(candidate.findings) or why
        if candidate.origin is Origin.REVIVE:
            why = why or _REVIVED
        fields = copied_fields(candidate, ev.ProposalQueued) | {"queued": number}
        after = len(session.experiments)
        self._context.record(ev.ProposalQueued(after=after, why=why, **fields))
        if why:
            self._reviewer.ask(number, candidate.proposal.patch_id, why)


def _what_changed(before: str, now: str) -> str:
    program, _ = before.split(":")
    if program != now.split(":")[0]:
        return "program.md changed since it was made"
    return "you told the agent something new since it was made"
