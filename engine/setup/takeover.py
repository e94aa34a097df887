"""Finds a session of another tool by its branch and its results.tsv, without writing anything."""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

import msgspec

from engine.core.analysis.takeover import History, ResolvedCommit, hashes_in, history_of
from engine.core.errors import UsageError, WorkspaceError
from engine.core.layout import BRANCH_PREFIX, Layout, RefNames
from engine.core.table.model import Table
from engine.store.workspace import Workspace


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """A session of another tool, without a journal, that can be continued."""

    tag: str
    branch: str
    tip: str
    """The commit at the branch's end, from which the session continues."""
    results_file: str
    history: History


def branches_without_journal(workspace: Workspace) -> list[str]:
    """Return the tags of the branches `autoresearch/<tag>` whose session has no journal."""
    out = workspace.git.run(
        "for-each-ref", "--format=%(refname:lstrip=3)", f"refs/heads/{BRANCH_PREFIX}/"
    )
    return [
        tag for tag in out.split("\n") if tag and not Layout(workspace.path, tag).journal.exists()
    ]


def find_adoption(
    workspace: Workspace, tag: str, table: Table, name: str, *, begun: bool = False
) -> Adoption:
    """Find another tool's session on a branch and read its history from its results table.

    Args:
        workspace: The workspace whose repository has the session's branch.
        tag: The part of the branch's name after `autoresearch/`.
        table: The session's results table, as read.
        name: The file name of the table in the workspace.
        begun: Whether an engine that was killed at its start has already begun a journal.

    Raises:
        UsageError: There is no such branch, the session has a journal, or the table has no row.
        WorkspaceError: The branch is checked out, so an engine could not move it.
    """
    branch = RefNames(tag).branch
    if Layout(workspace.path, tag).journal.exists() and not begun:
        raise UsageError(
            f"The session {tag!r} has a journal already.",
            "",
            "Continue it: autoresearch-tui --continue",
        )
    tip = workspace.branch_commit(tag)
    if tip is None:
        have = ", ".join(branches_without_journal(workspace)[:8])
        raise UsageError(
            f"There is no branch {branch} in {workspace.top}.",
            f"Branches without a journal: {have}." if have else "",
            "Name the part after `autoresearch/`.",
        )
    if workspace.has_refs(tag):
        raise WorkspaceError(
            f"Commits of an earlier session {tag!r} are still referenced here, but its "
            "journal is gone.",
            "A session of that name would release them.",
            f"Adopt the branch under another name: `git branch {branch}-2 {branch}`, then "
            f"`--adopt {tag}-2`.",
        )
    if not table.rows:
        raise UsageError(f"{name} has no row.", "", "Start a new session without --adopt.")
    where = workspace.checked_out_at(f"refs/heads/{branch}")
    if where:
        raise WorkspaceError(
            f"The branch {branch} is checked out in {where}.",
            "The engine moves the branch, and that checkout would look changed.",
            f"Run `git -C {where} switch --detach` first; it changes no file.",
        )
    known = _resolve(workspace, hashes_in(table), tip)
    line = _own_commits(workspace, tip)
    return Adoption(
        tag=tag,
        branch=branch,
        tip=tip,
        results_file=name,
        history=history_of(table, known, line, branch),
    )


def _resolve(workspace: Workspace, names: list[str], tip: str) -> dict[str, ResolvedCommit]:
    """Return the existing commits by the abbreviated hashes that name them, found by one git call.

    Args:
        workspace: The workspace whose repository is searched.
        names: Hashes as the results table has them.
        tip: The commit at the end of the session's branch.
    """
    if not names:
        return {}
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{name}^{{commit}}\n" for name in names).encode())
        file.seek(0)
        # A name that fits none or several commits is answered with `… missing` or `… ambiguous`.
        out = workspace.git.run(
            "cat-file", "--batch-check=%(objectname)", stdin=cast(BinaryIO, file)
        )
    on_branch = set(workspace.git.run("rev-list", tip).split())
    found = {}
    for name, answer in zip(names, out.splitlines(), strict=False):
        if answer.startswith(name) and " " not in answer:
            found[name] = ResolvedCommit(commit=answer, on_branch=answer in on_branch)
    return found


def _own_commits(workspace: Workspace, tip: str) -> list[str]:
    """Return the hashes of the commits up to `tip` that no user's branch has, oldest first."""
    out = workspace.git.try_run(
        *("rev-list", "--reverse", "--first-parent", tip),
        *("--not", f"--exclude={BRANCH_PREFIX}/*", "--branches"),
        # A pushed session is the same session, not another one.
        *(f"--exclude=*/{BRANCH_PREFIX}/*", "--remotes"),
    )
    return (out or "").split()
