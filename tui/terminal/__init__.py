"""The terminal at the other end: whether it will do, what may be written to it and how often.

Importing this package does not import Textual, because Textual reads its environment at import.
"""

from tui.terminal.check import check_terminal as check_terminal
from tui.terminal.check import check_this_terminal, prepare_environment

__all__ = ["check_terminal", "check_this_terminal", "prepare_environment"]
