"""Provides the clickable bar with the numbered names of a screen's tabs."""

from __future__ import annotations

from collections.abc import Sequence

from tui.screens.link_line import Label, LinkLine


class TabBar(LinkLine):
    """Shows numbered names of tabs in one line; a click on one goes to its tab.

    Args:
        names: The names of the tabs, numbered from 1.
        action: The name of the action that goes to a tab, such as `part`.
    """

    def __init__(self, names: Sequence[str], action: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(names)
        self._action = action

    def show(self, active: int) -> None:
        """Mark one tab as active, in reverse video so that no colour is needed.

        Args:
            active: The number of the tab, from 1.
        """
        self.set_labels(
            tuple(
                Label(
                    ((f" {n} {name} ", "bold reverse" if n == active else "$text-muted"),),
                    f"{self._action}({n})",
                )
                for n, name in enumerate(self._names, start=1)
            )
        )
