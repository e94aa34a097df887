"""Decides which untracked files of a repository belong to its data, and why others do not."""

from __future__ import annotations

import fnmatch
import re
from enum import StrEnum
from functools import lru_cache


class LeftOut(StrEnum):
    """Why an untracked path is not brought to runs."""

    SECRET = "secrets"
    CACHE = "caches and environments"
    OUTPUT = "outputs of runs"


_ANYWHERE = {
    LeftOut.SECRET: (
        *(".env", ".env.*", ".netrc", ".pypirc", "id_rsa*", "id_ed25519*"),
        *("*.pem", "*.key", "*secret*", "*credential*"),
    ),
    LeftOut.CACHE: (
        *(".*", "__pycache__", "*.pyc", "*.egg-info", "*.egg", "venv", "env", "node_modules"),
        *("build", "dist"),
    ),
    LeftOut.OUTPUT: (
        *("worktrees", "wandb", "lightning_logs", "mlruns", "checkpoint*", "ckpt*"),
        *("out", "output", "outputs", "runs", "logs"),
    ),
}
"""Patterns of names, matched against each part of a path."""

_BESIDE_THE_CODE = (
    *("results.tsv", "results-*.tsv", "run.log", "*.log", "nohup.out", "*.tmp"),
    *("*.pt", "*.pth", "*.ckpt", "*.safetensors", "*.png", "*.svg", "*.ipynb"),
)
"""Patterns of outputs directly in the workspace or at the top; in a directory, they are data.

A run that found the checkpoint of another would continue with it.
"""


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))


_MATCHERS = [(why, _compiled(patterns)) for why, patterns in _ANYWHERE.items()]
_OUTPUT_FILE = _compiled(_BESIDE_THE_CODE)


def why_left_out(path: str) -> LeftOut | None:
    """Return why an untracked path is not brought to runs by default; None where it is.

    Args:
        path: The path relative to the workspace; it may begin with `../`.
    """
    directory, _, name = path.rstrip("/").rpartition("/")
    above = _of_directory(directory)
    if above is not None:
        return above
    if directory.replace("../", "").strip("./") == "" and _OUTPUT_FILE.match(name):
        return LeftOut.OUTPUT
    return _of_name(name)


@lru_cache(maxsize=4096)
def _of_directory(directory: str) -> LeftOut | None:
    parts = [part for part in directory.split("/") if part not in ("", "..")]
    return next(filter(None, map(_of_name, parts)), None)


def _of_name(name: str) -> LeftOut | None:
    return next((why for why, matcher in _MATCHERS if matcher.match(name)), None)
