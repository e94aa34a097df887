"""The bundled training files, imported as a workspace imports them: as top-level modules."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[2] / "harness"
sys.path.insert(0, str(HARNESS))
HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    import torch

    torch.set_num_threads(1)  # tests share the machine; threads that wait for each other cost most
else:  # the project works without it; only the bundled training set-up does not
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test prepares data in a folder of its own, and sees none that another loaded."""
    import prepare

    folder = tmp_path / "cache"
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(folder))
    monkeypatch.delenv("AUTORESEARCH_TIME_BUDGET", raising=False)
    monkeypatch.setenv("AUTORESEARCH_DEVICE", "cpu")
    monkeypatch.setattr(prepare, "_loaded", {})
    yield folder
