"""A candidate: one proposal with everything known about it, from the agent to the results table.

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
    """The fields of a candidate that its experiment keeps."""

    base: str
    """The commit that the patch applies to."""
    proposal: Proposal
    queued: int = 0
    """Its number in the queue, counted up through the session; 0: it was never queued."""
    rebased: bool = False
    """True where the edit was made for an earlier frontier and re-applied, fitting exactly."""
    origin: Origin = Origin.AGENT
    pin: int = 0
    """The number of the pin that it works out; 0: none."""
    of: int = 0
    """The earlier experiment that it revives, confirms or overrules; 0: none."""
    forced: Verdict | None = None
    """The verdict that the user gave in advance, whatever is measured."""
    findings: tuple[Finding, ...] = ()
    """What the risk check found."""
    prompt_key: str = ""
    """The key under which `engine.store.prompts` keeps the agent's prompt; empty: none was sent."""


class Candidate(ProposalRecord, frozen=True, kw_only=True):
    """A proposal that is not an experiment yet."""

    patch: str
    """Unified diff of the editable file against `base`."""
    reasoning: str = ""
    """The agent's thoughts, as it sent them."""
    basis: str = ""
    """A name for all steering the agent had been given; another basis makes it stale. Empty: never
    stale.
    """


def copied_fields(source: msgspec.Struct, target: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the candidate fields that both structs have, as keyword arguments for the target."""
    shared = set(source.__struct_fields__) & set(target.__struct_fields__)
    return {name: getattr(source, name) for name in _FIELDS & shared}


_FIELDS = frozenset(Candidate.__struct_fields__)
