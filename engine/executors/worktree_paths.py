"""Translates paths into the user's checkout to the same paths in a run's worktree."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from engine.core.layout import HOME_NAME

_ENDS = r"\s:;,\"'`()&|<>"
"""What ends a path in a list or in a shell's command line."""
_WORD = re.compile(rf"[^{_ENDS}]*")
_QUOTED = re.compile(r"[^\n:;\"'`]*")


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
        # Not within a longer path, and not the beginning of a longer name.
        self._pattern = re.compile(rf"(?<![\w./-])(?:{tops})(?=[/{_ENDS}]|$)")

    def translate(self, text: str) -> str:
        """Return a text, such as a command line, with the paths in it translated."""
        parts, end = [], 0
        for match in self._pattern.finditer(text):
            start, top = match.span()
            if start < end:
                continue
            parts.append(text[end:start])
            # A path with spaces is tried first: a whole argument, or what is quoted.
            for pattern in (_QUOTED, _WORD):
                end = pattern.match(text, top).end()  # type: ignore[union-attr]
                path = self._translated(text[top:end])
                if path or (text[top : top + 1] != "/" and os.path.exists(text[start:end])):
                    break
            parts.append(path or text[start:end])
        return "".join((*parts, text[end:]))

    def translate_variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with the paths in the values of its variables translated."""
        # HOME is where programs keep their caches and settings, also where it is a checkout.
        return {n: value if n == "HOME" else self.translate(value) for n, value in environ.items()}

    def first_line(self, text: str) -> int:
        """Return the number of the first line with a path to be translated, from 1; 0: none has."""
        lines = text.split("\n")
        return next((n for n, line in enumerate(lines, 1) if self.translate(line) != line), 0)

    def _translated(self, below: str) -> str:
        """Return the path in the worktree of a path below the top; "" where it has none."""
        there = self.worktree + below
        names = below.split("/")
        if names[0] or HOME_NAME in names or ".git" in names or not os.path.exists(there):
            return ""
        real = os.path.realpath(there)
        inside = real == self.worktree or real.startswith(self.worktree + os.sep)
        return there if inside else ""  # linked data is the same in both places


def _name_by(environ: Mapping[str, str], checkout: str) -> str:
    """Return the name of the checkout's top that the shell used, if it did, and else ""."""
    path = environ.get("PWD", "")
    while path.startswith(os.sep) and path != os.sep:
        if os.path.realpath(path) == checkout:
            return path
        path = os.path.dirname(path)
    return ""
