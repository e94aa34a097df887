"""Whether this terminal can show the screen, and what Textual must be told before its import."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping

from engine.core.errors import TerminalError

MINIMUM_COLUMNS = 40
MINIMUM_ROWS = 10

WEB_DRIVER = "textual.drivers.web_driver:WebDriver"
"""What textual-serve asks for; this program answers with a safer one of the same kind."""

_ELSEWHERE = "`autoresearch-tui status` works anywhere."


def is_in_browser(environ: Mapping[str, str]) -> bool:
    """Whether the screen is painted in a browser, through textual-serve."""
    return environ.get("TEXTUAL_DRIVER") == WEB_DRIVER


def check_terminal(environ: Mapping[str, str], size: tuple[int, int], isatty: bool) -> None:
    """Refuse a terminal that cannot show the screen.

    Args:
        environ: The process's environment.
        size: Columns and rows; 0 where the terminal does not tell.
        isatty: Whether keys can be read and a screen can be painted.

    Raises:
        TerminalError: With the next step.
    """
    if not isatty:
        raise TerminalError(
            "There is no terminal here.",
            "Input or output is redirected, or the command was started without a terminal.",
            f"Over SSH use `ssh -t`. {_ELSEWHERE}",
        )
    term = environ.get("TERM", "").strip().lower()
    if term in ("", "dumb", "unknown"):
        said = f"TERM={term}" if term else "TERM is not set"
        raise TerminalError(
            f"This terminal says that it cannot place text on a screen ({said}).",
            "",
            f"In a real terminal, set TERM=xterm-256color and start again. {_ELSEWHERE}",
        )
    columns, rows = size
    # Serial consoles and some containers report 0×0: unknown is not too small.
    if (0 < columns < MINIMUM_COLUMNS) or (0 < rows < MINIMUM_ROWS):
        raise TerminalError(
            f"{columns}×{rows} is too small; the screen needs at least "
            f"{MINIMUM_COLUMNS}×{MINIMUM_ROWS}.",
            "",
            f"Enlarge the window and start again. {_ELSEWHERE}",
        )


def check_this_terminal() -> None:
    """`check_terminal` for the terminal of this process.

    Raises:
        TerminalError: It will not do.
    """
    if is_in_browser(os.environ):
        check_terminal(os.environ, _size_of_page(os.environ), isatty=True)
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


def _size_of_page(environ: Mapping[str, str]) -> tuple[int, int]:
    try:
        return int(environ.get("COLUMNS", "0")), int(environ.get("ROWS", "0"))
    except ValueError:
        return 0, 0


def prepare_environment(environ: MutableMapping[str, str] | None = None) -> str | None:
    """Set what Textual reads at import; call it before anything imports Textual.

    Args:
        environ: Changed in place; the process's own by default.

    Returns:
        The name of the theme this terminal demands, or None where any theme will do.
    """
    environ = os.environ if environ is None else environ
    environ["TEXTUAL_ANIMATIONS"] = "none"
    # Textual answers NO_COLOR with true-colour greys; the theme without colour does what it asks.
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
