"""Warnings about the workspace, shown before a session starts and recorded in it."""

from __future__ import annotations

from engine.core.config import ResearchConfig
from engine.core.enums import PROGRAM
from engine.setup.detect import DetectedSettings
from engine.store.results_tsv import is_ours
from engine.store.workspace import Workspace


def workspace_notes(
    workspace: Workspace, config: ResearchConfig, detected: DetectedSettings
) -> tuple[str, ...]:
    """Return what the user should know about how the workspace is used."""
    found = workspace.look()
    notes: list[str] = []
    dirty = [name for name in found.dirty if name != PROGRAM]
    if dirty:
        names = ", ".join(dirty[:3]) + (" …" if len(dirty) > 3 else "")
        notes.append(
            f"Uncommitted changes ({names}) are not part of the experiments: "
            f"they start from commit {found.head[:7]}."
        )
    if len(dirty) < len(found.dirty):
        notes.append(f"{PROGRAM} is followed with your uncommitted changes.")
    if found.detached:
        notes.append(f"HEAD is detached; the session starts from commit {found.head[:7]}.")
    if found.identity is None:
        notes.append("Git has no user.name and user.email, so commits are by autoresearch-tui.")
    if found.submodules:
        notes.append("Submodules are linked into the worktree as they are checked out now.")
    rows = results_name(workspace, config)
    if rows != config.results_file:
        notes.append(
            f"{config.results_file} is tracked by git or has another schema, so it is left alone; "
            f"rows go to {rows}."
        )
    log = workspace.path / "run.log"
    if log.exists() and not log.is_symlink():
        notes.append("Your run.log is left alone; the live log is under .autoresearch.")
    budget, detected_budget = config.budget_seconds, detected.budget_seconds
    if budget is not None and not detected.reads_budget and budget != detected_budget:
        own = f"; it has TIME_BUDGET = {detected_budget:g}" if detected_budget is not None else ""
        notes.append(
            "The script does not read AUTORESEARCH_TIME_BUDGET, so the budget of "
            f"{budget:g} s only sets the deadlines{own}."
        )
    return tuple(notes)


def results_name(workspace: Workspace, config: ResearchConfig) -> str:
    """Return the file to which rows are appended: the config's, or one of the session's own if that
    file is tracked by git or has another schema.
    """
    name = config.results_file
    if workspace.is_tracked(name) or not is_ours(workspace.path / name, config.metric):
        return f"results-{config.tag}.tsv"
    return name
