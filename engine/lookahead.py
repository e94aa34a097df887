"""The next proposal is made while a run still trains, on the bet that the run is discarded.

About five times in six it is. When the bet is lost, the edit is re-applied to the new frontier
where it still fits exactly, else it is dropped and another one is made. So the slot does not wait
for a language model.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from engine.briefing import Briefer
from engine.core import events as ev
from engine.core.edits import make_patch, patch_id, refit_patch
from engine.core.errors import (
    AgentError,
    BudgetSpentError,
    ContextTooLongError,
    OverloadedError,
    RateLimitedError,
)
from engine.core.forecast import affords_ahead
from engine.core.records import Queued
from engine.drafting import Drafter, key_of
from engine.surroundings import Surroundings

_LOOK_SECONDS = 1.0
"""How often program.md is looked at while proposals wait."""


class Taken(NamedTuple):
    """A proposal made ahead whose time has come."""

    number: int
    """Among the proposals made ahead."""
    proposal: ev.Proposal
    patch: str
    """Against the frontier."""
    reasoning: str
    rebased: bool


class Lookahead:
    """Keeps up to `config.lookahead` proposals ready.

    Args:
        around: Of the session.
        briefer: Tells whether the charter changed since.
        drafter: Asks the agent.
        bear: Does what a failure of the provider's means: wait, or ask for less.
    """

    def __init__(
        self,
        around: Surroundings,
        briefer: Briefer,
        drafter: Drafter,
        bear: Callable[[AgentError], None],
    ) -> None:
        self._a = around
        self._briefer = briefer
        self._drafter = drafter
        self._bear = bear
        self._changed = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._given_up_at = 0
        """The experiment during which nothing is to be drafted ahead any more."""
        around.journal.listen(lambda _: self._changed.set())

    async def run(self) -> None:
        """Draft ahead whenever that is wanted, until cancelled."""
        while True:
            self._changed.clear()
            self._drop_stale()
            if self._wanted():
                self._asking = asyncio.ensure_future(self._make_one())
                try:
                    await self._asking
                finally:
                    self._asking.cancel()
                    self._asking = None
                continue
            watched = self._a.session.queue or self._soon()
            # Not wait_for: before Python 3.12 it forgets a cancellation that comes with a change.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS if watched else None):
                    await self._changed.wait()

    async def take(self) -> Taken | None:
        """The next proposal that was made ahead and holds now; waits for one that is being made."""
        if self._asking is not None:
            await asyncio.wait({self._asking})
        self._drop_stale()
        session = self._a.session
        for queued in session.queue:
            taken = self._fit(queued)
            if taken is not None:
                return taken
            best = f"#{session.incumbent} was kept" if session.incumbent else "another commit"
            self._drop(queued, f"it does not fit any more since {best}")
        return None

    def _fit(self, queued: Queued) -> Taken | None:
        session, file = self._a.session, self._a.session.config.file
        if queued.base == session.frontier:
            return Taken(queued.number, queued.proposal, queued.patch, queued.reasoning, False)
        now = self._briefer.source(session.frontier)
        if now == self._briefer.source(queued.base):
            return Taken(queued.number, queued.proposal, queued.patch, queued.reasoning, False)
        edited = refit_patch(now, queued.patch)
        if edited is None:
            return None
        key = key_of(edited)
        if not key or key == key_of(now):
            return None
        patch = make_patch(file, now, edited)
        proposal = replace(queued.proposal, patch_id=patch_id(patch), source_key=key)
        return Taken(queued.number, proposal, patch, queued.reasoning, True)

    def _drop(self, queued: Queued, reason: str) -> None:
        self._a.note(ev.ProposalDropped(queued=queued.number, reason=reason))

    def _drop_stale(self) -> None:
        if not self._a.session.queue:
            return
        key = self._briefer.program_key()
        for queued in self._a.session.queue:
            if queued.program != key:
                self._drop(queued, "program.md changed since it was made")

    # ---- making one

    def _soon(self) -> bool:
        """Whether only time stands between now and a draft."""
        session = self._a.session
        return session.running is not None and session.waiting is not None

    def _wanted(self) -> bool:
        session = self._a.session
        config, current = session.config, session.current
        number = len(session.experiments) + len(session.queue) + 1
        return (
            current is not None
            and session.running is not None
            and session.pause is None
            and session.stop is None
            and session.seconds_to_wait(datetime.now(UTC)) == 0
            and len(session.queue) < config.lookahead
            and (config.max_experiments is None or number <= config.max_experiments)
            and self._given_up_at != current.number
            and getattr(self._drafter.agent(number), "looks_ahead", False)
            and affords_ahead(session)
        )

    async def _make_one(self) -> None:
        session = self._a.session
        after, base, key = len(session.experiments), session.frontier, self._briefer.program_key()
        number = after + len(session.queue) + 1
        try:
            drafted = await self._drafter.ask(number, base, worktree="ahead")
        except (RateLimitedError, OverloadedError, ContextTooLongError) as error:
            self._bear(error)
            return
        except AgentError as error:
            # What it means is decided when the proposal is really needed; the run goes on.
            self._given_up_at = after
            if not isinstance(error, BudgetSpentError):
                message = f"nothing could be drafted ahead: {error.what} {error.why}".strip()
                self._a.note(ev.AlarmRaised(kind="lookahead", message=message))
            return
        if drafted is None:
            return
        self._a.note(
            ev.ProposalQueued(
                queued=self._a.session.queued_ever + 1,
                base=base,
                proposal=drafted.proposal,
                patch=drafted.patch,
                reasoning=drafted.reasoning,
                after=after,
                program=key,
            )
        )
