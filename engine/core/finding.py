"""Defines findings of the risk check as the journal keeps them; rules are in `engine.core.risk`."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Weight(StrEnum):
    """How serious a risk finding is, and so whether the user is asked; heaviest first."""

    BLOCK = "block"
    """The edit never runs without the user's approval, whatever the autonomy."""
    ASK = "ask"
    """The edit runs without approval only with the autonomy `auto`."""
    NOTE = "note"
    """The edit runs without approval; the finding is only shown."""


class Finding(msgspec.Struct, frozen=True):
    """One risk that a rule of the risk check found in an edit."""

    rule: str
    weight: Weight
    lines: tuple[int, ...]
    """Line numbers in the edited file, from 1; in the file before the edit for removed code."""
    message: str
    """One sentence for the user: what the risk is, and why it matters."""
