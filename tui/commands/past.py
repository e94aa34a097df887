"""Verbs about experiments that are over: overrule, revive, confirm."""

from __future__ import annotations

from pathlib import Path

import click

from engine.core.enums import Verdict
from engine.core.errors import UsageError
from engine.core.text import sanitize
from engine.protocol import commands
from tui.commands.control import BY, answering, tell
from tui.commands.options import json_option, workspace_option

_number_argument = click.argument("number", type=click.IntRange(1))


@click.command()
@_number_argument
@click.argument("verdict", type=click.Choice([Verdict.KEEP.value, Verdict.DISCARD.value]))
@click.option("--reason", help="Why; the agent is told, and it stays in the record.")
@workspace_option
@json_option
def overrule(number: int, verdict: str, reason: str | None, path: Path, as_json: bool) -> None:
    """Keep what was discarded, or discard what was kept. The branch follows by a new commit."""
    why = sanitize(reason or "").strip()
    with answering(as_json):
        if not why:
            raise UsageError("To overrule a verdict needs a reason.", "", 'Add --reason "…".')
    command = commands.OverruleVerdict(
        experiment=number, verdict=Verdict(verdict), reason=why, by=BY
    )
    tell(path, command, as_json=as_json)


@click.command()
@_number_argument
@workspace_option
@json_option
def revive(number: int, path: Path, as_json: bool) -> None:
    """Apply an earlier experiment's edit to the best version as it is now, and run that."""
    tell(path, commands.ReviveExperiment(experiment=number, by=BY), as_json=as_json)


@click.command()
@_number_argument
@workspace_option
@json_option
def confirm(number: int, path: Path, as_json: bool) -> None:
    """Run an earlier experiment once more, exactly as it was."""
    tell(path, commands.ConfirmExperiment(experiment=number, by=BY), as_json=as_json)
