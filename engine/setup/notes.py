"""Warns about the workspace, such as uncommitted changes, before a session starts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePath

from engine.core.command_line import CommandLine
from engine.core.config import ResearchConfig
from engine.core.enums import PROGRAM
from engine.executors.environment import withheld_names
from engine.executors.run_command import run_command
from engine.setup.detect import DetectedSettings
from engine.setup.imported_files import local_modules
from engine.store.results_tsv import is_ours
from engine.store.workspace import Workspace

_SUBMITTERS = ("sbatch", "qsub", "bsub", "condor_submit")


def workspace_notes(
    workspace: Workspace, config: ResearchConfig, detected: DetectedSettings
) -> tuple[str, ...]:
    """Return sentences that tell the user how the session uses the workspace; may be empty.

    Args:
        workspace: The workspace in which the session will run.
        config: The research config of the session.
        detected: The settings detected from the workspace's files.
    """
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
    notes += _submodule_notes(workspace, found.submodules)
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
    notes += _command_notes(run_command(config.command), os.environ)
    return (*notes, *withheld_note(workspace.path, config))


def _command_notes(command: CommandLine, environ: Mapping[str, str]) -> list[str]:
    """Return sentences on the parts of the run command that are not plain words."""
    notes = []
    if command.shell_text:
        notes.append(f"A shell runs the command, because of `{command.shell_reason}` in it.")
    program = PurePath(command.argv[0]).name if command.argv else ""
    if program in _SUBMITTERS or (program in ("tmux", "screen") and "-d" in " ".join(command.argv)):
        notes.append(
            f"`{program}` ends before the training does, so that a run would have no result. Use a "
            "command that waits and prints, such as srun."
        )
    unset = [name for name in command.variables if name not in environ]
    if unset:
        notes.append(f"Not set here, so empty in the runs: {', '.join(f'${n}' for n in unset)}.")
    if command.outputs:
        names = ", ".join(command.outputs)
        notes.append(f"The output of a run goes to the run's own log instead of {names}.")
    if command.copied_outputs:
        names = ", ".join(command.copied_outputs)
        notes.append(f"What the command writes to {names} is copied to the run's log.")
    if command.ignored:
        words = " and ".join(f"`{word}`" for word in command.ignored)
        notes.append(f"{words} of the command: left out, as a run is watched until it ends.")
    return notes


def _submodule_notes(workspace: Workspace, submodules: tuple[str, ...]) -> list[str]:
    """Return sentences on how runs get the repository's submodules, and which are empty."""
    if not submodules:
        return []
    empty = [m for m in submodules if not next((workspace.top / m).glob("*"), None)]
    notes = ["Runs get the files of submodules as they are checked out now."]
    if empty:
        notes.append(
            f"Not checked out: {', '.join(empty[:5])}. If runs need it: "
            f"git submodule update --init {' '.join(empty[:5])}"
        )
    return notes


def withheld_note(workspace: Path, config: ResearchConfig) -> tuple[str, ...]:
    """Return a sentence on the variables that the script reads and a run does not get, if any."""
    texts = []
    for name in dict.fromkeys(m for file in config.files for m in local_modules(workspace, file)):
        with contextlib.suppress(OSError):
            texts.append((workspace / name).read_text("utf-8", "replace"))
    read = [
        name
        for name in withheld_names(os.environ, config.pass_env)
        if any(f'"{name}"' in text or f"'{name}'" in text for text in texts)
    ]
    if not read:
        return ()
    flags = " ".join(f"--pass-env {name}" for name in read)
    return (f"Not passed to the run, as it may be secret: {', '.join(read)}. To pass it: {flags}.",)


def results_name(workspace: Workspace, config: ResearchConfig) -> str:
    """Return the name of the results table to which the session's rows are appended.

    The config's, or `results-<tag>.tsv` where that file is tracked by git or has another schema.
    """
    name = config.results_file
    if workspace.is_tracked(name) or not is_ours(workspace.path / name, config.metric):
        return f"results-{config.tag}.tsv"
    return name
