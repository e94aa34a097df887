"""Hunks of a patch apply in the order of the file, each where it says."""

from __future__ import annotations

import pytest

from engine.core.patches.patch import (
    PatchError,
    apply_moved_patch,
    apply_patch,
    count_lines,
    make_patch,
    same_change,
)

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


def test_a_line_of_no_kind_within_a_hunk_is_named_in_the_error() -> None:
    header, (first, _) = hunks(make_patch("t.py", OLD, NEW))
    with pytest.raises(PatchError, match="garbage"):
        apply_patch(OLD, header + first + "garbage\n")


def test_a_patch_names_the_file_and_has_three_lines_of_context() -> None:
    assert make_patch("t.py", OLD, OLD.replace("line 4\n", "LINE 4\n")) == (
        "--- a/t.py\n+++ b/t.py\n@@ -2,7 +2,7 @@\n line 1\n line 2\n line 3\n-line 4\n+LINE 4\n"
        " line 5\n line 6\n line 7\n"
    )


def test_the_error_names_the_first_line_that_does_not_fit() -> None:
    patch = make_patch("t.py", OLD, NEW)
    with pytest.raises(PatchError, match=r"at line 7\.") as caught:
        apply_patch(OLD.replace("line 6\n", "else\n"), patch)
    assert "differs from the one" in caught.value.why
    with pytest.raises(PatchError, match=r"at line 4\."):  # the file ends before it
        apply_patch("line 0\nline 1\nline 2\n", patch)


# ---- wrong line numbers


def test_a_moved_patch_applies_where_the_lines_of_its_hunks_are() -> None:
    top = "top\n" * 5
    assert apply_moved_patch(top + OLD, make_patch("t.py", OLD, NEW)) == top + NEW
    # Also at the beginning and at the end of the file.
    assert apply_moved_patch("a\nb\nc\n", "--- a\n+++ b\n@@ -9,1 +9,1 @@\n-a\n+x\n") == "x\nb\nc\n"
    assert apply_moved_patch("a\nb\nc\n", "--- a\n+++ b\n@@ -9,1 +9,1 @@\n-c\n+x\n") == "a\nb\nx\n"


@pytest.mark.parametrize(
    ("text", "times"), [("a\nb\na\n", 2), ("b\n", 0), ("aa\n", 0)], ids=["two", "none", "part"]
)
def test_a_moved_patch_needs_one_place(text: str, times: int) -> None:
    with pytest.raises(PatchError, match=f"occur {times} times") as caught:
        apply_moved_patch(text, "--- a\n+++ b\n@@ -9,1 +9,1 @@\n-a\n+x\n")
    assert "differs from the one" in caught.value.why


def test_a_moved_patch_without_a_line_of_the_file_has_no_place() -> None:
    with pytest.raises(PatchError, match="occur"):
        apply_moved_patch("", "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n")


def test_moved_hunks_keep_their_order() -> None:
    header, (first, second) = hunks(make_patch("t.py", OLD, NEW))
    with pytest.raises(PatchError, match="overlap"):
        apply_moved_patch(OLD, header + second + first)


# ---- lines


@pytest.mark.parametrize("mark", ["\f", "\u2028", "\x85", "\r"])
def test_only_a_line_feed_ends_a_line_of_a_patch(mark: str) -> None:
    old, new = f"a{mark}-b\n", f"a{mark}+c\n"
    patch = make_patch("t.py", old, new)
    assert apply_patch(old, patch) == new
    assert count_lines(patch) == (1, 1)


def test_the_first_changed_line_counts_without_context() -> None:
    patch = "--- a\n+++ b\n@@ -1,1 +1,1 @@\n-a\n+b\n"
    assert count_lines(patch) == (1, 1)
    assert same_change(patch, patch.replace("-a", "-a  # old"))
    assert not same_change(patch, patch.replace("-a", "-x"))
    assert not same_change(patch, patch.replace("+b", "+x"))
