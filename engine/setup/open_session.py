"""A session opened in its workspace, from the config that the person confirmed."""

from __future__ import annotations

import os
from pathlib import Path

from engine import __version__
from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.errors import ConfigError, WorkspaceError
from engine.core.session import Session
from engine.setup.config_file import config_path, load_config, save_config
from engine.setup.detect import detect_settings
from engine.setup.handoff import (
    StartRequest,
    apply_start_request,
    read_start_request,
    write_start_request,
)
from engine.setup.notes import notes_of, results_name
from engine.setup.plan import Plan, StartFlags, make_plan
from engine.setup.takeover import look_for_session
from engine.store.artifacts import Layout
from engine.store.git import Git
from engine.store.journal import Journal, fold_journal
from engine.store.table_files import read_file
from engine.store.workspace import BRANCHES, Workspace

__all__ = [
    "Plan",
    "StartFlags",
    "config_path",
    "load_config",
    "make_plan",
    "make_workspace",
    "open_session",
    "platform_here",
    "save_config",
    "save_plan",
]

_IGNORED = ("results.tsv", "results-*.tsv", "run.log", ".autoresearch/")


def save_plan(workspace: Path, plan: Plan) -> None:
    """Write what the person confirmed, for the engine that is started next.

    Raises:
        WorkspaceError: The workspace cannot be written.
    """
    save_config(workspace, plan.config)
    layout = Layout(workspace, plan.config.tag)
    if plan.start_request != StartRequest() or layout.session.exists():
        write_start_request(layout, plan.start_request)


def platform_here(workspace: Path) -> ev.Platform:
    """What machine this is, for the research config's last line."""
    from engine.devices.sampler import DeviceSampler

    return DeviceSampler(disk=workspace).platform()


def open_session(
    workspace: Workspace, layout: Layout, config: ResearchConfig, platform: ev.Platform
) -> tuple[Journal, tuple[str, ...]]:
    """Open the session's journal, and start the session where there is none yet.

    Returns:
        The journal, and the paths of the repository's submodules.

    Raises:
        AutoresearchError: The branch exists, or something cannot be written.
    """
    start_request = read_start_request(layout)
    workspace.head = start_request.base or workspace.head
    submodules = workspace.look().submodules
    new = not layout.journal.exists() or layout.journal.stat().st_size == 0
    try:
        layout.session.mkdir(parents=True, exist_ok=True)
        workspace.exclude(_IGNORED)
    except OSError as error:
        raise WorkspaceError(
            f"{error.filename or layout.session} cannot be written.",
            f"{error.strerror}.",
            "Make the workspace writable, then start again.",
        ) from error
    # The journal's file comes first: a branch beside an empty journal is one that an engine made
    # which was killed a moment later, and the same start goes on with it.
    if new and workspace.git.run("for-each-ref", "--count=1", f"refs/autoresearch/{config.tag}/"):
        raise WorkspaceError(
            f"Commits of an earlier session {config.tag!r} are still held in this repository.",
            "A new session of that name would let go of them.",
            "Choose another tag with --tag.",
        )
    adoption = None
    if start_request.adopts and (new or _begun_alone(layout)):
        name = config.results_file
        table = read_file(workspace.path / name, metric=config.metric)
        adoption = look_for_session(workspace, config.tag, table, name, begun=not new)
    half_started = layout.journal.exists()
    branch = workspace.branch_commit(config.tag)
    adopted = start_request.adopts and branch == workspace.head
    if new and not adopted and (branch != workspace.head or not half_started):
        if branch is None:
            layout.journal.touch()
        workspace.start_branch(config.tag, workspace.head)
    journal = Journal(layout.journal)
    if journal.session.frontier:
        # Before anything runs: at the first keep it would be known too, after a night.
        workspace.check_branch(config.tag, journal.session.frontier)
    if not journal.session.seq:
        found = detect_settings(
            workspace.path, file=config.file, metric=config.metric, command=config.command
        )
        journal.append(
            ev.SessionStarted(
                version=__version__,
                workspace=str(workspace.path),
                branch=f"{BRANCHES}/{config.tag}",
                base_commit=workspace.head,
                config=config,
                results_file=results_name(workspace, config),
                notes=notes_of(workspace, config, found.budget_is_ours, found.budget_seconds),
            )
        )
    if adoption is not None and not journal.session.past:
        journal.append(
            ev.HistoryImported(
                file=adoption.results_file,
                branch=adoption.branch,
                tip=adoption.tip,
                attempts=adoption.history.attempts,
                bad_rows=adoption.history.bad_rows,
                notes=adoption.history.notes,
            )
        )
    _take_up(journal, config, platform)
    apply_start_request(layout, journal)
    return journal, submodules


def _begun_alone(layout: Layout) -> bool:
    """Whether an engine was killed between a session's first event and its history."""
    session = fold_journal(layout.journal)
    return not session.past and not session.experiments


_MEANING = (
    *("tag", "file", "locked", "metric", "direction", "budget_seconds"),
    *("rule", "min_delta", "results_file"),
)
"""What the numbers of a session mean depends on these; all else may change while it sleeps."""


def _refuse_other_meaning(session: Session, config: ResearchConfig) -> None:
    """Refuse an edited config.toml that would make a session's experiments incomparable.

    Raises:
        ConfigError: Naming the settings.
    """
    fixed = (*_MEANING, "command") if session.baseline is not None else _MEANING
    changed = [n for n in fixed if getattr(session.config, n) != getattr(config, n)]
    if changed:
        raise ConfigError(
            f"config.toml has another {', '.join(changed)} than the session {config.tag!r}.",
            "Its experiments would not be comparable any more.",
            "Put it back, or start another session with --tag.",
        )


def _take_up(journal: Journal, config: ResearchConfig, platform: ev.Platform) -> None:
    before = journal.session
    journal.append(
        ev.EngineStarted(
            pid=os.getpid(), version=__version__, recovered=before.engine_pid is not None
        )
    )
    if journal.recovered_bytes:
        journal.append(
            ev.AlarmRaised(
                kind="journal",
                message=f"the journal's last line was torn ({journal.recovered_bytes} bytes); "
                "it is kept in journal.torn",
            )
        )
    if journal.session.platform != platform:
        journal.append(ev.PlatformDetected(platform=platform))
    if journal.session.config != config:
        _refuse_other_meaning(journal.session, config)
        other_autonomy = journal.session.config.autonomy is not config.autonomy
        journal.append(ev.ConfigChanged(config=config))
        if other_autonomy and journal.session.autonomy is not config.autonomy:
            # Edited there since it was set elsewhere: the later word counts.
            journal.append(ev.AutonomySet(autonomy=config.autonomy, by="config.toml"))
    if before.pause is not None and before.pause.by == "engine" and before.engine_pid is None:
        journal.append(ev.Resumed(by="start"))


def make_workspace(directory: Path, files: dict[str, str]) -> None:
    """A new git repository with a first commit.

    Args:
        directory: Absent or empty.
        files: Relative name to text.

    Raises:
        WorkspaceError: The directory has something in it, or cannot be written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise WorkspaceError(
            f"{directory} is not empty.", "", "Name a directory that does not exist yet."
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, "utf-8")
    except OSError as error:
        raise WorkspaceError(f"{directory} cannot be written.", f"{error.strerror}.") from error
    git = Git(directory)
    git.run("init", "--quiet", "--initial-branch=main")
    git.run("add", "--", *files)
    identity: list[str] = []
    if git.try_run("config", "user.email") is None:
        identity = [
            "-c",
            "user.name=autoresearch-tui",
            "-c",
            "user.email=autoresearch-tui@localhost",
        ]
    git.run(*identity, "commit", "--quiet", "--no-verify", "-m", "The harness as it is shipped")
