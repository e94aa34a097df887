from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.seeing import until
from tests.tui.widgets.widget_scenes import Host, punch, segments_of, session_of, text_of, view_of
from tui.widgets.log_view import LogView


def append(path: Path, text: str | bytes) -> None:
    with open(path, "ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


def numbered(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


async def test_the_view_follows_a_growing_file(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        assert "No run yet." in text_of(view)
        view.follow(log)
        await until(pilot, lambda: "Waiting for run.log" in text_of(view))
        log.touch()
        await until(pilot, lambda: "No output yet." in text_of(view))
        append(log, numbered(0, 1000))
        await until(pilot, lambda: "line 999 " in text_of(view))
        append(log, "a partial line")
        await until(pilot, lambda: text_of(view).split("\n")[-1].startswith("a partial line"))
        append(log, " grows\n")
        await until(pilot, lambda: "a partial line grows" in text_of(view))
        assert view.line_count == 1001
        assert view.caption() == "run.log · 1,001 lines"


async def test_scrolling_up_stops_following_and_end_resumes(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    append(log, numbered(0, 1000))
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        view.focus()
        await until(pilot, lambda: view.line_count == 1000 and view.following)
        await pilot.press("pageup")
        await until(pilot, lambda: "▼ end to follow" in text_of(view))
        shown = text_of(view).split("\n")[:-1]
        append(log, numbered(1000, 1100))
        await until(pilot, lambda: "▼ 100 new lines · end to follow" in text_of(view))
        assert text_of(view).split("\n")[:-1] == shown
        assert not view.following
        await pilot.press("home")
        await until(pilot, lambda: text_of(view).startswith("line 0 "))
        await pilot.press("end")
        await until(pilot, lambda: "line 1099" in text_of(view))
        assert view.following
        assert "▼" not in text_of(view)
        append(log, numbered(1100, 1200))
        await until(pilot, lambda: "line 1199" in text_of(view))


async def test_page_down_to_the_end_follows_again(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    append(log, numbered(0, 100))
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        view.focus()
        await until(pilot, lambda: view.line_count == 100)
        await pilot.press("pageup")
        assert not view.following
        await pilot.press("pagedown", "pagedown")
        await until(pilot, lambda: view.following)


async def test_a_progress_line_shows_its_last_state(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    append(
        log, "start\n" + "".join(f"\rstep {n:05} ({n / 10:.1f}%) | loss: 3.1" for n in range(900))
    )
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "step 00899" in text_of(view))
        assert text_of(view).split("\n")[1].startswith("step 00899")
        append(log, "\rstep 00900 (90.0%)\n---\nval_bpb: 0.99\n")
        await until(pilot, lambda: "val_bpb: 0.99" in text_of(view))
        assert "step 00899" not in text_of(view)


async def test_colours_are_kept_and_other_escapes_removed(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    append(
        log,
        "\x1b[31mred\x1b[0m plain \x1b[1;38;2;1;2;3mrgb\x1b[m \x1b[8mhidden\x1b[2J\x1b]0;t\x07.\n",
    )
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "red plain rgb hidden." in text_of(view))
        styles = {segment.text: segment.style for segment in segments_of(view)}
        red, rgb, hidden = styles["red"], styles["rgb"], styles["hidden."]
        assert red is not None and red.color is not None
        assert red.color.name == "red" or red.color.triplet is not None
        assert rgb is not None and rgb.color is not None and rgb.bold
        assert tuple(rgb.color.triplet or ()) == (1, 2, 3)
        assert hidden is not None and not hidden.conceal


async def test_a_replaced_file_is_shown_from_its_start(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    append(log, numbered(0, 500))
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        view.focus()
        await until(pilot, lambda: view.line_count == 500)
        await pilot.press("pageup")
        log.write_text("another run\n")
        await until(pilot, lambda: "another run" in text_of(view))
        assert view.following
        assert "line 4" not in text_of(view)


async def test_a_long_line_scrolls_sideways_and_is_cut(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    append(log, "x" * 100 + "END" + "y" * 2**20 + "\nshort\n")
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        view.focus()
        await until(pilot, lambda: "short" in text_of(view))
        await until(pilot, lambda: view.virtual_size.width > 4000)
        assert "END" not in text_of(view)
        for _ in range(40):
            await pilot.press("right")
        await until(pilot, lambda: "END" in text_of(view))
        view.scroll_to(x=5000, animate=False, force=True)
        await until(pilot, lambda: "not shown" in text_of(view))


async def test_a_search_wraps_around_and_marks_matches(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    append(log, "".join(f"{'Loss' if n % 100 == 50 else 'line'} {n}\n" for n in range(1000)))
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: view.line_count == 1000)
        assert view.search("loss", forward=False)
        await until(pilot, lambda: "Loss 950" in text_of(view))
        assert not view.following
        assert view.search("loss")
        await until(pilot, lambda: "Loss 50" in text_of(view))
        marked = [s.text for s in segments_of(view) if s.style is not None and s.style.bold]
        assert "Loss" in marked
        assert view.search("LOSS")
        await until(pilot, lambda: "Loss 150" in text_of(view))
        assert not view.search("nowhere")
        view.clear_search()
        await pilot.pause()
        marked = [s.text for s in segments_of(view) if s.style is not None and s.style.bold]
        assert "Loss" not in marked
        assert not view.search("")


async def test_the_view_changes_to_another_file_and_to_none(log: Path, tmp_path: Path) -> None:
    view = LogView(poll_seconds=0.01)
    other = tmp_path / "other.log"
    append(log, numbered(0, 100))
    append(other, "the other\n")
    async with Host(view).run_test(size=(80, 24)) as pilot:
        view.follow(log)
        await until(pilot, lambda: "line 99" in text_of(view))
        view.follow(other)
        await until(pilot, lambda: "the other" in text_of(view))
        assert "line" not in text_of(view)
        view.follow(None)
        await until(pilot, lambda: "No run yet." in text_of(view))


async def test_the_view_shows_the_newest_run(tmp_path: Path) -> None:
    view = LogView(poll_seconds=0.01)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        view.show(view_of(session_of(3, workspace=str(tmp_path))))
        assert view.path == tmp_path / ".autoresearch/mar7/experiments/0004/run-1/run.log"
        await pilot.pause()


async def test_polling_can_be_slowed(log: Path) -> None:
    view = LogView(poll_seconds=60)
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        append(log, "hello\n")
        await pilot.pause()
        assert "hello" not in text_of(view)
        view.set_poll(0.01)
        await until(pilot, lambda: "hello" in text_of(view))


async def test_a_large_file_is_indexed_in_slices(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.widgets.log_view._SLICE_SECONDS", 1e-9)
    view = LogView(poll_seconds=0.01)
    append(log, numbered(0, 200_000))
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "line 199999" in text_of(view))
        assert view.line_count == 200_000
        assert view.search("line 150000")
        await until(pilot, lambda: "line 150000" in text_of(view))


async def test_dropped_output_is_noted_and_the_place_is_kept(log: Path) -> None:
    view = LogView(poll_seconds=0.01)
    append(log, "".join(f"line {number:07} {'.' * 86}\n" for number in range(50_000)))
    view.follow(log)
    async with Host(view).run_test(size=(80, 24)) as pilot:
        view.focus()
        await until(pilot, lambda: view.line_count == 50_000)
        await pilot.press("pageup")
        await pilot.pause()
        shown = text_of(view).split("\n")[:-1]
        punch(log, 2**20, 2**20)
        await until(pilot, lambda: view.line_count < 40_000)
        assert text_of(view).split("\n")[:-1] == shown
        assert view.search("line 0010485", forward=False)
        await until(pilot, lambda: "… 1.0 MiB of output dropped …" in text_of(view))
