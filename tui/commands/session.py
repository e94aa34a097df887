"""Verbs that start a session or look at a live one: open, run, start, attach, baseline."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from engine import client
from engine.core.errors import EngineBusyError, EngineGoneError, UsageError
from engine.setup import Plan, Wishes, make_plan, save_config
from tui.commands.foreground import run_in_foreground
from tui.commands.options import session_options, wishes_from, workspace_argument
from tui.commands.window import open_screen
from tui.plain import one_line
from tui.terminal.check import check_this_terminal

_SHOWN = (
    ("file", "edited by the agent"),
    ("locked", "never changed by a run"),
    ("command", "starts a run"),
    ("metric", "decides"),
    ("direction", ""),
    ("budget_seconds", "training time per run"),
    ("rule", "when an edit is kept"),
    ("agent", "proposes"),
    ("max_experiments", "then it ends"),
    ("results_file", "one row per experiment"),
    ("tag", "names session and branch"),
)


def show_plan(plan: Plan) -> None:
    """Print the research config with where each value comes from."""
    values = msgspec.to_builtins(plan.config)
    title = "The session goes on with" if plan.continues else "Research config"
    click.echo(click.style(f"{title}", bold=True))
    for name, meaning in _SHOWN:
        value = values[name]
        if name == "locked":
            value = ", ".join(value) or "—"
        elif value is None:
            value = "the script decides" if name == "budget_seconds" else "until stopped"
        elif name == "budget_seconds":
            value = f"{value:g} s"
        source = plan.why.get(name, meaning)
        click.echo(
            f"  {name.removesuffix('_seconds'):<16} {one_line(str(value)):<34}  "
            f"{click.style(one_line(source), dim=True)}"
        )
    for note in plan.notes:
        click.echo(click.style(f"  ! {one_line(note)}", fg="yellow"))


def confirm_plan(path: Path, wishes: Wishes, *, yes: bool) -> tuple[Path, Plan]:
    """Show what would run, have it confirmed, and save it.

    Raises:
        AutoresearchError: The workspace or a flag does not fit, or nobody is there to confirm.
        click.Abort: The person said no.
    """
    plan = make_plan(path, wishes, datetime.now().astimezone().date())
    workspace = path.resolve()
    if not (plan.continues and yes):
        show_plan(plan)
    if not yes and not plan.continues:
        if not sys.stdin.isatty():
            raise UsageError(
                "The research config is not confirmed.",
                "There is no terminal to ask on.",
                "Add --yes to take it as shown, or change it with the flags.",
            )
        click.confirm("Start with it?", default=True, abort=True)
    save_config(workspace, plan.config)
    return workspace, plan


def refuse_second_engine(workspace: Path) -> None:
    """Say so when an engine is at work here already.

    Raises:
        EngineBusyError: There is one.
    """
    pid = client.engine_pid(workspace)
    if pid is not None:
        raise EngineBusyError(
            f"An engine is at work in {workspace} already (pid {pid}).",
            "One workspace has one engine.",
            "See it with `autoresearch-tui attach`, or stop it with `autoresearch-tui stop`.",
        )


@click.command("open", hidden=True)
@workspace_argument
@session_options
def open_(path: Path, yes: bool, **flags: Any) -> None:
    """Attach to the workspace's engine, or start one after showing the research config."""
    wishes = wishes_from(flags)
    workspace = client.find_workspace(path)
    if client.engine_pid(workspace) is None:
        check_this_terminal()
        workspace, _ = confirm_plan(workspace, wishes, yes=yes)
        client.start_engine(workspace)
    attach_to(workspace)


def attach_to(path: Path) -> None:
    """Open the screen on the engine of the workspace.

    Raises:
        EngineGoneError: There is none.
    """
    workspace = client.find_workspace(path)
    if client.engine_pid(workspace) is None:
        raise EngineGoneError(
            f"No engine is at work in {workspace}.", "", "Start one with `autoresearch-tui start`."
        )
    open_screen(workspace)


@click.command()
@workspace_argument
def attach(path: Path) -> None:
    """Open the screen on a running engine. Leave with q; the engine goes on."""
    attach_to(path)


@click.command()
@workspace_argument
@session_options
def start(path: Path, yes: bool, **flags: Any) -> None:
    """Start the engine detached from this terminal, or go on with a session that ended.

    The engine survives this terminal, a lost SSH line and a log-out. See it with `attach`.
    """
    workspace = path.resolve()
    refuse_second_engine(workspace)
    workspace, plan = confirm_plan(path, wishes_from(flags), yes=yes)
    pid = client.start_engine(workspace)
    click.echo(
        f"Engine {pid} runs session {plan.config.tag}. "
        "See it with `autoresearch-tui attach`, stop it with `autoresearch-tui stop`."
    )


@click.command()
@workspace_argument
@session_options
@click.option(
    "--headless", is_flag=True, help="No screen: a line per experiment, a bar on a terminal."
)
def run(path: Path, yes: bool, headless: bool, **flags: Any) -> None:
    """Run the engine in the foreground until the session ends.

    On a terminal it opens the screen first; leave it with q and the lines of --headless go on.
    Ctrl+C stops after the current run, a second Ctrl+C at once. Ends with 7 when the baseline
    cannot be measured.
    """
    workspace = path.resolve()
    refuse_second_engine(workspace)
    screen = not headless and sys.stdout.isatty() and sys.stdin.isatty()
    if screen:
        check_this_terminal()
    workspace, _ = confirm_plan(path, wishes_from(flags), yes=yes)
    run_in_foreground(workspace, screen=screen)


@click.command()
@workspace_argument
@session_options
def baseline(path: Path, yes: bool, **flags: Any) -> None:
    """Measure the file as it is, record it as experiment 1, and stop there."""
    workspace = path.resolve()
    refuse_second_engine(workspace)
    workspace, plan = confirm_plan(path, wishes_from(flags), yes=yes)
    if plan.continues and client.read_session(workspace, plan.config.tag).baseline is not None:
        raise UsageError(
            f"Session {plan.config.tag} has its baseline already.",
            "",
            "See it with `autoresearch-tui results`, or measure anew with --tag NEW.",
        )
    run_in_foreground(workspace, screen=False, baseline_only=True)
