"""Prepares the slot's git worktree for one run at a time, and starts the run command in it."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from msgspec.structs import replace

from engine.core.command_line import CommandLine
from engine.core.enums import PROGRAM, AlarmKind
from engine.core.records import Experiment
from engine.core.run_log.reader import RunLog
from engine.executors.edit_trace import EditTrace, read_trace, trace_settings
from engine.executors.environment import run_environment
from engine.executors.local import RunHandle, RunSecret, start_run
from engine.executors.project_environment import (
    environment_directories,
    environment_variables,
    find_install_of,
    link_environments,
    without_installer,
)
from engine.executors.python_settings import needs_user_site, python_settings
from engine.executors.run_command import run_command, start_directory
from engine.executors.worktree_paths import WorktreePaths
from engine.loop.context import SessionContext
from engine.store.filters import filter_note
from engine.store.kept_links import KeptLinks
from engine.store.locked_files import hash_locked
from engine.store.metric_file import keep_metric_file, mark_unwritten, read_kept
from engine.store.removal import clear_away
from engine.store.run_data import RunData, choose_data
from engine.store.run_files import directory_times
from engine.store.worktree import check_out, remove_worktree, workspace_in
from engine.untrusted_files import read_regular

_MOST_SCRIPT_BYTES = 1 << 20
SLOT = 0
"""The number of the only slot, the place where one run at a time can happen."""


class RunPlace:
    """The git worktree of the slot, with the environment of the processes that run in it.

    Args:
        context: The session's workspace, files and config.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self.worktree = context.layout.worktree(SLOT)
        """The top of the worktree, which corresponds to the top of the repository."""
        self._kept_links = KeptLinks(self.worktree)
        self._user_site: bool | None = None
        """Whether runs find packages installed for the user only; None before the first run."""
        self._tool_variables: dict[str, str] | None = None
        """The variables by which uv, poetry … use the checkout's environment; None at first."""

    @property
    def directory(self) -> Path:
        """The directory of the worktree that corresponds to the workspace."""
        return workspace_in(self._context.workspace, self.worktree)

    @property
    def _bytecode(self) -> Path:
        """The directory for the bytecode of the modules that the current run imports."""
        return self.worktree.with_suffix(".pycache")

    @cached_property
    def _paths(self) -> WorktreePaths:
        context = self._context
        return WorktreePaths(context.workspace.top, self.worktree, context.environ)

    @property
    def checkout(self) -> str:
        """The real path of the top of the repository in the user's checkout."""
        return self._paths.checkouts[-1]

    @property
    def edited(self) -> tuple[str, ...]:
        """The editable files, relative to the top of the repository."""
        files = self._context.session.config.files
        return tuple(map(self._context.workspace.inside, files))

    async def prepare(
        self, experiment: Experiment, worktree: Path | None = None
    ) -> tuple[dict[str, str], dict[str, int]]:
        """Make a worktree that holds an experiment's commit, the user's data and nothing else.

        Args:
            experiment: The experiment whose commit is checked out.
            worktree: The top of the worktree; None: that of the slot.

        Returns:
            The hashes of its locked files, and its `directory_times`.
        """
        context, target = self._context, worktree or self.worktree

        def prepare() -> tuple[dict[str, str], dict[str, int]]:
            if target == self.worktree:
                self._kept_links.save()
            left.extend(
                kept
                for kept in (remove_worktree(context.workspace, target), self.clear_bytecode())
                if kept is not None
            )
            config = context.session.config
            needed = (*config.files, *config.locked)
            place = check_out(context.workspace, target, experiment.commit, needed)
            data = choose_data(context.workspace, config)
            kept = self._kept_links if target == self.worktree else None
            RunData(context.workspace, target, kept).bring(data, context.submodules)
            mark_unwritten(place, config.metric_rule.file)
            link_environments(context.workspace.path, context.workspace.top.resolve(), target)
            if self._tool_variables is None:
                self._tool_variables = self._find_tool_variables()
            return self.hash_locked(place), directory_times(target)

        left: list[Path] = []
        known = set(context.workspace.broken_filters)
        try:
            prepared = await context.in_git_thread(prepare)
            for name, reason in context.workspace.broken_filters.items():
                if name not in known:
                    context.alarm(AlarmKind.ENGINE, filter_note(name, reason))
            return prepared
        finally:
            for kept in left:
                message = f"Files of the last run cannot be deleted. They were moved to {kept}."
                context.alarm(AlarmKind.DISK, message, experiment=experiment.number)

    def hash_locked(self, place: Path) -> dict[str, str]:
        """Return the hashes of the locked files in a directory that corresponds to the workspace.

        program.md is not among them, since the user may change it at any time.
        """
        config = self._context.session.config
        found = hash_locked(place, config.locked, config.files, self._context.workspace.path)
        return {name: digest for name, digest in found.items() if name != PROGRAM}

    def start(
        self, directory: Path, *, deadline_seconds: float, secret: RunSecret | None = None
    ) -> RunHandle:
        """Start the run command in the worktree, which is prepared.

        Args:
            directory: The directory of the run's files.
            deadline_seconds: Time after which the run is killed.
            secret: Proves that the report is the supervisor's; by default a new one.

        Raises:
            EnvironmentProblem: The process cannot be started, or the command's `cd` fails.
            UsageError: The command cannot be parsed.
        """
        context, paths = self._context, self._paths
        config = context.session.config
        command = run_command(config.command)
        return start_run(
            directory,
            command=replace(
                command,
                assignments=(),
                argv=tuple(map(paths.translate, without_installer(command.argv))),
                shell_text=paths.translate(command.shell_text),
            ),
            cwd=start_directory(
                command, self.directory, top=context.workspace.top, worktree=self.worktree
            ),
            environment=self._environment(directory, command, paths),
            deadline_seconds=deadline_seconds,
            log_cap_bytes=config.log_cap_bytes,
            secret=secret,
            redacted=context.journal.secrets,
        )

    def _environment(
        self, directory: Path, command: CommandLine, paths: WorktreePaths
    ) -> dict[str, str]:
        context = self._context
        if self._user_site is None:
            self._user_site = needs_user_site(self.directory, context.environ)
        environment = (
            run_environment(context.session.config, context.environ)
            | python_settings(
                context.environ,
                bytecode=self._bytecode,
                caches=context.layout.caches,
                user_site=self._user_site,
            )
            | (self._tool_variables or {})
            | dict(command.assignments)
        )
        translated = paths.translate_variables(environment)
        return translated | trace_settings(paths, directory, self.edited, translated)

    def _find_tool_variables(self) -> dict[str, str]:
        context = self._context
        config, workspace = context.session.config, context.workspace
        command = run_command(config.command)
        return environment_variables(
            workspace.path,
            workspace.top.resolve(),
            command.argv or command.shell_text.split(),
            run_environment(config, context.environ) | dict(command.assignments),
        )

    def find_install(self) -> Path | None:
        """Return a file by which a run installed the worktree in the user's environment."""
        workspace = self._context.workspace
        known = (self._tool_variables or {}).values()
        environments = dict.fromkeys(
            (
                *environment_directories(workspace.path, workspace.top.resolve()),
                *(Path(value) for value in known if os.path.isabs(value)),
            )
        )
        return find_install_of(self.worktree.resolve(), environments)

    def find_fixed_path(self) -> str:
        """Return where a script of the run command names the checkout: `run.sh, line 2`; "": none.

        Such a path is not translated, because the script is a file of the repository.
        """
        command = run_command(self._context.session.config.command)
        for word in (*command.argv, *command.shell_text.split()):
            path = self.directory / command.directory / word
            try:
                text = read_regular(path, _MOST_SCRIPT_BYTES, follow=True).decode(
                    "utf-8", "replace"
                )
            except (OSError, ValueError):
                continue
            line = self._paths.first_line(text)
            if line and path.resolve().is_relative_to(self.worktree.resolve()):
                return f"{word}, line {line}"
        return ""

    def trace(self, directory: Path) -> EditTrace:
        """Return which edited files a run has opened so far.

        Args:
            directory: The directory of the run's files.
        """
        return read_trace(directory, self._paths, self.edited)

    def read_metric_file(self, log: RunLog, directory: Path, *, kept: bool = False) -> None:
        """Read the metric from the file that the config names, if it names one.

        Args:
            log: The parsed log of the run that has ended; it collects the values.
            directory: The directory of the run's files, to which the file is copied first.
            kept: Whether it was copied before.
        """
        name = log.metric_reader.rule.file
        if not name:
            return
        try:
            if not kept:
                keep_metric_file(self.directory, name, directory)
            text = read_kept(directory)
        except OSError as error:
            log.metric_reader.refuse(f"{name} is not read: {error.strerror}")
        else:
            log.metric_reader.read_file(text)

    def clear_bytecode(self) -> Path | None:
        """Delete what Python compiled in the last run; return its new name if that fails."""
        return clear_away(self._bytecode)
