"""Messages from the engine to its clients: events, and what changes too often for the journal."""

from __future__ import annotations

import msgspec

from engine.core.enums import Phase
from engine.core.events import AnyEvent
from engine.core.machine import MachineSample


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all messages from the engine."""


class Welcome(Message, frozen=True, kw_only=True):
    """The first message to a client: the engine's version and the session so far."""

    version: str
    pid: int
    snapshot: bytes
    """The session as `engine.protocol.snapshot` packs it; empty for a client that does not
    subscribe.
    """


class EventAppended(Message, frozen=True, kw_only=True):
    """An event was appended to the journal."""

    event: AnyEvent


class Progress(Message, frozen=True, kw_only=True):
    """The state of the current run, according to its log."""

    experiment: int
    run: int
    phase: Phase
    elapsed_seconds: float
    """Seconds since the process started, by the engine's clock."""
    share: float | None = None
    """Elapsed share of the training budget, 0 to 1."""
    step: int | None = None
    loss: float | None = None
    tokens_per_second: float | None = None
    remaining_seconds: float | None = None


class Devices(Message, frozen=True, kw_only=True):
    """A sample of the machine, once a second."""

    sample: MachineSample = MachineSample()


class ReasoningChunk(Message, frozen=True, kw_only=True):
    """A piece of the agent's reasoning."""

    text: str
    start: bool = False
    """True at the start of a proposal."""
    over: bool = False
    """True at the end of a proposal, successful or not."""
    experiment: int = 0
    """The experiment that the proposal is for."""


class Reply(Message, frozen=True, kw_only=True):
    """The reply to one command."""

    id: int
    ok: bool
    message: str


AnyMessage = Welcome | EventAppended | Progress | Devices | ReasoningChunk | Reply
