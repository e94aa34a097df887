"""The screen in a real browser: it paints, a key pauses the engine, a replay plays, tabs end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from engine.client.sessions import engine_pid
from tests.end_to_end.chromium import Page, chromium, until
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import COMMAND, DEADLINE_SECONDS, git, wait_for

pytestmark = pytest.mark.usefixtures("engines", "usual_signals")


@contextmanager
def served(
    *words: str | Path, cwd: Path | None = None
) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Run `autoresearch-tui serve`, and yield what it printed as JSON."""
    process = subprocess.Popen(
        [str(COMMAND), "serve", *map(str, words), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = ""
        while not told.endswith("}\n"):
            line = process.stdout.readline()
            if not line:
                raise AssertionError(process.communicate()[1])
            told += line
        yield process, json.loads(told)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def end_server(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    """End the server by a signal, and return its stderr."""
    process.send_signal(number)
    _, said = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    return said


def screens(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes of the server's tabs."""
    return list(psutil.Process(process.pid).children(recursive=True))


@asynccontextmanager
async def forwarded(url: str) -> AsyncIterator[str]:
    """Yield the same address on another port, as `ssh -L` would give it."""
    there = urlsplit(url).port
    writers: list[asyncio.StreamWriter] = []
    lines: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far, back = await asyncio.open_connection("127.0.0.1", there)
        writers.extend((writer, back))
        for way in (carry(reader, back), carry(far, writer)):
            lines.add(asyncio.create_task(way))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    here = server.sockets[0].getsockname()[1]
    try:
        yield url.replace(f":{there}/", f":{here}/")
    finally:
        server.close()
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
        for writer in writers:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for w in writers), return_exceptions=True)


async def colours(page: Page) -> int:
    """Return the number of colours in the page; a page that painted nothing has hardly any."""
    picture = await page.picture()
    return len(picture.getcolors(picture.width * picture.height) or ())


async def test_the_page_paints_and_a_key_pauses_the_engine(
    repository: Path, tmp_path: Path
) -> None:
    flags = ("--yes", "--tag", "t", "--budget", "2", "--autonomy", "ask-all")
    assert run_warm("start", repository, *flags).returncode == 0
    engine = engine_pid(repository)
    before = git(repository, "status", "--porcelain")
    with served(repository, "--port", "0") as (process, told):
        async with forwarded(told["url"]) as url, chromium(tmp_path) as page:
            await page.open(url)
            await page.wait_for("#1")
            here = urlsplit(url).netloc
            assert await page.ask("location.href") == f"http://{here}/"
            assert await page.ask("document.cookie") == ""
            assert {urlsplit(each).netloc for each in page.asked} == {here}
            assert page.complaints == []
            assert await colours(page) > 300

            await page.press(" ")
            await until(lambda: read_session(repository).pause is not None, "the pause")
            await page.wait_for("PAUSED")
            await page.press(" ")
            await until(lambda: read_session(repository).pause is None, "its end")
            # The title of the browser tab says that the user is needed.
            await page.wait_until("document.title.startsWith('needs you')")

            # Ctrl+P does not print the page.
            await page.press("p", control=True)
            await page.wait_for("Search for commands")
            await page.press("Escape")
            await until(lambda: "Search for" not in page.text(), "the end of the palette")

            wide = page.terminal.columns
            await page.resize(500, 700)
            await until(lambda: page.terminal.columns < wide * 0.6, "a narrow screen")
            await until(lambda: "? help" in page.text().split("\n")[-1], "all of it again")

            await page.press("q")
            await page.wait_until("document.body.innerText.includes('continues')")
            assert "(pid" in await page.ask("document.body.innerText")
            await page.press("\r")  # the button has the focus
            await page.wait_for("#1")
            assert len(screens(process)) == 1
            assert page.complaints == []
        # Without the browser its screen ends and the engine continues.
        wait_for(lambda: not screens(process), "the end of the screen")
        assert engine_pid(repository) == engine
        assert end_server(process) == "The server has stopped.\n"
    assert engine_pid(repository) == engine
    assert git(repository, "status", "--porcelain") == before


async def test_a_replay_plays_and_copies_to_the_browsers_clipboard(
    repository: Path, tmp_path: Path
) -> None:
    flags = ("--yes", "--headless", "--tag", "t", "--budget", "0.01", "--max", "5")
    assert run_warm("run", repository, *flags, "--autonomy", "auto").returncode == 0
    with served("--replay", repository / "results.tsv", "--port", "0") as (process, told):
        async with chromium(tmp_path) as page:
            await page.open(told["url"])
            await page.wait_for("REPLAY #")
            await page.press("Home")
            await page.wait_for("start of 5")
            still = await page.picture()
            await page.press(" ")
            await page.wait_for("#5 of 5")  # where playing ends; a moment before it may pass unseen
            assert (await page.picture()).tobytes() != still.tobytes()

            permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
            await page.call("Browser.grantPermissions", permissions=permissions)
            await page.press("y")
            await page.wait_until("navigator.clipboard.readText().then(t => t.includes('0.'))")

            # Click on the time line, in the last row but one.
            width, height = await page.ask(
                "(r => [r.width, r.height])"
                "(document.querySelector('.xterm-screen').getBoundingClientRect())"
            )
            await page.click(width / 2, height * (1 - 1.5 / page.terminal.lines))
            await until(lambda: bool(re.search("REPLAY #[234]", page.text())), "the moment there")
            assert page.complaints == []

            # The page says that the server has ended.
            assert end_server(process, signal.SIGINT) == "The server has stopped.\n"
            await page.wait_until("document.body.innerText.includes('The server has ended')")


async def test_without_an_engine_the_session_is_shown(repository: Path, tmp_path: Path) -> None:
    flags = ("--yes", "--headless", "--tag", "t", "--budget", "0.01", "--max", "3")
    assert run_warm("run", repository, *flags, "--autonomy", "auto").returncode == 0
    with served(repository, "--port", "0") as (process, told):
        async with chromium(tmp_path) as page:
            await page.open(told["url"])
            await page.wait_for("No engine is at work")
            assert "REPLAY #3" in page.text()
            await page.press("q")
            await page.wait_until("document.body.innerText.includes('No engine is at work')")
        assert "the page shows the session from its journal" in end_server(process)


def test_an_invalid_source_is_refused_at_once(repository: Path, tmp_path: Path) -> None:
    for words, code, told in (
        ((repository,), 3, "so there is nothing to show. Start one with"),
        (("--replay", "nosuch"), 3, "There is no file, directory or session"),
        ((repository, "--replay", "x"), 2, "leave WORKSPACE out"),
        (("--metric", "loss"), 2, "go with --replay"),
        (("--port", "65536"), 2, "--port"),
    ):
        done = run_warm("serve", *words, cwd=tmp_path)
        assert (done.returncode, told in done.stderr) == (code, True), done.stderr
        assert done.stdout == ""
    table = tmp_path / "results.tsv"
    table.write_text("commit\tval_bpb\tstatus\naaaaaaa\t1.0\tkeep\n")
    for host in ("no.such.host.invalid", "203.0.113.7"):
        done = run_warm("serve", "--replay", table, "--host", host)
        assert done.returncode in (2, 7)
        assert "error:" in done.stderr and "Traceback" not in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_warm("serve", "--replay", table, "--port", str(port))
        assert done.returncode == 7
        assert f"port {port}" in done.stderr and "--port" in done.stderr


def test_the_output_without_json(tmp_path: Path) -> None:
    table = tmp_path / "results.tsv"
    table.write_text("commit\tval_bpb\tstatus\naaaaaaa\t1.0\tkeep\n")
    out = tmp_path / "out.txt"
    with open(out, "w") as file:
        process = subprocess.Popen(
            [str(COMMAND), "serve", "--replay", str(table), "--port", "0"],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        wait_for(lambda: "Ctrl+C" in out.read_text(), "its words")
        os.kill(process.pid, signal.SIGHUP)  # as when the SSH line is lost
        assert process.wait(DEADLINE_SECONDS) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    said = out.read_text()
    (url,) = re.findall(r"http://127\.0\.0\.1:(\d+)/\?token=(\S{43})\n", said)
    assert f"-L {url[0]}:127.0.0.1:{url[0]} " in said
    assert said.count(url[1]) == 1
    assert "Warning" not in said


def test_without_the_extra_the_message_says_how_to_install_it() -> None:
    code = (
        "import sys; sys.modules['textual_serve'] = None; "
        "sys.argv = ['autoresearch-tui', 'serve', '--replay', 'x']; "
        "from tui.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert "pip install 'autoresearch-tui[web]'" in done.stderr
