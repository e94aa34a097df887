"""Provides an empty Textual app: the least that the first frame of any screen costs."""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult
from textual.widgets import Static

TEXT = "ready"
"""The text of the app's only widget, which marks a complete first frame."""
COMMAND = (sys.executable, "-P", __file__)


class EmptyApp(App[None]):
    """An app that shows one word."""

    def compose(self) -> ComposeResult:
        """Yield the only widget, which shows `TEXT`."""
        yield Static(TEXT)


if __name__ == "__main__":
    EmptyApp().run()
