"""Provides the command palette, which lists and searches the actions of the screen below it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from tui.actions.action import Action
from tui.actions.registry import PROGRAM
from tui.screens.action_screen import ActionScreen
from tui.screens.dismiss_once import DismissOnce


class Palette(CommandPalette, DismissOnce[None]):
    """Textual's command palette, showing the actions of the screen below it."""

    def __init__(self) -> None:
        super().__init__(providers=[Commands])


class Commands(Provider):
    """Lists each action of the screen below the palette, with the reason if it is unavailable."""

    def _actions(self) -> Iterator[tuple[Action, str]]:
        screen = self.screen
        if not isinstance(screen, ActionScreen):
            return
        for action in (*screen.ACTIONS, *PROGRAM):
            if action.name == "command_palette":
                continue
            why = action.enabled(screen.view)
            keys = f"{action.keys}: " if action.key else ""
            yield action, f"{keys}{action.help if why is None else f'Not now. {why}'}"

    async def discover(self) -> Hits:
        for action, sentence in self._actions():
            yield DiscoveryHit(action.title, self._command(action), help=_plain(sentence))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action, sentence in self._actions():
            score = matcher.match(f"{action.title} {action.help}")
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(action.title),
                    self._command(action),
                    help=_plain(sentence),
                )

    def _command(self, action: Action) -> Callable[[], Coroutine[Any, Any, None]]:
        screen = self.screen
        assert isinstance(screen, ActionScreen)
        return partial(screen.action_do, action.name)


def _plain(text: str) -> str:
    """Replace brackets and backslashes, which the palette would read as markup, in any text."""
    return text.replace("[", "(").replace("]", ")").replace("\\", "/")
