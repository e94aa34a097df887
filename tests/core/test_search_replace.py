"""SEARCH/REPLACE blocks are found in any surroundings and applied exactly or not at all."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.patches.language import source_key
from engine.core.patches.patch import PatchError
from engine.core.patches.search_replace import (
    NEAREST_LINES,
    Block,
    BlockError,
    apply_blocks,
    find_blocks,
)

PLAIN = "<<<<<<< SEARCH\nLR = 1\n=======\nLR = 2\n>>>>>>> REPLACE\n"
LR = Block("LR = 1\n", "LR = 2\n")


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.removesuffix("\n"),
        f"Here:\n\ntrain.py\n```python\n{PLAIN}```\nDone.",
        "<<<<< SEARCH  \nLR = 1\n=====\t\nLR = 2\n>>>>>>>>> REPLACE   \n",
        "<<<<<<<<< search\nLR = 1\n======\nLR = 2\n>>>>>\n",
        "<<<<<<<SEARCH\nLR = 1\n=======\nLR = 2\n>>>>>>>REPLACE",
        "  <<<<<<< SEARCH train.py\nLR = 1\n  =======\nLR = 2\n  >>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\n```python\nLR = 1\n```\n=======\n```py\nLR = 2\n```\n>>>>>>> REPLACE\n",
    ],
)
def test_a_block_is_found_in_any_surroundings(text: str) -> None:
    found = find_blocks(text)
    assert found.blocks == (LR,)
    assert not found.unfinished
    assert not found.problem


def test_what_surrounds_the_blocks_is_kept_apart() -> None:
    found = find_blocks(f"before\n{PLAIN}between\n{PLAIN}after\n")
    assert found.outside == ("before\n", "between\n", "after\n")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (PLAIN + "<<<<<<< SEARCH\nx = 1\n=======\nx =", 1),
        ("<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n" + PLAIN, 1),
        ("<<<<<<< SEARCH\n", 0),
    ],
)
def test_an_unfinished_block_is_omitted_and_reported(text: str, count: int) -> None:
    found = find_blocks(text)
    assert len(found.blocks) == count
    assert found.unfinished


def test_a_block_without_its_divider_is_a_problem() -> None:
    found = find_blocks("<<<<<<< SEARCH\nx = 1\n>>>>>>> REPLACE\n")
    assert found.blocks == ()
    assert "Block 1 has no line of =======" in found.problem


def test_an_underline_in_a_docstring_is_not_a_divider() -> None:
    text = PLAIN.replace("LR = 1\n", "Title\n=====\n")
    assert find_blocks(text).blocks == (Block("Title\n=====\n", "LR = 2\n"),)
    text = PLAIN.replace("LR = 1\n", "Title12\n=======\n")
    assert "several" in find_blocks(text).problem


@pytest.mark.parametrize(
    ("source", "block", "expected"),
    [
        ("LR = 1\nB = 2\n", LR, "LR = 2\nB = 2\n"),
        ("B = 2\nLR = 1", LR, "B = 2\nLR = 2"),
        ("B = 2\r\nLR = 1\r\n", LR, "B = 2\r\nLR = 2\r\n"),
        ("LR = 1\nB = 2\n", Block("LR = 1\n", ""), "B = 2\n"),
        ("LR = 1\n", Block("LR = 1\n", ""), ""),
        ("LR = 1\n", Block("LR = 1\n", "\n"), "\n"),
        # shifted to the right, to the left, by tabs; blank lines do not count
        (
            "def f():\n    if x:\n\n        y()\n",
            Block("if x:\n\n    y()\n", "if z:\n\n    y()\n    w()\n"),
            "def f():\n    if z:\n\n        y()\n        w()\n",
        ),
        ("if x:\n    y()\n", Block("  if x:\n      y()\n", "  y()\n"), "y()\n"),
        ("\tif x:\n\t\ty()\n", Block("if x:\n\ty()\n", "y()\n"), "\ty()\n"),
        # white space at line ends
        ("LR = 1  \nB = 2\n", Block("LR = 1\nB = 2 \n", "LR = 2\n"), "LR = 2\n"),
        # exact comes first: the indented one is another place
        ("LR = 1\n    LR = 1\n", LR, "LR = 2\n    LR = 1\n"),
    ],
)
def test_the_three_ways_to_match(source: str, block: Block, expected: str) -> None:
    assert apply_blocks(source, [block]) == expected


@pytest.mark.parametrize(
    ("source", "block", "why"),
    [
        ("a\n", Block("b\n", "c\n"), "not in the file"),
        ("a\nb\na\n", Block("a\n", "c\n"), "found 2 times, at lines 1, 3"),
        (" a\n  a\n", Block("a\n", "c\n"), "found 2 times, at lines 1, 2"),
        ("a \na  \n", Block("a\n", "c\n"), "found 2 times"),
        ("a\n", Block("", "c\n"), "empty"),
        ("a\n\n", Block("\n", "c\n"), "empty"),
        ("a\n b\n", Block(" a\n   b\n", "c\n"), "not in the file"),
        ("a\nb\n", Block("  a\n  b\n", "  a\nb\n"), "cannot follow"),
        ("LR = 10\n", LR, "not in the file"),
        ("", LR, "not in the file"),
    ],
)
def test_a_block_that_does_not_fit_exactly_once_is_refused(
    source: str, block: Block, why: str
) -> None:
    with pytest.raises(BlockError) as caught:
        apply_blocks(source, [block])
    assert isinstance(caught.value, PatchError)
    assert why in caught.value.why
    assert caught.value.block == 1


def test_all_blocks_apply_or_none_and_each_sees_the_file_as_it_is() -> None:
    source = "a\nb\nc\n"
    swap = [Block("a\n", "b\n"), Block("b\n", "a\n"), Block("a\n", "b\n")]
    assert apply_blocks(source, swap) == "b\na\nc\n"
    with pytest.raises(BlockError) as caught:
        apply_blocks(source, [Block("a\n", "x\n"), Block("z\n", "y\n")])
    assert caught.value.block == 2
    with pytest.raises(BlockError, match="block 2"):
        apply_blocks(source, [Block("a\nb\n", "x\n"), Block("b\nc\n", "y\n")])


def test_the_most_similar_lines_are_shown_with_their_numbers() -> None:
    lines = [f"value_{n} = {n}" for n in range(400)]
    lines[250:253] = ["def step(self, x):", "    y = self.norm(x)", "    return self.mlp(y)"]
    wanted = "def step(self, x):\n    y = norm(x)\n    return self.mlp(y)\n"
    with pytest.raises(BlockError) as caught:
        apply_blocks("\n".join(lines), [Block(wanted, "")])
    assert "  251 | def step(self, x):\n  252 |     y = self.norm(x)" in caught.value.nearest
    assert len(caught.value.nearest.splitlines()) <= NEAREST_LINES


def test_a_large_block_that_fits_nowhere_is_compared_by_its_first_lines_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []
    set_seq1 = SequenceMatcher.set_seq1

    def counted(matcher: SequenceMatcher[str], line: str) -> None:
        compared.append(line)
        set_seq1(matcher, line)

    monkeypatch.setattr(SequenceMatcher, "set_seq1", counted)
    source = "".join(f"layer_{n} = Linear({n}, {n * 7 % 13})\n" for n in range(2000))
    block = Block("".join(f"layer_{n} = Conv({n}, {n})\n" for n in range(1000)), "")
    with pytest.raises(BlockError) as caught:
        apply_blocks(source, [block])
    assert 2000 < len(compared) <= NEAREST_LINES * 2001  # of the block's 1,000 lines only twelve
    assert len(caught.value.nearest.splitlines()) <= NEAREST_LINES


lines = st.lists(st.text(alphabet="ab =\t", max_size=5), min_size=1, max_size=12)


@given(lines, st.data())
def test_a_unique_stretch_is_replaced_and_nothing_else(
    source: list[str], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(source) - 1))
    stop = data.draw(st.integers(start + 1, len(source)))
    new = data.draw(st.lists(st.text(alphabet="xy ", max_size=4), max_size=4))
    text = "".join(f"{line}\n" for line in source)
    block = Block(
        "".join(f"{line}\n" for line in source[start:stop]), "".join(f"{line}\n" for line in new)
    )
    size = stop - start
    places = sum(source[at : at + size] == source[start:stop] for at in range(len(source)))
    if places == 1 and block.search.strip():
        wanted = [*source[:start], *new, *source[stop:]]
        assert apply_blocks(text, [block]) == "".join(f"{line}\n" for line in wanted)
    else:
        with pytest.raises(BlockError):
            apply_blocks(text, [block])


@given(st.text(alphabet="<>= SEARCHREPLACE\n`a", max_size=200))
def test_any_text_can_be_searched_for_blocks(text: str) -> None:
    found = find_blocks(text)
    for block in found.blocks:
        assert block.search in text
        assert block.replace in text


def test_the_key_ignores_only_comments_and_layout() -> None:
    assert source_key("x = 1\n") == source_key("x   =  1  # one\n\n")
    assert source_key("x = 1\n") != source_key("x = 2\n")
    source_key('x = "\\d"\n')


@pytest.mark.parametrize("source", ["x = (", "x = 1\0", "\ud800", "(" * 5000])
def test_invalid_python_has_no_key(source: str) -> None:
    with pytest.raises(SyntaxError):
        source_key(source)


@pytest.mark.parametrize(("times", "more"), [(2, False), (8, False), (9, True)])
def test_a_block_found_often_names_its_first_places(times: int, more: bool) -> None:
    source = "x = 1\ny = 2\n" * times
    with pytest.raises(BlockError) as caught:
        apply_blocks(source, [Block("x = 1\n", "x = 2\n")])
    places = ", ".join(str(1 + 2 * n) for n in range(min(times, 8)))
    assert f"found {times} times, at lines {places}{', …' if more else ''};" in str(caught.value)
    assert caught.value.nearest.count("…") == min(times, 3) - 1
