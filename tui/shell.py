"""Declares what the screens and widgets may use of the app: the protocol `Shell`."""

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
    """The members of the app that its screens use, so that they need not import the app's class."""

    @property
    def view(self) -> View:
        """The view that the app painted last."""

    @property
    def feed(self) -> Feed:
        """The source of the session: a live engine or a recording."""

    @property
    def clock(self) -> Callable[[], float]:
        """A function that returns seconds of a monotonic clock."""

    @property
    def refresh_seconds(self) -> float:
        """Seconds between two frames at present; more while frames are late."""

    def paint(self) -> None:
        """Show the feed's newest view on every visible screen."""

    def send(self, command: AnyCommand) -> None:
        """Send a command to the engine in the background; show its reply or error as a message."""

    def ask(self, question: str, consequence: str, yes: str, no: str, command: AnyCommand) -> None:
        """Ask the user to confirm a command that destroys work, and send it if they do.

        Args:
            question: The question in the dialog.
            consequence: One sentence about what the command would do.
            yes: The label of the answer that sends the command.
            no: The label of the answer that does nothing.
            command: The command to send to the engine.
        """

    def open_once(
        self, screen: Screen[Result], callback: Callable[[Result | None], None] | None = None
    ) -> None:
        """Open a screen, unless a modal screen or a screen of the same class is on top already.

        Args:
            screen: The screen to open.
            callback: Receives the screen's result when it closes.
        """

    def open_experiment(self, number: int) -> None:
        """Open the detail screen of the experiment with this number."""

    def open_overview(self, section: int) -> None:
        """Open the overview screen at one of its views: 1 (Activity) to 5 (Health)."""

    async def copy(self, title: str, text: str) -> None:
        """Copy a text to the clipboard, and show a message with the title and how it was copied.

        Args:
            title: What the text is, to begin the message with: `Commit hash`.
            text: The text; where it is empty, only a warning is shown.
        """


def shell_of(app: App[Any]) -> Shell:
    """Return the same app, typed as the `Shell` that its screens and widgets use."""
    # A class cannot be both a Textual app and a protocol, so that the app declares it for mypy.
    return cast("Shell", app)
