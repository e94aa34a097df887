"""The user's settings of the screen, kept in `settings.toml`."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path

import msgspec
import platformdirs

from engine.store.durable import write_durably

_NAME = "autoresearch-tui"


class Notifications(StrEnum):
    """How a user who looks elsewhere is called."""

    AUTO = "auto"
    """Bell and title, and a notification where the terminal is known to show one."""
    ON = "on"
    """Bell and title, and a notification on any terminal."""
    OFF = "off"
    """No bell, title or notification."""


class Settings(msgspec.Struct, frozen=True):
    """The settings; unknown keys are kept, because a newer release may have written them."""

    theme: str | None = None
    notifications: Notifications = Notifications.AUTO


def settings_directory() -> Path:
    """Return the platform's directory for settings: `~/.config/autoresearch-tui` on Linux."""
    return platformdirs.user_config_path(_NAME)


def cache_directory() -> Path:
    """Return the platform's directory for files that may be deleted at any time."""
    return platformdirs.user_cache_path(_NAME)


def load_settings() -> tuple[Settings, str]:
    """Return the settings, and the error of the file ("" where there was none)."""
    path = settings_directory() / "settings.toml"
    try:
        text = path.read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), Settings), ""
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, ValueError) as error:  # ValueError: not TOML, not UTF-8, a wrong type
        return Settings(), f"{path} was not used: {error}"


def remember_theme(name: str) -> str:
    """Save the theme in the settings, and leave the rest of the file unchanged.

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
