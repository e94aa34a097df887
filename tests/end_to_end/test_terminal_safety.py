"""What reaches a real terminal, and in what state it is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.hostile import ATTACK
from tests.hostile_journal import hostile_journal
from tests.world import COMMAND, DEADLINE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
SHOW = (sys.executable, "-m", "tests.tui.show_session")

# All that the screen has a reason to write: place, colour, skip, modes, keyboard protocol, queries.
_ALLOWED = re.compile(
    r"\x1b\[(?:\d+;\d+H|[\d;]*m|\d*C|\?(?:1049|1000|1003|1015|1006|1004|1016|2004|2026|2048|25|7)[hl]"
    r"|\?(?:2026|2048)\$p|>\d+u|<u)"
)


class Terminal:
    """The screen in a pseudo-terminal, with every byte it wrote."""

    def __init__(
        self,
        workspace: Path,
        *words: str,
        size: tuple[int, int] = (120, 40),
        command: tuple[str, ...] = SHOW,
    ) -> None:
        environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environ |= {"LC_ALL": "C.UTF-8", "AUTORESEARCH_REFRESH_HZ": "30"}
        environ.pop("TMUX", None)
        self.child = pexpect.spawn(
            command[0],
            [*command[1:], str(workspace), *words],
            cwd=ROOT,
            dimensions=(size[1], size[0]),
            env=environ,
            timeout=DEADLINE_SECONDS,
        )
        self.before = termios.tcgetattr(self.child.child_fd)
        self.written = b""
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)

    def read(self) -> None:
        """Take what has come, or wait a moment for more."""
        try:
            data = self.child.read_nonblocking(65536, timeout=0.1)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.written += data
        self._stream.feed(data)

    def until(self, text: str) -> None:
        """Read on until the screen shows a text."""
        end = time.monotonic() + DEADLINE_SECONDS
        while text not in "\n".join(self.screen.display):
            assert time.monotonic() < end, "\n".join(self.screen.display)
            self.read()

    def until_quiet(self) -> None:
        """Read on until half a second brings nothing."""
        silent = 0
        while silent < 5:
            before = len(self.written)
            self.read()
            silent = silent + 1 if len(self.written) == before else 0

    def press(self, keys: str, then: str) -> None:
        """Press, and wait for what that shows."""
        self.child.send(keys)
        self.until(then)

    def gone(self) -> int:
        """Read until the process has ended; its exit status."""
        end = time.monotonic() + DEADLINE_SECONDS
        while self.child.isalive():
            assert time.monotonic() < end, "the process did not end"
            self.read()
        self.read()
        return self.child.exitstatus if self.child.exitstatus is not None else -1


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.child.close(force=True)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_no_text_is_ever_obeyed(
    tmp_path: Path, terminals: list[Terminal], size: tuple[int, int]
) -> None:
    terminal = Terminal(tmp_path, "hostile", size=size)
    terminals.append(terminal)
    terminal.until("leave")
    for key, shown in zip(
        "123456", ("thinking", "old", "log", "CPU", "val_bpb", "crash"), strict=True
    ):
        if key != "4":
            terminal.press(key, shown)
    terminal.press(" ", "no ")
    terminal.press("\r", "esc back")
    for key, shown in (("1", "old"), ("2", "Hypothesis"), ("3", "more"), ("5", "slot 0")):
        terminal.press(key, shown)
    terminal.press("\x1b", "q leave")
    terminal.press("x", "let it run")
    terminal.press("?", "let it run")
    terminal.child.kill(signal.SIGTERM)
    assert_plain(terminal)


def assert_plain(terminal: Terminal) -> None:
    """Wait for the end of a process, and check that it wrote nothing but its own escapes."""
    terminal.gone()
    text = terminal.written.decode()
    rest = _ALLOWED.sub("", text.split("\x1b[?1049l")[0])
    assert set(re.findall("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", rest)) == set()
    assert terminal.screen.title == ""
    assert "Traceback" not in text


def test_no_text_of_any_event_is_obeyed(tmp_path: Path, terminals: list[Terminal]) -> None:
    journal = tmp_path / ".autoresearch" / "steered" / "journal.jsonl"
    journal.parent.mkdir(parents=True)
    hostile_journal(journal, ATTACK)
    terminal = Terminal(journal, command=(str(COMMAND), "replay"))
    terminals.append(terminal)
    terminal.until("keep before")
    for key, shown in (("6", "keep"), ("\r", "esc back"), ("2", "Hypothesis"), ("5", "slot 0")):
        terminal.press(key, shown)
    terminal.press("\x1b", "keep before")
    terminal.press("i", "Activity")
    for key, shown in zip("2345", ("Leaderboard", "Edits", "Memory", "Health"), strict=True):
        terminal.press(key, shown)
    terminal.child.kill(signal.SIGTERM)
    assert_plain(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_terminal_as_it_was(
    tmp_path: Path, terminals: list[Terminal], number: signal.Signals
) -> None:
    terminal = Terminal(tmp_path)
    terminals.append(terminal)
    terminal.until("leave")
    assert termios.tcgetattr(terminal.child.child_fd) != terminal.before
    terminal.child.kill(number)
    assert terminal.gone() == 0
    assert termios.tcgetattr(terminal.child.child_fd) == terminal.before
    for sequence in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l", b"\x1b[<u"):
        assert sequence in terminal.written
    said = "terminal lost" if number is signal.SIGHUP else "left"
    assert f"closed: {said}".encode() in terminal.written


@pytest.mark.parametrize("words", [(), ("deaf",), ("deaf", "idle")])
def test_a_vanished_terminal_ends_the_process(
    tmp_path: Path, terminals: list[Terminal], words: tuple[str, ...]
) -> None:
    terminal = Terminal(tmp_path, *words)
    terminals.append(terminal)
    terminal.until("leave")
    if "idle" in words:
        terminal.until_quiet()  # now no failing write can tell, only the end of the input
    os.close(terminal.child.child_fd)
    end = time.monotonic() + DEADLINE_SECONDS
    pid = 0
    while pid == 0:
        assert time.monotonic() < end, "the process lives on without a terminal"
        pid, _ = os.waitpid(terminal.child.pid, os.WNOHANG)
        time.sleep(0.02)
    terminals.clear()
    terminal.child.closed = True


def test_bytes_that_are_not_text_do_not_kill_it(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(tmp_path)
    terminals.append(terminal)
    terminal.until("leave")
    os.write(terminal.child.child_fd, b"\x1b[M \xff\xfe\x80")
    terminal.press("2", "WARMDOWN_RATIO")
    terminal.child.send("q")
    assert terminal.gone() == 0
    assert b"closed: left" in terminal.written


def test_it_paints_the_same_after_a_resize(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(tmp_path)
    terminals.append(terminal)
    terminal.until("leave")
    terminal.screen.resize(24, 80)
    terminal.screen.reset()
    terminal.child.setwinsize(24, 80)
    terminal.until("1 Agent  2 Edit")
    terminal.until("q leave")
    terminal.child.send("q")
    assert terminal.gone() == 0


def test_a_terminal_that_will_not_do_is_told_in_one_paragraph(
    tmp_path: Path, terminals: list[Terminal]
) -> None:
    terminal = Terminal(tmp_path, size=(20, 5))
    terminals.append(terminal)
    assert terminal.gone() == 9
    assert "20×5 is too small" in terminal.written.decode()
    piped = subprocess.run(
        [*SHOW, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert piped.returncode == 9
    assert "There is no terminal here." in piped.stderr
    for said in (terminal.written.decode(), piped.stderr):
        assert "Traceback" not in said
        assert "\x1b" not in said
        assert len(said.strip().splitlines()) == 1
