"""Provides a replay's screen of all changes from the baseline to the incumbent, as one diff."""

from __future__ import annotations

import asyncio

from textual.app import ComposeResult

from tui.actions.action import Action, Group, back
from tui.actions.registry import PROGRAM
from tui.replay.shell import replay_shell_of
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.static_screen import StaticScreen
from tui.screens.text_page import TextPage
from tui.widgets.edit_panel import EditPanel

_TOTAL: tuple[Action, ...] = (
    Action(
        "y", "copy", "Copy", "Copy the diff.", Group.REPLAY, footer=lambda view: "copy the diff"
    ),
    back("escape,q,c", Group.REPLAY),
)


class TotalScreen(StaticScreen):
    """Shows the diff from the baseline to what was the best experiment when the screen opened."""

    DEFAULT_CSS = """
    TotalScreen #about { height: 2; padding: 0 1; }
    TotalScreen #total { height: 1fr; border: round $border; background: $background; }
    """
    ACTIONS = _TOTAL
    BINDINGS = bindings_of(_TOTAL)

    def __init__(self) -> None:
        super().__init__()
        self._patch = ""
        self._edit = EditPanel(id="total")
        self._edit.can_focus = True

    def compose(self) -> ComposeResult:
        yield TextPage(id="about")
        yield self._edit
        yield ActionFooter((*_TOTAL, *PROGRAM[1:2]))

    def on_mount(self) -> None:
        """Start asking git in the background for the diff to show."""
        self._edit.focus()
        self._edit.show_patch("", "all changes", "Asking git …")
        self.run_worker(self._load())

    async def _load(self) -> None:
        source, session = replay_shell_of(self.app).feed.source, self.view.session
        found = await asyncio.to_thread(source.cumulative, session)
        self._patch = found.patch
        kept = session.counts.keep
        about = f"From the baseline to #{session.incumbent}, the best so far ({kept} kept)."
        self.query_one(TextPage).set_lines(
            ((about if session.incumbent else "Nothing is kept yet.", "--strong"),)
            + (((found.note, "--dim"),) if found.note else ())
        )
        self._edit.show_patch(found.patch, "all changes", found.note or "Nothing changed.")
        self._edit.border_title = self._edit.caption()

    async def action_copy(self) -> None:
        """Copy the whole diff to the clipboard."""
        await self.shell.copy("Diff", self._patch)
