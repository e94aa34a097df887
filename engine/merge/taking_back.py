"""What stands on a keep in the middle, before somebody takes it back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.core.enums import Verdict
from engine.core.errors import UsageError
from engine.core.patches.dependence import depends_on
from engine.core.session import Session
from engine.merge.line import BranchStep, changes_of, read_line
from engine.store.workspace import Workspace


class TakingBack(msgspec.Struct, frozen=True, kw_only=True):
    """What it would mean to take a keep back."""

    step: BranchStep
    later: tuple[BranchStep, ...]
    """The keeps after it, in order."""
    stand_on_it: tuple[int, ...]
    """Those of them whose edit does not fit without it."""
    covered_by: int
    """The keep that changed its lines again; 0: none did."""
    fits: bool
    """Whether its lines can be taken out of the best version exactly."""
    is_last: bool
    """Whether it is the incumbent: then the branch goes back, and nothing is run."""
    base: str
    """The commit before it: where another session could start."""


def look_at_keep(path: Path, session: Session, number: int) -> TakingBack:
    """Try, in memory, to take one keep back.

    Raises:
        UsageError: It is no keep on the branch.
        WorkspaceError: The session's commits are not here.
    """
    if not 1 <= number <= len(session.experiments):
        raise UsageError(
            f"There is no experiment {number}.", f"There are {len(session.experiments)}."
        )
    e = session.experiment(number)
    if e.is_baseline:
        raise UsageError("The baseline is what all is compared with; it cannot be taken back.")
    workspace = Workspace(path)
    steps = read_line(workspace, session).steps
    mine = [s for s in steps if s.experiment == number and s.choosable]
    if not mine or e.effective_verdict is not Verdict.KEEP:
        word = e.effective_verdict.value if e.effective_verdict is not None else "not finished"
        raise UsageError(
            f"Experiment {number} is no keep on {session.branch}.",
            f"It is a {word}." if e.effective_verdict is not None else "It has no verdict yet.",
            f"`autoresearch-tui revive {number}` tries its edit again."
            if e.effective_verdict in (Verdict.DISCARD, Verdict.CRASH)
            else "",
        )
    changes = changes_of(workspace, session, steps)
    if all(change.number != number for change in changes):
        raise UsageError(f"Experiment {number} changed nothing in {session.config.file}.")
    found = depends_on(changes, number)
    by_number = {step.experiment: step for step in steps if step.choosable}
    return TakingBack(
        step=mine[-1],
        later=tuple(by_number[n] for n in found.later if n in by_number),
        stand_on_it=found.stand_on_it,
        covered_by=found.covered_by,
        fits=found.without is not None,
        is_last=session.incumbent == number,
        base=workspace.git.run("rev-parse", f"{mine[-1].commit}^"),
    )
