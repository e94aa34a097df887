"""Puts the selected commits of a session on a new branch, in a separate git worktree.

The user's checkout, index and branches are not touched; nothing is forced or pushed. The branch is
created at the end in one step, or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from engine.core.errors import EngineBusyError, UsageError, WorkspaceError
from engine.core.layout import Layout
from engine.core.patches.refit import refit
from engine.git.commands import Git
from engine.merge.branch import BranchStep
from engine.merge.conflicts import ConflictError, read_conflicts
from engine.merge.message import squash_message
from engine.merge.plan import MergePlan
from engine.store.workspace import Workspace

_QUIET = (
    # Settings for the user's own commits: signing, editors, recorded conflict resolutions.
    *("-c", "commit.gpgsign=false", "-c", "core.editor=true", "-c", "rerere.enabled=false"),
    *("-c", "gc.auto=0", "-c", "merge.conflictStyle=diff3", "-c", "advice.detachedHead=false"),
)
_FALLBACK = {
    "GIT_AUTHOR_NAME": "autoresearch-tui",
    "GIT_AUTHOR_EMAIL": "autoresearch-tui@localhost",
    "GIT_COMMITTER_NAME": "autoresearch-tui",
    "GIT_COMMITTER_EMAIL": "autoresearch-tui@localhost",
}


class MergeMethod(StrEnum):
    """The way commits are put on the new branch."""

    SQUASH = "squash"
    """One new commit with the changes of all selected commits."""
    REBASE = "rebase"
    """One commit each on top of the base branch; the same commits if it did not move."""
    PICK = "pick"
    """One copy of each commit, whose message names the original."""


class MergedBranch(msgspec.Struct, frozen=True, kw_only=True):
    """The branch that a merge created, and which changes are on it."""

    branch: str
    commit: str
    onto: str
    onto_commit: str
    method: MergeMethod
    commits: int
    experiments: tuple[int, ...]
    """Numbers of the experiments whose change is on the new branch."""
    fitted: tuple[int, ...]
    """Numbers of the experiments that git rejected, but whose changed lines fitted exactly."""
    already_present: tuple[str, ...]
    """Subjects of the commits that were left out, because the base branch has their change."""


def make_branch(
    path: Path, plan: MergePlan, steps: tuple[BranchStep, ...], method: MergeMethod, branch: str
) -> MergedBranch:
    """Create a branch with the selected commits on top of the base branch.

    Args:
        path: The workspace where the session ran.
        plan: The plan, from `plan_merge`.
        steps: The commits, from `select_steps`.
        method: Squash, rebase or pick.
        branch: The name of the new branch, which must not exist.

    Raises:
        ConflictError: A commit conflicts; nothing was created.
        UsageError: The name is invalid or in use, or the base branch has all changes.
        WorkspaceError: Git or the disk reported an error.
    """
    workspace = Workspace(path)
    _check_name(workspace, branch)
    layout = Layout(workspace.path, plan.tag)
    with _worktree(workspace, layout, plan.onto_commit) as git:
        replay = _Replay(workspace, git, plan, method)
        for step in steps:
            replay.add(step)
        commit = git.run("rev-parse", "HEAD")
        if not replay.done:
            raise UsageError(
                f"{plan.onto} already has all of these changes.", "", "There is nothing to do."
            )
        if method is MergeMethod.SQUASH:
            commit = replay.squash()
        ref = f"refs/heads/{branch}"
        try:
            workspace.git.run(
                *("update-ref", "-m", f"autoresearch: {method.value} {plan.tag}"),
                *(ref, commit, "0" * len(commit)),
            )
        except WorkspaceError as error:
            raise WorkspaceError(
                f"The branch {branch} could not be created.", error.why, "Choose another with --as."
            ) from error
    return MergedBranch(
        branch=branch,
        commit=commit,
        onto=plan.onto,
        onto_commit=plan.onto_commit,
        method=method,
        commits=1 if method is MergeMethod.SQUASH else len(replay.done),
        experiments=tuple(step.experiment for step in replay.done if step.experiment),
        fitted=tuple(replay.fitted),
        already_present=tuple(replay.already_present),
    )


def _check_name(workspace: Workspace, branch: str) -> None:
    """Check that a branch of that name can be created.

    Raises:
        UsageError: The branch exists, or the name is invalid.
    """
    git = workspace.git
    if branch.startswith("-") or git.try_run("check-ref-format", f"refs/heads/{branch}") is None:
        raise UsageError(f"{branch!r} is not a valid branch name.", "", "Choose another with --as.")
    if git.try_run("rev-parse", "-q", "--verify", f"refs/heads/{branch}") is not None:
        raise UsageError(
            f"The branch {branch} exists already.",
            "It is not changed.",
            "Choose another with --as.",
        )


@contextlib.contextmanager
def _worktree(workspace: Workspace, layout: Layout, commit: str) -> Iterator[Git]:
    """Yield the git repository of a temporary worktree at a commit; it is removed afterwards.

    Raises:
        EngineBusyError: Another merge of the session is running.
    """
    path = layout.scratch("merge")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(layout.session / "merge.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineBusyError(
                f"Another merge of session {layout.tag!r} is running.",
                "",
                "Wait until it has ended.",
            ) from None
        _remove(workspace, path)  # left by a merge that was killed
        try:
            yield workspace.git.add_worktree(path, commit)
        finally:
            _remove(workspace, path)


def _remove(workspace: Workspace, path: Path) -> None:
    """Remove the temporary worktree from the disk, and git's record of it; ignore errors."""
    workspace.git.remove_worktree(path)
    shutil.rmtree(path, ignore_errors=True)


class _Replay:
    """Cherry-picks commits one after the other in the temporary worktree of a merge."""

    def __init__(
        self, workspace: Workspace, git: Git, plan: MergePlan, method: MergeMethod
    ) -> None:
        self._workspace = workspace
        self._git = git
        self._plan = plan
        self._method = method
        known = git.try_run("config", "user.name") and git.try_run("config", "user.email")
        self._identity = {} if known else _FALLBACK
        self.done: list[BranchStep] = []
        self.fitted: list[int] = []
        self.already_present: list[str] = []

    def add(self, step: BranchStep) -> None:
        """Cherry-pick one commit in the worktree, unless the base branch has its change.

        Raises:
            ConflictError: The commit conflicts.
        """
        options = {
            MergeMethod.PICK: ("-x",),
            MergeMethod.REBASE: ("--ff",),
            MergeMethod.SQUASH: (),
        }[self._method]
        try:
            self._run("cherry-pick", *options, step.commit)
        except WorkspaceError:
            # Without a pick in progress it is another error: a full disk, a damaged object.
            if self._git.try_run("rev-parse", "-q", "--verify", "CHERRY_PICK_HEAD") is None:
                raise
            unmerged = self._git.run("diff", "--name-only", "--diff-filter=U")
            changed = unmerged or self._git.run("diff", "--cached", "--name-only")
            if not changed or not self._fit(step):
                self._run("cherry-pick", "--skip")
                self.already_present.append(step.subject)
                return
        self.done.append(step)

    def _fit(self, step: BranchStep) -> bool:
        """Commit a change that git rejected, if only lines next to it differ.

        The place of the change in the file on the new branch must be certain.

        Returns:
            True if the change was applied; False if the file already has the lines it adds.

        Raises:
            ConflictError: The change does not fit, and the file does not have the lines it adds.
        """
        conflicts = read_conflicts(self._git)
        names = [conflict.file for conflict in conflicts]
        versions = [self._versions(step, name) for name in names if name in step.files]
        if names and len(versions) == len(names) and all(versions):
            found = [version for version in versions if version is not None]
            edited = [refit(before, after, now) for before, after, now in found]
            texts = {n: text for n, text in zip(names, edited, strict=True) if text is not None}
            changes = any(text != now for text, (_, _, now) in zip(edited, found, strict=True))
            if len(texts) == len(names) and changes:
                self._commit(step, texts)
                self.fitted.append(step.experiment)
                return True
            alone = len(step.files) == 1
            if alone and step.added and refit(found[0][1], found[0][0], found[0][2]) is not None:
                return False
        raise ConflictError(
            step.commit, step.experiment, self._plan.onto, conflicts, self._advice(step)
        )

    def _versions(self, step: BranchStep, name: str) -> tuple[str, str, str] | None:
        """Return a file before the commit, after it, and on the new branch; None without all."""
        texts = [
            raw.decode("utf-8", "surrogateescape")
            for commit in (f"{step.commit}^", step.commit, "HEAD")
            if (raw := self._git.blob(f"{commit}:{name}")) is not None
        ]
        return (texts[0], texts[1], texts[2]) if len(texts) == 3 else None

    def _commit(self, step: BranchStep, texts: Mapping[str, str]) -> None:
        top = Path(self._git.run("rev-parse", "--show-toplevel"))
        for name, text in texts.items():
            (top / name).write_bytes(text.encode("utf-8", "surrogateescape"))
            self._run("add", "--", f":/{name}")
        message = self._git.run("log", "-1", "--format=%B", step.commit)
        if self._method is MergeMethod.PICK:
            message = f"{message.rstrip()}\n\n(cherry picked from commit {step.commit})"
        # Author and date are those of the picked commit.
        self._run("commit", "--quiet", "--no-verify", "--cleanup=verbatim", "-m", message)

    def _advice(self, step: BranchStep) -> str:
        omitted = [
            s.experiment
            for s in self._plan.keeps
            if s.experiment and s not in self.done and s.experiment < step.experiment
        ]
        if omitted:
            named = ", ".join(f"#{number}" for number in omitted)
            return f"It may depend on {named}, which you omitted: select both or neither."
        if self._plan.moved != 0:
            return (
                f"{self._plan.onto} changed those lines since {self._plan.start[:7]}: select the "
                f"others with --only, or merge {self._plan.branch} yourself."
            )
        return f"Select the others with --only, or merge {self._plan.branch} yourself."

    def squash(self) -> str:
        """Create one commit with all changes on top of the base branch, and return its hash."""
        tree = self._git.run("rev-parse", "HEAD^{tree}")
        title, body = squash_message(self._plan, self.done)
        onto = self._plan.onto_commit
        return self._run("commit-tree", tree, "-p", onto, "-m", title, "-m", body)

    def _run(self, *arguments: str) -> str:
        return self._git.run(*_QUIET, *arguments, env=self._identity)
