"""Which of the paths that a run opened count as its data."""

from __future__ import annotations

import pytest

from engine.core.input_rules import changed_packages, is_data, is_watched_directory, shorten


@pytest.mark.parametrize(
    "path",
    [
        "/home/u/.cache/autoresearch/data/shard_00000.parquet",
        "/home/u/.cache/autoresearch/tokenizer/tokenizer.pkl",
        "/home/u/.cache/huggingface/hub/datasets--x/snapshots/1/train.arrow",
        "/mnt/nfs/fineweb/train_000.bin",
        "/tmp/data/val.bin",
        "/usr/local/share/corpus/a.txt",
        "/home/u/lib/scaling.py",
    ],
)
def test_data(path: str) -> None:
    assert is_data(path)


@pytest.mark.parametrize(
    "path",
    [
        "/proc/meminfo",
        "/etc/localtime",
        "/usr/share/zoneinfo/UTC",
        "/usr/local/cuda/version.json",
        "/home/u/.config/matplotlib/matplotlibrc",
        "/home/u/.triton/cache/k.json",
        "/tmp/torchinductor_u/fx/a.py",
        "/home/u/w/.autoresearch/t/caches/inductor/x.json",
        "/home/u/.netrc",
        "/home/u/w/.git/HEAD",
        "/home/u/w/__pycache__/a.pyc",
        "/home/u/w/train.log",
    ],
)
def test_not_data(path: str) -> None:
    assert not is_data(path)


def test_directories_that_hold_anything_are_not_watched() -> None:
    def watched(path: str) -> bool:
        return is_watched_directory(path, "/home/u", "/home/u/w")

    assert watched("/home/u/w/data") and watched("/home/u/.cache/autoresearch/data")
    assert not any(map(watched, ("/home/u", "/home/u/w", "/tmp", "/", "/home", "/proc/self/fd")))


def test_changes_of_packages_and_their_short_form() -> None:
    before = {"numpy": "2.1", "torch": "2.3.0", "triton": "3.0"}
    changes = changed_packages(before, {"numpy": "2.1", "torch": "2.4.0", "new": "1"})
    assert changes == ("torch 2.3.0 → 2.4.0", "triton 3.0 → not installed")
    assert shorten(changes) == "torch 2.3.0 → 2.4.0; triton 3.0 → not installed"
    assert shorten([f"{n}" for n in range(1200)]) == "0; 1; 2; 3; 4; and 1,195 more"
