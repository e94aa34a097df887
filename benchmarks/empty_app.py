"""An empty Textual app: the floor of everything the screen does."""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult
from textual.widgets import Static

TEXT = "ready"
"""The text of the only widget."""
COMMAND = (sys.executable, "-P", __file__)


class EmptyApp(App[None]):
    """Shows one word."""

    def compose(self) -> ComposeResult:
        """Yield the only widget."""
        yield Static(TEXT)


if __name__ == "__main__":
    EmptyApp().run()
