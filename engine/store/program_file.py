"""The charter, program.md, as a file of the workspace."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from engine.core.enums import PROGRAM
from engine.core.errors import WorkspaceError
from engine.store.durable import write_durably

_LARGEST_PROGRAM = 4 * 2**20


class Program(NamedTuple):
    """The charter as it stands on the disk."""

    text: str
    key: str
    """A hash of it; empty where there is no file."""


class ProgramChangedError(WorkspaceError):
    """Somebody else wrote the charter meanwhile."""


def program_key(text: str) -> str:
    """What names a version of the charter."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def read_program(workspace: Path) -> Program:
    """The charter; empty where there is none.

    Raises:
        WorkspaceError: It is no text, or far too large.
    """
    path = workspace / PROGRAM
    try:
        if path.stat().st_size > _LARGEST_PROGRAM:
            raise WorkspaceError(f"{PROGRAM} is larger than 4 MiB.", "", "Shorten it.")
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return Program("", "")
    except (UnicodeDecodeError, IsADirectoryError):
        raise WorkspaceError(
            f"{PROGRAM} is no text.", "It must be UTF-8.", "Put the text back; git has it."
        ) from None
    except OSError as error:
        raise WorkspaceError(f"{PROGRAM} cannot be read.", f"{error.strerror}.") from error
    if "\0" in text:
        raise WorkspaceError(f"{PROGRAM} is no text.", "", "Put the text back; git has it.")
    return Program(text, program_key(text))


def write_program(workspace: Path, text: str, seen: str) -> Program:
    """Write the charter, and nothing else of the checkout.

    Args:
        workspace: Where it lies.
        text: The new one.
        seen: The key of the version the person began to edit.

    Raises:
        ProgramChangedError: It is another version by now; nothing was written.
        WorkspaceError: It cannot be written.
    """
    if read_program(workspace).key != seen:
        raise ProgramChangedError(
            f"{PROGRAM} was changed by somebody else meanwhile.",
            "Nothing was written.",
            "Look at theirs, then save again.",
        )
    path = workspace / PROGRAM
    try:
        # Through a link it is the file behind it that changes.
        target = path.resolve()
        write_durably(target, text)
    except OSError as error:
        raise WorkspaceError(f"{PROGRAM} cannot be written.", f"{error.strerror}.") from error
    return Program(text, program_key(text))
