"""The place of a change: the statements around it, and the id that names edit and place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.patches.place import changes_between, enclosing, marked_lines, patch_id

texts = st.lists(st.sampled_from(["a\n", "b\n", "    a\n", "\n", "def f():\n"]), max_size=9).map(
    "".join
)


@given(texts, texts)
def test_the_changes_lead_from_one_text_to_the_other(before: str, after: str) -> None:
    lines = marked_lines(before)
    for change in reversed(changes_between(lines, marked_lines(after))):
        assert tuple(lines[change.start : change.end]) == change.removed
        lines[change.start : change.end] = change.added
    assert lines == marked_lines(after)


def test_a_line_that_a_long_file_has_often_is_compared_too() -> None:
    often = ["a\n"] * 300
    changes = changes_between(["p\n", *often, "q\n"], ["r\n", *often, "s\n"])
    assert [(change.start, change.removed) for change in changes] == [
        (0, ("p\n",)),
        (301, ("q\n",)),
    ]


@given(texts, texts)
def test_an_id_is_128_bits_and_says_whether_there_is_a_change(before: str, after: str) -> None:
    name = patch_id(before, after)
    assert len(name) == 32
    assert int(name, 16) < 2**128
    assert (name == patch_id("", "")) == (before == after)


def test_an_edit_is_named_by_what_it_removes_and_adds() -> None:
    name = patch_id("a\nx\n", "a\ny\n")
    assert name != patch_id("a\nx\n", "a\nz\n")
    assert name != patch_id("a\nw\n", "a\ny\n")
    assert name != patch_id("a\n", "a\ny\n")
    assert name != patch_id("a\nx\n", "a\n")
    assert name == patch_id("a\nx\n", "a\ny\n")


FILE = """\
class SGD:
    def step(self):
        b = 2
        c = 3
        d = 4
        lr = 0.1
        return lr


class Adam:
    def step(self):
        b = 2
        c = 3
        d = 4
        lr = 0.1
        return lr
"""
FIRST = FILE.replace("0.1", "0.3", 1)
SECOND = FILE.replace("0.1", "0.3").replace("0.3", "0.1", 1)


def test_the_same_edit_of_two_definitions_has_two_ids() -> None:
    assert patch_id(FILE, FIRST) != patch_id(FILE, SECOND)
    # Also where nothing but the name of the class tells them apart.
    assert patch_id(FILE, FIRST) != patch_id(
        FILE.replace("class SGD", "class Lion"), FIRST.replace("class SGD", "class Lion")
    )


def test_the_same_edit_of_two_equal_lines_of_one_definition_has_two_ids() -> None:
    before = "a\nb\nc\nx = 1\na\nb\nc\n" * 3
    first = before.replace("x = 1", "x = 2", 1)
    second = before.replace("x = 1", "x = 2", 2).replace("x = 2", "x = 1", 1)
    assert patch_id(before, first) != patch_id(before, second)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (("class SGD:", "import torch\n\n\nclass SGD:"), True),  # more lines above
        (("class Adam:", "\n\n\nclass Adam:"), True),  # another part of the file
        (("def step(self):", "def step(self, closure=None):"), True),  # it has the same name
        (("b = 2", "b = 5"), False),  # in the context
        (("    def step(self):\n", "    # fast\n    def step(self):\n"), True),
        (("class SGD:", "class SGD(Base):"), True),  # it has the same name
        (("        return lr", "        return 2 * lr"), False),
        (("class SGD:", "lr = 0.1\nclass SGD:"), True),  # not the same indentation
        (("class SGD:", "        lr = 0.1\nclass SGD:"), False),  # the second of three now
    ],
)
def test_an_id_outlives_changes_elsewhere_and_none_nearby(
    change: tuple[str, str], same: bool
) -> None:
    file = "# a file\n" * 4 + FILE
    now = file.replace(*change, 1)
    name = patch_id(file, file.replace("0.1", "0.3", 1))
    index = now.index("        lr = 0.1\n        return") + len("        lr = ")
    assert (patch_id(now, now[:index] + "0.3" + now[index + 3 :]) == name) is same


BRANCHES = ("elif z:", "if x:", "def forward", "class Model")
ENCLOSED = """\
class Model:
    async def forward(
        self,
        x,
    ):
        if x:
            y = 1
# a comment at the left
        elif z:

            y = 2
        else:
            for n in range(3):
                y = 3
        return y


top = [
    1,
]
last = 1
"""


@pytest.mark.parametrize(
    ("line", "around"),
    [
        ("class Model:", ()),
        ("        x,", ("def forward", "class Model")),
        ("    ):", ("def forward", "class Model")),
        ("            y = 1", ("if x:", "def forward", "class Model")),
        ("            y = 2", BRANCHES),
        ("                y = 3", ("for n in range(3):", "else:", *BRANCHES)),
        ("        return y", ("def forward", "class Model")),
        ("    1,", ("top = [",)),
        ("]", ("top = [",)),
        ("last = 1", ()),
    ],
)
def test_a_line_is_enclosed_by_the_statements_above_it_that_are_less_indented(
    line: str, around: tuple[str, ...]
) -> None:
    lines = ENCLOSED.splitlines(True)
    assert enclosing(lines, lines.index(f"{line}\n")) == around


def test_a_blank_line_is_enclosed_as_the_next_line_with_text() -> None:
    lines = ENCLOSED.splitlines(True)
    blank = lines.index("\n")
    assert enclosing(lines, blank) == enclosing(lines, blank + 1)
    assert enclosing(["if x:\n", "\ty = 1\n", "\n"], 2) == ()
    assert enclosing(["if x:\n", "\ty = 1\n", "        z = 1\n"], 2) == ("if x:",)
