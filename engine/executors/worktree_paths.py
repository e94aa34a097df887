"""Translates paths into the user's checkout to the same paths in a run's worktree."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from engine.core.layout import HOME_NAME


class WorktreePaths:
    """Translates the paths that a command or a variable names, where the worktree has them too.

    Paths that only the checkout has, such as an environment or data, stay as they are.

    Args:
        checkout: The top of the repository in the user's checkout.
        worktree: The top of the run's worktree.
        environ: The engine's environment; its PWD may name the checkout through a link.
    """

    def __init__(self, checkout: Path, worktree: Path, environ: Mapping[str, str]) -> None:
        self.worktree = os.path.realpath(worktree)
        real = os.path.realpath(checkout)
        self.checkouts = tuple(
            dict.fromkeys(name for name in (_name_by(environ, real), str(checkout), real) if name)
        )
        """The names of the checkout's top, the most specific first."""
        tops = "|".join(re.escape(name) for name in self.checkouts)
        # Not within a longer path; up to what ends a path in a list or in a shell's command line.
        self._pattern = re.compile(
            rf"(?<![\w./-])(?:{tops})(?P<below>(?:/[^\s:;,\"'`()&|<>]*)?)(?![\w.-])"
        )

    def translate(self, text: str) -> str:
        """Return a text, such as a command line, with the paths in it translated."""
        return self._pattern.sub(self._translated, text)

    def translate_variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with the paths in the values of its variables translated."""
        return {name: self.translate(value) for name, value in environ.items()}

    def first_line(self, text: str) -> int:
        """Return the number of the first line with a path to be translated, from 1; 0: none has."""
        lines = text.split("\n")
        return next((n for n, line in enumerate(lines, 1) if self.translate(line) != line), 0)

    def _translated(self, match: re.Match[str]) -> str:
        below = match["below"]
        there = self.worktree + below
        parts = below.split("/")
        if HOME_NAME in parts or ".git" in parts or not os.path.exists(there):
            return match[0]
        real = os.path.realpath(there)
        inside = real == self.worktree or real.startswith(self.worktree + os.sep)
        return there if inside else match[0]  # linked data is the same in both places


def _name_by(environ: Mapping[str, str], checkout: str) -> str:
    """Return the name of the checkout's top that the shell used, if it did, and else ""."""
    path = environ.get("PWD", "")
    while path.startswith(os.sep) and path != os.sep:
        if os.path.realpath(path) == checkout:
            return path
        path = os.path.dirname(path)
    return ""
