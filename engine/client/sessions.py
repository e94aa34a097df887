"""Reads the sessions of a workspace from their files, whether an engine runs or not."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from engine.core.analysis.stop_conditions import flags_to_continue
from engine.core.errors import AutoresearchError, JournalError, WorkspaceError
from engine.core.events import AnyEvent
from engine.core.layout import Layout
from engine.core.reducer import fold
from engine.core.session import Session
from engine.protocol.endpoint import lock_holder
from engine.store.journal import fold_journal, read_journal, session_tags
from engine.untrusted_files import read_regular

START = "autoresearch-tui start"
_MOST_BYTES = 16 << 20
"""The most bytes of a patch or of reasoning that are shown."""


class Details(NamedTuple):
    """The patch and reasoning kept of one experiment (empty if not recorded), and its directory."""

    patch: str
    reasoning: str
    directory: Path


def find_workspace(path: Path) -> Path:
    """Return the nearest directory, `path` or one above it, that has sessions; else `path`.

    Raises:
        WorkspaceError: `path` is not a directory.
    """
    if not path.is_dir():
        raise WorkspaceError(
            f"There is no directory {path}.", "", "Name the directory of your workspace."
        )
    start = path.resolve()
    for candidate in (start, *start.parents):
        if session_tags(candidate):
            return candidate
    return start


def has_session(workspace: Path) -> bool:
    """Return whether a workspace has the journal of any session."""
    return bool(session_tags(workspace))


def newest_tag(workspace: Path) -> str:
    """Return the tag of the workspace's session that was written to last.

    Raises:
        WorkspaceError: The workspace has no session.
    """
    tags = session_tags(workspace)
    if not tags:
        raise WorkspaceError(
            f"There is no session in {workspace}.", "", "Start one with `autoresearch-tui` there."
        )
    return tags[-1]


def find_journal(workspace: Path, tag: str | None = None) -> Path:
    """Return the path of a session's journal.

    Args:
        workspace: The workspace that holds the sessions.
        tag: The session's tag; None for the newest one.

    Raises:
        WorkspaceError: There is no such session.
    """
    newest = newest_tag(workspace) if tag is None else tag
    tags = session_tags(workspace)
    if newest not in tags:
        have = f"There are: {', '.join(tags)}." if tags else ""
        raise WorkspaceError(f"There is no session {tag!r} in {workspace}.", have)
    return Layout(workspace, newest).journal


def read_session(workspace: Path, tag: str | None = None) -> Session:
    """Return the state of a session, folded from its journal.

    Args:
        workspace: The workspace that holds the sessions.
        tag: The session's tag; None for the newest one.

    Raises:
        WorkspaceError: There is no such session.
        JournalError: The journal is damaged.
    """
    return fold_journal(find_journal(workspace, tag))


def read_damaged_session(
    workspace: Path, tag: str | None = None
) -> tuple[Session, tuple[str, ...]]:
    """Return the state of a session, folded from the legible lines where its journal is damaged.

    The result is for display only.

    Returns:
        The session, and what is wrong with its journal, in sentences for the user.

    Raises:
        WorkspaceError: There is no such session.
        JournalError: Nothing of the journal can be read.
    """
    notes: tuple[str, ...] = ()
    try:
        session = read_session(workspace, tag)
    except JournalError:
        from engine.store.tolerant_reader import JournalTail

        tail = JournalTail(Layout(workspace, tag or newest_tag(workspace)).journal)
        session = fold(tail.read_new(), tolerant=True)
        notes = ("The journal is damaged; its legible lines are shown.", *tail.notes)
    tag = tag or newest_tag(workspace)
    if session.config.tag != tag:  # its first line, which has the config, is lost
        session = replace(session, config=replace(session.config, tag=tag))
        if not session.seq:
            notes = (f"The journal of {tag} holds no complete line.",)
    return session, notes


def session_events(workspace: Path, tag: str) -> Iterator[AnyEvent]:
    """Return an iterator over the events of a session's journal, oldest first.

    Raises:
        JournalError: The journal is damaged.
    """
    return read_journal(Layout(workspace, tag).journal)


def engine_pid(workspace: Path) -> int | None:
    """Return the process id of the workspace's engine; None if none runs, -1 if unreadable."""
    return lock_holder(workspace)


def start_command(workspace: Path, *, named: bool = False) -> str:
    """Return the shell command that continues a workspace's newest session.

    If a stop condition is reached, which the journal tells, the command includes the flags without
    which the session would end again at once, such as `--max` with a higher limit.

    Args:
        workspace: The workspace that holds the session.
        named: Whether the command is to name the workspace, for use in another directory.
    """
    command = f"{START} {shlex.quote(str(workspace))}" if named else START
    try:
        session = read_session(workspace)
    except AutoresearchError:
        return command
    return f"{command} {flags_to_continue(session)}".rstrip()


def details(workspace: Path, tag: str, number: int) -> Details:
    """Return the patch, reasoning and directory of an experiment; texts not recorded are empty."""
    directory = Layout(workspace, tag).experiment(number)

    def read(name: str) -> str:
        try:
            return read_regular(directory / name, _MOST_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    return Details(read("patch.diff"), read("reasoning.md"), directory)
