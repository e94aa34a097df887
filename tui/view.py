"""What the screen paints: the folded session and the newest live samples, at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from engine.core.machine import MachineSample
from engine.core.session import Session
from engine.protocol.messages import Progress


class LinkState(StrEnum):
    """Whether an engine is at the other end."""

    LIVE = "live"
    RECONNECTING = "reconnecting"
    GONE = "gone"
    REPLAY = "replay"
    """There is none: this is a recording."""


@dataclass(frozen=True)
class Replayed:
    """What only a replay has to say."""

    playing: bool
    joined: bool
    """Whether the present is shown, whatever comes."""
    from_table: bool
    """Whether all that is known is a table: what it lacks was not recorded."""
    diff_note: str
    """Against what the newest diff is, or why there is none."""
    speed: float
    """Experiments a second."""
    step: int
    events: int


@dataclass(frozen=True)
class View:
    """Immutable; a widget compares what it shows of the old and the new one and repaints only on a
    difference.
    """

    session: Session = field(default_factory=Session)
    progress: Progress | None = None
    """Of the current run; None when nothing runs."""
    devices: MachineSample | None = None
    sampled_at: datetime | None = None
    """When that was, where it was not just now."""
    thinking: str = ""
    """The agent's reasoning for the newest proposal, as far as it has come."""
    ahead: str = ""
    """Its reasoning for the one after that, while an experiment has no verdict yet."""
    drafts_ahead: bool = False
    """Whether that one is being drafted now."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    link: LinkState = LinkState.LIVE
    replay: Replayed | None = None
    """None: it happens now."""
