"""From a directory to a plan: the config that is proposed to the person, with why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from engine.core.config import ResearchConfig, check_config
from engine.core.errors import UsageError, WorkspaceError
from engine.setup.config_file import config_path, load_config
from engine.setup.detect import DetectedSettings, detect_settings, propose_tag
from engine.setup.handoff import StartRequest, read_start_request
from engine.setup.notes import notes_of
from engine.setup.start_point import find_start_point
from engine.setup.takeover import branches_without_journal
from engine.store.artifacts import HOME, Layout
from engine.store.journal import fold_journal
from engine.store.workspace import BRANCHES, Workspace

_MOST_WORDS = 4000
_CHANGEABLE = (
    *("tag", "max_experiments", "max_dollars", "max_tokens"),
    *("agent", "model", "api_base", "cli", "lookahead"),
    *("autonomy", "review_timeout_seconds", "scope"),
    *("temperature", "mix_with", "mix_every"),
)
"""What a session may go on with although it began otherwise; nothing that the metric depends on."""


class StartFlags(msgspec.Struct, frozen=True, kw_only=True):
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
    results_file: str | None = None
    autonomy: str | None = None
    review_timeout_seconds: float | None = None
    scope: str | None = None
    temperature: float | None = None
    mix_with: str | None = None
    mix_every: int | None = None
    first_hypothesis: str | None = None
    """Not of the config: becomes the session's first pin."""
    new_from: str | None = None
    """Not of the config: `best`, `base`, or the commit a new session starts from."""
    adopt: str | None = None
    """Not of the config: the tag of a session without a journal that is gone on with."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A config to be confirmed, and what the person should know before they do."""

    config: ResearchConfig
    continues: bool
    """Whether the session exists already and goes on."""
    why: dict[str, str] = {}
    """For each setting: why it is filled in as it is."""
    notes: tuple[str, ...] = ()
    start_request: StartRequest = StartRequest()
    """What is to be told to the engine beside the config."""


def make_plan(
    path: Path, wishes: StartFlags, today: date, answers: Mapping[str, object] | None = None
) -> Plan:
    """What would be run here, from the person's answers, the flags, the saved config and a look at
    the repository, in that order.

    Args:
        path: The workspace.
        wishes: The flags.
        today: Names a new session.
        answers: What the person said instead when the plan was shown to them, by setting; None as
            a value is an answer too.

    Raises:
        AutoresearchError: The workspace cannot be used, the config is broken, or a flag does not
            fit the session.
    """
    workspace = Workspace(path)
    saved = load_config(workspace.path) if config_path(workspace.path).exists() else None
    said = {k: v for k, v in msgspec.structs.asdict(wishes).items() if v is not None}
    said |= answers or {}
    if "agent" not in said and ("model" in said or "cli" in said):
        said["agent"] = "llm" if "model" in said else "acp"
    begin = find_start_point(
        workspace, saved, said, lambda: propose_tag(today, _taken_tags(workspace))
    )
    named_tag = str(said.get("tag", saved.tag if saved is not None else ""))
    layout = Layout(workspace.path, named_tag)
    if named_tag and layout.journal.exists():
        # Another session than the one of config.toml goes on as it was, not as that one is.
        same = saved is not None and saved.tag == named_tag
        own = saved if saved is not None and same else fold_journal(layout.journal).config
        return _plan_to_continue(own, said, layout)
    base = saved if saved is not None else ResearchConfig()
    named = {
        name: str(said.get(name) or getattr(base, name))
        for name in ("file", "metric", "command")
        if said.get(name) or saved is not None
    }
    _point_to_the_top(workspace, named.get("file", "train.py"))
    found = detect_settings(
        workspace.path,
        file=named.get("file"),
        metric=named.get("metric"),
        command=named.get("command"),
    )
    values = msgspec.structs.asdict(base)
    why = dict.fromkeys(values, "as in config.toml") if saved is not None else _defaults(found)
    if saved is None:
        values.update(
            file=found.file,
            locked=found.locked,
            command=found.command,
            metric=found.metric,
            direction=found.direction,
            budget_seconds=found.budget_seconds,
            tag=propose_tag(today, _taken_tags(workspace)),
        )
    values.update(begin.values)
    why.update(begin.why)
    said_tag = said.get("tag", values["tag"])
    start_request = read_start_request(Layout(workspace.path, str(said_tag)))
    # Of a start that failed before the session was: it still starts from there.
    start, adopts = begin.commit or start_request.base, begin.adopts or start_request.adopts
    workspace.head = start or workspace.head
    first = said.pop("first_hypothesis", start_request.first_hypothesis)
    if first:
        why["first_hypothesis"] = "as you said"
    values.update(said)
    config = _as_config(values)
    text = workspace.read(workspace.head, config.file)
    if text.encode("utf-8", "replace") != text.encode("utf-8", "surrogateescape"):
        raise WorkspaceError(
            f"{config.file} is not UTF-8 text.", "", "Convert it, commit, and start again."
        )
    return Plan(
        config=config,
        continues=False,
        why={**why, **dict.fromkeys(said, "as you said"), **begin.why},
        notes=(
            *begin.notes,
            *_other_session(workspace, config),
            *notes_of(workspace, config, found.budget_is_ours, found.budget_seconds),
        ),
        start_request=StartRequest(
            first_hypothesis=_first_hypothesis(str(first or "")), base=start, adopts=adopts
        ),
    )


def _other_session(workspace: Workspace, config: ResearchConfig) -> tuple[str, ...]:
    """Whether a session of another tool lies here that could be gone on with instead."""
    tags = [tag for tag in branches_without_journal(workspace) if tag != config.tag]
    try:
        with open(workspace.path / config.results_file, "rb") as file:
            rows = len(file.read(4096).splitlines()) > 1
    except OSError:
        rows = False
    if not tags or not rows:
        return ()
    return (
        f"Branch {BRANCHES}/{tags[0]} and {config.results_file} look like a session of another "
        f"tool. This plan starts a new one; `autoresearch-tui --adopt {tags[0]}` goes on with it.",
    )


def _defaults(found: DetectedSettings) -> dict[str, str]:
    """Why each setting of a first plan is as it is."""
    return {
        "locked": "the files it imports" if found.locked else "it imports no file of yours",
        "budget_seconds": "no TIME_BUDGET was found",
        "rule": "any improvement is kept",
        "autonomy": "questionable edits wait",
        "agent": "needs no key and no network",
        "max_experiments": "`stop` ends it",
        "scope": "what program.md allows",
        "first_hypothesis": "the agent chooses",
        "tag": "the day; names the branch",
        "results_file": "the usual name",
        **found.why,
    }


def _first_hypothesis(text: str) -> str:
    """The person's first pin.

    Raises:
        UsageError: It is far too long for the briefings it goes into.
    """
    text = text.encode("utf-8", "replace").decode("utf-8").strip()
    if len(text) > _MOST_WORDS:
        raise UsageError(
            f"The first hypothesis has {len(text):,} characters; {_MOST_WORDS:,} are the most.",
            "",
            "Say it shorter, or write it into program.md.",
        )
    return text


def _as_config(values: dict[str, object]) -> ResearchConfig:
    """A config that a session can run with.

    Raises:
        UsageError: A value is of the wrong kind.
        ConfigError: A value cannot be.
    """
    try:
        config = msgspec.convert(values, ResearchConfig, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError("The flags do not fit together.", f"{error}.") from None
    check_config(config, "the research config")
    return config


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


def _plan_to_continue(saved: ResearchConfig, said: dict[str, object], layout: Layout) -> Plan:
    if said.pop("first_hypothesis", None):
        raise UsageError(
            f"The session {saved.tag!r} exists already, so it has begun with another hypothesis.",
            "",
            "Pin yours once the engine runs: autoresearch-tui pin TEXT",
        )
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
    session = fold_journal(layout.journal)
    most = said.get("max_experiments", saved.max_experiments)
    if session.ended is not None and isinstance(most, int) and session.counts.total >= most:
        raise UsageError(
            f"The session {saved.tag!r} has done all its {session.counts.total} experiments.",
            "",
            f"Go on with a higher --max, such as --max {session.suggested_limit}, or start another "
            "session with --tag.",
        )
    changed = {k: v for k, v in said.items() if k in _CHANGEABLE}
    if changed:
        config = _as_config(msgspec.structs.asdict(saved) | changed)
    # What was said on the screen before is in the journal, and would be in force again.
    autonomy = config.autonomy if "autonomy" in said else None
    # What an engine that was killed at its start had not yet taken up is still to be done.
    left = read_start_request(layout)
    start_request = msgspec.structs.replace(left, autonomy=autonomy or left.autonomy)
    return Plan(config=config, continues=True, start_request=start_request)


def _taken_tags(workspace: Workspace) -> set[str]:
    out = workspace.git.run(
        "for-each-ref", "--format=%(refname:lstrip=3)", f"refs/heads/{BRANCHES}/"
    )
    refs = workspace.git.run("for-each-ref", "--format=%(refname:lstrip=2)", "refs/autoresearch/")
    home = workspace.path / HOME
    taken = {name.split("/")[0] for name in refs.split()}
    return taken | set(out.split()) | {p.parent.name for p in home.glob("*/journal.jsonl")}
