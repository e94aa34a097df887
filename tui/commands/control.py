"""Verbs that tell a running engine something: pause, resume, stop."""

from __future__ import annotations

from pathlib import Path

import click

from engine import client
from engine.core import live
from engine.core.errors import AutoresearchError
from engine.core.words import StopMode
from tui.commands.options import workspace_argument


def tell(path: Path, command: live.AnyCommand) -> None:
    """Send a command and print the answer.

    Raises:
        AutoresearchError: No engine answers, or it refused.
    """
    reply = client.send_command(client.find_workspace(path), command)
    if not reply.ok:
        raise AutoresearchError(reply.message)
    click.echo(reply.message)


@click.command()
@workspace_argument
def pause(path: Path) -> None:
    """Wait after the current run; it finishes and is recorded."""
    tell(path, live.PauseLoop(by="command line"))


@click.command()
@workspace_argument
def resume(path: Path) -> None:
    """Go on after a pause."""
    tell(path, live.ResumeLoop(by="command line"))


@click.command()
@workspace_argument
@click.option(
    "--now", is_flag=True, help="Kill the current run; it is run again when the session goes on."
)
def stop(path: Path, now: bool) -> None:
    """End the session after the current run. `start` goes on with it later."""
    mode = StopMode.NOW if now else StopMode.AFTER_RUN
    tell(path, live.StopSession(by="command line", mode=mode))
