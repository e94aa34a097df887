"""Detects settings of the research config (metric, command, budget) from a repository's files."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePath

from engine.core.enums import Direction
from engine.core.errors import UsageError, WorkspaceError
from engine.core.patches.language import Language, language_of
from engine.core.task_files import DEPENDENCIES
from engine.executors.environment import BUDGET_VARIABLE
from engine.setup.detect_command import find_command
from engine.setup.detect_direction import detect_direction
from engine.setup.detect_file import find_entry, find_file
from engine.setup.detect_metric import find_metric
from engine.setup.documented_command import DOCUMENTS, with_documented_command
from engine.setup.imported_files import local_modules, source_text
from engine.setup.pi_layout import SCRIPT as PI_SCRIPT
from engine.setup.pi_layout import find_pi_layout
from engine.setup.stated_files import stated_files
from engine.setup.task_files import find_task_files

_USUAL_LOCKED = ("prepare.py", "constants.py", "shards.py", "device.py")
_INTERPRETERS = {".sh": "bash", ".jl": "julia --project", ".r": "Rscript", ".lua": "lua"}
_BUDGET = re.compile(r"^TIME_BUDGET\s*(?::[^=]*)?=\s*(.+?)(?:\s*#.*)?$", re.M)


@dataclass(frozen=True, kw_only=True)
class DetectedSettings:
    """The settings that were detected from a repository's files, with the reason for each."""

    file: str
    more_files: tuple[str, ...] = ()
    locked: tuple[str, ...]
    command: str
    metric: str
    direction: Direction | None
    """Which way the metric improves; None where nothing tells."""
    budget_seconds: float | None
    """Seconds of training per run that the repository's files set; None where none was found."""
    reads_budget: bool
    """True where the repository's files read the budget from AUTORESEARCH_TIME_BUDGET."""
    why: dict[str, str] = field(default_factory=dict)
    """For each setting's name, a short text that tells where the detected value comes from."""

    def values(self) -> dict[str, object]:
        """Return the detected settings by their names in the research config.

        An unknown direction is left out.
        """
        names = ["file", "more_files", "locked", "command", "metric", "budget_seconds"]
        names += ["direction"] if self.direction is not None else []
        return {name: getattr(self, name) for name in names}


def detect_settings(
    workspace: Path,
    *,
    file: str | None = None,
    more_files: Sequence[str] = (),
    metric: str | None = None,
    command: str | None = None,
    top: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> DetectedSettings:
    """Detect the settings of a session from the workspace's files, except those that are given.

    Args:
        workspace: The directory with the file to be edited.
        file: The editable file's name; None: it is detected.
        more_files: The names of further editable files.
        metric: The metric's name; None: it is detected.
        command: The run command; None: it is detected.
        top: The top of the repository; None: the workspace.
        environ: Environment variables that may name an active Python environment; None: this
            process's.

    Raises:
        WorkspaceError: There is no file to edit.
        UsageError: The metric cannot be detected.
    """
    why: dict[str, str] = {}
    pi = find_pi_layout(workspace)
    if file is None and pi is not None and pi.files:
        file, *more_files = pi.files
        why["file"] = "the files in scope of autoresearch.md"
    stated = stated_files(workspace)
    if file is None and stated.editable:
        file, *more_files = stated.editable
        why["file"] = f"as {stated.source} says"
    elif file is None:
        file, why["file"] = find_file(workspace)
    name = file
    editable = (name, *more_files)
    for each in editable:
        if not (workspace / each).is_file():
            raise WorkspaceError(
                f"There is no {each} in {workspace}.",
                "An agent needs a file that it may edit.",
                "Name it with --file, or make a new workspace with `autoresearch-tui init DIR`.",
            )
    entry = find_entry(workspace, name, command)
    modules = [m for script in (*editable, entry) for m in local_modules(workspace, script)]
    usual = [n for n in _USUAL_LOCKED if (workspace / n).is_file()]
    own = pi.locked if pi is not None else stated.fixed
    candidates = dict.fromkeys([*modules, *usual, *own])
    read = tuple(n for n in candidates if n not in editable and n not in DEPENDENCIES)
    task_files = find_task_files(workspace)
    locked = tuple(n for n in dict.fromkeys((*candidates, *task_files)) if n not in editable)
    if task_files:
        first = "what it imports, and " if read else ""
        why["locked"] = f"{first}dependencies and tokenizer"
    if pi is not None:
        why["locked"] = "what measures the result, and what is imported"
    elif entry != name and locked:
        why["locked"] = f"{entry}, which reads it, and what that imports"
    texts = {m: source_text(workspace / m) for m in (*editable, *read)}
    if metric is None and pi is not None and pi.metric:
        metric, why["metric"] = pi.metric, "the primary metric of autoresearch"
    found_metric = metric
    if found_metric is None:
        found_metric, why["metric"] = find_metric(texts, _documents(workspace))
    direction, why["direction"] = detect_direction(workspace, found_metric)
    if direction is None and pi is not None and found_metric == pi.metric and pi.direction:
        direction, why["direction"] = pi.direction, "as autoresearch.jsonl says"
    budget, reads_budget = _find_budget(texts, why)
    if command is None and pi is not None:
        command, why["command"] = pi.command, f"there is an {PI_SCRIPT}"
    elif command is None:
        command, why["command"] = _find_command(
            workspace, top or workspace, name, entry, texts.get(entry, ""), environ or os.environ
        )
    return DetectedSettings(
        file=name,
        more_files=tuple(more_files),
        locked=locked,
        command=command,
        metric=found_metric,
        direction=direction,
        budget_seconds=budget,
        reads_budget=reads_budget,
        why=why,
    )


def _find_command(
    workspace: Path, top: Path, name: str, entry: str, source: str, environ: Mapping[str, str]
) -> tuple[str, str]:
    """Return the command that runs the editable file, and where it is from.

    Args:
        workspace: The directory with the files.
        top: The top of the repository.
        name: The editable file.
        entry: The script that a run starts, or the editable file where none was found.
        source: The text of the script.
        environ: Environment variables that may name an active Python environment.

    Raises:
        UsageError: No command is known for the file's language.
    """
    if language_of(entry) is Language.PYTHON:
        own = find_command(workspace, top, entry, source, environ)
        own = with_documented_command(workspace, entry, own)
    else:
        interpreter = _INTERPRETERS.get(PurePath(entry).suffix.lower(), "")
        own = f"{interpreter} {shlex.quote(entry)}".strip(), "by the name of the file"
    if name != entry or language_of(entry) is not Language.PYTHON:
        own = with_documented_command(workspace, name, own)
    if own[0] == shlex.quote(entry):
        raise UsageError(
            f"The command that runs {name} is not known.", "", "Name it with --command."
        )
    return own


def _documents(workspace: Path) -> dict[str, str]:
    """Return the texts that may say which metric counts, by their names: program.md first."""
    texts = {}
    for name in (*DOCUMENTS, "results.tsv"):
        with contextlib.suppress(WorkspaceError):
            texts[name] = source_text(workspace / name)
    return texts


def _find_budget(texts: Mapping[str, str], why: dict[str, str]) -> tuple[float | None, bool]:
    reads_budget = any(BUDGET_VARIABLE in text for text in texts.values())
    for name, text in texts.items():
        for match in _BUDGET.finditer(text):
            number = _number_in(match[1])
            if number is not None:
                why["budget_seconds"] = f"TIME_BUDGET in {name}"
                return number, reads_budget
    for name, text in texts.items():
        default = re.search(r"^DEFAULT_TIME_BUDGET\w*\s*(?::[^=]*)?=\s*([\d._]+)", text, re.M)
        if default is not None:
            why["budget_seconds"] = f"the default in {name}"
            return float(default[1].replace("_", "")), reads_budget
    return None, reads_budget


def _number_in(expression: str) -> float | None:
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    numbers = [
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, int | float)
    ]
    plain = isinstance(tree.body, ast.Constant)
    product = (
        isinstance(tree.body, ast.BinOp)
        and isinstance(tree.body.op, ast.Mult)
        and len(numbers) == 2
    )
    if plain and numbers:
        return float(numbers[0])
    return float(numbers[0] * numbers[1]) if product else None


def propose_tag(today: date, used: set[str]) -> str:
    """Return a tag made from the date, such as `nov21`, or `nov21-2` if that is in use."""
    stem = f"{today:%b}{today.day}".lower()
    tag, count = stem, 1
    while tag in used:
        count += 1
        tag = f"{stem}-{count}"
    return tag
