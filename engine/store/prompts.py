"""Stores and reads the prompts sent to agents: each distinct text once, named by its hash."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path

from engine.core.layout import Layout
from engine.store.durable import write_durably
from engine.untrusted_files import read_regular

_LEVEL = 6
_MOST_BYTES = 64 << 20
"""The most bytes of a stored prompt, packed and unpacked."""


def keep_prompt(layout: Layout, text: str) -> str:
    """Write a prompt, compressed and synced, below `.autoresearch/<tag>/prompts`.

    A prompt that is stored already is not written again.

    Returns:
        The prompt's key: a hash of its text, by which `read_prompt` finds it.

    Raises:
        OSError: The disk is full or read-only.
    """
    data = text.encode("utf-8", "replace")
    key = _key(data)
    path = _path(layout.session, key)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, gzip.compress(data, _LEVEL, mtime=0))
    return key


def read_prompt(session: Path, key: str) -> str | None:
    """Return the text of a stored prompt; None if it is missing or damaged.

    Args:
        session: The session's directory.
        key: The prompt's key from the journal; None is returned for a malformed one.
    """
    if not key.isalnum():
        return None
    try:
        packed = read_regular(_path(session, key), _MOST_BYTES)
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            data = file.read(_MOST_BYTES)
    except (OSError, EOFError, zlib.error):
        return None
    return data.decode("utf-8", "replace") if _key(data) == key else None


def _key(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _path(session: Path, key: str) -> Path:
    return session / "prompts" / f"{key}.md.gz"
