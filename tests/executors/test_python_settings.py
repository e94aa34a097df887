"""Variables that keep what Python caches in one run away from later runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.executors.python_settings import needs_user_site, python_settings


def settings(environ: dict[str, str], *, user_site: bool = False) -> dict[str, str]:
    return python_settings(
        environ, bytecode=Path("/b"), caches=Path("/session/caches"), user_site=user_site
    )


def test_bytecode_is_always_the_runs_own_and_the_users_caches_are_used() -> None:
    assert settings({}) == {
        "PYTHONPYCACHEPREFIX": "/b",
        "PYTHONNOUSERSITE": "1",
        "TORCHINDUCTOR_CACHE_DIR": "/session/caches/inductor",
        "TRITON_CACHE_DIR": "/session/caches/triton",
    }
    names = ("PYTHONPYCACHEPREFIX", "PYTHONNOUSERSITE", "TORCHINDUCTOR_CACHE_DIR")
    assert settings(dict.fromkeys(names, "of the user")) == {
        "PYTHONPYCACHEPREFIX": "/b",
        "TRITON_CACHE_DIR": "/session/caches/triton",
    }
    assert "PYTHONNOUSERSITE" not in settings({}, user_site=True)


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("import torch\n", True),
        ("def f():\n    from torch.nn import functional\n", True),
        ("import torchvision, os\n", False),
        ("from .torch import x\n", False),
        ("import single_file\n", True),
        ("import torch (\n", False),
        ("\0", False),
    ],
)
def test_the_user_site_is_needed_where_a_package_of_it_is_imported(
    tmp_path: Path, source: str, needed: bool
) -> None:
    site = tmp_path / ".local/lib/python3.11/site-packages"
    (site / "torch").mkdir(parents=True)
    (site / "single_file.py").touch()
    (tmp_path / "work").mkdir()
    (tmp_path / "work/train.py").write_text(source)
    (tmp_path / "work/other.py").write_text("import os\n")
    assert needs_user_site(tmp_path / "work", {"HOME": str(tmp_path)}) == needed
    assert not needs_user_site(tmp_path / "work", {"HOME": "/nonexistent"})
    moved = {"HOME": "/nonexistent", "PYTHONUSERBASE": str(tmp_path / ".local")}
    assert needs_user_site(tmp_path / "work", moved) == needed


def test_python_imports_nothing_that_an_earlier_run_compiled(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("VALUE = 1\n")
    first, later = (
        {
            **os.environ,
            **python_settings({}, bytecode=tmp_path / n, caches=tmp_path, user_site=False),
        }
        for n in ("first", "later")
    )
    poison = """
import importlib.util, importlib._bootstrap_external, pathlib, sys
code = compile("VALUE = 2", "module.py", "exec")
unchecked = importlib._bootstrap_external._code_to_hash_pyc(code, b"x" * 8, False)
for sys.pycache_prefix in (None, sys.pycache_prefix):
    path = pathlib.Path(importlib.util.cache_from_source(str(pathlib.Path("module.py").resolve())))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(unchecked)
"""
    show = "import module; print(module.VALUE)"

    def python(code: str, environment: dict[str, str]) -> str:
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    python(poison, first)
    assert python(show, first) == "2"
    assert python(show, later) == "1"
