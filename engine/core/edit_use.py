"""Judges from a run with an unusable editable file whether runs use the file that is edited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

import msgspec

UNUSABLE = "autoresearch-tui checks that this file is the one that runs: [ { ( unusable\n"
"""A text that no Python, shell, C++, Julia, YAML, TOML or JSON parser accepts."""
_ANY_TEXT = frozenset(("", ".md", ".txt", ".rst", ".prompt", ".tmpl", ".jinja", ".jinja2", ".j2"))
"""Suffixes of files for which any text is valid, so that a run cannot fail because of it."""


class EditUse(msgspec.Struct, frozen=True):
    """Whether runs use the editable file of their worktree."""

    used: bool | None
    """None where it is not known."""
    reason: str
    """Why it is known, or not, as a sentence."""
    runs: int = 0
    """The number of runs of the baseline before it became known."""
    instead: str = ""
    """The file that is used instead; empty where none is, or it is not known."""


def accepts_any_text(file: str) -> bool:
    """Return whether any text is a valid content of a file, as for a prompt."""
    return PurePosixPath(file).suffix.lower() in _ANY_TEXT


def same_file(file: str, others: tuple[str, ...], checkout: str) -> str:
    """Return the first of some paths that is another copy of a file; "" where none is.

    Args:
        file: The file, relative to the top of the repository.
        others: Absolute paths. A copy has the same name in a directory of the same name; of a file
            at the top, such as `config.json`, it is in the checkout or among installed modules.
        checkout: The top of the repository in the user's checkout.
    """
    if "/" in file:
        tails = ["/" + "/".join(file.split("/")[-2:])]
    else:
        tails = [f"/site-packages/{file}", f"/dist-packages/{file}"]
    own = f"{checkout}/{file}"
    return next((path for path in others if path == own or path.endswith(tuple(tails))), "")


def judge_use(
    file: str,
    metric: str,
    *,
    measured: bool,
    ended: bool,
    opened: bool,
    others: tuple[str, ...],
    checkout: str,
) -> EditUse:
    """Judge a run of a worktree whose editable file has the content `UNUSABLE`.

    Args:
        file: The editable file, relative to the top of the repository.
        metric: The metric's name.
        measured: Whether the run printed the metric, and did not fail after that.
        ended: Whether it ended by itself.
        opened: Whether it is known that the run opened the file of the worktree.
        others: Other files of the same name that it is known to have opened.
        checkout: The top of the repository in the user's checkout.
    """
    name, instead = PurePosixPath(file).name, same_file(file, others, checkout)
    if (measured or not ended) and not accepts_any_text(file):
        instead = instead or next(iter(others), "")
    if instead and not opened:
        return EditUse(False, f"It uses {instead}, and not the edited file.", instead=instead)
    if accepts_any_text(file):
        if opened:
            return EditUse(True, f"The run opened {name}.")
        if ended and not measured:
            return EditUse(True, f"The run fails when {name} is unusable.")
        return EditUse(None, f"Any text is valid in {name}, and no Python program opened it.")
    if ended and not measured:
        return EditUse(True, f"The run fails when {name} is unusable.")
    if opened and not measured:
        return EditUse(True, f"The run opened {name}.")
    done = f"printed {metric}" if measured else "ran on"
    why = f"It {done} although {name} was unusable"
    return EditUse(False, f"{why} and was opened." if opened else f"{why}.")


def combine_uses(uses: Mapping[str, EditUse]) -> tuple[EditUse, list[str]]:
    """Return the use of the editable files together, and the names of those that runs do not use.

    Where runs use some of several files and not the others, the edits of those still count.

    Args:
        uses: The use of each file, by its path relative to the top of the repository.
    """
    unused = [name for name, use in uses.items() if use.used is False]
    used = [use for use in uses.values() if use.used]
    for name in unused:
        if not used or uses[name].instead:
            return uses[name], unused
    unknown = [use for use in uses.values() if use.used is None]
    return (unknown or used)[0], unused
