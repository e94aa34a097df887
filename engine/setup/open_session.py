"""Opens or starts a session in its workspace, from the config that the user confirmed."""

from __future__ import annotations

import os

from engine import __version__
from engine.core import events as ev
from engine.core.config import ResearchConfig, settings
from engine.core.enums import Actor, AlarmKind
from engine.core.errors import ConfigError, JournalError, WorkspaceError
from engine.core.layout import HOME_NAME, Layout, RefNames
from engine.core.session import Session
from engine.setup.engine_files import hide_directories
from engine.setup.notes import results_name
from engine.setup.recorded_commits import check_recorded_commits
from engine.setup.start_request import StartRequest, apply_start_request, read_start_request
from engine.setup.takeover import Adoption, find_adoption
from engine.store.journal import Journal, fold_journal
from engine.store.table_files import read_file
from engine.store.workspace import Workspace

_IGNORED = (
    *("results.tsv", "results-*.tsv", "results*.tsv.yours-*"),
    *("run.log", f"{HOME_NAME}/"),
)


def open_session(
    workspace: Workspace, layout: Layout, config: ResearchConfig, platform: ev.Platform
) -> tuple[Journal, tuple[str, ...]]:
    """Open the session's journal, start the session if it is new, and record the engine's start.

    Creates the session's branch and its directory, and lists the engine's files in git's exclude
    file.

    Args:
        workspace: The workspace's git repository.
        layout: The paths of the session's files.
        config: The research config that the user confirmed.
        platform: The machine on which the engine runs.

    Returns:
        The journal, and the paths of the repository's submodules.

    Raises:
        AutoresearchError: The branch exists already, the config does not fit the session, or
            something cannot be written.
    """
    request = read_start_request(layout)
    if request.base:
        workspace.read_files(request.base, config.files)  # an error where there is no such commit
        workspace.head = request.base
    submodules = workspace.look().submodules
    new = not layout.journal.exists() or layout.journal.stat().st_size == 0
    try:
        layout.session.mkdir(parents=True, exist_ok=True)
        hide_directories(layout)
        workspace.exclude(_IGNORED)
    except OSError as error:
        raise WorkspaceError(
            f"{error.filename or layout.session} cannot be written.",
            f"{error.strerror}.",
            "Make the workspace writable, then start again.",
        ) from error
    if new and workspace.has_refs(config.tag):
        raise WorkspaceError(
            f"Commits of an earlier session {config.tag!r} are still referenced in this "
            "repository.",
            "A new session of that name would release them.",
            "Choose another tag with --tag.",
        )
    adoption = _find_adoption(workspace, layout, config, request, new=new)
    if new:
        _start_branch(workspace, layout, config, request)
    journal = Journal(layout.journal)
    try:
        _check_journal(workspace, journal.session, config)
        _record_session(workspace, journal, config, request, adoption)
        _record_engine_start(journal, config, platform)
        apply_start_request(layout, journal, request)
    except BaseException:
        journal.close()
        raise
    return journal, submodules


def _check_journal(workspace: Workspace, session: Session, config: ResearchConfig) -> None:
    """Raise an error for a journal that does not fit the workspace, before anything is run.

    Raises:
        JournalError: It names a commit that does not exist, or a table outside the workspace.
        WorkspaceError: The session's branch was deleted, or is at another commit.
    """
    if not session.seq:
        return
    check_recorded_commits(workspace, session)
    if session.results_file not in (config.results_file, f"results-{config.tag}.tsv"):
        raise JournalError(
            f"The journal of {config.tag!r} names the results table {session.results_file!r}.",
            f"It can only be {config.results_file} or results-{config.tag}.tsv.",
            "Start another session with --tag.",
        )
    # Not at the first keep after hours of work.
    workspace.check_branch(config.tag, session.frontier)


def _record_session(
    workspace: Workspace,
    journal: Journal,
    config: ResearchConfig,
    request: StartRequest,
    adoption: Adoption | None,
) -> None:
    """Record the start of a new session, and the history of another tool's session."""
    if not journal.session.seq:
        journal.append(
            ev.SessionStarted(
                version=__version__,
                workspace=str(workspace.path),
                branch=RefNames(config.tag).branch,
                base_commit=workspace.head,
                config=config,
                results_file=results_name(workspace, config),
                notes=request.notes,
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


def _start_branch(
    workspace: Workspace, layout: Layout, config: ResearchConfig, request: StartRequest
) -> None:
    # The journal's file comes before the branch: a branch beside an empty journal was made by an
    # engine that was killed a moment later, and the same start continues with it.
    half_started = layout.journal.exists()
    branch = workspace.branch_commit(config.tag)
    if branch == workspace.head and (half_started or request.adopts):
        return
    if branch is None:
        layout.journal.touch()
    workspace.start_branch(config.tag, workspace.head)


def _find_adoption(
    workspace: Workspace,
    layout: Layout,
    config: ResearchConfig,
    request: StartRequest,
    *,
    new: bool,
) -> Adoption | None:
    """Return the session of another tool whose history is still to be imported, or None.

    Args:
        workspace: The workspace's git repository.
        layout: The paths of the session's files.
        config: The research config, which names the results table.
        request: The start request, which says whether another tool's session is continued.
        new: Whether the session has no journal yet.
    """
    if not request.adopts:
        return None
    if not new:
        # An engine may have been killed between the session's first event and its history.
        session = fold_journal(layout.journal)
        if session.past or session.experiments:
            return None
    path = workspace.path / config.results_file
    table = read_file(path, metric=config.metric, direction=config.direction)
    return find_adoption(workspace, config.tag, table, config.results_file, begun=not new)


def _reject_incomparable(session: Session, config: ResearchConfig) -> None:
    """Raise an error for an edited config.toml that would make experiments incomparable.

    Raises:
        ConfigError: A fixed setting differs from the session's; the error names it.
    """
    fixed = [name for name, setting in settings().items() if setting.fixed]
    if session.baseline is None:
        fixed.remove("command")  # nothing was measured with it yet
    changed = [name for name in fixed if getattr(session.config, name) != getattr(config, name)]
    if changed:
        raise ConfigError(
            f"config.toml has another {', '.join(changed)} than the session {config.tag!r}.",
            "Its experiments would no longer be comparable.",
            "Restore the value, or start another session with --tag.",
        )


def _record_engine_start(journal: Journal, config: ResearchConfig, platform: ev.Platform) -> None:
    before = journal.session
    journal.append(
        ev.EngineStarted(
            pid=os.getpid(), version=__version__, recovered=before.engine_pid is not None
        )
    )
    if journal.recovered_bytes:
        journal.append(
            ev.AlarmRaised(
                kind=AlarmKind.JOURNAL,
                message=f"the journal's last line was torn ({journal.recovered_bytes} bytes); "
                "it is kept in journal.torn",
            )
        )
    if journal.session.platform != platform:
        journal.append(ev.PlatformDetected(platform=platform))
    if journal.session.config != config:
        _reject_incomparable(journal.session, config)
        autonomy_changed = journal.session.config.autonomy is not config.autonomy
        journal.append(ev.ConfigChanged(config=config))
        if autonomy_changed and journal.session.autonomy is not config.autonomy:
            # config.toml was edited after the mode was set on the screen: the later change counts.
            journal.append(ev.AutonomySet(autonomy=config.autonomy, by=Actor.CONFIG))
    if before.pause is not None and before.pause.by is Actor.ENGINE and before.engine_pid is None:
        journal.append(ev.Resumed(by=Actor.START))
