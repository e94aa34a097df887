"""What is slow or large to import stays out of the processes that do not need it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("tui.cli", ["textual", "torch", "litellm", "optuna", "pynvml"]),
        ("engine.server.daemon", ["textual", "torch", "litellm", "optuna", "numpy"]),
        (
            "tui.app",
            ["torch", "litellm", "optuna", "pynvml", "engine.loop.ratchet", "engine.agents"],
        ),
        ("engine.core.session", ["asyncio", "git", "psutil", "textual", "subprocess"]),
    ],
)
def test_a_module_does_not_bring(module: str, without: list[str]) -> None:
    code = f"import sys, {module}; print(*(m for m in {without!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
