"""The verbs about finished experiments: overrule, revive, confirm."""

from __future__ import annotations

from pathlib import Path

import click

from engine.core.enums import Verdict
from engine.core.errors import UsageError
from engine.core.text import sanitize
from engine.protocol import commands
from tui.commands.control import json_errors, send_and_print
from tui.commands.options import json_option, workspace_option

_number_argument = click.argument("number", type=click.IntRange(1))


@click.command()
@_number_argument
@click.argument("verdict", type=click.Choice([Verdict.KEEP.value, Verdict.DISCARD.value]))
@click.option("--reason", help="Why; the agent gets this reason, and it is recorded.")
@workspace_option
@json_option
def overrule(number: int, verdict: str, reason: str | None, path: Path, as_json: bool) -> None:
    """Keep what was discarded, or discard what was kept. The branch gets a new commit."""
    why = sanitize(reason or "").strip()
    with json_errors(as_json):
        if not why:
            raise UsageError("Overruling a verdict needs a reason.", "", 'Add --reason "…".')
    command = commands.OverruleVerdict(experiment=number, verdict=Verdict(verdict), reason=why)
    send_and_print(path, command, as_json=as_json)


@click.command()
@_number_argument
@workspace_option
@json_option
def revive(number: int, path: Path, as_json: bool) -> None:
    """Run an earlier experiment's edit on the current best version."""
    send_and_print(path, commands.ReviveExperiment(experiment=number), as_json=as_json)


@click.command()
@_number_argument
@workspace_option
@json_option
def confirm(number: int, path: Path, as_json: bool) -> None:
    """Run an earlier experiment once more, exactly as it was."""
    send_and_print(path, commands.ConfirmExperiment(experiment=number), as_json=as_json)
