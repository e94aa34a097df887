"""Imports: no file imports itself through others, and slow packages stay out where not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("tui.cli", ["click", "msgspec", "re", "typing"]),
        ("tui.commands.verbs", ["msgspec", "engine.core", "asyncio", "rich"]),
        (
            "tui.commands.show",
            [
                *("asyncio", "git", "psutil", "rich", "socket", "subprocess", "textual", "tomlkit"),
                *("tui.commands.session", "engine.client.connection", "engine.core.table"),
            ],
        ),
        ("tui.commands.session", ["textual", "torch", "litellm", "optuna", "pynvml"]),
        ("engine.server.daemon", ["textual", "torch", "litellm", "optuna", "numpy"]),
        (
            "tui.app",
            ["torch", "litellm", "optuna", "pynvml", "engine.loop.ratchet", "engine.agents"],
        ),
        ("engine.core.session", ["asyncio", "git", "psutil", "textual", "subprocess"]),
    ],
)
def test_a_module_does_not_bring(module: str, without: list[str]) -> None:
    assert loaded_by(f"import {module}", without) == []


@pytest.mark.parametrize("package", ["tui.present", "tui.actions"])
def test_what_only_makes_text_brings_no_textual(package: str) -> None:
    every = f"""
import importlib, pkgutil, {package}
for module in pkgutil.iter_modules({package}.__path__, "{package}."):
    importlib.import_module(module.name)
"""
    assert loaded_by(every, ["textual"]) == []


def loaded_by(code: str, modules: list[str]) -> list[str]:
    """Run code in a fresh interpreter and return which of the modules it has loaded."""
    code += f"\nimport sys; print(*(m for m in {modules!r} if m in sys.modules))"
    # A measured process has loaded modules of coverage's own.
    environ = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ
    )
    return done.stdout.split()


def test_no_files_import_each_other_in_a_cycle() -> None:
    graph = grimp.build_graph(
        *("engine", "tui", "themes", "harness"),
        exclude_type_checking_imports=False,
        cache_dir=None,
    )
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    assert len(imports) > 300
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' <- '.join(error.args[1])}")
