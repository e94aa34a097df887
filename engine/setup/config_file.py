"""Reads and writes the confirmed research config, `.autoresearch/config.toml`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from engine.core.config import ResearchConfig
from engine.core.config_toml import parse_config, render_config
from engine.core.errors import ConfigError, WorkspaceError
from engine.core.layout import home_of
from engine.setup.setting_paths import with_relative_paths
from engine.store.durable import write_durably
from engine.untrusted_files import read_regular

CONFIG_NAME = "config.toml"
_MOST_BYTES = 2**20


def config_path(workspace: Path) -> Path:
    """Return the path of a workspace's `.autoresearch/config.toml`, whether it exists or not."""
    return home_of(workspace) / CONFIG_NAME


def load_config(workspace: Path) -> ResearchConfig:
    """Read the research config that the user confirmed in a workspace.

    Raises:
        ConfigError: The file is missing or invalid; the error names the line.
    """
    path = config_path(workspace)
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no research config in {workspace}.",
            "",
            "Run `autoresearch-tui` there once to see one and confirm it.",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read.", f"{error.strerror}.", "Correct or delete it."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 text.", f"{error}.", "Correct or delete it."
        ) from None
    return parse_config(text, str(path), partial(with_relative_paths, workspace=workspace))


def save_config(workspace: Path, config: ResearchConfig) -> None:
    """Write the research config that the user confirmed to the workspace's config.toml.

    Raises:
        WorkspaceError: The workspace cannot be written.
    """
    path = config_path(workspace)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_durably(path, render_config(config))
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written.",
            f"{error.strerror or error}.",
            "Make the workspace writable or free disk space, then start again.",
        ) from error
