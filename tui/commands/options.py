"""Flags and arguments that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])

_DIRECTORY = click.Path(path_type=Path)

workspace_option = click.option(
    "-C",
    "--workspace",
    "path",
    type=_DIRECTORY,
    default=Path(),
    help="The workspace; the current directory by default.",
)


def workspace_argument(function: F) -> F:
    """Add the workspace as an argument and as the flag -C; passes `path`."""

    @functools.wraps(function)
    def with_path(*args: Any, directory: Path | None, at: Path | None, **rest: Any) -> Any:
        if directory is not None and at is not None:
            raise click.UsageError("The workspace is named twice.")
        return function(*args, path=directory or at or Path(), **rest)

    option = click.option(
        *("-C", "--workspace", "at"),
        type=_DIRECTORY,
        help="The workspace; the current directory by default.",
    )
    argument = click.argument("directory", metavar="[WORKSPACE]", type=_DIRECTORY, required=False)
    return cast(F, argument(option(with_path)))


ANY_PATH = click.Path(path_type=Path, readable=False)
"""A path of any kind: an unreadable file is reported where it is read."""


def place_argument(function: F) -> F:
    """Add a workspace or table as an argument, and a workspace as -C; passes `place` and `at`."""
    option = click.option(
        *("-C", "--workspace", "at"),
        type=ANY_PATH,
        help="The workspace; the current directory by default.",
    )
    metavar = "[WORKSPACE|FILE]"
    argument = click.argument("place", metavar=metavar, type=ANY_PATH, required=False)
    return argument(option(function))


def meaning_options(function: F) -> F:
    """Add flags that interpret the columns of a FILE; passes `metric` and `direction`."""
    metric = click.option("--metric", metavar="COLUMN", help="The metric's column of a FILE.")
    direction = click.option(
        "--direction",
        type=click.Choice(["min", "max"]),
        help="Which way a FILE's metric improves.",
    )
    return metric(direction(function))


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for a program to read."
)
