"""Runs a browser tab's screen: `python -m tui.commands.web_tab session DIR`, or `replay SOURCE`.

Its stdout carries the packets of Textual's web driver, so all other output goes to stderr,
from where the server shows it on the page once the screen has closed.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from engine.client.sessions import engine_pid, start_command
from engine.core.errors import AutoresearchError
from engine.core.text import one_line
from tui.commands.output import echo
from tui.commands.replay import replay, show_replay
from tui.commands.window import open_screen


@click.group()
def screens() -> None:
    """Screens that a tab can show."""


@screens.command()
@click.argument("workspace", type=click.Path(path_type=Path))
def session(workspace: Path) -> None:
    """Show the live screen, or the session from its journal if no engine is running."""
    if engine_pid(workspace) is not None:
        open_screen(workspace)
        return
    _show_recorded(workspace)


screens.add_command(replay)


def no_engine(workspace: Path) -> str:
    """Return the message for a page that shows the session's journal, since no engine runs."""
    return (
        "No engine is at work: this is the session from its journal. "
        f"Start one with `{start_command(workspace, named=True)}` and load the page again."
    )


def _show_recorded(workspace: Path) -> None:
    from engine.replay.source import open_source

    source = open_source(str(workspace))
    source.notes = (no_engine(workspace), *source.notes)
    show_replay(source, joined=True)
    echo(f"No engine is at work in {one_line(str(workspace))}.")


def main() -> None:
    """Run one browser tab's screen; print an expected error as one line and exit with its code."""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            screens.main(standalone_mode=False)
        except AutoresearchError as error:
            echo(one_line(str(error)))
            sys.exit(error.exit_code)
        except click.ClickException as error:
            echo(one_line(error.format_message()))
            sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
