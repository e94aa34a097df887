"""Copies text to the clipboard in every available way, because none reports whether it worked."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable, Mapping

from engine.core.text import sanitize
from engine.store.durable import write_durably
from tui.settings import cache_directory
from tui.terminal.check import is_in_browser

_OSC52_BYTES = 74_994
"""The most base64 bytes sent to the terminal's clipboard (OSC 52): the limit of xterm."""
_TMUX_SECONDS = 2.0


async def copy(
    text: str, osc52: Callable[[str], None], environ: Mapping[str, str] | None = None
) -> str:
    """Copy a text to the terminal's clipboard, to tmux's buffer and to `copied.txt` in the cache.

    Args:
        text: The text; its control characters are removed except line breaks and tabs, because it
            may be pasted into a shell.
        osc52: Sends the text to the terminal's own clipboard.
        environ: The environment that identifies the terminal; this process's by default.

    Returns:
        What was done and what failed, in words: `copied (OSC 52, …/copied.txt)`.
    """
    environ = os.environ if environ is None else environ
    text = sanitize(text)
    done: list[str] = []
    refused: list[str] = []
    in_browser = is_in_browser(environ)
    if in_browser or len(b64encode(text.encode())) <= _OSC52_BYTES:
        osc52(text)
        done.append("browser" if in_browser else "OSC 52")
    else:
        refused.append("too long for OSC 52")
    if environ.get("TMUX") and not in_browser:
        if await _to_tmux(text):
            done.append("tmux")
        else:
            refused.append("tmux failed")
    path = cache_directory() / "copied.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, text, private=True)
        done.append(f"…/{path.name}")
    except OSError as error:
        refused.append(f"not in a file: {error.strerror}")
    summary = "; ".join(filter(None, (", ".join(done), *refused)))
    return f"{'copied' if done else 'not copied'} ({summary})"


async def _to_tmux(text: str) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux",
            "load-buffer",
            "-w",
            "-",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(text.encode()), _TMUX_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    return process.returncode == 0
