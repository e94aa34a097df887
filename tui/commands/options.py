"""Flags and arguments of the command line that several verbs share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from engine.core.home_path import expand_home

F = TypeVar("F", bound=Callable[..., Any])


class PathType(click.Path):
    """A click type of paths in which `~` and `$HOME` at the beginning are expanded."""

    def __init__(self, *, readable: bool = True) -> None:
        super().__init__(path_type=Path, readable=readable)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, with the home directory in place of `~` or `$HOME`."""
        expanded = expand_home(os.fspath(value), os.path.expanduser("~"))
        return super().convert(expanded, param, ctx)


ANY_PATH = PathType(readable=False)
"""The click type of a path that is not checked; an error is reported where the path is read."""
_HELP = "The workspace; the current directory by default."

workspace_option = click.option(
    "-C", "--workspace", "path", type=PathType(), default=Path(), help=_HELP
)
tag_option = click.option("--tag", help="Tag of an earlier session.")
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for a program to read."
)
repo_option = click.option(
    "--repo",
    metavar="DIR",
    type=ANY_PATH,
    help="The git repository whose commits a table names; the one around it by default.",
)


def workspace_argument(function: F) -> F:
    """Decorate a verb: add the workspace as an argument and as the flag -C; it gets `path`."""
    return _path_argument(function, "[WORKSPACE]", PathType())


def place_argument(function: F) -> F:
    """Decorate a verb: add a workspace or table file as an argument, and -C; it gets `path`."""
    return _path_argument(function, "[WORKSPACE|FILE]", ANY_PATH)


def _path_argument(function: F, metavar: str, kind: click.Path) -> F:
    @functools.wraps(function)
    def with_path(*args: Any, place: Path | None, at: Path | None, **rest: Any) -> Any:
        if place is not None and at is not None:
            raise click.UsageError("The workspace is named twice.")
        return function(*args, path=place or at or Path(), **rest)

    option = click.option("-C", "--workspace", "at", type=kind, help=_HELP)
    argument = click.argument("place", metavar=metavar, type=kind, required=False)
    return cast(F, argument(option(with_path)))


def column_options(function: F) -> F:
    """Decorate a verb: add --metric and --direction, which interpret a table's columns."""
    metric = click.option("--metric", metavar="COLUMN", help="The metric's column of a table.")
    direction = click.option(
        "--direction",
        type=click.Choice(["min", "max"]),
        help="Which way its metric improves; needed if nothing tells.",
    )
    return metric(direction(function))


def reject_session_flags(**flags: object) -> None:
    """Raise an error for session flags where the user named a table file.

    Args:
        flags: The flags' values by name; a false value means not given.

    Raises:
        click.UsageError: A flag is given.
    """
    for name, value in flags.items():
        if value:
            raise click.UsageError(f"--{name} is for a session, not for a FILE.")


def reject_table_flags(**flags: object) -> None:
    """Raise an error for table flags where the user named a workspace.

    Args:
        flags: The flags' values by name; None means not given.

    Raises:
        click.UsageError: A flag is given.
    """
    for name, value in flags.items():
        if value is not None:
            raise click.UsageError(f"--{name} is for a FILE, not for a session.")
