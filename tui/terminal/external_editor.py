"""Opens the user's editor on a private copy of a text, and reads texts from files and stdin."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.core.errors import AutoresearchError, UsageError
from engine.core.text import one_line

MAXIMUM_BYTES = 2**20
"""The most bytes of a text given by the user; a command to the engine may hold 4 MiB."""


def find_editor(environ: Mapping[str, str], alternative: str) -> list[str]:
    """Return the command that starts the user's editor, as a list of arguments.

    Args:
        environ: The environment with VISUAL or EDITOR.
        alternative: What the user can do without an editor, as a sentence.

    Raises:
        UsageError: Neither variable is set, or the command cannot be parsed.
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
        "No editor is set: neither $VISUAL nor $EDITOR is set.",
        "",
        f"Set one, such as `export EDITOR=nano`. {alternative}",
    )


def private_copy(text: str, name: str) -> Path:
    """Write a text to a new file that only the user can read, and return its path.

    Args:
        text: The text.
        name: The name of the file; only its last component is used.
    """
    directory = Path(tempfile.mkdtemp(prefix="autoresearch-edit-"))
    path = directory / Path(name).name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def delete_copy(path: Path) -> None:
    """Delete a private copy, and its directory unless the editor left other files there."""
    path.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return


def edit_file(command: list[str], path: Path) -> None:
    """Open a file in the user's editor, and wait until the editor has ended.

    Args:
        command: The command that starts the editor.
        path: The private copy to edit; it is deleted if the editor cannot be started.

    Raises:
        AutoresearchError: The editor did not start, or failed; then the error says where the
            copy is kept.
    """
    kept = f"Your text is kept in {path}."
    try:
        done = subprocess.run([*command, str(path)], env=os.environ, check=False)
    except OSError as error:
        delete_copy(path)
        raise AutoresearchError(
            f"The editor {command[0]!r} cannot be started.",
            f"{error.strerror or error}; nothing was changed.",
            "Correct $VISUAL or $EDITOR.",
        ) from None
    if done.returncode:
        ended = (
            f"was ended by signal {-done.returncode}"
            if done.returncode < 0
            else f"ended with exit code {done.returncode}"
        )
        raise AutoresearchError(f"The editor {command[0]!r} {ended}.", "Nothing was changed.", kept)


@contextlib.contextmanager
def edited_copy(text: str, name: str, alternative: str, retry: str) -> Iterator[str]:
    """Let the user edit a private copy of a text; the copy is kept if the caller refuses it.

    Args:
        text: The text.
        name: The file name of the copy.
        alternative: What the user can do without an editor, as a sentence.
        retry: The command that uses a kept copy; `{copy}` in it is the path.

    Yields:
        The edited text.

    Raises:
        AutoresearchError: The editor failed, or the text was refused; the error says where the
            copy is kept.
    """
    command = find_editor(os.environ, alternative)
    copy = private_copy(text, name)
    edit_file(command, copy)
    try:
        yield read_text(copy)
    except AutoresearchError as error:
        kept = f"Your text is kept in {copy}; correct it, then `{retry.format(copy=copy)}`."
        kept_error = type(error)(one_line(error.what), one_line(error.why), kept)
        kept_error.exit_code = error.exit_code
        raise kept_error from None
    delete_copy(copy)


def read_text(path: Path) -> str:
    """Return the text of the file at a path that the user named.

    Raises:
        UsageError: The file is missing, unreadable, larger than 1 MiB or not UTF-8 text.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read.", f"{why}.") from None
    return decode_text(data, str(path))


def read_source(source: Path) -> str:
    """Return the text of the file at a path, or of standard input if the path is `-`.

    Raises:
        UsageError: The text is missing, unreadable, larger than 1 MiB or not UTF-8.
    """
    if str(source) != "-":
        return read_text(source)
    return decode_text(sys.stdin.buffer.read(MAXIMUM_BYTES + 1), "Standard input")


def decode_text(data: bytes, what: str) -> str:
    """Decode UTF-8 bytes, with or without a byte-order mark.

    Args:
        data: The bytes.
        what: What they are, to begin an error message with: `Standard input`.

    Raises:
        UsageError: The text is larger than 1 MiB, not UTF-8, or has NUL characters.
    """
    if len(data) > MAXIMUM_BYTES:
        raise UsageError(f"{what} is larger than 1 MiB.", "", "Shorten it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{what} is not UTF-8 text.") from None
    if "\0" in text:
        raise UsageError(f"{what} is not text.", "It has NUL characters.")
    return text
