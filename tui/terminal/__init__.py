"""The user's terminal: whether it can show the screen, what is written to it and how often.

Importing this package does not import Textual, which reads its environment at import.
"""

from tui.terminal.check import check_terminal as check_terminal
from tui.terminal.check import check_this_terminal, prepare_environment

__all__ = ["check_terminal", "check_this_terminal", "prepare_environment"]
