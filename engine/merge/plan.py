"""What could be taken from a session, where to, and what is recommended. Nothing is written."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

import msgspec

from engine.core.analysis.noise import Noise, noise_of
from engine.core.enums import Direction
from engine.core.errors import UsageError, WorkspaceError
from engine.core.layout import BRANCH_PREFIX
from engine.core.patches.dependence import fit_in_order
from engine.core.session import Session
from engine.merge.line import BranchStep, StepKind, changes_of, read_line
from engine.store.workspace import Workspace


class KeepSelection(StrEnum):
    """Which keeps are taken."""

    ALL = "all"
    TRUSTED = "trusted"
    ONLY = "only"


class MergePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A session's kept commits beside the branch they may go to."""

    tag: str
    branch: str
    metric: str
    direction: Direction
    start: str
    """The commit the session started from."""
    tip: str
    onto: str
    """The name of the base branch, as the person or the repository says it."""
    onto_commit: str
    moved: int | None
    """Commits on the base branch since the session started; None: it does not hold that commit."""
    moved_files: tuple[str, ...] = ()
    """The editable and the locked files that differ there."""
    steps: tuple[BranchStep, ...] = ()
    noise: Noise | None = None
    baseline: float | None = None
    best: float | None = None
    recommended: KeepSelection = KeepSelection.ALL
    why: str = ""
    """Why that is recommended."""
    notes: tuple[str, ...] = ()

    @property
    def keeps(self) -> tuple[BranchStep, ...]:
        """What can be taken."""
        return tuple(step for step in self.steps if step.choosable)

    @property
    def charters(self) -> tuple[BranchStep, ...]:
        """The versions of program.md on the branch."""
        return tuple(step for step in self.steps if step.kind is StepKind.CHARTER)


def plan_merge(path: Path, session: Session, onto: str | None) -> MergePlan:
    """Look at what a session kept and at the branch it would go to.

    Args:
        path: The workspace where the session ran.
        session: As it stands.
        onto: The base branch, or any commit, as the person names it; None: found out.

    Raises:
        WorkspaceError: The session's commits are not here.
        UsageError: There is no such branch, or several could be meant.
    """
    workspace = Workspace(path)
    line = read_line(workspace, session)
    name, commit = _base_branch(workspace, session, onto)
    moved, notes = _moved(workspace, line.base, commit)
    noise = noise_of(session)
    baseline = session.baseline
    plan = MergePlan(
        tag=session.config.tag,
        branch=session.branch,
        metric=session.config.metric,
        direction=session.direction,
        start=line.base,
        tip=line.tip,
        onto=name,
        onto_commit=commit,
        moved=moved,
        moved_files=_moved_files(workspace, session, line.base, commit),
        steps=line.steps,
        noise=noise,
        baseline=baseline.measurement.metric if baseline and baseline.measurement else None,
        best=session.best_metric,
        notes=(*line.notes, *notes),
    )
    return _recommend(workspace, session, plan)


def choose(
    plan: MergePlan,
    choice: KeepSelection,
    only: Collection[int] = (),
    *,
    with_program: bool = False,
) -> tuple[BranchStep, ...]:
    """The steps to replay, in order.

    Args:
        plan: Of `plan_merge`.
        choice: Which keeps.
        only: Their numbers, where they are chosen one by one.
        with_program: Whether the versions of program.md come along.

    Raises:
        UsageError: A number is no keep, or nothing is left to take.
    """
    if choice is KeepSelection.ONLY:
        known = {step.experiment for step in plan.keeps if step.experiment}
        if wrong := sorted(set(only) - known):
            have = ", ".join(f"{n}" for n in sorted(known)) or "none"
            raise UsageError(
                f"{', '.join(f'#{n}' for n in wrong)} is no keep on {plan.branch}.",
                f"There are: {have}.",
            )
    if choice is KeepSelection.TRUSTED and plan.noise is None:
        raise UsageError(
            "Which keeps to trust is not known: no commit of this session was run twice.",
            "",
            "Run some of them again with `autoresearch-tui confirm N`, or name them with --only.",
        )
    taken = [
        step
        for step in plan.steps
        if _is_chosen(step, choice, only) or (with_program and step.kind is StepKind.CHARTER)
    ]
    if not any(step.choosable for step in taken):
        raise UsageError(
            f"Session {plan.tag!r} has kept nothing that could be taken."
            if not plan.keeps
            else "None of its keeps is chosen.",
            "",
            "See them with `autoresearch-tui merge`.",
        )
    return tuple(taken)


def _is_chosen(step: BranchStep, choice: KeepSelection, only: Collection[int]) -> bool:
    match choice:
        case KeepSelection.ALL:
            return step.choosable and not step.unwanted
        case KeepSelection.TRUSTED:
            return _is_trusted(step)
        case KeepSelection.ONLY:
            return step.choosable and step.experiment in only


def _is_trusted(step: BranchStep) -> bool:
    aside = step.removed_by or step.removes or step.unwanted
    if not step.choosable or aside or step.worth is None:
        return False
    return step.worth.trust.good


def _recommend(workspace: Workspace, session: Session, plan: MergePlan) -> MergePlan:
    """Name the choice that keeps what is good and still fits together."""
    replaced = msgspec.structs.replace
    keeps = [step for step in plan.keeps if not (step.removed_by or step.removes or step.unwanted)]
    good = [step for step in keeps if _is_trusted(step)]
    doubtful = [step.experiment for step in keeps if step not in good]
    if plan.noise is None:
        why = (
            "How much a run differs from the next is not known, so they cannot be told apart. "
            "`autoresearch-tui confirm N` runs one again."
        )
        return replaced(plan, recommended=KeepSelection.ALL, why=why)
    if not doubtful:
        return replaced(plan, recommended=KeepSelection.ALL, why="Each of them is above the noise.")
    named = ", ".join(f"#{number}" for number in doubtful)
    if not good:
        why = f"None is above the noise; run {named} again with `autoresearch-tui confirm N` first."
        return replaced(plan, recommended=KeepSelection.ALL, why=why)
    changes = [
        change
        for change in changes_of(workspace, session, plan.steps)
        if any(step.experiment == change.number for step in good)
    ]
    start = workspace.try_read(plan.onto_commit, session.config.file)
    missing = fit_in_order(start, changes)[1] if start is not None else ()
    if missing:
        also = ", ".join(f"#{number}" for number in missing)
        why = f"{named} may be luck, but {also} does not fit without."
        return replaced(plan, recommended=KeepSelection.ALL, why=why)
    why = f"The gain of {named} may be luck; the others do not need them."
    return replaced(plan, recommended=KeepSelection.TRUSTED, why=why)


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
                f"There are: {', '.join(_branches(workspace)[:8]) or 'none'}.",
            )
        return onto, commit
    here = git.try_run("symbolic-ref", "-q", "--short", "HEAD")
    holders = _branches(workspace, session.base_commit)
    if here in holders:
        return here, git.run("rev-parse", f"refs/heads/{here}")
    usual = [name for name in ("main", "master", "trunk", "develop") if name in holders]
    if usual or len(holders) == 1:
        name = (usual or holders)[0]
        return name, git.run("rev-parse", f"refs/heads/{name}")
    if parent := _parent_session(workspace, session):
        raise UsageError(
            f"The session {session.config.tag!r} began with what session {parent!r} had kept.",
            "So its keeps stand on those.",
            f"Merge that one first (`autoresearch-tui merge --tag {parent} --how …`), then this "
            "one onto the branch that made (`--onto BRANCH`).",
        )
    raise UsageError(
        f"Which branch the session {session.config.tag!r} started from cannot be told.",
        f"Several hold its first commit {session.base_commit[:7]}."
        if holders
        else f"None holds its first commit {session.base_commit[:7]}.",
        f"Name it with --onto: {', '.join((holders or _branches(workspace))[:8]) or 'a commit'}.",
    )


def _parent_session(workspace: Workspace, session: Session) -> str:
    """The tag of another session on whose branch this one began; empty: none."""
    held = workspace.git.run(
        *("for-each-ref", "--format=%(refname:lstrip=3)", f"--contains={session.base_commit}"),
        f"refs/heads/{BRANCH_PREFIX}/",
    )
    return next((tag for tag in held.split() if tag != session.config.tag), "")


def _branches(workspace: Workspace, holding: str = "") -> list[str]:
    """The person's branches; those of sessions left out."""
    words = ["--contains", holding] if holding else []
    out = workspace.git.try_run(
        "for-each-ref", "--format=%(refname:lstrip=2)", *words, "refs/heads/"
    )
    return [name for name in (out or "").splitlines() if not name.startswith(f"{BRANCH_PREFIX}/")]


def _moved(workspace: Workspace, start: str, onto: str) -> tuple[int | None, tuple[str, ...]]:
    git = workspace.git
    if git.try_run("merge-base", "--is-ancestor", start, onto) is None:
        shallow = git.try_run("rev-parse", "--is-shallow-repository") == "true"
        why = (
            "in this shallow clone; how far it moved cannot be told"
            if shallow
            else "; it was rebased since, or is another line of work"
        )
        return None, (f"It does not hold the session's first commit {start[:7]}{_glue(why)}.",)
    return int(git.run("rev-list", "--count", f"{start}..{onto}")), ()


def _glue(why: str) -> str:
    return why if why.startswith(";") else f" {why}"


def _moved_files(workspace: Workspace, session: Session, start: str, onto: str) -> tuple[str, ...]:
    try:
        out = workspace.git.run("diff", "--name-only", "--relative", "-z", start, onto)
    except WorkspaceError:
        return ()
    globs = (session.config.file, *session.config.locked)
    names = [name for name in out.split("\0") if name]
    return tuple(n for n in names if any(fnmatch.fnmatchcase(n, g) for g in globs))
