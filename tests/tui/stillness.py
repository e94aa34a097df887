"""Wait until an app has done all that it was asked to do, however slow the machine is.

Textual's own wait takes a process that used little of the processor for an idle one. On a loaded
machine that is wrong, and on an idle one it costs two fiftieths of a second for each key.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from textual._context import active_app
from textual.app import App, ScreenStackError

_QUIET_ROUNDS = 3
"""Rounds of the event loop without other work after which the loop has nothing left to do."""
_LONGEST_SECONDS = 1.0
"""The longest wait for threads, some of which a test holds on purpose."""


async def until_still(min_sleep: float = 0.0, max_sleep: float = _LONGEST_SECONDS) -> None:
    """Wait until the running event loop and its threads have nothing left to do but to wait.

    Layouts and repaints that the app has put off to its next frame are done at once.

    Args:
        min_sleep: Not used; Textual passes it.
        max_sleep: The longest wait for threads, in seconds.
    """
    loop: Any = asyncio.get_running_loop()
    end = loop.time() + max_sleep
    while True:
        await _until_nothing_is_ready(loop)
        if _frame_is_due():
            continue
        if not _threads_work(loop._default_executor) or loop.time() > end:
            return
        await asyncio.sleep(0.001)


async def _until_nothing_is_ready(loop: Any) -> None:
    quiet = 0
    while quiet < _QUIET_ROUNDS:
        await asyncio.sleep(0)
        quiet = 0 if loop._ready else quiet + 1


def _frame_is_due() -> bool:
    """Do what the app has put off to its next frame; return whether there was any of it."""
    app: App[Any] | None = active_app.get(None)
    if app is None or app._batch_count:
        return False
    try:
        screen = app.screen
    except ScreenStackError:
        return False
    if app._resize_event is not None:
        app._check_resize()
        return True
    if not screen._running:
        return False
    due = (
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
    )
    if due or screen._callbacks:
        screen._on_timer_update()
    return bool(due)


def _threads_work(executor: ThreadPoolExecutor | None) -> bool:
    if executor is None:
        return False
    return executor._idle_semaphore._value < len(executor._threads)
