"""Opens what the user wants to replay: a workspace, a session, a journal or a results table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.client.sessions import engine_pid, find_workspace
from engine.core.enums import NOT_RECORDED, Direction
from engine.core.errors import (
    GitMissingError,
    NoRepositoryError,
    UsageError,
    WorkspaceError,
)
from engine.core.layout import HOME_NAME, Layout
from engine.core.session import Session
from engine.core.table import BadRow, Table
from engine.replay.commits import Commits, Diff
from engine.replay.from_table import TableHistory
from engine.replay.recording import Recording
from engine.store import table_files as tables
from engine.store.curve_file import CurveFile
from engine.store.journal import session_tags
from engine.store.prompts import read_prompt
from engine.store.tolerant_reader import JournalTail
from engine.untrusted_files import open_regular

JOURNAL = "journal.jsonl"
TABLE = "results.tsv"


class ReplaySource:
    """A recording to replay, with access to diffs, prompts and logs that are not in its events.

    Args:
        path: The journal or table that is replayed.
        recording: Its events.
    """

    def __init__(self, path: Path, recording: Recording) -> None:
        self.path = path
        self.recording = recording
        self.notes: tuple[str, ...] = ()
        """Notes on the file that are shown to the user before the replay."""
        self.left_out: Sequence[BadRow] = ()
        """Lines of the file that could not be read."""
        self.table: Table | None = None
        """The table that is replayed; None for a journal."""

    @property
    def from_table(self) -> bool:
        """Return whether the source is a table without a journal."""
        return False

    @property
    def workspace(self) -> Path:
        """Return the workspace that the replayed file belongs to, else the file's directory."""
        return self.path.parent

    def is_live(self) -> bool:
        """Return whether an engine may still append events to the replayed file."""
        return False

    def refresh(self) -> bool:
        """Read events appended since the last call into the recording; return whether any were."""
        return False

    def diff(self, number: int, step: int) -> Diff:
        """Return the diff of what an experiment changed; may run git, which takes milliseconds.

        Args:
            number: Number of the experiment.
            step: Number of events up to the moment that is shown.
        """
        raise NotImplementedError

    def needs_git(self, number: int) -> bool:
        """Return whether `diff` runs git for this experiment."""
        return False

    def reasoning(self, number: int, step: int) -> str:
        """Return the agent's reasoning for an experiment, as it was after `step` events."""
        return self.recording.proposal_text(number, step)[1]

    def prompt(self, key: str) -> str | None:
        """Return the text of a prompt to the agent by its key; None if it is not recorded."""
        return None

    def cumulative(self, session: Session) -> Diff:
        """Return the diff of all kept changes from the baseline to a session's incumbent.

        Args:
            session: The session at the moment that is shown.
        """
        raise NotImplementedError

    def directory(self, number: int) -> Path:
        """Return the directory with an experiment's files, such as logs; it may not exist."""
        return self.path.parent

    def log_path(self, number: int, run: int) -> Path | None:
        """Return the path of the log of one run of an experiment; None if there is none."""
        return None

    def curve_file(self, number: int, run: int) -> CurveFile | None:
        """Return the file of a run's loss curve; None where the source has no files of runs."""
        return None


class JournalSource(ReplaySource):
    """A session's journal as the source of a replay; read further while it grows.

    Args:
        path: The journal.
        repo: The repository with the session's commits; None: that of its workspace.
    """

    def __init__(self, path: Path, repo: Path | None = None) -> None:
        self._tail = JournalTail(path)
        super().__init__(path, Recording(self._tail.read_new()))
        self.left_out = self._tail.left_out
        self._repo = repo
        self._workspace = _workspace_of(path)
        cut: tuple[str, ...] = ()
        if self._tail.unfinished and not self.is_live():
            cut = ("It ends in the middle of a line, which the engine never acted on.",)
        self.notes = (*self._tail.notes, *cut)

    @property
    def workspace(self) -> Path:
        """Return the session's workspace, or the journal's directory if it was moved."""
        return self._workspace or self.path.parent

    def is_live(self) -> bool:
        """Return whether an engine is running in the journal's workspace."""
        return self._workspace is not None and engine_pid(self._workspace) is not None

    def refresh(self) -> bool:
        """Read the events appended to the journal since the last call; return whether any were."""
        events = self._tail.read_new()
        self.recording.extend(events)
        return bool(events)

    def diff(self, number: int, step: int) -> Diff:
        """Return the patch that the journal records for an experiment; empty if it has none yet."""
        return Diff(self.recording.proposal_text(number, step)[0])

    def prompt(self, key: str) -> str | None:
        """Return a prompt saved beside the journal, by its key; None if there is none."""
        return read_prompt(self.path.parent, key)

    def cumulative(self, session: Session) -> Diff:
        """Return the diff from the session's base to its frontier, or a note; runs git."""
        if session.frontier == session.base_commit:
            return Diff(note="Nothing was kept yet, so nothing changed.")
        try:
            commits = Commits(self._repo or self.workspace)
        except (WorkspaceError, GitMissingError) as error:
            return Diff(note=f"Diff {NOT_RECORDED}: {error}")
        found = commits.find([session.base_commit, session.frontier])
        if len(found) < 2:
            return Diff(note=f"Diff {NOT_RECORDED}: its commits are not in {commits.directory}.")
        return commits.between(session.base_commit, session.frontier)

    def directory(self, number: int) -> Path:
        """Return the directory with an experiment's files beside the journal; it may not exist."""
        return self.path.parent / "experiments" / f"{number:04d}"

    def log_path(self, number: int, run: int) -> Path | None:
        """Return the path beside the journal of the log of an experiment's run; None if none."""
        path = self.directory(number) / f"run-{run}" / "run.log"
        return path if path.exists() else None

    def curve_file(self, number: int, run: int) -> CurveFile | None:
        """Return the file of a run's loss curve beside the journal; it may not exist."""
        return CurveFile(self.directory(number) / f"run-{run}")


class TableSource(ReplaySource):
    """A results table as the source of a replay, with the git repository around it.

    Args:
        path: The table.
        repo: A directory in the repository with its commits; None: the one around the table.
        metric: The metric's column; None: inferred.
        direction: Which way the metric improves; None: inferred.
    """

    def __init__(
        self,
        path: Path,
        repo: Path | None = None,
        metric: str | None = None,
        direction: Direction | None = None,
    ) -> None:
        table = tables.read_file(path, metric=metric, direction=direction, needs_direction=True)
        commits, warnings = _repository(path, repo)
        self._history = TableHistory(table, path, commits)
        super().__init__(path, self._history.recording())
        self.table = table
        self.left_out = table.bad
        self.notes = (*warnings, *self._history.notes.at_start())

    @property
    def from_table(self) -> bool:
        """Return True: the source is a table without a journal."""
        return True

    def needs_git(self, number: int) -> bool:
        """Return whether the experiment's commit exists, so that `diff` runs git for it."""
        return self._history.has_commit(number)

    def diff(self, number: int, step: int) -> Diff:
        """Return the diff of an experiment's commit from git, or a note; `step` does not matter."""
        return self._history.diff(number)

    def cumulative(self, session: Session) -> Diff:
        """Return the diff from the first kept row to the session's incumbent, or a note."""
        first = next((e.number for e in session.experiments if e.advanced), 0)
        if session.incumbent is None or session.incumbent == first:
            return Diff(note="Nothing was kept after the baseline yet, so nothing changed.")
        return self._history.cumulative(first, session.incumbent)


def open_source(
    name: str | None,
    repo: Path | None = None,
    metric: str | None = None,
    direction: Direction | None = None,
) -> ReplaySource:
    """Find and load what the user named, to replay it.

    Args:
        name: A workspace, a tag, a journal or a table; None: the workspace around the current
            directory.
        repo: The repository that has the commits of a table's rows, and the sessions for a tag.
        metric: The column of a table that holds the metric; None: inferred.
        direction: Which way a table's metric improves; None: inferred.

    Raises:
        WorkspaceError: The source does not exist or cannot be read.
        UsageError: It is neither a journal nor a table, or the flags do not fit it.
        JournalError: No part of a journal can be read.
    """
    path, note = _path_of(name, repo)
    if not _is_journal(path):
        source: ReplaySource = TableSource(path, repo, metric, direction)
    elif metric is not None or direction is not None:
        raise UsageError("--metric and --direction are for a table; a session knows its own.")
    else:
        source = JournalSource(path, repo)
    if note:
        source.notes = (note, *source.notes)
    return source


def _path_of(name: str | None, repo: Path | None) -> tuple[Path, str]:
    """Return the journal or table that the user named, and a note if the name is ambiguous.

    Raises:
        WorkspaceError: There is no such file, directory or session.
    """
    given = Path(name) if name is not None else Path()
    here = find_workspace(repo if repo is not None and repo.is_dir() else Path())
    tags = session_tags(here)
    if given.is_dir():
        note = ""
        if name in tags:
            note = f"{name!r} is a directory and a session's tag; the directory is shown."
        return _in_directory(given), note
    if given.exists():
        return given, ""
    if name in tags:
        return Layout(here, str(name)).journal, ""
    existing = f"The sessions here are: {', '.join(tags)}." if tags else ""
    raise WorkspaceError(
        f"There is no file, directory or session {str(name)!r}.",
        existing,
        "Name a workspace, a session's tag, a journal, or a results.tsv.",
    )


def _in_directory(directory: Path) -> Path:
    if (directory / JOURNAL).is_file():
        return directory / JOURNAL
    if not session_tags(directory) and (directory / TABLE).is_file():
        return directory / TABLE
    workspace = find_workspace(directory)
    if tags := session_tags(workspace):
        return Layout(workspace, tags[-1]).journal
    found = sorted(p.name for p in directory.glob("*.tsv"))[:5]
    raise WorkspaceError(
        f"There is no session and no {TABLE} in {directory}.",
        f"It has: {', '.join(found)}." if found else "",
        "Name the file you mean.",
    )


def _is_journal(path: Path) -> bool:
    """Return whether a file is a journal, judged by its name or its first characters."""
    if path.suffix == ".jsonl":
        return True
    if not path.is_file():
        return False  # a pipe can be read only once, as a table
    try:
        with open(open_regular(path, follow=True), "rb") as file:
            return file.read(4096).lstrip().startswith(b'{"type"')
    except OSError:
        return False


def _workspace_of(journal: Path) -> Path | None:
    """Return the workspace whose session directory contains a journal; None if it was moved."""
    home = journal.resolve().parent.parent
    return home.parent if home.name == HOME_NAME else None


def _repository(path: Path, repo: Path | None) -> tuple[Commits | None, tuple[str, ...]]:
    """Return the named repository or the one around a file, and warnings.

    Raises:
        WorkspaceError: The named directory is not in a repository.
    """
    if repo is not None:
        return Commits(repo), ()
    try:
        return Commits(path.resolve().parent), ()
    except NoRepositoryError:
        return None, ()
    except (WorkspaceError, GitMissingError) as error:
        return None, (str(error),)
