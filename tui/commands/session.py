"""The verbs that start a session: open, run, start, baseline."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from engine.client import launch
from engine.client.sessions import find_workspace, read_session
from engine.core.errors import (
    AutoresearchError,
    EngineBusyError,
    UsageError,
    unknown_direction,
)
from engine.core.text import one_line
from engine.setup.confirmation import unconfirmed
from engine.setup.plan import Plan, StartFlags, make_plan, save_plan
from tui.commands.ended_choice import choose_for_ended
from tui.commands.foreground import run_in_foreground
from tui.commands.options import workspace_argument
from tui.commands.output import echo, prompt, style
from tui.commands.plan_answers import find_line, read_answer
from tui.commands.plan_lines import plan_lines
from tui.commands.results import terminal_width
from tui.commands.session_options import session_options, start_flags
from tui.commands.window import attach_to
from tui.terminal.check import check_this_terminal

_ASK = "Start with it? [Y/n, or the number or name of a line to change it]"


def confirm_plan(path: Path, flags: StartFlags, *, yes: bool) -> tuple[Path, Plan]:
    """Show a session's plan, ask the user to confirm or change it, and save it.

    A session that continues exactly as it was confirmed before is not asked about again.

    Args:
        path: The workspace.
        flags: The values that the user gave on the command line.
        yes: Whether `--yes` was given: nothing is asked.

    Returns:
        The workspace's absolute path and the confirmed plan.

    Raises:
        AutoresearchError: The workspace or a flag is invalid, or there is no terminal to ask on.
        click.Abort: The user declined.
    """
    today = datetime.now().astimezone().date()
    plan = make_plan(path, flags, today)
    workspace = path.resolve()
    if plan.unknown_direction and (yes or not sys.stdin.isatty()):
        why = plan.unknown_direction
        raise unknown_direction(plan.config.metric, f"{why[:1].upper()}{why[1:]}.")
    is_confirmed = plan.continues and not plan.unconfirmed
    if not (is_confirmed and yes):
        show_plan(plan, workspace)
    if not yes and not is_confirmed:
        if not sys.stdin.isatty():
            raise unconfirmed(plan.unconfirmed)
        answers: dict[str, object] = {}
        while plan.unknown_direction:
            plan = _change(plan, path, flags, answers, "direction")
        while (word := prompt(_ASK, default="y", show_default=False).strip()) != "y":
            if word.lower() in ("n", "no", "q"):
                raise click.Abort
            if word.lower() in ("", "yes"):
                break
            plan = _change(plan, path, flags, answers, word)
    save_plan(workspace, plan)
    return workspace, plan


def show_plan(plan: Plan, workspace: Path) -> None:
    """Print the plan's settings, each with where its value comes from, and its notes."""
    for line in plan_lines(plan, workspace, terminal_width()):
        echo(line)


def _change(
    plan: Plan, path: Path, flags: StartFlags, answers: dict[str, object], word: str
) -> Plan:
    """Ask for another value of one line of the plan, and print the changed plan.

    Args:
        plan: The plan as shown.
        path: The workspace.
        flags: The values that the user gave on the command line.
        answers: The settings changed so far; a valid answer is added.
        word: The number or name of the line.

    Returns:
        The changed plan; the same one where the answer is invalid, which is printed.
    """
    try:
        line = find_line(plan, word)
        echo(f"{line.label}: {line.answer}")
        default = None if line.is_unknown else one_line(line.value)
        text = prompt("now", default=default, prompt_suffix=": ")
        if text == default:
            return plan
        given = answers | read_answer(line.name, text)
        changed = make_plan(path, flags, datetime.now().astimezone().date(), given)
    except AutoresearchError as error:
        echo(style(one_line(str(error)), fg="red"))
        return plan
    answers.update(given)
    show_plan(changed, path.resolve())
    return changed


def refuse_second_engine(workspace: Path) -> None:
    """Raise an error if an engine runs in the workspace; stop one whose session has ended.

    Raises:
        EngineBusyError: An engine is running a session.
    """
    pid = launch.running_engine(workspace)
    if pid is not None and not launch.stop_ended_engine(workspace):
        raise EngineBusyError(
            f"An engine is already at work in {workspace} (pid {pid}).",
            "One workspace has one engine.",
            "See it with `autoresearch-tui attach`, or stop it with `autoresearch-tui stop`.",
        )


@click.command("open", hidden=True)
@workspace_argument
@session_options
@click.option("--continue", "continued", is_flag=True, help="Continue a session that has ended.")
@click.option("--look", is_flag=True, help="Only show it; no engine is started.")
@click.pass_context
def open_(
    context: click.Context, /, path: Path, yes: bool, continued: bool, look: bool, **flags: Any
) -> None:
    """Attach to the workspace's engine, or start one after showing the research config.

    If the session has ended, asks whether to continue it, start a new one, or only show it.
    """
    given = start_flags(flags)
    workspace = find_workspace(path)
    if launch.running_engine(workspace) is None:
        check_this_terminal()
        given, only_look = choose_for_ended(
            workspace, given, yes=yes, continued=continued, look=look
        )
        if only_look:
            from tui.commands.replay import replay

            context.invoke(replay, source=str(workspace))
            return
        workspace, _ = confirm_plan(workspace, given, yes=yes)
        launch.start_engine(workspace)
    attach_to(workspace)


@click.command()
@workspace_argument
@session_options
def start(path: Path, yes: bool, **flags: Any) -> None:
    """Start the engine detached, or continue a session that ended.

    The engine survives this terminal, a lost SSH connection and a log-out. See it with `attach`.
    """
    workspace = path.resolve()
    refuse_second_engine(workspace)
    workspace, plan = confirm_plan(path, start_flags(flags), yes=yes)
    pid = launch.start_engine(workspace)
    echo(
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

    On a terminal it opens the screen first; leave it with q and the lines of --headless follow.
    Ctrl+C stops after the current run, a second Ctrl+C at once. The exit code is 7 if the baseline
    cannot be measured.
    """
    workspace = path.resolve()
    refuse_second_engine(workspace)
    screen = not headless and sys.stdout.isatty() and sys.stdin.isatty()
    if screen:
        check_this_terminal()
    workspace, _ = confirm_plan(path, start_flags(flags), yes=yes)
    run_in_foreground(workspace, screen=screen)


@click.command()
@workspace_argument
@session_options
def baseline(path: Path, yes: bool, **flags: Any) -> None:
    """Measure the file as it is, as experiment 1, and stop."""
    workspace = path.resolve()
    refuse_second_engine(workspace)
    workspace, plan = confirm_plan(path, start_flags(flags), yes=yes)
    if plan.continues and read_session(workspace, plan.config.tag).baseline is not None:
        raise UsageError(
            f"Session {plan.config.tag} has its baseline already.",
            "",
            "See it with `autoresearch-tui results`, or measure again with --tag NEW.",
        )
    run_in_foreground(workspace, screen=False, baseline_only=True)
