"""Flags that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.setup import Wishes

F = TypeVar("F", bound=Callable[..., Any])

workspace_option = click.option(
    "-C",
    "--workspace",
    "path",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The workspace; the current directory by default.",
)

workspace_argument = click.argument(
    "path", metavar="[WORKSPACE]", type=click.Path(path_type=Path), required=False, default=Path()
)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for a program to read."
)


def session_options(function: F) -> F:
    """The flags that make a research config."""
    for option in reversed(
        (
            click.option(
                "--max",
                "max_experiments",
                type=click.IntRange(1),
                metavar="N",
                help="Stop after N experiments, the baseline counted.",
            ),
            click.option(
                "--budget",
                "budget_seconds",
                type=click.FloatRange(0, min_open=True),
                metavar="SECONDS",
                help="Training time per run.",
            ),
            click.option("--tag", help="Name of the session; its branch is autoresearch/TAG."),
            click.option("--agent", metavar="NAME", help="Who proposes: search (no key needed)."),
            click.option(
                "--policy",
                type=click.Choice(["bandit", "tpe", "random"]),
                help="How the search agent searches.",
            ),
            click.option("--seed", type=int, help="Of the search agent's random numbers."),
            click.option("--file", metavar="train.py", help="The one file an agent may edit."),
            click.option("--command", metavar="'CMD'", help="How a run is started."),
            click.option(
                "--metric",
                metavar="NAME",
                help="The name in the line `name: value` the run prints.",
            ),
            click.option(
                "--direction",
                type=click.Choice(["min", "max"]),
                help="Which way the metric improves.",
            ),
            click.option(
                "--rule", type=click.Choice(["greedy", "min_delta"]), help="When an edit is kept."
            ),
            click.option(
                "--min-delta",
                type=click.FloatRange(0),
                metavar="X",
                help="The smallest gain that rule min_delta keeps.",
            ),
            click.option(
                "--locked",
                multiple=True,
                metavar="GLOB",
                help="A file no run may change; may be repeated.",
            ),
            click.option(
                "-y",
                "--yes",
                is_flag=True,
                help="Take the research config as shown, without asking.",
            ),
        )
    ):
        function = option(function)
    return function


def wishes_from(flags: dict[str, Any]) -> Wishes:
    """The config flags of a verb as one value; removes them from `flags`."""
    names = Wishes.__struct_fields__
    values = {name: flags.pop(name) for name in names if name in flags}
    values["locked"] = tuple(values["locked"]) if values.get("locked") else None
    return Wishes(**values)
