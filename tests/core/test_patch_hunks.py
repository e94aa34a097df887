"""Hunks of a patch apply in the order of the file, each where it says."""

from __future__ import annotations

import pytest

from engine.core.patches.patch import PatchError, apply_patch, make_patch

OLD = "".join(f"line {n}\n" for n in range(30))
NEW = OLD.replace("line 4\n", "LINE 4\n").replace("line 20\n", "LINE 20\n")


def hunks(patch: str) -> tuple[str, list[str]]:
    """Split a patch into its header and its hunks."""
    header, *rest = patch.split("@@ -")
    return header, [f"@@ -{hunk}" for hunk in rest]


def test_hunks_in_the_order_of_the_file_apply() -> None:
    header, (first, second) = hunks(make_patch("t.py", OLD, NEW))
    assert apply_patch(OLD, header + first + second) == NEW


def test_hunks_in_another_order_are_refused() -> None:
    header, (first, second) = hunks(make_patch("t.py", OLD, NEW))
    with pytest.raises(PatchError, match="overlap"):
        apply_patch(OLD, header + second + first)


def test_a_hunk_given_twice_is_refused() -> None:
    header, (first, _) = hunks(make_patch("t.py", OLD, NEW))
    with pytest.raises(PatchError, match="overlap"):
        apply_patch(OLD, header + first + first)


def test_an_added_line_given_twice_at_one_place_applies_twice() -> None:
    # Two insertions at the same place do not overlap: neither covers a line of the file.
    header = "--- a/t.py\n+++ b/t.py\n"
    insertion = "@@ -2,0 +3,1 @@\n+new\n"
    assert apply_patch("a\nb\nc\n", header + insertion * 2) == "a\nb\nnew\nnew\nc\n"


def test_a_line_between_hunks_is_named_in_the_error() -> None:
    header, (first, _) = hunks(make_patch("t.py", OLD, NEW))
    with pytest.raises(PatchError, match="garbage"):
        apply_patch(OLD, header + "garbage\n" + first)
