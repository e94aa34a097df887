"""Chosen commits on a new branch, made in a worktree of its own.

The person's checkout, index and branches are not touched; nothing is forced and nothing pushed. A
branch appears in the end, in one step, or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from engine.core.errors import EngineBusyError, UsageError, WorkspaceError
from engine.core.layout import Layout
from engine.core.patches.patch import make_patch, refit_patch, reverse_patch
from engine.merge.conflicts import ConflictError, read_conflicts
from engine.merge.line import BranchStep
from engine.merge.message import squash_message
from engine.merge.plan import MergePlan
from engine.store.git import Git
from engine.store.workspace import Workspace

_QUIET = (
    # What is the person's for their own commits: keys that ask, editors, answers from other days.
    *("-c", "commit.gpgsign=false", "-c", "core.editor=true", "-c", "rerere.enabled=false"),
    *("-c", "gc.auto=0", "-c", "merge.conflictStyle=diff3", "-c", "advice.detachedHead=false"),
)
_FALLBACK = {
    "GIT_AUTHOR_NAME": "autoresearch-tui",
    "GIT_AUTHOR_EMAIL": "autoresearch-tui@localhost",
    "GIT_COMMITTER_NAME": "autoresearch-tui",
    "GIT_COMMITTER_EMAIL": "autoresearch-tui@localhost",
}


class How(StrEnum):
    """How the commits come onto the new branch."""

    SQUASH = "squash"
    """As one commit."""
    REBASE = "rebase"
    """As they are, on top of the base branch; the same commits where it did not move."""
    PICK = "pick"
    """As copies that name the commit they were picked from."""


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """The branch that was made."""

    branch: str
    commit: str
    onto: str
    onto_commit: str
    how: How
    commits: int
    taken: tuple[int, ...]
    """Experiments whose change is on it."""
    fitted: tuple[int, ...]
    """Those git would not take for what stands beside them; their own lines fitted exactly."""
    already: tuple[str, ...]
    """Subjects of commits whose change the base branch had already."""


def make_branch(
    path: Path, plan: MergePlan, steps: tuple[BranchStep, ...], how: How, branch: str
) -> Merged:
    """Replay commits onto the base branch and give the result a name.

    Args:
        path: The workspace where the session ran.
        plan: Of `plan_merge`.
        steps: Of `choose`.
        how: Squashed, rebased or picked.
        branch: The new branch; none of that name may exist.

    Raises:
        ConflictError: A commit does not fit; nothing was made.
        UsageError: The name cannot be, or is taken, or the base branch has all of it.
        WorkspaceError: Git says no, or the disk does.
    """
    workspace = Workspace(path)
    _check_name(workspace, branch)
    layout = Layout(workspace.path, plan.tag)
    with _worktree(workspace, layout, plan.onto_commit) as git:
        replay = _Replay(workspace, git, plan, how)
        for step in steps:
            replay.take(step)
        commit = git.run("rev-parse", "HEAD")
        if not replay.done:
            raise UsageError(f"{plan.onto} has all of that already.", "", "There is nothing to do.")
        if how is How.SQUASH:
            commit = replay.squash()
        ref = f"refs/heads/{branch}"
        try:
            workspace.git.run(
                *("update-ref", "-m", f"autoresearch: {how.value} {plan.tag}"),
                *(ref, commit, "0" * len(commit)),
            )
        except WorkspaceError as error:
            raise WorkspaceError(
                f"The branch {branch} could not be made.", error.why, "Choose another with --as."
            ) from error
    return Merged(
        branch=branch,
        commit=commit,
        onto=plan.onto,
        onto_commit=plan.onto_commit,
        how=how,
        commits=1 if how is How.SQUASH else len(replay.done),
        taken=tuple(step.experiment for step in replay.done if step.experiment),
        fitted=tuple(replay.fitted),
        already=tuple(replay.already),
    )


def _check_name(workspace: Workspace, branch: str) -> None:
    """See to it that a branch of that name can be made.

    Raises:
        UsageError: It exists, or is no name for a branch.
    """
    git = workspace.git
    if branch.startswith("-") or git.try_run("check-ref-format", f"refs/heads/{branch}") is None:
        raise UsageError(f"{branch!r} is no name for a branch.", "", "Choose another with --as.")
    if git.try_run("rev-parse", "-q", "--verify", f"refs/heads/{branch}") is not None:
        raise UsageError(
            f"The branch {branch} exists already.",
            "It is left as it is.",
            "Choose another with --as.",
        )


@contextlib.contextmanager
def _worktree(workspace: Workspace, layout: Layout, commit: str) -> Iterator[Git]:
    """A worktree of ours at a commit, gone afterwards whatever happens."""
    path = layout.scratch("merge")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(layout.session / "merge.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineBusyError(
                f"Another merge of session {layout.tag!r} is at work.", "", "Wait for its end."
            ) from None
        _remove(workspace, path)  # of a merge that was killed
        try:
            workspace.git.run("worktree", "add", "--quiet", "--detach", str(path), commit)
            yield Git(path)
        finally:
            _remove(workspace, path)


def _remove(workspace: Workspace, path: Path) -> None:
    """Remove our own worktree, and git's note of it."""
    workspace.git.try_run("worktree", "remove", "--force", str(path))
    shutil.rmtree(path, ignore_errors=True)


class _Replay:
    """Takes commits over, one after the other, in the worktree."""

    def __init__(self, workspace: Workspace, git: Git, plan: MergePlan, how: How) -> None:
        self._workspace = workspace
        self._git = git
        self._plan = plan
        self._how = how
        known = git.try_run("config", "user.name") and git.try_run("config", "user.email")
        self._who = {} if known else _FALLBACK
        self.done: list[BranchStep] = []
        self.fitted: list[int] = []
        self.already: list[str] = []

    def take(self, step: BranchStep) -> None:
        """Put one commit on top of what is there.

        Raises:
            ConflictError: It does not fit.
        """
        words = {How.PICK: ("-x",), How.REBASE: ("--ff",), How.SQUASH: ()}[self._how]
        try:
            self._run("cherry-pick", *words, step.commit)
        except WorkspaceError:
            # Without one in progress it is no conflict but trouble: a full disk, a damaged object.
            if self._git.try_run("rev-parse", "-q", "--verify", "CHERRY_PICK_HEAD") is None:
                raise
            unmerged = self._git.run("diff", "--name-only", "--diff-filter=U")
            changed = unmerged or self._git.run("diff", "--cached", "--name-only")
            if not changed or not self._fit(step):
                self._run("cherry-pick", "--skip")
                self.already.append(step.subject)
                return
        self.done.append(step)

    def _fit(self, step: BranchStep) -> bool:
        """Make the commit's own change where only what stands beside it is another.

        The lines it replaces must be there, exactly and once; else it stays a conflict.

        Returns:
            False where the lines it would put in are there, exactly and once: it is done already.

        Raises:
            ConflictError: Neither is so.
        """
        conflicts = read_conflicts(self._git)
        if len(step.files) == 1 and [c.file for c in conflicts] == [*step.files]:
            name = step.files[0]
            texts = [
                self._git.blob(f"{commit}:{name}")
                for commit in (f"{step.commit}^", step.commit, "HEAD")
            ]
            before, after, now = (
                None if raw is None else raw.decode("utf-8", "surrogateescape") for raw in texts
            )
            if before is not None and after is not None and now is not None:
                patch = make_patch(name, before, after)
                edited = refit_patch(now, patch)
                if edited is not None and edited != now:
                    self._commit(step, name, edited)
                    self.fitted.append(step.experiment)
                    return True
                if step.added and refit_patch(now, reverse_patch(patch)) is not None:
                    return False
        raise ConflictError(
            step.commit, step.experiment, self._plan.onto, conflicts, self._advice(step)
        )

    def _commit(self, step: BranchStep, name: str, text: str) -> None:
        path = Path(self._git.run("rev-parse", "--show-toplevel")) / name
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        self._run("add", "--", f":/{name}")
        message = self._git.run("log", "-1", "--format=%B", step.commit)
        if self._how is How.PICK:
            message = f"{message.rstrip()}\n\n(cherry picked from commit {step.commit})"
        # The author and the date are those of the commit that is being picked.
        self._run("commit", "--quiet", "--no-verify", "--cleanup=verbatim", "-m", message)

    def _advice(self, step: BranchStep) -> str:
        left_out = [
            s.experiment
            for s in self._plan.keeps
            if s.experiment and s not in self.done and s.experiment < step.experiment
        ]
        if left_out:
            named = ", ".join(f"#{number}" for number in left_out)
            return f"It may stand on {named}, which you left out: take that too, or leave it out."
        if self._plan.moved != 0:
            return (
                f"{self._plan.onto} changed those lines since {self._plan.start[:7]}: take the "
                f"others with --only, or merge {self._plan.branch} yourself."
            )
        return f"Take the others with --only, or merge {self._plan.branch} yourself."

    def squash(self) -> str:
        """All that was taken as one commit; its hash."""
        tree = self._git.run("rev-parse", "HEAD^{tree}")
        title, body = squash_message(self._plan, self.done)
        onto = self._plan.onto_commit
        return self._run("commit-tree", tree, "-p", onto, "-m", title, "-m", body)

    def _run(self, *words: str) -> str:
        return self._git.run(*_QUIET, *words, env=self._who)
