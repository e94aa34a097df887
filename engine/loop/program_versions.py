"""program.md: the version in force, noticed when it changes, and kept on the session's branch."""

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

_STILL_SECONDS = 0.3


class Charter:
    """The person's instructions to the agent, as they stand in the workspace."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._stamp: tuple[int, ...] | None = ()
        self._trouble = ""
        self._texts: dict[str, str] = {}
        """The versions seen by this engine, by key."""
        self.text = ""
        self.key = program_key("")
        if context.session.programs:
            # What was in force before: still so if the file was damaged while nobody watched.
            self._take(context.workspace.try_read(context.session.frontier, PROGRAM) or "")

    def _take(self, text: str) -> None:
        self.text, self.key = text, program_key(text)
        self._texts[self.key] = text

    def look(self) -> None:
        """Take up another version, if there is one; in force from the next proposal on.

        A file that is gone, or is no text, changes nothing but for an alarm: the last version stays
        in force.
        """
        stamp = self._look_at_file()
        if stamp == self._stamp:
            return
        if stamp is not None and self._stamp and time.time() - stamp[0] / 1e9 < _STILL_SECONDS:
            return  # an editor may be in the middle of writing it
        self._stamp = stamp
        session = self._context.session
        before = self.text
        try:
            found = read_program(self._context.workspace.path)
            if not found.key and session.programs and session.programs[-1].key != program_key(""):
                raise WorkspaceError(f"{PROGRAM} is gone.")
        except WorkspaceError as error:
            self._complain(error.what)
            return
        self._trouble = ""
        self._take(found.text)
        if session.programs and session.programs[-1].key == self.key:
            return
        diff = make_patch(PROGRAM, before, self.text) if session.programs else ""
        number = len(session.experiments) + 1
        self._context.note(ev.ProgramEdited(key=self.key, experiment=number, diff=diff))

    def _look_at_file(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._context.workspace.path / PROGRAM)
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _complain(self, what: str) -> None:
        if what == self._trouble:
            return
        self._trouble = what
        message = f"{what} The last version stays in force until there is another."
        self._context.note(ev.AlarmRaised(kind=AlarmKind.PROGRAM, message=message))

    def commit(self) -> None:
        """Put the versions that are not there yet on the session's branch; only between two
        experiments.

        Raises:
            WorkspaceError: The branch cannot be moved.
        """
        self._take_up_lost_move()
        for number, version in enumerate(self._context.session.programs, start=1):
            text = self._texts.get(version.key)
            if not version.commit and text is not None:
                self._commit(number, version, text)

    def _commit(self, number: int, version: ProgramVersion, text: str) -> None:
        session, workspace = self._context.session, self._context.workspace
        commit, tag = session.frontier, session.config.tag
        differs = bool(text) and workspace.try_read(commit, PROGRAM) != text
        # The branch may hold it as a link to another file of the repository: that stays.
        if differs and not workspace.is_link(commit, PROGRAM):
            commit = workspace.commit_once(
                session.frontier,
                PROGRAM,
                text,
                f"{PROGRAM}: version {number}, in force from experiment {version.experiment}",
                RefNames(tag).program(number),
            )
            workspace.advance_branch(tag, commit, session.frontier)
        self._context.note(ev.ProgramCommitted(key=version.key, commit=commit))

    def _take_up_lost_move(self) -> None:
        """An engine was killed between the branch's move to a version and the event of it."""
        session, workspace = self._context.session, self._context.workspace
        waiting = [n for n, v in enumerate(session.programs, start=1) if not v.commit]
        tip = workspace.branch_commit(session.config.tag) if waiting else None
        if tip is None or tip == session.frontier:
            return
        for number in waiting:
            ref = RefNames(session.config.tag).program(number)
            if workspace.held(ref) == tip and workspace.parent(tip) == session.frontier:
                key = session.programs[number - 1].key
                self._context.note(ev.ProgramCommitted(key=key, commit=tip))
