"""Asks what to do with a session that has ended: continue it, start a new one, or show it."""

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
from tui.commands.output import echo, prompt
from tui.present.summary import summary_lines


class EndedChoice(StrEnum):
    """The choices that the user has for a session that has ended."""

    CONTINUE = "continue"
    BEST = "best"
    BASE = "base"
    LOOK = "look"


_KEYS = {
    "c": EndedChoice.CONTINUE,
    "b": EndedChoice.BEST,
    "n": EndedChoice.BASE,
    "l": EndedChoice.LOOK,
}


def choose_for_ended(
    workspace: Path, flags: StartFlags, *, yes: bool, continued: bool, look: bool
) -> tuple[StartFlags, bool]:
    """Ask what to do if the workspace's session has ended and no flag decides it.

    Args:
        workspace: The workspace with the session.
        flags: The flags for the session; if any was given, no question is asked.
        yes: Whether `--yes` was given: nothing is asked, and the session is continued.
        continued: Whether `--continue` was given.
        look: Whether `--look` was given: the session is only shown.

    Returns:
        The flags to start with, changed by the answer, and whether the session is only to be
        shown.

    Raises:
        UsageError: The flags contradict each other.
        click.Abort: The user chose to do nothing.
    """
    if sum((continued, look, bool(flags.new_from), bool(flags.adopt))) > 1:
        raise UsageError("Only one of --continue, --look, --new-from and --adopt.")
    if look or yes or continued or flags != StartFlags():
        return flags, look
    ended = ended_session(workspace)
    if ended is None or not sys.stdin.isatty():
        return flags, False
    answer = _ask(ended)
    if answer in (EndedChoice.BEST, EndedChoice.BASE):
        return replace(flags, new_from=answer.value), False
    if answer is EndedChoice.CONTINUE and ended.is_used_up:
        done = ended.counts.total
        echo(f"All its {done} experiments are done.")
        more = prompt(
            "How many more?", type=click.IntRange(min=1), default=ended.suggested_limit - done
        )
        return replace(flags, settings={"max_experiments": done + more}), False
    return flags, answer is EndedChoice.LOOK


def _ask(ended: Session) -> EndedChoice:
    for line in summary_lines(ended):
        echo(one_line(line))
    echo(f"Session {ended.config.tag} has ended: {one_line(ended.ended or '', 100)}.")
    echo("  c  continue it: same branch, history, pins and results.tsv")
    if ended.frontier != ended.base_commit:
        echo(f"  b  a new session from its best ({ended.frontier[:7]})")
    echo(f"  n  a new session from where it began ({ended.base_commit[:7]})")
    echo("  l  only show it; no engine is started")
    word = prompt("Which?", type=click.Choice([*_KEYS, "q"], case_sensitive=False), default="l")
    if word == "q":
        raise click.Abort
    return _KEYS[word.lower()]
