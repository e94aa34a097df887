"""Finds what a workspace's files hold that the user has not confirmed, as notes of the plan."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from engine.agents.llm.env_file import ENV_FILE, read_env_file
from engine.core.config import ResearchConfig
from engine.core.errors import ConfigError
from engine.core.layout import HOME_NAME, Layout, home_of
from engine.core.session import Session
from engine.core.text import plural
from engine.setup.confirmation import (
    confirmed_keys,
    differences,
    is_request_confirmed,
    is_session_confirmed,
)
from engine.setup.start_request import StartRequest, read_start_request
from engine.store.workspace import Workspace

_NAMES_SHOWN = 6


def unconfirmed_files(
    workspace: Workspace, saved: ResearchConfig | None, config: ResearchConfig
) -> tuple[str, ...]:
    """Return sentences on what the workspace's files hold that the user has not confirmed.

    Args:
        workspace: The workspace in which the session will run.
        saved: The session's config as the workspace's files have it; None where they have none.
        config: The session's config as it will be.
    """
    found: list[str] = []
    if os.path.lexists(home_of(workspace.path)):
        found += differences(workspace.path, saved)
        if workspace.is_tracked(HOME_NAME):
            found.append(
                f"Git tracks {HOME_NAME}, so its config and sessions may be those of another "
                f"person; `git rm -r --cached {HOME_NAME}` ends that."
            )
    if _uses_keys(config):
        file = read_env_file(workspace.path)
        if (
            file.keys
            and workspace.is_tracked(ENV_FILE)
            and confirmed_keys(workspace.path) != file.fingerprint
        ):
            found.append(
                f"Git tracks {ENV_FILE}, so its {_names(file.keys)} may be another person's, who "
                "would then see what the agent is asked."
            )
    return tuple(found)


def adopted_decisions(layout: Layout, session: Session) -> tuple[str, ...]:
    """Return a sentence on the decisions in the journal of a session that was not confirmed here.

    Args:
        layout: The paths of the session's files.
        session: The session, as its journal has it.
    """
    if is_session_confirmed(layout):
        return ()
    counts = (
        plural(len(session.experiments), "experiment"),
        plural(len(session.queue), "queued proposal"),
        plural(len(session.waiting_pins), "open pin"),
    )
    return (
        f"If you start it, what its journal holds counts as yours: {', '.join(counts)}, and the "
        "bans and notes to the agent.",
    )


def env_file_notes(workspace: Workspace, config: ResearchConfig) -> tuple[str, ...]:
    """Return sentences on which variables of `.env` the agent gets, and which it does not get.

    Raises:
        ConfigError: The `.env` cannot be read.
    """
    if not _uses_keys(config):
        return ()
    file = read_env_file(workspace.path)
    notes = [f"{ENV_FILE} gives the agent {_names(file.keys)}."] if file.keys else []
    if file.left_out:
        notes.append(
            f"{ENV_FILE}: only keys of model providers are taken from it; left out: "
            f"{_names(file.left_out)}. Export what the agent needs."
        )
    return tuple(notes)


def keys_fingerprint(workspace: Path, config: ResearchConfig) -> str:
    """Return a hash of the keys that `.env` gives the agent; empty where it gives none."""
    return read_env_file(workspace).fingerprint if _uses_keys(config) else ""


def left_start_request(layout: Layout) -> tuple[StartRequest, tuple[str, ...]]:
    """Return the start request that no engine has recorded yet, or say that it is ignored.

    Returns:
        The request, empty where it is ignored, and sentences about that for the user.
    """
    try:
        request = read_start_request(layout)
    except ConfigError as error:
        return StartRequest(), (f"{error.what} {error.why} It is ignored.",)
    if request == StartRequest() or is_request_confirmed(layout):
        return request, ()
    return StartRequest(), ("The request of an earlier start, opening.json, is ignored.",)


def _uses_keys(config: ResearchConfig) -> bool:
    """Return whether a session asks a language model or a coding-agent CLI for anything."""
    return config.agent != "search" or bool(config.model)


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _NAMES_SHOWN} more" if len(listed) > _NAMES_SHOWN else ""
    return ", ".join(listed[:_NAMES_SHOWN]) + more
