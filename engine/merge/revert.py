"""Previews the revert of a keep: which later keeps depend on it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.core.enums import Verdict
from engine.core.errors import UsageError
from engine.core.patches.dependence import dependents_of
from engine.core.session import Session
from engine.merge.branch import BranchStep, changes_of, read_branch
from engine.store.workspace import Workspace


class RevertPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen if the user reverted a keep."""

    step: BranchStep
    later: tuple[BranchStep, ...]
    """The later keeps on the branch, in order."""
    dependents: tuple[int, ...]
    """Numbers of the later keeps whose edit does not fit without the reverted one."""
    changed_again_by: int
    """Number of the later keep that changed the same lines again; 0: none."""
    fits: bool
    """True if the keep's change can be removed exactly from the latest version of the file."""
    is_last: bool
    """True if the keep is the incumbent: a revert then moves the branch back, without a run."""
    base: str
    """Hash of the commit before the keep, from which another session could start."""


def preview_revert(path: Path, session: Session, number: int) -> RevertPreview:
    """Revert one keep in memory and return the consequences. Nothing is written.

    Args:
        path: The workspace where the session ran.
        session: The session.
        number: Number of the experiment that was kept.

    Raises:
        UsageError: The experiment is not a keep on the branch.
        WorkspaceError: The session's commits are not in the repository.
    """
    if not 1 <= number <= len(session.experiments):
        raise UsageError(
            f"There is no experiment {number}.", f"There are {len(session.experiments)}."
        )
    e = session.experiment(number)
    if e.is_baseline:
        raise UsageError("The baseline cannot be reverted: everything is compared with it.")
    workspace = Workspace(path)
    steps = read_branch(workspace, session).steps
    keeps = [s for s in steps if s.experiment == number and s.choosable]
    if not keeps or e.effective_verdict is not Verdict.KEEP:
        raise UsageError(
            f"Experiment {number} is not a keep on {session.branch}.",
            f"It is a {e.effective_verdict.value}."
            if e.effective_verdict is not None
            else "It has no verdict yet.",
            f"`autoresearch-tui revive {number}` tries its edit again."
            if e.effective_verdict in (Verdict.DISCARD, Verdict.CRASH)
            else "",
        )
    changes = changes_of(workspace, session, steps)
    if all(change.number != number for change in changes):
        raise UsageError(f"Experiment {number} changed nothing in {session.config.file_names}.")
    found = dependents_of(changes, number)
    by_number = {step.experiment: step for step in steps if step.choosable}
    return RevertPreview(
        step=keeps[-1],
        later=tuple(by_number[n] for n in found.later if n in by_number),
        dependents=found.dependents,
        changed_again_by=found.changed_again_by,
        fits=found.without is not None,
        is_last=session.incumbent == number,
        base=workspace.git.run("rev-parse", f"{keeps[-1].commit}^"),
    )
