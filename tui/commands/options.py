"""Flags and arguments that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])

ANY_PATH = click.Path(path_type=Path, readable=False)
"""A path of any kind: an unreadable file is reported where it is read."""
_HELP = "The workspace; the current directory by default."

workspace_option = click.option(
    "-C", "--workspace", "path", type=click.Path(path_type=Path), default=Path(), help=_HELP
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
    """Add the workspace as an argument and as the flag -C; passes `path`."""
    return _path_argument(function, "[WORKSPACE]", click.Path(path_type=Path))


def place_argument(function: F) -> F:
    """Add a workspace or table as an argument, and a workspace as -C; passes `path`."""
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
    """Add flags that interpret the columns of a table; passes `metric` and `direction`."""
    metric = click.option("--metric", metavar="COLUMN", help="The metric's column of a table.")
    direction = click.option(
        "--direction", type=click.Choice(["min", "max"]), help="Which way its metric improves."
    )
    return metric(direction(function))


def reject_session_flags(**flags: object) -> None:
    """Reject flags that are for a session where a file is named.

    Raises:
        click.UsageError: One is given.
    """
    for name, value in flags.items():
        if value:
            raise click.UsageError(f"--{name} is for a session, not for a FILE.")


def reject_table_flags(**flags: object) -> None:
    """Reject flags that are for a table where a workspace is named.

    Raises:
        click.UsageError: One is given.
    """
    for name, value in flags.items():
        if value is not None:
            raise click.UsageError(f"--{name} is for a FILE, not for a session.")
