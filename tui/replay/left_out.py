"""The lines of a file that are no part of what is replayed, each with the reason."""

from __future__ import annotations

from textual.app import ComposeResult

from tui.actions.action import Action, Group, back
from tui.actions.registry import PROGRAM
from tui.present.lines import TextLine
from tui.present.text import clean_line
from tui.replay.shell import replay_shell_of
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.static_screen import StaticScreen
from tui.screens.text_page import TextPage

_MOST = 500
"""Lines shown; who has more has the wrong file."""

_LEFT_OUT: tuple[Action, ...] = (back("escape,q,u", Group.REPLAY),)


class LeftOutScreen(StaticScreen):
    """They count as no experiments; nothing of them is guessed."""

    DEFAULT_CSS = """
    LeftOutScreen #about { height: auto; padding: 0 1; }
    LeftOutScreen #lines { height: 1fr; border: round $border; background: $background; }
    """
    ACTIONS = _LEFT_OUT
    BINDINGS = bindings_of(_LEFT_OUT)

    def compose(self) -> ComposeResult:
        yield TextPage(id="about")
        lines = TextPage(id="lines")
        lines.can_focus = True
        yield lines
        yield ActionFooter((*_LEFT_OUT, *PROGRAM[1:2]))

    def on_mount(self) -> None:
        """As many as anybody reads."""
        source = replay_shell_of(self.app).feed.source
        left = source.left_out
        are = "line is" if len(left) == 1 else "lines are"
        about = f"{len(left):,} {are} left out of {clean_line(source.path.name)}; none is counted."
        self.query_one("#about", TextPage).set_lines(((about, "--strong"),))
        lines: list[TextLine] = []
        for one in left[:_MOST]:
            lines += [(f"line {one.line:,}: {one.reason}", "--attention")]
            lines += [(clean_line(one.text) or "(nothing that can be shown)", ""), ("", "")]
        if len(left) > _MOST:
            lines.append((f"… and {len(left) - _MOST:,} more.", "--dim"))
        page = self.query_one("#lines", TextPage)
        page.set_lines(tuple(lines))
        page.focus()
