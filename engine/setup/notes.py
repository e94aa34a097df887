"""What a person should know about how their workspace is taken, before and after they confirm."""

from __future__ import annotations

from engine.core.config import ResearchConfig
from engine.core.enums import PROGRAM
from engine.store.results_tsv import is_ours
from engine.store.workspace import Workspace


def notes_of(
    workspace: Workspace, config: ResearchConfig, budget_is_ours: bool, budget: float | None
) -> tuple[str, ...]:
    """What the person should know about how their workspace is taken."""
    found = workspace.look()
    notes: list[str] = []
    dirty = [name for name in found.dirty if name != PROGRAM]
    if dirty:
        some = ", ".join(dirty[:3]) + (" …" if len(dirty) > 3 else "")
        notes.append(
            f"Uncommitted changes ({some}) are not part of the experiments: "
            f"they start from commit {found.head[:7]}."
        )
    if len(dirty) < len(found.dirty):
        notes.append(f"{PROGRAM} is followed as it stands, your uncommitted changes in it too.")
    if found.detached:
        notes.append(f"HEAD is detached; the session starts from commit {found.head[:7]}.")
    if found.identity is None:
        notes.append(
            "Git knows no name and e-mail of yours, so commits are made as autoresearch-tui."
        )
    if found.submodules:
        notes.append("Submodules are linked into the worktree as they are checked out now.")
    if results_name(workspace, config) != config.results_file:
        notes.append(
            f"{config.results_file} is tracked by git or has another schema, so it is left alone; "
            f"rows go to {results_name(workspace, config)}."
        )
    log = workspace.path / "run.log"
    if log.exists() and not log.is_symlink():
        notes.append("Your run.log is left alone; the live log lies under .autoresearch.")
    if config.budget_seconds is not None and not budget_is_ours and config.budget_seconds != budget:
        was = f"; it has TIME_BUDGET = {budget:g}" if budget is not None else ""
        notes.append(
            "The script does not read AUTORESEARCH_TIME_BUDGET, so the budget of "
            f"{config.budget_seconds:g} s only sets the deadlines{was}."
        )
    return tuple(notes)


def results_name(workspace: Workspace, config: ResearchConfig) -> str:
    """Where rows go: the config's file, or one of the session's own where that is not ours to
    write.
    """
    name = config.results_file
    if workspace.is_tracked(name) or not is_ours(workspace.path / name, config.metric):
        return f"results-{config.tag}.tsv"
    return name
