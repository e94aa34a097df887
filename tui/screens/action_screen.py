"""Provides the base class of the screens whose keys come from the registry of actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, TypeVar

from textual.binding import Binding, BindingType

from tui.actions.action import Action
from tui.actions.registry import PROGRAM
from tui.screens.dismiss_once import DismissOnce
from tui.screens.link_line import LinkLine
from tui.shell import Shell, shell_of
from tui.view import View

Result = TypeVar("Result")
Severity = Literal["information", "warning", "error"]


def bindings_of(
    actions: Iterable[Action], priority: frozenset[str] = frozenset()
) -> list[BindingType]:
    """Return one hidden Textual key binding for each action that has a key.

    Args:
        actions: The actions; those without a key are skipped.
        priority: The names of actions whose keys take precedence over the focused widget's keys.
    """
    return [
        Binding(
            action.key,
            f"do({action.name!r})",
            action.title,
            show=False,
            priority=action.name in priority,
        )
        for action in actions
        if action.key
    ]


class ActionScreen(DismissOnce[Result]):
    """A base class of screens whose keys, footer and command palette come from their `ACTIONS`."""

    ACTIONS: ClassVar[tuple[Action, ...]] = ()

    @property
    def shell(self) -> Shell:
        """Return the app, typed as the `Shell` protocol that screens may use."""
        return shell_of(self.app)

    @property
    def view(self) -> View:
        """Return the view that the app painted last."""
        return self.shell.view

    def show(self, view: View) -> None:
        """Paint the newest view; the app calls this after each change. A subclass overrides it."""

    def tell(self, message: str, severity: Severity = "information") -> None:
        """Show a message to the user as a toast for 6 seconds; its text is never read as markup."""
        self.notify(message, severity=severity, timeout=6, markup=False)

    def on_link_line_clicked(self, event: LinkLine.Clicked) -> None:
        """Do the action of the footer label, answer or tab that the user clicked."""
        event.stop()
        self.run_worker(self.action_do(event.name))

    async def action_do(self, name: str) -> None:
        """Do the action with this name, or show a warning with the reason why it is not available.

        Args:
            name: The name of an action of this screen, or of `PROGRAM`.
        """
        action = next(each for each in (*self.ACTIONS, *PROGRAM) if each.name == name)
        why = action.enabled(self.view)
        if why is not None:
            self.tell(f"{action.title}: {why}", "warning")
            return
        target = self.app if action in PROGRAM else self
        await self.app.run_action(name, target)
