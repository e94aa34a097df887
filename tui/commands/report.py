"""The verb `report`: summary, pictures and page of a session, or of anybody's results.tsv."""

from __future__ import annotations

from pathlib import Path

import click

from engine import client, tables
from engine.core.errors import UsageError, WorkspaceError
from engine.core.words import Direction
from engine.report.of_table import facts_of_table
from engine.report.sources import Source, of_workspace, report_directory
from engine.report.write import Format, write_report
from tui.commands.options import json_option
from tui.commands.show import print_json
from tui.plain import one_line

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("place", metavar="[WORKSPACE|FILE]", type=_PATH, required=False)
@click.option(
    "-C",
    "--workspace",
    "at",
    type=_PATH,
    help="The workspace; the current directory by default.",
)
@click.option("--tag", help="Of an earlier session.")
@click.option("--out", metavar="DIR", type=_PATH, help="Where the files go.")
@click.option(
    "--format",
    "wanted",
    metavar="md,png,svg,card,html",
    help="Which files; all by default. The pictures need the extra `report` (matplotlib).",
)
@click.option("--metric", metavar="COLUMN", help="The metric's column of a FILE.")
@click.option(
    "--direction", type=click.Choice(["min", "max"]), help="Which way a FILE's metric improves."
)
@json_option
def report(
    place: Path | None,
    at: Path | None,
    tag: str | None,
    out: Path | None,
    wanted: str | None,
    metric: str | None,
    direction: str | None,
    as_json: bool,
) -> None:
    """Write a summary, the progress picture, a share card and a page of a session.

    Or of any results.tsv: FILE may have any columns and be damaged. The files go into
    `.autoresearch/TAG/report`, or beside FILE into `FILE-report`, or into DIR; their paths are
    printed. The page needs nothing but a browser.
    """
    if place is not None and at is not None:
        raise click.UsageError("The workspace is named twice.")
    formats = formats_from(wanted)
    path = place or at or Path()
    if path.is_dir():
        if metric is not None or direction is not None:
            raise click.UsageError(
                "--metric and --direction are for a FILE; a session knows its own."
            )
        workspace = client.find_workspace(path)
        source, home = _of_session(workspace, tag)
    else:
        if tag is not None:
            raise click.UsageError("--tag is for a workspace, not for a FILE.")
        source, home = _of_file(path, metric, direction, out)
    written = write_report(source.facts, source.patches, out or home, formats)
    if as_json:
        print_json({"files": [str(p) for p in written.paths], "trouble": written.trouble or None})
        return
    for made in written.paths:
        click.echo(one_line(str(made)))
    if written.trouble:
        click.echo(f"Without pictures: {one_line(written.trouble)}", err=True)


def formats_from(wanted: str | None) -> tuple[Format, ...]:
    """The formats that the flag names.

    Raises:
        UsageError: One of them is none.
    """
    if wanted is None:
        return tuple(Format)
    named = [word.strip().lower() for word in wanted.split(",") if word.strip()]
    known = [kind.value for kind in Format]
    for word in named:
        if word not in known:
            raise UsageError(
                f"{word!r} is no format of a report.", f"There are: {', '.join(known)}."
            )
    if not named:
        raise UsageError("--format names no format.", f"There are: {', '.join(known)}.")
    return tuple(kind for kind in Format if kind.value in named)


def _of_session(workspace: Path, tag: str | None) -> tuple[Source, Path]:
    try:
        found = client.read_session(workspace, tag).config.tag
    except WorkspaceError as error:
        table = workspace / "results.tsv"
        if tag is None and not client.has_session(workspace) and table.is_file():
            todo = f"Its table can be reported: autoresearch-tui report {table}"
            raise WorkspaceError(error.what, error.why, todo) from None
        raise
    return of_workspace(workspace, found), report_directory(workspace, found)


def _of_file(
    path: Path, metric: str | None, direction: str | None, out: Path | None
) -> tuple[Source, Path]:
    if out is None and path.exists() and not path.is_file():
        raise UsageError(
            f"{path} is no file beside which a report could lie.", "", "Add --out DIR."
        )
    table = tables.read_file(
        path, metric=metric, direction=Direction(direction) if direction else None
    )
    return Source(facts_of_table(table, path.name), {}), path.with_name(f"{path.stem}-report")
