"""Patches apply exactly or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.edits import PatchError, apply_patch, count_lines, make_patch, patch_id

texts = st.lists(st.text(alphabet="ab \t\x0c\x85\u2028é+-@\\", max_size=4), max_size=12).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "\n".join(lines) + "\n"])
)


@given(texts, texts)
def test_a_patch_turns_old_into_new(old: str, new: str) -> None:
    patch = make_patch("train.py", old, new)
    assert (patch == "") == (old == new)
    if patch:
        assert apply_patch(old, patch) == new


def test_a_patch_that_does_not_fit_changes_nothing() -> None:
    patch = make_patch("t.py", "a\nb\nc\n", "a\nB\nc\n")
    with pytest.raises(PatchError):
        apply_patch("a\nx\nc\n", patch)


def test_the_id_names_the_hunks_and_not_the_file() -> None:
    one = make_patch("a.py", "x\n", "y\n")
    assert patch_id(one) == patch_id(make_patch("b.py", "x\n", "y\n"))
    assert patch_id(one) != patch_id(make_patch("a.py", "x\n", "z\n"))
    assert len(patch_id(one)) == 12


def test_lines_are_counted_without_the_header() -> None:
    assert count_lines(make_patch("a.py", "x\ny\n", "x\nz\nw\n")) == (2, 1)
