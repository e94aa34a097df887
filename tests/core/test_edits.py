"""Patches apply exactly or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.patches.patch import (
    PatchError,
    apply_patch,
    count_lines,
    make_patch,
)
from engine.core.patches.refit import refit

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


def test_lines_are_counted_without_the_header() -> None:
    assert count_lines(make_patch("a.py", "x\ny\n", "x\nz\nw\n")) == (2, 1)


@given(
    st.lists(st.sampled_from(["a\n", "b\n", "c = 1\n", "\n", "d\n"]), max_size=12).map("".join),
    st.data(),
)
def test_an_edit_moves_down_with_the_whole_text(old: str, data: st.DataObject) -> None:
    lines = old.splitlines(True)
    at = data.draw(st.integers(0, len(lines)))
    new = "".join([*lines[:at], "NEW = 2\n", *lines[at + 1 :]])
    assert refit(old, new, old) == new
    lead = "# one\n# two\n# three\n# four\n"
    moved = refit(old, new, lead + old)
    # Of equal lines, the first with text has another line above it now.
    certain = lines[at:] and ("".join(lines[:at]).strip() or lines.count(lines[at]) == 1)
    assert moved in ([lead + new] if certain else [lead + new, None])


SETTINGS = "A = 1\nB = 2\nC = 3\n\ndef f():\n    return A\n"


@pytest.mark.parametrize(
    ("edit", "now", "becomes"),
    [
        # The neighbour in a list of settings changed.
        (("B = 2", "B = 5"), ("A = 1", "A = 9"), "B = 5"),
        # The line itself changed.
        (("B = 2", "B = 5"), ("B = 2", "B = 3"), None),
        # The line is there twice now.
        (("B = 2", "B = 5"), ("    return A\n", "    return A\nB = 2\n"), None),
        # What stood beside an insertion is gone.
        (("C = 3\n", "C = 3\nD = 4\n"), ("C = 3\n", "C = 8\n"), None),
    ],
)
def test_what_fits_another_frontier(
    edit: tuple[str, str], now: tuple[str, str], becomes: str | None
) -> None:
    frontier = SETTINGS.replace(*now)
    refitted = refit(SETTINGS, SETTINGS.replace(*edit), frontier)
    if becomes is None:
        assert refitted is None
    else:
        assert refitted is not None and becomes in refitted
        assert make_patch("train.py", frontier, refitted).count("\n+") == 2
