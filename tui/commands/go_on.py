"""In a workspace whose session has ended: go on with it, start a new one, or only look."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

import click
from msgspec.structs import replace

from engine.core.errors import UsageError
from engine.core.session import Session
from engine.core.text import one_line
from engine.setup.plan import StartFlags
from engine.setup.start_point import ended_session
from tui.present.summary import summary_lines


class GoOn(StrEnum):
    """What a person wants of an ended session."""

    CONTINUE = "continue"
    BEST = "best"
    BASE = "base"
    LOOK = "look"


_KEYS = {"c": GoOn.CONTINUE, "b": GoOn.BEST, "n": GoOn.BASE, "l": GoOn.LOOK}


def how_to_go_on(
    workspace: Path, flags: StartFlags, *, yes: bool, goes_on: bool, look: bool
) -> tuple[StartFlags, bool]:
    """What is to be done where the saved session has ended; asks where no flag says it.

    Args:
        workspace: Whose session.
        flags: The flags; any of them is an answer, so that nobody is asked twice.
        yes: Take everything as it is: continue.
        goes_on: `--continue`.
        look: `--look`.

    Returns:
        The flags, and whether the person only wants to look.

    Raises:
        UsageError: The flags contradict each other, or there is nothing to look at.
        click.Abort: The person wants none of it.
    """
    if sum((goes_on, look, bool(flags.new_from), bool(flags.adopt))) > 1:
        raise UsageError("Only one of --continue, --look, --new-from and --adopt.")
    if look or yes or goes_on or flags != StartFlags():
        return flags, look
    ended = ended_session(workspace)
    if ended is None or not sys.stdin.isatty():
        return flags, False
    answer = _ask(ended)
    if answer in (GoOn.BEST, GoOn.BASE):
        return replace(flags, new_from=answer.value), False
    if answer is GoOn.CONTINUE and ended.is_used_up:
        done = ended.counts.total
        click.echo(f"All its {done} experiments are done.")
        more = click.prompt(
            "How many more?", type=click.IntRange(min=1), default=ended.suggested_limit - done
        )
        return replace(flags, settings={"max_experiments": done + more}), False
    return flags, answer is GoOn.LOOK


def _ask(ended: Session) -> GoOn:
    for line in summary_lines(ended):
        click.echo(one_line(line))
    click.echo(f"Session {ended.config.tag} has ended: {one_line(ended.ended or '', 100)}.")
    click.echo("  c  continue it: same branch, history, pins and results.tsv")
    if ended.frontier != ended.base_commit:
        click.echo(f"  b  a new session from its best ({ended.frontier[:7]})")
    click.echo(f"  n  a new session from where it began ({ended.base_commit[:7]})")
    click.echo("  l  only look; no engine is started")
    word = click.prompt(
        "Which?", type=click.Choice([*_KEYS, "q"], case_sensitive=False), default="l"
    )
    if word == "q":
        raise click.Abort
    return _KEYS[word.lower()]
