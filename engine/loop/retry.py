"""What each failure of an agent means: wait and ask again, ask for less, or ask a person."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.errors import (
    AgentError,
    ContextTooLongError,
    OverloadedError,
    RateLimitedError,
    UnusableAnswerError,
)

MOST_TRIES = 8
MOST_SHORTENED = 3
MOST_UNUSABLE = 3
LONGEST_WAIT_SECONDS = 6 * 3600.0


@dataclass(frozen=True)
class RetryDecision:
    """What to do about a failure."""

    wait_seconds: float | None
    """How long to leave the agent alone; None: a person is needed."""
    shorten: bool = False
    """Whether the next briefing is to be half as long."""
    edit_failed: bool = False
    """Whether an answer was lost that a person may want to know of."""


def retry_decision(error: AgentError, tries: int, shortened: int) -> RetryDecision:
    """How to bear a failure.

    Args:
        error: What the agent said.
        tries: How often it failed in a row, this time counted.
        shortened: How often the briefing was cut already.
    """
    match error:
        case RateLimitedError():
            wait = error.seconds if error.seconds is not None else back_off(tries)
            return RetryDecision(min(wait, LONGEST_WAIT_SECONDS))
        case OverloadedError() if tries <= MOST_TRIES:
            return RetryDecision(back_off(tries))
        case ContextTooLongError() if shortened < MOST_SHORTENED:
            return RetryDecision(0.0, shorten=True)
        case UnusableAnswerError() if tries <= MOST_UNUSABLE:
            return RetryDecision(0.0, edit_failed=True)
        case _:
            return RetryDecision(None)


def back_off(tries: int) -> float:
    """Seconds before the next try: 5, 10, 20 … at most 5 minutes."""
    return float(min(5 * 2 ** (tries - 1), 300))
