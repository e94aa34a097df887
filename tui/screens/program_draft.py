"""Keeps unsaved changes to program.md in a cache file, in case the terminal is lost."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgspec

from engine.store.durable import write_durably
from tui.settings import cache_directory


class ProgramDraft(msgspec.Struct, frozen=True):
    """An unsaved text of program.md, and the version it was based on."""

    seen: str
    """The key (a hash) of the version on the disk that the text began from; "" for no file."""
    text: str


def _path(workspace: Path) -> Path:
    name = hashlib.sha256(str(workspace).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return cache_directory() / "unsaved" / f"{name}.json"


def kept_draft(workspace: Path) -> ProgramDraft | None:
    """Return the draft kept for a workspace; None if there is none or it cannot be read."""
    try:
        return msgspec.json.decode(_path(workspace).read_bytes(), type=ProgramDraft)
    except (OSError, msgspec.DecodeError):
        return None


def keep_draft(workspace: Path, draft: ProgramDraft) -> None:
    """Write the draft of a workspace to the cache; a failed write is ignored, as typing goes on."""
    with contextlib.suppress(OSError):
        _write(_path(workspace), msgspec.json.encode(draft))


def forget_draft(workspace: Path) -> None:
    """Delete the draft of a workspace, because it was saved or dropped."""
    with contextlib.suppress(OSError):
        _path(workspace).unlink(missing_ok=True)


def set_aside(workspace: Path, key: str, text: str) -> Path | None:
    """Save a version of program.md in the cache before it is overwritten.

    Args:
        workspace: The directory that program.md is in.
        key: The key of the version, which names the file; `mine` for the user's text.
        text: The text to save.

    Returns:
        The file that holds the text; None if it could not be written.
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
