"""Redacts secrets in events before they are written: run output and agents' texts may hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from engine.core.events import Event
from engine.core.secrets import redact

E_ = TypeVar("E_", bound=Event)
_EXACT = frozenset(
    (
        *("type", "at", "config", "command", "directory", "workspace", "branch", "file"),
        *("results_file", "patch", "knobs"),
    )
)
"""Keys whose values the engine acts on: with other values the session would do something else."""


def redact_event(event: E_, secrets: Sequence[str]) -> E_:
    """Return the event with `***` for each secret in its texts.

    Args:
        event: The event.
        secrets: The values to redact; each is found as it is and in its URL-encoded form, not in
            other encodings and not where it is split.
    """
    if not secrets:
        return event
    values = msgspec.to_builtins(event)
    redacted = _redact(values, secrets)
    return event if redacted == values else msgspec.convert(redacted, type(event))


def _redact(value: object, secrets: Sequence[str]) -> object:
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, dict):
        return {k: v if k in _EXACT else _redact(v, secrets) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, secrets) for item in value]
    return value
