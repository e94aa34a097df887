"""Reads and writes the user's settings of the screen, `settings.toml`: theme and notifications."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path

import msgspec
import platformdirs

from engine.store.durable import write_durably

_NAME = "autoresearch-tui"


class Notifications(StrEnum):
    """How a user who is looking elsewhere is alerted when something needs them."""

    AUTO = "auto"
    """Bell and window title, and a desktop notification if the terminal supports them."""
    ON = "on"
    """Bell and window title, and a desktop notification on any terminal."""
    OFF = "off"
    """No bell, window title or desktop notification."""


class Settings(msgspec.Struct, frozen=True):
    """The settings in the user's file; unknown keys are ignored, and kept on writing."""

    theme: str | None = None
    notifications: Notifications = Notifications.AUTO


def settings_directory() -> Path:
    """Return the directory of settings and own themes: `~/.config/autoresearch-tui` on Linux."""
    return platformdirs.user_config_path(_NAME)


def cache_directory() -> Path:
    """Return the directory of files that may be deleted: `~/.cache/autoresearch-tui` on Linux."""
    return platformdirs.user_cache_path(_NAME)


def load_settings() -> tuple[Settings, str]:
    """Read `settings.toml`.

    Returns:
        The settings and "". If the file is invalid, the defaults and the error in words; if it is
        missing, the defaults and "".
    """
    path = settings_directory() / "settings.toml"
    try:
        text = path.read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), Settings), ""
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, ValueError) as error:  # ValueError: not TOML, not UTF-8, a wrong type
        return Settings(), f"{path} was not used: {error}"


def remember_theme(name: str) -> str:
    """Save the name of a theme in `settings.toml`, and leave the rest of the file unchanged.

    Returns:
        The error in words, or "" where there was none.
    """
    import tomlkit  # imported here because reading does not need it
    import tomlkit.exceptions

    directory = settings_directory()
    path = directory / "settings.toml"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
        document["theme"] = name
        write_durably(path, tomlkit.dumps(document))
    except (OSError, ValueError, tomlkit.exceptions.TOMLKitError) as error:
        return f"The theme could not be saved: {error}"
    return ""
