"""Formats one commit of changed files as input for `git fast-import`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class ChangedFile(NamedTuple):
    """A file that a commit changes."""

    path: bytes
    """The file, relative to the top of the repository."""
    mode: str
    """Its mode, such as `100644`."""
    content: bytes


def commit_stream(
    *, ref: str, base: str, files: Iterable[ChangedFile], message: bytes, who: str
) -> bytes:
    """Return the input that makes `git fast-import` write one commit of changed files.

    One process does what plumbing commands would need seven for.

    Args:
        ref: The full name of the ref to hold the commit.
        base: The parent commit.
        files: The changed files with their new content.
        message: The commit message.
        who: Name and e-mail of the committer, as git writes them.
    """
    return b"".join(
        (
            f"commit {ref}\nmark :1\ncommitter {who} now\ndata {len(message)}\n".encode(),
            message,
            f"\nfrom {base}\n".encode(),
            *map(_modification, files),
            b"get-mark :1\ndone\n",
        )
    )


def _modification(file: ChangedFile) -> bytes:
    quoted = file.path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b"".join(
        (
            f"M {file.mode} inline ".encode(),
            b'"' + quoted + b'"\n',
            f"data {len(file.content)}\n".encode(),
            file.content,
            b"\n",
        )
    )
