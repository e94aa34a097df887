"""Opens the user's own editor in the terminal, while the screen is suspended."""

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

_ALTERNATIVE = "Or edit it here."


def suspend_and_edit(app: App[Any], path: Path, environ: Mapping[str, str] | None = None) -> str:
    """Suspend the app while the user edits a file in their editor, and wait for the editor's end.

    Args:
        app: The app whose screen is suspended.
        path: The file to edit in place.
        environ: The environment with VISUAL or EDITOR; this process's by default.

    Returns:
        The error in words, or "" where there was none.
    """
    try:
        command = find_editor(os.environ if environ is None else environ, _ALTERNATIVE)
    except UsageError as error:
        return str(error)
    name = clean_line(command[0])
    code, failure = 0, ""
    try:
        with app.suspend(), _ignored_interrupts():
            # Catch every error inside: otherwise Textual would not restore the terminal.
            try:
                code = subprocess.run([*command, str(path)], check=False).returncode
            except FileNotFoundError:
                failure = "was not found; set VISUAL or EDITOR to one that is installed"
            except (OSError, ValueError) as error:
                failure = f"could not be started: {getattr(error, 'strerror', None) or error}"
    except SuspendNotSupported:
        return "An editor cannot be opened in this terminal."
    if failure:
        return f"The editor {name} {failure}."
    if code:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"The editor {name} ended with {how}; the file is used as it is now on the disk."
    return ""


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Ignore SIGINT within the block, so that Ctrl+C reaches only the editor."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    wakeup = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, before)
