"""The verbs that control a running engine: pause, resume, stop, kill, autonomy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from engine.client.request import send_command, send_for
from engine.client.sessions import find_workspace, has_session, start_command
from engine.core.enums import Autonomy, StopMode
from engine.core.errors import AutoresearchError, EngineGoneError, UsageError
from engine.core.session import Session
from engine.core.text import one_line, sanitize
from engine.protocol import commands
from tui.commands.options import json_option, workspace_argument, workspace_option
from tui.commands.output import confirm, echo, print_json
from tui.commands.show import read_now


@contextmanager
def json_errors(as_json: bool) -> Iterator[None]:
    """With --json, print an error of the enclosed code as JSON before it is raised again."""
    try:
        yield
    except AutoresearchError as error:
        if as_json:
            print_json({"ok": False, "message": one_line(str(error))})
        raise


def print_answer(message: str, *, as_json: bool) -> None:
    """Print the answer to a command as one line, or as JSON with `ok` and `message`."""
    if as_json:
        print_json({"ok": True, "message": one_line(message)})
    else:
        echo(one_line(message))


def send_and_print(path: Path, command: commands.AnyCommand, *, as_json: bool = False) -> None:
    """Send a command to the workspace's engine and print its reply.

    Args:
        path: The workspace, or a directory in it.
        command: The command to send.
        as_json: Print the reply, or the error, as JSON.

    Raises:
        AutoresearchError: No engine answers, or it rejected the command.
    """
    with json_errors(as_json):
        reply = send_command(find_workspace(path), command)
        if not reply.ok:
            raise AutoresearchError(reply.message)
    print_answer(reply.message, as_json=as_json)


def make_and_send(
    path: Path, make: Callable[[Session], commands.AnyCommand], *, as_json: bool = False
) -> None:
    """Send a command that depends on the engine's session, and print the reply.

    Args:
        path: The workspace, or a directory in it.
        make: Function that returns the command for a session.
        as_json: Print the reply, or the error, as JSON.

    Raises:
        AutoresearchError: No engine answers, it rejected the command, or `make` raised the error.
    """
    with json_errors(as_json):
        reply = send_for(find_workspace(path), make)
        if not reply.ok:
            raise AutoresearchError(reply.message)
    print_answer(reply.message, as_json=as_json)


def session_of_engine(path: Path) -> Session:
    """Return the session's state, asked from the workspace's running engine.

    Raises:
        EngineGoneError: No engine answers.
    """
    workspace = find_workspace(path)
    if has_session(workspace):
        now = read_now(workspace)
        if now.pid is not None:
            return now.session
    raise no_engine(workspace)


def no_engine(workspace: Path) -> EngineGoneError:
    """Return the error that a decision cannot be made because no engine runs."""
    return EngineGoneError(
        f"No engine is at work in {workspace}.",
        "Nothing was decided; what waits keeps waiting.",
        f"Start one with `{start_command(workspace)}`.",
    )


@click.command()
@workspace_argument
@json_option
def pause(path: Path, as_json: bool) -> None:
    """Wait after the current run, which finishes and is recorded."""
    send_and_print(path, commands.PauseLoop(), as_json=as_json)


@click.command()
@workspace_argument
@json_option
def resume(path: Path, as_json: bool) -> None:
    """Continue after a pause."""
    send_and_print(path, commands.ResumeLoop(), as_json=as_json)


@click.command()
@workspace_argument
@click.option(
    "--now", is_flag=True, help="Kill the current run; it is run again when the session continues."
)
@json_option
def stop(path: Path, now: bool, as_json: bool) -> None:
    """End the session after the current run. `start` continues it later."""
    mode = StopMode.NOW if now else StopMode.AFTER_RUN
    send_and_print(path, commands.StopSession(mode=mode), as_json=as_json)


@click.command()
@click.argument("number", metavar="[NUMBER]", type=click.IntRange(1), required=False)
@click.option("--reason", default="", help="Veto the idea itself; the agent gets this reason.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@workspace_option
@json_option
def kill(number: int | None, reason: str, yes: bool, path: Path, as_json: bool) -> None:
    """Kill the current run now; the loop continues.

    The idea counts as interrupted, not as failed. With NUMBER the run is killed only if it is that
    experiment's; without it you are asked once on a terminal.
    """
    if number is None:
        with json_errors(as_json):
            session = session_of_engine(path)
            current = session.active
            if current is None or session.running is None:
                raise UsageError("No run is active.")
        number = current.number
        if not yes and not as_json and sys.stdin.isatty():
            shown = one_line(current.proposal.hypothesis, 100)
            confirm(f"#{number}: {shown}\nKill its run?", abort=True)
    send_and_print(
        path,
        commands.KillRun(experiment=number, reason=sanitize(reason)),
        as_json=as_json,
    )


@click.command()
@click.argument("number", type=click.IntRange(1))
@click.argument("reason", default="")
@workspace_option
@json_option
def skip(number: int, reason: str, path: Path, as_json: bool) -> None:
    """End experiment NUMBER as a crash, also where it cannot run.

    It is the experiment at work, whose run is killed if there is one. REASON is recorded with it.
    """
    command = commands.SkipExperiment(experiment=number, reason=sanitize(reason))
    send_and_print(path, command, as_json=as_json)


@click.command()
@click.argument("mode", type=click.Choice([a.value for a in Autonomy]), required=False)
@workspace_option
@json_option
def autonomy(mode: str | None, path: Path, as_json: bool) -> None:
    """Print which edits run without a question, or set it.

    It takes effect at the next proposal.

    \b
    auto       all but those that no autonomy lets through
    ask-risky  all but those the risk check finds questionable
    ask-all    none
    """
    if mode is not None:
        send_and_print(path, commands.SetAutonomy(autonomy=Autonomy(mode)), as_json=as_json)
        return
    session = read_now(path).session
    if as_json:
        print_json({"autonomy": session.autonomy.value})
    else:
        echo(session.autonomy.value)
