"""What a proposal says of its edit, derived from the edit itself."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.core.events import Proposal
from engine.core.patches.patch import count_lines, patch_id, same_change
from engine.core.patches.search_replace import source_key


def key_of(source: str) -> str:
    """A hash of the syntax tree; empty for what does not parse."""
    try:
        return source_key(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def with_edit(proposal: Proposal, patch: str, source: str, **changes: Any) -> Proposal:
    """The proposal with another edit.

    Args:
        proposal: What was said of the edit before.
        patch: The new one.
        source: The file it makes.
        changes: Other fields that change with it.
    """
    added, removed = count_lines(patch)
    return replace(
        proposal,
        patch_id=patch_id(patch),
        added=added,
        removed=removed,
        source_key=key_of(source),
        **changes,
    )


def is_same_edit(key: str, patch: str, other_key: str, other_patch: str) -> bool:
    """Whether two edits make the same program, or change the same lines wherever they stand.

    Args:
        key: `key_of` the file the one makes; empty where it is not known.
        patch: The one.
        other_key: Of the other.
        other_patch: The other.
    """
    return bool(key and key == other_key) or same_change(patch, other_patch)
