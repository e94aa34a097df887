"""The squeezed stream must paint exactly what the full one paints."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.terminal.thrift import Thrift

WIDTH, HEIGHT = 24, 6
STYLES = ("", "1", "38;2;1;2;3;48;2;4;5;6", "7;31", "48;5;22")


def piece(row: int, column: int, style: str, text: str) -> str:
    """As Textual writes a piece of a line."""
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


@settings(max_examples=150, deadline=None)
@given(st.lists(frames, min_size=1, max_size=6))
def test_a_screen_is_the_same_squeezed(stream: list[str]) -> None:
    thrift = Thrift()
    assert screen_of([thrift.squeeze(data) for data in stream]) == screen_of(stream)


def test_the_same_frame_again_costs_next_to_nothing() -> None:
    thrift = Thrift()
    frame = "\n".join(piece(y, 0, STYLES[2], "│ step 00215 | loss 3.1 │") for y in range(5))
    thrift.squeeze(frame)
    assert len(thrift.squeeze(frame)) <= len("\x1b[5;25H")


def test_only_what_changed_is_written() -> None:
    thrift = Thrift()
    thrift.squeeze(piece(2, 0, "1", "step 00215 loss 3.1"))
    squeezed = thrift.squeeze(piece(2, 0, "1", "step 00216 loss 3.1"))
    assert squeezed == "\x1b[3;10H\x1b[0;1m6\x1b[3;20H\x1b[0m"


def test_wide_characters_pass_whole() -> None:
    thrift = Thrift()
    frame = piece(0, 0, "1", "模型 ok")
    assert "模型 ok" in thrift.squeeze(frame)
    assert "模型 ok" in thrift.squeeze(frame)


def test_settings_of_the_terminal_pass_unchanged() -> None:
    thrift = Thrift()
    for data in ("\x1b[?1000h", "\x1b[?2026$p", "\x1b[>1u", "\x1b]52;c;aGk=\x07", "\x07", ""):
        assert thrift.squeeze(data) == data


def test_everything_is_written_again_after_forgetting_or_a_new_screen() -> None:
    thrift = Thrift()
    frame = piece(0, 0, "", "hello")
    thrift.squeeze(frame)
    thrift.forget()
    assert "hello" in thrift.squeeze(frame)
    assert "hello" not in thrift.squeeze(frame)
    thrift.squeeze("\x1b[?1049h")
    assert "hello" in thrift.squeeze(frame)


def test_the_unexpected_passes_and_is_not_built_upon() -> None:
    thrift = Thrift()
    frame = piece(0, 0, "", "hello")
    thrift.squeeze(frame)
    assert thrift.squeeze("\x1bXodd") == "\x1bXodd"
    assert "hello" in thrift.squeeze(frame)
