"""A patch on a text it was not made for: it fits exactly and certainly, or not at all."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.core.events import Proposal
from engine.core.patches.dependence import Change, apply_in_order, dependents_of
from engine.core.patches.language import key_of
from engine.core.patches.patch import (
    make_patch,
    same_change,
)
from engine.core.patches.place import patch_id
from engine.core.patches.proposal_edit import is_same_edit, with_edit
from engine.core.patches.refit import LineMap, refit

lines = st.lists(st.sampled_from(["a\n", "b\n", "c = 1\n", "\n", "d\n"]), max_size=12)
texts = lines.map("".join) | lines.map(lambda ls: "".join(ls).removesuffix("\n"))


@given(texts, texts)
def test_an_edit_is_itself_on_the_text_it_was_made_for(old: str, new: str) -> None:
    assert refit(old, new, old) == new


TEXT = "".join(f"line {n}\n" for n in range(12))


def edited(text: str, **changes: str) -> str:
    for old, new in changes.items():
        assert text.count(f"{old.replace('_', ' ')}\n") == 1
        text = text.replace(f"{old.replace('_', ' ')}\n", new)
    return text


def test_a_change_moves_with_its_lines() -> None:
    new = edited(TEXT, line_5="LINE 5\n")
    assert refit(TEXT, new, "new\n" * 7 + TEXT) == "new\n" * 7 + new


def test_all_changes_of_an_edit_fit_or_none() -> None:
    new = edited(TEXT, line_1="ONE\n", line_10="TEN\n")
    assert refit(TEXT, new, "top\n" + TEXT) == "top\n" + new
    assert refit(TEXT, new, edited(TEXT, line_10="else\n")) is None
    assert refit(TEXT, new, edited(TEXT, line_1="else\n")) is None


def test_changes_whose_lines_swapped_their_order_do_not_fit() -> None:
    swapped = (
        TEXT.replace("line 1\n", "?").replace("line 10\n", "line 1\n").replace("?", "line 10\n")
    )
    assert refit(TEXT, edited(TEXT, line_1="ONE\n", line_10="TEN\n"), swapped) is None


def test_two_changes_close_together_are_placed_one_by_one() -> None:
    new = edited(TEXT, line_3="THREE\n", line_5="FIVE\n")
    between = edited(TEXT, line_4="another\n")
    assert refit(TEXT, new, between) == edited(between, line_3="THREE\n", line_5="FIVE\n")


def test_two_changes_may_become_neighbours() -> None:
    assert refit("a\nx\nb\nz\nc\n", "a\nX\nb\nZ\nc\n", "a\nx\nz\nc\n") == "a\nX\nZ\nc\n"


def test_an_equal_line_that_moved_past_makes_the_place_uncertain() -> None:
    # Mapped to the second one, which was the first.
    old = "m\nx\na\nb\nx\nc\n"
    assert refit(old, old.replace("x", "y", 1), "x\nm\nx\na\nb\nc\n") is None


def test_an_ambiguous_line_needs_its_context_on_both_sides() -> None:
    old, new = "a\nx = 1\nb\nc\nx = 1\nd\n", "a\nx = 1\nb\nc\nx = 2\nd\n"
    assert refit(old, new, "a\nx = 1\nb\nnew\nc\nx = 1\nd\n") == ("a\nx = 1\nb\nnew\nc\nx = 2\nd\n")
    assert refit(old, new, "a\nx = 1\nb\nc\nx = 1\nb\n") is None
    assert refit(old, new, "a\nx = 1\nb\ne\nx = 1\nd\n") is None
    # A line without an equal one needs one side, blank lines apart.
    old, new = "a\n\nx = 1\n\nb\n", "a\n\nx = 2\n\nb\n"
    assert refit(old, new, "a\nx = 1\n\nc\n") == "a\nx = 2\n\nc\n"
    assert refit(old, new, "c\n\nx = 1\n\nb\n") == "c\n\nx = 2\n\nb\n"
    assert refit(old, new, "c\n\nx = 1\n\nc\n") is None


def test_a_line_with_more_or_fewer_equal_lines_than_before_is_not_changed() -> None:
    old, new = "a\nx = 1\nb\nc\nx = 1\nd\n", "a\nx = 1\nb\nc\nx = 2\nd\n"
    assert refit(old, new, old * 2) is None
    assert refit(old, new, old + "e\nx = 1\n") is None
    assert refit(old, new, "a\nb\nc\nx = 1\nd\n") is None


SGD = "sgd = SGD(\n    lr = 0.1,\n    nesterov = True,\n)\n"
ADAM = "adam = Adam(\n    lr = 0.1,\n    betas = (0.9, 0.95),\n)\n"


def test_an_edit_of_one_optimizer_is_never_made_to_the_other() -> None:
    faster = SGD.replace("0.1", "0.3")
    assert refit(SGD + ADAM, faster + ADAM, "import torch\n" + SGD + ADAM) == (
        "import torch\n" + faster + ADAM
    )
    assert refit(SGD + ADAM, faster + ADAM, ADAM + SGD) is None
    assert refit(SGD + ADAM, faster + ADAM, ADAM) is None
    # Each has the rate of the other now: the only `lr = 0.1` is that of Adam.
    slow = SGD + ADAM.replace("0.1", "0.2")
    swapped = SGD.replace("0.1", "0.2") + ADAM
    assert refit(slow, slow.replace("0.1", "0.3"), swapped) is None


def test_a_change_stays_in_its_function() -> None:
    old = "def f(x):\n    x = 1\n    return x\n\n\ndef g(x):\n    y = 2\n    return y\n"
    new = old.replace("x = 1", "x = 3")
    assert refit(old, new, old.replace("def f(x)", "def h(x)")) is None
    assert refit(old, new, old.replace("f(x)", "f(x, z)")) == new.replace("f(x)", "f(x, z)")


def test_a_line_that_a_diff_may_map_to_two_places_is_not_changed() -> None:
    # The first section was removed and the second took its rate, or the second was removed and the
    # first lost its title: both diffs are as short.
    old = "# one\nlr = 1\nmomentum = 9\n\n# two\nlr = 2\nmomentum = 9\n\n"
    now = "# two\nlr = 1\nmomentum = 9\n\n"
    assert refit(old, old.replace("lr = 1", "lr = 3"), now) is None


class Tracked(NamedTuple):
    """A line of a file, and a number that it keeps while others are inserted and removed."""

    number: int
    text: str


START, END = Tracked(-1, ""), Tracked(-2, "")
repeated = st.sampled_from(["a\n", "b\n", "\n", "def f():\n", "def g():\n", "    a\n", "    b\n"])
insertions = st.tuples(st.just(True), st.integers(0, 99), repeated)
removals = st.tuples(st.just(False), st.integers(0, 99), st.just(""))


def blocks(lines: list[Tracked], block: list[str]) -> set[tuple[int, ...]]:
    """Return the numbers of the lines wherever consecutive lines have these texts."""
    marked, size = [START, *lines, END], len(block)
    groups = [marked[i : i + size] for i in range(len(marked) - size + 1)]
    return {tuple(x.number for x in g) for g in groups if [x.text for x in g] == block}


@given(
    st.lists(repeated, min_size=1, max_size=10),
    st.integers(0, 9),
    st.integers(0, 2),
    st.lists(insertions | removals, max_size=6),
)
def test_a_refit_changes_the_very_lines_that_the_edit_changed_or_none(
    texts: list[str], start: int, size: int, steps: list[tuple[bool, int, str]]
) -> None:
    before = [Tracked(n, text) for n, text in enumerate(texts)]
    start = min(start, len(before))
    size = min(size, len(before) - start)
    target = before[start : start + size]
    marked = [START, *before, END]
    anchor = target or marked[start : start + 2]
    now = list(before)
    for number, (inserts, at, text) in enumerate(steps, start=100):
        at %= len(now) + 1
        if inserts:
            now.insert(at, Tracked(number, text))
        elif at < len(now) and now[at] not in target:
            del now[at]
    block = [line.text for line in anchor]
    then, since = blocks(before, block), blocks(now, block)
    # Where equal lines are both removed and inserted, a file may look as if nothing had moved.
    assume(then <= since or since <= then)
    edit = [*texts[:start], "NEW\n", *texts[start + size :]]
    result = refit("".join(texts), "".join(edit), "".join(line.text for line in now))
    numbers = [line.number for line in [START, *now, END]]
    if tuple(line.number for line in anchor) not in since:
        assert result is None
        return
    at = numbers.index(anchor[0].number) - bool(target)
    expected = [line.text for line in now]
    expected[at : at + size] = ["NEW\n"]
    assert result in ("".join(expected), None)


@given(st.integers(0, 11), st.sets(st.integers(0, 11), max_size=6), st.integers(0, 5))
def test_an_edit_is_placed_where_its_line_and_one_neighbour_are_left(
    target: int, changed: set[int], moved_by: int
) -> None:
    lines = TEXT.splitlines(True)
    assume(target not in changed)
    neighbours = {n for n in (target - 1, target + 1) if 0 <= n < len(lines)}
    assume(not neighbours <= changed)
    top = ["top\n"] * moved_by
    now = top + [f"other {n}\n" if n in changed else line for n, line in enumerate(lines)]
    edit = [*lines[:target], "NEW\n", *lines[target + 1 :]]
    expected = [*now[: moved_by + target], "NEW\n", *now[moved_by + target + 1 :]]
    assert refit(TEXT, "".join(edit), "".join(now)) == "".join(expected)


def longest_matches(old: str, new: str) -> set[tuple[tuple[int, int], ...]]:
    """Return the pairs of indexes of every longest common subsequence, by trying all."""
    found: set[tuple[tuple[int, int], ...]] = {()}
    for i, a in enumerate(old):
        found |= {
            (*pairs, (i, j))
            for pairs in found
            for j, b in enumerate(new)
            if a == b and all(j > other for _, other in pairs)
        }
    longest = max(map(len, found))
    return {pairs for pairs in found if len(pairs) == longest}


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_a_line_is_mapped_where_all_shortest_diffs_agree(old: str, new: str) -> None:
    matches = [dict(pairs) for pairs in longest_matches(f"<{old}>", f"<{new}>")]
    line_map = LineMap([*"<", *old, *">"], [*"<", *new, *">"])
    for i in range(len(old) + 2):
        images = {pairs.get(i) for pairs in matches}
        assert line_map.image(i) == (images.pop() if len(images) == 1 else None)


def test_an_insertion_is_placed_by_its_neighbours() -> None:
    new = edited(TEXT, line_5="line 5\nnew\n")
    assert refit(TEXT, new, "before\n" + TEXT) == "before\n" + new
    assert refit(TEXT, new, edited(TEXT, line_6="else\n")) is None
    assert refit("", "new\n", "a\n") is None  # nothing says where
    assert refit("a\n", "a\nlast\n", "top\na\n") == "top\na\nlast\n"
    assert refit("a\n", "first\na\n", "a\nend\n") == "first\na\nend\n"


def test_a_missing_last_newline_is_part_of_the_line() -> None:
    assert refit("a\nb", "a\nc", "a\nb") == "a\nc"
    assert refit("a\nb", "a\nc", "a\nb\n") is None
    assert refit("a\nb", "a\nc", "top\na\nb") == "top\na\nc"
    assert refit("a\nb", "a\nb\n", "top\na\nb") == "top\na\nb\n"


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
    assert not same_change(first, make_patch("t.py", BASE.replace("B = 2", "B = 5"), BASE))
    assert not same_change("", "")
    assert not same_change(first, "")


def test_a_proposal_with_another_edit_describes_that_edit() -> None:
    source = "A = 1\nB = 5\nD = 4\n"
    proposal = with_edit(
        Proposal(patch_id="old", hypothesis="h", rationale="r"),
        *(BASE, source, "train.py"),
        category="data",
    )
    assert proposal.patch_id == patch_id(BASE, source)
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
