"""Finds the API keys of model providers, and reports provider errors without the keys.

Keys come from the environment or the workspace's `.env` only: they are never written to the config,
the journal or a log.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from engine.agents.llm.env_file import is_key_name
from engine.core.errors import (
    AgentError,
    BadKeyError,
    ContextTooLongError,
    NoSuchModelError,
    OverloadedError,
    RateLimitedError,
)
from engine.core.secrets import redact
from engine.core.text import one_line


def find_key(
    model: str,
    provider: str,
    variables: Mapping[str, str],
    missing: Sequence[str],
    *,
    needed: bool,
) -> str | None:
    """Find the key to pass to LiteLLM.

    Where a provider needs several variables, they are added to this process's environment instead.

    Args:
        model: The model, for the error message.
        provider: LiteLLM's name of the provider.
        variables: The variables in which keys are looked up.
        missing: The variables LiteLLM does not find in this process's environment.
        needed: Whether a key is required; the user's own server may need none.

    Returns:
        The key; None if no key is needed or LiteLLM finds it itself.

    Raises:
        BadKeyError: A key is required and not found.
    """
    # Addresses have defaults.
    lacking = [name for name in missing if not name.endswith(("_BASE", "_URL"))]
    if all(name.endswith("_API_KEY") for name in lacking):
        for name in (*lacking, f"{provider.upper()}_API_KEY"):
            if variables.get(name):
                return variables[name]
        several = " or "
    else:
        # Several variables (AWS, Azure, Vertex) do not fit into one argument, so they go into this
        # process's environment; training processes get it without the secrets.
        for name in lacking:
            if variables.get(name):
                os.environ.setdefault(name, variables[name])
        lacking = [name for name in lacking if not variables.get(name)]
        several = " and "
    if not lacking or not needed:
        return None
    or_file = ", or in `.env` in the workspace" if all(map(is_key_name, lacking)) else ""
    raise BadKeyError(
        f"There is no key for {model}.",
        "",
        f"Set {several.join(lacking)} in the environment{or_file}.",
    )


_NAMES = re.compile(r"(?:(?:litellm\.)?\w*(?:Error|Exception|Timeout)\b[:\s]*(?:-\s+)?)+")
_MESSAGE = re.compile(r'"message":\s*("(?:[^"\\]|\\.)*")')
_LONGEST_MESSAGE = 300


def readable(text: str, secrets: Iterable[str]) -> str:
    """Return the provider's message within a LiteLLM error's text: one line, secrets redacted."""
    known = list(secrets)
    text = redact(text, known)
    if re.search(r"<html|<!doctype", text, re.IGNORECASE):
        return "It sent a web page instead of an answer."
    if match := _NAMES.match(text):
        text = text[match.end() :]
    text = re.sub(r" Handle with `litellm\.\w+`\.?$| ssl:<[^>]*>", "", text)
    if match := _MESSAGE.search(text.replace("\\'", "'")):
        with suppress(ValueError):
            text = str(json.loads(match[1]))
    # Redacted again, for a key that was written with escapes.
    text = one_line(redact(one_line(text), known), _LONGEST_MESSAGE)
    return text if not text or text[-1] in ".!?…" else f"{text}."


_AGAIN = re.compile(
    r"(?:try again|retry|retryDelay)\b.{0,12}?(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", re.IGNORECASE
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def wait_seconds(error: Exception) -> float | None:
    """Return the seconds to wait before a retry, by an error's headers or text; None if unknown."""
    found = getattr(error, "litellm_response_headers", None)
    found = found or getattr(getattr(error, "response", None), "headers", None) or {}
    headers = {str(name).lower(): str(value) for name, value in dict(found).items()}
    if (seconds := _seconds(headers.get("retry-after-ms", ""))) is not None:
        return seconds / 1000
    if (seconds := _seconds(headers.get("retry-after", ""))) is not None:
        return seconds
    resets = {name: _seconds(value) for name, value in headers.items() if "ratelimit" in name}
    waits = {name: value for name, value in resets.items() if "reset" in name and value is not None}
    # Of several limits the exhausted one counts; it may last longer than the others.
    spent = [
        v for name, v in waits.items() if headers.get(name.replace("reset", "remaining")) == "0"
    ]
    if spent or waits:
        return max(spent or waits.values())
    if match := _AGAIN.search(str(error)):
        return float(match[1]) * _UNITS[(match[2] or "s").lower()]
    return None


def _seconds(value: str) -> float | None:
    """Return how many seconds from now a header's value means; None if it cannot be parsed.

    The value may be a number of seconds, a span such as `6m0s`, epoch seconds or a date.
    """
    now = datetime.now(UTC)
    with suppress(ValueError):
        number = float(value)
        number = number / 1000 if number > 1e12 else number
        return max(0.0, number - now.timestamp() if number > 1e9 else number)
    if re.fullmatch(f"({_SPAN.pattern})+", value):
        return sum(float(number) * _UNITS[unit] for number, unit in _SPAN.findall(value))
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(ValueError, TypeError):
            return max(0.0, (read(value) - now).total_seconds())
    return None


_TOO_LONG = re.compile(
    r"(prompt|request|input|context)\b.{0,40}\btoo (long|large)|(maximum|available) context", re.I
)
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,80}(not (exist|found|a valid)|unknown)|(invalid|unknown) model", re.I
)
_NO_CREDIT = re.compile(
    r"exceeded your current quota|insufficient.(quota|balance)|credit balance", re.I
)
_UNREACHED = re.compile(r"connection error|connect|resolve|name or service|network", re.I)


def typed_error(
    error: Exception, *, model: str, place: str, own: bool, secrets: Iterable[str]
) -> AgentError:
    """Return the AgentError that corresponds to an error LiteLLM raised.

    Args:
        error: The error LiteLLM raised.
        model: The model's name in the config.
        place: The provider or server, to begin a sentence with.
        own: Whether the user gave the server's address.
        secrets: The secrets to redact.
    """
    # LiteLLM wraps the error of a broken stream in another one.
    cause = getattr(error, "original_exception", None) or error
    status = getattr(cause, "status_code", None)
    message = readable(str(cause), secrets)
    kinds = {kind.__name__ for kind in type(cause).__mro__}
    if "ContextWindowExceededError" in kinds or status == 413 or _TOO_LONG.search(message):
        return ContextTooLongError(f"The briefing is too long for {model}.", message)
    if status in (401, 403):
        provider = getattr(cause, "llm_provider", "") or model.partition("/")[0]
        todo = (
            f"Check {provider.upper()}_API_KEY in the environment, or in `.env` in the workspace."
        )
        return BadKeyError(f"{place} refuses the key.", message, todo)
    if status == 404 or (status == 400 and _NO_MODEL.search(message)):
        todo = (
            "Stop, and start again with another --model or --api-base."
            if own
            else "Stop, and start again with another --model."
        )
        return NoSuchModelError(f"{place} does not know the model {model}.", message, todo)
    seconds = wait_seconds(cause)
    if status == 402 or (seconds is None and _NO_CREDIT.search(message)):
        return AgentError(
            f"{place} reports no credit left.",
            message,
            "Add credit there, or choose another model.",
        )
    if status == 429:
        return RateLimitedError(f"{place} has too many requests: {message}", seconds)
    if isinstance(cause, ImportError):
        return AgentError(
            f"{model} needs a package that is not installed.",
            message,
            f"Install {cause.name or 'it'} beside this program.",
        )
    if (status is not None and (status >= 500 or status == 408)) or isinstance(cause, OSError):
        todo = f"Is a server running at {place.split()[-1]}?" if own else ""
        if not _UNREACHED.search(message):
            return OverloadedError(f"{place} failed.", message)
        return OverloadedError(
            f"{place} cannot be reached.", message, todo or "Check the network connection."
        )
    return AgentError(f"{place} rejected the request.", message)
