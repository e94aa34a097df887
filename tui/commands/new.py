"""The verbs that make a workspace from the bundled harness: init, demo."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path

import click

from engine.client import launch
from engine.client.sessions import has_session
from engine.core.enums import Outcome
from engine.core.errors import EnvironmentProblem
from engine.core.session import Session
from engine.core.text import one_line
from engine.setup.confirmation import forget_confirmation
from engine.setup.new_workspace import make_workspace
from engine.setup.plan import StartFlags
from tui.commands.foreground import run_in_foreground
from tui.commands.options import PathType
from tui.commands.output import echo
from tui.commands.session import confirm_plan, refuse_second_engine
from tui.commands.window import attach_to
from tui.terminal.check import check_this_terminal

_PROFILES = ("auto", "cpu", "mps", "6gb", "24gb", "40gb", "80gb")
_SMOKE_BUDGET_SECONDS = 8.0
_SMOKE_EXPERIMENTS = 3
_DEMO_BUDGET_SECONDS = {"cpu": 15.0, "mps": 30.0}
_DEMO_GPU_BUDGET_SECONDS = 60.0

_COMMAND = f"{shlex.quote(sys.executable)} train.py"
"""The extra `harness` has installed PyTorch with this program."""


def _make(directory: Path, profile: str) -> str:
    from harness.profiles import detect_profile, workspace_files

    name = detect_profile() if profile == "auto" else profile
    make_workspace(directory, workspace_files(name))
    return name


@click.command()
@click.argument("directory", type=PathType(), default=Path("autoresearch-workspace"))
@click.option(
    "--profile",
    type=click.Choice(_PROFILES),
    default="auto",
    show_default=True,
    help="Hardware for which its files are set up.",
)
def init(directory: Path, profile: str) -> None:
    """Make a new workspace with the bundled harness.

    It is a git repository with a first commit.
    """
    from harness.profiles import PROFILES, gpu_memory_bytes

    name = _make(directory, profile)
    echo(f"Made {directory} for the profile {name}.")
    if profile == "auto" and set(gpu_memory_bytes()) == {None}:
        echo("The driver does not tell the GPU's memory: --profile chooses larger sizes.")
    source = PROFILES[name].recommended_source
    if source != "stdlib":
        echo(
            "Its data is the source text of Python's standard library, which a GPU reads many "
            f"times over. For real work: `python prepare.py --source {source} --write` there, and "
            "commit constants.py."
        )
    echo(f"Start with `autoresearch-tui {directory}`.")


@click.command()
@click.argument("directory", type=PathType(), required=False)
@click.option(
    "--smoke",
    is_flag=True,
    help="Three experiments without a screen, then a verdict on this machine.",
)
def demo(directory: Path | None, smoke: bool) -> None:
    """Train a small real model on this machine and watch it improve.

    Makes a workspace in DIRECTORY (autoresearch-demo by default) if there is none. Leave with q and
    come back with the same command.
    """
    if smoke:
        _smoke(directory)
        return
    where = directory if directory is not None else Path("autoresearch-demo")
    check_this_terminal()
    new = not (where / "train.py").is_file()
    if new:
        name = _make(where, "auto")
        echo(f"Made {where} for the profile {name}.")
    workspace = where.resolve()
    if launch.running_engine(workspace) is None:
        # A directory that was there already may be another person's work: it is asked about.
        confirm_plan(where, _demo_flags(workspace), yes=new)
        launch.start_engine(workspace)
    attach_to(workspace)


def _demo_flags(workspace: Path) -> StartFlags:
    from harness.profiles import detect_profile

    if has_session(workspace):
        return StartFlags()
    budget = _DEMO_BUDGET_SECONDS.get(detect_profile(), _DEMO_GPU_BUDGET_SECONDS)
    return StartFlags(
        settings={
            "tag": "demo",
            "budget_seconds": budget,
            "agent": "search",
            "command": _COMMAND,
        }
    )


def _smoke(directory: Path | None) -> None:
    if directory is not None:
        session = _smoke_in(directory)
        kept = directory
    else:
        with tempfile.TemporaryDirectory(
            prefix="autoresearch-smoke-", ignore_cleanup_errors=True
        ) as name:
            workspace = Path(name) / "workspace"
            try:
                session = _smoke_in(workspace)
            finally:
                forget_confirmation(workspace)
        kept = None
    bad = [e for e in session.experiments if e.outcome is not Outcome.FINISHED]
    best = session.best_metric
    if len(session.experiments) < _SMOKE_EXPERIMENTS or best is None or bad:
        why = (
            f"{len(bad)} of {len(session.experiments)} runs did not finish"
            if bad
            else "too few experiments"
        )
        echo(f"NOT READY: {why}.")
        for experiment in bad:
            run = experiment.run
            outcome = run.outcome.value if run is not None and run.outcome is not None else "open"
            echo(f"  #{experiment.number}: {outcome}: {one_line(run.detail) if run else ''}")
        sys.exit(1)
    where = f" The workspace is {kept}." if kept is not None else ""
    echo(f"READY: this machine trains, measures and keeps.{where}")


def _smoke_in(directory: Path) -> Session:
    _make(directory, "auto")
    refuse_second_engine(directory.resolve())
    flags = StartFlags(
        settings={
            "tag": "smoke",
            "budget_seconds": _SMOKE_BUDGET_SECONDS,
            "max_experiments": _SMOKE_EXPERIMENTS,
            "agent": "search",
            "command": _COMMAND,
        }
    )
    workspace, _ = confirm_plan(directory, flags, yes=True)
    try:
        return run_in_foreground(workspace, screen=False)
    except EnvironmentProblem as error:
        echo(f"NOT READY: {error}")
        sys.exit(error.exit_code)
