"""The verb `repair`: drops the lines of a damaged journal that cannot be kept."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from engine.client.repair import JournalRepair, begin_repair, drop_lost_rows, repair_journal
from engine.client.sessions import find_workspace
from engine.core.errors import JournalError
from engine.core.text import one_line, plural
from engine.setup.engine_files import check_results_file
from tui.commands.options import tag_option, workspace_option
from tui.commands.output import confirm_or_abort, echo

_TEXT_CHARACTERS = 60


@click.command()
@tag_option
@workspace_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def repair(tag: str | None, path: Path, yes: bool) -> None:
    """Drop the lines of a damaged journal that cannot be kept.

    The lines are shown first, and the damaged journal is kept beside the new one. An event
    whose predecessor is lost is dropped too, with all later ones, and so are the rows of these
    experiments in results.tsv, of which a copy is kept; commits stay.
    """
    workspace = find_workspace(path)
    with begin_repair(workspace, tag) as (name, planned):
        if not planned.is_needed:
            echo(f"The journal of {name} is not damaged.")
            return
        for line in _lines(planned):
            echo(line)
        kept = plural(len(planned.kept), "event")
        if not planned.kept:
            raise JournalError(
                f"Nothing of the journal of {name} can be kept.",
                "Its first event is lost.",
                "Restore it from a backup, or start a session with another --tag.",
            )
        if not yes:
            confirm_or_abort(f"Write the journal of {name} with {kept}?", "The repair")
        check_results_file(workspace, planned.session.results_file)
        # First the table: the engine puts its rows back where the journal is not repaired.
        table = drop_lost_rows(workspace, planned)
        aside = repair_journal(planned)
        echo(f"The journal of {name} has {kept} now; the damaged one is kept as {aside.name}.")
        if table is not None:
            file = planned.session.results_file
            echo(f"Rows of {file} were dropped too; the table as it was is kept as {table.name}.")


def _lines(planned: JournalRepair) -> list[str]:
    if not planned.dropped:
        return ["The lines of the journal are in the wrong order; none is lost."]
    lines = ["These lines cannot be kept:"]
    for reason, group in groupby(planned.dropped, key=lambda dropped: dropped.reason):
        first, *others = group
        text = one_line(first.text.decode("utf-8", "replace"))[:_TEXT_CHARACTERS]
        lines.append(f"  line {first.number}: {reason}: {text}")
        if others:
            lines.append(
                f"  and {plural(len(others), 'more line')}, up to line {others[-1].number}"
            )
    return lines
