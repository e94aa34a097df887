"""Closes the app when its terminal or browser is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App


def report_lost(app: App[Any], loop: asyncio.AbstractEventLoop) -> None:
    """Close the app because its terminal was lost; may be called from any thread.

    Args:
        app: The running app; its `terminal_lost` is called if it has one, else its `exit`.
        loop: The event loop of the app.
    """
    lost = getattr(app, "terminal_lost", app.exit)
    try:
        loop.call_soon_threadsafe(lost)
    except RuntimeError:
        return  # the app has ended already
