"""A text in the person's own editor, in a private file, and never lost."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from engine.core.errors import AutoresearchError, UsageError

LARGEST = 2**20
"""More than any training file or charter has; a command to the engine may hold 4 MiB."""


def find_editor(environ: Mapping[str, str], instead: str) -> list[str]:
    """The words that start the person's editor.

    Args:
        environ: Has VISUAL or EDITOR.
        instead: What can be done without one, as a sentence.

    Raises:
        UsageError: There is none, or its words cannot be read.
    """
    for name in ("VISUAL", "EDITOR"):
        value = environ.get(name, "").strip()
        if not value:
            continue
        try:
            return shlex.split(value)
        except ValueError as error:
            raise UsageError(
                f"${name} cannot be read ({error}).", f"It is {value!r}.", "Correct it."
            ) from None
    raise UsageError(
        "No editor is known: neither $VISUAL nor $EDITOR is set.",
        "",
        f"Set one, such as `export EDITOR=nano`. {instead}",
    )


def private_copy(text: str, name: str) -> Path:
    """A file of that text that nobody else can read; it stays until it is let go."""
    directory = Path(tempfile.mkdtemp(prefix="autoresearch-edit-"))
    path = directory / Path(name).name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def let_go(path: Path) -> None:
    """Delete a private copy; what an editor left beside it stays with its directory."""
    path.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return


def edit_file(words: list[str], path: Path) -> None:
    """Let the person edit a file, and wait until they are done.

    Raises:
        AutoresearchError: The editor did not start, or failed; the file stays as it left it.
    """
    kept = f"What it left is in {path}."
    try:
        done = subprocess.run([*words, str(path)], env=os.environ, check=False)
    except OSError as error:
        let_go(path)
        raise AutoresearchError(
            f"The editor {words[0]!r} cannot be started.",
            f"{error.strerror or error}; nothing was changed.",
            "Correct $VISUAL or $EDITOR.",
        ) from None
    if done.returncode:
        ended = (
            f"was ended by signal {-done.returncode}"
            if done.returncode < 0
            else f"ended with exit code {done.returncode}"
        )
        raise AutoresearchError(f"The editor {words[0]!r} {ended}.", "Nothing was changed.", kept)


def read_text(path: Path) -> str:
    """A text a person handed over.

    Raises:
        UsageError: It is missing, unreadable, too large, or no text.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read.", f"{why}.") from None
    return as_text(data, str(path))


def handed_over(source: Path) -> str:
    """A text from a file, or from standard input where that is `-`.

    Raises:
        UsageError: It is missing, unreadable, too large, or no text.
    """
    if str(source) != "-":
        return read_text(source)
    return as_text(sys.stdin.buffer.read(LARGEST + 1), "What came on standard input")


def as_text(data: bytes, what: str) -> str:
    """Bytes a person handed over, as text.

    Raises:
        UsageError: They are too many, or no text.
    """
    if len(data) > LARGEST:
        raise UsageError(f"{what} is larger than 1 MiB.", "", "Shorten it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{what} is no text.", "It must be UTF-8.") from None
    if "\0" in text:
        raise UsageError(f"{what} is no text.", "It has NUL characters.")
    return text
