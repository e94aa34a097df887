"""Reads colour themes from TOML files, and converts them to Textual's.

A theme comes from the package `themes`, from `~/.config/autoresearch-tui/themes/*.toml`, or from
another package that names a package of TOML files in the entry-point group
`autoresearch_tui.themes`. A user's theme replaces a bundled one of the same name.
"""

from __future__ import annotations

import importlib.resources
import tomllib
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import Theme

from engine.core.errors import ConfigError
from tui.settings import settings_directory

DEFAULT = "dark"
BUNDLED = ("dark", "light", "colour-blind", "sixteen", "no-colour")
"""Names of the themes that this project ships, in the order in which the chooser shows them."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]


class Colours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The colours of a theme, each as a hex code or a name that Textual knows.

    `success` marks kept experiments, `error` crashed ones, `warning` what waits for the user.
    """

    primary: str
    secondary: str
    accent: str
    success: str
    warning: str
    error: str
    foreground: str
    background: str
    surface: str
    panel: str
    boost: str | None = None


class ThemeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One theme, with the keys of its TOML file."""

    name: Name
    title: str
    dark: bool
    ansi: bool = False
    """True if the colours are the terminal's own sixteen."""
    monochrome: bool = False
    """True if no colour is painted, including the colours in a run's log."""
    colours: Colours
    variables: dict[str, str] = {}


def parse_theme(text: str, where: str) -> ThemeFile:
    """Parse a theme's TOML, and check each of its colours.

    Args:
        text: The theme in TOML.
        where: The name of the file, for error messages.

    Raises:
        ConfigError: The TOML, a key or a colour is invalid.
    """
    todo = "Correct the file or remove it; the bundled dark.toml shows every key."
    try:
        found = msgspec.convert(tomllib.loads(text), ThemeFile)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The theme {where} is not valid TOML.", f"{error}.", todo) from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"Invalid theme {where}.", f"{error}.", todo) from None
    # An invalid colour would otherwise fail while painting, far from its cause.
    colours = {key: value for key, value in msgspec.structs.asdict(found.colours).items() if value}
    for key, value in (colours | found.variables).items():
        if key.endswith("-style"):
            continue
        try:
            Color.parse(value)
        except ColorParseError:
            raise ConfigError(
                f"Invalid theme {where}.", f"{key} = {value!r} is not a colour.", todo
            ) from None
    return found


def bundled_theme(name: str) -> ThemeFile:
    """Return the theme that this project ships under a name of `BUNDLED`."""
    file = importlib.resources.files("themes") / f"{name}.toml"
    return parse_theme(file.read_text(encoding="utf-8"), file.name)


def find_theme(name: str) -> ThemeFile:
    """Return the theme of this name: the user's own, else a bundled one, else another package's.

    Raises:
        ConfigError: There is no such theme, or it is invalid.
    """
    own = settings_directory() / "themes" / f"{name}.toml"
    if own.is_file():
        return _read(own)
    if name in BUNDLED:
        return bundled_theme(name)
    themes, _ = all_themes()
    for theme in themes:
        if theme.name == name:
            return theme
    raise ConfigError(
        f"There is no theme {name!r}.", "", f"There are: {', '.join(t.name for t in themes)}."
    )


def all_themes() -> tuple[list[ThemeFile], list[ConfigError]]:
    """Return every valid theme, bundled ones first, and an error for each invalid file."""
    found = {name: bundled_theme(name) for name in BUNDLED}
    invalid: list[ConfigError] = []
    for file in _foreign_files():
        try:
            theme = _read(file)
        except ConfigError as error:
            invalid.append(error)
        else:
            found[theme.name] = theme
    return list(found.values()), invalid


def to_textual(theme: ThemeFile) -> Theme:
    """Convert a theme to a Textual `Theme`, which the app can register."""
    # Textual's own style sheets use these two in a theme of the terminal's colours.
    own = {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"}
    return Theme(
        name=theme.name,
        dark=theme.dark,
        ansi=theme.ansi,
        variables=own | theme.variables if theme.ansi else dict(theme.variables),
        **msgspec.structs.asdict(theme.colours),
    )


def _foreign_files() -> Iterator[Traversable]:
    from importlib.metadata import entry_points  # a bundled theme needs none

    for entry in entry_points(group="autoresearch_tui.themes"):
        try:
            yield from _toml_files(importlib.resources.files(entry.value))
        except ModuleNotFoundError:
            continue  # a partly removed package does not keep the screen from opening
    yield from _toml_files(settings_directory() / "themes")


def _toml_files(directory: Traversable | Path) -> list[Traversable]:
    if not directory.is_dir():
        return []
    files: list[Traversable] = [file for file in directory.iterdir() if file.name.endswith(".toml")]
    return sorted(files, key=lambda file: file.name)


def _read(file: Traversable) -> ThemeFile:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The theme {file.name} cannot be read.", f"{error}.", "") from None
    return parse_theme(text, str(file))
