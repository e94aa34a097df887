"""Turns absolute paths in settings, also those with `~` or `$HOME`, into paths in the workspace."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.core.config import settings
from engine.core.home_path import expand_home


def with_relative_paths(values: Mapping[str, Any], workspace: Path) -> dict[str, Any]:
    """Return values of settings with every path into the workspace relative to it.

    Other absolute paths are expanded only; the check of the setting rejects them.

    Args:
        values: The values by setting name, not checked yet; unknown names are left as they are.
        workspace: The researcher's git repository.
    """
    return {
        name: _relative(value, workspace)
        if name in settings() and settings()[name].holds_paths
        else value
        for name, value in values.items()
    }


def _relative(value: Any, workspace: Path) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_relative(item, workspace) for item in value)
    if not isinstance(value, str):
        return value
    path = expand_home(value, os.path.expanduser("~"))
    if not path.startswith("/"):
        return value
    top = str(workspace)
    for name, directory in ((path, top), (os.path.realpath(path), os.path.realpath(top))):
        if name.startswith(f"{directory}/"):
            return name[len(directory) + 1 :]
    return path
