"""Verbs that tell a running engine something: pause, resume, stop, kill, autonomy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from engine.client.request import send_command, send_for
from engine.client.sessions import find_workspace, has_session, start_command
from engine.core.enums import Actor, Autonomy, StopMode
from engine.core.errors import AutoresearchError, EngineGoneError, UsageError
from engine.core.session import Session
from engine.core.text import one_line, sanitize
from engine.protocol import commands
from tui.commands.options import json_option, workspace_argument, workspace_option
from tui.commands.show import print_json, read_now

BY = Actor.COMMAND_LINE


@contextmanager
def answering(as_json: bool) -> Iterator[None]:
    """With --json, what went wrong is told on standard output too, for the script that asked."""
    try:
        yield
    except AutoresearchError as error:
        if as_json:
            print_json({"ok": False, "message": one_line(str(error))})
        raise


def answer(message: str, *, as_json: bool) -> None:
    """Say what came of it."""
    if as_json:
        print_json({"ok": True, "message": one_line(message)})
    else:
        click.echo(one_line(message))


def tell(path: Path, command: commands.AnyCommand, *, as_json: bool = False) -> None:
    """Send a command and print the answer.

    Raises:
        AutoresearchError: No engine answers, or it refused.
    """
    with answering(as_json):
        reply = send_command(find_workspace(path), command)
        if not reply.ok:
            raise AutoresearchError(reply.message)
    answer(reply.message, as_json=as_json)


def tell_about(
    path: Path, make: Callable[[Session], commands.AnyCommand], *, as_json: bool = False
) -> None:
    """Send a command that depends on how the session stands, and print the answer.

    Raises:
        AutoresearchError: No engine answers, it refused, or there is nothing to command.
    """
    with answering(as_json):
        reply = send_for(find_workspace(path), make)
        if not reply.ok:
            raise AutoresearchError(reply.message)
    answer(reply.message, as_json=as_json)


def session_of_engine(path: Path) -> Session:
    """The session as its engine has it.

    Raises:
        EngineGoneError: No engine answers.
    """
    workspace = find_workspace(path)
    session, _, pid = read_now(workspace) if has_session(workspace) else (None, None, None)
    if session is None or pid is None:
        raise no_engine(workspace)
    return session


def no_engine(workspace: Path) -> EngineGoneError:
    """Why a decision cannot be taken now."""
    return EngineGoneError(
        f"No engine is at work in {workspace}.",
        "Nothing was decided; what waits goes on waiting.",
        f"Start one with `{start_command(workspace)}`.",
    )


@click.command()
@workspace_argument
@json_option
def pause(path: Path, as_json: bool) -> None:
    """Wait after the current run; it finishes and is recorded."""
    tell(path, commands.PauseLoop(by=BY), as_json=as_json)


@click.command()
@workspace_argument
@json_option
def resume(path: Path, as_json: bool) -> None:
    """Go on after a pause."""
    tell(path, commands.ResumeLoop(by=BY), as_json=as_json)


@click.command()
@workspace_argument
@click.option(
    "--now", is_flag=True, help="Kill the current run; it is run again when the session goes on."
)
@json_option
def stop(path: Path, now: bool, as_json: bool) -> None:
    """End the session after the current run. `start` goes on with it later."""
    mode = StopMode.NOW if now else StopMode.AFTER_RUN
    tell(path, commands.StopSession(by=BY, mode=mode), as_json=as_json)


@click.command()
@click.argument("number", metavar="[NUMBER]", type=click.IntRange(1), required=False)
@click.option(
    "--reason", default="", help="The idea itself is not wanted: a veto, and the agent is told why."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@workspace_option
@json_option
def kill(number: int | None, reason: str, yes: bool, path: Path, as_json: bool) -> None:
    """Kill the current run now. The loop goes on; the idea counts as interrupted, not as failed.

    With NUMBER only if that experiment is the one that runs. Without it a terminal is asked once.
    """
    if number is None:
        with answering(as_json):
            session = session_of_engine(path)
            current = session.current
            if current is None or session.running is None:
                raise UsageError("Nothing runs just now.")
        number = current.number
        if not yes and not as_json and sys.stdin.isatty():
            shown = one_line(current.proposal.hypothesis, 100)
            click.confirm(f"#{number}: {shown}\nKill its run?", abort=True)
    tell(
        path,
        commands.KillRun(experiment=number, reason=sanitize(reason), by=BY),
        as_json=as_json,
    )


@click.command()
@click.argument("mode", type=click.Choice([a.value for a in Autonomy]), required=False)
@workspace_option
@json_option
def autonomy(mode: str | None, path: Path, as_json: bool) -> None:
    """Print how much runs unasked, or set it from the next proposal on.

    \b
    auto       everything but what no autonomy lets through
    ask-risky  what the risk check finds questionable waits for you
    ask-all    every edit waits for you
    """
    if mode is not None:
        tell(path, commands.SetAutonomy(autonomy=Autonomy(mode), by=BY), as_json=as_json)
        return
    session, _, _ = read_now(path)
    if as_json:
        print_json({"autonomy": session.autonomy.value})
    else:
        click.echo(session.autonomy.value)
