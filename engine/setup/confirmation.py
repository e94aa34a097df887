"""Records outside the workspace what the user confirmed, and finds what differs from it.

A repository may bring an `.autoresearch` directory of its own, so nothing in a workspace can show
that its user agreed to run its command. The record lies in the user's state directory.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import platformdirs
from msgspec.structs import asdict, replace

from engine.core.config import ResearchConfig
from engine.core.errors import UsageError, WorkspaceError
from engine.core.layout import home_of
from engine.store.durable import write_durably
from engine.store.regular_file import read_regular

_MOST_BYTES = 4 * 2**20
_NOTIFY = "notify.toml"


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What the user confirmed in one directory."""

    workspace: str
    device: int
    inode: int
    configs: dict[str, ResearchConfig] = {}
    """The research config of each session, by tag."""
    notify: str = ""
    """The hash of notify.toml; empty where there was none."""


def confirm(workspace: Path, config: ResearchConfig) -> None:
    """Record that the user confirmed a session's config and the workspace's notify.toml.

    Raises:
        WorkspaceError: The record cannot be written.
    """
    path, now = _record_path(workspace), _now(workspace)
    before, _ = _read(path)
    known = before.configs if before is not None and _is_same_directory(before, now) else {}
    now = replace(now, configs={**known, config.tag: config})
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, msgspec.json.encode(now), private=True)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written.",
            f"{error.strerror or error}. Your confirmation is kept there.",
            "Make it writable, or set XDG_STATE_HOME to a directory that is.",
        ) from error


def differences(workspace: Path, config: ResearchConfig | None) -> tuple[str, ...]:
    """Return sentences on what differs from what the user confirmed; empty where nothing does.

    Args:
        workspace: The workspace's directory.
        config: The session's config as the workspace's files have it; None where they have none.
    """
    before, problem = _read(_record_path(workspace))
    now = _now(workspace)
    if before is None:
        return (problem or f"You have not confirmed {workspace} on this machine yet.",)
    if not _is_same_directory(before, now):
        return (f"{workspace} is another directory than the one you confirmed there.",)
    found: list[str] = []
    if config is not None:
        confirmed = before.configs.get(config.tag)
        if confirmed is None:
            found.append(f"You have not confirmed the session {config.tag!r} yet.")
        else:
            found += _changes(confirmed, config)
    if now.notify != before.notify:
        found.append(
            f"{_NOTIFY} is not as you confirmed it; `autoresearch-tui notify` shows its addresses."
        )
    return tuple(found)


def require_confirmation(workspace: Path, config: ResearchConfig) -> None:
    """Raise an error unless the user confirmed exactly this config in this directory.

    Raises:
        UsageError: Something differs from what was confirmed; the error names it.
    """
    if found := differences(workspace.resolve(), config):
        raise unconfirmed(found)


def unconfirmed(found: tuple[str, ...]) -> UsageError:
    """Return the error for a start that the user has to confirm first.

    Args:
        found: Sentences on what differs from what was confirmed; may be empty.
    """
    return UsageError(
        "The research config is not confirmed.",
        " ".join(found),
        "Start on a terminal to see and confirm it, or add --yes to accept it as it is.",
    )


def _changes(confirmed: ResearchConfig, config: ResearchConfig) -> list[str]:
    before, after = msgspec.to_builtins(asdict(confirmed)), msgspec.to_builtins(asdict(config))
    return [
        f"`{name}` is {after[name]!r}; you confirmed {before[name]!r}."
        for name in after
        if after[name] != before[name]
    ]


def _record_path(workspace: Path) -> Path:
    name = hashlib.sha256(os.fsencode(workspace)).hexdigest()[:32]
    return platformdirs.user_state_path("autoresearch-tui") / "confirmed" / f"{name}.json"


def _now(workspace: Path) -> Confirmation:
    """Return the workspace's present state as a confirmation without configs."""
    info = os.stat(workspace)
    try:
        data = read_regular(home_of(workspace) / _NOTIFY, _MOST_BYTES)
        notify = hashlib.sha256(data).hexdigest()
    except FileNotFoundError:
        notify = ""
    except OSError as error:
        notify = f"unreadable: {error.strerror}"
    return Confirmation(
        workspace=os.fsencode(workspace).decode("utf-8", "backslashreplace"),
        device=info.st_dev,
        inode=info.st_ino,
        notify=notify,
    )


def _is_same_directory(a: Confirmation, b: Confirmation) -> bool:
    return (a.workspace, a.device, a.inode) == (b.workspace, b.device, b.inode)


def _read(path: Path) -> tuple[Confirmation | None, str]:
    """Return the confirmation in a file, or None with a sentence where the file is damaged."""
    try:
        return msgspec.json.decode(read_regular(path, _MOST_BYTES), type=Confirmation), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"Your confirmation in {path} cannot be read: {error.strerror}."
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, f"Your confirmation in {path} is damaged."
