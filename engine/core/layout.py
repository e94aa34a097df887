"""Names the engine's files in a workspace, and a session's branch and private git refs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOME_NAME = ".autoresearch"
"""Name of the workspace's directory with the engine's files, shared by all its sessions."""
JOURNAL_NAME = "journal.jsonl"
CURVE_NAME = "curve.jsonl"
"""Name of the file beside a run's log with its loss curve."""
BRANCH_PREFIX = "autoresearch"
"""The first part of a session's branch name, before the slash and the tag."""
REF_PREFIX = "refs/autoresearch"
"""The namespace of the private git refs that keep commits of experiments reachable."""


def home_of(workspace: Path) -> Path:
    """Return the path of a workspace's `.autoresearch` directory."""
    return workspace / HOME_NAME


def engine_log(workspace: Path) -> Path:
    """Return the path of the engine's rotating log file."""
    return home_of(workspace) / "engine.log"


def engine_output(workspace: Path) -> Path:
    """Return the path of the file with what the newest engine process printed, such as crashes."""
    return home_of(workspace) / "engine.out"


@dataclass(frozen=True)
class Layout:
    """The paths of one session's files in one workspace."""

    workspace: Path
    tag: str

    @property
    def home(self) -> Path:
        """The workspace's `.autoresearch` directory, shared by all its sessions."""
        return home_of(self.workspace)

    @property
    def session(self) -> Path:
        """The directory of this session's files, `.autoresearch/<tag>`."""
        return self.home / self.tag

    @property
    def journal(self) -> Path:
        """The path of the session's journal file."""
        return self.session / JOURNAL_NAME

    def worktree(self, slot: int) -> Path:
        """Return the git worktree in which the runs of a slot are started.

        Args:
            slot: Number of a place for one run at a time; there is only slot 0.
        """
        return self.session / "worktrees" / f"slot-{slot}"

    @property
    def caches(self) -> Path:
        """The directory of what PyTorch's compilers keep, which all runs of the session share."""
        return self.session / "caches"

    def scratch(self, name: str) -> Path:
        """Return the git worktree, by its name, in which a coding agent edits files."""
        return self.session / "worktrees" / name

    def experiment(self, number: int) -> Path:
        """Return the directory of the files of experiment `number`."""
        return self.session / "experiments" / f"{number:04d}"

    def run(self, number: int, run: int) -> Path:
        """Return the directory of the files of one run of an experiment.

        Args:
            number: The experiment.
            run: The number of the training process within the experiment, from 1.
        """
        return self.experiment(number) / f"run-{run}"


@dataclass(frozen=True)
class RefNames:
    """The names of one session's git branch and private refs."""

    tag: str

    @property
    def branch(self) -> str:
        """The short name of the session's branch, `autoresearch/<tag>`."""
        return f"{BRANCH_PREFIX}/{self.tag}"

    @property
    def branch_ref(self) -> str:
        """The full name of the session's branch, `refs/heads/autoresearch/<tag>`."""
        return f"refs/heads/{self.branch}"

    @property
    def root(self) -> str:
        """The namespace of the session's private refs, with a slash at the end."""
        return f"{REF_PREFIX}/{self.tag}/"

    def experiment(self, number: int) -> str:
        """Return the name of the ref that holds the commit of experiment `number`."""
        return f"{self.root}{number}"

    def kept(self, number: int) -> str:
        """Return the name of the ref of the commit that an overrule to keep put on the branch.

        Args:
            number: The overruled experiment.
        """
        return f"{self.root}kept-{number}"

    def taken_back(self, number: int) -> str:
        """Return the name of the ref of the commit that reverts an experiment on the branch.

        Args:
            number: The experiment that was overruled to discard.
        """
        return f"{self.root}taken-back-{number}"

    def program(self, number: int) -> str:
        """Return the name of the ref of the commit of version `number` of program.md, from 1."""
        return f"{self.root}program-{number}"
