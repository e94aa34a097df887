"""Reads the commits on a session's git branch, oldest first, and the kind of each."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from engine.core.analysis.noise import Worth, noise_of, worth_of
from engine.core.enums import Origin, Verdict
from engine.core.errors import WorkspaceError
from engine.core.layout import RefNames
from engine.core.patches.dependence import Change
from engine.core.session import Session
from engine.store.workspace import Workspace

_FORMAT = "%x01%H%x02%P%x02%s"


class StepKind(StrEnum):
    """The kind of a commit on the session's branch."""

    KEEP = "keep"
    CHARTER = "program.md"
    REVERT = "taking back"
    """Reverts an earlier keep, as the user decided."""
    OTHER = "other"
    """A commit that the engine did not make, such as one by the user."""


class BranchStep(msgspec.Struct, frozen=True, kw_only=True):
    """One commit on the session's branch."""

    commit: str
    kind: StepKind
    subject: str
    experiment: int = 0
    """Number of the experiment that was kept or reverted; 0: none."""
    added: int = 0
    removed: int = 0
    files: tuple[str, ...] = ()
    """Changed files, relative to the top of the repository."""
    merges: bool = False
    """True if it is a merge commit, with several parents."""
    worth: Worth | None = None
    undone: bool = False
    """True if this commit and its revert cancel each other; set on both."""
    removed_by: int = 0
    """Number of the experiment that removed this change again by the user's decision; 0: none."""
    removes: int = 0
    """Number of the experiment whose change this commit removes; 0: none."""
    unwanted: bool = False
    """True if the user discarded the keep, but the branch still has its change."""

    @property
    def choosable(self) -> bool:
        """Return whether the commit can be selected for another branch."""
        return self.kind in (StepKind.KEEP, StepKind.OTHER) and not self.undone and not self.merges


class SessionBranch(msgspec.Struct, frozen=True, kw_only=True):
    """The commits of a session's branch from its base to its tip, as the session left it."""

    base: str
    tip: str
    steps: tuple[BranchStep, ...]
    notes: tuple[str, ...] = ()
    """Irregularities of the branch, as sentences for the user."""


def read_branch(workspace: Workspace, session: Session) -> SessionBranch:
    """Read the commits of a session from its base to its frontier. Nothing is written.

    Raises:
        WorkspaceError: The commits are not in this repository.
    """
    base, tip = session.base_commit, session.frontier
    git = workspace.git
    for commit in (base, tip):
        if not commit or git.try_run("cat-file", "-e", f"{commit}^{{commit}}") is None:
            raise _missing_error(workspace, session, f"Commit {commit[:7] or '?'}")
    # Read from the commits and not from `merge-base`, which a shallow clone answers wrongly.
    out = git.run(
        *("-c", "core.quotePath=false", "log", "--reverse", "--first-parent", "-m"),
        *("--no-renames", "--numstat", f"--format={_FORMAT}", f"{base}..{tip}"),
    )
    names = _names(workspace, session)
    steps = [_step(text, names, session) for text in out.split("\x01")[1:]]
    first = _parent(workspace, steps[0].commit) if steps else tip
    if first != base:
        raise _missing_error(workspace, session, f"The history between {base[:7]} and {tip[:7]}")
    return SessionBranch(
        base=base,
        tip=tip,
        steps=tuple(_with_worth(_mark_discarded(_mark_reverted(steps), session), session)),
        notes=_notes(workspace, session),
    )


def changes_of(
    workspace: Workspace, session: Session, steps: tuple[BranchStep, ...]
) -> list[Change]:
    """Return the editable files before and after each commit that changed one of them.

    Commits that were reverted, and their reverts, are left out.
    """
    files = session.config.files
    inside = {workspace.inside(file) for file in files}
    return [
        Change(
            number=step.experiment,
            before=workspace.read_files(f"{step.commit}^", files),
            after=workspace.read_files(step.commit, files),
        )
        for step in steps
        if not inside.isdisjoint(step.files)
        and not step.undone
        and step.kind is not StepKind.REVERT
    ]


def _parent(workspace: Workspace, commit: str) -> str | None:
    return workspace.git.try_run("rev-parse", "-q", "--verify", f"{commit}^")


def _missing_error(workspace: Workspace, session: Session, what: str) -> WorkspaceError:
    shallow = workspace.git.try_run("rev-parse", "--is-shallow-repository") == "true"
    return WorkspaceError(
        f"{what} of session {session.config.tag!r} is not in this repository.",
        "It is a shallow clone." if shallow else "The journal names it, but git does not have it.",
        "Run `git fetch --unshallow` there, or use the repository where the session ran."
        if shallow
        else f"Use the repository where the session ran ({session.workspace}), or fetch "
        f"{session.branch} from there.",
    )


def _names(workspace: Workspace, session: Session) -> dict[str, str]:
    """Return the last part of the session's git ref by commit: `7`, `kept-7`, `taken-back-7` …"""
    root = RefNames(session.config.tag).root
    out = workspace.git.run("for-each-ref", "--format=%(objectname) %(refname)", root)
    names = {}
    for line in out.splitlines():
        commit, ref = line.split(" ", 1)
        names[commit] = ref.removeprefix(root)
    for e in session.experiments:
        if e.commit and e.origin is not Origin.CONFIRM:
            names.setdefault(e.commit, str(e.number))
            if names[e.commit].isdigit():
                names[e.commit] = str(e.number)
    return names


def _step(text: str, names: dict[str, str], session: Session) -> BranchStep:
    head, _, rest = text.partition("\n")
    commit, parents, subject = head.split("\x02", 2)
    added = removed = 0
    files = []
    for line in rest.splitlines():
        if line.count("\t") >= 2:
            plus, minus, name = line.split("\t", 2)
            added += int(plus) if plus.isdigit() else 0
            removed += int(minus) if minus.isdigit() else 0
            files.append(name)
    kind, number = _kind(names.get(commit, ""))
    e = session.experiment(number) if 1 <= number <= len(session.experiments) else None
    removes = 0
    if kind is StepKind.KEEP and e is not None and e.origin is Origin.OVERRULE and e.of:
        removes = e.of if session.experiment(e.of).overruled is Verdict.DISCARD else 0
    return BranchStep(
        commit=commit,
        kind=kind if e is not None or kind is StepKind.CHARTER else StepKind.OTHER,
        subject=e.proposal.hypothesis if e is not None and kind is StepKind.KEEP else subject,
        experiment=number if e is not None else 0,
        added=added,
        removed=removed,
        files=tuple(files),
        merges=" " in parents,
        removes=removes,
    )


def _kind(name: str) -> tuple[StepKind, int]:
    if name.startswith("program-"):
        return StepKind.CHARTER, 0
    for lead, kind in (
        ("taken-back-", StepKind.REVERT),
        ("kept-", StepKind.KEEP),
        ("", StepKind.KEEP),
    ):
        if name.startswith(lead) and name.removeprefix(lead).isdigit():
            return kind, int(name.removeprefix(lead))
    return StepKind.OTHER, 0


def _mark_reverted(steps: list[BranchStep]) -> list[BranchStep]:
    """Return the commits with `undone` and `removed_by` set where the user reverted a keep."""
    result = list(steps)
    for index, step in enumerate(steps):
        if step.kind is StepKind.REVERT:
            result[index] = replace(step, undone=True)
            for earlier in reversed(range(index)):
                old = result[earlier]
                if (
                    old.kind is StepKind.KEEP
                    and old.experiment == step.experiment
                    and not old.undone
                ):
                    result[earlier] = replace(old, undone=True)
                    break
        if step.removes:
            for earlier in range(index):
                if result[earlier].experiment == step.removes:
                    result[earlier] = replace(result[earlier], removed_by=step.experiment)
    return result


def _mark_discarded(steps: list[BranchStep], session: Session) -> list[BranchStep]:
    """Return the commits with `unwanted` set for keeps that the user has discarded since."""
    return [
        replace(step, unwanted=True)
        if step.kind is StepKind.KEEP
        and not (step.undone or step.removed_by)
        and step.experiment
        and session.experiment(step.experiment).effective_verdict is Verdict.DISCARD
        else step
        for step in steps
    ]


def _with_worth(steps: list[BranchStep], session: Session) -> list[BranchStep]:
    noise, before, result = noise_of(session), 1, []
    for step in steps:
        if step.kind is StepKind.KEEP and not step.undone:
            worth = worth_of(session, step.experiment, before, noise)
            step, before = replace(step, worth=worth), step.experiment
        result.append(step)
    return result


def _notes(workspace: Workspace, session: Session) -> tuple[str, ...]:
    git, tip = workspace.git, session.frontier
    now = workspace.branch_commit(session.config.tag)
    if now is None:
        return (
            f"The branch {session.branch} was deleted; its commits are still in the repository.",
        )
    if now == tip:
        return ()
    if git.try_run("merge-base", "--is-ancestor", tip, now) is not None:
        count = git.run("rev-list", "--count", f"{tip}..{now}")
        return (
            f"{session.branch} has {count} more commit(s), not of the session; they are omitted.",
        )
    return (
        f"{session.branch} was moved or rebased: it is at {now[:7]}, the session left it at "
        f"{tip[:7]}. The commits shown are the session's.",
    )
