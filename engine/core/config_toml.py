"""Writes the research config as commented TOML, parses config.toml and validates its values."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable
from typing import Any

import msgspec

from engine.core.config import ResearchConfig, settings
from engine.core.errors import ConfigError


def render_config(config: ResearchConfig) -> str:
    """Return the config as TOML text with a comment above each setting.

    A setting whose value is None is commented out.
    """
    import tomlkit  # imported here because reading does not need it

    doc = tomlkit.document()
    doc.add(tomlkit.comment("The research config of autoresearch-tui. Edit it between sessions."))
    values = msgspec.to_builtins(config)
    for name, setting in settings().items():
        value = values[name]
        doc.add(tomlkit.nl())
        doc.add(tomlkit.comment(setting.description))
        if value is None:
            doc.add(tomlkit.comment(f"{name} ="))
        else:
            doc.add(name, tomlkit.item(list(value) if isinstance(value, tuple) else value))
    return tomlkit.dumps(doc)


def parse_config(
    text: str,
    where: str = "config.toml",
    adapt: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> ResearchConfig:
    """Parse the text of a config.toml and check every value.

    Args:
        text: The TOML text of the file.
        where: The name to give the file in an error.
        adapt: Returns the values to check and use for those of the file, by setting name.

    Raises:
        ConfigError: The text is not TOML, or has an unknown setting or an invalid value; the error
            names the line.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{where} is not valid TOML.",
            f"{error}.",
            "Correct that line, or delete the file to have a new one written.",
        ) from None
    except RecursionError:
        raise ConfigError(
            f"{where} is not valid TOML.",
            "Its brackets are nested too deeply.",
            "Correct it, or delete the file to have a new one written.",
        ) from None
    raw = adapt(raw)
    for name, value in raw.items():
        if name not in settings():
            close = difflib.get_close_matches(name, settings(), n=1)
            known = f"Known settings: {', '.join(settings())}."
            hint = f"Did you mean `{close[0]}`?" if close else known
            line = f"{where}, line {_line_of(text, name)}"
            raise ConfigError(f"{line}: there is no setting `{name}`.", "", hint)
        if settings()[name].mismatch(value):
            _reject_invalid(name, value, f"{where}, line {_line_of(text, name)}")
    return msgspec.convert(raw, ResearchConfig, strict=False)


def check_config(config: ResearchConfig, where: str = "The research config") -> None:
    """Check every value of a config; raise for the first invalid one.

    Args:
        config: The config to check.
        where: Where the config comes from, as the error names it.

    Raises:
        ConfigError: A value is invalid; the error names the setting and what it needs.
    """
    for name, value in msgspec.structs.asdict(config).items():
        _reject_invalid(name, value, where)


def _reject_invalid(name: str, value: object, where: str) -> None:
    expected = settings()[name].mismatch(value)
    if expected:
        shown = msgspec.to_builtins(value)
        raise ConfigError(
            f"{where}: invalid value for `{name}`: {shown!r}.",
            f"Expected: {expected}.",
            "Correct it and start again.",
        )


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return 1
