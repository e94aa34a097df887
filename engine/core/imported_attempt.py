"""Experiments listed in the results.tsv of a session that has no journal."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from engine.core.enums import Verdict


class Unknown(StrEnum):
    """What the table does not tell about an attempt."""

    EDIT = "edit"
    """Its commit does not exist, or was never named."""
    VALUE = "metric"
    VERDICT = "verdict"
    TIME = "time"
    MEMORY = "memory"


class PastAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the table, as an attempt of that session."""

    row: int
    """Number of the row in the table, from 1."""
    description: str = ""
    """As written; untrusted."""
    status: str = ""
    """As written; untrusted."""
    verdict: Verdict | None = None
    """The verdict that the status word means; None where it means none."""
    metric: float | None = None
    gain: float | None = None
    """Against the keep before it, in metric units; positive is better."""
    memory_gb: float | None = None
    category: str = ""
    at: datetime | None = None
    commit: str = ""
    """The full hash of its commit; empty where that does not exist."""
    named: str = ""
    """The commit as written in the table, where no commit has that name; untrusted."""
    on_branch: bool = False
    """True where that commit is on the session's branch."""
    unknown: tuple[Unknown, ...] = ()
