"""Saves each experiment's proposal, patch and reasoning as files, for people and other tools."""

from __future__ import annotations

from engine.core.events import Proposal
from engine.core.layout import Layout
from engine.core.text import short_id
from engine.untrusted_files import write_new


def keep_proposal(
    layout: Layout, number: int, proposal: Proposal, patch: str, reasoning: str
) -> None:
    """Write a proposal as proposal.md, patch.diff and reasoning.md of its experiment's directory.

    They are not synced: the journal on the disk holds all of it already. Without reasoning there is
    no reasoning.md.

    Raises:
        OSError: The disk is full or read-only.
    """
    directory = layout.experiment(number)
    directory.mkdir(parents=True, exist_ok=True)
    lines = [f"# Experiment {number}: {proposal.hypothesis}", ""]
    lines += [f"- category: {proposal.category}", f"- agent: {proposal.agent}"]
    lines += [f"- patch: {short_id(proposal.patch_id)} (+{proposal.added} −{proposal.removed})"]
    lines += [f"- expected: {proposal.expected}"] if proposal.expected else []
    lines += ["", proposal.rationale] if proposal.rationale else []
    write_new(directory / "proposal.md", "\n".join(lines) + "\n")
    write_new(directory / "patch.diff", patch)
    if reasoning:
        write_new(directory / "reasoning.md", reasoning)
