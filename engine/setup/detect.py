"""Detects settings of the research config (metric, command, budget) from a repository's files."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from engine.core.enums import Direction
from engine.core.errors import WorkspaceError
from engine.setup.detect_command import find_command
from engine.setup.detect_direction import detect_direction
from engine.setup.detect_metric import find_metric
from engine.untrusted_files import read_regular

_MOST_BYTES = 4 * 2**20
_USUAL_LOCKED = ("prepare.py", "constants.py", "shards.py", "device.py")
_BUDGET = re.compile(r"^TIME_BUDGET\s*(?::[^=]*)?=\s*(.+?)(?:\s*#.*)?$", re.M)
_BUDGET_VARIABLE = "AUTORESEARCH_TIME_BUDGET"


@dataclass(frozen=True, kw_only=True)
class DetectedSettings:
    """The settings that were detected from a repository's files, with the reason for each."""

    file: str
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
        names = ["file", "locked", "command", "metric", "budget_seconds"]
        names += ["direction"] if self.direction is not None else []
        return {name: getattr(self, name) for name in names}


def detect_settings(
    workspace: Path,
    *,
    file: str | None = None,
    metric: str | None = None,
    command: str | None = None,
    top: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> DetectedSettings:
    """Detect the settings of a session from the workspace's files, except those that are given.

    Args:
        workspace: The directory with the file to be edited.
        file: The editable file's name; None: it is detected.
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
    name = file or _find_file(workspace, why)
    path = workspace / name
    if not path.is_file():
        raise WorkspaceError(
            f"There is no {name} in {workspace}.",
            "An agent needs one file that it may edit.",
            "Name it with --file, or make a new workspace with `autoresearch-tui init DIR`.",
        )
    source = _source(path)
    modules = local_modules(workspace, name)
    locked = tuple(
        dict.fromkeys(
            [m for m in modules if m != name]
            + [n for n in _USUAL_LOCKED if (workspace / n).is_file() and n != name]
        )
    )
    texts = {m: _source(workspace / m) for m in (name, *locked)}
    found_metric = metric
    if found_metric is None:
        found_metric, why["metric"] = find_metric(texts)
    direction, why["direction"] = detect_direction(workspace, found_metric)
    budget, reads_budget = _find_budget(texts, why)
    if command is None:
        found = find_command(workspace, top or workspace, name, source, environ or os.environ)
        command, why["command"] = found
    return DetectedSettings(
        file=name,
        locked=locked,
        command=command,
        metric=found_metric,
        direction=direction,
        budget_seconds=budget,
        reads_budget=reads_budget,
        why=why,
    )


def _source(path: Path) -> str:
    """Return the text of a script.

    Raises:
        WorkspaceError: It cannot be read, or is larger than any script.
    """
    try:
        return read_regular(path, _MOST_BYTES, follow=True).decode("utf-8", "replace")
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read.", f"{error.strerror}.") from None


def local_modules(workspace: Path, name: str) -> list[str]:
    """Return the names of a script and of the workspace's files it imports, directly or not.

    Modules are looked for in the workspace, in its `src`, and in the directory of the script.
    """
    found, roots = [name], dict.fromkeys(("", "src", os.path.dirname(name)))
    for current in found:
        try:
            tree = ast.parse(_source(workspace / current))
        except (SyntaxError, ValueError, RecursionError, MemoryError, WorkspaceError):
            continue
        for node in ast.walk(tree):
            for stem in _imported(node, current):
                places = [os.path.join(root, stem[1]) for root in roots] if stem[0] else [stem[1]]
                for place in places:
                    for candidate in (f"{place}.py", f"{place}/__init__.py"):
                        if (workspace / candidate).is_file() and candidate not in found:
                            found.append(candidate)
    return found


def _imported(node: ast.AST, importer: str) -> Iterator[tuple[bool, str]]:
    """Yield the modules that a statement imports: whether the name is absolute, and its path."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield True, alias.name.replace(".", "/")
    elif isinstance(node, ast.ImportFrom):
        stem = (node.module or "").replace(".", "/")
        base = importer
        for _ in range(node.level):
            base = os.path.dirname(base)
        for alias in node.names:
            yield not node.level, os.path.join("" if not node.level else base, stem, alias.name)
        if stem:
            yield not node.level, os.path.join("" if not node.level else base, stem)


def _find_file(workspace: Path, why: dict[str, str]) -> str:
    if (workspace / "train.py").is_file():
        why["file"] = "the usual name"
        return "train.py"
    scripts = sorted(
        p.name for p in workspace.glob("*.py") if p.name not in ("setup.py", "conftest.py")
    )
    if len(scripts) == 1:
        why["file"] = "the only script here"
        return scripts[0]
    listed = (
        f"There are {len(scripts)} scripts: {', '.join(scripts[:8])}."
        if scripts
        else "There is no script at all."
    )
    raise WorkspaceError(
        f"There is no train.py in {workspace}.",
        listed,
        "Name the file an agent may edit with --file, or make a new workspace with "
        "`autoresearch-tui init DIR`.",
    )


def _find_budget(texts: Mapping[str, str], why: dict[str, str]) -> tuple[float | None, bool]:
    reads_budget = any(_BUDGET_VARIABLE in text for text in texts.values())
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
