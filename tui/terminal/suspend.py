"""The person's own editor, in the terminal that the screen lends it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from engine.core.errors import UsageError
from tui.present.text import clean_line
from tui.terminal.external_editor import find_editor

_INSTEAD = "Here it can be edited without one."


def edit_file(app: App[Any], path: Path, environ: Mapping[str, str] | None = None) -> str:
    """Lend the terminal to the editor until it ends.

    Args:
        app: Whose terminal it is.
        path: The file to open.
        environ: The process's own by default.

    Returns:
        What went wrong, for the person; empty when nothing did.
    """
    try:
        words = find_editor(os.environ if environ is None else environ, _INSTEAD)
    except UsageError as error:
        return str(error)
    name = clean_line(words[0])
    code, trouble = 0, ""
    try:
        with app.suspend(), _deaf_to_interrupts():
            # Nothing may leave this block: Textual would not take the terminal back.
            try:
                code = subprocess.run([*words, str(path)], check=False).returncode
            except FileNotFoundError:
                trouble = "was not found; set VISUAL or EDITOR to one that is installed"
            except (OSError, ValueError) as error:
                trouble = f"could not be started: {getattr(error, 'strerror', None) or error}"
    except SuspendNotSupported:
        return "This terminal cannot be lent to an editor."
    if trouble:
        return f"The editor {name} {trouble}."
    if code:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"The editor {name} ended with {how}; the file counts as it lies on the disk."
    return ""


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl+C is for the editor alone; the loop would hear of it afterwards and leave."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    wakeup = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, before)
