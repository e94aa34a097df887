"""Generates the flags that set the research config from the declarations of its settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from engine.core.config import settings
from engine.core.errors import UsageError
from engine.core.setting import Setting, parse_seconds
from engine.setup.plan import StartFlags

_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")
"""Matches what Python decodes other bytes to."""

NONE_WORD = "none"
NONE = object()
"""Value of a flag for which the user wrote `none`, which differs from a flag that is not given."""

F = TypeVar("F", bound=Callable[..., Any])


def session_options(function: F) -> F:
    """Decorate a verb that starts a session: add the flags for its config and its start."""
    for option in reversed(
        (
            *(_flag(s) for s in settings().values() if s.flag and not s.extends),
            click.option(
                "--first-hypothesis",
                metavar="TEXT",
                default="",
                help="What is tried first, after the baseline.",
            ),
            click.option(
                "--new-from",
                metavar="best|base|COMMIT",
                default="",
                help="A new session, from the last one's best, from where that began, or from any "
                "commit or branch.",
            ),
            click.option(
                "--adopt",
                metavar="TAG",
                default="",
                help="Continue branch autoresearch/TAG of a session without a journal; its "
                "results.tsv becomes the history.",
            ),
            click.option(
                "-y",
                "--yes",
                is_flag=True,
                help="Accept the research config as shown, without asking.",
            ),
        )
    ):
        function = option(function)
    return function


def setting_option(name: str) -> Callable[[F], F]:
    """Return a decorator that adds a setting's flag to a verb that starts no session."""
    return _flag(settings()[name])


def start_flags(flags: dict[str, Any]) -> StartFlags:
    """Return the values that the user gave for the flags added by `session_options`.

    Raises:
        UsageError: A value is not UTF-8 text.
    """
    given = {
        name: value
        for name in settings()
        if (value := flags.pop(name, None)) is not None and value != ()
    }
    for name, value in given.items():
        if value is NONE:
            given[name] = None
        elif settings()[name].is_list and value == (NONE_WORD,):
            given[name] = ()
    for name, value in given.items():
        if not _is_utf8("".join(value) if isinstance(value, tuple) else value):
            raise UsageError(f"The value of {settings()[name].flag} is not UTF-8 text.")
    for setting in settings().values():
        if setting.extends in given:
            given[setting.extends], *more = given[setting.extends]
            given[setting.name] = tuple(more)
    return StartFlags(settings=given, **flags)


class _OrNone:
    """Mixin for a click type of numbers: also takes `none`, for a setting that may be left out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return `NONE` for the word `none`, else the number."""
        if isinstance(value, str) and value.strip().lower() == NONE_WORD:
            return NONE
        return super().convert(value, param, ctx)  # type: ignore[misc]


class _Seconds(click.FloatRange):
    """A click type of times in seconds, with or without a unit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds of a text such as `5min`."""
        try:
            seconds = parse_seconds(value) if isinstance(value, str) else value
        except ValueError as error:
            # A negative number is outside the range, which the error then names.
            if not value.strip().startswith("-"):
                self.fail(f"{value!r} is not {error}.", param, ctx)
            seconds = value
        return super().convert(seconds, param, ctx)


class _SecondsOrNone(_OrNone, _Seconds):
    pass


class _FloatOrNone(_OrNone, click.types.FloatParamType):
    pass


class _IntRangeOrNone(_OrNone, click.IntRange):
    pass


class _FloatRangeOrNone(_OrNone, click.FloatRange):
    pass


def _is_utf8(value: object) -> bool:
    """Return whether a value is UTF-8 text, or not a text at all."""
    return not (isinstance(value, str) and _NOT_UTF8.search(value))


def _flag(setting: Setting) -> Callable[[F], F]:
    text = setting.description[0].upper() + setting.description[1:]
    if setting.value_type is bool:
        pair = f"{setting.flag}/--no-{setting.flag.removeprefix('--')}"
        return click.option(pair, setting.name, default=None, help=f"{text}.")
    multiple = setting.is_list or any(s.extends == setting.name for s in settings().values())
    return click.option(
        setting.flag,
        setting.name,
        type=_type(setting),
        metavar=setting.metavar or _metavar(setting),
        multiple=multiple,
        help=f"{text}; may be repeated." if multiple else f"{text}.",
    )


def _metavar(setting: Setting) -> str | None:
    if setting.name.endswith("_seconds"):
        return "SECONDS"
    return {int: "N", float: "X"}.get(setting.value_type)


def _type(setting: Setting) -> Any:
    if setting.permitted:
        return click.Choice(setting.permitted)
    bounds = setting.bounds
    if setting.is_optional and bounds is None:
        return _FloatOrNone()
    if bounds is None or setting.value_type is str:
        return setting.value_type
    kinds: tuple[type[Any], type[Any]] = (click.IntRange, _IntRangeOrNone)
    if setting.value_type is float:
        kinds = click.FloatRange, _FloatRangeOrNone
    if setting.is_time:
        kinds = _Seconds, _SecondsOrNone
    kind = kinds[setting.is_optional]
    return kind(
        min=bounds.gt if bounds.ge is None else bounds.ge,
        max=bounds.lt if bounds.le is None else bounds.le,
        min_open=bounds.gt is not None,
        max_open=bounds.lt is not None,
    )
