"""Defines the engine's messages to its clients: events, replies, progress, devices, reasoning."""

from __future__ import annotations

import msgspec

from engine.core.enums import Phase
from engine.core.events import AnyEvent
from engine.core.machine import MachineSample


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all messages that the engine sends to its clients."""


class Welcome(Message, frozen=True, kw_only=True):
    """The engine's answer to `Hello`: its version, its pid and the session's state."""

    version: str
    pid: int
    snapshot: bytes
    """The session as packed by `engine.protocol.snapshot`; empty for a client that does not follow.
    """


class EventAppended(Message, frozen=True, kw_only=True):
    """An event was appended to the session's journal."""

    event: AnyEvent


class Progress(Message, frozen=True, kw_only=True):
    """The progress of the current training run, according to its log."""

    experiment: int
    run: int
    phase: Phase
    elapsed_seconds: float
    """Seconds since the run's process started, by the engine's clock."""
    share: float | None = None
    """Elapsed share of the training time budget, 0 to 1; None where the log does not show it."""
    step: int | None = None
    loss: float | None = None
    tokens_per_second: float | None = None
    remaining_seconds: float | None = None


class Devices(Message, frozen=True, kw_only=True):
    """A sample of the machine's load, sent once a second."""

    sample: MachineSample = MachineSample()


class ReasoningChunk(Message, frozen=True, kw_only=True):
    """A piece of the agent's reasoning, as it arrives."""

    text: str
    start: bool = False
    """True for the first piece of an agent call."""
    over: bool = False
    """True at the end of an agent call, successful or not; the text is then empty."""
    experiment: int = 0
    """The number of the experiment that the proposal is for."""


class Stalled(Message, frozen=True, kw_only=True):
    """The engine waits for the machine, such as a full disk, and then goes on by itself."""

    reason: str = ""
    """What it waits for, as the user reads it; empty: it no longer waits."""


class Reply(Message, frozen=True, kw_only=True):
    """The engine's reply to one command: whether it was carried out, and a text for the user."""

    id: int
    ok: bool
    message: str


AnyMessage = Welcome | EventAppended | Progress | Devices | ReasoningChunk | Stalled | Reply
