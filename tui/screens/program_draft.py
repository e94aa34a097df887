"""Unsaved changes to program.md, kept in a file in case the connection or the window is lost."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgspec

from engine.store.durable import write_durably
from tui.settings import cache_directory


class ProgramDraft(msgspec.Struct, frozen=True):
    """The text that the user had typed and not saved."""

    seen: str
    """The key of the version that the text began from."""
    text: str


def _path(workspace: Path) -> Path:
    name = hashlib.sha256(str(workspace).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return cache_directory() / "unsaved" / f"{name}.json"


def kept_draft(workspace: Path) -> ProgramDraft | None:
    """Return the draft of a workspace; None if there is none."""
    try:
        return msgspec.json.decode(_path(workspace).read_bytes(), type=ProgramDraft)
    except (OSError, msgspec.DecodeError):
        return None


def keep_draft(workspace: Path, draft: ProgramDraft) -> None:
    """Keep a draft; a cache that cannot be written does not interrupt typing."""
    with contextlib.suppress(OSError):
        _write(_path(workspace), msgspec.json.encode(draft))


def forget_draft(workspace: Path) -> None:
    """Delete the draft, because it was saved or dropped."""
    with contextlib.suppress(OSError):
        _path(workspace).unlink(missing_ok=True)


def set_aside(workspace: Path, key: str, text: str) -> Path | None:
    """Keep a version that is about to be overwritten.

    Returns:
        The file that holds it; None if it could not be written.
    """
    path = _path(workspace).with_suffix(f".{key}.md")
    try:
        _write(path, text.encode("utf-8"))
    except OSError:
        return None
    return path


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, data, private=True)
