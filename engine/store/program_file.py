"""Reads and writes program.md, the user's research instructions, in the workspace."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import NamedTuple

from engine.core.enums import PROGRAM
from engine.core.errors import WorkspaceError
from engine.store.durable import write_durably
from engine.untrusted_files import read_regular

_LARGEST_PROGRAM = 4 * 2**20


class Program(NamedTuple):
    """One version of program.md: its text, and the key by which a later change is noticed."""

    text: str
    key: str
    """A hash of the text; empty if there is no file."""


class ProgramChangedError(WorkspaceError):
    """Raised when another program changed program.md while the user edited it."""


def program_digest(text: str) -> str:
    """Return the SHA-256 of a version of program.md, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def program_key(text: str) -> str:
    """Return the key of a version of program.md: the first digits of its hash."""
    return program_digest(text)[:12]


def read_program(workspace: Path) -> Program:
    """Read program.md in a workspace; the text and key are empty if there is none.

    Raises:
        WorkspaceError: The file cannot be read, is not UTF-8 text, or is larger than 4 MiB.
    """
    path = workspace / PROGRAM
    try:
        text = read_regular(path, _LARGEST_PROGRAM, follow=True).decode("utf-8")
    except FileNotFoundError:
        return Program("", "")
    except UnicodeDecodeError:
        raise WorkspaceError(
            f"{PROGRAM} is not UTF-8 text.", "", "Restore the text; git has it."
        ) from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise WorkspaceError(f"{PROGRAM} is larger than 4 MiB.", "", "Shorten it.") from None
        raise WorkspaceError(f"{PROGRAM} cannot be read.", f"{error.strerror}.") from error
    if "\0" in text:
        raise WorkspaceError(f"{PROGRAM} is not UTF-8 text.", "", "Restore the text; git has it.")
    return Program(text, program_key(text))


def write_program(workspace: Path, text: str, seen: str) -> Program:
    """Replace program.md durably, and return the new version; nothing else is written or committed.

    Args:
        workspace: The directory of the workspace.
        text: The new text.
        seen: The key of the version the user began to edit; empty if there was no file.

    Raises:
        ProgramChangedError: The file is another version by now; nothing was written.
        WorkspaceError: The file cannot be written.
    """
    if read_program(workspace).key != seen:
        raise ProgramChangedError(
            f"{PROGRAM} was changed by another program in the meantime.",
            "Nothing was written.",
            "Read the new version, then save again.",
        )
    path = workspace / PROGRAM
    try:
        # A symbolic link stays, and the file it points to is replaced.
        target = path.resolve()
        write_durably(target, text)
    except OSError as error:
        raise WorkspaceError(f"{PROGRAM} cannot be written.", f"{error.strerror}.") from error
    return Program(text, program_key(text))
