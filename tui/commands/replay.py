"""The verb `replay`: shows a session, or any results.tsv, as it was at any moment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.core.enums import Direction
from engine.core.text import one_line
from tui.commands.options import column_options, repo_option
from tui.commands.output import echo
from tui.terminal.check import check_this_terminal

if TYPE_CHECKING:
    from engine.replay.source import ReplaySource


@click.command()
@click.argument("source", metavar="[SOURCE]", required=False)
@repo_option
@column_options
def replay(
    source: str | None, repo: Path | None, metric: str | None, direction: str | None
) -> None:
    """Step through a session or any table as it was at any moment.

    SOURCE is a workspace, a session's tag, a journal, or any results.tsv; by default the
    workspace around the current directory. The edits of a table come from git, if its commits still
    exist. Nothing is changed.
    """
    from engine.replay.source import open_source

    opened = open_source(source, repo, metric, Direction(direction) if direction else None)
    for note in opened.notes:
        echo(one_line(note), err=True)
    show_replay(opened)


def show_replay(opened: ReplaySource, *, joined: bool = False) -> None:
    """Show a recorded session or table on the replay screen until the user leaves.

    Exits the process if the screen ended with an error.

    Args:
        opened: The recorded session or table.
        joined: Whether to begin at the newest event and follow those that are added.

    Raises:
        TerminalError: The terminal cannot show the screen.
    """
    check_this_terminal()
    from tui.terminal.check import prepare_environment

    theme = prepare_environment()
    from tui.replay.app import ReplayApp

    app = ReplayApp(opened, forced_theme=theme)
    if joined:
        app.feed.player.end()
        app.feed.moved()
    left = app.run()
    if left is not None and left.message:
        echo(left.message, err=bool(app.return_code))
    if app.return_code:
        sys.exit(app.return_code)
