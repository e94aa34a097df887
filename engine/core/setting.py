"""Declares what a setting of the config consists of (help, flag, limits), and checks its values.

The comment in config.toml, the command-line flag, the line shown before a session starts and the
validation are all derived from a `Setting`. Bounds are checked where a user gives a value, and not
by the type of the field: the journal holds configs too, and a journal of any version must open.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import EnumType
from typing import Annotated, Any, get_args

import msgspec

from engine.core.command_line import mangled_path, parse_command

_UNITS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}


class Setting(msgspec.Struct, frozen=True):
    """The declaration of one setting; its default is the value of the field of `ResearchConfig`."""

    description: str
    """The comment above the setting in config.toml, and the help text of its flag."""
    flag: str = ""
    """The command-line flag; empty where the setting is only in config.toml."""
    metavar: str | None = None
    """Placeholder for the value in the flag's help; None: one is derived from the type."""
    choices: tuple[str, ...] = ()
    """Permitted values; empty: any, or the members where the type is an enumeration."""
    bounds: msgspec.Meta | None = None
    """Range of a number or pattern of a text; None: no limit."""
    expected: str = ""
    """Description of a valid value for an error; empty: derived from `bounds`."""
    check: Callable[[Any], str] | None = None
    """Function that returns what is expected instead of a value, or "" if valid; None: no check."""
    fixed: bool = False
    """True if it never changes within a session, since experiments would not be comparable."""
    label: str = ""
    """Name in the plan shown before a session starts; empty where the plan leaves it out."""
    extends: str = ""
    """Name of the setting whose flag, given once more, gives a value of this one."""
    line: int = 0
    """The setting's line number in the plan shown before a session starts; 0: not shown."""
    answer: str = ""
    """What the plan says may be typed to change the setting; empty: `description` is shown."""
    name: str = ""
    """Name of the field of `ResearchConfig`, filled in by `config.settings`."""
    annotation: Any = None
    """Type annotation of the field of `ResearchConfig`, filled in by `config.settings`."""

    @property
    def value_type(self) -> type:
        """The type of a single value: without None for an optional setting, the item of a list."""
        parts = [part for part in get_args(self.annotation) if part is not type(None)]
        return parts[0] if parts else self.annotation  # type: ignore[no-any-return]

    @property
    def holds_paths(self) -> bool:
        """Return whether the value is a path relative to the workspace, or several."""
        return self.check in (path_mismatch, paths_mismatch, data_mismatch)

    @property
    def is_time(self) -> bool:
        """Return whether the value is a number of seconds."""
        return self.name.endswith("_seconds")

    @property
    def is_optional(self) -> bool:
        """True where None is a value, which leaves the setting out."""
        return type(None) in get_args(self.annotation)

    @property
    def is_list(self) -> bool:
        """True where the setting holds any number of values."""
        return getattr(self.annotation, "__origin__", None) is tuple

    @property
    def permitted(self) -> tuple[str, ...]:
        """The permitted values, spelled as in config.toml; empty where any value of the type is."""
        if isinstance(self.value_type, EnumType):
            return tuple(map(str, self.value_type))
        return self.choices

    def mismatch(self, value: object) -> str:
        """Return what is expected instead of a value, or "" where the value is valid."""
        try:
            msgspec.convert(value, self.annotation)
        except msgspec.ValidationError as error:
            return self._choices_text() or _type_text(error)
        if value is None:
            return ""
        if self.choices and value not in self.choices:
            return self._choices_text()
        if self.bounds is not None:
            try:
                msgspec.convert(value, Annotated[self.value_type, self.bounds])
            except msgspec.ValidationError:
                return self.expected or range_text(self.bounds)
        return self.check(value) if self.check is not None else ""

    def _choices_text(self) -> str:
        if not self.permitted:
            return ""
        *most, last = (f'"{choice}"' for choice in self.permitted)
        return f"{', '.join(most)} or {last}"


def parse_seconds(text: str) -> float:
    """Parse a time with an optional unit, such as `300`, `300 s`, `5 min`, `8h` or `2 days`.

    Raises:
        ValueError: The text is not a time.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", text.lower())
    if found is None or found[2] not in _UNITS:
        raise ValueError("a time such as 300, 300s, 5min or 8h")
    return float(found[1]) * _UNITS[found[2]]


def range_text(bounds: msgspec.Meta) -> str:
    """Return the limits of a number as text, such as `1 or more` or `0 to 8`; "" for no limits."""
    if bounds.ge is not None and bounds.le is not None:
        return f"{bounds.ge} to {bounds.le}"
    limits = (
        (bounds.gt, "more than {}"),
        (bounds.ge, "{} or more"),
        (bounds.lt, "less than {}"),
        (bounds.le, "at most {}"),
    )
    return " and ".join(text.format(limit) for limit, text in limits if limit is not None)


def _type_text(error: msgspec.ValidationError) -> str:
    text = str(error).split(" - ")[0].replace("`", "").replace(" | null", "")
    return text.removeprefix("Expected ")


def command_mismatch(text: str) -> str:
    """Return what is expected instead of a command line, or "" where it is valid."""
    try:
        parse_command(text)
    except ValueError as error:
        return f'a command such as "python train.py" ({error})'
    path = mangled_path(text)
    return f"/ instead of \\ in the path {path}, as in a shell" if path else ""


def rule_mismatch(value: str) -> str:
    """Return what the name of a keep rule has to be, or "" where it is one.

    Installed packages may bring more rules, so that any name is one.
    """
    return "" if value.isidentifier() else "the name of a keep rule, such as confirm or greedy"


def metric_mismatch(text: str) -> str:
    """Return what is expected instead of a metric's name, or "" where it is valid."""
    if text.strip() and not re.search(r"[\t\n]", text):
        return ""
    return "the name that the run prints, such as val_bpb"


def path_mismatch(path: str) -> str:
    """Return what is expected instead of a path or glob, or "" where it stays in the workspace."""
    if path.strip() and not path.startswith("/") and ".." not in path.split("/"):
        return ""
    return "a path inside the workspace"


def paths_mismatch(paths: tuple[str, ...]) -> str:
    """Return what is expected instead of the first bad path or glob, or "" where all are valid."""
    return next(filter(None, map(path_mismatch, paths)), "")


def data_mismatch(paths: tuple[str, ...]) -> str:
    """Return what is expected instead of the first bad path of data, or "" where all are valid."""
    if all(path.strip() and not path.startswith("/") for path in paths):
        return ""
    return "relative paths, such as data or ../data; a run can read absolute paths as they are"
