"""Where a session's files lie, and the texts kept of each experiment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.core.events import Proposal

HOME = ".autoresearch"


@dataclass(frozen=True)
class Layout:
    """The paths of one session in one workspace."""

    workspace: Path
    tag: str

    @property
    def home(self) -> Path:
        """`.autoresearch`, shared by all sessions of the workspace."""
        return self.workspace / HOME

    @property
    def session(self) -> Path:
        """`.autoresearch/<tag>`."""
        return self.home / self.tag

    @property
    def journal(self) -> Path:
        """The truth."""
        return self.session / "journal.jsonl"

    @property
    def engine_log(self) -> Path:
        """What a detached engine prints."""
        return self.session / "engine.log"

    def worktree(self, slot: int) -> Path:
        """Where the runs of a slot happen."""
        return self.session / "worktrees" / f"slot-{slot}"

    def scratch(self, name: str) -> Path:
        """Where a coding agent edits files."""
        return self.session / "worktrees" / name

    def experiment(self, number: int) -> Path:
        """The files of one experiment."""
        return self.session / "experiments" / f"{number:04d}"

    def run(self, number: int, run: int) -> Path:
        """The files of one training process."""
        return self.experiment(number) / f"run-{run}"


def sessions(workspace: Path) -> list[str]:
    """The tags that have a journal in a workspace, the one written to last at the end."""
    home = workspace / HOME
    found = [(path.stat().st_mtime, path.parent.name) for path in home.glob("*/journal.jsonl")]
    return [tag for _, tag in sorted(found)]


def keep_proposal(
    layout: Layout, number: int, proposal: Proposal, patch: str, reasoning: str
) -> None:
    """Write proposal.md, patch.diff and reasoning.md of an experiment, for people and their tools.

    Not synced: the journal already holds all of it, on the disk.

    Raises:
        OSError: The disk is full or read-only.
    """
    directory = layout.experiment(number)
    directory.mkdir(parents=True, exist_ok=True)
    lines = [f"# Experiment {number}: {proposal.hypothesis}", ""]
    lines += [f"- category: {proposal.category}", f"- agent: {proposal.agent}"]
    lines += [f"- patch: {proposal.patch_id} (+{proposal.added} −{proposal.removed})"]
    lines += [f"- expected: {proposal.expected}"] if proposal.expected else []
    lines += ["", proposal.rationale] if proposal.rationale else []
    (directory / "proposal.md").write_text("\n".join(lines) + "\n", "utf-8", "surrogateescape")
    (directory / "patch.diff").write_text(patch, "utf-8", "surrogateescape")
    if reasoning:
        (directory / "reasoning.md").write_text(reasoning, "utf-8", "surrogateescape")
