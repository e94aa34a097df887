"""Decides after an agent's failure (rate limit, overload, bad answer): wait, ask again or pause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from engine.core.enums import AlarmKind
from engine.core.errors import (
    AgentError,
    ContextTooLongError,
    OverloadedError,
    RateLimitedError,
    UnusableAnswerError,
)
from engine.core.events import AgentWaited
from engine.loop.briefing import BriefingBuilder
from engine.loop.context import SessionContext

MAX_TRIES = 8
"""After this many failures in a row, one more overload of the provider pauses the loop."""
MAX_SHORTENED = 3
"""How many times the briefing is halved before a prompt that is too long pauses the loop."""
MAX_UNUSABLE = 3
"""After this many failures in a row, one more unusable answer pauses the loop."""
MAX_WAIT_SECONDS = 6 * 3600.0
"""The longest wait in seconds that a provider's rate limit can impose."""


@dataclass(frozen=True)
class RetryDecision:
    """What to do about one failure of the agent: ask again after a wait, or pause."""

    wait_seconds: float | None
    """Seconds until the agent is asked again; None: the loop pauses until the user resumes."""
    shorten: bool = False
    """True where the next briefing is to be half as long."""
    edit_failed: bool = False
    """True where an alarm tells the user that an answer of the agent could not be used."""


def retry_decision(error: AgentError, tries: int, shortened: int) -> RetryDecision:
    """Return what to do about an agent's failure, without doing it.

    Args:
        error: The agent's failure.
        tries: Failures in a row, including this one.
        shortened: Times the briefing has been halved already.
    """
    match error:
        case RateLimitedError():
            wait = error.seconds if error.seconds is not None else back_off_seconds(tries)
            return RetryDecision(min(wait, MAX_WAIT_SECONDS))
        case OverloadedError() if tries <= MAX_TRIES:
            return RetryDecision(back_off_seconds(tries))
        case ContextTooLongError() if shortened < MAX_SHORTENED:
            return RetryDecision(0.0, shorten=True)
        case UnusableAnswerError() if tries <= MAX_UNUSABLE:
            return RetryDecision(0.0, edit_failed=True)
        case _:
            return RetryDecision(None)


def back_off_seconds(tries: int) -> float:
    """Return the seconds to wait after `tries` failures in a row: 5, 10, 20 … at most 300."""
    return float(min(5 * 2 ** (tries - 1), 300))


class AgentFailures:
    """Counts an agent's failures in a row, and records a wait or a pause for each.

    Args:
        context: The session's journal, workspace, files and agent.
        briefings: Builds the briefings; counting up its `shortened` makes them shorter.
    """

    def __init__(self, context: SessionContext, briefings: BriefingBuilder) -> None:
        self._context = context
        self._briefings = briefings
        self._in_a_row = 0

    def reset(self) -> None:
        """Count failures from 0 again, because a proposal was made."""
        self._in_a_row = 0

    def handle(self, error: AgentError) -> None:
        """Record a wait or a pause for an agent's failure; no experiment is used up.

        Raises:
            JournalError: The journal cannot be written.
        """
        self._in_a_row += 1
        reason = f"{error.what} {error.why}".strip()
        decision = retry_decision(error, self._in_a_row, self._briefings.shortened)
        if decision.edit_failed:
            self._context.alarm(AlarmKind.EDIT_FAILED, reason)
        if decision.shorten:
            self._briefings.shortened += 1
        if decision.wait_seconds is None:
            self._in_a_row = 0
            self._context.pause(reason, error.todo)
            return
        until = self._context.waits.now() + timedelta(seconds=decision.wait_seconds)
        self._context.record(AgentWaited(reason=reason, until=until, tries=self._in_a_row))
