"""Checks that the terminal can show the screen, and sets the variables that Textual reads."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, MutableMapping

from engine.core.errors import TerminalError

MINIMUM_COLUMNS = 40
MINIMUM_ROWS = 10

WEB_DRIVER = "textual.drivers.web_driver:WebDriver"
"""The value of TEXTUAL_DRIVER under textual-serve; `SafeWebDriver` is used in its place."""

_WITHOUT_SCREEN = "`autoresearch-tui status` works anywhere."


def is_in_browser(environ: Mapping[str, str]) -> bool:
    """Return whether the screen is shown in a browser tab, by textual-serve."""
    return environ.get("TEXTUAL_DRIVER") == WEB_DRIVER


def check_terminal(environ: Mapping[str, str], size: tuple[int, int], isatty: bool) -> None:
    """Raise an error if a terminal cannot show the screen; return nothing if it can.

    Args:
        environ: The process's environment, with TERM.
        size: Columns and rows; 0 where they are not known.
        isatty: True if input and output are a terminal.

    Raises:
        TerminalError: The terminal is missing, too small or cannot place text.
    """
    if not isatty:
        raise TerminalError(
            "There is no terminal here.",
            "Input or output is redirected, or the command was started without a terminal.",
            f"Over SSH use `ssh -t`. {_WITHOUT_SCREEN}",
        )
    term = environ.get("TERM", "").strip().lower()
    if term in ("", "dumb", "unknown"):
        reason = f"TERM={term}" if term else "TERM is not set"
        raise TerminalError(
            f"This terminal cannot place text on a screen ({reason}).",
            "",
            f"In a real terminal, set TERM=xterm-256color and start again. {_WITHOUT_SCREEN}",
        )
    columns, rows = size
    # Serial consoles and some containers report 0×0, which means unknown.
    if (0 < columns < MINIMUM_COLUMNS) or (0 < rows < MINIMUM_ROWS):
        raise TerminalError(
            f"{columns}×{rows} is too small; the screen needs at least "
            f"{MINIMUM_COLUMNS}×{MINIMUM_ROWS}.",
            "",
            f"Enlarge the window and start again. {_WITHOUT_SCREEN}",
        )


def check_this_terminal() -> None:
    """Raise an error if the terminal of this process cannot show the screen.

    Raises:
        TerminalError: The terminal is missing, too small or cannot place text.
    """
    if is_in_browser(os.environ):
        check_terminal(os.environ, _browser_size(os.environ), isatty=True)
        return
    # Textual reads keys from stdin and paints on stderr.
    readable, paintable = sys.__stdin__, sys.__stderr__
    isatty = bool(readable and paintable and readable.isatty() and paintable.isatty())
    size = (0, 0)
    if isatty and paintable is not None:
        try:
            columns, rows = os.get_terminal_size(paintable.fileno())
            size = (columns, rows)
        except OSError:
            isatty = False
    check_terminal(os.environ, size, isatty)


def _browser_size(environ: Mapping[str, str]) -> tuple[int, int]:
    try:
        return int(environ.get("COLUMNS", "0")), int(environ.get("ROWS", "0"))
    except ValueError:
        return 0, 0


def prepare_environment(environ: MutableMapping[str, str] | None = None) -> str | None:
    """Set the variables that Textual reads at import; call it before Textual is imported.

    For this process's environment it also turns off garbage collection, which would delay the first
    frame by a twentieth of its time; `TerminalApp` turns it on after that frame.

    Args:
        environ: The environment to change; this process's by default.

    Returns:
        The only theme that this terminal can show, or None where it can show any.
    """
    if environ is None:
        environ = os.environ
        gc.disable()
    environ["TEXTUAL_ANIMATIONS"] = "none"
    # With NO_COLOR Textual paints in true-colour greys; the theme without colour uses none.
    if environ.pop("NO_COLOR", ""):
        return "no-colour"
    return None if _has_many_colours(environ) else "sixteen"


def _has_many_colours(environ: Mapping[str, str]) -> bool:
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return True
    term = environ.get("TERM", "").strip().lower()
    return term.endswith(("256color", "-direct")) or term.startswith(
        ("xterm-kitty", "xterm-ghostty", "alacritty", "wezterm", "foot")
    )
