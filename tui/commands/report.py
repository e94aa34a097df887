"""The verb `report`: writes summary, pictures and page of a session, or of any results.tsv."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click
import msgspec

from engine.client.sessions import find_workspace, read_damaged_session
from engine.core.enums import Direction
from engine.core.errors import UsageError
from engine.core.session import Session
from engine.core.text import one_line
from engine.report.model import ReportFacts
from engine.report.sources import ReportSource, load_session, report_directory
from engine.report.suggest import model_of
from engine.report.suggestions import ask_and_save
from engine.report.table_facts import facts_of_table
from engine.report.write import Format, write_report
from engine.store import table_files as tables
from tui.commands.bare_table import explain_bare_table
from tui.commands.options import (
    ANY_PATH,
    column_options,
    json_option,
    place_argument,
    reject_session_flags,
    reject_table_flags,
    repo_option,
    tag_option,
)
from tui.commands.output import echo, print_json


@click.command()
@place_argument
@tag_option
@click.option("--out", metavar="DIR", type=ANY_PATH, help="Directory for the files.")
@click.option(
    "--format",
    "names",
    metavar="md,png,svg,card,html",
    help="Which files; all by default. png and card need the extra `report` (matplotlib).",
)
@column_options
@repo_option
@click.option(
    "--suggest/--no-suggest",
    default=None,
    help="Ask the session's language model for next steps, which costs a call; or leave out its "
    "earlier answer. By default that answer is shown if nothing new was measured since.",
)
@json_option
def report(
    path: Path,
    tag: str | None,
    out: Path | None,
    names: str | None,
    metric: str | None,
    direction: str | None,
    repo: Path | None,
    suggest: bool | None,
    as_json: bool,
) -> None:
    """Write a summary, a chart, a share card and an HTML page.

    They are of a session, or of any results.tsv: FILE may have any columns and be damaged. They go
    into `.autoresearch/TAG/report`, or beside FILE into `FILE-report`, or into DIR; their paths are
    printed. The page needs nothing but a browser.
    """
    formats = formats_from(names)
    if path.is_dir():
        reject_table_flags(metric=metric, direction=direction, repo=repo)
        source, home = _of_session(find_workspace(path), tag, suggest)
    else:
        reject_session_flags(tag=tag, suggest=suggest)
        source, home = _of_file(path, metric, direction, repo, out, formats)
    written = write_report(source.facts, source.patches, out or home, formats)
    if as_json:
        suggested = source.facts.suggested
        print_json(
            {
                "files": [str(p) for p in written.paths],
                "trouble": written.error or None,
                "suggested": msgspec.to_builtins(suggested) if suggested is not None else None,
            }
        )
        return
    for file in written.paths:
        echo(one_line(str(file)))
    if written.error:
        echo(f"Without pictures: {one_line(written.error)}", err=True)


def formats_from(names: str | None) -> tuple[Format, ...]:
    """Return the report formats that the flag --format names; all for None.

    Raises:
        UsageError: A format is unknown, or the flag names none.
    """
    if names is None:
        return tuple(Format)
    named = [word.strip().lower() for word in names.split(",") if word.strip()]
    known = [kind.value for kind in Format]
    for word in named:
        if word not in known:
            raise UsageError(f"Invalid report format: {word!r}.", f"There are: {', '.join(known)}.")
    if not named:
        raise UsageError("--format names no format.", f"There are: {', '.join(known)}.")
    return tuple(kind for kind in Format if kind.value in named)


def _of_session(
    workspace: Path, tag: str | None, suggest: bool | None
) -> tuple[ReportSource, Path]:
    todo = "Its table can be reported: autoresearch-tui report {table}"
    with explain_bare_table(workspace, tag, todo):
        session, damage = read_damaged_session(workspace, tag)
    for note in damage:
        echo(one_line(note), err=True)
    found = session.config.tag  # the directory's, even if the journal is damaged
    source = load_session(workspace, found)
    if suggest is False:
        source = source._replace(facts=msgspec.structs.replace(source.facts, suggested=None))
    elif suggest:
        source = source._replace(facts=_asked(workspace, session, source.facts))
    return source, report_directory(workspace, found)


def _asked(workspace: Path, session: Session, facts: ReportFacts) -> ReportFacts:
    model = model_of(session.config)
    if not model:
        raise UsageError(
            f"The session {session.config.tag!r} has no language model to ask.",
            f"Its proposals come from the agent {session.config.agent!r}.",
            "Leave --suggest out.",
        )
    if facts.suggested is not None and facts.suggested.steps:
        echo("Nothing was measured since it was asked; its answer is shown again.", err=True)
        return facts
    echo(f"Asking {one_line(model)} for next steps …", err=True)
    facts = ask_and_save(facts, session, workspace)
    if facts.suggested is not None and facts.suggested.error:
        echo(one_line(facts.suggested.error), err=True)
    return facts


def _of_file(
    path: Path,
    metric: str | None,
    direction: str | None,
    repo: Path | None,
    out: Path | None,
    formats: Collection[Format],
) -> tuple[ReportSource, Path]:
    if out is None and path.exists() and not path.is_file():
        raise UsageError(f"A report cannot be written beside {path}.", "", "Add --out DIR.")
    table = tables.read_file(
        path,
        metric=metric,
        direction=Direction(direction) if direction else None,
        needs_direction=True,
    )
    home = path.with_name(f"{path.stem}-report")
    facts = facts_of_table(table, path.name)
    if Format.HTML not in formats:
        return ReportSource(facts, {}), home
    from tui.commands.table_diffs import join_diffs

    return join_diffs(facts, table, path, repo), home
