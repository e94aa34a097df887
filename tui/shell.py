"""The interface of the app that its screens may call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from textual.app import App
from textual.screen import Screen

from engine.protocol.commands import AnyCommand
from tui.feed import Feed
from tui.view import View

Result = TypeVar("Result")


class Shell(Protocol):
    """The app as its screens see it."""

    @property
    def view(self) -> View:
        """The view that was painted last."""

    @property
    def feed(self) -> Feed:
        """The source of the session: an engine or a recording."""

    @property
    def clock(self) -> Callable[[], float]:
        """The monotonic clock, in seconds."""

    @property
    def refresh_seconds(self) -> float:
        """Seconds between two frames at present."""

    def paint(self) -> None:
        """Paint the newest view on every visible screen."""

    def send(self, command: AnyCommand) -> None:
        """Send a command to the engine and show its answer as a message."""

    def ask(self, question: str, consequence: str, yes: str, no: str, command: AnyCommand) -> None:
        """Send a command that destroys work once the user has confirmed it."""

    def open_once(
        self, screen: Screen[Result], callback: Callable[[Result | None], None] | None = None
    ) -> None:
        """Open a screen, unless a card or a screen of the same class is open already."""

    def open_experiment(self, number: int) -> None:
        """Open the screen of one experiment."""

    def open_overview(self, section: int) -> None:
        """Open the overview of the session at one of its sections."""

    async def copy(self, title: str, text: str) -> None:
        """Copy text to the clipboard and show a message that names the text by its title."""


def shell_of(app: App[Any]) -> Shell:
    """Return the app of a screen or widget as a `Shell`."""
    # A class cannot be both a Textual app and a protocol, so that the app declares it for mypy.
    return cast("Shell", app)
