"""Notices changes of program.md, puts them in force and commits them to the session's branch."""

from __future__ import annotations

import os
import time

from engine.core import events as ev
from engine.core.enums import PROGRAM, AlarmKind
from engine.core.errors import WorkspaceError
from engine.core.layout import RefNames
from engine.core.patches.patch import make_patch
from engine.core.records import ProgramVersion
from engine.loop.context import SessionContext
from engine.store.program_file import program_key, read_program

_UNCHANGED_SECONDS = 0.3
"""Seconds that program.md must be unchanged before it is read; an editor may still be writing."""


class ProgramVersions:
    """The versions of program.md, the user's instructions to the agent, in one session.

    Args:
        context: The session's journal, workspace, files and agent.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._stamp: tuple[int, ...] | None = ()
        self._error = ""
        self._texts: dict[str, str] = {}
        """The texts of program.md that this engine has read, by their hash."""
        self.text = ""
        """The text of the version of program.md in force; empty where there is none."""
        self.key = program_key("")
        """A hash of `text`."""
        if context.session.programs:
            # The last version in force stays so if the file was damaged while no engine ran.
            self._use(context.workspace.try_read(context.session.frontier, PROGRAM) or "")

    @property
    def steering_basis(self) -> str:
        """A name for the user's instructions in force: program.md, pins, bans, notes and vetoes.

        A proposal that was drafted under another name is stale.
        """
        return f"{self.key}:{self._context.session.last_steering_seq}"

    def _use(self, text: str) -> None:
        self.text, self.key = text, program_key(text)
        self._texts[self.key] = text

    def refresh(self) -> None:
        """Put a changed program.md in force from the next proposal on, and record that.

        A file that is missing or is not text raises an alarm; the last version stays in force.
        """
        stamp = self._file_stamp()
        if stamp == self._stamp:
            return
        if stamp is not None and self._stamp and time.time() - stamp[0] / 1e9 < _UNCHANGED_SECONDS:
            return  # an editor may still be writing it
        self._stamp = stamp
        session = self._context.session
        before = self.text
        try:
            found = read_program(self._context.workspace.path)
            if not found.key and session.programs and session.programs[-1].key != program_key(""):
                raise WorkspaceError(f"{PROGRAM} is gone.")
        except WorkspaceError as error:
            self._report(error.what)
            return
        self._error = ""
        self._use(found.text)
        if session.programs and session.programs[-1].key == self.key:
            return
        diff = make_patch(PROGRAM, before, self.text) if session.programs else ""
        number = len(session.experiments) + 1
        self._context.record(ev.ProgramEdited(key=self.key, experiment=number, diff=diff))

    def _file_stamp(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._context.workspace.path / PROGRAM)
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _report(self, what: str) -> None:
        if what == self._error:
            return
        self._error = what
        message = f"{what} The last version stays in force until there is another."
        self._context.alarm(AlarmKind.PROGRAM, message)

    def commit(self) -> None:
        """Commit the versions of program.md that the session's branch lacks.

        Call this between two experiments: it moves the branch.

        Raises:
            WorkspaceError: The branch cannot be moved.
        """
        self._record_lost_move()
        for number, version in enumerate(self._context.session.programs, start=1):
            text = self._texts.get(version.key)
            if not version.commit and text is not None:
                self._commit(number, version, text)

    def _commit(self, number: int, version: ProgramVersion, text: str) -> None:
        session, workspace = self._context.session, self._context.workspace
        commit, tag = session.frontier, session.config.tag
        differs = bool(text) and workspace.try_read(commit, PROGRAM) != text
        # Where the branch has it as a link to another file of the repository, the link stays.
        if differs and not workspace.is_link(commit, PROGRAM):
            commit = workspace.commit_once(
                session.frontier,
                PROGRAM,
                text,
                f"{PROGRAM}: version {number}, in force from experiment {version.experiment}",
                RefNames(tag).program(number),
            )
            workspace.advance_branch(tag, commit, session.frontier)
        self._context.record(ev.ProgramCommitted(key=version.key, commit=commit))

    def _record_lost_move(self) -> None:
        """Record a branch move to a program.md commit whose event was lost when an engine was
        killed.
        """
        session, workspace = self._context.session, self._context.workspace
        uncommitted = [n for n, v in enumerate(session.programs, start=1) if not v.commit]
        tip = workspace.branch_commit(session.config.tag) if uncommitted else None
        if tip is None or tip == session.frontier:
            return
        for number in uncommitted:
            held = workspace.held(RefNames(session.config.tag).program(number))
            if held == tip and workspace.parent(tip) == session.frontier:
                key = session.programs[number - 1].key
                self._context.record(ev.ProgramCommitted(key=key, commit=tip))
