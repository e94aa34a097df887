"""Plans a session: composes its research config, as shown to the user for confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from engine.core.analysis.stop_conditions import STOP_CONDITIONS, conditions_text, target_reached
from engine.core.breaches import figures_text, missing_figures
from engine.core.config import ResearchConfig, settings
from engine.core.config_toml import check_config
from engine.core.end_time import end_time_text, parse_end_time, resolve_end_time
from engine.core.errors import UsageError, WorkspaceError
from engine.core.layout import (
    BRANCH_PREFIX,
    JOURNAL_NAME,
    REF_PREFIX,
    Layout,
    RefNames,
    home_of,
)
from engine.core.session import Session
from engine.core.text import INSTRUCTION_CHARACTERS, one_line
from engine.executors.run_command import run_command, start_directory
from engine.plugins import load_keep_rule
from engine.setup.config_file import config_path, load_config, save_config
from engine.setup.confirmation import confirm
from engine.setup.data_summary import DataGroup, summarize_data
from engine.setup.detect import DetectedSettings, detect_settings, propose_tag
from engine.setup.editable_files import editable_notes, read_editable
from engine.setup.engine_files import check_engine_files, check_results_file
from engine.setup.notes import withheld_note, workspace_notes
from engine.setup.setting_paths import with_relative_paths
from engine.setup.start_point import StartPoint, find_start_point
from engine.setup.start_request import StartRequest, write_start_request
from engine.setup.takeover import branches_without_journal
from engine.setup.unconfirmed import (
    adopted_decisions,
    env_file_notes,
    keys_fingerprint,
    left_start_request,
    unconfirmed_files,
)
from engine.store.filters import check_readable
from engine.store.journal import fold_journal
from engine.store.workspace import Workspace
from engine.untrusted_files import open_regular


class StartFlags(msgspec.Struct, frozen=True, kw_only=True):
    """The values that the user gave on the command line to start a session."""

    settings: Mapping[str, Any] = {}
    """Settings of the research config, by field name; only those that were given."""
    first_hypothesis: str = ""
    """The text of the session's first pin; empty where none was given."""
    new_from: str = ""
    """Where a new session starts: `best`, `base`, a branch or a commit; empty: not given."""
    adopt: str = ""
    """Tag of another tool's session, which has no journal, to continue; empty: none."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A research config for the user to confirm, with what they should know before."""

    config: ResearchConfig
    continues: bool
    """True for an existing session that is continued; False for a new one."""
    why: dict[str, str] = {}
    """For each setting's name, a short text that tells where its value comes from."""
    unknown_direction: str = ""
    """Why the metric's direction is unknown and has to be asked for; empty where it is known."""
    data: tuple[DataGroup, ...] = ()
    """What runs get of the repository's untracked files, and what they do not get."""
    notes: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    """Sentences on what in the workspace differs from what the user confirmed there before."""
    start_request: StartRequest = StartRequest()
    """What the engine is asked to record at its start beside the config, such as a first pin."""


def make_plan(
    path: Path,
    flags: StartFlags,
    today: date,
    answers: Mapping[str, object] | None = None,
    now: datetime | None = None,
) -> Plan:
    """Plan a session from answers, flags, the saved config and the repository; write nothing.

    The answers take precedence over the flags, the flags over the saved config, and the saved
    config over what is detected in the repository.

    Args:
        path: The workspace, the researcher's git repository.
        flags: The values given on the command line.
        today: The date that names a new session.
        answers: The values that the user typed when the plan was shown, by setting name; None
            is a value too.
        now: The time from which the next `07:30` is looked for; None: the clock's.

    Raises:
        AutoresearchError: The workspace cannot be used, the config is broken, or a flag does not
            fit the session.
    """
    workspace = Workspace(path)
    saved = load_config(workspace.path) if config_path(workspace.path).exists() else None
    given = with_relative_paths({**flags.settings, **(answers or {})}, workspace.path)
    now = now or datetime.now().astimezone()
    if given.get("until"):
        given["until"] = _end_time(str(given["until"]), now)
    hypothesis = given.pop("first_hypothesis", flags.first_hypothesis or None)
    if "agent" not in given and ("model" in given or "cli" in given):
        given["agent"] = "llm" if "model" in given else "acp"

    def free_tag() -> str:
        return propose_tag(today, _used_tags(workspace))

    start = find_start_point(workspace, saved, given, flags.new_from, flags.adopt, free_tag)
    tag = str(given.get("tag") or start.values.get("tag") or (saved.tag if saved else free_tag()))
    check_engine_files(Layout(workspace.path, tag))
    if Layout(workspace.path, tag).journal.exists():
        plan = _plan_to_continue(workspace, tag, saved, given, hypothesis, now)
    else:
        plan = _plan_new(workspace, tag, saved, given, start, hypothesis, now)
    return replace(plan, data=summarize_data(workspace, plan.config))


def _plan_new(
    workspace: Workspace,
    tag: str,
    saved: ResearchConfig | None,
    given: dict[str, Any],
    start: StartPoint,
    hypothesis: str | None,
    now: datetime,
) -> Plan:
    base = saved if saved is not None else ResearchConfig()
    named = {
        name: given.get(name) or getattr(base, name)
        for name in ("file", "metric", "command")
        if given.get(name) or saved is not None
    }
    _require_file_here(workspace, named.get("file", "train.py"))
    detected = detect_settings(
        workspace.path,
        top=workspace.top.resolve(),
        **named,
        more_files=tuple(given.get("more_files", base.more_files)),
    )
    values = asdict(base)
    if saved is None:
        why = _reasons(detected)
        values |= detected.values()
    else:
        why = dict.fromkeys(values, "as in config.toml")
    other_metric = saved is not None and detected.metric != saved.metric
    if other_metric:
        # The saved direction is that of the saved metric.
        why["direction"] = detected.why["direction"]
        values |= {"direction": detected.direction or base.direction}
    is_asked = detected.direction is None and (saved is None or other_metric)
    known = start.values.keys() | given.keys()
    # The time at which the last session ended is not that of a new one.
    over = saved is not None and "until" not in given and _is_over(saved.until, now)
    values |= {"until": "" if over else _end_time(values["until"], now)}
    config = _checked(values | start.values | given | {"tag": tag})
    load_keep_rule(config.rule)
    check_results_file(workspace.path, config.results_file)
    start_directory(  # an error where the command's `cd` leads nowhere
        run_command(config.command), workspace.path, top=workspace.top, worktree=workspace.top
    )
    why |= start.why | dict.fromkeys(given, "as you said")
    if conditions_text(config) and any(name in given for name in STOP_CONDITIONS):
        why["max_experiments"] = "as you said"
    unconfirmed = unconfirmed_files(workspace, saved, config)
    # Left by a start that failed before the session existed: it still starts from there.
    left, ignored = left_start_request(Layout(workspace.path, tag))
    commit = start.commit or left.base
    workspace.head = commit or workspace.head
    hypothesis = left.first_hypothesis if hypothesis is None else hypothesis
    if hypothesis:
        why["first_hypothesis"] = "as you said"
    check_readable(workspace, config.files, config.locked)
    text = read_editable(workspace, config)
    notes = (
        *editable_notes(text, config),
        *workspace_notes(workspace, config, detected),
    )
    return Plan(
        config=config,
        continues=False,
        why=why,
        unknown_direction=why["direction"] if is_asked and "direction" not in known else "",
        notes=(
            *start.notes,
            *_note_other_session(workspace, config),
            *notes,
            *env_file_notes(workspace, config),
            *((f"`until` in config.toml is over: {base.until}; it is left out.",) if over else ()),
        ),
        unconfirmed=(*unconfirmed, *ignored),
        start_request=StartRequest(
            first_hypothesis=_first_hypothesis(hypothesis),
            base=commit,
            adopts=start.adopts or left.adopts,
            notes=notes,
        ),
    )


def save_plan(workspace: Path, plan: Plan) -> None:
    """Write the confirmed plan's config and start request, for the engine that is started next.

    The confirmation is recorded outside the workspace.

    Raises:
        WorkspaceError: The workspace cannot be written.
    """
    save_config(workspace, plan.config)
    layout = Layout(workspace, plan.config.tag)
    if plan.start_request != StartRequest() or layout.session.exists():
        write_start_request(layout, plan.start_request)
    confirm(workspace, plan.config, keys_fingerprint(workspace, plan.config))


def _note_other_session(workspace: Workspace, config: ResearchConfig) -> tuple[str, ...]:
    """Return a sentence about another tool's session that could be continued, or nothing."""
    tags = [tag for tag in branches_without_journal(workspace) if tag != config.tag]
    try:
        with open(open_regular(workspace.path / config.results_file, follow=True), "rb") as file:
            has_rows = len(file.read(4096).splitlines()) > 1
    except OSError:
        has_rows = False
    if not tags or not has_rows:
        return ()
    return (
        f"Branch {RefNames(tags[0]).branch} and {config.results_file} look like a session of "
        f"another tool. This plan starts a new one; `autoresearch-tui --adopt {tags[0]}` continues "
        "it.",
    )


def _reasons(detected: DetectedSettings) -> dict[str, str]:
    """Return for each setting's name a short text that tells where its value comes from.

    Args:
        detected: What was detected in a repository that has no saved config.
    """
    return {
        "locked": "the files it imports" if detected.locked else "it imports no file of yours",
        "budget_seconds": "no TIME_BUDGET was found",
        "rule": "repeats what looks better",
        "autonomy": "questionable edits wait",
        "agent": "needs no key and no network",
        "max_experiments": "`stop` ends it",
        "scope": "what program.md allows",
        "first_hypothesis": "the agent chooses",
        "tag": "the day; names the branch",
        "results_file": "the usual name",
        **detected.why,
    }


def _first_hypothesis(text: str | None) -> str:
    """Return the text of the first pin without surrounding white space; "" for none.

    Raises:
        UsageError: The text is too long for the prompts it goes into.
    """
    text = (text or "").encode("utf-8", "replace").decode("utf-8").strip()
    if len(text) > INSTRUCTION_CHARACTERS:
        raise UsageError(
            f"The first hypothesis has {len(text):,} characters; "
            f"at most {INSTRUCTION_CHARACTERS:,} are allowed.",
            "",
            "Shorten it, or write it into program.md.",
        )
    return text


def _checked(values: dict[str, Any]) -> ResearchConfig:
    """Return a checked research config made from values by setting name.

    Raises:
        UsageError: A value has the wrong type.
        ConfigError: A value is invalid.
    """
    try:
        config = msgspec.convert(values, ResearchConfig, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError("Invalid flag or argument.", f"{error}.") from None
    check_config(config)
    return config


def _require_file_here(workspace: Workspace, name: str) -> None:
    """Raise an error for a subdirectory where the editable file is at the repository's top.

    Raises:
        WorkspaceError: The file `name` is not in the workspace but at the top.
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


def _plan_to_continue(
    workspace: Workspace,
    tag: str,
    saved: ResearchConfig | None,
    given: dict[str, Any],
    hypothesis: str | None,
    now: datetime,
) -> Plan:
    if hypothesis:
        raise UsageError(
            f"The session {tag!r} exists already, so it has begun with another hypothesis.",
            "",
            "Pin yours once the engine runs: autoresearch-tui pin TEXT",
        )
    layout = Layout(workspace.path, tag)
    session = fold_journal(layout.journal)
    # A session other than the one of config.toml continues with its own config.
    config = saved if saved is not None and saved.tag == tag else session.config
    check_config(config, f"The config in {layout.journal}")
    before = config
    _reject_fixed(config, given)
    _reject_used_up(session, given.get("max_experiments", config.max_experiments), tag)
    if given:
        config = _checked(asdict(config) | given)
    if not _is_over(config.until, now):
        config = replace(config, until=_end_time(config.until, now))
    _reject_reached(session, config, now)
    _reject_unknown_figures(session, config.guards if "guards" in given else ())
    check_results_file(workspace.path, config.results_file)
    unconfirmed = (
        *unconfirmed_files(workspace, before, config),
        *adopted_decisions(layout, session),
    )
    left, ignored = left_start_request(layout)
    # A mode that was set on the screen is in the journal and would be in force again.
    autonomy = config.autonomy if unconfirmed or "autonomy" in given else left.autonomy
    return Plan(
        config=config,
        continues=True,
        notes=(*withheld_note(workspace.path, config), *env_file_notes(workspace, config)),
        unconfirmed=(*unconfirmed, *ignored),
        start_request=replace(left, autonomy=autonomy),
    )


def _reject_fixed(config: ResearchConfig, given: dict[str, Any]) -> None:
    """Raise an error for flags that would make a session's experiments incomparable.

    Raises:
        UsageError: A fixed setting would change; the error names its flag.
    """
    changed = [
        settings()[name].flag
        for name, value in given.items()
        if settings()[name].fixed
        and msgspec.to_builtins(getattr(config, name)) != msgspec.to_builtins(value)
    ]
    if changed:
        raise UsageError(
            f"The session {config.tag!r} exists already and cannot be changed by "
            f"{', '.join(dict.fromkeys(changed))}.",
            "Its experiments would no longer be comparable.",
            "Leave the flag out to continue the session, or start another with --tag.",
        )


def _reject_used_up(session: Session, limit: int | None, tag: str) -> None:
    """Raise an error where a session to continue has done all experiments that the limit allows.

    Raises:
        UsageError: The session ended with as many experiments as `limit`, or more.
    """
    if session.ended is not None and limit is not None and session.counts.total >= limit:
        raise UsageError(
            f"The session {tag!r} has done all its {session.counts.total} experiments.",
            "",
            f"Continue it with a higher --max, such as --max {session.suggested_limit}, or start "
            "another session with --tag.",
        )


def _end_time(text: str, now: datetime) -> str:
    """Return an end time as an absolute one, "" for none.

    Raises:
        UsageError: The text is not a time, or the time is over.
    """
    try:
        resolved = resolve_end_time(text, now)
    except ValueError as error:
        raise UsageError(
            f"Invalid value for --until: {one_line(text, 40)!r}.", f"Expected: {error}."
        ) from None
    if _is_over(resolved, now):
        raise UsageError(
            f"The time given by --until is over: {one_line(text, 40)}.",
            f"It is {end_time_text(now)} now.",
            "Give a later one, such as --until 07:30, which is the next 07:30; or --until none.",
        )
    return resolved


def _is_over(until: str, now: datetime) -> bool:
    """Return whether an end time is resolved and not after now."""
    at = parse_end_time(until)
    return at is not None and at <= now


def _reject_reached(session: Session, config: ResearchConfig, now: datetime) -> None:
    """Raise an error for a session that would end as soon as it is continued.

    Raises:
        UsageError: Its end time is over, or its target is reached.
    """
    if (at := parse_end_time(config.until)) is not None and at <= now:
        raise UsageError(
            f"The session {config.tag!r} was to end at {end_time_text(at)}, which is over.",
            "",
            "Continue it with a later --until, such as --until 07:30, or with --until none.",
        )
    if target_reached(session, config.target):
        raise UsageError(
            f"The session {config.tag!r} has reached its target {config.target:.9g}: "
            f"{one_line(config.metric, 60)} is {session.best_metric:.9g}.",
            "",
            "Continue it with another --target, or with --target none.",
        )


def _reject_unknown_figures(session: Session, guards: tuple[str, ...]) -> None:
    """Raise an error for guardrails whose figure the best experiment so far does not have.

    Raises:
        UsageError: No later experiment could be compared with it.
    """
    measured = session.best.measurement if session.best is not None else None
    missing = missing_figures(guards, measured) if measured is not None else ()
    if missing and measured is not None:
        raise UsageError(
            f"The guardrail `{missing[0]}` limits a figure that experiment {session.incumbent}, "
            "the best so far, did not print.",
            f"It gave: {figures_text(measured)}.",
            "Name one of these with --guard, or leave the guardrails out with --guard none.",
        )


def _used_tags(workspace: Workspace) -> set[str]:
    branches = workspace.git.run(
        "for-each-ref", "--format=%(refname:lstrip=3)", f"refs/heads/{BRANCH_PREFIX}/"
    )
    refs = workspace.git.run("for-each-ref", "--format=%(refname:lstrip=2)", f"{REF_PREFIX}/")
    used = {name.split("/")[0] for name in refs.split()}
    return (
        used
        | set(branches.split())
        | {p.parent.name for p in home_of(workspace.path).glob(f"*/{JOURNAL_NAME}")}
    )
