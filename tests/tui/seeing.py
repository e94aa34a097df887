"""Wait for the screen, and read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tests.world import DEADLINE_SECONDS


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Wait until a condition holds, while the app goes on with its work.

    Raises:
        AssertionError: It never did; the message shows the screen.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened; the screen:\n{text_of(pilot.app)}")
        await pilot.pause(0.01)


def text_of(app: App[Any]) -> str:
    """Return the text of the whole screen, row by row."""
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in row) for row in rows)
