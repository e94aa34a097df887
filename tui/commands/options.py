"""Flags that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from engine.core.enums import Autonomy
from engine.setup.open_session import StartFlags

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
    """The workspace as an argument or as -C, whichever a person's fingers know; gives `path`."""

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
"""That a file cannot be read is said where it is read, in our words."""


def place_argument(function: F) -> F:
    """A workspace or a table as an argument, the workspace as -C too; gives `place` and `at`."""
    option = click.option(
        *("-C", "--workspace", "at"),
        type=ANY_PATH,
        help="The workspace; the current directory by default.",
    )
    metavar = "[WORKSPACE|FILE]"
    argument = click.argument("place", metavar=metavar, type=ANY_PATH, required=False)
    return argument(option(function))


def meaning_options(function: F) -> F:
    """What a FILE does not say by itself; gives `metric` and `direction`."""
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
            click.option(
                "--agent",
                metavar="NAME",
                help="Who proposes: search (no key needed), llm (--model), acp (--cli), or mix.",
            ),
            click.option(
                "--model",
                metavar="NAME",
                help="Language model that proposes, as LiteLLM names it (anthropic/…, openai/…, "
                "ollama_chat/…). Its key comes from the environment or from .env.",
            ),
            click.option(
                "--api-base", metavar="URL", help="A model server of your own (vLLM, llama.cpp …)."
            ),
            click.option(
                "--cli",
                metavar="NAME",
                help="Coding-agent CLI that proposes: claude, codex, gemini, opencode, or a "
                "command that speaks the Agent Client Protocol.",
            ),
            click.option(
                "--lookahead",
                type=click.IntRange(0, 8),
                metavar="N",
                help="Proposals drafted while a run trains; 0 for none (1 by default).",
            ),
            click.option(
                "--max-dollars",
                type=click.FloatRange(0, min_open=True),
                metavar="X",
                help="Cap on what language models may cost in this session.",
            ),
            click.option(
                "--max-tokens",
                type=click.IntRange(1),
                metavar="N",
                help="Cap on the tokens of language models in this session.",
            ),
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
                "--results-file", metavar="NAME", help="Where a row per experiment is appended."
            ),
            click.option(
                "--autonomy",
                type=click.Choice([a.value for a in Autonomy]),
                help="Which edits wait for your word: none but the forbidden, the questionable, "
                "or all.",
            ),
            click.option(
                "--review-timeout",
                "review_timeout_seconds",
                type=click.FloatRange(0, min_open=True),
                metavar="SECONDS",
                help="A question nobody answers is parked after so long, never approved (600).",
            ),
            click.option(
                "--scope",
                metavar="TEXT",
                help='What the agent may change, in words: "only the optimizer".',
            ),
            click.option(
                "--first-hypothesis",
                metavar="TEXT",
                help="What is tried first, after the baseline.",
            ),
            click.option(
                "--new-from",
                metavar="best|base|COMMIT",
                help="A new session, from the last one's best, from where that began, or from any "
                "commit or branch.",
            ),
            click.option(
                "--adopt",
                metavar="TAG",
                help="Go on with branch autoresearch/TAG of a session without a journal; its "
                "results.tsv becomes the history.",
            ),
            click.option(
                "--temperature",
                type=click.FloatRange(-1, 2),
                metavar="X",
                help="Of the language model; below 0 is the provider's default.",
            ),
            click.option(
                "--mix-with",
                type=click.Choice(["llm", "acp"]),
                help="Agent mix: who proposes beside the search.",
            ),
            click.option(
                "--mix-every",
                type=click.IntRange(1),
                metavar="K",
                help="Agent mix: every K-th proposal is theirs (3).",
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


def wishes_from(flags: dict[str, Any]) -> StartFlags:
    """The config flags of a verb as one value; removes them from `flags`."""
    names = StartFlags.__struct_fields__
    values = {name: flags.pop(name) for name in names if name in flags}
    values["locked"] = tuple(values["locked"]) if values.get("locked") else None
    return StartFlags(**values)
