"""What the screen remembers of a person between two starts, in `settings.toml`."""

from __future__ import annotations

import os
import tomllib
from enum import StrEnum
from pathlib import Path

import msgspec

_NAME = "autoresearch-tui"


class Notifications(StrEnum):
    """How a person who looks elsewhere is called."""

    AUTO = "auto"
    """Bell and title; a notification where the terminal is known to show one."""
    ON = "on"
    """A notification over any terminal."""
    OFF = "off"
    """Neither bell nor title nor notification."""


class Settings(msgspec.Struct, frozen=True):
    """Unknown keys are left alone: a newer release may have written them."""

    theme: str | None = None
    notifications: Notifications = Notifications.AUTO


def settings_directory() -> Path:
    """`$XDG_CONFIG_HOME/autoresearch-tui`, by default under `~/.config`."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification says to ignore a relative path.
    root = Path(base) if base.startswith("/") else Path.home() / ".config"
    return root / _NAME


def load_settings() -> tuple[Settings, str]:
    """The settings, and what was wrong with the file ("" where nothing was)."""
    path = settings_directory() / "settings.toml"
    try:
        text = path.read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), Settings), ""
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, ValueError) as error:  # ValueError: not TOML, not UTF-8, a wrong type
        return Settings(), f"{path} was not used: {error}"


def remember_theme(name: str) -> str:
    """Write the theme into the settings, leaving the rest of the file as it is.

    Returns:
        What went wrong, or "".
    """
    import tomlkit  # only here, because reading needs no writer
    import tomlkit.exceptions

    directory = settings_directory()
    path = directory / "settings.toml"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
        document["theme"] = name
        fresh = path.with_suffix(".new")
        fresh.write_text(tomlkit.dumps(document), encoding="utf-8")
        fresh.replace(path)
    except (OSError, ValueError, tomlkit.exceptions.TOMLKitError) as error:
        return f"The theme could not be remembered: {error}"
    return ""
