"""Holds all that the screen paints at one moment: the session and the newest live samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from engine.core.analysis.counterfactual import WhatIf
from engine.core.machine import MachineSample
from engine.core.session import Session
from engine.protocol.messages import Progress


class LinkState(StrEnum):
    """The state of the screen's connection to the engine."""

    LIVE = "live"
    RECONNECTING = "reconnecting"
    GONE = "gone"
    REPLAY = "replay"
    """A recording is shown; there is no engine to connect to."""


@dataclass(frozen=True)
class Replayed:
    """The position and speed of a replay, and what its recording lacks."""

    playing: bool
    joined: bool
    """True while the replay stays at the end of the recording, also when that grows."""
    from_table: bool
    """True if the recording is only a results table, without events, logs or reasoning."""
    diff_note: str
    """The commit that the newest experiment's diff compares with, or why there is no diff."""
    speed: float
    """Experiments per second while playing."""
    step: int
    """The number of events up to the moment that is shown."""
    events: int
    """The number of events in the whole recording."""


@dataclass(frozen=True)
class View:
    """An immutable snapshot of all that is painted; each widget's `show` takes one."""

    session: Session = field(default_factory=Session)
    progress: Progress | None = None
    """The newest sample of the current run; None when no run is active or none has arrived."""
    devices: MachineSample | None = None
    sampled_at: datetime | None = None
    """When `devices` was sampled, for a replay; None for just now."""
    stalled: str = ""
    """What the engine waits for, such as space on a full disk; empty: nothing."""
    reasoning: str = ""
    """The agent's reasoning for the newest proposal, as far as it has arrived; "" for none."""
    ahead: str = ""
    """The agent's reasoning for the proposal drafted ahead, while a run is active; "" for none."""
    drafts_ahead: bool = False
    """True while the agent drafts a proposal ahead, even if no reasoning has arrived."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    link: LinkState = LinkState.LIVE
    replay: Replayed | None = None
    """The state of the replay; None for a live session."""
    what_if: WhatIf | None = None
    """Which keeps would stand under another keep rule or σ, in a replay; None: not asked."""
