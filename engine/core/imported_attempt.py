"""Defines experiments imported from the results.tsv of a session that has no journal."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from engine.core.enums import Verdict
from engine.core.git_names import CommitHash


class Unknown(StrEnum):
    """Facts that the imported table may not record about an attempt."""

    EDIT = "edit"
    """The edit: the row's commit does not exist, or the row names none."""
    VALUE = "metric"
    VERDICT = "verdict"
    TIME = "time"
    MEMORY = "memory"


class PastAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of an imported results table, as an experiment of that session."""

    row: int
    """Number of the row in the table, from 1, without the header."""
    description: str = ""
    """The row's description as written in the table; untrusted text."""
    status: str = ""
    """The row's status word as written in the table; untrusted text."""
    verdict: Verdict | None = None
    """The verdict that the status word means; None where it means none of the three."""
    metric: float | None = None
    gain: float | None = None
    """Gain over the previous kept row in metric units, positive is better; None if unknown."""
    memory_gb: float | None = None
    category: str = ""
    at: datetime | None = None
    commit: CommitHash = ""
    """The full hash of the row's commit; empty where no such commit exists."""
    named: str = ""
    """The row's untrusted commit text where no such commit exists; empty where it does."""
    on_branch: bool = False
    """True where the row's commit is on the imported session's branch."""
    unknown: tuple[Unknown, ...] = ()
