"""Telling the app that whoever looked at it is gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App


def tell_lost(app: App[Any], loop: asyncio.AbstractEventLoop) -> None:
    """Tell it, from whichever thread; one that knows nothing of that is ended."""
    lost = getattr(app, "terminal_lost", app.exit)
    try:
        loop.call_soon_threadsafe(lost)
    except RuntimeError:
        return  # the loop has ended already, and with it what there was to tell
