from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.present.text import clean, clean_line
from tui.widgets.wrapped import wrapped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 中 ●", "plain ä 中 ●"),
        ("a\x1b[31mb\x1b[0mc", "abc"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;aGk=\x1b\\b", "ab"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x9b31mb\x9d0;t\x9cc", "abc"),
        ("an open one \x1b]0;hides nothing", "an open one ]0;hides nothing"),
        ("\x1b(0lqk\x1b(B", "lqk"),
        ("a\x1b", "a"),
        ("a\x1bcb", "ab"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("\x00\x08\x0e\x7f\x80\x9f", ""),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\ud800", ""),
        ("[bold]no markup[/]", "[bold]no markup[/]"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(st.characters()))
def test_nothing_that_acts_is_left(text: str) -> None:
    for character in clean(text):
        assert character in "\t\n" or unicodedata.category(character) not in (
            "Cc",
            "Cs",
            "Zl",
            "Zp",
        )
    assert clean(clean(text)) == clean(text)
    assert not {"\n", "\t", "\x1b"} & set(clean_line(text))


@given(st.text(st.characters()), st.integers(2, 30))
def test_wrapped_fits(text: str, width: int) -> None:
    assert all(cell_len(line) <= width for line in wrapped(clean(text), width))
