"""A patch on a text it was not made for: it fits exactly and certainly, or not at all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.events import Proposal
from engine.core.patches.dependence import Change, apply_in_order, dependents_of
from engine.core.patches.patch import (
    apply_patch,
    make_patch,
    patch_id,
    refit_patch,
    reverse_patch,
    same_change,
)
from engine.core.patches.proposal_edit import is_same_edit, key_of, with_edit

lines = st.lists(st.sampled_from(["a\n", "b\n", "c = 1\n", "\n", "d\n"]), max_size=12)
texts = lines.map("".join) | lines.map(lambda ls: "".join(ls).removesuffix("\n"))


@given(texts, texts)
def test_a_reversed_patch_takes_the_change_back(old: str, new: str) -> None:
    patch = make_patch("t.py", old, new)
    if patch:
        assert apply_patch(new, reverse_patch(patch)) == old
        assert reverse_patch(reverse_patch(patch)) == patch


@given(texts, texts)
def test_a_refit_never_changes_more_than_the_patch_does(old: str, new: str) -> None:
    patch = make_patch("t.py", old, new)
    if patch:
        assert refit_patch(old, patch) in (new, None)


TEXT = "".join(f"line {n}\n" for n in range(12))


def edited(text: str, **changes: str) -> str:
    for old, new in changes.items():
        assert text.count(f"{old.replace('_', ' ')}\n") == 1
        text = text.replace(f"{old.replace('_', ' ')}\n", new)
    return text


def test_a_change_moves_with_its_lines() -> None:
    patch = make_patch("t.py", TEXT, edited(TEXT, line_5="LINE 5\n"))
    moved = "new\n" * 7 + TEXT
    assert refit_patch(moved, patch) == "new\n" * 7 + edited(TEXT, line_5="LINE 5\n")


def test_all_changes_of_a_patch_fit_or_none() -> None:
    patch = make_patch("t.py", TEXT, edited(TEXT, line_1="ONE\n", line_10="TEN\n"))
    assert refit_patch(TEXT, patch) == edited(TEXT, line_1="ONE\n", line_10="TEN\n")
    assert refit_patch(edited(TEXT, line_10="else\n"), patch) is None
    assert refit_patch(edited(TEXT, line_1="else\n"), patch) is None


def test_changes_whose_lines_swapped_their_order_do_not_fit() -> None:
    patch = make_patch("t.py", TEXT, edited(TEXT, line_1="ONE\n", line_10="TEN\n"))
    swapped = (
        TEXT.replace("line 1\n", "?").replace("line 10\n", "line 1\n").replace("?", "line 10\n")
    )
    assert refit_patch(swapped, patch) is None


def test_two_changes_close_together_are_placed_one_by_one() -> None:
    patch = make_patch("t.py", TEXT, edited(TEXT, line_3="THREE\n", line_5="FIVE\n"))
    between = edited(TEXT, line_4="another\n")
    assert refit_patch(between, patch) == edited(between, line_3="THREE\n", line_5="FIVE\n")


def test_an_ambiguous_line_needs_its_context_on_both_sides() -> None:
    old = "a\nx = 1\nb\nc\nx = 1\nd\n"
    patch = make_patch("t.py", old, "a\nx = 1\nb\nc\nx = 2\nd\n")
    assert refit_patch("a\nx = 1\nb\nnew\nc\nx = 1\nd\n", patch) == (
        "a\nx = 1\nb\nnew\nc\nx = 2\nd\n"
    )
    # The same line stands nowhere with this context.
    assert refit_patch("a\nx = 1\nb\nc\nx = 1\nb\n", patch) is None
    # Everything stands twice: nothing is certain.
    assert refit_patch(old * 2, patch) is None


def test_an_insertion_is_placed_by_its_neighbours() -> None:
    patch = make_patch("t.py", TEXT, edited(TEXT, line_5="line 5\nnew\n"))
    now = "before\n" + TEXT
    assert refit_patch(now, patch) == "before\n" + edited(TEXT, line_5="line 5\nnew\n")
    assert refit_patch("", make_patch("t.py", "", "new\n")) is None  # nothing says where


def test_a_missing_last_newline_is_part_of_the_line() -> None:
    patch = make_patch("t.py", "a\nb", "a\nc")
    assert refit_patch("a\nb", patch) == "a\nc"
    assert refit_patch("a\nb\n", patch) is None
    assert refit_patch("top\na\nb", patch) == "top\na\nc"
    gained = make_patch("t.py", "a\nb", "a\nb\n")
    assert refit_patch("a\nb", gained) == "a\nb\n"


# ---- the same change


BASE = "A = 1\nB = 2\nC = 3\n"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("B = 2", "B = 5"), ("B = 2", "B  =  5"), True),
        (("B = 2", "B = 5"), ("B = 2", "B = 5  # bold"), True),
        (("B = 2", "B = 5"), ("B = 2", "B = 5  # bold # and new"), True),
        (("B = 2", "B = 5"), ("B = 2", "B = 6"), False),
        (("B = 2", "B = 5"), ("A = 1", "A = 5"), False),
        (("B = 2", "B = 5"), ("B = 2\n", "B = 5\nD = 4\n"), False),
    ],
)
def test_white_space_and_comments_do_not_make_another_change(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    first = make_patch("t.py", BASE, BASE.replace(*one))
    second = make_patch("t.py", BASE, BASE.replace(*other))
    assert same_change(first, second) is same
    assert same_change(second, first) is same


def test_the_same_change_elsewhere_in_the_file_is_the_same() -> None:
    first = make_patch("t.py", BASE, BASE.replace("B = 2", "B = 5"))
    moved = "X = 0\n" * 20 + BASE
    assert same_change(first, make_patch("t.py", moved, moved.replace("B = 2", "B = 5")))
    assert not same_change(first, reverse_patch(first))
    assert not same_change("", "")
    assert not same_change(first, "")


def test_a_proposal_with_another_edit_describes_that_edit() -> None:
    source = "A = 1\nB = 5\nD = 4\n"
    patch = make_patch("t.py", BASE, source)
    proposal = with_edit(
        Proposal(patch_id="old", hypothesis="h", rationale="r"), patch, source, category="data"
    )
    assert proposal.patch_id == patch_id(patch)
    assert (proposal.added, proposal.removed) == (2, 2)
    assert proposal.source_key == key_of(source) != ""
    assert (proposal.hypothesis, proposal.rationale, proposal.category) == ("h", "r", "data")


def test_a_source_is_named_by_its_program_and_not_by_its_layout() -> None:
    assert key_of("A = 1  # one\n") == key_of("A   =   1\n") != key_of("A = 2\n")
    assert key_of("A = (\n") == key_of("\0") == ""


def test_edits_are_the_same_by_their_program_or_by_their_lines() -> None:
    patch = make_patch("t.py", BASE, BASE.replace("B = 2", "B = 5"))
    other = make_patch("t.py", BASE, BASE.replace("A = 1", "A = 5"))
    assert is_same_edit("k", patch, "k", other)
    assert is_same_edit("k", patch, "l", patch)
    assert is_same_edit("", patch, "", patch)
    assert not is_same_edit("", patch, "", other)
    assert not is_same_edit("k", patch, "l", other)


# ---- which changes stand on which


def chain(*states: str) -> list[Change]:
    """Return the changes from each text to the next, numbered from 2."""
    return [
        Change(number=n, before=before, after=after)
        for n, (before, after) in enumerate(itertools.pairwise(states), start=2)
    ]


def test_an_independent_change_can_be_taken_out_alone() -> None:
    first = edited(TEXT, line_1="ONE\n")
    second = edited(first, line_10="TEN\n")
    found = dependents_of(chain(TEXT, first, second), 2)
    assert found.without == edited(TEXT, line_10="TEN\n")
    assert (found.later, found.dependents, found.changed_again_by) == ((3,), (), 0)


def test_the_last_change_leaves_the_text_before_it() -> None:
    first = edited(TEXT, line_1="ONE\n")
    second = edited(first, line_10="TEN\n")
    found = dependents_of(chain(TEXT, first, second), 3)
    assert found.without == first
    assert (found.later, found.dependents, found.changed_again_by) == ((), (), 0)


def test_a_change_whose_lines_were_changed_again_cannot_be_taken_out() -> None:
    first = edited(TEXT, line_1="ONE\n")
    second = edited(first, line_10="TEN\n")
    third = second.replace("ONE\n", "UNO\n")
    fourth = third.replace("UNO\n", "EINS\n")
    found = dependents_of(chain(TEXT, first, second, third, fourth), 2)
    assert found.without is None
    assert found.later == (3, 4, 5)
    assert found.dependents == (4, 5)
    assert found.changed_again_by == 4  # the first that covered it, not the last


def test_a_change_that_was_covered_and_restored_can_be_taken_out() -> None:
    first = edited(TEXT, line_1="ONE\n")
    second = first.replace("ONE\n", "UNO\n")
    found = dependents_of(chain(TEXT, first, second, first), 2)
    assert found.without == TEXT
    assert (found.dependents, found.changed_again_by) == ((3, 4), 0)


def test_chosen_changes_are_made_in_order_and_those_that_do_not_fit_are_named() -> None:
    first = edited(TEXT, line_1="ONE\n")
    second = first.replace("ONE\n", "UNO\n")
    third = edited(second, line_10="TEN\n")
    two, three, four = chain(TEXT, first, second, third)
    assert apply_in_order(TEXT, [two, three, four]) == (third, ())
    assert apply_in_order(TEXT, [three, four]) == (edited(TEXT, line_10="TEN\n"), (3,))
    assert apply_in_order(TEXT, []) == (TEXT, ())
