"""Handles the user's terminal: checks, start-up, drivers, frame rate, signals and notifications.

Importing this package does not import Textual, which reads its environment at import.
"""

from tui.terminal.check import check_terminal as check_terminal
from tui.terminal.check import check_this_terminal, prepare_environment

__all__ = ["check_terminal", "check_this_terminal", "prepare_environment"]
