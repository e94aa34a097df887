"""Defines `RiskContext`, the facts about a session that risk rules need."""

from __future__ import annotations

import msgspec


class RiskContext(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a session that risk rules compare an edit with."""

    metric: str = "val_bpb"
    """Name of the metric, as in the line `name: value` that a run prints."""
    file: str = "train.py"
    """Path of the editable file in the workspace."""
    harness: tuple[str, ...] = ("prepare", "constants", "shards", "device")
    """Module names of the locked files, which an edit may use but not change."""
    program: str = ""
    """The text of program.md; empty without one."""
    memory_gb: float | None = None
    """Peak memory of the base's own run; None if unknown."""
    memory_limit_gb: float | None = None
    """Total memory of the device; None if unknown."""
