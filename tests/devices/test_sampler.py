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

    def nvmlSystemGetDriverVersion(self) -> str | bytes:
        return "570.86.10"

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

    def nvmlDeviceGetMigMode(self, handle: Any) -> Any:
        raise RuntimeError("Not Supported")

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any:
        raise RuntimeError("Not Found")


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


class GpuIsLost(RuntimeError):
    """Named as pynvml's class ends."""

    def __str__(self) -> str:
        return "GPU is lost"


class OneLost(FakeNvml):
    """Eight GPUs, of which one is lost, and another is lost later."""

    later = False

    def nvmlDeviceGetCount(self) -> int:
        return 8

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index == 3:
            raise GpuIsLost
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        if self.later and handle == 5:
            raise GpuIsLost
        return super().nvmlDeviceGetMemoryInfo(handle)


def test_a_lost_gpu_hides_no_other() -> None:
    nvml = OneLost()
    sampler = DeviceSampler(nvml)
    platform = sampler.platform()
    assert len(platform.gpus) == 7
    assert platform.gpu_note == "GPU 3 cannot be used (GPU is lost)"
    assert [gpu.index for gpu in sampler.sample().gpus] == [0, 1, 2, 4, 5, 6, 7]
    nvml.later = True
    gpus = {gpu.index: gpu for gpu in sampler.sample().gpus}
    assert gpus[5].fault == "GPU is lost"
    assert {index for index, gpu in gpus.items() if gpu.fault} == {5}


class Unknown(FakeNvml):
    """One GPU that tells neither its memory nor that of a process."""

    def __init__(self, name: str) -> None:
        self._name = name

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetName(self, handle: Any) -> str:
        return self._name

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        raise RuntimeError("Not Supported")

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> list[Any]:
        return [SimpleNamespace(pid=7, usedGpuMemory=0xFFFFFFFFFFFFFFFF)]


def test_memory_that_the_driver_does_not_tell_is_unknown() -> None:
    sampler = DeviceSampler(Unknown("NVIDIA H100 80GB HBM3"))
    (gpu,) = sampler.platform().gpus
    assert gpu.memory_text == "memory unknown"
    (sample,) = sampler.sample().gpus
    assert (sample.memory_total_bytes, sample.fault) == (0, "")
    assert sample.processes == ((7, 0),)


def test_the_memory_of_an_integrated_gpu_is_that_of_the_host() -> None:
    sampler = DeviceSampler(Unknown("NVIDIA GB10"))
    platform, sample = sampler.platform(), sampler.sample()
    (gpu,) = platform.gpus
    assert gpu.memory_bytes == platform.ram_bytes
    assert gpu.memory_text.endswith("GiB shared with the host")
    assert sample.gpus[0].memory_total_bytes == sample.ram_total_bytes


class Divided(FakeNvml):
    """Two GPUs: one divided into MIG instances, one divided with none that may be seen."""

    def nvmlDeviceGetName(self, handle: Any) -> str:
        return f"NVIDIA H100 MIG {handle}" if isinstance(handle, str) else "NVIDIA H100"

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        if not isinstance(handle, str):
            raise RuntimeError("Insufficient Permissions")
        return SimpleNamespace(used=1 << 30, total={"1g.10gb": 10, "3g.40gb": 40}[handle] << 30)

    def nvmlDeviceGetMigMode(self, handle: Any) -> Any:
        return [1, 1]

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any:
        if handle == 0 and index in (0, 3):
            return {0: "3g.40gb", 3: "1g.10gb"}[index]
        return super().nvmlDeviceGetMigDeviceHandleByIndex(handle, index)


def test_mig_instances_are_listed_and_not_the_gpu_that_they_divide() -> None:
    platform = DeviceSampler(Divided()).platform()
    assert [(gpu.name, gpu.memory_text) for gpu in platform.gpus] == [
        ("NVIDIA H100 MIG 3g.40gb", "40 GiB"),
        ("NVIDIA H100 MIG 1g.10gb", "10 GiB"),
    ]
    assert "GPU 1 (NVIDIA H100) is divided by MIG" in platform.gpu_note


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
