"""Defines a candidate: one proposed edit with its patch, origin and risk findings.

The same fields pass through every stage: `Candidate` before it is an experiment, `Queued` while it
waits, `Experiment` from then on, and `CandidateEvent` in the journal. `copied_fields` moves them
from one to the next.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.core.enums import Origin, Verdict
from engine.core.events import Proposal
from engine.core.finding import Finding


class ProposalRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a candidate that are still kept once it is an experiment."""

    base: str
    """Hash of the commit that the patch applies to."""
    proposal: Proposal
    queued: int = 0
    """The proposal's number in the queue, counted from 1 in a session; 0: it was never queued."""
    rebased: bool = False
    """True where the patch was made for an earlier frontier and re-applied to the current one."""
    origin: Origin = Origin.AGENT
    pin: int = 0
    """The number of the user's pin that the proposal works out; 0: it comes from no pin."""
    of: int = 0
    """The number of the earlier experiment that it revives, confirms or overrules; 0: none."""
    forced: Verdict | None = None
    """The verdict the user gave in advance, whatever is measured; None: the keep rule decides."""
    findings: tuple[Finding, ...] = ()
    """The risks that the risk check found in the edit; empty where it found none."""
    prompt_key: str = ""
    """The key of the prompt sent to the agent, kept by `engine.store.prompts`; "": none sent."""


class Candidate(ProposalRecord, frozen=True, kw_only=True):
    """A proposed edit with its patch, before it is an experiment."""

    patch: str
    """Unified diff of the editable file against the commit `base`."""
    reasoning: str = ""
    """The agent's reasoning text as it was streamed; "" where there was none."""
    basis: str = ""
    """The steering basis (version of program.md, pins, bans, notes) that the agent was given.

    Under another basis the candidate is stale and is dropped. Empty: never stale.
    """


def copied_fields(source: msgspec.Struct, target: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the `Candidate` fields that both structs have, as keyword arguments for the target.

    Args:
        source: The struct to read the values from.
        target: The struct type to be built with them, such as `Queued` or `Experiment`.
    """
    shared = set(source.__struct_fields__) & set(target.__struct_fields__)
    return {name: getattr(source, name) for name in _FIELDS & shared}


_FIELDS = frozenset(Candidate.__struct_fields__)
