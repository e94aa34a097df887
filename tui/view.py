"""All that the screen paints at one moment: the folded session and the newest live samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from engine.core.machine import MachineSample
from engine.core.session import Session
from engine.protocol.messages import Progress


class LinkState(StrEnum):
    """The state of the connection to the engine."""

    LIVE = "live"
    RECONNECTING = "reconnecting"
    GONE = "gone"
    REPLAY = "replay"
    """A recording is shown, without an engine."""


@dataclass(frozen=True)
class Replayed:
    """The state of a replay, beside the session it shows."""

    playing: bool
    joined: bool
    """True while the end of the recording is shown, also when it grows."""
    from_table: bool
    """True if the recording is only a results table, so that all else is not recorded."""
    diff_note: str
    """The commit that the newest diff compares with, or why there is no diff."""
    speed: float
    """Experiments per second."""
    step: int
    """The number of events up to the moment that is shown."""
    events: int
    """The number of events in the recording."""


@dataclass(frozen=True)
class View:
    """An immutable snapshot; a widget repaints only where two of them differ for it."""

    session: Session = field(default_factory=Session)
    progress: Progress | None = None
    """The progress of the current run; None when no run is active."""
    devices: MachineSample | None = None
    sampled_at: datetime | None = None
    """When `devices` was sampled; None for just now."""
    reasoning: str = ""
    """The agent's reasoning for the newest proposal, as far as it has arrived."""
    ahead: str = ""
    """The agent's reasoning for the proposal after that, drafted while an experiment runs."""
    drafts_ahead: bool = False
    """True while the proposal after the newest one is being drafted."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    link: LinkState = LinkState.LIVE
    replay: Replayed | None = None
    """The state of the replay; None for a live session."""
