"""Formats one commit of one changed file as input for `git fast-import`."""

from __future__ import annotations


def commit_stream(
    *, ref: str, base: str, path: bytes, mode: str, content: bytes, message: bytes, who: str
) -> bytes:
    """Return the input that makes `git fast-import` write one commit of one changed file.

    One process does what plumbing commands would need seven for.

    Args:
        ref: The full name of the ref to hold the commit.
        base: The parent commit.
        path: The changed file, relative to the top of the repository.
        mode: The file's mode, such as `100644`.
        content: The file's new content.
        message: The commit message.
        who: Name and e-mail of the committer, as git writes them.
    """
    quoted = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b"".join(
        (
            f"commit {ref}\nmark :1\ncommitter {who} now\ndata {len(message)}\n".encode(),
            message,
            f"\nfrom {base}\nM {mode} inline ".encode(),
            b'"' + quoted + b'"\n',
            f"data {len(content)}\n".encode(),
            content,
            b"\nget-mark :1\ndone\n",
        )
    )
