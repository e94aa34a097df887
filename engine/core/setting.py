"""What is declared for one setting: label, help, limits; the settings are in `config.py`.

The comment in config.toml, the command-line flag, the line shown before a session starts and the
validation are all derived from a `Setting`. Bounds are checked where a user gives a value, and not
by the type of the field: the journal holds configs too, and a journal of any version must open.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from enum import EnumType
from typing import Annotated, Any, get_args

import msgspec


class Setting(msgspec.Struct, frozen=True):
    """Everything about a setting but its default, which the field of `ResearchConfig` has."""

    description: str
    """Comment in config.toml, and help of the flag."""
    flag: str = ""
    """Command-line flag; empty where only config.toml has the setting."""
    metavar: str | None = None
    """Placeholder for the value in the help of the flag; by default one for its type."""
    choices: tuple[str, ...] = ()
    """Permitted values; an enumeration's own members need not be repeated here."""
    bounds: msgspec.Meta | None = None
    """Range of a number or pattern of a text."""
    expected: str = ""
    """Description of a valid value, for an error; derived from the bounds if empty."""
    check: Callable[[Any], str] | None = None
    """Function that returns what is expected instead of an invalid value, else an empty string."""
    fixed: bool = False
    """True if a session keeps its value, as its experiments would not be comparable otherwise."""
    label: str = ""
    """Name in the plan that is shown before a session starts; empty where it is not shown."""
    line: int = 0
    """Number of its line in that plan."""
    answer: str = ""
    """What to type to change it there; the description if empty."""
    name: str = ""
    """Name of the field, filled in by `ResearchConfig.settings`."""
    annotation: Any = None
    """Type of the field, filled in by `ResearchConfig.settings`."""

    @property
    def value_type(self) -> type:
        """Type of the value where there is one, or of the items of a list."""
        parts = [part for part in get_args(self.annotation) if part is not type(None)]
        return parts[0] if parts else self.annotation  # type: ignore[no-any-return]

    @property
    def is_list(self) -> bool:
        """True for a setting that holds any number of values."""
        return getattr(self.annotation, "__origin__", None) is tuple

    @property
    def permitted(self) -> tuple[str, ...]:
        """The permitted values of a closed set, or nothing."""
        if isinstance(self.value_type, EnumType):
            return tuple(map(str, self.value_type))
        return self.choices

    def mismatch(self, value: object) -> str:
        """Return what is expected instead of a value, or an empty string if the value is valid."""
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


def range_text(bounds: msgspec.Meta) -> str:
    """Return a range of numbers in words: `1 or more`, `0 to 8`."""
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
    """Return what is wrong with a command line, or an empty string."""
    try:
        arguments = shlex.split(text)
    except ValueError as error:
        return f"balanced quotes ({error})"
    return "" if arguments else 'a command such as "python train.py"'


def metric_mismatch(text: str) -> str:
    """Return what is expected instead of a metric's name, or an empty string."""
    if text.strip() and not re.search(r"[\t\n]", text):
        return ""
    return "the name that the run prints, such as val_bpb"


def path_mismatch(path: str) -> str:
    """Return what is expected instead of a path or glob, or an empty string."""
    if path.strip() and not path.startswith("/") and ".." not in path.split("/"):
        return ""
    return "a path inside the workspace"


def paths_mismatch(paths: tuple[str, ...]) -> str:
    """Return what is expected instead of one of the paths or globs, or an empty string."""
    return next(filter(None, map(path_mismatch, paths)), "")
