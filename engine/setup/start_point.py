"""Chooses the commit a new session starts from: HEAD, one of an earlier session, or another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.core.config import ResearchConfig
from engine.core.enums import Direction
from engine.core.errors import AutoresearchError, UsageError, WorkspaceError
from engine.core.layout import Layout
from engine.core.session import Session
from engine.setup.config_file import config_path, load_config
from engine.setup.takeover import find_adoption
from engine.store.journal import fold_journal
from engine.store.table_files import read_file
from engine.store.workspace import Workspace

BEST, BASE = "best", "base"
_RESULTS = "results.tsv"


class StartPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The commit that a session starts from (empty: the one checked out), with its settings."""

    commit: str = ""
    adopts: bool = False
    """True if another tool's session, with its existing branch, is continued."""
    values: dict[str, object] = {}
    """The settings that follow from the start point, by name."""
    why: dict[str, str] = {}
    """For each name in `values`, a short text that tells where the value comes from."""
    notes: tuple[str, ...] = ()


def ended_session(workspace: Path) -> Session | None:
    """Return the session that the saved config names if it has ended; else None.

    A session whose engine only stopped has not ended: `start` continues it without a question.
    """
    try:
        if not config_path(workspace).exists():
            return None
        layout = Layout(workspace, load_config(workspace).tag)
        session = fold_journal(layout.journal) if layout.journal.exists() else None
    except AutoresearchError:
        return None  # the plan reports the same error
    return session if session is not None and session.ended is not None else None


def find_start_point(
    workspace: Workspace,
    saved: ResearchConfig | None,
    given: Mapping[str, Any],
    new_from: str,
    adopt: str,
    free_tag: Callable[[], str],
) -> StartPoint:
    """Return the commit and settings that `--new-from` or `--adopt` mean.

    With neither, the start point is the commit that is checked out.

    Args:
        workspace: The workspace in which the session will run.
        saved: The config of the previous session; None where there was none.
        given: The settings given by the user, by name.
        new_from: `best`, `base`, a branch or a commit; empty if not given.
        adopt: Tag of another tool's session, without a journal; empty if not given.
        free_tag: Function that returns an unused tag.

    Raises:
        AutoresearchError: There is no such commit, branch or results table, or the tag is in use.
    """
    if new_from and adopt:
        raise UsageError("Only one of --new-from and --adopt.")
    if adopt:
        if given.get("tag", adopt) != adopt:
            raise UsageError("--adopt continues the branch of that tag; it takes no other --tag.")
        return _adopt(workspace, adopt, saved, given)
    if new_from:
        return _start_from(workspace, saved, new_from, given.get("tag") or free_tag())
    return StartPoint()


def _start_from(
    workspace: Workspace, saved: ResearchConfig | None, revision: str, tag: str
) -> StartPoint:
    if Layout(workspace.path, tag).journal.exists():
        raise UsageError(
            f"The session {tag!r} exists already.",
            "A new one needs a tag of its own.",
            "Choose another with --tag, or leave it out.",
        )
    name = f"commit {revision}"
    if revision in (BEST, BASE):
        session = _session_before(workspace, saved, revision)
        which = "best" if revision == BEST else "first commit"
        name = f"the {which} of session {session.config.tag}"
        revision = session.frontier if revision == BEST else session.base_commit
    command = ("rev-parse", "-q", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    commit = None if revision.startswith("-") else workspace.git.try_run(*command)
    if commit is None:
        raise UsageError(
            f"There is no {name} in {workspace.top}.",
            "",
            "Name `best`, `base`, a branch or a commit.",
        )
    note = f"The session starts from {name} ({commit[:7]}), not from your checkout."
    return StartPoint(
        commit=commit,
        values={"tag": tag},
        why={"tag": "a new one"},
        notes=(note,) if commit != workspace.head else (),
    )


def _session_before(workspace: Workspace, saved: ResearchConfig | None, which: str) -> Session:
    layout = Layout(workspace.path, saved.tag) if saved is not None else None
    if layout is None or not layout.journal.exists():
        raise UsageError(
            f"There is no earlier session in {workspace.path} with a {which} to start from.",
            "",
            "Name a branch or a commit with --new-from, or leave it out.",
        )
    return fold_journal(layout.journal)


def _adopt(
    workspace: Workspace, tag: str, saved: ResearchConfig | None, given: Mapping[str, Any]
) -> StartPoint:
    name = given.get("results_file") or (saved.results_file if saved is not None else _RESULTS)
    path = workspace.path / name
    if not path.is_file():
        raise WorkspaceError(
            f"There is no {name} in {workspace.path}.",
            "The history of a session without a journal is in its table.",
            "Name it with --results-file.",
        )
    direction = given.get("direction")
    table = read_file(
        path,
        metric=given.get("metric"),
        direction=Direction(direction) if direction else None,
    )
    found = find_adoption(workspace, tag, table, name)
    count = len(found.history.attempts)
    rows = f"{count} row of {name} becomes" if count == 1 else f"{count} rows of {name} become"
    first = (
        f"{rows} the history of {found.branch}; its newest commit ({found.tip[:7]}) is measured "
        "again."
    )
    values: dict[str, object] = {"results_file": name}
    if table.direction_known:
        values["direction"] = found.history.direction
    if found.history.metric:
        values["metric"] = found.history.metric
    return StartPoint(
        commit=found.tip,
        adopts=True,
        values={"tag": tag, **values},
        why={"tag": "that of the branch", **dict.fromkeys(values, f"as in {name}")},
        notes=(first, *found.history.notes),
    )
