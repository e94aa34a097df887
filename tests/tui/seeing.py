"""Waiting for the screen, and reading it."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot

from tui.app import ExitInfo, SupervisorApp


async def until(pilot: Pilot[ExitInfo], condition: Callable[[], object]) -> None:
    """Wait for something that must come to pass."""
    for _ in range(400):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not come to pass")


def text_of(app: SupervisorApp) -> str:
    """Everything that is on the screen, as lines."""
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in row) for row in rows)
