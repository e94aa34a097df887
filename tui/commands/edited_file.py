"""Reads the user's edit, a whole file or a diff of it, and checks that it is valid Python."""

from __future__ import annotations

import contextlib
import re
import warnings

from engine.core.errors import AutoresearchError, UsageError
from engine.core.patches.patch import PatchError, apply_moved_patch, apply_patch
from engine.core.text import one_line

_BEGINS_DIFF = ("diff --git ", "--- ", "Index: ", "@@ ")
_NOTHING = "/dev/null"


def is_diff(text: str) -> bool:
    """Return whether a text is a unified diff rather than a Python file, by how it begins."""
    return text.lstrip("\n").startswith(_BEGINS_DIFF)


def edited_file(text: str, base: str, file: str) -> str:
    """Return the text of the whole editable file after the user's edit.

    Args:
        text: The edited file's text, or a unified diff of the file.
        base: The file's text before the edit, to which a diff is applied.
        file: The name of the editable file.

    Raises:
        UsageError: The text is empty, or a diff that is invalid, does not fit or is of another
            file.
    """
    if not text.strip():
        raise UsageError("The text is empty.", "Nothing was changed.")
    if not is_diff(text):
        return text
    patch = _only_patch(text, file)
    try:
        return apply_patch(base, patch)
    except PatchError as error:
        with contextlib.suppress(PatchError):
            return apply_moved_patch(base, patch)
        raise UsageError(
            "The diff does not fit.",
            one_line(f"{error.what} {error.why}"),
            "It must be a diff of the file before the edit, as `autoresearch-tui queue show "
            "PATCH_ID --diff` prints it.",
        ) from None


def _only_patch(text: str, file: str) -> str:
    """Return the single patch that a diff holds: its two header lines and its hunks.

    Args:
        text: The diff; text around the patch, such as git's extra headers, is left out.
        file: The name of the editable file, the only one that the diff may change.

    Raises:
        UsageError: The diff changes another file, has several patches or none, or is malformed.
    """
    lines = text.split("\n")
    heads = [
        i
        for i, line in enumerate(lines[:-1])
        if line.startswith("--- ") and lines[i + 1].startswith("+++ ")
    ]
    if not heads:
        raise UsageError(
            "The diff names no file.", "It needs the lines `--- FILE` and `+++ FILE` before `@@`."
        )
    for head in heads:
        for line in lines[head : head + 2]:
            name = line[4:].split("\t")[0].strip().strip('"')
            if name == _NOTHING:
                raise UsageError(f"The diff makes or deletes a file; only {file} may be edited.")
            if not _names(name, file):
                raise UsageError(
                    f"The diff is of {one_line(name, 80)}, and only {file} may be edited.",
                    "Nothing was changed.",
                )
    if len(heads) > 1:
        raise UsageError(f"The diff has {file} more than once.")
    if any(re.match(r"rename |deleted file|new file|GIT binary|old mode", line) for line in lines):
        raise UsageError(f"Only the text of {file} may be edited.")
    body = []
    for line in lines[heads[0] + 2 :]:
        if line.startswith(("diff --git ", "Index: ")):
            break
        if line and line[0] not in "+-@ \\":
            raise UsageError(f"The diff has an invalid line: {one_line(line, 60)!r}.")
        # Some editors and mailers cut the space of an empty line of context.
        body.append(line or " ")
    while body and body[-1] == " ":
        body.pop()
    if not body or not body[0].startswith("@@"):
        raise UsageError("The diff has no hunk.", "A hunk begins with `@@ -line,count`.")
    return "\n".join([*lines[heads[0] : heads[0] + 2], *body]) + "\n"


def _names(name: str, file: str) -> bool:
    bare = name[2:] if name[:2] in ("a/", "b/") else name
    return bare == file or bare.removeprefix("./") == file or bare.endswith(f"/{file}")


def check_syntax(source: str, file: str) -> None:
    """Raise an error for the text of a Python file that cannot be compiled.

    Args:
        source: The text of the file.
        file: The name of the file; only one that ends in .py is checked.

    Raises:
        AutoresearchError: The text is not valid Python; the error names the line.
    """
    if not file.endswith(".py"):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        shown = (
            f", which is `{one_line(error.text, 80)}`" if error.text and error.text.strip() else ""
        )
        raise AutoresearchError(
            f"{file} is not valid Python: {error.msg} in line {error.lineno}{shown}."
        ) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise AutoresearchError(f"{file} cannot be compiled ({error}).") from None
