"""Decides after an agent's failure (rate limit, overload, bad answer): wait, ask again or pause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
"""Failed calls in a row to an overloaded provider before the loop pauses."""
MAX_SHORTENED = 3
"""Times a briefing is halved before the loop pauses."""
MAX_UNUSABLE = 3
"""Unusable answers in a row before the loop pauses."""
MAX_WAIT_SECONDS = 6 * 3600.0
"""The longest wait that a provider's rate limit may ask for."""


@dataclass(frozen=True)
class RetryDecision:
    """What to do about one failure."""

    wait_seconds: float | None
    """Seconds until the agent is asked again; None: the loop pauses for the user."""
    shorten: bool = False
    """True where the next briefing is to be half as long."""
    edit_failed: bool = False
    """True where an answer was lost that the user may want to know about."""


def retry_decision(error: AgentError, tries: int, shortened: int) -> RetryDecision:
    """Decide what to do about an agent's failure.

    Args:
        error: The failure.
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
    """Return the wait before the next try: 5, 10, 20 … at most 300 seconds."""
    return float(min(5 * 2 ** (tries - 1), 300))


class AgentFailures:
    """Counts an agent's failures in a row and records what follows from each.

    Args:
        context: The session.
        briefings: Told when the next briefing has to be shorter.
    """

    def __init__(self, context: SessionContext, briefings: BriefingBuilder) -> None:
        self._context = context
        self._briefings = briefings
        self._in_a_row = 0

    def reset(self) -> None:
        """Start counting again: a proposal was made."""
        self._in_a_row = 0

    def handle(self, error: AgentError) -> None:
        """Record a wait or a pause for this failure; no experiment is used up.

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
        until = datetime.now(UTC) + timedelta(seconds=decision.wait_seconds)
        self._context.record(AgentWaited(reason=reason, until=until, tries=self._in_a_row))
