"""Verbs that start a session or look at a live one: open, run, start, attach, baseline."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from engine import client
from engine.core import events as ev
from engine.core import live
from engine.core.errors import EngineBusyError, EngineGoneError, EnvironmentProblem, UsageError
from engine.core.session import Session
from engine.core.words import StopMode
from engine.setup import Plan, Wishes, make_plan, save_config
from tui.commands.options import session_options, wishes_from, workspace_argument
from tui.plain import Reporter, experiment_line, summary_lines
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
            f"  {name.removesuffix('_seconds'):<16} {value!s:<34}  {click.style(source, dim=True)}"
        )
    for note in plan.notes:
        click.echo(click.style(f"  ! {note}", fg="yellow"))


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


def open_screen(workspace: Path) -> None:
    """Show the live screen until the person leaves; the engine goes on.

    Raises:
        TerminalError: The terminal cannot show it.
        EngineGoneError: No engine answers.
    """
    from tui.terminal.check import prepare_environment

    check_this_terminal()
    theme = prepare_environment()
    from tui.app import SupervisorApp

    app = SupervisorApp(client.EngineLink(workspace), forced_theme=theme)
    left = app.run()
    if left is not None and left.message:
        click.echo(left.message, err=bool(app.return_code))
    if app.return_code:
        sys.exit(app.return_code)
    _say_how_to_come_back(workspace)


def _say_how_to_come_back(workspace: Path) -> None:
    pid = client.engine_pid(workspace)
    session = client.read_session(workspace)
    if pid is not None:
        current = session.current
        doing = f" with experiment {current.number}" if current is not None else ""
        click.echo(f"The engine (pid {pid}) goes on{doing}.")
        click.echo(f"Come back: autoresearch-tui attach {_shown(workspace)}")
        click.echo(f"End it:    autoresearch-tui stop -C {_shown(workspace)}")
        return
    for line in summary_lines(session):
        click.echo(line)
    if session.ended is None:
        click.echo("No engine is at work; what was recorded is safe.")
    click.echo(f"Go on with it: autoresearch-tui start {_shown(workspace)}")


def _shown(path: Path) -> str:
    """A path as a person would type it."""
    with contextlib.suppress(ValueError):
        relative = path.relative_to(Path.cwd())
        return shlex.quote(str(relative))
    return shlex.quote(str(path))


@click.command("open", hidden=True)
@workspace_argument
@session_options
def open_(path: Path, yes: bool, **flags: Any) -> None:
    """Attach to the workspace's engine, or start one after showing the research config."""
    wishes = wishes_from(flags)
    workspace = path.resolve()
    if path.is_dir() and client.engine_pid(workspace) is None:
        check_this_terminal()
        workspace, _ = confirm_plan(path, wishes, yes=yes)
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


def run_in_foreground(workspace: Path, *, screen: bool, baseline_only: bool = False) -> Session:
    """Start an engine and stay until its session has ended.

    Returns:
        The session at its end.

    Raises:
        EnvironmentProblem: The baseline could not be measured.
        AutoresearchError: The engine could not start.
    """
    process, log = client.spawn_engine(workspace)
    client.wait_for_engine(workspace, process, log)
    if screen:
        with contextlib.suppress(EngineGoneError):
            open_screen(workspace)
    session = asyncio.run(Follower(workspace, baseline_only=baseline_only).follow())
    process.wait()
    for line in summary_lines(session):
        click.echo(line)
    return session


class Follower:
    """Prints what happens until the engine is gone, and turns Ctrl+C into a stop."""

    def __init__(self, workspace: Path, *, baseline_only: bool = False) -> None:
        self._workspace = workspace
        self._link = client.EngineLink(workspace)
        self._reporter = Reporter(sys.stdout, terminal=sys.stdout.isatty())
        self._baseline_only = baseline_only
        self._interrupts = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self) -> Session:
        """Until the engine is gone.

        Raises:
            EnvironmentProblem: The baseline could not be measured, so there was nothing to go on
                with.
        """
        try:
            session = await self._link.start()
        except EngineGoneError:
            # So quick that it ended before we could listen; everything is in the journal.
            return client.read_session(self._workspace)
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, self._interrupted)
        self._show_past(session)
        failed = self._baseline_failure(session)
        if self._baseline_only and session.running is not None:
            self._later(live.StopSession(by="command line"))
        if failed is not None:
            self._later(live.StopSession(by="command line", mode=StopMode.NOW))
        async for message in self._link.messages():
            if isinstance(message, live.Progress):
                self._reporter.progress(message)
            elif isinstance(message, live.Happened):
                session = session.apply(message.event)
                self._reporter.event(message.event, session)
                if isinstance(message.event, ev.RunStarted) and self._baseline_only:
                    self._later(live.StopSession(by="command line"))
                if isinstance(message.event, ev.Paused) and failed is None:
                    failed = self._baseline_failure(session)
                    if failed is not None:
                        self._later(live.StopSession(by="command line", mode=StopMode.NOW))
        await self._link.close()
        if failed is not None:
            raise failed
        return session

    def _show_past(self, session: Session) -> None:
        for experiment in session.experiments[-3:]:
            if experiment.verdict is not None:
                self._reporter.line(experiment_line(session, experiment))
        if session.pause is not None:
            self._reporter.line(f"Paused: {session.pause.reason}")

    def _baseline_failure(self, session: Session) -> EnvironmentProblem | None:
        pause = session.pause
        if pause is None or pause.by != "engine" or session.incumbent is not None:
            return None
        return EnvironmentProblem("The baseline could not be measured.", pause.reason, pause.todo)

    def _interrupted(self) -> None:
        self._interrupts += 1
        now = self._interrupts > 1
        self._reporter.line(
            "Stopping now." if now else "Stopping after this run; press Ctrl+C again to stop now."
        )
        mode = StopMode.NOW if now else StopMode.AFTER_RUN
        self._later(live.StopSession(by="command line", mode=mode))

    def _later(self, command: live.AnyCommand) -> None:
        async def send() -> None:
            with contextlib.suppress(EngineGoneError):
                await self._link.send(command)

        task = asyncio.get_running_loop().create_task(send())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
