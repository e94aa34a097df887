"""Where a workspace keeps the engine's files, and what its branches and refs are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOME_NAME = ".autoresearch"
"""The directory of a workspace that holds the engine's files, of all sessions."""
JOURNAL_NAME = "journal.jsonl"
BRANCH_PREFIX = "autoresearch"
"""Prefix of the branches of sessions."""
REF_PREFIX = "refs/autoresearch"
"""Prefix of the private refs that keep the commits of experiments reachable."""


def home_of(workspace: Path) -> Path:
    """Return `.autoresearch` of a workspace."""
    return workspace / HOME_NAME


def engine_log(workspace: Path) -> Path:
    """Return the path of the engine's rotating log."""
    return home_of(workspace) / "engine.log"


def engine_output(workspace: Path) -> Path:
    """Return the path of what the newest engine process printed: start-up errors and crashes."""
    return home_of(workspace) / "engine.out"


@dataclass(frozen=True)
class Layout:
    """The paths of one session in one workspace."""

    workspace: Path
    tag: str

    @property
    def home(self) -> Path:
        """`.autoresearch`, shared by all sessions of the workspace."""
        return home_of(self.workspace)

    @property
    def session(self) -> Path:
        """`.autoresearch/<tag>`."""
        return self.home / self.tag

    @property
    def journal(self) -> Path:
        """The session's journal."""
        return self.session / JOURNAL_NAME

    def worktree(self, slot: int) -> Path:
        """Return the worktree in which the runs of a slot are started."""
        return self.session / "worktrees" / f"slot-{slot}"

    def scratch(self, name: str) -> Path:
        """Return the worktree in which a coding agent edits files."""
        return self.session / "worktrees" / name

    def experiment(self, number: int) -> Path:
        """Return the directory of one experiment's files."""
        return self.session / "experiments" / f"{number:04d}"

    def run(self, number: int, run: int) -> Path:
        """Return the directory of one training process's files."""
        return self.experiment(number) / f"run-{run}"


@dataclass(frozen=True)
class RefNames:
    """The names of one session's branch and private refs."""

    tag: str

    @property
    def branch(self) -> str:
        """`autoresearch/<tag>`, as the user sees it."""
        return f"{BRANCH_PREFIX}/{self.tag}"

    @property
    def branch_ref(self) -> str:
        """The branch's full name."""
        return f"refs/heads/{self.branch}"

    @property
    def root(self) -> str:
        """The directory of the session's private refs, with a slash at the end."""
        return f"{REF_PREFIX}/{self.tag}/"

    def experiment(self, number: int) -> str:
        """Return the ref that holds an experiment's commit."""
        return f"{self.root}{number}"

    def kept(self, number: int) -> str:
        """Return the ref of the commit that puts an experiment onto the branch by overrule."""
        return f"{self.root}kept-{number}"

    def taken_back(self, number: int) -> str:
        """Return the ref of the commit that takes an experiment off the branch."""
        return f"{self.root}taken-back-{number}"

    def program(self, number: int) -> str:
        """Return the ref of the commit of a version of program.md."""
        return f"{self.root}program-{number}"
