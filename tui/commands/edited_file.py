"""Reads the user's edit, a whole file or a diff of it, and checks that it is valid."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Sequence

from engine.core.errors import AutoresearchError, UsageError
from engine.core.patches.file_parts import split_files
from engine.core.patches.language import Language, edit_problem, language_of
from engine.core.patches.patch import PatchError, apply_moved_patch, apply_patch
from engine.core.text import one_line

_BEGINS_DIFF = ("diff --git ", "--- ", "Index: ", "@@ ")
_NOTHING = "/dev/null"


def is_diff(text: str) -> bool:
    """Return whether a text is a unified diff rather than a Python file, by how it begins."""
    return text.lstrip("\n").startswith(_BEGINS_DIFF)


def edited_file(text: str, base: str, file: str) -> str:
    """Return the text of the editable files after the user's edit.

    Args:
        text: The edited text, or a unified diff of it.
        base: The text before the edit, to which a diff is applied: of one file, or of several with
            headings.
        file: The name of the file that a text without headings is.

    Raises:
        UsageError: The text is empty, or a diff that is invalid, does not fit or is of another
            file.
    """
    if not text.strip():
        raise UsageError("The text is empty.", "Nothing was changed.")
    if not is_diff(text):
        return text
    patch = _only_patch(text, [part.name for part in split_files(base, file)])
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


def _only_patch(text: str, names: Sequence[str]) -> str:
    """Return the patch that a diff holds, without the text around its sections.

    Args:
        text: The diff; extra lines such as git's headers are left out.
        names: The names of the editable files, the only ones that the diff may change.

    Raises:
        UsageError: The diff changes another file, one of them twice or none, or is malformed.
    """
    only = " and ".join(names)
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
    if any(re.match(r"rename |deleted file|new file|GIT binary|old mode", line) for line in lines):
        raise UsageError(f"Only the text of {only} may be edited.")
    sections: dict[str, str] = {}
    for head, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        found = [_editable(line, names) for line in lines[head : head + 2]][1]
        if found in sections:
            raise UsageError(f"The diff has {found} more than once.")
        hunks = "\n".join(_hunk_lines(lines[head + 2 : end]))
        sections[found] = f"--- a/{found}\n+++ b/{found}\n{hunks}\n"
    return "".join(sections.values())


def _editable(header: str, names: Sequence[str]) -> str:
    """Return the editable file that a header line of a diff names.

    Raises:
        UsageError: It names another file, or none.
    """
    only = " and ".join(names)
    name = header[4:].split("\t")[0].strip().strip('"')
    if name == _NOTHING:
        raise UsageError(f"The diff makes or deletes a file; only {only} may be edited.")
    for file in names:
        if _names(name, file):
            return file
    raise UsageError(
        f"The diff is of {one_line(name, 80)}, and only {only} may be edited.",
        "Nothing was changed.",
    )


def _hunk_lines(lines: Sequence[str]) -> list[str]:
    """Return the lines of the hunks of one file in a diff.

    Raises:
        UsageError: A line is invalid, or there is no hunk.
    """
    body = []
    for line in lines:
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
    return body


def _names(name: str, file: str) -> bool:
    bare = name[2:] if name[:2] in ("a/", "b/") else name
    return bare == file or bare.removeprefix("./") == file or bare.endswith(f"/{file}")


def check_edit(before: str, after: str, file: str) -> None:
    """Raise an error for an edit that cannot be run: a changed heading, or an invalid file.

    Args:
        before: The text before the edit: of one file, or of several with headings.
        after: The text after it.
        file: The name of the file that a text without headings is.

    Raises:
        AutoresearchError: The edit is not valid; of Python, the error names the line.
    """
    parts = split_files(after, file)
    for part in parts:
        if language_of(part.name) is Language.PYTHON:
            _check_python(part.text, part.name)
    if problem := edit_problem(before, after, file):
        raise AutoresearchError(problem)


def _check_python(source: str, file: str) -> None:
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
