"""The facts about a session that a risk assessment uses."""

from __future__ import annotations

import msgspec


class RiskContext(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a session that risk rules depend on."""

    metric: str = "val_bpb"
    """The metric's name in the line `name: value` that a run prints."""
    file: str = "train.py"
    """The editable file."""
    harness: tuple[str, ...] = ("prepare", "constants", "shards", "device")
    """Module names of the locked files."""
    program: str = ""
    """The text of program.md."""
    memory_gb: float | None = None
    """Peak memory of the base's own run."""
    memory_limit_gb: float | None = None
    """Memory of the device."""
