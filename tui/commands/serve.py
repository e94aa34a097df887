"""The verb `serve`: shows the screen in a browser, served from this machine."""

from __future__ import annotations

import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.client.sessions import engine_pid, find_workspace, has_session, start_command
from engine.core.enums import Direction
from engine.core.errors import EnvironmentProblem, WorkspaceError
from engine.core.text import one_line
from tui.commands.options import (
    column_options,
    json_option,
    repo_option,
    workspace_argument,
)
from tui.commands.output import echo, print_json

if TYPE_CHECKING:
    from tui.web.serving import Address

INSTALL = "pip install 'autoresearch-tui[web]'"


@click.command()
@workspace_argument
@click.option(
    "--replay",
    "source",
    metavar="SOURCE",
    help="Show a replay: a workspace, a tag, a journal, or any results.tsv.",
)
@repo_option
@column_options
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on. Any but a loopback one is open to the network, unencrypted.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="8000 by default, or a free one if that is in use; 0 for any.",
)
@json_option
def serve(
    path: Path,
    source: str | None,
    repo: Path | None,
    metric: str | None,
    direction: str | None,
    host: str,
    port: int | None,
    as_json: bool,
) -> None:
    """Show the same screen in a browser: the live one, or a replay.

    Only this machine can reach it, and only with the token in the address that is printed; from
    your own machine through `ssh -L`. A closed tab ends only its screen. Ctrl+C stops the server;
    the engine continues.
    """
    try:
        from tui.web.serving import serve as serve_pages
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("textual_serve", "aiohttp_jinja2"):
            raise
        raise EnvironmentProblem(
            "textual-serve is not installed; the page needs it.", "", f"Install it: {INSTALL}"
        ) from None
    if source is None:
        if (repo, metric, direction) != (None, None, None):
            raise click.UsageError("--repo, --metric and --direction go with --replay.")
        command, title = _session(path)
    else:
        if path != Path():
            raise click.UsageError("--replay names what is shown; leave WORKSPACE out.")
        command, title = _replay(source, repo, metric, direction)
    screen = (sys.executable, "-P", "-X", "utf8", "-m", "tui.commands.web_tab")

    def announce(address: Address) -> None:
        if as_json:
            print_json({"url": address.url, "port": address.port, "ssh": address.ssh or None})
        else:
            _print_address(address, title)
            echo(f"Ctrl+C stops the server{'' if source else '; the engine continues'}.")
        sys.stdout.flush()
        if not address.ssh:
            echo(f"Warning: {_open_warning()}", err=True)

    serve_pages((*screen, *command), f"{title} – autoresearch-tui", host, port, announce)
    echo("The server has stopped.", err=True)


def _session(path: Path) -> tuple[tuple[str, ...], str]:
    """Return the arguments for a browser tab to show a workspace's session, and the page's title.

    Args:
        path: The workspace, or a directory in it.

    Raises:
        WorkspaceError: The workspace has no session.
    """
    workspace = find_workspace(path)
    shown = shlex.quote(str(workspace))
    if engine_pid(workspace) is None:
        if not has_session(workspace):
            raise WorkspaceError(
                f"There is no session in {workspace}, so there is nothing to show.",
                "",
                f"Start one with `autoresearch-tui start {shown}`, then serve it.",
            )
        echo(
            "No engine is at work; the page shows the session from its journal. "
            f"Start one with `{one_line(start_command(workspace, named=True))}` and load "
            "the page again.",
            err=True,
        )
    return ("session", "--", str(workspace)), one_line(workspace.name)


def _replay(
    source: str, repo: Path | None, metric: str | None, direction: str | None
) -> tuple[tuple[str, ...], str]:
    """Return the arguments that make a browser tab show a replay, and the page's title.

    The replay is opened once here, so that errors are printed here.

    Raises:
        AutoresearchError: The source cannot be replayed.
    """
    from engine.replay.source import open_source

    opened = open_source(source, repo, metric, Direction(direction) if direction else None)
    for note in opened.notes:
        echo(one_line(note), err=True)
    flags = (("--repo", repo), ("--metric", metric), ("--direction", direction))
    given = (f"{flag}={value}" for flag, value in flags if value is not None)
    return ("replay", *given, "--", source), f"replay of {one_line(Path(source).name or source)}"


def _print_address(address: Address, title: str) -> None:
    echo(f"Serving {title}. Anyone with this address can do what you can:")
    echo(f"\n  {address.url}\n")
    if address.ssh:
        echo("From another machine, first this there, then the same address:")
        echo(f"\n  {address.ssh}\n")


def _open_warning() -> str:
    return (
        "this is open to the network and not encrypted: anyone who can read the traffic sees the "
        "screen, the keys and the token. Without --host only this machine is served, "
        f"and `ssh -L` to {socket.gethostname()} brings the page to you."
    )
