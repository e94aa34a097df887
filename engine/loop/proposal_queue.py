"""The next proposal is made while a run still trains, on the bet that the run is discarded.

About five times in six it is. When the bet is lost, the edit is re-applied to the new frontier
where it still fits exactly, else it is dropped and another one is made. So the slot does not wait
for a language model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from engine.core import events as ev
from engine.core.analysis.forecast import affords_ahead
from engine.core.enums import Actor, AlarmKind, Origin, QueueState, Verdict
from engine.core.errors import (
    AgentError,
    AutoresearchError,
    BudgetSpentError,
    ContextTooLongError,
    JournalError,
    OverloadedError,
    RateLimitedError,
)
from engine.core.finding import Finding
from engine.core.patches.patch import make_patch, refit_patch
from engine.core.patches.proposal_edit import key_of, with_edit
from engine.core.records import Queued
from engine.loop.agent_call import Drafter
from engine.loop.briefing import Briefer
from engine.loop.context import SessionContext
from engine.loop.proposer import Made, Maker
from engine.loop.review import Reviewer

_LOOK_SECONDS = 1.0
"""How often program.md and open questions are looked at."""


_REVIVED = "you revived it: look at it as it is now"


class Taken(NamedTuple):
    """A queued proposal whose time has come."""

    queued: Queued
    proposal: ev.Proposal
    """As it is at this frontier."""
    patch: str
    base: str
    findings: tuple[Finding, ...]
    rebased: bool


class Lookahead:
    """Keeps up to `config.lookahead` proposals ready.

    Args:
        around: Of the session.
        briefer: Tells what the person says now.
        drafter: Asks the agent; what the person's newer words made stale is broken off.
        maker: Makes proposals.
        reviewer: Asks the person.
        bear: Does what a failure of the provider's means: wait, or ask for less.
    """

    def __init__(
        self,
        context: SessionContext,
        briefer: Briefer,
        drafter: Drafter,
        maker: Maker,
        reviewer: Reviewer,
        on_agent_error: Callable[[AgentError], None],
    ) -> None:
        self._context = context
        self._briefer = briefer
        self._drafter = drafter
        self._maker = maker
        self._reviewer = reviewer
        self._on_agent_error = on_agent_error
        self._changed = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._given_up_at = 0
        """The experiment during which nothing is to be drafted ahead any more."""
        self._news = asyncio.Event()
        context.journal.listen(self._hear)

    def _hear(self, event: ev.AnyEvent) -> None:
        self._changed.set()
        self._news.set()

    async def run(self) -> None:
        """Draft ahead whenever that is wanted, until cancelled."""
        try:
            while True:
                self._changed.clear()
                self._tend()
                if self._asking is not None and self._asking.done():
                    self._asking.result()
                    self._asking = None
                if self._asking is None and self._wanted():
                    self._asking = asyncio.ensure_future(self._make_one())
                await self._wait()
        finally:
            if self._asking is not None:
                self._asking.cancel()

    async def _wait(self) -> None:
        """Until something happened, or it is time to look at the charter and the clock."""
        session = self._context.session
        watched = session.queue or session.running is not None or self._drafter.busy
        change = asyncio.ensure_future(self._changed.wait())
        waiting: set[asyncio.Task[Any]] = {change}
        if self._asking is not None:
            waiting.add(self._asking)
        try:
            await asyncio.wait(
                waiting,
                timeout=_LOOK_SECONDS if watched else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            change.cancel()

    async def take(self) -> Taken | None:
        """The next proposal that holds now; where none is ready, one that is being made."""
        while (
            self._asking is not None and not self._asking.done() and not self._context.session.ready
        ):
            self._news.clear()
            news = asyncio.ensure_future(self._news.wait())
            await asyncio.wait({self._asking, news}, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
        self._tend()
        seen: set[int] = set()
        while queued := next(
            (q for q in self._context.session.ready if q.number not in seen), None
        ):
            seen.add(queued.number)
            taken = await self._fit(queued)
            session = self._context.session
            if queued not in session.ready:
                continue  # meanwhile it was vetoed, dropped or edited
            if session.pause is not None or session.stop is not None:
                return None
            if taken is None:
                best = session.incumbent
                since = f"#{best} was kept" if best else "the branch moved"
                self._drop(queued, f"it does not fit any more since {since}")
            elif (
                taken.proposal.patch_id == queued.approved
                or queued.origin is Origin.CONFIRM
                or not self._is_asked_about(taken)
            ):
                return taken
        return None

    def _is_asked_about(self, taken: Taken) -> bool:
        """Put it before a person where that is wanted now: its patch, or autonomy, changed."""
        queued = taken.queued
        why = self._reviewer.why_asked(taken.findings)
        if queued.approved:
            why = "you approved it, but the best version changed since, and its patch with it"
        elif queued.origin is Origin.REVIVE:
            why = why or _REVIVED
        if not why:
            return False
        if taken.proposal.patch_id != queued.proposal.patch_id:
            self._context.note(
                ev.ProposalEdited(
                    queued=queued.number,
                    by=Actor.ENGINE,
                    base=taken.base,
                    proposal=taken.proposal,
                    patch=taken.patch,
                    findings=taken.findings,
                )
            )
        self._reviewer.ask(queued.number, taken.proposal.patch_id, why)
        return True

    async def _fit(self, queued: Queued) -> Taken | None:
        session, file = self._context.session, self._context.session.config.file
        same = Taken(queued, queued.proposal, queued.patch, queued.base, queued.findings, False)
        if queued.base == session.frontier or queued.origin is Origin.CONFIRM:
            return same
        now = self._briefer.source(session.frontier)
        if now == self._briefer.source(queued.base):
            return same._replace(base=session.frontier)
        edited = refit_patch(now, queued.patch)
        if edited is None:
            return None
        key = key_of(edited)
        if not key or key == key_of(now):
            return None
        patch = make_patch(file, now, edited)
        proposal = with_edit(queued.proposal, patch, edited)
        findings = await self._reviewer.assess(now, edited)
        return Taken(queued, proposal, patch, session.frontier, findings, True)

    def _drop(self, queued: Queued, reason: str) -> None:
        self._context.note(ev.ProposalDropped(queued=queued.number, reason=reason))

    def _tend(self) -> None:
        """Park what nobody answered, drop what the person's newer words made stale."""
        session = self._context.session
        if session.running is not None or session.queue or self._drafter.busy:
            self._briefer.charter.look()
        self._reviewer.park_overdue()
        basis = self._briefer.basis()
        self._drafter.cancel_stale(basis)
        for queued in self._context.session.queue:
            if queued.approved:
                continue  # what a person approved is theirs
            if queued.origin is Origin.PIN:
                if queued.basis != self._maker.pin_basis(queued.pin):
                    self._drop(queued, "its pin was taken back or reworded")
            elif queued.basis and queued.state is QueueState.READY and queued.basis != basis:
                self._drop(queued, _what_changed(queued.basis, basis))
        for queued in self._context.session.asked:
            if queued.until is None:  # an engine died before it could ask
                why = queued.why or "its patch was changed"
                self._reviewer.ask(queued.number, queued.proposal.patch_id, why)

    # ---- making one

    @property
    def _next_number(self) -> int:
        """Of the experiment that would be made ahead now, if all before it are run."""
        session = self._context.session
        return len(session.experiments) + len(session.ready) + len(session.asked) + 1

    def _wanted(self) -> bool:
        session = self._context.session
        config, current = session.config, session.current
        return (
            current is not None
            and session.running is not None
            and session.pause is None
            and session.stop is None
            and session.seconds_to_wait(datetime.now(UTC)) == 0
            and len(session.ready) < config.lookahead
            and not session.is_full_of_questions
            and (config.max_experiments is None or self._next_number <= config.max_experiments)
            and self._given_up_at != current.number
            and self._maker.looks_ahead()
            and affords_ahead(session)
        )

    async def _make_one(self) -> None:
        during = len(self._context.session.experiments)
        try:
            made = await self._maker.make(self._next_number, worktree="ahead")
        except (RateLimitedError, OverloadedError, ContextTooLongError) as error:
            self._on_agent_error(error)
            return
        except JournalError:
            raise
        except (AutoresearchError, OSError) as error:
            # What it means is decided when the proposal is really needed; the run goes on.
            self._given_up_at = during
            if not isinstance(error, BudgetSpentError):
                message = f"nothing could be drafted ahead: {error}".strip()
                self._context.note(ev.AlarmRaised(kind=AlarmKind.LOOKAHEAD, message=message))
            return
        if made is not None:
            self.queue(made)

    def queue(
        self, made: Made, *, of: int = 0, forced: Verdict | None = None, why: str = ""
    ) -> None:
        """Put a proposal into the queue, and before a person where that is wanted.

        Args:
            made: With where it comes from.
            of: The earlier experiment it takes up again; 0: none.
            forced: The verdict a person has given already.
            why: Why a person is asked in any case; empty: as autonomy and findings say.
        """
        session = self._context.session
        number = session.queued_ever + 1
        why = self._reviewer.why_asked(made.findings) or why
        if made.origin is Origin.REVIVE:
            why = why or _REVIVED
        self._context.note(
            ev.ProposalQueued(
                queued=number,
                base=made.base,
                proposal=made.proposal,
                patch=made.patch,
                reasoning=made.reasoning,
                after=len(session.experiments),
                basis=made.basis,
                origin=made.origin,
                pin=made.pin,
                of=of,
                forced=forced,
                findings=made.findings,
                why=why,
                prompt_key=made.prompt_key,
            )
        )
        if why:
            self._reviewer.ask(number, made.proposal.patch_id, why)


def _what_changed(before: str, now: str) -> str:
    charter, _ = before.split(":")
    if charter != now.split(":")[0]:
        return "program.md changed since it was made"
    return "you told the agent something new since it was made"
