"""Builds the environment of a training run, which holds no secrets of the engine's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from engine.core.config import ResearchConfig

BUDGET_VARIABLE = "AUTORESEARCH_TIME_BUDGET"

_SECRET = re.compile(
    r"API_?KEY|ACCESS_?KEY|SECRET|TOKEN$|_TOKEN_|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|PRIVATE_?KEY"
    r"|COOKIE|_AUTH$|_DSN$|^AWS_|_KEY$|^KEY$|_PAT$|_PWD$|^SSH_AUTH_SOCK$"
    r"|^AUTORESEARCH_NOTIFY$"
    r"|(?:DATABASE|REDIS|MONGO\w*|POSTGRES\w*)_UR[IL]$",
    re.I,
)
_SECRET_VALUE = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
"""Matches an address that contains a password, such as `https://user:password@host`."""


def run_environment(
    config: ResearchConfig, workspace: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment for a training process: no secrets, the budget, uv's settings.

    Args:
        config: The config; its `pass_env` names variables to pass although they look secret.
        workspace: The workspace, which may hold a `.venv` of uv.
        environ: The engine's environment.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name in config.pass_env
        or not (_SECRET.search(name) or _SECRET_VALUE.search(value) or name.startswith("GIT_"))
    }
    kept["PYTHONUNBUFFERED"] = "1"
    if config.budget_seconds is not None:
        kept[BUDGET_VARIABLE] = f"{config.budget_seconds:g}"
    if (workspace / ".venv").is_dir():
        # Otherwise `uv run` builds a new environment in each worktree.
        kept.setdefault("UV_PROJECT_ENVIRONMENT", str(workspace / ".venv"))
        kept.setdefault("UV_NO_SYNC", "1")
    return kept
