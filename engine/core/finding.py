"""Findings of the risk check, as the journal keeps them; the rules are in `engine.core.risk`."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Weight(StrEnum):
    """What follows from a finding, heaviest first."""

    BLOCK = "block"
    """The edit never runs without the user's approval, in any autonomy."""
    ASK = "ask"
    """The edit runs unasked only with the autonomy `auto`."""
    NOTE = "note"
    """The edit runs; the finding is shown."""


class Finding(msgspec.Struct, frozen=True):
    """One risk of an edit."""

    rule: str
    weight: Weight
    lines: tuple[int, ...]
    """Line numbers in the edited file, from 1; in the base where something was removed."""
    message: str
    """One sentence: what the risk is, and why it matters."""
