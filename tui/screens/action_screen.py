"""What every screen of ours shares: actions from the registry, each with its reason why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, TypeVar

from textual.binding import Binding, BindingType

from tui.actions.action import Action
from tui.actions.registry import PROGRAM
from tui.screens.dismiss_once import DismissOnce
from tui.shell import Shell, shell_of
from tui.view import View

Result = TypeVar("Result")
Severity = Literal["information", "warning", "error"]


def bindings_of(
    actions: Iterable[Action], priority: frozenset[str] = frozenset()
) -> list[BindingType]:
    """Key bindings for these actions.

    Args:
        actions: Those without a key are left out.
        priority: Names of those that go before the focused widget's own keys.
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
    """A screen whose keys, footer and palette are one list."""

    ACTIONS: ClassVar[tuple[Action, ...]] = ()

    @property
    def shell(self) -> Shell:
        """The app, as far as screens may use it."""
        return shell_of(self.app)

    @property
    def view(self) -> View:
        """What there is to see at this moment."""
        return self.shell.view

    def show(self, view: View) -> None:
        """Paint the newest view."""

    def tell(self, message: str, severity: Severity = "information") -> None:
        """A few words to the person. The text is never read as markup."""
        self.notify(message, severity=severity, timeout=6, markup=False)

    async def action_do(self, name: str) -> None:
        """Do an action of the registry, or say why it cannot be done."""
        action = next(each for each in (*self.ACTIONS, *PROGRAM) if each.name == name)
        why = action.enabled(self.view)
        if why is not None:
            self.tell(f"{action.title}: {why}", "warning")
            return
        target = self.app if action in PROGRAM else self
        await self.app.run_action(name, target)
