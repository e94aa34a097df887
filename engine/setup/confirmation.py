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
from engine.core.layout import HOME_NAME, Layout, home_of
from engine.setup.start_request import request_path
from engine.store.durable import write_durably
from engine.untrusted_files import read_regular

_MOST_BYTES = 4 * 2**20
_NOTIFY = "notify.toml"


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What the user confirmed in one directory."""

    workspace: str
    device: int
    inode: int
    configs: dict[str, ResearchConfig] = {}
    """The research config of each session, by tag."""
    requests: dict[str, str] = {}
    """The hash of each session's start request, by tag; only where there was one."""
    notify: str = ""
    """The hash of notify.toml; empty where there was none."""
    home: str = ""
    """Where `.autoresearch` leads; empty where it is not a symbolic link."""
    keys: str = ""
    """The hash of the keys that the agent got from `.env`; empty where there were none."""


def confirm(workspace: Path, config: ResearchConfig, keys: str = "") -> None:
    """Record that the user confirmed a session's config and the workspace's notify.toml.

    Args:
        workspace: The workspace's directory.
        config: The config as it was shown.
        keys: The hash of the keys that `.env` gives the agent; empty to keep the one recorded.

    Raises:
        WorkspaceError: The record cannot be written.
    """
    path, now = _record_path(workspace), _now(workspace)
    before, _ = _read(path)
    if before is not None and _is_same_directory(before, now):
        now = replace(
            now, configs=before.configs, requests=before.requests, keys=keys or before.keys
        )
    request = _hash_of(request_path(Layout(workspace, config.tag)))
    requests = {tag: hash for tag, hash in now.requests.items() if tag != config.tag}
    now = replace(
        now,
        configs={**now.configs, config.tag: config},
        requests=requests | ({config.tag: request} if request else {}),
        keys=keys or now.keys,
    )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, msgspec.json.encode(now), private=True)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written.",
            f"{error.strerror or error}. Your confirmation is kept there.",
            "Make it writable, or set XDG_STATE_HOME to a directory that is.",
        ) from error


def forget_confirmation(workspace: Path) -> None:
    """Remove the record of a workspace that is about to be deleted."""
    _record_path(workspace.resolve()).unlink(missing_ok=True)


def differences(workspace: Path, config: ResearchConfig | None) -> tuple[str, ...]:
    """Return sentences on what differs from what the user confirmed; empty where nothing does.

    Args:
        workspace: The workspace's directory.
        config: The session's config as the workspace's files have it; None where they have none.
    """
    before, problem = _read(_record_path(workspace))
    now = _now(workspace)
    if before is None:
        link = (f"{HOME_NAME} {_home_text(now)}.",) if now.home else ()
        return (problem or f"You have not confirmed {workspace} on this machine yet.", *link)
    if not _is_same_directory(before, now):
        return (f"{workspace} is another directory than the one you confirmed there.",)
    found: list[str] = []
    if config is not None:
        confirmed = before.configs.get(config.tag)
        if confirmed is None:
            found.append(f"You have not confirmed the session {config.tag!r} yet.")
        else:
            found += _changes(confirmed, config)
            if not is_request_confirmed(Layout(workspace, config.tag)):
                found.append("The start request in opening.json is not the one you confirmed.")
    if now.home != before.home:
        was = before.home or "a directory"
        found.append(f"{HOME_NAME} {_home_text(now)}; it was {was} when you confirmed it.")
    if now.notify != before.notify:
        found.append(
            f"{_NOTIFY} is not as you confirmed it; `autoresearch-tui notify` shows its addresses."
        )
    return tuple(found)


def is_session_confirmed(layout: Layout) -> bool:
    """Return whether the user confirmed a config of the session in this directory before."""
    before, _ = _read(_record_path(layout.workspace))
    if before is None or not _is_same_directory(before, _now(layout.workspace)):
        return False
    return layout.tag in before.configs


def confirmed_keys(workspace: Path) -> str:
    """Return the hash of the keys in `.env` that the user confirmed; empty where there is none."""
    before, _ = _read(_record_path(workspace))
    if before is None or not _is_same_directory(before, _now(workspace)):
        return ""
    return before.keys


def is_request_confirmed(layout: Layout) -> bool:
    """Return whether the user's confirmed start wrote the session's start request, if any."""
    request = _hash_of(request_path(layout))
    before, _ = _read(_record_path(layout.workspace))
    if request and (before is None or not _is_same_directory(before, _now(layout.workspace))):
        return False
    return not request or (before is not None and before.requests.get(layout.tag) == request)


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
    return Confirmation(
        workspace=os.fsencode(workspace).decode("utf-8", "backslashreplace"),
        device=info.st_dev,
        inode=info.st_ino,
        notify=_hash_of(home_of(workspace) / _NOTIFY),
        home=_link_target(home_of(workspace)),
    )


def _hash_of(path: Path) -> str:
    """Return a hash of a file's content; empty where there is no file."""
    try:
        return hashlib.sha256(read_regular(path, _MOST_BYTES)).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _link_target(home: Path) -> str:
    if not home.is_symlink():
        return ""
    return os.fsencode(os.path.realpath(home)).decode("utf-8", "backslashreplace")


def _home_text(state: Confirmation) -> str:
    return f"is a link to {state.home}" if state.home else "is a directory"


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
