"""Reads the diffs of a results table's rows from git, by the commit hashes in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine.core.errors import GitMissingError, NoRepositoryError, WorkspaceError
from engine.core.table.model import Table
from engine.replay.commits import Commits
from engine.replay.from_table import TableHistory
from engine.report.figures import listed, many
from engine.report.model import ReportFacts
from engine.report.patches import select_patches
from engine.report.sources import ReportSource


def join_diffs(facts: ReportFacts, table: Table, path: Path, repo: Path | None) -> ReportSource:
    """Return a report's facts of a table together with the diffs that its rows' commits made.

    Without a repository the diffs are empty, and the facts say why.

    Args:
        facts: The facts that the report shows of the table.
        table: The results table, as read.
        path: The path of the table's file.
        repo: A directory in the repository whose commits the rows name; None: the one around
            the table's file.

    Raises:
        WorkspaceError: `repo` is not in a repository.
        GitMissingError: `repo` is given, and git is missing.
    """
    try:
        commits = Commits(repo or path.resolve().parent)
    except (WorkspaceError, GitMissingError) as error:
        if repo is not None:
            raise
        why = f"{error.what} {error.todo}"
        if isinstance(error, NoRepositoryError):
            why = "no git repository is around the file; name one with --repo DIR."
        return _source(facts, {}, f"No diffs: {why}")
    history = TableHistory(table, path, commits)

    def read(number: int) -> str | None:
        if not history.has_commit(number):
            return None
        found = history.diff(number)
        note = f"({found.note})\n" if found.note else ""
        return f"{note}{found.patch}" if found.patch else None

    patches, left = select_patches(facts, read) if history.joined else ({}, 0)
    return _source(facts, patches, _note(history, commits, len(table.rows), len(patches), left))


def _source(facts: ReportFacts, patches: Mapping[int, str], note: str) -> ReportSource:
    reading = (*facts.reading, note)
    return ReportSource(msgspec.structs.replace(facts, diffs=note, reading=reading), patches)


def _note(history: TableHistory, commits: Commits, rows: int, found: int, left: int) -> str:
    """Return a sentence that tells how many rows have a diff, and why the others have none."""
    shallow = " (the clone is shallow)" if commits.is_shallow else ""
    if not history.named:
        return "No diffs: no row names a commit."
    if not history.joined:
        return (
            f"No diffs: none of the {many(history.named, 'commit')} that the rows name is in the "
            f"repository{shallow}; name another with --repo DIR."
        )
    gone, nameless = history.named - history.joined, rows - history.named
    why = [f"{gone} name a commit that is not in the repository{shallow}"] if gone else []
    why += [f"{nameless} name none"] if nameless else []
    why += [f"{left} were not looked at, to spare time and room"] if left else []
    same = history.joined - found - left
    why += [f"{same} changed nothing or have no parent"] if same > 0 else []
    return f"{found} of {many(rows, 'row')} have a diff" + (f"; {listed(why)}." if why else ".")
