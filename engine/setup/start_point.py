"""Where a new session begins: at the checkout's commit, at what an earlier session left, at any
commit, or on a branch that another tool's session made.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.core.config import ResearchConfig
from engine.core.enums import Direction
from engine.core.errors import AutoresearchError, UsageError, WorkspaceError
from engine.core.session import Session
from engine.setup.config_file import config_path, load_config
from engine.setup.takeover import look_for_session
from engine.store.artifacts import Layout
from engine.store.journal import fold_journal
from engine.store.table_files import read_file
from engine.store.workspace import Workspace

RESULTS = "results.tsv"
BEST, BASE = "best", "base"


class StartPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The commit a session starts from, where that is not the checkout's."""

    commit: str = ""
    adopts: bool = False
    """Whether the session's branch is there already and is gone on with."""
    values: dict[str, object] = {}
    """Settings that come with it."""
    why: dict[str, str] = {}
    notes: tuple[str, ...] = ()


def ended_session(workspace: Path) -> Session | None:
    """The session that the saved config names, if it has ended; None where nothing is to be asked.

    A session whose engine only went away is none: it goes on by itself.
    """
    try:
        if not config_path(workspace).exists():
            return None
        layout = Layout(workspace, load_config(workspace).tag)
        session = fold_journal(layout.journal) if layout.journal.exists() else None
    except AutoresearchError:
        return None  # whoever goes on is told
    return session if session is not None and session.ended is not None else None


def find_start_point(
    workspace: Workspace,
    saved: ResearchConfig | None,
    said: dict[str, object],
    fresh_tag: Callable[[], str],
) -> StartPoint:
    """Understand `--new-from` and `--adopt`, and take both out of what was said.

    Args:
        workspace: Where the session will run.
        saved: The config of the session before.
        said: The person's words; a tag is added where a new session needs one.
        fresh_tag: Makes a tag that is free.

    Raises:
        AutoresearchError: There is no such commit or branch, or the tag is taken.
    """
    start, tag = str(said.pop("new_from", "")), str(said.pop("adopt", ""))
    if start and tag:
        raise UsageError("Only one of --new-from and --adopt.")
    if tag:
        if said.setdefault("tag", tag) != tag:
            raise UsageError("--adopt goes on with a branch of that tag; it takes no other --tag.")
        return _adopt(workspace, tag, saved, said)
    if start:
        said.setdefault("tag", fresh_tag())
        return _start_from(workspace, saved, start, str(said["tag"]))
    return StartPoint()


def _start_from(
    workspace: Workspace, saved: ResearchConfig | None, start: str, tag: str
) -> StartPoint:
    if Layout(workspace.path, tag).journal.exists():
        raise UsageError(
            f"The session {tag!r} exists already.",
            "A new one needs a tag of its own.",
            "Choose another with --tag, or leave it out.",
        )
    name = f"commit {start}"
    if start in (BEST, BASE):
        session = _session_before(workspace, saved, start)
        name = f"the {'best' if start == BEST else 'first commit'} of session {session.config.tag}"
        start = session.frontier if start == BEST else session.base_commit
    words = ("rev-parse", "-q", "--verify", "--end-of-options", f"{start}^{{commit}}")
    commit = None if start.startswith("-") else workspace.git.try_run(*words)
    if commit is None:
        raise UsageError(
            f"There is no {name} in {workspace.top}.",
            "",
            "Name `best`, `base`, a branch or a commit.",
        )
    note = f"The session starts from {name} ({commit[:7]}), not from your checkout."
    return StartPoint(
        commit=commit, notes=(note,) if commit != workspace.head else (), why={"tag": "a new one"}
    )


def _session_before(workspace: Workspace, saved: ResearchConfig | None, what: str) -> Session:
    layout = Layout(workspace.path, saved.tag) if saved is not None else None
    if layout is None or not layout.journal.exists():
        raise UsageError(
            f"There is no earlier session in {workspace.path} whose {what} could be taken.",
            "",
            "Name a branch or a commit with --new-from, or leave it out.",
        )
    return fold_journal(layout.journal)


def _adopt(
    workspace: Workspace, tag: str, saved: ResearchConfig | None, said: dict[str, object]
) -> StartPoint:
    name = str(said.get("results_file", saved.results_file if saved is not None else RESULTS))
    path = workspace.path / name
    if not path.is_file():
        raise WorkspaceError(
            f"There is no {name} in {workspace.path}.",
            "The history of a session without a journal is in its table.",
            "Name it with --results-file.",
        )
    metric = said.get("metric")
    direction = said.get("direction")
    table = read_file(
        path,
        metric=str(metric) if metric else None,
        direction=Direction(str(direction)) if direction else None,
    )
    found = look_for_session(workspace, tag, table, name)
    many = len(found.history.attempts)
    first = (
        f"{many} row{'' if many == 1 else 's'} of {name} become{'s' if many == 1 else ''} the "
        f"history of {found.branch}; what is at its end ({found.tip[:7]}) is measured again."
    )
    values: dict[str, object] = {"direction": found.history.direction, "results_file": name}
    if found.history.metric:
        values["metric"] = found.history.metric
    return StartPoint(
        commit=found.tip,
        adopts=True,
        values=values,
        why=dict.fromkeys(values, f"as in {name}") | {"tag": "of the branch"},
        notes=(first, *found.history.notes),
    )
