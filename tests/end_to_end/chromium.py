"""A headless Chromium that a test drives: keys, screenshots and the text of the page's terminal.

The test speaks the DevTools protocol over aiohttp's web socket client. The terminal is a canvas, so
its text is read from the bytes that the page received; a screenshot shows that they were painted.
"""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import pyte
import pytest
from PIL import Image

from tests.world import DEADLINE_SECONDS

MISSING = "chromium is not installed; on Debian: apt install chromium"
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # does not work for root in a container
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
_KEYS = {" ": ("Space", 32), "\r": ("Enter", 13), "Home": ("Home", 36), "Escape": ("Escape", 27)}


class Page:
    """One browser tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session = ""
        self.terminal = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.terminal)
        self.asked: list[str] = []
        """Every address that the page requested."""
        self.complaints: list[str] = []
        """The errors in the console of the browser."""

    async def listen(self) -> None:
        """Read the messages of the browser."""
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                waiting = self._answers.pop(told["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(told)
                continue
            self._happened(told["method"], told["params"])

    def _happened(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.webSocketFrameReceived":
            frame = params["response"]
            if frame["opcode"] == 2:
                self._stream.feed(base64.b64decode(frame["payloadData"]))
        elif method == "Network.webSocketFrameSent":
            sent = json.loads(params["response"]["payloadData"])
            if sent[0] == "resize":
                self.terminal.resize(sent[1]["height"], sent[1]["width"])
        elif method == "Network.webSocketCreated":
            self.asked.append(params["url"])
            self.terminal.reset()
        elif method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol, and return its result."""
        number = next(self._ids)
        told: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            told["sessionId"] = self._session
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(told)
        answer = await asyncio.wait_for(self._answers[number], DEADLINE_SECONDS)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def attach(self) -> None:
        """Open the tab."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def resize(self, width: int, height: int) -> None:
        """Change the size of the window, in pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def open(self, url: str) -> None:
        """Load an address."""
        await self.call("Page.navigate", url=url)

    async def press(self, key: str, *, control: bool = False) -> None:
        """Press a key: a character, or a name such as `Home`."""
        name, code = _KEYS.get(key, (key, ord(key.upper()) if len(key) == 1 else 0))
        told: dict[str, Any] = {"key": name if key == "\r" else key, "code": name}
        told |= {"windowsVirtualKeyCode": code, "modifiers": 2 if control else 0}
        text = {"text": key} if len(key) == 1 and not control else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **told, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    async def click(self, x: float, y: float) -> None:
        """Click with the left button of the mouse."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def ask(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        return answer["result"].get("value")

    async def picture(self, path: Path | None = None) -> Image.Image:
        """Return a screenshot of the page."""
        taken = await self.call("Page.captureScreenshot", format="png")
        data = base64.b64decode(taken["data"])
        if path is not None:
            path.write_bytes(data)
        return Image.open(io.BytesIO(data)).convert("RGB")

    def text(self) -> str:
        """Return the text of the page's terminal."""
        return "\n".join(line.rstrip() for line in self.terminal.display).rstrip()

    async def wait_for(self, text: str) -> str:
        """Wait until the terminal shows a text, and return all of its text."""
        try:
            await until(lambda: text in self.text(), repr(text))
        except TimeoutError:
            await self._fail(f"{text!r} was never shown")
        return self.text()

    async def wait_until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""

        async def holds() -> bool:
            return bool(await self.ask(expression))

        try:
            await until(holds, expression)
        except TimeoutError:
            await self._fail(f"{expression} was never so")

    async def _fail(self, what: str) -> NoReturn:
        body = await self.ask("document.body.innerText")
        pytest.fail(f"{what}:\n{self.text()}\n{body}\n{self.complaints}")


async def until(question: Callable[[], bool] | Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until a question is answered with True.

    Raises:
        TimeoutError: It never was; the message names `what`.
    """
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        answer = question()
        if answer if isinstance(answer, bool) else await answer:
            return
        if time.monotonic() > end:
            raise TimeoutError(f"never happened: {what}")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def chromium(home: Path, *, width: int = 1280, height: int = 800) -> AsyncIterator[Page]:
    """Run a browser with one empty tab and its own profile.

    Args:
        home: The directory for the profile.
        width: The width of the window in pixels.
        height: The height of the window in pixels.
    """
    command = shutil.which("chromium")
    if command is None:
        pytest.skip(MISSING)
    profile = home / "chromium"
    profile.mkdir()
    with open(home / "chromium.log", "wb") as log:
        browser = await asyncio.create_subprocess_exec(
            command,
            *_FLAGS,
            f"--user-data-dir={profile}",
            env={**os.environ, "HOME": str(home)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        where = profile / "DevToolsActivePort"
        await until(lambda: where.exists() and "\n" in where.read_text(), "Chromium's start")
        port, path = where.read_text().split()[:2]
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
        ):
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            await page.attach()
            await page.resize(width, height)
            try:
                yield page
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening
    finally:
        # Kill the whole group, since the browser has many processes.
        with suppress(ProcessLookupError):
            os.killpg(browser.pid, 9)
        await browser.wait()
