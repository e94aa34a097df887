"""The parts as tabs, where there is no room for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from tui.screens.link_line import LinkLine, Word


class TabBar(LinkLine):
    """Numbers and names; a click or the number goes there.

    Args:
        names: Of the tabs, from 1 on.
        action: The registry's action for a tab, such as `part`.
    """

    def __init__(self, names: Sequence[str], action: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(names)
        self._action = action

    def show(self, active: int) -> None:
        """Mark the active tab, by more than its colour."""
        self.set_words(
            tuple(
                Word(
                    ((f" {n} {name} ", "bold reverse" if n == active else "$text-muted"),),
                    f"{self._action}({n})",
                )
                for n, name in enumerate(self._names, start=1)
            )
        )
