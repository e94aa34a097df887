"""Plans a merge: finds the base branch, and recommends which of a session's keeps to select."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

import msgspec

from engine.core.analysis.noise import noise_of
from engine.core.enums import Direction
from engine.core.errors import UsageError, WorkspaceError
from engine.core.layout import BRANCH_PREFIX
from engine.core.patches.dependence import apply_in_order
from engine.core.session import Session
from engine.core.spread import Spread
from engine.merge.branch import BranchStep, StepKind, changes_of, read_branch
from engine.store.workspace import Workspace


class KeepSelection(StrEnum):
    """Which keeps of a session to merge: all, those whose gain is trusted, or named ones."""

    ALL = "all"
    TRUSTED = "trusted"
    ONLY = "only"


class MergePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A session's kept commits, and the branch they can be put on."""

    tag: str
    branch: str
    metric: str
    direction: Direction
    start: str
    """Hash of the commit that the session started from."""
    tip: str
    onto: str
    """Name of the base branch, onto which the keeps are put, or a commit as the user named it."""
    onto_commit: str
    moved: int | None
    """Number of commits on the base branch since `start`; None if `start` is not on that branch."""
    moved_files: tuple[str, ...] = ()
    """Editable and locked files that differ between `start` and the base branch."""
    steps: tuple[BranchStep, ...] = ()
    noise: Spread | None = None
    baseline: float | None = None
    best: float | None = None
    recommended: KeepSelection = KeepSelection.ALL
    why: str = ""
    """Why `recommended` is recommended, as sentences for the user."""
    notes: tuple[str, ...] = ()

    @property
    def keeps(self) -> tuple[BranchStep, ...]:
        """Return the commits of the branch that the user may select."""
        return tuple(step for step in self.steps if step.choosable)


def plan_merge(path: Path, session: Session, onto: str | None) -> MergePlan:
    """Return the plan of merging a session's keeps. Nothing is written.

    Args:
        path: The workspace where the session ran.
        session: The session.
        onto: The base branch, or any commit, as the user names it; None: inferred.

    Raises:
        WorkspaceError: The session's commits are not in the repository.
        UsageError: There is no such branch, or it is ambiguous.
    """
    workspace = Workspace(path)
    branch = read_branch(workspace, session)
    name, commit = _base_branch(workspace, session, onto)
    moved, notes = _moved(workspace, branch.base, commit)
    noise = noise_of(session)
    baseline = session.baseline
    plan = MergePlan(
        tag=session.config.tag,
        branch=session.branch,
        metric=session.config.metric,
        direction=session.direction,
        start=branch.base,
        tip=branch.tip,
        onto=name,
        onto_commit=commit,
        moved=moved,
        moved_files=_moved_files(workspace, session, branch.base, commit),
        steps=branch.steps,
        noise=noise,
        baseline=baseline.measurement.metric if baseline and baseline.measurement else None,
        best=session.best_metric,
        notes=(*branch.notes, *notes),
    )
    return _recommend(workspace, session, plan)


def select_steps(
    plan: MergePlan,
    selection: KeepSelection,
    only: Collection[int] = (),
    *,
    with_program: bool = False,
) -> tuple[BranchStep, ...]:
    """Return the commits to put on the new branch, in order.

    Args:
        plan: The plan, from `plan_merge`.
        selection: Which keeps to select.
        only: Numbers of the experiments to select, for `KeepSelection.ONLY`.
        with_program: Whether to include the commits that changed program.md.

    Raises:
        UsageError: A number is not a keep, nothing is selected, or trust is unknown.
    """
    if selection is KeepSelection.ONLY:
        known = {step.experiment for step in plan.keeps if step.experiment}
        if unknown := sorted(set(only) - known):
            have = ", ".join(f"{n}" for n in sorted(known)) or "none"
            raise UsageError(
                f"{', '.join(f'#{n}' for n in unknown)} is not a keep on {plan.branch}.",
                f"Its keeps are: {have}.",
            )
    if selection is KeepSelection.TRUSTED and plan.noise is None:
        raise UsageError(
            "Trust in the keeps is unknown: σ is not known yet.",
            "",
            "Run some of them again with `autoresearch-tui confirm N`, or name them with --only.",
        )
    selected = [
        step
        for step in plan.steps
        if _is_selected(step, selection, only) or (with_program and step.kind is StepKind.CHARTER)
    ]
    if not any(step.choosable for step in selected):
        raise UsageError(
            f"Session {plan.tag!r} has no keep that can be merged."
            if not plan.keeps
            else "None of its keeps is selected.",
            "",
            "See them with `autoresearch-tui merge`.",
        )
    return tuple(selected)


def _is_selected(step: BranchStep, selection: KeepSelection, only: Collection[int]) -> bool:
    match selection:
        case KeepSelection.ALL:
            return step.choosable and not step.unwanted
        case KeepSelection.TRUSTED:
            return _is_trusted(step)
        case KeepSelection.ONLY:
            return step.choosable and step.experiment in only


def _is_trusted(step: BranchStep) -> bool:
    excluded = step.removed_by or step.removes or step.unwanted
    if not step.choosable or excluded or step.worth is None:
        return False
    return step.worth.trust.good


def _recommend(workspace: Workspace, session: Session, plan: MergePlan) -> MergePlan:
    """Return the plan with its recommendation: trusted keeps if those fit alone, else all."""
    replace = msgspec.structs.replace
    keeps = [step for step in plan.keeps if not (step.removed_by or step.removes or step.unwanted)]
    good = [step for step in keeps if _is_trusted(step)]
    doubtful = [step.experiment for step in keeps if step not in good]
    if plan.noise is None:
        why = (
            "The noise is unknown, so gains cannot be told from luck. `autoresearch-tui confirm N` "
            "runs a keep again."
        )
        return replace(plan, recommended=KeepSelection.ALL, why=why)
    if not doubtful:
        return replace(plan, recommended=KeepSelection.ALL, why="All gains exceed the noise.")
    named = ", ".join(f"#{number}" for number in doubtful)
    if not good:
        why = (
            f"No gain exceeds the noise; run {named} again with `autoresearch-tui confirm N` first."
        )
        return replace(plan, recommended=KeepSelection.ALL, why=why)
    changes = [
        change
        for change in changes_of(workspace, session, plan.steps)
        if any(step.experiment == change.number for step in good)
    ]
    try:
        start = workspace.read_files(plan.onto_commit, session.config.files)
    except WorkspaceError:  # the base branch has no such file
        missing: tuple[int, ...] = ()
    else:
        missing = apply_in_order(start, changes)[1]
    if missing:
        others = ", ".join(f"#{number}" for number in missing)
        why = f"{named} may be luck, but {others} depends on it."
        return replace(plan, recommended=KeepSelection.ALL, why=why)
    why = f"The gain of {named} may be luck; the others do not depend on it."
    return replace(plan, recommended=KeepSelection.TRUSTED, why=why)


# ---- the base branch


def _base_branch(workspace: Workspace, session: Session, onto: str | None) -> tuple[str, str]:
    git = workspace.git
    if onto is not None:
        commit = None
        if not onto.startswith("-"):
            commit = git.try_run(
                "rev-parse", "-q", "--verify", "--end-of-options", f"{onto}^{{commit}}"
            )
        if commit is None:
            raise UsageError(
                f"There is no branch or commit {onto!r} in {workspace.top}.",
                "",
                f"The branches are: {', '.join(_branches(workspace)[:8]) or 'none'}.",
            )
        return onto, commit
    here = git.try_run("symbolic-ref", "-q", "--short", "HEAD")
    containing = _branches(workspace, session.base_commit)
    if here in containing:
        return here, git.run("rev-parse", f"refs/heads/{here}")
    usual = [name for name in ("main", "master", "trunk", "develop") if name in containing]
    if usual or len(containing) == 1:
        name = (usual or containing)[0]
        return name, git.run("rev-parse", f"refs/heads/{name}")
    candidates = containing or _branches(workspace)
    if parent := _parent_session(workspace, session):
        raise UsageError(
            f"The session {session.config.tag!r} started from the keeps of session {parent!r}.",
            "So its keeps depend on those.",
            f"Merge that one first (`autoresearch-tui merge --tag {parent} --how …`), then this "
            "one onto the branch which that creates (`--onto BRANCH`).",
        )
    raise UsageError(
        f"The branch that session {session.config.tag!r} started from is unknown.",
        f"Several branches contain its first commit {session.base_commit[:7]}."
        if containing
        else f"No branch contains its first commit {session.base_commit[:7]}.",
        f"Name it with --onto: {', '.join(candidates[:8]) or 'a commit'}.",
    )


def _parent_session(workspace: Workspace, session: Session) -> str:
    """Return the tag of another session whose branch has this one's base; empty if none."""
    branches = workspace.git.run(
        *("for-each-ref", "--format=%(refname:lstrip=3)", f"--contains={session.base_commit}"),
        f"refs/heads/{BRANCH_PREFIX}/",
    )
    return next((tag for tag in branches.split() if tag != session.config.tag), "")


def _branches(workspace: Workspace, containing: str = "") -> list[str]:
    """Return the names of the local branches, without those of sessions.

    Args:
        workspace: The workspace.
        containing: A commit that the branches must contain; empty: any branch.
    """
    options = ["--contains", containing] if containing else []
    out = workspace.git.try_run(
        "for-each-ref", "--format=%(refname:lstrip=2)", *options, "refs/heads/"
    )
    return [name for name in (out or "").splitlines() if not name.startswith(f"{BRANCH_PREFIX}/")]


def _moved(workspace: Workspace, start: str, onto: str) -> tuple[int | None, tuple[str, ...]]:
    git = workspace.git
    if git.try_run("merge-base", "--is-ancestor", start, onto) is None:
        shallow = git.try_run("rev-parse", "--is-shallow-repository") == "true"
        why = (
            "in this shallow clone; how far it moved is unknown"
            if shallow
            else "; it was rebased since, or is unrelated"
        )
        return None, (f"It does not contain the session's first commit {start[:7]}{_joined(why)}.",)
    return int(git.run("rev-list", "--count", f"{start}..{onto}")), ()


def _joined(why: str) -> str:
    return why if why.startswith(";") else f" {why}"


def _moved_files(workspace: Workspace, session: Session, start: str, onto: str) -> tuple[str, ...]:
    try:
        out = workspace.git.run("diff", "--name-only", "--relative", "-z", start, onto)
    except WorkspaceError:
        return ()
    globs = (*session.config.files, *session.config.locked)
    names = [name for name in out.split("\0") if name]
    return tuple(n for n in names if any(fnmatch.fnmatchcase(n, g) for g in globs))
