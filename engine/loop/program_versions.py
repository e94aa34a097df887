"""Notices changes of program.md, puts them in force and commits them to the session's branch."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.core import events as ev
from engine.core.enums import PROGRAM, Actor, AlarmKind
from engine.core.errors import AutoresearchError, WorkspaceError
from engine.core.layout import RefNames
from engine.core.patches.patch import make_patch
from engine.core.records import ProgramVersion
from engine.loop.context import SessionContext
from engine.store.program_file import program_digest, program_key, read_program

_UNCHANGED_SECONDS = 0.3
"""Seconds that program.md must be unchanged before it is read; an editor may still be writing."""


class ProgramVersions:
    """The versions of program.md, the user's instructions to the agent, in one session.

    A run can write the file as the user can. A change made while a run trained is therefore put in
    force only once the user accepts it.

    Args:
        context: The session's journal, workspace, files and agent.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._stamp: tuple[int, ...] | None = ()
        self._error = ""
        self._texts: dict[str, str] = {}
        """The texts of program.md that this engine has read, by their hash."""
        self._accepted: dict[str, Actor] = {}
        """By the digest of a text that the user accepts: where they did, until it is in force."""
        self._run_since = context.session.running is not None
        """True where a run trained at any time since the file was looked at last."""
        self.text = ""
        """The text of the version of program.md in force; empty where there is none."""
        self.key = program_key("")
        """A hash of `text`."""
        if context.session.programs:
            # The last version in force stays so if the file was damaged while no engine ran.
            self._use(context.workspace.try_read(context.session.frontier, PROGRAM) or "")
        context.journal.listen(self._on_event)

    @property
    def steering_basis(self) -> str:
        """A name for the user's instructions in force: program.md, pins, bans, notes and vetoes.

        A proposal that was drafted under another name is stale.
        """
        return f"{self.key}:{self._context.session.last_steering_seq}"

    def _on_event(self, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.RunStarted | ev.RunAdopted):
            self._run_since = True

    def _use(self, text: str) -> None:
        self.text, self.key = text, program_key(text)
        self._texts[self.key] = text

    def refresh(self) -> None:
        """Look whether program.md was changed; put it in force or ask the user about it.

        A change made while no run trained is in force from the next proposal on, as is a text that
        the user accepted. A file that is missing or is not text raises an alarm; the last version
        stays in force.
        """
        session, stamp = self._context.session, self._file_stamp()
        changed_again = self._stamp and stamp != self._stamp
        if (
            stamp is not None
            and changed_again
            and _is_fresh(stamp)
            and not self._has_accepted_text()
        ):
            return  # an editor may still be writing it
        run_since, self._run_since = self._run_since, session.running is not None
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = read_program(self._context.workspace.path)
            if not found.key and session.programs and session.programs[-1].key != program_key(""):
                raise WorkspaceError(f"{PROGRAM} is gone.")
        except WorkspaceError as error:
            self._report(error.what)
            return
        self._error = ""
        self._decide(found.text, run_since=run_since)

    def _decide(self, text: str, *, run_since: bool) -> None:
        """Put a text of program.md in force, or ask the user about it, unless that was done.

        Args:
            text: The text on the disk.
            run_since: Whether a run may have written it.
        """
        session, digest = self._context.session, program_digest(text)
        question, last = session.program_question, session.programs[-1:]
        asked = question is not None and question.digest == digest
        refused = session.refused_program == digest
        if last and last[0].has(digest):
            self._use(text)
            if question is not None:
                closed = ev.ProgramQuestionClosed(digest=question.digest, by=Actor.ENGINE)
                self._context.record(closed)
        elif digest in self._accepted or not (run_since or asked or refused):
            diff = make_patch(PROGRAM, self.text, text) if last else ""
            self._use(text)
            self._context.record(
                ev.ProgramEdited(
                    key=self.key,
                    digest=digest,
                    experiment=len(session.experiments) + 1,
                    diff=diff,
                    by=self._accepted.pop(digest, None),
                )
            )
        elif not asked and not refused:
            number, diff = len(session.experiments), make_patch(PROGRAM, self.text, text)
            self._context.record(ev.ProgramQuestioned(digest=digest, experiment=number, diff=diff))
            message = (
                f"{PROGRAM} was changed on the disk while #{number} ran, by you or by the run. "
                "It is used once you accept it: m on the screen, or `autoresearch-tui program`."
            )
            self._context.alarm(AlarmKind.PROGRAM, message, experiment=number)

    def write_to(self, directory: Path) -> None:
        """Write the version of program.md in force to a coding agent's worktree.

        The branch may have an earlier one. Nothing is written where none is in force, or where the
        repository has a directory of that name.
        """
        path = directory / PROGRAM
        if self.text and (path.is_symlink() or not path.is_dir()):
            path.unlink(missing_ok=True)  # a link may lead out of the worktree
            path.write_bytes(self.text.encode("utf-8", "surrogateescape"))

    def accept(self, by: Actor, digest: str) -> str:
        """Put a text of program.md in force now, or as soon as the file has it.

        Args:
            by: Where the user accepted it.
            digest: The SHA-256 of the text.

        Returns:
            The answer to show to the user.
        """
        self._accepted[digest] = by
        self._stamp = ()  # read it again although it has not changed
        self.refresh()
        programs, following = self._context.session.programs, len(self._context.session.experiments)
        if programs and programs[-1].has(digest):
            return f"{PROGRAM} is in force from the next proposal on: #{following + 1}."
        return ""

    def refuse(self, by: Actor, digest: str) -> str:
        """Keep the version of program.md in force although the file was changed.

        Args:
            by: Where the user refused the change.
            digest: The SHA-256 of the text they were asked about.

        Returns:
            The answer to show to the user.

        Raises:
            AutoresearchError: There is no such question.
        """
        question = self._context.session.program_question
        if question is None or question.digest != digest:
            raise AutoresearchError(f"There is no open question about this text of {PROGRAM}.")
        self._context.record(ev.ProgramQuestionClosed(digest=digest, by=by))
        return f"The version of {PROGRAM} in force stays; the file is left as it is."

    def _file_stamp(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._context.workspace.path / PROGRAM)
        except OSError:
            return None
        # The change time comes first; unlike the modification time, it cannot be set.
        return (found.st_ctime_ns, found.st_size, found.st_ino)

    def _has_accepted_text(self) -> bool:
        """Return whether the file has a text that the user accepts, so that it is complete."""
        if not self._accepted:
            return False
        try:
            text = read_program(self._context.workspace.path).text
        except WorkspaceError:
            return False
        return program_digest(text) in self._accepted

    def _report(self, what: str) -> None:
        if what == self._error:
            return
        self._error = what
        message = f"{what} The last version stays in force until there is another."
        self._context.alarm(AlarmKind.PROGRAM, message)

    async def commit(self) -> None:
        """Commit the versions of program.md that the session's branch lacks.

        Call this between two experiments: it moves the branch.

        Raises:
            WorkspaceError: The branch cannot be moved.
        """
        if all(version.commit for version in self._context.session.programs):
            return
        lost = await self._context.in_git_thread(self._find_lost_move)
        if lost is not None:
            self._context.record(lost)
        for number, version in enumerate(self._context.session.programs, start=1):
            text = self._texts.get(version.key)
            if not version.commit and text is not None:
                commit = await self._context.in_git_thread(self._commit, number, version, text)
                self._context.record(ev.ProgramCommitted(key=version.key, commit=commit))

    def _commit(self, number: int, version: ProgramVersion, text: str) -> str:
        """Commit a text of program.md to the session's branch, and return the branch's commit."""
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
        return commit

    def _find_lost_move(self) -> ev.ProgramCommitted | None:
        """Return the event for a branch move to a program.md commit that an engine did not record.

        It was killed between the move and the event. None where there was no such move.
        """
        session, workspace = self._context.session, self._context.workspace
        tip = workspace.branch_commit(session.config.tag)
        if tip is None or tip == session.frontier:
            return None
        for number, version in enumerate(session.programs, start=1):
            held = workspace.held(RefNames(session.config.tag).program(number))
            if not version.commit and held == tip and workspace.parent(tip) == session.frontier:
                return ev.ProgramCommitted(key=version.key, commit=tip)
        return None


def _is_fresh(stamp: tuple[int, ...]) -> bool:
    """Return whether a file was changed just now, given its `_file_stamp`."""
    return 0 <= time.time() - stamp[0] / 1e9 < _UNCHANGED_SECONDS
