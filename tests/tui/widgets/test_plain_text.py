from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.core.text import sanitize
from tests.hostile import CORPUS, unsafe_in
from tui.present.text import clean_line
from tui.widgets.wrapped import wrapped


@given(st.one_of(st.text(st.characters()), st.sampled_from(CORPUS)))
def test_a_line_of_the_screen_is_safe(text: str) -> None:
    assert not unsafe_in(clean_line(text))


@given(st.text(st.characters()), st.integers(2, 30))
def test_wrapped_fits(text: str, width: int) -> None:
    assert all(cell_len(line) <= width for line in wrapped(sanitize(text), width))
