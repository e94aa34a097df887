"""The verb `attach`: opens the screen, and prints what to do next after it is closed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from engine.client.connection import EngineLink
from engine.client.sessions import engine_pid, find_workspace, read_session, start_command
from engine.core.errors import EngineGoneError
from tui.commands.options import workspace_argument
from tui.commands.output import echo
from tui.present.summary import summary_lines
from tui.terminal.check import check_this_terminal


def attach_to(path: Path) -> None:
    """Open the screen on the engine of the workspace around a path.

    Raises:
        EngineGoneError: No engine is running in the workspace.
    """
    workspace = find_workspace(path)
    if engine_pid(workspace) is None:
        raise EngineGoneError(
            f"No engine is at work in {workspace}.",
            "",
            f"Start one with `{start_command(workspace)}`.",
        )
    open_screen(workspace)


@click.command()
@workspace_argument
def attach(path: Path) -> None:
    """Open the screen on a running engine. Leave with q; the engine continues."""
    attach_to(path)


def open_screen(workspace: Path) -> None:
    """Show the live screen until the user leaves, then print what to do next; the engine continues.

    Exits the process if the screen ended with an error.

    Raises:
        TerminalError: The terminal cannot show the screen.
        EngineGoneError: No engine answers.
    """
    from tui.terminal.check import prepare_environment

    check_this_terminal()
    theme = prepare_environment()
    from tui.app import SupervisorApp

    app = SupervisorApp(EngineLink(workspace), forced_theme=theme)
    left = app.run()
    if left is not None and left.message:
        echo(left.message, err=bool(app.return_code))
    if app.return_code:
        sys.exit(app.return_code)
    _print_next_steps(workspace)


def _print_next_steps(workspace: Path) -> None:
    shown = shlex.quote(str(workspace))
    pid = engine_pid(workspace)
    session = read_session(workspace)
    if pid is not None:
        current = session.active
        doing = f" with experiment {current.number}" if current is not None else ""
        echo(f"The engine (pid {pid}) continues{doing}.")
        echo(f"Come back: autoresearch-tui attach {shown}")
        echo(f"End it:    autoresearch-tui stop {shown}")
        return
    for line in summary_lines(session):
        echo(line)
    if session.ended is None:
        echo("No engine is at work; what was recorded is safe.")
    echo(f"Continue it:   {start_command(workspace, named=True)}")
    if session.ended is not None:
        echo(f"Look back:     autoresearch-tui replay {shown} (or report, results, merge)")
