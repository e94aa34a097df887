"""Turns the error messages of a coding-agent CLI into this program's own errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from engine.agents.acp.clis import Cli
from engine.agents.llm.keys import readable, wait_seconds
from engine.core.errors import (
    AgentError,
    BadKeyError,
    ContextTooLongError,
    NoSuchModelError,
    OverloadedError,
    RateLimitedError,
)
from engine.core.text import sanitize

_LOGIN = re.compile(
    r"(not|please|must|need to|be) log(ged)?[ -]?in|/login|log ?in (required|again|first)|"
    r"auth(entication|orization)?[ _](is )?(required|error|failed)|unauthori[sz]ed|\b401\b|"
    r"(invalid|incorrect|missing|no) (x-)?api[- _]?key|api[- _]?key[^.]{0,40}(invalid|missing|not)|"
    r"(oauth|refresh|access) ?token[^.]{0,40}(expired|invalid|revoked)|set an auth method",
    re.IGNORECASE,
)
_TOO_MANY = re.compile(
    r"rate.?limit|too many requests|\b429\b|(usage|session|weekly|5-hour) limit|quota|"
    r"resource.?exhausted",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"(prompt|request|input|context)\b.{0,60}\btoo (long|large)|(maximum|available) context|"
    r"context[ _]?(window|length|overflow)|context exceeds",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"\bmodels?\b.{0,120}(not (exist|found|supported|available)|unknown|no access)|"
    r"(invalid|unknown|no such) model|issue with the selected model",
    re.IGNORECASE,
)
_CREDIT = re.compile(r"credit balance|insufficient.(quota|balance|credit)|billing", re.IGNORECASE)
_EPOCH = re.compile(r"\|(\d{10})\b")


def cli_error(
    cli: Cli,
    message: str,
    secrets: Iterable[str],
    *,
    login: bool = False,
    resets: float | None = None,
) -> AgentError:
    """Return the error that a CLI's message describes; OverloadedError if none is recognised.

    Args:
        cli: The CLI that reported it.
        message: The message and any related output.
        secrets: The secrets to redact.
        login: Whether the CLI reported explicitly that it is not logged in.
        resets: End of the CLI's rate limit in epoch seconds, if reported.
    """
    shown = readable(sanitize(message), secrets)
    if _TOO_LONG.search(message):
        return ContextTooLongError(f"The briefing is too long for {cli.title}.", shown)
    if _CREDIT.search(message):
        return AgentError(
            f"{cli.title} reports no credit left.",
            shown,
            "Add credit there, or choose another agent.",
        )
    if _TOO_MANY.search(message):
        found = _EPOCH.search(message)
        moment = resets if resets is not None else (float(found[1]) if found else None)
        if moment is not None:
            seconds: float | None = max(0.0, moment - datetime.now(UTC).timestamp())
        else:
            seconds = wait_seconds(Exception(message))
        return RateLimitedError(f"{cli.title} has reached a limit: {shown}", seconds)
    if login or _LOGIN.search(message):
        todo = cli.login or "Log in with its own command, then resume."
        return BadKeyError(f"{cli.title} is not logged in, or its key is refused.", shown, todo)
    if _NO_MODEL.search(message):
        return NoSuchModelError(
            f"{cli.title} does not know the model.", shown, "Start again with another --model."
        )
    return OverloadedError(f"{cli.title} failed.", shown)
