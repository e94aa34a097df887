"""What a person meant by the word they typed: a workspace, a tag, a journal, or any table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.client.sessions import engine_pid, find_workspace
from engine.core.enums import NOT_RECORDED, Direction
from engine.core.errors import UsageError, WorkspaceError
from engine.core.layout import HOME_NAME, Layout
from engine.core.session import Session
from engine.core.table import BadRow
from engine.replay.commits import Commits, Diff
from engine.replay.from_table import TableHistory
from engine.replay.recording import Recording
from engine.store import table_files as tables
from engine.store.journal import session_tags
from engine.store.prompts import read_prompt
from engine.store.tolerant_reader import JournalTail

JOURNAL = "journal.jsonl"
TABLE = "results.tsv"


class ReplaySource:
    """A recording, and where what is not in its events lies."""

    def __init__(self, path: Path, recording: Recording) -> None:
        self.path = path
        self.recording = recording
        self.notes: tuple[str, ...] = ()
        """What the person should know before they believe what they see."""
        self.left_out: Sequence[BadRow] = ()
        """The lines of the file that are no part of the recording."""

    @property
    def from_table(self) -> bool:
        """Whether all that is known is a table."""
        return False

    @property
    def workspace(self) -> Path:
        """The directory it belongs to."""
        return self.path.parent

    def is_live(self) -> bool:
        """Whether an engine may still add to it."""
        return False

    def look(self) -> bool:
        """Read what was added; whether there was anything."""
        return False

    def diff(self, number: int, step: int) -> Diff:
        """What an experiment changed; may ask git, which takes some milliseconds."""
        raise NotImplementedError

    def asks_git(self, number: int) -> bool:
        """Whether `diff` must ask git about this one."""
        return False

    def reasoning(self, number: int, step: int) -> str:
        """What the agent thought."""
        return self.recording.drafted(number, step)[1]

    def prompt(self, key: str) -> str | None:
        """What an agent was told, by its key."""
        return None

    def cumulative(self, session: Session) -> Diff:
        """All that the kept experiments changed so far."""
        raise NotImplementedError

    def directory(self, number: int) -> Path:
        """Where the files of an experiment are, or would be."""
        return self.path.parent

    def log_path(self, number: int, run: int) -> Path | None:
        """The log of a run, if it is still there."""
        return None


class JournalSource(ReplaySource):
    """A session's journal, followed while it grows."""

    def __init__(self, path: Path, repo: Path | None = None) -> None:
        self._tail = JournalTail(path)
        super().__init__(path, Recording(self._tail.news()))
        self.left_out = self._tail.left_out
        self._repo = repo
        self._workspace = _workspace_of(path)
        cut: tuple[str, ...] = ()
        if self._tail.unfinished and not self.is_live():
            cut = ("It ends in the middle of a line, which was never acted on.",)
        self.notes = (*self._tail.notes, *cut)

    @property
    def workspace(self) -> Path:
        """Where the session was, if its journal still lies there."""
        return self._workspace or self.path.parent

    def is_live(self) -> bool:
        """Whether an engine is at work in its workspace."""
        return self._workspace is not None and engine_pid(self._workspace) is not None

    def look(self) -> bool:
        """Read what was appended."""
        news = self._tail.news()
        self.recording.extend(news)
        return bool(news)

    def diff(self, number: int, step: int) -> Diff:
        """The patch as the journal has it."""
        return Diff(self.recording.drafted(number, step)[0])

    def prompt(self, key: str) -> str | None:
        """As it was kept beside the journal."""
        return read_prompt(self.path.parent, key)

    def cumulative(self, session: Session) -> Diff:
        """From the commit the session began with to the frontier."""
        if session.frontier == session.base_commit:
            return Diff(note="Nothing was kept yet, so nothing changed.")
        try:
            commits = Commits(self._repo or self.workspace)
        except WorkspaceError as error:
            return Diff(note=f"Diff {NOT_RECORDED}: {error}")
        there = commits.find([session.base_commit, session.frontier])
        if len(there) < 2:
            return Diff(note=f"Diff {NOT_RECORDED}: its commits are not in {commits.directory}.")
        return commits.between(session.base_commit, session.frontier)

    def directory(self, number: int) -> Path:
        """Beside the journal."""
        return self.path.parent / "experiments" / f"{number:04d}"

    def log_path(self, number: int, run: int) -> Path | None:
        """Beside the journal."""
        path = self.directory(number) / f"run-{run}" / "run.log"
        return path if path.exists() else None


class TableSource(ReplaySource):
    """Any results.tsv, and the repository around it."""

    def __init__(
        self,
        path: Path,
        repo: Path | None = None,
        metric: str | None = None,
        direction: Direction | None = None,
    ) -> None:
        table = tables.read_file(path, metric=metric, direction=direction)
        commits, trouble = _repository(path, repo)
        self._history = TableHistory(table, path, commits)
        super().__init__(path, self._history.recording())
        self.left_out = table.bad
        history = self._history
        guess = (history.understood(),) if history.guessed else ()
        self.notes = (
            *trouble,
            *guess,
            *history.not_the_best(),
            *history.shallow(),
            *history.bad_rows(),
        )
        if not table.rows:
            self.notes += ("It has a header and no rows.",)

    @property
    def from_table(self) -> bool:
        """It is."""
        return True

    def asks_git(self, number: int) -> bool:
        """Only about a commit that is there."""
        return self._history.has_commit(number)

    def diff(self, number: int, step: int) -> Diff:
        """From git."""
        return self._history.diff(number)

    def cumulative(self, session: Session) -> Diff:
        """From the first row that counts to the one to beat."""
        first = next((e.number for e in session.experiments if e.advanced), 0)
        if session.incumbent is None or session.incumbent == first:
            return Diff(note="Nothing was kept after the baseline yet, so nothing changed.")
        return self._history.cumulative(first, session.incumbent)


def open_source(
    word: str | None,
    repo: Path | None = None,
    metric: str | None = None,
    direction: Direction | None = None,
) -> ReplaySource:
    """Find out what is meant and load it.

    Args:
        word: A workspace, a tag, a journal or a table; None: the workspace around here.
        repo: The repository whose commits the rows name, and where a tag is looked for.
        metric: The metric's column of a table.
        direction: Which way it improves.

    Raises:
        WorkspaceError: There is no such thing, or it cannot be read.
        UsageError: It is neither a journal nor a table, or the flags do not fit it.
        JournalError: Nothing of a journal can be read.
    """
    path, note = _path_of(word, repo)
    if not _is_journal(path):
        source: ReplaySource = TableSource(path, repo, metric, direction)
    elif metric is not None or direction is not None:
        raise UsageError("--metric and --direction are for a table; a session knows its own.")
    else:
        source = JournalSource(path, repo)
    if note:
        source.notes = (note, *source.notes)
    return source


def _path_of(word: str | None, repo: Path | None) -> tuple[Path, str]:
    """The file that is meant, and what should be said about that."""
    given = Path(word) if word is not None else Path()
    here = find_workspace(repo if repo is not None and repo.is_dir() else Path())
    tags = session_tags(here)
    if given.is_dir():
        note = ""
        if word in tags:
            note = f"{word!r} is a directory and a session's tag; the directory is shown."
        return _in_directory(given), note
    if given.exists():
        return given, ""
    if word in tags:
        return Layout(here, str(word)).journal, ""
    have = f"The sessions here are: {', '.join(tags)}." if tags else ""
    raise WorkspaceError(
        f"There is no file, directory or session {str(word)!r}.",
        have,
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
    """By its name, else by its first character: a journal is one JSON object per line."""
    if path.suffix == ".jsonl":
        return True
    if not path.is_file():
        return False  # a pipe is read once, as a table
    try:
        with open(path, "rb") as file:
            return file.read(4096).lstrip().startswith(b'{"type"')
    except OSError:
        return False


def _workspace_of(journal: Path) -> Path | None:
    """The workspace whose .autoresearch/TAG a journal lies in."""
    home = journal.resolve().parent.parent
    return home.parent if home.name == HOME_NAME else None


def _repository(path: Path, repo: Path | None) -> tuple[Commits | None, tuple[str, ...]]:
    """The one a person named must be one; the one around a file need not be there."""
    if repo is not None:
        return Commits(repo), ()
    try:
        return Commits(path.resolve().parent), ()
    except WorkspaceError as error:
        return None, ((str(error),) if "trust" in error.todo else ())
