"""Provides the screen of the lines that a recording leaves out, each with the reason."""

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

_LINES_SHOWN = 500

_LEFT_OUT: tuple[Action, ...] = (back("escape,q,u", Group.REPLAY),)


class LeftOutScreen(StaticScreen):
    """Shows the lines of the recorded file that could not be read as experiments or events."""

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
        """Fill the page with the left-out lines, at most 500, and the reason for each."""
        source = replay_shell_of(self.app).feed.source
        left_out = source.left_out
        are = "line is" if len(left_out) == 1 else "lines are"
        name = clean_line(source.path.name)
        about = f"{len(left_out):,} {are} left out of {name}; none is counted."
        self.query_one("#about", TextPage).set_lines(((about, "--strong"),))
        lines: list[TextLine] = []
        for each in left_out[:_LINES_SHOWN]:
            lines += [(f"line {each.line:,}: {each.reason}", "--attention")]
            lines += [(clean_line(each.text) or "(no printable text)", ""), ("", "")]
        if len(left_out) > _LINES_SHOWN:
            lines.append((f"… and {len(left_out) - _LINES_SHOWN:,} more.", "--dim"))
        page = self.query_one("#lines", TextPage)
        page.set_lines(tuple(lines))
        page.focus()
