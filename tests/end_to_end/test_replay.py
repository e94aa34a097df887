"""The replay of a real session through a real terminal, and of a stranger's table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal import Window
from tests.warm import run_warm
from tests.world import git


@pytest.mark.usefixtures("engines")
def test_a_session_is_replayed_and_nothing_is_changed(repository: Path) -> None:
    flags = ("--yes", "--headless", "--tag", "t", "--budget", "0.01", "--max", "4")
    assert run_warm("run", repository, *flags, "--autonomy", "auto").returncode == 0
    before = git(repository, "status", "--porcelain"), git(repository, "for-each-ref")
    files = {p: p.read_bytes() for p in repository.glob("*") if p.is_file()}

    window = Window("replay", repository, columns=80, rows=24)
    window.wait_for("REPLAY #4")
    window.press("\x1b[H")  # home
    window.wait_for("start of 4")
    window.press("\x1b[C")  # the right arrow
    window.wait_for("REPLAY #1")
    window.press("\x1b[C")
    window.wait_for("REPLAY #2")
    window.press("\x1b[F")  # end
    window.wait_for("REPLAY #4")
    shown = window.wait_for("of 4")
    assert "RUNNING" not in shown
    window.press("s")  # stops nothing
    window.press("D")
    window.wait_for("From the baseline" if "keep 1/" not in shown else "othing")
    window.press("q")
    window.wait_for("REPLAY #4")
    window.press("\x1b[H")  # home
    window.wait_for("start of 4")
    window.press(" ")
    window.wait_for("#4 of 4")
    window.press("q")
    code, said = window.wait_for_end()
    assert code == 0, said

    window = Window("replay", repository / "results.tsv", columns=80, rows=24)
    window.wait_for("REPLAY #4")
    window.press("g2\r")  # faster than any card opens
    window.wait_for("REPLAY #2")
    window.press("q")
    assert window.wait_for_end()[0] == 0
    assert before == (git(repository, "status", "--porcelain"), git(repository, "for-each-ref"))
    assert files == {p: p.read_bytes() for p in repository.glob("*") if p.is_file()}


def test_without_a_terminal_and_without_a_source(tmp_path: Path) -> None:
    for words, code, told in (
        (("nosuch",), 3, "There is no file, directory or session"),
        ((tmp_path,), 3, "There is no session and no results.tsv"),
    ):
        done = run_warm("replay", *words, cwd=tmp_path)
        assert done.returncode == code
        assert told in done.stderr
        assert "Traceback" not in done.stderr
    (tmp_path / "results.tsv").write_text("commit\tval_bpb\tstatus\naaaaaaa\t1.0\tkeep\n")
    done = run_warm("replay", tmp_path)
    assert done.returncode == 9
    assert "There is no terminal here" in done.stderr


def test_the_keeps_of_a_table_are_judged_again(tmp_path: Path) -> None:
    table = tmp_path / "night.tsv"
    values = ("0.9979", "0.986041", "0.985041", "0.984941")
    rows = (f"{n}1b2c3d\t{value}\tkeep\tidea {n}\n" for n, value in enumerate(values))
    table.write_text("commit\tval_bpb\tstatus\tdescription\n" + "".join(rows))
    before = table.read_bytes()
    window = Window("replay", table, columns=80, rows=24)
    window.wait_for("REPLAY #4")
    window.press("W")
    window.wait_for("σ of a single run")
    window.press("0.0004\r")
    shown = window.wait_for("✓ 1 of 3")
    assert "? repeat" in shown
    window.press("\x1b[C")  # the right arrow
    window.wait_for("σ 0.000504")
    window.press("W")
    window.wait_for("✓ keep")
    window.press("q")
    assert window.wait_for_end()[0] == 0
    assert table.read_bytes() == before
