"""The reduced stream paints exactly what the full one paints."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st

from tui.terminal.screen_diff import ScreenDiff

WIDTH, HEIGHT = 24, 6
STYLES = ("", "1", "38;2;1;2;3;48;2;4;5;6", "7;31", "48;5;22")


def piece(row: int, column: int, style: str, text: str) -> str:
    """Return a piece of a line as Textual writes it."""
    dressed = f"\x1b[{style}m{text}\x1b[0m" if style else text
    return f"\x1b[{row + 1};{column + 1}H{dressed}"


def screen_of(stream: list[str]) -> list[list[tuple[object, ...]]]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    terminal = pyte.Stream(screen)
    for data in stream:
        terminal.feed(data)
    return [[tuple(screen.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


pieces = st.builds(
    piece,
    st.integers(0, HEIGHT - 1),
    st.integers(0, 11),
    st.sampled_from(STYLES),
    st.text("ab│━ ⠁", min_size=1, max_size=12),
)
frames = st.lists(pieces, min_size=1, max_size=8).map("".join)


@given(st.lists(frames, min_size=1, max_size=6))
def test_the_reduced_stream_paints_the_same_screen(stream: list[str]) -> None:
    screen_diff = ScreenDiff()
    assert screen_of([screen_diff.encode(data) for data in stream]) == screen_of(stream)


def test_the_same_frame_again_writes_almost_nothing() -> None:
    screen_diff = ScreenDiff()
    frame = "\n".join(piece(y, 0, STYLES[2], "│ step 00215 | loss 3.1 │") for y in range(5))
    screen_diff.encode(frame)
    assert len(screen_diff.encode(frame)) <= len("\x1b[5;25H")


def test_only_changes_are_written() -> None:
    screen_diff = ScreenDiff()
    screen_diff.encode(piece(2, 0, "1", "step 00215 loss 3.1"))
    squeezed = screen_diff.encode(piece(2, 0, "1", "step 00216 loss 3.1"))
    assert squeezed == "\x1b[3;10H\x1b[0;1m6\x1b[3;20H\x1b[0m"


def test_wide_characters_pass_unchanged() -> None:
    screen_diff = ScreenDiff()
    frame = piece(0, 0, "1", "模型 ok")
    assert "模型 ok" in screen_diff.encode(frame)
    assert "模型 ok" in screen_diff.encode(frame)


def test_settings_of_the_terminal_pass_unchanged() -> None:
    screen_diff = ScreenDiff()
    for data in ("\x1b[?1000h", "\x1b[?2026$p", "\x1b[>1u", "\x1b]52;c;aGk=\x07", "\x07", ""):
        assert screen_diff.encode(data) == data


def test_everything_is_written_again_after_forgetting_or_a_new_screen() -> None:
    screen_diff = ScreenDiff()
    frame = piece(0, 0, "", "hello")
    screen_diff.encode(frame)
    screen_diff.forget()
    assert "hello" in screen_diff.encode(frame)
    assert "hello" not in screen_diff.encode(frame)
    screen_diff.encode("\x1b[?1049h")
    assert "hello" in screen_diff.encode(frame)


def test_an_unexpected_sequence_makes_the_screen_unknown() -> None:
    screen_diff = ScreenDiff()
    frame = piece(0, 0, "", "hello")
    screen_diff.encode(frame)
    assert screen_diff.encode("\x1bXodd") == "\x1bXodd"
    assert "hello" in screen_diff.encode(frame)
