"""program.md: the version in force, noticed when it changes, and kept on the session's branch."""

from __future__ import annotations

import os

from engine.core import events as ev
from engine.core.edits import make_patch
from engine.core.errors import WorkspaceError
from engine.files import PROGRAM, program_key, read_program
from engine.surroundings import Surroundings


class Charter:
    """The person's instructions to the agent, as they stand in the workspace."""

    def __init__(self, around: Surroundings) -> None:
        self._a = around
        self._stamp: tuple[int, ...] | None = ()
        self._trouble = ""
        self.text = ""
        self.key = program_key("")
        if around.session.programs:
            # What was in force before: still so if the file was damaged while nobody watched.
            self._take(around.workspace.try_read(around.session.frontier, PROGRAM) or "")

    def _take(self, text: str) -> None:
        self.text, self.key = text, program_key(text)

    def look(self) -> None:
        """Take up another version, if there is one; in force from the next proposal on.

        A file that is gone, or is no text, changes nothing but for an alarm: the last version stays
        in force.
        """
        stamp = self._look_at_file()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        session = self._a.session
        before = self.text
        try:
            found = read_program(self._a.workspace.path)
            if not found.key and session.programs:
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
        self._a.note(ev.ProgramEdited(key=self.key, experiment=number, diff=diff))

    def _look_at_file(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._a.workspace.path / PROGRAM)
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _complain(self, what: str) -> None:
        if what == self._trouble:
            return
        self._trouble = what
        message = f"{what} The last version stays in force until there is another."
        self._a.note(ev.AlarmRaised(kind="program", message=message))

    def commit(self) -> None:
        """Put the version in force on the session's branch; only between two experiments.

        Raises:
            WorkspaceError: The branch cannot be moved.
        """
        session, workspace = self._a.session, self._a.workspace
        if not session.programs or session.programs[-1].commit:
            return
        commit = session.frontier
        if workspace.try_read(commit, PROGRAM) != self.text and self.text:
            tag, version = session.config.tag, len(session.programs)
            first = session.programs[-1].experiment
            commit = workspace.commit_once(
                session.frontier,
                PROGRAM,
                self.text,
                f"{PROGRAM}: version {version}, in force from experiment {first}",
                f"refs/autoresearch/{tag}/program-{version}",
            )
            workspace.advance_branch(tag, commit, session.frontier)
        self._a.note(ev.ProgramCommitted(key=self.key, commit=commit))
