"""Computes the fields of a proposal that describe its edit, and compares edits."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.core.events import Proposal
from engine.core.patches.language import key_of
from engine.core.patches.patch import count_lines, make_patch, same_change
from engine.core.patches.place import patch_id


def with_edit(proposal: Proposal, before: str, after: str, file: str, **changes: Any) -> Proposal:
    """Return a copy of a proposal with another edit: patch id, line counts and source key.

    Args:
        proposal: The proposal.
        before: The text of the editable files before the new edit.
        after: The text after it.
        file: The name of the editable file, or of the first one.
        changes: Further fields of `Proposal` to replace, with their new values.
    """
    added, removed = count_lines(make_patch(file, before, after))
    return replace(
        proposal,
        patch_id=patch_id(before, after),
        added=added,
        removed=removed,
        source_key=key_of(after, file),
        **changes,
    )


def is_same_edit(key: str, patch: str, other_key: str, other_patch: str) -> bool:
    """Return whether two edits result in the same program, or change the same code.

    Args:
        key: The key of the first edit's file, from `key_of`; empty if unknown.
        patch: The first edit's patch.
        other_key: The key of the second edit's file; empty if unknown.
        other_patch: The second edit's patch.
    """
    return bool(key and key == other_key) or same_change(patch, other_patch)
