"""An attempt that nobody of ours recorded, as far as a table tells of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from engine.core.enums import Verdict


class Unknown(StrEnum):
    """What nobody recorded of an attempt."""

    EDIT = "edit"
    """Its commit is gone, or was never named."""
    VALUE = "metric"
    VERDICT = "verdict"
    TIME = "time"
    MEMORY = "memory"


class PastAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of the table as an attempt of the session it came from."""

    row: int
    """Its number in the table, from 1."""
    description: str = ""
    """As written; untrusted."""
    status: str = ""
    """As written; untrusted."""
    verdict: Verdict | None = None
    """In our words; None where the table says neither."""
    metric: float | None = None
    gain: float | None = None
    """Against the keep before it, positive is better."""
    memory_gb: float | None = None
    category: str = ""
    at: datetime | None = None
    commit: str = ""
    """The whole hash of a commit that exists; empty where there is none."""
    named: str = ""
    """The commit as written, where there is none of that name; untrusted."""
    on_branch: bool = False
    """Whether that commit is on the session's branch."""
    unknown: tuple[Unknown, ...] = ()
