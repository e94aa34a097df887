"""Samples of a fake NVML, of a run's real process tree, and of machines without figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.devices.sampler import DeviceSampler
from tests.world import wait_for


class FakeNvml:
    """Two GPUs: one that provides every figure, one that provides almost none."""

    def nvmlInit(self) -> None:
        return None

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: Any) -> str | bytes:
        return b"NVIDIA H100" if handle == 0 else "MIG 1g.10gb"

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        return SimpleNamespace(used=44 << 30, total=80 << 30)

    def _only_the_first(self, handle: Any) -> None:
        if handle:
            raise RuntimeError("Not Supported")

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:
        self._only_the_first(handle)
        return SimpleNamespace(gpu=98)

    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int:
        self._only_the_first(handle)
        return 612_000

    def nvmlDeviceGetTemperature(self, handle: Any, kind: int) -> int:
        self._only_the_first(handle)
        return 67

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> list[Any]:
        self._only_the_first(handle)
        return [
            SimpleNamespace(pid=7, usedGpuMemory=40 << 30),
            SimpleNamespace(pid=8, usedGpuMemory=None),
        ]


def test_every_gpu_is_sampled_with_the_figures_it_provides() -> None:
    sampler = DeviceSampler(FakeNvml())
    first, second = sampler.sample().gpus
    assert (first.name, first.utilisation_percent) == ("NVIDIA H100", 98.0)
    assert (first.power_watts, first.temperature_celsius) == (612.0, 67.0)
    assert first.memory_used_bytes == 44 << 30
    assert first.processes == ((7, 40 << 30), (8, 0))
    assert second.name == "MIG 1g.10gb"
    assert (second.utilisation_percent, second.power_watts, second.processes) == (None, None, ())
    assert [g.memory_bytes for g in sampler.platform().gpus] == [80 << 30, 80 << 30]


def test_a_machine_without_nvidia_says_so_and_shows_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_driver() -> None:
        raise RuntimeError("NVML Shared Library Not Found")

    monkeypatch.setattr("engine.devices.sampler.load_nvml", no_driver)
    sample = DeviceSampler().sample()
    assert sample.gpus == ()
    assert "NVML Shared Library Not Found" in sample.gpu_note
    assert sample.ram_total_bytes > sample.ram_used_bytes > 0
    assert sample.cores >= 1
    assert sample.disk_free_bytes > 0


def test_the_runs_own_tree_is_counted(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    sampler = DeviceSampler(FakeNvml())
    try:
        wait_for(lambda: sampler.sample(parent.pid).run_processes == 1, "the child")
        # Between its fork and its start, the child has next to no memory of its own.
        wait_for(lambda: sampler.sample(parent.pid).run_rss_bytes > 1 << 20, "its memory")
    finally:
        parent.communicate(b"\n")
    assert sampler.sample(parent.pid).run_processes == 0
    assert sampler.sample(None).run_processes == 0
