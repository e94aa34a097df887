"""A `git` on the PATH that does something of a test's before the real one, or in its place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def wrap_git(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a shell script called `git` first on the PATH.

    Args:
        directory: A new directory for the script.
        script: What it does; `$GIT` is the path of the real git.
        monkeypatch: Restores the PATH after the test.
    """
    real = shutil.which("git")
    assert real is not None
    directory.mkdir()
    path = directory / "git"
    path.write_text(f"#!/bin/sh\nGIT='{real}'\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
