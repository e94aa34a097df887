"""Messages from the engine to its clients: events, and what changes too often for the journal."""

from __future__ import annotations

import msgspec

from engine.core.enums import Phase
from engine.core.events import AnyEvent
from engine.core.machine import MachineSample


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all messages from the engine."""


class Welcome(Message, frozen=True, kw_only=True):
    """The first message: who speaks, and the session so far."""

    version: str
    pid: int
    snapshot: bytes
    """`engine.protocol.snapshot.encode_session` of the session; empty for a client that only sends
    commands.
    """


class EventAppended(Message, frozen=True, kw_only=True):
    """An event that is in the journal now."""

    event: AnyEvent


class Progress(Message, frozen=True, kw_only=True):
    """How far the current run has come, as its log tells."""

    experiment: int
    run: int
    phase: Phase
    elapsed_seconds: float
    """Since the process started, by the engine's clock."""
    share: float | None = None
    """Of the training budget, 0 to 1."""
    step: int | None = None
    loss: float | None = None
    tokens_per_second: float | None = None
    remaining_seconds: float | None = None


class Devices(Message, frozen=True, kw_only=True):
    """The machine, once a second."""

    sample: MachineSample = MachineSample()


class ReasoningChunk(Message, frozen=True, kw_only=True):
    """A piece of the agent's reasoning, as it comes."""

    text: str
    start: bool = False
    """True: a new proposal begins, what was shown before is old."""
    over: bool = False
    """True: that was all; what came of it is in the journal, or it came to nothing."""
    experiment: int = 0
    """The number it will have if nothing comes between."""


class Reply(Message, frozen=True, kw_only=True):
    """The answer to a command."""

    id: int
    ok: bool
    message: str


AnyMessage = Welcome | EventAppended | Progress | Devices | ReasoningChunk | Reply
