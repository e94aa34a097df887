"""From a directory to a session: the config proposed, saved and read; the session opened in its
workspace.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import msgspec

from engine import __version__
from engine.core import events as ev
from engine.core.config import ResearchConfig, check_config, parse_config, render_config
from engine.core.errors import ConfigError, UsageError, WorkspaceError
from engine.core.session import Session, fold
from engine.look import look_at, propose_tag
from engine.store.artifacts import HOME, Layout
from engine.store.durable import write_durably
from engine.store.git import Git
from engine.store.journal import Journal, read_journal
from engine.store.results_tsv import is_ours
from engine.store.workspace import BRANCHES, Workspace

CONFIG_NAME = "config.toml"
_CHANGEABLE = (
    *("tag", "max_experiments", "max_dollars", "max_tokens"),
    *("agent", "model", "api_base", "cli", "lookahead"),
)
"""What a session may go on with although it began otherwise; nothing that the metric depends on."""
_IGNORED = ("results.tsv", "results-*.tsv", "run.log", ".autoresearch/")


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the person said on the command line; None: not said."""

    tag: str | None = None
    file: str | None = None
    command: str | None = None
    metric: str | None = None
    direction: str | None = None
    rule: str | None = None
    min_delta: float | None = None
    agent: str | None = None
    policy: str | None = None
    seed: int | None = None
    budget_seconds: float | None = None
    max_experiments: int | None = None
    model: str | None = None
    api_base: str | None = None
    cli: str | None = None
    lookahead: int | None = None
    max_dollars: float | None = None
    max_tokens: int | None = None
    locked: tuple[str, ...] | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A config to be confirmed, and what the person should know before they do."""

    config: ResearchConfig
    continues: bool
    """Whether the session exists already and goes on."""
    why: dict[str, str] = {}
    """For each setting that was found by looking: how."""
    notes: tuple[str, ...] = ()


def config_path(workspace: Path) -> Path:
    """Where the confirmed config lies."""
    return workspace / HOME / CONFIG_NAME


def load_config(workspace: Path) -> ResearchConfig:
    """The confirmed config.

    Raises:
        ConfigError: It is missing or broken; the error names the line.
    """
    path = config_path(workspace)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no research config in {workspace}.",
            "",
            "Run `autoresearch-tui` there once to look at one and confirm it.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read.", f"{error}.", "Correct or delete it."
        ) from error
    return parse_config(text, str(path))


def save_config(workspace: Path, config: ResearchConfig) -> None:
    """Write the config the person confirmed.

    Raises:
        WorkspaceError: The workspace cannot be written.
    """
    path = config_path(workspace)
    try:
        path.parent.mkdir(exist_ok=True)
        write_durably(path, render_config(config))
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written.",
            f"{error.strerror or error}.",
            "Make the workspace writable or free disk space, then start again.",
        ) from error


def make_plan(path: Path, wishes: Wishes, today: date) -> Plan:
    """What would be run here, from the flags, the saved config and a look at the repository, in
    that order.

    Raises:
        AutoresearchError: The workspace cannot be used, the config is broken, or a flag does not
            fit the session.
    """
    workspace = Workspace(path)
    saved = load_config(workspace.path) if config_path(workspace.path).exists() else None
    said = {k: v for k, v in msgspec.structs.asdict(wishes).items() if v is not None}
    if "model" in said and "agent" not in said:
        said["agent"] = "llm"
    if saved is not None and said.get("tag", saved.tag) == saved.tag:
        layout = Layout(workspace.path, saved.tag)
        if layout.journal.exists():
            return _plan_to_continue(saved, said, layout.journal)
    base = saved if saved is not None else ResearchConfig()
    _point_to_the_top(workspace, said.get("file") or "train.py")
    found = look_at(
        workspace.path,
        file=said.get("file") or (saved.file if saved is not None else None),
        metric=said.get("metric") or (saved.metric if saved is not None else None),
        command=said.get("command") or (saved.command if saved is not None else None),
    )
    values = msgspec.structs.asdict(base)
    if saved is None:
        values.update(
            file=found.file,
            locked=found.locked,
            command=found.command,
            metric=found.metric,
            direction=found.direction,
            budget_seconds=found.budget_seconds,
        )
    if "tag" not in said and saved is None:
        values["tag"] = propose_tag(today, _taken_tags(workspace))
    values.update(said)
    try:
        config = msgspec.convert(values, ResearchConfig, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError("The flags do not fit together.", f"{error}.") from None
    check_config(config, "the research config")
    text = workspace.read(workspace.head, config.file)
    if text.encode("utf-8", "replace") != text.encode("utf-8", "surrogateescape"):
        raise WorkspaceError(
            f"{config.file} is not UTF-8 text.", "", "Convert it, commit, and start again."
        )
    return Plan(
        config=config,
        continues=False,
        why={**({} if saved is not None else found.why), **dict.fromkeys(said, "as you said")},
        notes=_notes(workspace, config, found.budget_is_ours, found.budget_seconds),
    )


def _point_to_the_top(workspace: Workspace, name: str) -> None:
    """Say so when the person stands in a subdirectory of what they probably mean.

    Raises:
        WorkspaceError: The file is not here but at the repository's top.
    """
    if (
        workspace.prefix
        and not (workspace.path / name).exists()
        and (workspace.top / name).exists()
    ):
        raise WorkspaceError(
            f"There is no {name} in {workspace.path}.",
            f"There is one at the top of the repository, {workspace.top}.",
            f"Name that: autoresearch-tui {workspace.top}",
        )


def _plan_to_continue(saved: ResearchConfig, said: dict[str, object], journal: Path) -> Plan:
    fixed = {
        k: v
        for k, v in said.items()
        if k not in _CHANGEABLE and msgspec.to_builtins(getattr(saved, k)) != msgspec.to_builtins(v)
    }
    if fixed:
        names = ", ".join(f"--{k.replace('_', '-').removesuffix('-seconds')}" for k in fixed)
        raise UsageError(
            f"The session {saved.tag!r} exists already and cannot be changed by {names}.",
            "Its experiments would not be comparable any more.",
            "Leave the flag out to go on with the session, or start another with --tag.",
        )
    config = saved
    session = fold(read_journal(journal))
    most = said.get("max_experiments", saved.max_experiments)
    if session.ended is not None and isinstance(most, int) and session.counts.total >= most:
        raise UsageError(
            f"The session {saved.tag!r} has done all its {session.counts.total} experiments.",
            "",
            "Go on with a higher --max, or start another session with --tag.",
        )
    changed = {k: v for k, v in said.items() if k in _CHANGEABLE}
    if changed:
        config = msgspec.structs.replace(saved, **changed)
        check_config(config)
    return Plan(config=config, continues=True)


def _taken_tags(workspace: Workspace) -> set[str]:
    out = workspace.git.run(
        "for-each-ref", "--format=%(refname:lstrip=3)", f"refs/heads/{BRANCHES}/"
    )
    refs = workspace.git.run("for-each-ref", "--format=%(refname:lstrip=2)", "refs/autoresearch/")
    home = workspace.path / HOME
    taken = {name.split("/")[0] for name in refs.split()}
    return taken | set(out.split()) | {p.parent.name for p in home.glob("*/journal.jsonl")}


def _notes(
    workspace: Workspace, config: ResearchConfig, budget_is_ours: bool, budget: float | None
) -> tuple[str, ...]:
    """What the person should know about how their workspace is taken."""
    found = workspace.look()
    notes: list[str] = []
    if found.dirty:
        some = ", ".join(found.dirty[:3]) + (" …" if len(found.dirty) > 3 else "")
        notes.append(
            f"Uncommitted changes ({some}) are not part of the experiments: "
            f"they start from commit {found.head[:7]}."
        )
    if found.detached:
        notes.append(f"HEAD is detached; the session starts from commit {found.head[:7]}.")
    if found.identity is None:
        notes.append(
            "Git knows no name and e-mail of yours, so commits are made as autoresearch-tui."
        )
    if found.submodules:
        notes.append("Submodules are linked into the worktree as they are checked out now.")
    if results_name(workspace, config) != config.results_file:
        notes.append(
            f"{config.results_file} is tracked by git or has another schema, so it is left alone; "
            f"rows go to {results_name(workspace, config)}."
        )
    log = workspace.path / "run.log"
    if log.exists() and not log.is_symlink():
        notes.append("Your run.log is left alone; the live log lies under .autoresearch.")
    if config.budget_seconds is not None and not budget_is_ours and config.budget_seconds != budget:
        was = f"; it has TIME_BUDGET = {budget:g}" if budget is not None else ""
        notes.append(
            "The script does not read AUTORESEARCH_TIME_BUDGET, so the budget of "
            f"{config.budget_seconds:g} s only sets the deadlines{was}."
        )
    return tuple(notes)


def results_name(workspace: Workspace, config: ResearchConfig) -> str:
    """Where rows go: the config's file, or one of the session's own where that is not ours to
    write.
    """
    name = config.results_file
    if workspace.is_tracked(name) or not is_ours(workspace.path / name, config.metric):
        return f"results-{config.tag}.tsv"
    return name


def open_session(
    workspace: Workspace, layout: Layout, config: ResearchConfig, platform: ev.Platform
) -> tuple[Journal, tuple[str, ...]]:
    """Open the session's journal, and start the session where there is none yet.

    Returns:
        The journal, and the paths of the repository's submodules.

    Raises:
        AutoresearchError: The branch exists, or something cannot be written.
    """
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
    half_started = layout.journal.exists()
    branch = workspace.branch_commit(config.tag)
    if new and (branch is None or branch != workspace.head or not half_started):
        if branch is None:
            layout.journal.touch()
        workspace.start_branch(config.tag, workspace.head)
    journal = Journal(layout.journal)
    if not journal.session.seq:
        found = look_at(
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
                notes=_notes(workspace, config, found.budget_is_ours, found.budget_seconds),
            )
        )
    _take_up(journal, config, platform)
    return journal, submodules


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
        journal.append(ev.ConfigChanged(config=config))
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
