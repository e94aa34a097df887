"""What a risk assessment found, as the journal keeps it. The rules stand in `engine.core.risk`."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Weight(StrEnum):
    """What a finding asks of the engine, heaviest first."""

    BLOCK = "block"
    """Never run without a person's approval, in any autonomy."""
    ASK = "ask"
    """Run unasked only where the autonomy says so."""
    NOTE = "note"
    """Worth showing; runs."""


class Finding(msgspec.Struct, frozen=True):
    """One thing about an edit that a researcher should know before it runs."""

    rule: str
    weight: Weight
    lines: tuple[int, ...]
    """Of the candidate, from 1; of the base where something was removed: the message says so."""
    message: str
    """What it is and why it matters, as one plain sentence."""
